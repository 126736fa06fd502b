# SPDX-License-Identifier: MIT
"""sync: each sync of a short run fails once; what the log then says is true.

The law: each line that was sent is in the files.  A line is in doubt where a
note, or at the end standard error, counts it among the bytes before; each line
of a stream with a receipt is there once more, in no doubt.
"""
import concurrent.futures
import errno
import os
import re
import signal
import socket

import harness
import keeper
from harness import Case, wait_for

FAILING_SYNC = os.environ.get("FAILING_SYNC", "tests/failing_sync.so")
ERRORS = (errno.EIO, errno.ENOSPC, errno.EDQUOT)
LEAST, MOST = 3, 12  # a run has more syncs, and less
CLOSED = "of the file that is closed "
DOUBTFUL = re.compile(rb"^\S+ - - \* doubtful bytes=(\d+)$")


def receipt(connection):
    """End the stream; whether the other side does so too, in order."""
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(harness.PATIENCE)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return False


def told(said, which):
    """The sum of what messages say is in doubt, of which file."""
    return sum(map(int, re.findall(
        rf"(\d+) bytes {which or f'(?:{CLOSED})?'}are in doubt", said)))


class Run:
    """Two streams, a datagram and a rotation; at the end all is stopped."""

    def __init__(self, case, settings, number, error):
        self.case = case
        self.daemon = case.failing(settings, number, error)
        self.log = self.daemon.dir + "/log"
        self.sent = {}  # by stream, its lines
        self.receipts = {}

    def content(self):
        return [self.daemon.bytes(path) if os.path.exists(path) else b""
                for path in (self.log + ".1", self.log)]

    def write(self, connection, stream, number):
        lines = [b"%s %d.%d" % (stream, number, i) for i in range(20)]
        self.sent.setdefault(stream, []).extend(lines)
        if connection.type == socket.SOCK_DGRAM:
            for line in lines:
                connection.send(line)
        else:
            connection.sendall(b"\n".join(lines) + b"\n")
        wait_for(lambda: lines[-1] + b"\n" in b"".join(self.content()),
                 "the lines")

    def rotate(self):
        os.rename(self.log, self.log + ".1")
        self.daemon.signal(signal.SIGHUP)
        self.daemon.wait_for_error("reopened")

    def go(self):
        daemon = self.daemon
        with self.case.tcp(daemon) as first, self.case.tcp(daemon) as second:
            for number in range(2):
                self.write(first, b"first", number)
            self.rotate()
            self.write(first, b"first", 2)
            with daemon.udp(1) as sender:
                self.write(sender, b"datagram", 0)
            self.write(second, b"second", 0)
            self.receipts = {b"first": receipt(first),
                             b"second": receipt(second)}
        daemon.exits = daemon.stop()
        return self


class Log:
    """The lines of both files, and which of them are told as in doubt."""

    def __init__(self, run):
        self.lines = []  # [text, whether it is in doubt]
        said, _, at_end = run.daemon.errors().partition("stopping: SIGTERM")
        rotated = told(said, CLOSED)
        old, new = run.content()
        self.noted = self.read(old, 0)
        self.doubt(rotated)
        self.noted += self.read(new, rotated)
        self.doubt(told(at_end, CLOSED))
        self.told = told(said, "") + told(at_end, "") - told(at_end, CLOSED)

    def doubt(self, size):
        """The last bytes that were read are."""
        for line in reversed(self.lines):
            if size == 0:
                break
            line[1] = True
            size -= len(line[0])
        assert size == 0, "half a line in doubt"

    def read(self, content, elsewhere):
        """The first note tells of bytes in another file too."""
        noted = 0
        for text in content.splitlines(keepends=True):
            note = DOUBTFUL.match(text.rstrip(b"\n"))
            if note:
                noted += int(note.group(1))
                self.doubt(int(note.group(1)) - elsewhere)
                elsewhere = 0
            self.lines.append([text, False])
        return noted

    def is_behind_a_note(self, data):
        """Whether its last copy is, and the one before it is not."""
        *_, before, last = (i for i, (text, _) in enumerate(self.lines)
                            if text.endswith(b" F " + data + b"\n"))
        return any(DOUBTFUL.match(text.rstrip(b"\n"))
                   for text, _ in self.lines[before:last])

    def count(self, data, in_doubt):
        return sum(in_doubt in (None, doubt) and
                   text.endswith(b" F " + data + b"\n")
                   for text, doubt in self.lines)


