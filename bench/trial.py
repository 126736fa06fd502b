# SPDX-License-Identifier: MIT
"""Start one receiver, put one load on it, measure and end it."""
import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time

import measure
import receivers

POLL = 0.02  # seconds
PATIENCE = 3.0  # without growth, while records are missing
LIMIT = 60.0  # for one receiver under one load


class Failed(Exception):
    """The receiver can't handle this load."""


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(what)
        time.sleep(POLL)


def free_port():
    """A port that is free for TCP and UDP; most likely it stays free."""
    while True:
        with socket.socket() as tcp, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                udp.bind(tcp.getsockname())
                return tcp.getsockname()[1]


def end(process):
    """End the process group: the receiver and its children."""
    for signal_, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError,
                                 subprocess.TimeoutExpired):
            os.killpg(process.pid, signal_)
            process.wait(seconds)


@contextlib.contextmanager
def started(receiver, setup):
    with open(os.path.join(setup.directory, "said"), "w+",
              encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(
            receiver.command(setup), stdin=subprocess.DEVNULL, stdout=said,
            stderr=said, start_new_session=True,
            env={**os.environ, **receiver.environment})
        try:
            wait_for(lambda: measure.listens(setup.protocol, setup.port) or
                     process.poll() is not None, 10, "does not listen")
            if process.poll() is not None:
                said.seek(0)
                raise Failed("did not start: " + said.read(500))
            yield process
        finally:
            end(process)


def line_of(load):
    """The line that the sender sends, without its newline."""
    line = bytearray(ord("a") + i % 26 for i in range(load.line_bytes - 1))
    if load.invalid:
        line[load.line_bytes // 2] = 0xff
    return bytes(line)


def count(receiver, load, log):
    """How many records were delivered."""
    if not receiver.frames:
        return os.path.getsize(log) // (load.line_bytes + receiver.columns)
    sought, found, rest = receiver.shown(line_of(load)), 0, b""
    with open(log, "rb") as file:
        while data := file.read(1 << 24):
            lines, newline, rest = (rest + data).rpartition(b"\n")
            found += (lines + newline).count(sought)
    return found


class Trial:
    """One load on one receiver."""

    def __init__(self, receiver, load, setup):
        self.receiver, self.load, self.setup = receiver, load, setup
        self.deadline = time.monotonic() + LIMIT
        self.peak_kib = 0
        self.sample_at = 0.0
        self.grew_at = None

    def measured(self, process):
        cpu = measure.cpu_seconds(process.pid)
        pss = measure.pss_kib(process.pid)
        command = [os.path.join(receivers.TOOLS, "sender"),
                   *self.load.arguments(), str(self.setup.port),
                   self.setup.log]
        start = time.monotonic()
        with subprocess.Popen(command, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as sender:
            try:
                while sender.poll() is None and self.load.kind != "idle":
                    self.look(process)
                delivered = self.wait_for_records(process)
                pss = measure.pss_kib(process.pid) - pss
                said = sender.communicate(timeout=PATIENCE)[0]
            finally:
                sender.kill()
        if sender.returncode != 0:
            raise Failed("the sender failed")
        said = {key: float(value) for key, value in
                (word.split("=") for word in said.split())}
        if self.grew_at:  # later than the sender saw it grow
            said["seconds"] = self.grew_at - start
        if self.receiver.frames:  # count the lines of probes too
            delivered += int(said.get("probes", 0) - said.get("lost", 0))
        sent = self.load.lines
        if self.load.quiet:  # plus the probes
            sent += int(said.get("probes", 0))
        return {"delivered": delivered, "sent": sent,
                "cpu_seconds": measure.cpu_seconds(process.pid) - cpu,
                "peak_kib": self.peak_kib,
                "pss_kib": pss / self.load.connections, **said}

    def wait_for_records(self, process):
        """Wait until all are in the log, or none comes; returns how many."""
        size = -1
        while True:
            delivered = count(self.receiver, self.load, self.setup.log)
            if delivered >= self.load.lines or self.load.kind == "delay":
                break
            if os.path.getsize(self.setup.log) == size:
                break
            size = os.path.getsize(self.setup.log)
            patience = time.monotonic() + PATIENCE
            while time.monotonic() < patience and \
                    os.path.getsize(self.setup.log) == size:
                self.look(process)
            if os.path.getsize(self.setup.log) > size:
                self.grew_at = time.monotonic()
        self.sample(process)
        return delivered

    def sample(self, process):
        self.peak_kib = max(self.peak_kib, measure.memory_kib(process.pid))

    def look(self, process):
        """Check that the run goes on, and sample its memory."""
        now = time.monotonic()
        if now > self.deadline:
            raise Failed(f"not done in {LIMIT:.0f} s")
        if process.poll() is not None:
            raise Failed("ended under this load")
        if now > self.sample_at:
            self.sample(process)
            # Reading /proc must not take all the time.
            self.sample_at = now + max(0.1, 50 * (time.monotonic() - now))
        time.sleep(POLL)


def run(receiver, load, directory):
    if load.protocol not in receiver.protocols:
        return {"failed": f"no {load.protocol.upper()}"}
    if load.tls and not receiver.speaks_tls:
        return {"failed": "no TLS"}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=directory) as own:
        setup = receivers.Setup(own, free_port(), load.protocol, load.tls,
                                load.line_bytes)
        with open(setup.log, "wb"):
            pass  # some receivers create it late
        try:
            with started(receiver, setup) as process:
                return Trial(receiver, load, setup).measured(process)
        except Failed as error:
            return {"failed": str(error)}
        except subprocess.TimeoutExpired:
            return {"failed": "the sender does not get on"}
        except (OSError, ValueError) as error:
            return {"failed": f"not measured: {error}"}
