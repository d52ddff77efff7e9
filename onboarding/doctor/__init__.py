"""The doctor: checks of an installation. It changes nothing."""
