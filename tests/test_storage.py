# SPDX-License-Identifier: MIT
"""Storage that fails under load: nothing is missing that is not noted.

The fault itself is injected: a file system that is full, errors of write(),
a limit on the size of files, a pipe that nobody reads.
"""
import os
import re
import resource
import select
import signal
import subprocess
import threading
import time
import unittest
from signal import SIGCONT, SIGSTOP

import accounting
import harness
from harness import TURNS, wait_for

# The first two listeners write to the faulty output; the others do not.
CONFIG = """
listeners = (
  { protocol = "tcp"; port = 0; outputs = [ "hurt" ]; },
  { protocol = "udp"; port = 0; outputs = [ "hurt" ];
    receive_buffer = 65536; },
  { protocol = "tcp"; port = 0; outputs = [ "good" ]; },
  { protocol = "udp"; port = 0; outputs = [ "good" ]; }
);
limits = { flush_timeout = 0; shutdown_timeout = 60; };
outputs = (
  { type = "file"; name = "hurt"; path = "@HURT@"; format = "@FORMAT@";
    keep_free = 0; },
  { type = "file"; name = "good"; path = "@DIR@/good"; }
);
"""
PARSE = {"text": accounting.from_text, "json": accounting.from_json}
MORE_THAN_THE_KERNEL_HOLDS = 500  # datagrams, in that receive_buffer
# After each failed write it waits for a second: fewer turns.
STALLS = TURNS // 2 or 1
SMALL = 96 << 10
BALLAST = 24 << 20


def memory_of(daemon):
    """Its resident memory, in bytes."""
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1]) << 10


class Hurt(accounting.Case):
    """A daemon under load; one of its outputs gets faults."""

    def hurt(self, path="@DIR@/hurt", kind="text", prepare=lambda d: None):
        """Start a daemon, after prepare(daemon) was called."""
        daemon = self.daemon(start=False, config=CONFIG.replace(
            "@HURT@", path).replace("@FORMAT@", kind))
        daemon.parse = PARSE[kind]
        daemon.fed = {number: [] for number in range(4)}
        daemon.hurt = path.replace("@DIR@", daemon.dir)
        prepare(daemon)
        daemon.start()
        return daemon

    def feed(self, daemon, number, name, **options):
        """A numbered sender to a listener."""
        begin = (self.stream if daemon.listening[number][1] == "tcp"
                 else self.datagrams_of)
        sender = begin(daemon, name, number, **options)
        daemon.fed[number].append(sender)
        return sender

    def load(self, daemon):
        self.feed(daemon, 0, "flood", rate=6000)
        self.feed(daemon, 0, "slow", burst=1, rate=500)
        self.feed(daemon, 1, "datagrams", rate=4000)
        self.feed(daemon, 2, "other", rate=1000)
        self.feed(daemon, 3, "packets", rate=1000)

    def overflow(self, daemon):
        """Send more datagrams than the kernel queues during a stall."""
        daemon.fed[1][0].wait_for(MORE_THAN_THE_KERNEL_HOLDS)

    def assert_others_are_served(self, daemon):
        """Other peers are served to the end, old and new ones."""
        good = daemon.dir + "/good"
        self.feed(daemon, 2, "late", limit=50).finish()
        for sender in daemon.fed[2][0], daemon.fed[3][0]:
            sender.wait_for(1)
            last = b" %s %%s.%d." % (sender.peer.encode(), sender.number - 1)
            wait_for(lambda s=sender, n=last: n.replace(
                b"%s", b"F " + s.sender) in daemon.bytes(good),
                f"the others to be served: {last}")

    def finish(self, daemon):
        """Stop the senders and the daemon in order, and check both files."""
        with open(daemon.hurt, "rb") as file:
            self.stop(daemon)
            return self.check_both(daemon, file.read())

    def stop(self, daemon):
        for senders in daemon.fed.values():
            for sender in senders:
                if sender.connection.fileno() >= 0:
                    sender.finish()
        self.assertEqual(daemon.stop(), 0, daemon.errors())

    def check_both(self, daemon, content):
        """Check both files; returns how many datagrams are noted as lost."""
        fed = daemon.fed
        accounting.check(daemon.bytes(daemon.dir + "/good"), fed[2], fed[3])
        lost = accounting.check(content, fed[0], fed[1], daemon.parse)
        self.check_stalls(daemon, accounting.entries_of(content, daemon.parse))
        return lost

    def check_stalls(self, daemon, entries):
        """Each stall has one message and one note, of equal length."""
        said = daemon.errors()
        self.assertEqual(said.count("stalled reason="),
                         said.count("resumed seconds="), said)
        self.assertNotIn("output good: stalled", said)
        told = re.findall(r"resumed seconds=(\d+\.\d+)", said)
        noted = [e.data.split("=")[1] for e in entries if e.tag == "*" and
                 e.data.startswith("resumed seconds=")]
        self.assertAlmostEqual(sum(map(float, told)), sum(map(float, noted)))

    def wait_for_stalls(self, daemon, count, reason):
        for number in range(1, count + 1):
            wait_for(lambda n=number: daemon.errors().count(
                f"output hurt: stalled reason={reason}") >= n,
                f"stall {number} for {reason}")


