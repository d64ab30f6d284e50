"""What the operator sees: logs without secrets, prompt logs on request."""