def failing_env(number, error=errno.EIO, takes_us=0, slow_at=-1):
    return {"LD_PRELOAD": os.path.abspath(FAILING_SYNC),
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
            ":verify_asan_link_order=0:detect_leaks=0",
            "SYNC_FAILS_AT": str(number), "SYNC_ERROR": str(error),
            "SYNC_SLOW_AT": str(slow_at), "SYNC_TAKES_US": str(takes_us)}


class Faulty(Case):
    def setUp(self):
        super().setUp()
        if not os.path.exists(FAILING_SYNC):
            self.skipTest(f"{FAILING_SYNC} is missing")

    def failing(self, settings, number, error=errno.EIO):
        """A daemon whose sync with this number fails."""
        return self.daemon(
            config=harness.to_file(harness.tcp(), harness.udp(),
                                   more=settings),
            env={**os.environ, **failing_env(number, error)})


class Kept(Faulty, keeper.Case):
    """What is in doubt is so for the next process too."""

    def serve_failing(self, more, *others):
        """One whose first sync fails, and a connection that is in doubt."""
        daemon = self.serve(
            keeper.tcp("line", 'outputs = ["synced"];' if others else ""),
            *others, more=more,
            wrap=("/usr/bin/env", *(f"{key}={value}" for key, value in
                                    failing_env(1).items())))
        first = self.tcp(daemon)
        first.sendall(b"in doubt\n")
        self.wait_until_told(daemon, first, ["in doubt"])
        return daemon, first

    def heal(self, daemon):
        """The next process has no syncs that fail."""
        daemon.arguments = daemon.arguments[len(failing_env(1)) + 1:]

    def assert_in_doubt(self, daemon, first, silent):
        """So is first; not one that sent nothing, and not one that is new."""
        with self.tcp(daemon) as later:
            later.sendall(b"not in doubt\n")
            self.assertTrue(receipt(later))
        self.assertFalse(receipt(first))
        silent.sendall(b"not in doubt either\n")
        self.assertTrue(receipt(silent))

    def test_one_that_was_in_doubt_has_none_after_a_restart_either(self):
        daemon, first = self.serve_failing(
            'sync = "receipt"; sync_interval = 0;')
        second, silent = self.tcp(daemon), self.tcp(daemon)
        second.sendall(b"in doubt too\n")
        self.assertFalse(receipt(second))
        daemon.wait_until_sent()
        daemon.keeper.job = "restart"
        daemon.leave()
        self.heal(daemon)
        daemon.start()
        self.assert_in_doubt(daemon, first, silent)

    def test_a_sync_that_fails_at_the_very_end_of_a_process_counts_too(self):
        daemon, first = self.serve_failing(
            'sync = "receipt"; sync_interval = 0;')
        silent = self.tcp(daemon)
        daemon.wait_until_sent()
        daemon.keeper.job = "restart"
        daemon.signal(harness.SIGTERM)
        self.assertEqual(daemon.wait(), 1)
        self.assertIn("are in doubt", daemon.errors())
        self.heal(daemon)
        daemon.start()
        self.assert_in_doubt(daemon, first, silent)

    def test_one_that_was_in_doubt_has_none_after_kills_either(self):
        daemon, first = self.serve_failing(
            'sync = "receipt"; sync_interval = 50; name = "synced"; }, '
            '{ type = "file"; name = "other"; path = "@DIR@/other";',
            keeper.tcp("other", 'outputs = ["other"];'))
        silent, other = self.tcp(daemon), self.tcp(daemon, 1)
        other.sendall(b"in no doubt\n")
        wait_for(lambda: b"in no" in daemon.bytes(daemon.dir + "/other"))
        daemon.wait_for_error("in doubt")
        daemon.fell()
        self.heal(daemon)
        daemon.start()
        daemon.kill()
        daemon.restart()
        self.assert_in_doubt(daemon, first, silent)
        self.assertTrue(receipt(other))


