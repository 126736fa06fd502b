# SPDX-License-Identifier: MIT
"""sync: a file output whose lines are on the disk before they count."""
import os
import re
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import harness
from harness import Case, portlog, wait_for
from test_short import environment
from test_sync_faults import FAILING_SYNC, failing_env

LINES = [b"line %d" % i for i in range(50)]
DATA = b"\n".join(LINES) + b"\n"

SEES_FILES = unittest.skipUnless(
    os.geteuid() == 0, "not root: sees not what a descriptor leads to")


def preloaded(takes_us, slow_at):
    if not os.path.exists(FAILING_SYNC):
        raise unittest.SkipTest(f"{FAILING_SYNC} is missing")
    return failing_env(0, takes_us=takes_us, slow_at=slow_at)


class Syncing(Case):
    """A daemon whose syncs are watched, and may be made to fail."""

    def start(self, settings, *inject, path="@DIR@/log", slow=None,
              **options):
        """slow: how many microseconds more which sync takes, or 0: each.

        strace could do this too, but not to two threads at one time.
        """
        daemon = self.daemon(start=False, config=harness.to_file(
            harness.tcp(), harness.udp(), path=path, more=settings,
            **options),
            env={**environment(), **(preloaded(*slow) if slow else {})})
        self.trace = daemon.dir + "/trace"
        try:
            subprocess.run(["strace", "-o", "/dev/null", "true"], check=True,
                           capture_output=True, timeout=harness.PATIENCE)
        except (OSError, subprocess.CalledProcessError) as error:
            raise unittest.SkipTest(f"no strace: {error}") from None
        daemon.arguments = [
            "strace", "-D", "-f", "-y", "-qq", "-o", self.trace, "-e",
            "trace=fdatasync,fsync,write,close,sendto,recvfrom,dup3",
            *(word for what in inject for word in ("-e", f"inject={what}")),
            *daemon.arguments]
        daemon.start()
        return daemon

    def calls(self, name):
        """The arguments and results of a system call, in their order."""
        with open(self.trace, encoding="utf-8", errors="replace") as file:
            return re.findall(rf"^\d+ +{name}\((.*)$", file.read(), re.M)

    def send(self, daemon, data=DATA):
        return portlog("send", "127.0.0.1", str(daemon.port()), data=data)

    def notes(self, daemon, event):
        return [r.data for r in daemon.records(daemon.dir + "/log")
                if r.tag == "*" and r.data.startswith(event)]


class Receipts(Syncing):
    def test_a_receipt_comes_after_the_sync(self):
        for setting in ("receipt", "always"):
            with self.subTest(sync=setting):
                daemon = self.start(
                    f'sync = "{setting}";',
                    slow=(700000, 1))
                begun = time.monotonic()
                self.assertEqual(self.send(daemon).returncode, 0)
                self.assertGreaterEqual(time.monotonic() - begun, 0.7)
                self.assertTrue(self.calls("fdatasync"))
                self.assertEqual(daemon.stop(), 0)

    def test_without_the_setting_nothing_is_synced(self):
        daemon = self.start("")
        self.assertEqual(self.send(daemon).returncode, 0)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(self.calls("f(?:data)?sync"), [])

    def test_no_receipt_is_given_for_what_is_in_doubt(self):
        daemon = self.start('sync = "receipt"; sync_interval = 0;',
                            "fdatasync:error=EIO:when=1")
        daemon.exits = 1  # the last sync has failed too
        first = self.send(daemon)
        self.assertEqual(first.returncode, 1)
        self.assertIn(b"reset", first.stderr)
        noted = self.notes(daemon, "doubtful")
        self.assertEqual(len(noted), 1)
        bytes_ = int(noted[0].removeprefix("doubtful bytes="))
        self.assertGreater(bytes_, len(DATA))
        daemon.wait_for_error(rf"cannot sync: Input/output error: {bytes_} "
                              "bytes are in doubt")

    def test_what_is_in_hand_is_written_again_behind_the_note(self):
        for error in ("EIO", "ENOSPC", "EDQUOT"):
            with self.subTest(error=error):
                self.check_written_again(error)

    def check_written_again(self, error):
        daemon = self.start('sync = "always";',
                            f"fdatasync:error={error}:when=1")
        self.assertEqual(self.send(daemon).returncode, 0)
        self.assertEqual(daemon.stop(), 0)
        log = daemon.bytes(daemon.dir + "/log").splitlines(keepends=True)
        [at] = [i for i, line in enumerate(log) if b" * doubtful " in line]
        in_doubt = int(log[at].split(b"=")[1])
        before, behind = b"".join(log[:at]), b"".join(log[at + 1:])
        self.assertEqual(behind[:in_doubt], before[-in_doubt:])
        self.assertEqual(b"".join(line.split(b" ", 4)[4] for line in
                                  log[:at] if b" F " in line), DATA)


