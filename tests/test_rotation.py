# SPDX-License-Identifier: MIT
"""max_size and keep: files that rotate by themselves."""
import glob
import os
import re
import signal
import socket
import subprocess
import unittest

import harness
from harness import Case, Record, wait_for
from test_files import LOGROTATE, Load, mount

SIZE = 65536  # the least max_size


class Rotation(Case):
    """A daemon that writes to the file log in the directory logs."""

    def start(self, settings, name="log", wrap=(), start=True):
        daemon = self.daemon(start=False, config=harness.to_file(
            harness.tcp('address = "127.0.0.1";'), path=f"@DIR@/logs/{name}",
            more=f'name = "log"; {settings}'))
        daemon.logs = daemon.dir + "/logs"
        daemon.log = f"{daemon.logs}/{name}"
        os.mkdir(daemon.logs)
        daemon.arguments = [*wrap, *daemon.arguments]
        if start:
            daemon.start()
        return daemon

    def start_again(self, daemon, signal_):
        daemon.stop(signal_)
        os.truncate(daemon.err, 0)
        daemon.start()

    def send(self, daemon, data):
        """Send it and get the receipt."""
        with daemon.tcp() as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            harness.end_of(connection)

    def files(self, daemon):
        """All files of the log, the oldest first."""
        def age(path):
            number = re.search(r"\.(\d+)$", path)
            return int(number[1]) if number else 0
        return sorted(glob.glob(daemon.log + "*"), key=age, reverse=True)

    def data_of(self, *paths):
        """The records of these files, which have whole lines."""
        found = []
        for path in paths:
            with open(path, "rb") as file:
                content = file.read().decode()
            self.assertEqual(content[-1:], "\n" if content else "", path)
            records = map(Record, content.split("\n")[:-1])
            found += [r.data for r in records if r.tag != "*"]
        return found

    def assert_full(self, daemon, size=SIZE):
        """All files but the last are as full as whole lines can make them."""
        for path in self.files(daemon)[:-1]:
            self.assertLessEqual(os.path.getsize(path), size)
            self.assertGreater(os.path.getsize(path), size - 2000)


class Size(Rotation):
    def test_under_load_nothing_is_lost_and_no_line_is_split(self):
        daemon = self.start(f"max_size = {SIZE}; keep = 1000; "
                            'mode = "0604";')
        load = Load(daemon)
        wait_for(lambda: os.path.exists(daemon.log + ".12"), "12 rotations")
        sent = load.stop()
        files = self.files(daemon)
        self.assertEqual(self.data_of(*files), sent)
        self.assert_full(daemon)
        self.assertEqual({os.stat(path).st_mode & 0o777 for path in files},
                         {0o604})
        self.assertNotIn("reopened", daemon.errors())
        self.assertNotIn("removed", daemon.errors())

    def test_one_read_of_many_files(self):
        lines = [f"{i} {'x' * 5000}" for i in range(200)]
        for kind in "text", "json":
            daemon = self.start(f'max_size = {SIZE}; keep = 30; format = '
                                f'"{kind}";')
            self.send(daemon, "\n".join(lines).encode())
            files = self.files(daemon)
            self.assertGreater(len(files), 12)
            for path in files[:-1]:
                self.assertLessEqual(os.path.getsize(path), SIZE)
                self.assertGreater(os.path.getsize(path), SIZE - 6000)
            if kind == "text":
                self.assertEqual(self.data_of(*files), lines)

    def test_a_line_that_is_too_long_has_a_file_of_its_own(self):
        daemon = self.start(f"max_size = {SIZE};")
        long = "x" * 65500 + "\\x1b" * 36  # in one record
        self.send(daemon, b"one\n" + b"x" * 65500 + b"\x1b" * 36 + b"\ntwo\n")
        self.assertEqual([self.data_of(path) for path in self.files(daemon)],
                         [["one"], [long], ["two"]])

    def test_the_oldest_is_removed_with_a_word(self):
        daemon = self.start(f"max_size = {SIZE}; keep = 2;")
        sent = [f"{i} {'x' * 1000}" for i in range(1000)]
        for i in range(0, 1000, 50):
            self.send(daemon, ("\n".join(sent[i:i + 50]) + "\n").encode())
        files = self.files(daemon)
        self.assertEqual([os.path.basename(path) for path in files],
                         ["log.2", "log.1", "log"])
        kept = self.data_of(*files)
        self.assertEqual(kept, sent[len(sent) - len(kept):])
        self.assertEqual(daemon.errors().count(
            f"output log: its oldest file, {daemon.log}.2, was removed\n"), 1)

    def test_raw_changes_its_file_between_two_reads(self):
        daemon = self.start(f'max_size = {SIZE}; keep = 100; format = "raw";')
        sent = b"".join(b"%d\n" % i for i in range(50000))
        for i in range(0, len(sent), 30000):
            self.send(daemon, sent[i:i + 30000])
        files = self.files(daemon)
        self.assertGreater(len(files), 3)
        joined = b"".join(daemon.bytes(path) for path in files)
        # Each connection's last record is ended by a newline.
        self.assertEqual(joined.replace(b"\n", b""),
                         sent.replace(b"\n", b""))

    def test_two_outputs_rotate_apart(self):
        daemon = self.daemon(start=False, config=harness.to_file(
            harness.tcp('address = "127.0.0.1";'), path="@DIR@/logs/log",
            more=f"max_size = {SIZE}; }}, {{ type = \"file\"; path = "
            f'"@DIR@/other"; max_size = {4 * SIZE}; }}, {{ type = "file"; '
            'path = "@DIR@/whole";'))
        daemon.log = daemon.dir + "/logs/log"
        os.mkdir(daemon.dir + "/logs")
        daemon.start()
        sent = [f"{i} {'x' * 1000}" for i in range(400)]
        self.send(daemon, "\n".join(sent).encode())
        self.assertEqual(self.data_of(daemon.dir + "/whole"), sent)
        self.assertEqual(self.data_of(*self.files(daemon)), sent)
        self.assertGreater(len(self.files(daemon)), 6)
        self.assertEqual(self.data_of(
            daemon.dir + "/other.1", daemon.dir + "/other"), sent)

    def test_0_is_off_and_a_fifo_has_no_size(self):
        daemon = self.start("max_size = 0;")
        self.send(daemon, b"x\n" * 20000)
        self.assertEqual(len(self.files(daemon)), 1)
        daemon = self.start(f"max_size = {SIZE};", start=False)
        os.mkfifo(daemon.log)
        fifo = os.open(daemon.log, os.O_RDONLY | os.O_NONBLOCK)
        daemon.start()
        os.set_blocking(fifo, True)
        with subprocess.Popen(["wc", "-l"], stdin=fifo,
                              stdout=subprocess.PIPE) as reader:
            os.close(fifo)
            self.send(daemon, b"x\n" * 20000)
            self.assertEqual(daemon.stop(), 0)
            self.assertEqual(int(reader.stdout.read()), 20001)
        self.assertEqual(self.files(daemon), [daemon.log])


