# SPDX-License-Identifier: MIT
"""A real rsyslogd and a real journald, stopped, killed, absent: no loss.

A logger that is killed loses what it had read and not written, and what is
queued in a socket of its own.  A socket of systemd's outlives it.
"""
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

import accounting
import harness
from harness import TURNS, wait_for

CONFIG = """
listeners = (
  { protocol = "tcp"; port = 0; outputs = [ "logger" ]; },
  { protocol = "udp"; port = 0; outputs = [ "logger" ]; },
  { protocol = "tcp"; port = 0; outputs = [ "good" ]; }
);
limits = { flush_timeout = 0; shutdown_timeout = 60; };
outputs = (
  { type = "@TYPE@"; name = "logger"; },
  { type = "file"; name = "good"; path = "@DIR@/good"; }
);
"""
RSYSLOG = """
global(workDirectory="@DIR@" parser.escapeControlCharactersOnReceive="off")
main_queue(queue.type="Direct")
module(load="imuxsock" SysSock.Name="@DIR@/socket"
       SysSock.RateLimit.Interval="0" SysSock.UsePIDFromSystem="off")
template(name="line" type="string" string="%msg%\\n")
action(type="omfile" file="@DIR@/syslog" template="line"
       asyncWriting="off" flushOnTXEnd="on")
"""
JOURNALD = "/lib/systemd/systemd-journald"
JOURNAL = "/run/systemd/journal/socket"
# Each kill leaves a file: journald must not remove the first of so many.
JOURNALD_CONF = """[Journal]
RuntimeMaxFiles=10000
Storage=volatile
RateLimitIntervalSec=0
ReadKMsg=no
Audit=no
"""
TIME = b"2026-01-01T00:00:00.000000Z"
# Bind a socket in this namespace, and pass it on.
BIND = """
import os, socket, sys
with socket.socket(fileno=int(sys.argv[2])) as channel:
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(sys.argv[1])
    os.chmod(sys.argv[1], 0o666)
    socket.send_fds(channel, [b"."], [s.fileno()])
"""
with open("/proc/sys/net/unix/max_dgram_qlen", encoding="ascii") as limit:
    WAITING = int(limit.read()) + 1


class Ended(Exception):
    """A logger that ended at its start, with what it said."""


