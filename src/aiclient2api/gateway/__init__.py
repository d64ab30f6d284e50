"""The straight line from a client's bytes to a provider and back."""
