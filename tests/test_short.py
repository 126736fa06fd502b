# SPDX-License-Identifier: MIT
"""Short of descriptors, threads or memory: connections stay served.

What runs short is injected: strace(1) makes system calls fail, limits are
lowered under the running daemon, and a library makes malloc(3) fail.
"""
import os
import resource
import signal
import subprocess
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import accounting
import harness
from harness import wait_for, watch

FAILING_MALLOC = os.environ.get("FAILING_MALLOC", "tests/failing_malloc.so")
FAILED = "malloc: failed as asked for"
SHORT = "cannot take another connection: "
TO_RECEIVE = "out of memory to receive into: trying again every second"
DEEP = harness.TURNS >= 20

BOTH = """
limits = { shutdown_timeout = 3600; };
status_socket = "";
listeners = ( { protocol = "tcp"; port = 0; address = "127.0.0.1"; },
              { protocol = "udp"; port = 0; address = "127.0.0.1"; } );
outputs = ( { type = "file"; path = "@DIR@/text"; },
            { type = "file"; path = "@DIR@/json"; format = "json"; } );
"""
LOGS = (("text", accounting.from_text), ("json", accounting.from_json))


def environment(**more):
    """Our environment; a traced process cannot be checked for leaks."""
    options = os.environ.get("ASAN_OPTIONS", "")
    return {**os.environ, **more,
            "ASAN_OPTIONS": options + ":detect_leaks=0"}


def failing(call, error, when):
    """A command's prefix, so that a system call fails."""
    wrap = ("strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e",
            f"trace={call}", "-e", f"inject={call}:error={error}:when={when}")
    try:
        subprocess.run([*wrap, "true"], check=True, capture_output=True,
                       timeout=harness.PATIENCE)
    except (OSError, subprocess.CalledProcessError) as reason:
        raise unittest.SkipTest(f"no strace that injects: {reason}"
                                ) from None
    return wrap


def seconds_used(daemon):
    """The CPU time of all its threads."""
    # The clock of another process (clock_getcpuclockid(3)).
    return time.clock_gettime(~daemon.process.pid << 3 | 2)


class ShortCase(accounting.Case):

    def serving(self, wrap=(), env=None):
        """A daemon that serves a stream and has a peer that sends to it."""
        daemon = self.daemon(config=BOTH, wrap=wrap, env=env)
        self.stream(daemon, "first", limit=10)
        self.datagrams_of(daemon, "packets", 1, limit=10)
        for sender in (self.streams[-1], self.datagrams[-1]):
            self.wait_for_records(daemon, sender, 10)
        # The main thread does all else before it logs this.
        daemon.counters()
        return daemon

    def wait_for_records(self, daemon, sender, count):
        """Wait until so many records of a sender are in both logs."""
        for name, parse in LOGS:
            path = f"{daemon.dir}/{name}"

            def look():
                content = daemon.bytes(path).rpartition(b"\n")
                entries = accounting.entries_of(content[0] + content[1], parse)
                return sum(e.tag == "F" and e.peer == sender.peer
                           for e in entries) >= count
            wait_for(look, f"{count} of {sender.sender} in {name}")

    def assert_served(self, daemon, senders):
        """Other peers are served as if nothing was short."""
        for sender in senders:
            sender.limit += 10
            sender.run()
            self.assertFalse(sender.cut_off)
            self.wait_for_records(daemon, sender, sender.limit)

    def assert_idle(self, daemons):
        """None of them uses a hundredth of a processor while it waits."""
        seconds = 1.5
        most = [seconds_used(d) + seconds / 100 for d in daemons]
        watch(seconds, lambda: all(seconds_used(d) < limit for d, limit in
                                   zip(daemons, most)), "to be idle")

    def assert_accounted(self, daemon, senders):
        for sender in senders:
            sender.finish()
        self.assertEqual(daemon.stop(), 0, daemon.errors())
        streams = [s for s in senders if isinstance(s, accounting.Stream)]
        packets = [s for s in senders if isinstance(s, accounting.Datagrams)]
        for name, parse in LOGS:
            accounting.check(daemon.bytes(f"{daemon.dir}/{name}"), streams,
                             packets, parse)

    def told(self, daemon, text=SHORT):
        return [line for line in daemon.errors().split("\n") if text in line]


