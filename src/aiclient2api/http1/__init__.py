"""Sockets: an HTTP/1.1 server and client on asyncio and httptools. Knows no vendor and no dialect."""
