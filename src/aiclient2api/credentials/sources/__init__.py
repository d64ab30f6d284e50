"""One file per place where a login is found."""