class Accept(ShortCase):
    """accept(2) and pthread_create(3) fail for a while."""

    def check(self, faults):
        """Each fault: the command's prefix, and the message."""
        daemons, senders = [], {}
        for wrap, _ in faults:
            daemon = self.serving(wrap, environment())
            daemons.append(daemon)
            senders[daemon] = self.senders()[:]
            self.streams.clear()
            self.datagrams.clear()
        late = [self.stream(d, "late", limit=10) for d in daemons]
        for daemon, (_, text) in zip(daemons, faults):
            wait_for(lambda d=daemon: self.told(d), text)
            self.assert_served(daemon, senders[daemon])
        self.assert_idle(daemons)
        for daemon, (_, text), sender in zip(daemons, faults, late):
            # No other peer connects: it must try again by itself.
            self.wait_for_records(daemon, sender, 10)
            self.assert_served(daemon, [*senders[daemon], sender])
            self.assertEqual([SHORT + text in line for line in
                              self.told(daemon)], [True], daemon.errors())
            self.assert_accounted(daemon, [*senders[daemon], sender])

    def test_accept_that_fails_is_tried_again_and_told_once(self):
        self.check([
            (failing("accept4", error, "3..4"), text) for error, text in
            (("EMFILE", "Too many open files"),
             ("ENFILE", "Too many open files in system"),
             ("ENOBUFS", "No buffer space available"),
             ("ENOMEM", "Cannot allocate memory"))])

    def test_a_connection_without_a_thread_gets_one_later(self):
        threads = self.serving().threads()
        # The threads of the start, without the main one, and one peer's.
        faults = f"{threads}..{threads + 1}"
        self.streams.clear()
        self.datagrams.clear()
        self.check([(failing("clone3", "EAGAIN", faults),
                     "Resource temporarily unavailable")])

    def test_without_its_threads_it_does_not_start(self):
        threads = self.serving().threads()
        for number in (threads - 3, threads - 2):
            wrap = failing("clone3", "EAGAIN", f"{number}")
            with harness.Daemon(config=BOTH, wrap=wrap, start=False,
                                env=environment()) as daemon:
                daemon.launch()
                self.assertEqual(daemon.wait(), 1)
                self.assertIn("cannot start a thread: Resource temporarily "
                              "unavailable", daemon.errors())


