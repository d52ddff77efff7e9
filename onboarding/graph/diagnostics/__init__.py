"""Read what the tenant allows, for the doctor, and describe what was found."""