class Groups(Syncing):
    COUNT = 40

    def test_streams_that_end_together_share_a_sync(self):
        daemon = self.start('sync = "receipt"; sync_interval = 0;',
                            slow=(300000, 0))
        connections = [self.tcp(daemon) for _ in range(self.COUNT)]
        for connection in connections:
            connection.sendall(DATA)
        for connection in connections:
            connection.shutdown(socket.SHUT_WR)
        for connection in connections:
            harness.end_of(connection)
        self.assertLess(len(self.calls("fdatasync")), self.COUNT / 2)

    def test_a_read_is_one_sync_however_many_records_it_has(self):
        daemon = self.start('sync = "always";', slow=(300000, 1))
        with self.tcp(daemon) as connection:
            connection.sendall(b"first\n")
            daemon.wait_for_data(1, path=daemon.dir + "/log")
            connection.sendall(DATA * 40)
            daemon.wait_for_data(1 + 40 * len(LINES),
                                 path=daemon.dir + "/log")
            connection.shutdown(socket.SHUT_WR)
            harness.end_of(connection)
        # Of the first line, of the others, of the note that it was closed.
        self.assertEqual(len(self.calls("fdatasync")), 3)

    def test_more_threads_than_cores_wait_for_one_sync(self):
        """Else the poller would read for the others, and wait as they do."""
        daemon = self.start('sync = "always";', slow=(2000000, 1))
        for count in range(1, 4 + os.cpu_count()):
            self.tcp(daemon).sendall(DATA)
            daemon.wait_for_data(count * len(LINES),
                                 path=daemon.dir + "/log")
        self.assertLessEqual(len(self.calls("fdatasync")), 1)
        wait_for(lambda: len(self.calls("fdatasync")) > 1, "the next sync")


class Times(Syncing):
    def test_an_idle_stream_is_synced_after_the_interval(self):
        daemon = self.start('sync = "receipt"; sync_interval = 50;')
        with self.tcp(daemon) as connection:
            connection.sendall(DATA)
            wait_for(lambda: self.calls("fdatasync"), "the sync")
            at_rest = len(self.calls("fdatasync"))
            harness.watch(0.3, lambda: len(self.calls("fdatasync")) ==
                          at_rest, "no sync of nothing")

    def test_a_reopen_that_meets_a_sync_is_done_after_it(self):
        """A sync holds the output's lock while it gets its descriptor."""
        daemon = self.start('sync = "receipt"; sync_interval = 1;',
                            "dup3:delay_enter=1000000")
        with daemon.udp(1) as sender:
            sender.send(b"a datagram")
            daemon.wait_for_data(1, path=daemon.dir + "/log")
        os.rename(daemon.dir + "/log", daemon.dir + "/log.1")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_error("reopened")
        self.assertTrue(os.path.exists(daemon.dir + "/log"))

    def test_a_stop_syncs_what_no_receipt_asked_for(self):
        daemon = self.start('sync = "receipt"; sync_interval = 0;')
        with daemon.udp(1) as sender:
            sender.send(b"a datagram")
            daemon.wait_for_data(1, path=daemon.dir + "/log")
        self.assertEqual(self.calls("fdatasync"), [])
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(len(self.calls("fdatasync")), 1)
        self.assertNotIn("not synced", daemon.errors())

    def test_a_stop_waits_for_a_slow_disk_and_gives_receipts(self):
        for setting in ("receipt", "always"):
            with self.subTest(sync=setting):
                daemon = self.start(f'sync = "{setting}"; sync_interval = 0;',
                                    slow=(700000, 0))
                connections = [self.tcp(daemon) for _ in range(5)]
                for connection in connections:
                    connection.sendall(DATA)
                    connection.shutdown(socket.SHUT_WR)
                wait_for(lambda d=daemon: len(d.records(d.dir + "/log")) >=
                         5 * len(LINES), "the lines in the page cache")
                daemon.signal(signal.SIGTERM)
                for connection in connections:
                    self.assertEqual(connection.recv(1), b"")
                self.assertEqual(daemon.wait(), 0)

    def test_a_stop_ends_while_the_disk_does_not_answer(self):
        daemon = self.start('sync = "always";', slow=(4000000, 0),
                            limits="shutdown_timeout = 1;")
        with self.tcp(daemon) as connection:
            connection.sendall(DATA)
            wait_for(lambda: len(daemon.records(daemon.dir + "/log")) ==
                     len(LINES), "the lines in the page cache")
            daemon.exits = 1
            daemon.signal(signal.SIGTERM)
            daemon.wait_for_error("giving up after 1 seconds")
            daemon.wait_for_error(r"output \S+: \d+ bytes not synced")
        self.assertEqual(daemon.wait(), 1)


