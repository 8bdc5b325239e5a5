# SPDX-License-Identifier: Apache-2.0
"""Receive alerts in a container: http or smtp, a port, and the file for the bodies, one per line.

Runs with the container's own Python.
"""

import http.server
import os
import socket
import socketserver
import sys
from pathlib import Path

PROTOCOL, PORT, RECEIVED = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])


def keep(body: bytes) -> None:
    """Append a body."""
    with RECEIVED.open("ab") as file:
        file.write(body + b"\n")


class Hook(http.server.BaseHTTPRequestHandler):
    """A web hook."""

    def do_POST(self) -> None:
        """Keep the body."""
        keep(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()


class Mailbox(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as one mail takes."""

    def handle(self) -> None:
        """Keep a mail."""
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                keep(b"".join(lines).replace(b"\r\n", b"\n"))
            if line.upper().startswith(b"QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 fine\r\n")


def main() -> None:
    """Say that it listens, and serve."""
    taker = Hook if PROTOCOL == "http" else Mailbox
    with socketserver.TCPServer(("127.0.0.1", PORT), taker) as server:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
        server.serve_forever()


if __name__ == "__main__":
    main()