@unittest.skipUnless(hasattr(resource, "prlimit"), "no resource.prlimit()")
class Descriptors(ShortCase):

    def limit(self, daemon, most):
        """Set its soft limit of open files; the hard limit stays."""
        _, hard = resource.prlimit(daemon.process.pid,
                                   resource.RLIMIT_NOFILE)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE,
                         (hard if most is None else most, hard))

    def test_no_descriptor_is_left(self):
        daemon = self.serving()
        descriptors = daemon.descriptors()
        for turn in range(min(2 + harness.TURNS // 20, 6)):
            known = self.senders()[:]
            self.limit(daemon, descriptors + turn * 3)
            late = [self.stream(daemon, f"late{'abc'[i]}{'abcdef'[turn]}",
                                limit=10) for i in range(3)]
            wait_for(lambda: self.told(daemon), "the line")
            if turn == 0:
                self.assert_idle([daemon])
            # The outputs get no descriptor for a new file, and continue.
            daemon.signal(signal.SIGHUP)
            wait_for(lambda t=turn: len(self.told(
                daemon, "cannot reopen, keeping the old")) == 2 * (t + 1),
                "the outputs")
            self.assert_served(daemon, known)
            self.assertEqual({r.peer for r in daemon.records(
                daemon.dir + "/text")} & {s.peer for s in late}, set())
            self.limit(daemon, None)
            for sender in late:
                self.wait_for_records(daemon, sender, 10)
        self.assertEqual(len(self.told(daemon)), 1, daemon.errors())
        self.assert_accounted(daemon, self.senders())

    @unittest.skipUnless(DEEP, "takes a minute: PORTLOG_TURNS=20")
    def test_it_is_told_once_a_minute(self):
        daemon = self.serving()
        self.limit(daemon, daemon.descriptors())
        late = self.stream(daemon, "late", limit=10)
        wait_for(lambda: self.told(daemon), "the first line")
        begin = time.monotonic()
        while len(self.told(daemon)) < 2 and time.monotonic() - begin < 90:
            self.assert_idle([daemon])
        self.assertGreater(time.monotonic() - begin, 57)
        self.assertRegex(self.told(daemon)[1],
                         r"\(and (5[5-9]|6\d) times since this was last told")
        self.limit(daemon, None)
        self.wait_for_records(daemon, late, 10)
        self.assert_accounted(daemon, self.senders())

    def test_with_none_left_it_stops_at_once_if_nobody_waits(self):
        daemon = self.daemon(config=BOTH)
        self.limit(daemon, daemon.descriptors())
        waiting = self.tcp(daemon)
        wait_for(lambda: self.told(daemon), "the line")
        harness.reset(waiting)
        begin = time.monotonic()
        self.assertEqual(daemon.stop(), 0, daemon.errors())
        self.assertLess(time.monotonic() - begin, 8)

    def test_fewer_connections_are_taken_than_there_are_descriptors(self):
        with harness.Daemon(config=BOTH, wrap=("prlimit", "--nofile=100"),
                            start=False) as daemon:
            daemon.start()
            told = self.told(daemon, "the limit (RLIMIT_NOFILE) is 100: using")
            self.assertEqual(len(told), 1, daemon.errors())
            most = int(told[0].split()[-1])
            peers = [daemon.tcp() for _ in range(most + 5)]
            for peer in peers:
                peer.sendall(b"here\n")
            path = daemon.dir + "/text"
            daemon.wait_for_data(most, path=path)
            self.assertEqual(len(daemon.data(path=path)), most)
            for peer in peers:
                peer.close()
            daemon.wait_for_data(most + 5, path=path)
            self.assertEqual(self.told(daemon), [])


class Receive(ShortCase):
    """recv(2) fails for a while."""

    def test_a_peer_is_served_on_where_the_kernel_had_no_memory(self):
        for error in ("ENOMEM", "ENOBUFS"):
            daemon = self.serving(failing("recvfrom", error, "3..5"),
                                  environment())
            senders = self.senders()[:]
            self.assert_served(daemon, senders)
            self.assert_accounted(daemon, senders)
            self.streams.clear()
            self.datagrams.clear()

    def test_no_error_ends_the_reading_of_datagrams(self):
        for error in ("ENOMEM", "ECONNREFUSED", "EPERM"):
            daemon = self.serving(failing("recvmmsg", error, "2..4"),
                                  environment())
            senders = self.senders()[:]
            self.assert_served(daemon, senders)
            self.assertEqual(len(self.told(daemon, "cannot receive: ")), 1)
            self.assert_accounted(daemon, senders)
            self.streams.clear()
            self.datagrams.clear()

    def test_another_error_ends_the_connection_and_is_noted(self):
        daemon = self.daemon("-l", "tcp:0", wrap=failing(
            "recvfrom", "ETIMEDOUT", "2+"), env=environment())
        peer = self.tcp(daemon)
        peer.sendall(b"one\nunfin")
        daemon.wait_for_data(1)
        peer.sendall(b"ished")
        _, note = daemon.wait_for_note("closed").note()
        self.assertEqual((note["reason"], note["records"], note["bytes"]),
                         ("error", "2", "9"))
        self.assertEqual(daemon.data("E"), ["unfin"])


class Memory(ShortCase):
    """malloc(3) fails."""

    def setUp(self):
        super().setUp()
        if not os.path.exists(FAILING_MALLOC):
            raise unittest.SkipTest(f"{FAILING_MALLOC} is missing")
        result = harness.run("-l", "tcp:0", "-t", env=self.preloaded(
            MALLOC_FAILS_AT="2"))
        if FAILED not in result.stderr:
            raise unittest.SkipTest("malloc(3) cannot be replaced, as with "
                                    f"sanitizers: {result.stderr!r}")

    def preloaded(self, **more):
        return {**os.environ, **more,
                "LD_PRELOAD": os.path.abspath(FAILING_MALLOC)}

    def calls_to_check(self):
        """How often malloc is called to read the configuration."""
        with harness.Daemon(config=BOTH, start=False) as daemon:
            calls = 0
            while True:
                result = subprocess.run(
                    [*daemon.arguments, "-t"], check=False,
                    capture_output=True, text=True,
                    timeout=harness.PATIENCE,
                    env=self.preloaded(MALLOC_FAILS_AT=str(calls + 1)))
                if FAILED not in result.stderr:
                    return calls
                calls += 1

    def one_run(self, number):
        """A short run in which this call fails; false: not reached."""
        with harness.Daemon(config=BOTH, start=False, env=self.preloaded(
                MALLOC_FAILS_AT=str(number))) as daemon:
            daemon.launch()
            wait_for(lambda: daemon.process.poll() is not None or
                     daemon.is_listening(), "the start")
            if daemon.process.poll() is None:
                self.short_run(daemon)
            else:
                self.assertEqual(daemon.process.returncode, 1)
                self.assertRegex(daemon.errors(), "out of memory|Cannot all"
                                 "ocate memory|cannot start a thread: ")
            return FAILED in daemon.errors()

    def short_run(self, daemon):
        senders = [accounting.Stream(daemon.tcp(), "a", limit=20),
                   accounting.Datagrams(daemon.udp(1), "b", limit=20,
                                        listener=daemon.listening[1][0])]
        try:
            for sender in senders:
                sender.start()
            daemon.counters()
            daemon.signal(signal.SIGHUP)
            wait_for(lambda: daemon.errors().count(": reopened") == 2,
                     "both outputs to be reopened")
            for sender in senders:
                wait_for(lambda s=sender: not s.is_alive(), "all sent")
            self.assert_accounted(daemon, senders)
        finally:
            for sender in senders:
                sender.abandon()

    def test_each_call_of_a_short_run_fails_once(self):
        def run(number):
            try:
                return self.one_run(number)
            except Exception as error:
                raise AssertionError(f"call {number}: {error}") from error

        # How libconfig handles it while it reads does not matter.
        first, step, reached = self.calls_to_check(), 8, 0
        with ThreadPoolExecutor(4) as pool:
            while True:
                failed = sum(pool.map(run, range(first, first + step)))
                if failed == 0:
                    break
                reached += failed
                first += step
        self.assertGreater(reached, 8)

    def test_memory_is_gone_for_a_while(self):
        with harness.Daemon(start=False) as holder:
            gone = holder.dir + "/gone"
            daemon = self.serving(env=self.preloaded(
                MALLOC_FAILS_WHILE=gone))
            known = self.senders()[:]
            many = [self.stream(daemon, "m" + "abcdefghijklmnopqrst"[i],
                                limit=1, burst=1) for i in range(20)]
            for stream in many:
                self.wait_for_records(daemon, stream, 1)
            with open(gone, "w", encoding="utf-8"):
                pass
            late = [self.stream(daemon, f"late{'abc'[i]}", limit=10)
                    for i in range(3)]
            wait_for(lambda: self.told(daemon), "the line")
            self.assert_served(daemon, known)
            self.use_up(daemon, many)
            os.unlink(gone)
            for sender in (*late, *many):
                self.wait_for_records(daemon, sender, sender.number)
            for text in (SHORT, TO_RECEIVE):
                self.assertEqual(len(self.told(daemon, text)), 1,
                                 daemon.errors())
            self.assert_served(daemon, known)
            self.assert_accounted(daemon, self.senders())

    def use_up(self, daemon, streams):
        """Send half records, which take all memory until they are whole."""
        frames = [s.frame(s.number) for s in streams]
        for stream, frame in zip(streams, frames):
            stream.sent += stream.connection.send(frame[:3])
        wait_for(lambda: self.told(daemon, TO_RECEIVE), "the line")
        self.assert_idle([daemon])
        for stream, frame in zip(streams, frames):
            stream.number += 1
            stream.sent += stream.connection.send(frame[3:])


if __name__ == "__main__":
    harness.main(jobs=3)
