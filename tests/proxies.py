# SPDX-License-Identifier: MIT
"""PROXY headers, made by hand."""
import socket
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
PROXY, LOCAL = 0x21, 0x20
SOURCE, PORT = "192.0.2.7", 51034


def v1(source=SOURCE, port=PORT):
    """A line; the destination is of the same family."""
    family, to = ("TCP6", "::1") if ":" in source else ("TCP4", "10.0.0.1")
    return f"PROXY {family} {source} {to} {port} 8888\r\n".encode()


def v2(source=SOURCE, port=PORT, values=b"", command=PROXY, kind=None):
    """A binary header, with values behind its addresses."""
    family, number, to = ((socket.AF_INET6, 0x21, "::1") if ":" in source else
                          (socket.AF_INET, 0x11, "10.0.0.1"))
    body = b"".join(socket.inet_pton(family, host) for host in (source, to))
    body += struct.pack(">2H", port, 8888) + values
    return header(command, number if kind is None else kind, body)


def header(command, kind, body=b""):
    return SIGNATURE + struct.pack(">2BH", command, kind, len(body)) + body


def value(kind, content):
    return struct.pack(">BH", kind, len(content)) + content


def certificate(name, verify=0, client=7):
    """The value that tells of TLS and of the sender's certificate."""
    return value(0x20, struct.pack(">BI", client, verify) +
                 value(0x21, b"TLSv1.3") + value(0x22, name))


def checksum(data):
    """CRC32c, as a value for a header that ends in a place for one."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return struct.pack(">I", crc ^ 0xffffffff)


def summed(**arguments):
    """A binary header with the right checksum."""
    empty = v2(values=value(3, bytes(4)), **arguments)
    return empty[:-4] + checksum(empty)