class Together(Rotation):
    """With others that rename the file, and with starts and kills."""

    def test_a_start_goes_on_in_the_file_and_counts_what_is_there(self):
        daemon = self.start(f"max_size = {SIZE}; keep = 100;")
        sent = []
        for i in range(12):
            lines = [f"{i} {j} {'x' * 1000}" for j in range(20)]
            self.send(daemon, ("\n".join(lines) + "\n").encode())
            sent += lines
            self.start_again(daemon,
                             signal.SIGKILL if i % 2 else signal.SIGTERM)
        self.assertEqual(self.data_of(*self.files(daemon)), sent)
        self.assert_full(daemon)

    def test_killed_at_any_moment_no_file_is_lost(self):
        daemon = self.start(f"max_size = {SIZE}; keep = 1000;")
        sent = []
        for i in range(harness.TURNS * 3):
            lines = [f"{i} {j} {'x' * 200}" for j in range(1500)]
            self.send(daemon, ("\n".join(lines) + "\n").encode())
            sent += lines
            load = daemon.tcp()
            load.sendall(b"in flight %s\n" % (b"y" * 1000) * 500)
            self.start_again(daemon, signal.SIGKILL)
            load.close()
        kept = []
        for path in self.files(daemon):
            for line in daemon.text(path).split("\n"):
                if " F " in line and "in flight" not in line:
                    kept.append(line.partition(" F ")[2])
        self.assertEqual(kept, sent)

    def test_signals_and_renames_under_load(self):
        daemon = self.start(f"max_size = {SIZE}; keep = 1000;")
        load = Load(daemon)
        names = []
        for i in range(harness.TURNS * 3):
            load.wait_for(500)
            if i % 2:
                daemon.signal(signal.SIGHUP)
                continue
            names.append(f"{daemon.dir}/taken.{i}")
            os.rename(daemon.log, names[-1])
            wait_for(lambda: os.path.exists(daemon.log), "the new file")
        sent = load.stop()
        kept = self.data_of(*names, *self.files(daemon))
        self.assertEqual(sorted(kept, key=lambda r: int(r.split()[1])), sent)

    @unittest.skipUnless(LOGROTATE, "no logrotate")
    def test_logrotate_under_load(self):
        daemon = self.start(f"max_size = {SIZE}; keep = 1000;", "app.log")
        rules = daemon.dir + "/rules"
        with open(rules, "w", encoding="utf-8") as file:
            file.write(f"{daemon.log} {{\nnocreate\nrotate 1000\npostrotate\n"
                       f"kill -HUP {daemon.process.pid}\nendscript\n}}\n")
        os.chmod(rules, 0o644)
        load = Load(daemon)
        for i in range(harness.TURNS * 2):
            wait_for(lambda n=i * 2 + 1: os.path.exists(
                f"{daemon.log}.{n}"), "a rotation")
            subprocess.run(
                [LOGROTATE, "-f", "-s", daemon.dir + "/state", rules],
                check=True, timeout=harness.PATIENCE,
                stdin=subprocess.DEVNULL)
            wait_for(lambda: os.path.exists(daemon.log), "the new file")
        sent = load.stop()
        kept = self.data_of(*self.files(daemon))
        self.assertEqual(sorted(kept, key=lambda r: int(r.split()[1])), sent)