class Files(Syncing):
    @SEES_FILES
    def test_a_full_file_is_synced_before_it_is_let_go(self):
        daemon = self.start('sync = "receipt"; sync_interval = 0; '
                            "max_size = 65536; keep = 3;")
        self.assertEqual(self.send(daemon, DATA * 40).returncode, 0)
        self.assertTrue(os.path.exists(daemon.dir + "/log.1"))
        with open(self.trace, encoding="utf-8") as file:
            text = file.read()
        for number in (1, 2):
            if os.path.exists(f"{daemon.dir}/log.{number}"):
                self.assertRegex(text, rf"fdatasync\(\d+<[^>]*/log\.{number}>")

    def test_the_old_file_of_a_rotation_that_cannot_be_synced_is_told(self):
        daemon = self.start('sync = "receipt"; sync_interval = 0;',
                            "fdatasync:error=EIO:when=1")
        daemon.exits = 1  # the last sync has failed too
        with self.tcp(daemon) as connection:
            connection.sendall(DATA)
            daemon.wait_for_data(len(LINES), path=daemon.dir + "/log")
            os.rename(daemon.dir + "/log", daemon.dir + "/log.1")
            daemon.signal(signal.SIGHUP)
            daemon.wait_for_error("reopened")
            connection.sendall(b"more\n")
            wait_for(lambda: self.notes(daemon, "doubtful bytes="),
                     "the note")
        daemon.wait_for_error("bytes of the file that is closed are in doubt")

    def test_rotations_under_load_lose_nothing_and_sync_all(self):
        for setting in ("receipt", "always"):
            with self.subTest(sync=setting):
                self.check_rotations(f'sync = "{setting}";')

    def check_rotations(self, settings):
        daemon = self.start(settings)
        log, count = daemon.dir + "/log", 4
        lines = [[b"%d.%d" % (i, j) for j in range(5000)]
                 for i in range(count)]
        results = []
        senders = [threading.Thread(target=lambda own=own: results.append(
            self.send(daemon, b"\n".join(own) + b"\n").returncode))
            for own in lines]
        for sender in senders:
            sender.start()
        for number in range(1, 6):
            os.rename(log, f"{log}.{number}")
            daemon.signal(signal.SIGHUP)
            wait_for(lambda: os.path.exists(log), "the next file")
        for sender in senders:
            sender.join()
        self.assertEqual(results, [0] * count)
        self.assertEqual(daemon.stop(), 0)
        found = [line.split(b" ", 4)[4] for path in
                 [*(f"{log}.{i}" for i in range(1, 6)), log]
                 for line in daemon.bytes(path).splitlines()
                 if b" F " in line]
        self.assertEqual(sorted(found), sorted(sum(lines, [])))
        for own in lines:
            self.assertEqual([f for f in found if f.split(b".")[0] ==
                              own[0].split(b".")[0]], own)
        self.assertNotIn("not synced", daemon.errors())

    @SEES_FILES
    def test_the_directory_is_synced_when_a_file_was_made(self):
        daemon = self.start('sync = "receipt";', path="@DIR@/%{peer}/log")
        self.assertEqual(self.send(daemon).returncode, 0)
        directory = re.escape(os.path.realpath(daemon.dir))
        self.assertTrue([c for c in self.calls("fsync")
                         if re.search(rf"<{directory}/127\.0\.0\.1>", c)])
        self.assertTrue([c for c in self.calls("fdatasync")
                         if re.search(rf"<{directory}/127\.0\.0\.1/log>", c)])

    def test_what_a_killed_process_has_left_is_synced_at_the_start(self):
        self.start('sync = "receipt"; sync_interval = 0;')
        self.assertTrue([c for c in self.calls("fsync") if "/log>" in c])

    def test_a_doubtful_note_is_in_the_file_that_it_is_about(self):
        """Though another is written to all the time."""
        daemon = self.start('sync = "receipt"; sync_interval = 0;',
                            "fdatasync:error=EIO:when=1", slow=(200000, 1),
                            path="@DIR@/%{peer}")
        daemon.exits = 1  # the last sync may have failed too
        addresses = ("127.0.0.1", "127.0.0.2")
        first, second = (socket.create_connection(
            ("127.0.0.1", daemon.port()), source_address=(address, 0))
            for address in addresses)
        paths = [f"{daemon.dir}/{address}" for address in addresses]
        self.addCleanup(first.close)
        stop = threading.Event()

        def write():
            with second:
                # Not faster than told() reads, or that would not end.
                while not stop.wait(0.001):
                    second.sendall(DATA)

        first.sendall(DATA)
        wait_for(lambda: os.path.exists(paths[0]), "the first file")
        writer = threading.Thread(target=write, daemon=True)
        self.addCleanup(lambda: (stop.set(), writer.join()))
        writer.start()
        wait_for(lambda: os.path.exists(paths[1]), "the second file")
        first.shutdown(socket.SHUT_WR)
        daemon.wait_for_error("cannot sync: Input/output error: .* in doubt")

        def told():
            return [daemon.bytes(path).count(b" - * doubtful bytes=")
                    for path in paths]
        wait_for(lambda: any(told()), "the note")
        self.assertEqual(told(), [1, 0])


