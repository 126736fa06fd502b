# SPDX-License-Identifier: MIT
"""The parts of systemd that portlogd talks to, without systemd.

A Keeper reads the messages of sd_notify(3), stores descriptors as systemd
does with FileDescriptorStoreMax=, and has a system bus of its own that answers
what job the unit has.  Served is a daemon that runs under a Keeper.
"""
import array
import contextlib
import fcntl
import os
import re
import select
import socket
import struct
import sys
import tempfile
import threading
import time
import typing
from signal import SIGKILL, SIGTERM

import accounting
import harness
import losses
from harness import TURNS, to_file, wait_for

# Puts the descriptors where sd_listen_fds(3) looks, as the very process that
# becomes the daemon; no other number of them is left open.
EXEC = """
import fcntl, os, sys
fds = [int(fd) for fd in sys.argv[1].split()]
for fd in fds:
    os.set_inheritable(fd, False)
fds = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3 + len(fds)) for fd in fds]
for to, fd in enumerate(fds, 3):
    os.dup2(fd, to)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


def string(text):
    """D-Bus: a string or the path of an object."""
    return struct.pack("<I", len(text)) + text.encode() + b"\0"


def answer_to(message, job, most):
    """The bus's answer to a message: signature and body; None: none."""
    unit, service = ("org.freedesktop.systemd1." + name + "\0"
                     for name in ("Unit", "Service"))
    if b"Hello\0" in message:
        return "s", string(":1.1")
    if b"GetUnitByPID\0" in message:
        return "o", string("/unit")
    if unit.encode() in message and message.endswith(string("Job")):
        return "v", b"\4(uo)\0\0\0" + struct.pack("<I", 7 if job else 0) + (
            string("/job" if job else "/"))
    if message.endswith(string("JobType")):
        return "v", b"\1s\0\0" + string(job)
    if service.encode() in message and message.endswith(
            string("FileDescriptorStoreMax")):
        return "v", b"\1u\0\0" + struct.pack("<I", most)
    return None


def reply(serial, signature, body):
    """D-Bus: the answer to the message of that serial number."""
    fields = b"\x05\x01u\0" + struct.pack("<I", serial) + (
        b"\x08\x01g\0\x01" + signature.encode() + b"\0")
    return struct.pack("<cBBBIII", b"l", 2, 1, 1, len(body), 1, len(
        fields)) + fields + bytes(-len(fields) % 8) + body


SO_PEEK_OFF, SO_COOKIE = 42, 57
IN_FLIGHT = 512  # the most messages that the daemon sends


