"""Bytes to frames and back: server-sent events, AWS event streams, bounded JSON. Imports nothing of ours."""