class Streams(Faulty):
    def test_one_that_was_in_doubt_has_no_receipt_at_its_end(self):
        """Though the syncs after that are good."""
        daemon = self.failing('sync = "receipt"; sync_interval = 50;', 1)
        with self.tcp(daemon) as first, self.tcp(daemon) as second:
            first.sendall(b"in doubt\n")
            daemon.wait_for_note("doubtful", path=daemon.dir + "/log")
            with self.tcp(daemon) as later:
                later.sendall(b"not in doubt\n")
                self.assertTrue(receipt(later))
            self.assertFalse(receipt(first))
            self.assertTrue(receipt(second))  # it has sent nothing

    def test_one_that_is_written_while_a_sync_fails_has_none(self):
        daemon = self.failing('sync = "receipt"; sync_interval = 0;', 1)
        with self.tcp(daemon) as first, self.tcp(daemon) as second:
            for connection in (first, second):
                connection.sendall(b"in doubt\n")
            daemon.wait_for_data(2, path=daemon.dir + "/log")
            first.shutdown(socket.SHUT_WR)
            daemon.wait_for_error("in doubt")
            self.assertFalse(receipt(second))


class EachSync(Faulty):
    """Each of a run's syncs fails once, with each error."""

    most = 1  # how often a line is there without a doubt

    def runs(self, settings):
        """Those in which a sync has failed, and their logs."""
        with concurrent.futures.ThreadPoolExecutor(3 * MOST) as pool:
            runs = [Run(self, settings, number + 1, error)
                    for number in range(MOST) for error in ERRORS]
            list(pool.map(Run.go, runs))
        failed = ["cannot sync" in run.daemon.errors() for run in runs]
        self.assertTrue(all(failed[:3 * LEAST]))
        self.assertFalse(any(failed[-3:]), "a run has more syncs")
        for i, run in enumerate(runs):
            with self.subTest(number=i // 3 + 1, error=ERRORS[i % 3]):
                log = Log(run)
                self.check(run, log)
                yield run, log, failed[i]

    def check(self, run, log):
        self.assertEqual(log.noted, log.told)
        for stream, lines in run.sent.items():
            for line in lines:
                self.assertGreaterEqual(log.count(line, None), 1, line)
                self.assertLessEqual(log.count(line, False), self.most, line)
                if run.receipts.get(stream):
                    self.assertGreaterEqual(log.count(line, False), 1, line)

    def test_with_receipts(self):
        refused = set()
        for run, log, failed in self.runs(
                'sync = "receipt"; sync_interval = 0;'):
            if not failed:
                self.assertEqual(log.told, 0)
                self.assertEqual(set(run.receipts.values()), {True})
            refused |= {s for s, given in run.receipts.items() if not given}
        self.assertEqual(refused, {b"first", b"second"})

    def test_always(self):
        # A thread that looks late for its own sync, which was good, writes
        # once more, behind the note, if that of another has failed since.
        self.most = 2
        for run, log, failed in self.runs('sync = "always";'):
            self.assertEqual(log.noted > 0, failed)
            self.assertEqual(set(run.receipts.values()), {True})
            for line in (line for lines in run.sent.values()
                         for line in lines):
                self.assertGreaterEqual(log.count(line, False), 1, line)
                if log.count(line, None) > 1:
                    self.assertTrue(log.is_behind_a_note(line), line)


if __name__ == "__main__":
    harness.main(jobs=2)
