# SPDX-License-Identifier: MIT
"""A receiver as in tutorials: a thread a connection, a line at a time."""
import socketserver
import sys
from datetime import datetime


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            head = f"{datetime.now()} {self.client_address[0]} "
            log.write(head.encode() + line)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 4096


log = open(sys.argv[2], "ab", buffering=0)
with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
    server.serve_forever()
