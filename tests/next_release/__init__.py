"""A release to come, as far as its database goes: it adds, as a release must that is put in under traffic."""