class Keeper:
    """A service manager for one daemon."""

    def __init__(self, most=65536):
        self.most = most
        self.job = "restart"  # the unit's job; None: none
        self.next_job = None  # which it is once the daemon has asked
        self.answers = 1000  # of the bus, before it falls silent
        self.pause = 0  # seconds before each of its answers
        self.kept = []  # (name, descriptor), the last one first
        self.unheard = None  # a key of messages that it loses
        self.told = []  # (time, dictionary) of each message
        self.deaf = threading.Lock()  # while it is held, messages are not read
        self.ended = threading.Event()
        self.directory = tempfile.TemporaryDirectory(prefix="keeper-")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.directory.name + "/notify")
        self.bus = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.bus.bind(self.directory.name + "/bus")
        self.bus.listen()
        self.threads = [threading.Thread(target=target, daemon=True)
                        for target in (self.hear, self.serve_bus)]
        for thread in self.threads:
            thread.start()

    def environment(self):
        at = self.directory.name
        return {"NOTIFY_SOCKET": at + "/notify",
                "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={at}/bus"}

    def open_to_all(self):
        """Let processes of other users in."""
        for path in ("", "/notify", "/bus"):
            os.chmod(self.directory.name + path, 0o777)

    def hear(self):
        """Read the messages, in order."""
        while not self.ended.is_set():
            text, control, _, _ = self.notify.recvmsg(
                8192, socket.CMSG_SPACE(64))
            fds = array.array("i")
            for level, kind, data in control:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(data)
            with self.deaf:
                self.take(dict(line.split("=", 1) for line in
                               text.decode("ascii").splitlines()), fds)

    def take(self, message, fds):
        message.pop(self.unheard, None)
        name = message.get("FDNAME", "stored")
        if "FDSTORE" in message:
            for fd in fds:
                self.keep(name, fd, message.get("FDPOLL") != "0")
        if "FDSTOREREMOVE" in message:
            for gone in [kept for kept in self.kept if kept[0] == name]:
                self.kept.remove(gone)
                os.close(gone[1])
        for fd in fds:  # closing it answers BARRIER=1
            os.close(fd)
        self.told.append((time.monotonic(), message))

    def keep(self, name, fd, polled=False):
        """Store a duplicate, unless it is stored or the store is full."""
        known = [os.fstat(kept) for _, kept in self.kept]
        if os.fstat(fd) in known or len(self.kept) >= self.most:
            return
        if polled and is_hung_up(fd):
            return
        self.kept.insert(0, (name, fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)))

    def drop(self, *names):
        """Remove what is stored under these names; no name: all."""
        for gone in [k for k in self.kept if not names or k[0] in names]:
            self.kept.remove(gone)
            os.close(gone[1])

    def replace(self, name, data):
        """Store a memfd with these bytes as the only one of this name."""
        self.drop(name)
        fd = os.memfd_create(name)
        os.write(fd, data)
        self.keep(name, fd)
        os.close(fd)

    def names(self):
        """The names of what is stored, once all messages are read."""
        self.settle()
        return sorted(name for name, _ in self.kept)

    def kinds(self):
        """The same without their numbers."""
        return [re.sub(r" \d+\Z", "", name) for name in self.names()]

    def content(self, name):
        """The bytes of the memfd of this name."""
        fd = next(fd for kept, fd in self.kept if kept == name)
        return os.pread(fd, os.fstat(fd).st_size, 0)

    def state_name(self):
        """The name of the newest state."""
        return max((name for name in self.names()
                    if name.startswith("state ")),
                   key=lambda name: int(name.split()[1]))

    def in_flight(self):
        """The cookies of what is in flight to the next process."""
        fd = next(fd for kept, fd in self.kept if kept == "inflight receive")
        cookies = set()
        with socket.socket(fileno=os.dup(fd)) as receiver:
            for message in range(IN_FLIGHT):
                receiver.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, message)
                try:
                    _, control, _, _ = receiver.recvmsg(
                        1, socket.CMSG_SPACE(4 * 253),
                        socket.MSG_PEEK | socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
                for _, _, data in control:
                    cookies |= {cookie_of(fd) for fd in array.array("i", data)}
        return cookies

    def heard(self, key):
        """(time, value) of all messages with this key."""
        return [(at, m[key]) for at, m in list(self.told) if key in m]

    def send(self, message):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(message.encode(), self.directory.name + "/notify")

    def settle(self):
        """Wait until all messages sent so far are read."""
        mark = str(time.monotonic())
        self.send(f"SETTLED={mark}")
        wait_for(lambda: any(value == mark for _, value in
                             self.heard("SETTLED")), "all to be heard")

    def serve_bus(self):
        while not self.ended.is_set():
            client = self.bus.accept()[0]
            with client, contextlib.suppress(OSError, struct.error):
                self.serve(client)

    def serve(self, client):
        """SASL first, line by line, and then messages."""
        stream = client.makefile("rb")
        answers = self.answers
        while answers > 0 and not (line := stream.readline()).startswith(
                b"BEGIN"):
            word = line.strip(b"\0\r\n").split(b" ")
            if word[0] == b"NEGOTIATE_UNIX_FD":
                client.sendall(b"AGREE_UNIX_FD\r\n")
            elif word == [b"AUTH", b"EXTERNAL"]:
                client.sendall(b"DATA\r\n")
            elif word[0] in (b"AUTH", b"DATA"):
                client.sendall(b"OK " + b"0123456789abcdef" * 2 + b"\r\n")
            elif not line:
                return
        while True:
            head = stream.read(16)
            body, serial, fields = struct.unpack("<4xIII", head)
            message = head + stream.read(fields + -fields % 8 + body)
            answer = answer_to(message, self.job, self.most)
            answers -= 1
            if answer and answers > 0:
                self.ended.wait(self.pause)
                client.sendall(reply(serial, *answer))
            if self.next_job and message.endswith(string("JobType")):
                self.job, self.next_job = self.next_job, None

    def leave_bus(self):
        """Close the bus: no process can connect any more."""
        os.unlink(self.directory.name + "/bus")

    def close(self):
        self.settle()
        self.ended.set()
        self.send("")  # to hear() too
        with contextlib.suppress(OSError), socket.socket(
                socket.AF_UNIX, socket.SOCK_STREAM) as last:
            last.connect(self.directory.name + "/bus")
        self.notify.close()
        self.bus.close()
        self.drop()
        self.directory.cleanup()


def cookie_of(fd):
    """The cookie of a socket, which this closes."""
    with socket.socket(fileno=fd) as found:
        return struct.unpack("Q", found.getsockopt(
            socket.SOL_SOCKET, SO_COOKIE, 8))[0]


def is_hung_up(fd):
    poll = select.poll()
    poll.register(fd, 0)
    return bool(poll.poll(0))


def position(state, at):
    """(read, done) of the entry that stands there."""
    current, = struct.unpack_from("I", state, at + 128)
    return struct.unpack_from("2Q", state, at + 64 * (current & 1))


class Known(typing.NamedTuple):
    """What the state says of a connection."""
    read: int
    done: int
    cookie: int


class Served(harness.Daemon):
    """A daemon under a keeper; the keeper outlives it.

    passed are (name, socket) of units that systemd would have bound.
    """

    def __init__(self, config, most=65536, watchdog_us=0, passed=(), **rest):
        self.keeper = Keeper(most)
        self.watchdog_us = watchdog_us
        self.passed = list(passed)
        self.starts = 0
        super().__init__(config=config, **rest)

    def launch(self, stdout=None):
        """Start it with all that is stored, and a stderr of its own."""
        self.keeper.settle()
        self.starts += 1
        self.err = f"{self.dir}/err.{self.starts}"
        given = [(name, s.fileno()) for name, s in self.passed]
        given += self.keeper.kept
        fds = [fd for _, fd in given]
        self.env = dict(os.environ, **self.keeper.environment())
        if given:
            self.env.update(LISTEN_FDS=str(len(given)), LISTEN_FDNAMES=":"
                            .join(name for name, _ in given))
        if self.watchdog_us:
            self.env["WATCHDOG_USEC"] = str(self.watchdog_us)
        arguments = self.arguments
        self.arguments = [sys.executable, "-ISc", EXEC,
                          " ".join(map(str, fds)),
                          os.path.abspath(arguments[0]), *arguments[1:]]
        self.pass_fds = fds
        super().launch(stdout)
        self.arguments = arguments

    def configure(self, config):
        """Set the configuration for the next start."""
        with open(self.arguments[-1], "w", encoding="utf-8") as file:
            file.write(config.replace("@DIR@", self.dir))

    def leave(self):
        """Send SIGTERM and wait for the end, as in a restart or a stop."""
        self.signal(SIGTERM)
        if self.wait() != 0:
            raise AssertionError(self.errors())
        self.keeper.settle()

    def restart(self, config=None):
        self.keeper.job = "restart"
        self.leave()
        if "cannot restart" in self.errors():
            raise AssertionError(self.errors())
        if config:
            self.configure(config)
        self.start()

    def wait_until_sent(self):
        """Wait until a kill would close no connection."""
        wait_for(lambda: {c.cookie for c in self.open()} <=
                 self.keeper.in_flight(), "connections to be in flight")

    def freeze(self):
        self.wait_until_sent()
        super().freeze()

    def fell(self):
        """Send SIGKILL; the next process does not start yet."""
        self.wait_until_sent()
        self.signal(SIGKILL)
        self.wait()
        self.keeper.settle()

    def kill(self):
        self.fell()
        self.start()

    def wait_until_known(self):
        """Wait until the loss of a kill is noted and in the state."""
        wait_for(lambda: all(c.done == c.read for c in self.open()),
                 "all to be told")

    def wait_until_done(self, size):
        """Wait until the state says that so much of a connection is logged: it
        is written after the log."""
        wait_for(lambda: size in [c.done for c in self.open()],
                 f"{size} bytes to be done")

    def open(self):
        """What the newest state says of each connection that has not ended."""
        state = self.keeper.content(self.keeper.state_name())
        header, listener, size, listeners, _, used = struct.unpack_from(
            "6I", state, 16)
        begin = header + listeners * listener
        found = []
        for at in range(begin, begin + used * size, size):
            use, _, cookie = struct.unpack_from("2IQ", state, at + 192)
            if use == 1:
                found.append(Known(*position(state, at), cookie))
        return found

    def listeners(self):
        """(read, done) of each listener in the newest state."""
        state = self.keeper.content(self.keeper.state_name())
        header, size = struct.unpack_from("2I", state, 16)
        used, = struct.unpack_from("I", state, 44)
        return [position(state, at) for at in
                range(header, header + used * size, size)]

    def stop(self, number=SIGTERM):
        """Stop it; the store is emptied then."""
        self.keeper.job = "stop"
        result = super().stop(number)
        self.keeper.settle()
        self.keeper.drop()
        return result

    def close(self):
        super().close()
        self.keeper.close()


def tcp(name, more=""):
    """A listener with a name, for a configuration."""
    return harness.tcp(f'name = "{name}"; {more}')


def udp(name, more=""):
    return harness.udp(f'name = "{name}"; {more}')


class Case(accounting.Case):
    """Tests with daemons under keepers."""

    def setUp(self):
        super().setUp()
        if not harness.knows_systemd():
            self.skipTest("built without libsystemd")
        self.dropped = harness.dropped_before_sockets()

    def vanished(self):
        return harness.dropped_before_sockets() - self.dropped

    def serve(self, *listeners, most=65536, watchdog_us=0, passed=(),
              start=True, wrap=(), **config):
        daemon = Served(to_file(*listeners, **config), start=start,
                        wrap=wrap, most=most, watchdog_us=watchdog_us, passed=passed)
        self.addCleanup(self.end, daemon)
        self.log = daemon.dir + "/log"
        return daemon

    def told(self, daemon, peer=None, path=None):
        """The data and notes of a peer in the log."""
        return [r.data for r in daemon.records(path or self.log)
                if peer is None or r.peer == harness.name_of(peer)]

    def wait_until_told(self, daemon, peer, expected, path=None):
        try:
            wait_for(lambda: self.told(daemon, peer, path) == expected)
        except AssertionError:
            self.assertEqual(self.told(daemon, peer, path), expected)

    def kill_and_restart(self, daemon, more=lambda turn: 20):
        """Kill it under load, and restart it; as often as a fault is tried.

        Before each, all senders send so many more.
        """
        for turn in range(2 * TURNS):
            for sender in self.senders():
                sender.wait_for(more(turn))
            (daemon.restart if turn % 2 else daemon.kill)()
        return self.check_killed(daemon, TURNS)

    def check_killed(self, daemon, kills):
        """End all senders, whom no kill has cut off, and check the log.

        Returns its entries.
        """
        for sender in self.senders():
            sender.wait_for(20)
            sender.finish()
        self.assertEqual([s for s in self.senders() if s.cut_off], [])
        self.assertEqual(daemon.stop(), 0)
        entries = losses.entries_of(daemon.bytes(self.log), kills)
        losses.check(entries, self.streams, self.datagrams, kills,
                     self.vanished())
        return entries

    def assert_open(self, stream):
        """The daemon has not ended this connection."""
        ready = select.select([stream], [], [], 0)[0]
        self.assertFalse(ready, "the connection was ended")
