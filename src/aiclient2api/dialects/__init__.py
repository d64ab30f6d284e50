"""Spokes: one pure codec per API dialect, each able to play server and client."""
