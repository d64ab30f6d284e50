"""New logins, one file per flow, and the store in which logins of our own are kept."""