class Failure(Rotation):
    def test_what_cannot_be_removed_is_told_and_it_goes_on(self):
        daemon = self.start(f"max_size = {SIZE}; keep = 1;", start=False)
        os.mkdir(daemon.log + ".1")
        daemon.start()
        sent = [f"{i} {'x' * 1000}" for i in range(200)]
        self.send(daemon, "\n".join(sent).encode())
        self.assertEqual(self.data_of(daemon.log), sent)
        self.assertEqual(len(re.findall(
            "output log: cannot rotate the file, which is full, and continue "
            "in it: .*\n", daemon.errors())), 1)
        os.rmdir(daemon.log + ".1")

        def sends():
            self.send(daemon, b"more\n")
            sent.append("more")
            return os.path.exists(daemon.log + ".1")
        wait_for(sends, "another try")
        self.assertEqual(self.data_of(daemon.log + ".1", daemon.log), sent)

    def test_a_full_disk_is_freed_by_the_next_rotation_but_not_in_a_line(self):
        daemon = self.start(f"max_size = {SIZE}; keep = 4; keep_free = 0;",
                            start=False)
        daemon.arguments = [*harness.namespaces(
            "m", f"mount -t tmpfs -o size={5 * SIZE // 2} tmpfs "
            f"'{daemon.logs}'"), *daemon.arguments]
        daemon.start()
        daemon.log = f"/proc/{daemon.process.pid}/root{daemon.log}"
        sent = [f"{i} {'x' * 1000}" for i in range(200)]
        with daemon.tcp() as connection:
            connection.sendall("\n".join(sent).encode() + b"\n")
            daemon.wait_for_error("output log: stalled reason=ENOSPC")
            mount(daemon, "-o", "remount,size=2m", "none", daemon.logs)
            connection.shutdown(socket.SHUT_WR)
            harness.end_of(connection)
        self.assertEqual(self.data_of(*self.files(daemon)), sent)
        self.assert_full(daemon)


class Configuration(Rotation):
    def check(self, settings):
        daemon = harness.Daemon(start=False, config=harness.to_file(
            harness.tcp(), more=settings))
        self.addCleanup(daemon.close)
        return harness.run("-T", "-c", daemon.dir + "/portlogd.conf")

    def test_faults(self):
        for settings, found in (
                ("max_size = 65535;", "max_size: found 65535, expected 0 or "
                 "an integer from 65536 to 2147483647"),
                ("max_size = -1;", "max_size: found -1, expected an integer "
                 "from 0 to 2147483647"),
                ("max_size = 2147483648;", "max_size: found 2147483648, "
                 "expected an integer from 0 to 2147483647"),
                ("max_size = 65536; keep = 0;", "keep: found 0, expected an "
                 "integer from 1 to 1000"),
                ("max_size = 65536; keep = 1001;", "keep: found 1001, "),
                ("keep = 5;", 'found "keep" without "max_size", expected '
                 "both"),
                ('max_size = 65536; }, { type = "file"; path = "@DIR@/log.3";',
                 "found an output to "),
                ('}, { type = "file"; path = "@DIR@/./lo"; }, { type = "file";'
                 ' path = "@DIR@/lo.10"; }, { type = "file"; path = '
                 '"@DIR@/lo.10.2"; max_size = 65536; }, { type = "file"; '
                 'path = "@DIR@/lo.10.2.77"; ', "/lo.10.2.77, where max_size "
                 "renames files, beside the one on line 3")):
            with self.subTest(settings):
                ran = self.check(settings)
                self.assertEqual(ran.returncode, 78, ran.stdout)
                self.assertIn(found, ran.stderr)
                self.assertEqual(ran.stderr.count("\n"), 1, ran.stderr)

    def test_the_dump_has_the_default_of_keep_only_where_it_holds(self):
        self.assertNotIn("keep =", self.check("").stdout)
        dumped = self.check("max_size = 65536;").stdout
        self.assertIn("max_size = 65536;", dumped)
        self.assertIn("keep = 9;", dumped)
        ran = self.check("max_size = 0; keep = 3;")
        self.assertEqual(ran.returncode, 0, ran.stderr)


if __name__ == "__main__":
    harness.main(jobs=4)
