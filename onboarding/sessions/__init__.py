"""The sessions of the people who act: a recent sign-in for sensitive acts, and how an admin ends sessions."""
