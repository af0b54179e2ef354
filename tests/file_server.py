"""A server of one file, on this machine."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serves one file, and remembers what was asked for."""

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.ranges = []
        self.stop_after = None
        self.knows_ranges = True

    @property
    def url(self):
        """Return where the file is."""
        return f"http://127.0.0.1:{self.server_port}/data.tgz"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if self.path != "/data.tgz":
            self.send_error(404)
            return
        if start >= len(self.server.content):
            self.send_error(416)
            return
        if not self.server.knows_ranges:
            start = 0
        content = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: self.server.stop_after])
        self.server.stop_after = None

    def log_message(self, *_):
        pass
