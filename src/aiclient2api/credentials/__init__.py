"""Whose login: where credentials are found, how they are kept fresh, and how new tokens are written back safely."""
