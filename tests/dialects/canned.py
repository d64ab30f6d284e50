"""A server that answers every request with the same bytes, for an SDK to read."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai

Asked = list[tuple[str, bytes]]
"""Path and body of each request."""


@contextmanager
def canned(
    status: int, body: bytes, media_type: str, *headers: tuple[str, str], asked: Asked | None = None
) -> Iterator[str]:
    """Its base URL; what it was asked is noted in `asked`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["content-length"]))
            if asked is not None:
                asked.append((self.path, request))
            self.send_response(status)
            for name, value in (("content-type", media_type), ("content-length", str(len(body))), *headers):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def openai_client(status: int, body: bytes, media_type: str, *headers: tuple[str, str]) -> Iterator[openai.OpenAI]:
    """OpenAI's SDK in front of such a server."""
    with (
        canned(status, body, media_type, *headers) as base,
        openai.OpenAI(api_key="k", base_url=f"{base}/v1", max_retries=0) as sdk,
    ):
        yield sdk
