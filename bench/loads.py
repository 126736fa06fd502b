# SPDX-License-Identifier: MIT
"""The loads: what the sender sends."""
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Load:
    """All connections share the lines; line_bytes counts the newline."""
    name: str
    text: str
    # "stream", "datagrams", "idle", "line", "delay", "short", "receipt"
    kind: str = "stream"
    connections: int = 1
    lines: int = 2_000_000
    line_bytes: int = 128
    write_lines: int = 1
    rate: int = 0  # lines a second, all together; 0: no limit
    probes: int = 0  # connections on which the delay is measured
    quiet: int = 0  # connections that send only probes
    tls: bool = False
    invalid: bool = False  # each line has a byte that is no UTF-8

    @property
    def protocol(self):
        return "udp" if self.kind == "datagrams" else "tcp"

    def scaled(self, scale):
        """The same load with fewer lines, on as many connections."""
        lines = max(int(self.lines * scale), self.connections)
        if self.kind == "receipt":
            lines = max(lines // self.write_lines, 1) * self.write_lines
        return self if self.kind == "idle" else replace(self, lines=lines)

    def arguments(self):
        """The sender's arguments without port and log."""
        words = ["-c", self.connections, "-n", self.lines,
                 "-s", self.line_bytes, "-b", self.write_lines,
                 "-r", self.rate, "-p", self.probes, "-q", self.quiet]
        words += {"datagrams": ["-u"], "idle": ["-k"],
                  "line": ["-l"], "short": ["-o"],
                  "receipt": ["-o"]}.get(self.kind, [])
        words += ["-t"] * self.tls + ["-x"] * self.invalid
        return [str(word) for word in words]


def large_writes(line_bytes):
    """How many lines make a write of 64 KiB."""
    return max(65536 // line_bytes, 1)


MAIN = [
    Load("tcp-128", "1 connection, lines of 128 bytes, large writes",
         write_lines=large_writes(128)),
    Load("tcp-24", "1 connection, lines of 24 bytes, large writes",
         line_bytes=24, write_lines=large_writes(24)),
    Load("tcp-64x64", "64 connections, 64 lines a write",
         connections=64, lines=1_000_000, write_lines=64),
    Load("tcp-64x1", "64 connections, one line a write",
         connections=64, lines=500_000),
    Load("tcp-1000x16", "1000 connections, 16 lines a write",
         connections=1000, lines=1_000_000, write_lines=16),
    Load("udp", "UDP, as fast as one sender can", "datagrams",
         lines=1_000_000),
    Load("udp-100k", "UDP, 100,000 a second", "datagrams",
         lines=150_000, rate=100_000),
    Load("idle", "5000 connections that sent one line and are idle", "idle",
         connections=5000, lines=5000),
    Load("line", "one line at a time, the next when the last is in the file",
         "line", lines=10_000),
    Load("delay", "64 connections, one line a write, 50,000 lines a second; "
         "on 4 of them a probe every 10 ms", "delay",
         connections=64, lines=100_000, rate=50_000, probes=4),
    Load("quiet", "the same, and on 20 more connections a line each 200 ms",
         "delay", connections=84, lines=200_000, rate=50_000, quiet=20),
]

INVALID = Load("tcp-128-invalid", "1 connection, lines of 128 bytes, one of "
               "them no UTF-8, large writes", write_lines=large_writes(128),
               invalid=True)

CONNECTIONS = [
    Load(f"connections-{count}", f"{count:,} connections, 16 lines a write",
         connections=count, lines=400_000, write_lines=16)
    for count in (1, 10, 100, 1000, 10_000)
]

LENGTHS = [
    Load(f"length-{size}", f"1 connection, lines of {size:,} bytes",
         lines=min(1_000_000, 2**26 // size), line_bytes=size,
         write_lines=large_writes(size))
    for size in (16, 64, 256, 1024, 4096, 16_384, 65_536)
]

TLS = [
    Load("tls-1", "TLS, 1 connection, lines of 128 bytes, large writes",
         lines=1_000_000, write_lines=large_writes(128), tls=True),
    Load("tls-64", "TLS, 64 connections, 16 lines a write",
         connections=64, lines=500_000, write_lines=16, tls=True),
    Load("tls-short", "TLS, a connection for each line, 8 senders", "short",
         connections=8, lines=2_000, tls=True),
    Load("tls-idle", "TLS, 1000 connections that sent one line and are idle",
         "idle", connections=1000, lines=1000, tls=True),
]

RECEIPTS = [
    Load(f"receipts-{count}", f"{count:,} sender{'s' * (count > 1)}, "
         "a connection for each 16 lines, until the receiver ends it",
         "receipt",
         connections=count, lines=lines, write_lines=16)
    for count, lines in ((1, 8_000), (8, 32_000), (64, 64_000),
                         (1000, 64_000))
]

MANY = [
    Load("short", "a connection for each line, 8 senders", "short",
         connections=8, lines=20_000),
    Load("udp-4", "UDP, 4 senders at full speed", "datagrams",
         connections=4, lines=1_000_000),
]

ALL = {load.name: load for load in MAIN + [INVALID] + CONNECTIONS +
       LENGTHS + TLS + RECEIPTS + MANY}


@dataclass(frozen=True)
class Section:
    """A question, and the runs that answer it."""
    name: str
    title: str
    loads: tuple
    receivers: str
    cores: int = 2
    directory: str = "/dev/shm"  # where the logs go: a tmpfs

    @property
    def is_curve(self):
        """Whether its loads differ in one value, and share a table."""
        return self.name not in ("peers", "tls", "receipts", "many",
                                 "chosen")

    def scaled(self, scale):
        return replace(self, loads=tuple(
            load.scaled(scale) for load in self.loads))


SECTIONS = [
    Section("peers", "portlogd and its peers", tuple(MAIN),
            "portlogd,limit,rsyslog,syslog-ng,socat,ncat,python"),
    Section("one-core", "Receiver and sender on one core",
            tuple(ALL[name] for name in ("tcp-128", "tcp-64x64", "udp-100k")),
            "portlogd,limit,rsyslog", cores=1),
    Section("connections", "By connections, 16 lines of 128 bytes a write",
            tuple(CONNECTIONS), "portlogd,limit,rsyslog"),
    Section("lengths", "By length of a line, one connection", tuple(LENGTHS),
            "portlogd,limit,rsyslog"),
    Section("formats", "What a format costs",
            tuple(ALL[name] for name in ("tcp-128", "tcp-128-invalid",
                                         "tcp-64x64", "udp-100k")),
            "portlogd,portlogd-json,portlogd-raw,limit"),
    Section("lines", "Beside a limit that writes as many bytes",
            tuple(ALL[name] for name in ("tcp-24", "tcp-128", "tcp-64x64")),
            "portlogd,limit,limit-lines"),
    Section("tls", "Over TLS 1.3", tuple(TLS),
            "portlogd,rsyslog,syslog-ng,stunnel"),
    Section("receipts", "Receipts, on the disk or not", tuple(RECEIPTS),
            "portlogd,portlogd-receipt,portlogd-always,rsyslog-sync,"
            "syslog-ng-fsync", directory="."),
    Section("many", "Many connections, many senders", tuple(MANY),
            "portlogd,portlogd-threads,limit,rsyslog,syslog-ng,socat,ncat"),
]
