# SPDX-License-Identifier: MIT
"""STATUS and WATCHDOG: no sign of life while a thread is stuck."""
import contextlib
import os
import shutil
import tempfile
import time
from signal import SIGTERM

import harness
import keeper
from harness import wait_for, watch
from keeper import tcp, udp
from tracer import Tracer

LINE, UDP = tcp("line"), udp("dgram")


def polled(daemon):
    """How many descriptors all of its epoll(7) instances watch."""
    count = 0
    for fd in os.listdir(f"/proc/{daemon.process.pid}/fdinfo"):
        with contextlib.suppress(FileNotFoundError), open(
                f"/proc/{daemon.process.pid}/fdinfo/{fd}",
                encoding="ascii") as info:
            count += info.read().count("tfd:")
    return count


class Watchdog(keeper.Case):

    def test_status_and_watchdog_follow_its_life(self):
        limit_s = 4.8
        daemons = [self.serve(LINE, UDP, watchdog_us=int(limit_s * 1e6))
                   for _ in range(3)]
        loaded, quiet, stopped = daemons
        tracer = Tracer(stopped, "recv")
        self.stream(loaded, "load", burst=100, rate=20000)
        self.datagrams_of(loaded, "more", 1, rate=5000)
        self.tcp(quiet).sendall(b"one\ntwo\n")
        pings = stopped.keeper
        wait_for(lambda: len(pings.heard("WATCHDOG")) >= 2, "pings")
        with tracer:
            began = time.monotonic()
            # One ping may be for an earlier turn.
            watch(limit_s, lambda: max(at for at, _ in pings.heard(
                "WATCHDOG")) - began < 0.75 * limit_s, "no ping")
        told = ["0 connections, 0 records, 0 datagrams lost",
                "1 connections, 2 records, 0 datagrams lost"]
        for one, expected in ((quiet, told), (stopped, told[:1])):
            wait_for(lambda one=one, expected=expected: [
                value for _, value in one.keeper.heard("STATUS")] == expected,
                expected)
        for one in (loaded, quiet):
            times = [at for at, _ in one.keeper.heard("WATCHDOG")]
            ready = min(at for at, _ in one.keeper.heard("READY"))
            gaps = [b - a for a, b in zip([ready, *times],
                                          [*times, time.monotonic()])]
            self.assertLess(max(gaps), limit_s * 0.8, gaps)
        status = [value for _, value in loaded.keeper.heard("STATUS")]
        self.assertRegex(status[-1], r"\A1 connections, [1-9]\d* records, ")
        for sender in self.senders():
            sender.finish()

    def test_the_status_says_who_waits_at_a_limit(self):
        daemon = self.serve(LINE, limits="max_connections = 1;")
        streams = [self.tcp(daemon) for _ in range(3)]
        told = ("1 connections, 0 records, 0 datagrams lost, 2 wait because "
                "of max_connections")
        wait_for(lambda: told in [value for _, value in
                                  daemon.keeper.heard("STATUS")], told)
        for stream in streams:
            stream.close()

    def test_the_watchdog_sees_who_reads_for_many_stand_still(self):
        limit_s = 1.2
        daemon = self.serve(LINE, watchdog_us=int(limit_s * 1e6))
        pings = daemon.keeper
        wait_for(lambda: len(pings.heard("WATCHDOG")) >= 2, "pings")
        # A connection that the poller serves from now on stays with it.
        with Tracer(daemon, "poll"):
            idle = polled(daemon)
            for name in "abcdefgh":
                self.stream(daemon, name, burst=1, rate=2000)
            wait_for(lambda: polled(daemon) > idle, "the poller to serve one")
            pings.settle()
            before = len(pings.heard("WATCHDOG"))
            # One ping may be for an earlier turn.
            watch(2 * limit_s, lambda: len(pings.heard("WATCHDOG")) <=
                  before + 1, "no ping")
            # Without a stuck thread it would have sent four.
            daemon.counters()
            pings.settle()
            self.assertLessEqual(len(pings.heard("WATCHDOG")), before + 1)
        wait_for(lambda: len(pings.heard("WATCHDOG")) >= before + 3,
                 "pings again")
        for sender in self.senders():
            sender.finish()

    def test_the_watchdog_is_fed_for_as_long_as_it_drains(self):
        limit_s = 4.8
        pipe = tempfile.mkdtemp() + "/pipe"
        self.addCleanup(shutil.rmtree, os.path.dirname(pipe))
        os.mkfifo(pipe)
        fd = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, fd)
        daemon = self.serve(LINE, UDP, path=pipe, limits="shutdown_timeout = "
                            "60;", watchdog_us=int(limit_s * 1e6))
        stream = self.tcp(daemon)
        stream.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            stream.sendall(b"more than fits on the way\n" * 1000000)
        daemon.keeper.job = "stop"
        daemon.signal(SIGTERM)
        wait_for(lambda: daemon.keeper.heard("STOPPING"))
        began = time.monotonic()
        watch(1.5 * limit_s, lambda: daemon.process.poll() is None, "no end")
        times = [began, *(at for at, _ in daemon.keeper.heard("WATCHDOG")
                          if at > began), time.monotonic()]
        gaps = [b - a for a, b in zip(times, times[1:])]
        self.assertLess(max(gaps), limit_s * 0.8, gaps)
        wait_for(lambda: self.drain(fd) or daemon.process.poll() is not None,
                 "its end")

    def drain(self, fd):
        """Discard what can be read."""
        with contextlib.suppress(BlockingIOError):
            while os.read(fd, 1 << 20):
                pass

    def test_no_watchdog_is_fed_where_none_is_asked_for(self):
        daemon = self.serve(LINE)
        self.tcp(daemon).sendall(b"one\n")
        wait_for(lambda: self.told(daemon) == ["one"])
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.keeper.heard("WATCHDOG"), [])


if __name__ == "__main__":
    harness.main(jobs=4)
