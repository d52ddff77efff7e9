"""Cases that once went wrong, each driven as an outsider can."""