class FullDisk(Hurt):
    """A file system that is full, then not, then full again."""

    def small(self, daemon):
        """Mount a small file system, and fill most of it."""
        directory = daemon.dir + "/small"
        os.mkdir(directory)
        daemon.arguments = [*harness.namespaces(
            "m", f"mount -t tmpfs -o size={BALLAST + SMALL} tmpfs "
            f"'{directory}' && head -c {BALLAST} /dev/zero "
            f">'{directory}/ballast'"), *daemon.arguments]

    def test_filled_freed_and_filled_again_it_loses_and_tears_nothing(self):
        daemon = self.hurt("@DIR@/small/log", prepare=self.small)
        inside = f"/proc/{daemon.process.pid}/root{daemon.dir}/small"
        daemon.hurt = inside + "/log"
        self.load(daemon)
        left = BALLAST
        for turn in range(STALLS + 1):
            self.wait_for_stalls(daemon, turn + 1, "ENOSPC")
            self.assertGreater(os.path.getsize(daemon.hurt), SMALL // 2)
            self.assert_others_are_served(daemon)
            self.overflow(daemon)
            left -= SMALL // 2 + turn * 1237
            if turn < STALLS:
                os.truncate(inside + "/ballast", left)
        os.unlink(inside + "/ballast")
        self.assertGreater(self.finish(daemon), 0)

    @unittest.skipUnless(hasattr(resource, "prlimit"), "no resource.prlimit()")
    def test_a_limit_on_its_size_loses_and_tears_nothing(self):
        daemon = self.hurt()
        pid = daemon.process.pid
        soft, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        for turn in range(STALLS):
            size = os.path.getsize(daemon.hurt) + SMALL + turn * 1237
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, most))
            if turn == 0:
                self.feed_it(daemon)
            self.wait_for_stalls(daemon, turn + 1, "EFBIG")
            # The write before the one that failed was short.
            self.assertEqual(os.path.getsize(daemon.hurt), size)
            self.overflow(daemon)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, most))
        self.assertGreater(self.finish(daemon), 0)

    def feed_it(self, daemon):
        """Load the faulty output alone: the limit is for all files."""
        self.feed(daemon, 0, "flood", rate=6000)
        self.feed(daemon, 1, "datagrams", rate=4000)

    def test_a_full_device_is_told_once_and_does_not_keep_it_from_ending(self):
        daemon = harness.Daemon(config=CONFIG.replace(
            "@HURT@", "/dev/full").replace("@FORMAT@", "text").replace(
                "shutdown_timeout = 60", "shutdown_timeout = 1"))
        self.addCleanup(daemon.close)
        with daemon.udp(1) as full, daemon.udp(3) as good:
            full.send(b"held")
            daemon.wait_for_error(
                "output hurt: stalled reason=ENOSPC: No space left")
            good.send(b"written")
            daemon.wait_for_data(1, path=daemon.dir + "/good")
            begin = time.monotonic()
            self.assertEqual(daemon.stop(), 1)
            took = time.monotonic() - begin
        self.assertGreater(took, 0.9)
        self.assertLess(took, 1 + harness.LATE)
        said = daemon.errors()
        self.assertIn("output hurt: 1 records unwritten", said)
        self.assertEqual(said.count("stalled"), 1, said)
        self.assertNotIn("output good: 0", said)
        self.assertEqual(daemon.data(path=daemon.dir + "/good"), ["written"])


class Errors(Hurt):
    """write() to this file fails now and then, in each thread."""

    def inject(self, daemon, call, how):
        with open(daemon.hurt, "wb"):
            pass  # strace needs an existing file
        daemon.arguments = [
            "strace", "-D", "-f", "-qq", "-o", "/dev/null",
            "-e", f"trace={call}", "-P", daemon.hurt, "-e",
            f"inject={call}:{how}", *daemon.arguments]
        # A process that is traced cannot be checked for leaks.
        options = os.environ.get("ASAN_OPTIONS", "")
        daemon.env = dict(os.environ,
                          ASAN_OPTIONS=f"{options}:detect_leaks=0")

    def needs_strace(self):
        try:
            subprocess.run(["strace", "-o", "/dev/null", "true"], check=True,
                           capture_output=True, timeout=harness.PATIENCE)
        except (OSError, subprocess.CalledProcessError) as error:
            self.skipTest(f"no strace: {error}")

    def test_an_error_of_close_is_told(self):
        self.needs_strace()
        daemon = self.hurt(prepare=lambda d: self.inject(
            d, "close", "error=EDQUOT"))
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_error("cannot close: Disk quota exceeded")
        # The log may lack records: no success.
        self.assertEqual(daemon.stop(), 1)
        daemon.exits = 1

    def test_a_file_that_is_slow_to_open_holds_up_nobody_else(self):
        self.needs_strace()
        daemon = self.hurt(prepare=lambda d: self.inject(
            d, "openat", f"delay_enter={int(60e6)}:when=3+"))
        daemon.signal(signal.SIGHUP)
        # The reopening thread is stuck in openat(2); other threads go on.
        other = self.feed(daemon, 2, "other", rate=100)
        wait_for(lambda: other.sent >= 10, "others to be served")
        begin = time.monotonic()
        daemon.signal(signal.SIGTERM)
        daemon.wait()
        self.assertLess(time.monotonic() - begin, harness.PATIENCE)

    def test_errors_of_the_device_lose_and_tear_nothing(self):
        self.needs_strace()
        errors = ("EIO", "EROFS", "ENOSPC", "EDQUOT")
        daemons = [self.hurt(kind="json" if number % 2 else "text",
                             prepare=lambda d, e=error: self.inject(
                                 d, "write", f"error={e}:"
                                 f"when=3..{4 * STALLS - 1}+4"))
                   for number, error in enumerate(errors)]
        for daemon in daemons:
            self.feed(daemon, 0, "stream", rate=300)
            self.feed(daemon, 1, "datagrams", rate=300)
            self.feed(daemon, 2, "other", rate=100)
            self.feed(daemon, 3, "packets", rate=100)
        for error, daemon in zip(errors, daemons):
            with self.subTest(error):
                self.wait_for_stalls(daemon, STALLS, error)
                self.assert_others_are_served(daemon)
                self.finish(daemon)