class Descriptors(Case):
    @SEES_FILES
    def test_a_sync_needs_none_that_is_not_there_from_the_start(self):
        daemon = self.daemon(config=harness.to_file(
            harness.tcp(), more='sync = "receipt";'))
        pid = daemon.process.pid
        sender = self.tcp(daemon)
        sender.sendall(DATA)
        daemon.wait_for_data(len(LINES), path=daemon.dir + "/log")
        most = max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 1
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, before[1]))
        others = [self.tcp(daemon) for _ in range(most)]
        daemon.wait_for_error("Too many open files")
        sender.sendall(DATA)
        sender.shutdown(socket.SHUT_WR)
        harness.end_of(sender)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        self.assertEqual(len(others), most)
        self.assertNotIn("cannot sync", daemon.errors())


class Faults(Case):
    def fault(self, output):
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(harness.configured(harness.tcp(), output=output))
        ran = harness.run("-t", "-c", self.conf)
        self.assertEqual(ran.returncode, 78, ran)
        return ran.stderr

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="portlog-")
        self.addCleanup(directory.cleanup)
        self.dir = directory.name
        self.conf = self.dir + "/conf"

    def test_what_is_no_file_cannot_be_synced(self):
        os.mkfifo(self.dir + "/fifo")
        for output in ('type = "stdout";', 'type = "syslog";',
                       'type = "journal";'):
            self.assertIn('"sync"', self.fault(f'{output} sync = "always";'))
        self.assertIn("which is no file on a disk", self.fault(
            f'type = "file"; path = "{self.dir}/fifo"; sync = "receipt";'))

    def test_a_file_system_in_memory_is_warned_of(self):
        daemon = self.daemon(start=False, config=harness.to_file(
            harness.tcp(), path="@DIR@/m/log", more='sync = "receipt";'))
        os.mkdir(daemon.dir + "/m")
        daemon.arguments = [*harness.namespaces(
            "m", f"mount -t tmpfs tmpfs '{daemon.dir}/m'"),
            *daemon.arguments]
        daemon.start()
        daemon.wait_for_error("its file system is in memory")


if __name__ == "__main__":
    harness.main(jobs=4)
