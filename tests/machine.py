# SPDX-License-Identifier: MIT
"""A machine with a real systemd, for tests of portlogd as a service.

It is a container whose files are this machine's, with all changes in memory,
and whose network is a loopback: tests/systemd/boot.  It boots in a second.
"""
import contextlib
import ctypes
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import accounting
from harness import (PATIENCE, TOP, Record, connect_tcp, connect_udp,
                     wait_for)

BOOT = os.path.join(TOP, "tests", "systemd", "boot")
BUILD = os.environ.get("TOP_BUILDDIR", os.getcwd())
SYSCONFDIR = os.environ.get("PORTLOG_SYSCONFDIR", "/etc")
CONFIG = f"{SYSCONFDIR}/portlogd.conf"
LOGROTATE = os.environ.get("PORTLOG_LOGROTATEDIR",
                           f"{SYSCONFDIR}/logrotate.d") + "/portlogd"
SKIP = 77
CLONE_NEWNET = 0x40000000


class Machine:
    """The constructor boots it; close() powers it off."""

    def __init__(self, *binds):
        self.directory = tempfile.TemporaryDirectory(prefix="portlog-m-")
        self.dir = self.directory.name
        result = self.boot("up", BUILD, TOP, *binds)
        if result.returncode == 0:
            self.pid = int(self.boot("pid").stdout)
            return
        self.close()
        if result.returncode == SKIP:
            raise unittest.SkipTest(result.stderr.strip())
        raise AssertionError(f"no machine: {result.stderr}")

    def boot(self, command, *arguments):
        return subprocess.run([BOOT, command, self.dir, *arguments],
                              capture_output=True, text=True, timeout=120,
                              check=False)

    def close(self):
        self.boot("down")
        self.directory.cleanup()

    # Commands and files

    def inside(self, *command):
        """The command line that runs a command inside."""
        return [BOOT, "run", self.dir, *command]

    def run(self, *command, check=True, text=None, timeout=120):
        """Run a command to its end; a CompletedProcess with text."""
        result = subprocess.run(self.inside(*command), input=text or "",
                                capture_output=True, text=True,
                                timeout=timeout, check=False)
        if check and result.returncode != 0:
            raise AssertionError(f"{command}: {result.returncode}: "
                                 f"{result.stdout}{result.stderr}")
        return result

    def output(self, *command):
        """Run a command; returns its stdout."""
        return self.run(*command).stdout.strip()

    def write(self, path, text, mode="0644"):
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat >"$1" && '
                 'chmod "$2" "$1"', "sh", path, mode, text=text)

    def read(self, path):
        return self.run("cat", path).stdout

    def exists(self, path):
        return self.run("test", "-e", path, check=False).returncode == 0

    def copy(self, source, path):
        """Copy a file of ours to a path inside."""
        with open(source, "rb") as file:
            subprocess.run(self.inside("sh", "-c", 'cat >"$1"', "sh", path),
                           stdin=file, check=True, timeout=PATIENCE)

    def files(self, *directories):
        """The paths below these directories."""
        return set(self.output("find", *directories).split("\n"))

    # The service

    def make(self, *targets):
        """Run make with targets such as install, in the tested tree."""
        return self.run("make", "-C", BUILD, *targets)

    def systemctl(self, *arguments, check=True):
        return self.run("systemctl", *arguments, check=check)

    def show(self, name, unit="portlogd"):
        """A property of the unit, such as MainPID."""
        return self.output("systemctl", "show", "-P", name, unit)

    def configure(self, text):
        """Remove all logs, and restart it with a configuration."""
        self.write(CONFIG, text)
        self.systemctl("stop", "portlogd")
        self.run("sh", "-c", "rm -f /var/log/portlog/*")
        self.systemctl("start", "portlogd")
        self.wait_for_listeners(text.count("protocol = "))

    def wait_for_listeners(self, count):
        """After a start, which waits for them only where it has libsystemd."""
        if not self.tells_readiness():
            wait_for(lambda: sum("listening on" in message for message in
                                 self.messages(f"_PID={self.main_pid()}")) >=
                     count, "its listeners")

    def drop_in(self, name, text):
        """Write a drop-in of the unit; an empty text removes it."""
        path = f"/etc/systemd/system/portlogd.service.d/{name}.conf"
        if text:
            self.write(path, text)
        else:
            self.run("rm", "-f", path)
        self.systemctl("daemon-reload")

    def tells_readiness(self):
        """Whether it has libsystemd: once started, it listens."""
        return self.show("Type") == "notify"

    def main_pid(self):
        """The daemon's process number inside."""
        return int(self.show("MainPID"))

    # Logs

    def journal(self, *arguments):
        """Entries of the journal, as dictionaries; those of namespaces too."""
        self.run("journalctl", "--sync")
        text = self.run("journalctl", "--namespace=*", "-o", "json", "--all",
                        "--no-pager", *arguments).stdout
        return [json.loads(line) for line in text.split("\n") if line]

    def messages(self, *arguments):
        """The messages of the entries."""
        return [entry["MESSAGE"] for entry in self.journal(*arguments)]

    def records(self, path):
        """The lines of a text log, as records."""
        lines = self.read(path).split("\n")[:-1]
        return [Record(line) for line in lines]

    # Network

    @contextlib.contextmanager
    def network(self):
        """Sockets that are made in this context are the machine's."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net", "rb") as ours, \
                open(f"/proc/{self.pid}/ns/net", "rb") as its:
            def enter(namespace):
                if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            enter(its)
            try:
                yield
            finally:
                enter(ours)

    def tcp(self, port, host="127.0.0.1"):
        with self.network():
            return connect_tcp((host, port))

    def udp(self, port, host="127.0.0.1"):
        with self.network():
            return connect_udp((host, port))


class MachineCase(unittest.TestCase):
    """Tests that share a machine on which the built tree is installed."""

    installed = True

    @classmethod
    def setUpClass(cls):
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.close)
        if cls.installed:
            cls.machine.make("install")

    def needs_libsystemd(self):
        """Skip without libsystemd: there is no journal output then."""
        if not self.machine.tells_readiness():
            self.skipTest("built without libsystemd")

    def tcp(self, port, host="127.0.0.1"):
        connection = self.machine.tcp(port, host)
        self.addCleanup(connection.close)
        return connection

    def udp(self, port, host="127.0.0.1"):
        sender = self.machine.udp(port, host)
        self.addCleanup(sender.close)
        return sender

    def begin_load(self, port):
        """Start two streams and datagrams to a port; some are sent."""
        senders = [
            *(accounting.Halves(self.tcp(port), name, burst=3, rate=2000)
              for name in "ab"),
            accounting.Datagrams(self.udp(port), "c",
                                 listener=f"udp/{port}", rate=3000)]
        for sender in senders:
            self.addCleanup(sender.abandon)
            sender.start()
            sender.wait_for(100)
        return senders

    def end_load(self, senders, path):
        """Send more and stop: nothing is missing and no peer was cut off."""
        for sender in senders:
            sender.wait_for(100)
            sender.finish()
        self.assertEqual([s for s in senders if s.cut_off], [])
        self.machine.systemctl("stop", "portlogd")
        log = self.machine.run("cat", path).stdout.encode()
        accounting.check(log, senders[:2], senders[2:])
        self.assertNotIn(b" * lost", log)

    def restart_under_load(self, port, path):
        senders = self.begin_load(port)
        for _ in range(5):
            self.machine.systemctl("restart", "portlogd")
            for sender in senders:
                sender.wait_for(100)
        self.end_load(senders, path)

    def wait_for_lines(self, path, count):
        """Wait until the log has so many records of peers."""
        def look():
            if not self.machine.exists(path):
                return None
            found = [r for r in self.machine.records(path) if r.tag != "*"]
            return found if len(found) >= count else None
        return wait_for(look, f"{count} records in {path}")

    def drop_in(self, name, text):
        """A drop-in of the unit, removed after this test."""
        self.machine.drop_in(name, text)
        self.addCleanup(self.machine.drop_in, name, "")


def needs(*programs):
    """Skip the test if one of these programs is missing."""
    for program in programs:
        if not shutil.which(program):
            raise unittest.SkipTest(f"needs {program}")


def exposure(text):
    """The overall score of systemd-analyze security."""
    return float(re.search(r"Overall exposure level .*: (\d+\.\d+)",
                           text).group(1))