class Pipes(Hurt):
    """A FIFO whose reader stops or ends, and returns."""

    def setUp(self):
        super().setUp()
        self.read = []
        self.reader = None

    def pipe(self, daemon):
        os.mkfifo(daemon.hurt)
        self.open(daemon)

    def open(self, daemon):
        self.reader = os.open(daemon.hurt, os.O_RDONLY | os.O_NONBLOCK)

    def end(self, daemon):
        if self.reader is not None:
            os.close(self.reader)
        super().end(daemon)

    def drain(self, daemon, size=1 << 40):
        """Read so much, or until there is no writer."""
        while size > 0:
            if not select.select([self.reader], [], [], harness.PATIENCE)[0]:
                raise AssertionError("nothing to read")
            data = os.read(self.reader, min(size, 65536))
            if not data:
                break
            self.read.append(data)
            size -= len(data)

    def drain_to_the_end(self, daemon):
        """drain() while all senders and the daemon end."""
        drain = threading.Thread(target=self.drain, args=(daemon,))
        drain.start()
        self.stop(daemon)
        drain.join(harness.PATIENCE)
        self.assertFalse(drain.is_alive())
        return b"".join(self.read)

    def wait_until_shut(self, stream):
        """Wait until the kernel takes no more of it."""
        wait_for(lambda: not select.select([], [stream.connection], [], 0)[1],
                 "the window to be shut")

    def test_nobody_reads_and_memory_does_not_grow(self):
        daemon = self.hurt(prepare=self.pipe)
        self.load(daemon)
        flood = self.feed(daemon, 0, "big", spread=3000)
        self.drain(daemon, 1 << 20)
        self.wait_until_shut(flood)
        self.overflow(daemon)
        before = memory_of(daemon)
        for _ in range(TURNS):
            self.assert_others_are_served(daemon)
            self.overflow(daemon)
        after = memory_of(daemon)
        flood.stopping.set()
        content = self.drain_to_the_end(daemon)
        self.assertGreater(self.check_both(daemon, content), 0)
        if harness.sanitized():
            self.skipTest("nothing is lost; the sanitizer's own memory grows")
        self.assertLess(after - before, 1 << 20)

    def test_a_reader_that_is_stopped_goes_on_with_all_of_it(self):
        daemon = self.hurt(prepare=self.pipe)
        copy = daemon.dir + "/copy"
        with open(copy, "wb") as file:
            cat = subprocess.Popen(["cat", daemon.hurt], stdout=file)
        self.addCleanup(lambda: cat.poll() is None and (
            cat.kill() or cat.wait(harness.PATIENCE)))
        self.load(daemon)
        for _ in range(TURNS):
            size = os.path.getsize(copy)
            wait_for(lambda n=size: os.path.getsize(copy) > n, "more")
            cat.send_signal(SIGSTOP)
            self.overflow(daemon)
            self.assert_others_are_served(daemon)
            cat.send_signal(SIGCONT)
        os.close(self.reader)
        self.reader = None
        self.stop(daemon)
        self.assertEqual(cat.wait(harness.PATIENCE), 0)
        self.assertGreater(self.check_both(daemon, daemon.bytes(copy)), 0)
        self.assertNotIn("stalled", daemon.errors())

    def test_a_reader_that_ends_and_comes_back_gets_what_was_held(self):
        daemon = self.hurt(prepare=self.pipe)
        self.load(daemon)
        for turn in range(STALLS):
            self.drain(daemon, 100000 + turn * 4321)
            os.close(self.reader)
            self.wait_for_stalls(daemon, turn + 1, "EPIPE")
            self.assert_others_are_served(daemon)
            self.overflow(daemon)
            self.open(daemon)
        content = self.drain_to_the_end(daemon)
        self.assertGreater(self.check_both(daemon, content), 0)


if __name__ == "__main__":
    harness.main(jobs=2)
