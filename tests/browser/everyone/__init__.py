"""Pages for everyone, and checks that go through the pages of all roles."""
