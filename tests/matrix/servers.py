"""HTTPS servers for the clients that others built: just enough of what each asks for."""

import http.server
import json
import os
import ssl
import threading

import lib

PAGE = "".join(f"line {number} of a page that was served over TLS\n" for number in range(2000))


class Handler(http.server.BaseHTTPRequestHandler):
    """GET, HEAD, POST from a dictionary of paths; what is posted is kept there."""

    protocol_version = "HTTP/1.1"
    pages = {}

    def handle_one(self):
        path = self.path.split("?")[0]
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.server.asked.append((self.command, self.path, body))
        if self.command == "POST":
            self.server.pages[path] = body
            return 200, b""
        page = self.server.pages.get(path)
        if page is None:
            return 404, b"no such page\n"
        return 200, page

    def answer(self):
        status, body = self.handle_one()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        kind = "application/json" if body[:1] in (b"{", b"[") else "text/html"
        self.send_header("Content-Type", kind)
        for name, value in self.server.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, certs, pages, headers=(), clients=False, version=None):
        self.pages, self.headers, self.asked = dict(pages), headers, []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(os.path.join(certs, "ecdsa.pem"))
        if version:
            self.context.minimum_version = self.context.maximum_version = version
        if clients:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(os.path.join(certs, "ca.pem"))
        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self):
        # The handshake comes with the first read, in the connection's own thread.
        connection, address = super().get_request()
        return self.context.wrap_socket(connection, server_side=True,
                                        do_handshake_on_connect=False), address

    def handle_error(self, *_):
        pass


def pages(**named):
    """Names with __ for a slash."""
    made = {}
    for name, value in named.items():
        text = value if isinstance(value, (str, bytes)) else json.dumps(value)
        made["/" + name.replace("__", "/")] = text if isinstance(text, bytes) else text.encode()
    return made
