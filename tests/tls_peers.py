# SPDX-License-Identifier: MIT
"""Senders over TLS whose every byte the test chooses, and what they are told.

A Client encrypts in memory: what it has encrypted is sent as a whole, in parts,
with a bit flipped, or never.
"""
import contextlib
import ctypes
import ctypes.util
import select
import socket
import ssl
import struct

import harness

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
BOTH = (V12, V13)

# What a sender knows at the end: only the first is a receipt.
RECEIPT, FIN, RESET = "close_notify", "FIN", "reset"


def listener(certificate, settings="", tls=""):
    """A listener of a configuration with TLS."""
    return harness.tcp(
        f'tls = {{ certificate = "{certificate.chain}"; '
        f'key = "{certificate.key}"; {tls} }}; {settings}')


def context(version=None, certificate=None):
    """That of a client, who trusts everybody."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    # Python has the end of the stream look like close_notify otherwise.
    made.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if version:
        made.minimum_version = made.maximum_version = version
    if certificate:
        made.load_cert_chain(certificate.chain, certificate.key)
    return made


class Client:
    """A sender; before: bytes ahead of TLS, glued to it."""

    def __init__(self, connection, version=None, certificate=None, before=b"",
                 handshake=True):
        self.socket = connection
        self.before = before
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context(version, certificate).wrap_bio(
            self.incoming, self.outgoing)
        if handshake:
            self.handshake()

    def wire(self):
        """What is encrypted and not sent."""
        return self.outgoing.read()

    def flush(self):
        data, self.before = self.before + self.wire(), b""
        self.socket.sendall(data)

    def step(self):
        """A step of the handshake, of which nothing is sent; whether it is
        done."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
            return True
        return False

    def feed(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionAbortedError("ended in the handshake")
        self.incoming.write(data)

    def handshake(self):
        while not self.step():
            self.flush()
            self.feed()
        self.flush()

    def encrypt(self, data):
        """The records of TLS for these bytes, to be sent."""
        self.tls.write(data)
        return self.wire()

    def send(self, data):
        self.socket.sendall(self.encrypt(data))

    def say_close(self):
        """The record of close_notify, to be sent."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self.wire()

    def close(self):
        """End the stream in order; returns what the other side says."""
        self.socket.sendall(self.say_close())
        return self.verdict()

    def is_answered(self):
        """Whether there is an answer or an end by now."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def verdict(self):
        """Wait for the end of the other side: what that says."""
        self.socket.settimeout(harness.PATIENCE)
        try:
            while data := self.socket.recv(65536):
                self.incoming.write(data)
        except ConnectionError:
            ended = RESET
        else:
            ended = FIN
        self.incoming.write_eof()
        with contextlib.suppress(ssl.SSLError):
            # Zero bytes, or the end of unwrap(), are close_notify.
            if self.tls.pending() == 0 and self.has_closed():
                return RECEIPT
        return ended

    def has_closed(self):
        try:
            while self.tls.read(65536):
                pass
        except ssl.SSLError:
            self.tls.unwrap()
        return True


class Keys:
    """A client of TLS 1.3 that renews its keys whenever it is told to, which
    the module ssl cannot."""

    def __init__(self, connection):
        self.socket = connection
        self.lib = ctypes.CDLL(ctypes.util.find_library("ssl"))
        for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new", "BIO_new",
                     "BIO_s_mem"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.ctx = self.call("SSL_CTX_new", self.call("TLS_client_method"))
        self.ssl = self.call("SSL_new", self.ctx)
        self.incoming, self.outgoing = (
            self.call("BIO_new", self.call("BIO_s_mem")) for _ in range(2))
        self.call("SSL_set_bio", self.ssl, self.incoming, self.outgoing)
        self.call("SSL_set_connect_state", self.ssl)
        while self.call("SSL_do_handshake", self.ssl) != 1:
            self.socket.sendall(self.wire())
            self.feed(self.socket.recv(65536))
        self.socket.sendall(self.wire())

    def call(self, name, *arguments):
        return getattr(self.lib, name)(*(
            ctypes.c_void_p(a) if isinstance(a, int) and a > 65536 else a
            for a in arguments))

    def feed(self, data):
        self.call("BIO_write", self.incoming, data, len(data))

    def wire(self):
        data = b""
        part = ctypes.create_string_buffer(65536)
        while (size := self.call("BIO_read", self.outgoing, part, 65536)) > 0:
            data += part.raw[:size]
        return data

    def encrypt(self, data):
        self.call("SSL_write", self.ssl, data, len(data))
        return self.wire()

    def renew(self, asks):
        """The record that renews its keys, and may ask for ours too."""
        self.call("SSL_key_update", self.ssl, int(asks))
        self.call("SSL_do_handshake", self.ssl)
        return self.wire()

    def read(self, data):
        """What it makes of these bytes, which are records of no data."""
        self.feed(data)
        part = ctypes.create_string_buffer(16)
        return self.call("SSL_read", self.ssl, part, 16)

    def say_close(self):
        self.call("SSL_shutdown", self.ssl)
        return self.wire()

    def has_closed(self):
        """Whether the other side has said close_notify."""
        return self.call("SSL_get_shutdown", self.ssl) & 2 != 0

    def free(self):
        self.call("SSL_free", self.ssl)
        self.call("SSL_CTX_free", self.ctx)


def connect(daemon, number=0):
    connection = daemon.tcp(number)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def records(wire):
    """The sizes of the records of TLS in these bytes, with their headers."""
    sizes = []
    while wire:
        size = 5 + struct.unpack(">H", wire[3:5])[0]
        sizes.append(size)
        wire = wire[size:]
    return sizes