class Logger(accounting.Case):
    """What both have in common; place is where their socket is bound."""

    enter = ()  # a command that enters the logger's namespaces

    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory(prefix="portlog-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.others = []

    def logger(self, command, kept):
        """A logger's process; kept: a socket that outlives it."""
        passed = [kept.fileno()] if kept else []
        script = (f"exec 3<&{passed[0]}; export LISTEN_FDS=1 LISTEN_PID=$$; "
                  if kept else "") + 'exec "$@"'
        with open(self.directory + "/logger", "ab") as said:
            process = subprocess.Popen(
                ["sh", "-c", script, "sh", *self.enter, *command],
                pass_fds=passed, stdout=said, stderr=said)
        self.addCleanup(self.put_away, process)
        return process

    def put_away(self, process):
        if process.poll() is None:
            process.kill()
            process.wait(harness.PATIENCE)

    def keep(self):
        """A socket that is bound at the logger's path."""
        ours, its = socket.socketpair()
        with ours, its:
            subprocess.run([*self.enter, sys.executable, "-c", BIND,
                            self.place, str(its.fileno())], check=True,
                           pass_fds=[its.fileno()], timeout=harness.PATIENCE)
            kept = socket.socket(fileno=socket.recv_fds(ours, 1, 1)[1][0])
        self.addCleanup(kept.close)
        return kept

    def load(self):
        self.stream(self.portlogd, "stream", rate=4000)
        self.datagrams_of(self.portlogd, "datagrams", 1, rate=2000)

    def assert_others_are_served(self):
        """End a new peer of another listener: it does not wait."""
        peer = accounting.Stream(self.portlogd.tcp(2), "other", limit=50)
        self.others.append(peer)
        peer.start()
        peer.finish()

    def run_for(self, turn):
        for sender in self.senders():
            sender.wait_for(100 + 31 * (turn % 10))

    def check_all(self, taken=0):
        """All is logged; taken: but for what a killed logger had taken."""
        for sender in self.senders():
            sender.finish()
        self.assertEqual(self.portlogd.stop(), 0, self.portlogd.errors())
        accounting.check(self.portlogd.bytes(self.portlogd.dir + "/good"),
                         self.others)
        said = self.portlogd.errors()
        self.assertEqual(said.count("stalled reason="),
                         said.count("resumed seconds="), said)
        entries = self.all_entries()
        if taken:
            self.check_but(taken, entries)
        else:
            accounting.check(b"\n" * len(entries), self.streams,
                             self.datagrams,
                             lambda _, each=iter(entries): next(each))

    def all_entries(self):
        """All entries, once a last message of ours is logged."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.connect(self.place_from_here())
            last.send(self.LAST)
        return wait_for(lambda: (lambda entries: any(
            e.tag == "*" and e.data == "last" for e in entries) and entries)(
                self.entries()), "all to be logged")

    def check_but(self, taken, entries):
        """Each once, whole and in order; no more are missing than taken."""
        records, missing = accounting.joined(entries), 0
        # A stall may be longer than the receive buffer lasts.
        told = sum(accounting.lost_in(e.data) for e in entries if e.tag == "*")
        for s in self.senders():
            numbers = [accounting.number_of(s, d)
                       for _, d in records.get(s.peer, [])]
            self.assertEqual(numbers, sorted(set(numbers)))
            missing += s.number - len(numbers)
        self.assertLessEqual(told, missing)
        self.assertLessEqual(missing, told + taken)

    # The faults, for both loggers.

    def stop_and_continue(self):
        logger = self.start()
        self.run_portlogd()
        self.load()
        for turn in range(TURNS):
            self.run_for(turn)
            logger.send_signal(SIGSTOP)
            self.run_for(turn)
            self.assert_others_are_served()
            logger.send_signal(SIGCONT)
        self.check_all()
        self.assertNotIn("stalled", self.portlogd.errors())

    def kill_with_its_socket_kept(self):
        kept = self.keep()
        logger = self.start(kept)
        self.run_portlogd()
        self.load()
        for turn in range(TURNS):
            self.run_for(turn)
            logger.kill()
            logger.wait(harness.PATIENCE)
            self.run_for(turn)
            self.assert_others_are_served()
            logger = self.start(kept)
        self.check_all(taken=TURNS)
        self.assertNotIn("stalled", self.portlogd.errors())

    def kill_with_its_socket(self):
        logger = self.start()
        self.run_portlogd()
        self.load()
        for turn in range(TURNS // 2 or 1):
            self.run_for(turn)
            logger.send_signal(SIGTERM if turn % 2 else SIGKILL)
            logger.wait(harness.PATIENCE)
            wait_for(lambda n=turn: self.portlogd.errors().count(
                "logger: stalled reason=") > n, "the stall")
            self.assert_others_are_served()
            self.run_for(turn)
            logger = self.start()
            wait_for(lambda n=turn: self.portlogd.errors().count(
                "logger: resumed seconds=") > n, "its end")
        self.check_all(taken=(WAITING + 1) * (TURNS // 2 or 1))

    def absent(self):
        """A stopped logger, at the start and later, without load."""
        self.portlogd = self.prepared()
        self.portlogd.launch()
        self.assertEqual(self.portlogd.wait(), 1)
        self.assertRegex(self.portlogd.errors(),
                         "cannot open output logger: /.*: No such file")
        os.unlink(self.portlogd.err)
        logger = self.start()
        self.portlogd.start()
        logger.terminate()
        self.assertEqual(logger.wait(harness.PATIENCE), 0)
        self.load()
        self.portlogd.wait_for_error("logger: stalled reason=E")
        self.run_for(9)
        self.start()
        self.check_all()

    def prepared(self):
        daemon = self.daemon(start=False, config=CONFIG.replace(
            "@TYPE@", self.TYPE))
        daemon.arguments = [*self.wrap(), os.path.abspath(harness.PORTLOGD),
                            *daemon.arguments[1:]]
        return daemon

    def wait_for_socket(self, process):
        """Until somebody listens there, or the logger has ended."""
        def is_there():
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
                return probe.connect_ex(self.place_from_here()) == 0
        wait_for(lambda: process.poll() is not None or is_there(),
                 "the logger's socket")
        self.assert_runs(process)

    def assert_runs(self, process):
        if process.poll() is not None:
            with open(self.directory + "/logger", encoding="utf-8") as said:
                raise Ended(said.read().strip().split("\n")[-1])

    def run_portlogd(self):
        self.portlogd = self.prepared()
        self.portlogd.start()


class Rsyslog(Logger):
    """rsyslogd; /dev/log is a link to its socket."""

    TYPE = "syslog"
    LAST = b"<30>Jan  1 00:00:00 portlogd[1]: - - * last"

    def setUp(self):
        super().setUp()
        self.program = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
        if not os.path.exists(self.program):
            self.skipTest("no rsyslogd")
        self.place = self.directory + "/socket"
        with open(self.directory + "/rsyslog.conf", "w",
                  encoding="ascii") as file:
            file.write(RSYSLOG.replace("@DIR@", self.directory))

    def place_from_here(self):
        return self.place

    def wrap(self):
        return harness.namespaces("m", "mount -t tmpfs tmpfs /dev && "
                                  f"ln -s '{self.place}' /dev/log")

    def start(self, kept=None):
        process = self.logger([self.program, "-n", "-i", "NONE", "-f",
                               self.directory + "/rsyslog.conf"], kept)
        self.wait_for_socket(process)
        return process

    def entries(self):
        """Its template writes a blank and the message only."""
        with open(self.directory + "/syslog", "rb") as file:
            lines = file.read().split(b"\n")[:-1]
        return [accounting.from_text(TIME + line) for line in lines]

    def test_rsyslogd_that_is_stopped_goes_on_with_all_of_it(self):
        self.stop_and_continue()

    def test_rsyslogd_killed_with_its_socket_kept_loses_what_it_held(self):
        self.kill_with_its_socket_kept()

    def test_rsyslogd_killed_with_its_socket_loses_what_waited_there(self):
        self.kill_with_its_socket()

    def test_rsyslogd_absent_at_start_and_later_loses_nothing(self):
        self.absent()


@unittest.skipUnless(os.path.exists(JOURNALD), "no systemd-journald")
@unittest.skipUnless(shutil.which("journalctl"), "no journalctl")
@unittest.skipUnless(os.geteuid() == 0, "a journald needs root")
class Journald(Logger):
    """systemd-journald by itself, with a /run of its own."""

    TYPE = "journal"
    refusal = None  # why it does not run here; "": it does
    LAST = b"MESSAGE=- - * last\nPORTLOG_LISTENER=-\nPORTLOG_TAG=*\n"

    def setUp(self):
        super().setUp()
        if not harness.knows_systemd():
            self.skipTest("built without libsystemd")
        holder = subprocess.Popen([*harness.namespaces(
            "m", "mount -t tmpfs tmpfs /run && mkdir -p /run/log/journal "
            "/run/systemd/journal /run/systemd/journald.conf.d"),
            "sleep", "3600"])
        self.addCleanup(self.put_away, holder)
        self.root = f"/proc/{holder.pid}/root"
        self.place = JOURNAL
        wait_for(lambda: os.path.exists(
            f"{self.root}/run/systemd/journald.conf.d") and not os.path.exists(
                f"{self.root}/run/lock"), "the namespace")
        with open(f"{self.root}/run/systemd/journald.conf.d/test.conf", "w",
                  encoding="ascii") as file:
            file.write(JOURNALD_CONF)
        self.enter = ("nsenter", "-t", str(holder.pid), "-m")
        self.skip_where_it_cannot_run()

    def skip_where_it_cannot_run(self):
        """Not every machine has what it needs: a container may not."""
        if Journald.refusal is None:
            Journald.refusal = self.refusal_of_two_starts()
        if Journald.refusal:
            self.skipTest(f"journald does not run: {Journald.refusal}")

    def refusal_of_two_starts(self):
        """A second start may fail where the first did not: it finds a file."""
        enter = self.enter
        self.enter = (*enter, "env", "SYSTEMD_LOG_TARGET=console")
        try:
            for count in (1, 2):
                self.start_and_end(count)
        except Ended as error:
            return str(error) or "it says nothing"
        finally:
            self.enter = enter
            subprocess.run([*enter, "sh", "-c", f"rm -rf {JOURNAL} "
                            "/run/log/journal/*"], check=True,
                           timeout=harness.PATIENCE)
        return ""

    def start_and_end(self, count):
        """A journald that takes an entry, the one of that number."""
        process = self.start()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            # Where it has ended already, what it said tells more.
            if sender.connect_ex(self.place_from_here()) == 0:
                sender.send(self.LAST)
        wait_for(lambda: process.poll() is not None or
                 len(self.entries()) == count, "an entry")
        self.assert_runs(process)
        process.terminate()
        process.wait(harness.PATIENCE)

    def place_from_here(self):
        return self.root + self.place

    def wrap(self):
        return self.enter

    def start(self, kept=None):
        process = self.logger([JOURNALD], kept)
        self.wait_for_socket(process)
        return process

    def entries(self):
        exported = subprocess.run(
            ["journalctl", "-q", "-D", self.root + "/run/log/journal", "-o",
             "export", "-a"], stdout=subprocess.PIPE, check=True,
            timeout=harness.PATIENCE).stdout
        return [self.entry(fields) for fields in fields_of(exported)
                if b"PORTLOG_TAG" in fields]

    def entry(self, fields):
        text = {key: value.decode("utf-8", "replace")
                for key, value in fields.items()}
        data = fields.get(b"PORTLOG_RAW",
                          fields[b"MESSAGE"].split(b" ", 3)[3])
        tag = text[b"PORTLOG_TAG"]
        return accounting.Entry(
            text[b"PORTLOG_LISTENER"],
            f"{text.get(b'PORTLOG_PEER')}:{text.get(b'PORTLOG_PORT')}",
            tag, data.decode() if tag == "*" else data)

    def stdout(self):
        """The stream that systemd would pass for stdout (sd-journal's)."""
        stream = socket.socket(socket.AF_UNIX)
        self.addCleanup(stream.close)
        stream.connect(f"{self.root}/run/systemd/journal/stdout")
        # Identifier, unit, priority, prefixes of priority, no forwarding.
        stream.sendall(b"portlogd\n\n6\n1\n0\n0\n0\n")
        return stream

    def messages(self):
        exported = subprocess.run(
            ["journalctl", "-q", "-D", self.root + "/run/log/journal", "-o",
             "export", "-a", "-t", "portlogd"], stdout=subprocess.PIPE,
            check=True, timeout=harness.PATIENCE).stdout
        return [(f[b"MESSAGE"], f[b"PRIORITY"]) for f in fields_of(exported)]

    def test_journald_cuts_no_line_of_stdout(self):
        self.start()
        stream = self.stdout()
        status = os.fstat(stream.fileno())
        forged = b"<0>2026-01-01T00:00:00.000000Z tcp/1 192.0.2.1:1 * opened "
        # journald removes spaces at the end of a line.
        long_ones = [forged.strip() + forged * 900 + b".",
                     b"\x1b" * 13000, b"<0>" * 20000,
                     (b" " * 9 + b"x") * 6000]
        with harness.Daemon(
                "-l", "tcp:127.0.0.1:0", start=False, env=dict(
                    os.environ, JOURNAL_STREAM=f"{status.st_dev}:"
                    f"{status.st_ino}")) as daemon:
            daemon.start(stdout=stream)
            stream.close()
            with daemon.tcp() as connection:
                connection.sendall(b"\n".join(long_ones) + b"\n")
                connection.shutdown(socket.SHUT_WR)
                harness.end_of(connection)
            wait_for(lambda: any(b" * closed " in m for m, _ in
                                 self.messages()), "the last line")
            self.assertEqual(daemon.stop(), 0)
        found, joined = [], b""
        for message, priority in self.messages():
            self.assertEqual(priority, b"6")
            record = harness.Record(message.decode())
            joined += harness.unescape(record.data)
            if record.tag != "P":
                found.append(joined)
                joined = b""
        self.assertEqual(found[:-1], long_ones)

    def test_journald_that_is_stopped_goes_on_with_all_of_it(self):
        self.stop_and_continue()

    def test_journald_killed_with_its_socket_kept_loses_what_it_held(self):
        self.kill_with_its_socket_kept()

    def test_journald_killed_with_its_socket_loses_what_waited_there(self):
        self.kill_with_its_socket()

    def test_journald_absent_at_start_and_later_loses_nothing(self):
        self.absent()


def fields_of(exported):
    """Entries: KEY=value, or KEY, the size of the value and the value."""
    fields, at = {}, 0
    while at < len(exported):
        end = exported.index(b"\n", at)
        key, equals, value = exported[at:end].partition(b"=")
        at = end + 1
        if not key:
            yield fields
            fields = {}
            continue
        if not equals:
            size = struct.unpack_from("<Q", exported, at)[0]
            value = exported[at + 8:at + 8 + size]
            at += 9 + size
        fields[key] = value
    if fields:
        yield fields


if __name__ == "__main__":
    harness.main(jobs=2)
