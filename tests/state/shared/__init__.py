"""Shared state on a real Redis or Valkey server."""
