# SPDX-License-Identifier: MIT
"""The file under an output's path is another one, or none any more."""
import glob
import gzip
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import harness
from harness import Case, Daemon, Record, wait_for

TCP = '{ protocol = "tcp"; port = 0; address = "127.0.0.1"; }'
LOGROTATE = shutil.which("logrotate", path=os.environ.get("PATH", "") +
                         ":/usr/sbin:/sbin")


def config(outputs, more=""):
    return f"{more}\nlisteners = ( {TCP} );\noutputs = ( {outputs} );\n"


def mount(daemon, *arguments):
    """Mount in the namespaces of a daemon that has its own."""
    subprocess.run(harness.inside(daemon, "mount", *arguments),
                   check=True, timeout=harness.PATIENCE)


class Load:
    """Sends numbered records until it is stopped."""

    def __init__(self, daemon):
        self.connection = daemon.tcp()
        self.count = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.wait(0.001):
            self.connection.sendall(b"".join(
                b"record %d\n" % i
                for i in range(self.count, self.count + 10)))
            self.count += 10

    def wait_for(self, more):
        wanted = self.count + more
        wait_for(lambda: self.count >= wanted, "more to be sent")

    def stop(self):
        """Stop, and wait for the receipt; returns what was sent."""
        self.stopping.set()
        self.thread.join(harness.PATIENCE)
        self.connection.shutdown(socket.SHUT_WR)
        harness.end_of(self.connection)
        self.connection.close()
        return [f"record {i}" for i in range(self.count)]


class Files(Case):
    """A daemon that writes to the file log in the directory logs."""

    def start(self, settings="", wrap=(), **options):
        daemon = self.daemon(start=False, config=config(
            f'{{ type = "file"; name = "log"; path = "@DIR@/logs/log"; '
            f'{settings} }}'), **options)
        os.mkdir(daemon.dir + "/logs")
        daemon.log = daemon.dir + "/logs/log"
        daemon.arguments = [*wrap, *daemon.arguments]
        daemon.start()
        return daemon

    def send(self, daemon, text):
        """Send it and get the receipt."""
        with daemon.tcp() as connection:
            connection.sendall(text + b"\n")
            connection.shutdown(socket.SHUT_WR)
            harness.end_of(connection)

    def data_of(self, *paths):
        """The records of these files, one after the other."""
        found = []
        for path in paths:
            opened = gzip.open if path.endswith(".gz") else open
            with opened(path, "rb") as file:
                content = file.read().decode()
            self.assertEqual(content[-1:], "\n" if content else "", path)
            records = map(Record, content.split("\n")[:-1])
            found += [r.data for r in records if r.tag != "*"]
        return found


class Replaced(Files):
    """Nobody sends a signal."""

    def test_what_comes_after_a_removal_is_in_the_new_file(self):
        daemon = self.start('mode = "0604";')
        self.send(daemon, b"one")
        for i in range(10):
            os.unlink(daemon.log)
            self.send(daemon, b"%d" % i)
            self.assertEqual(self.data_of(daemon.log), [str(i)])
        self.assertEqual(os.stat(daemon.log).st_mode & 0o777, 0o604)
        self.assertIn("output log: reopened: its path led to another file or "
                      "to none\n", daemon.errors())

    def test_a_directory_that_was_replaced(self):
        for how in "removed", "renamed":
            daemon = self.start()
            self.send(daemon, b"one")
            directory = daemon.dir + "/logs"
            if how == "removed":
                shutil.rmtree(directory)
            else:
                time.sleep(0.15)  # until the next look
                os.rename(directory, directory + ".old")
            os.mkdir(directory)
            self.send(daemon, b"two")
            self.assertEqual(self.data_of(daemon.log), ["two"], how)

    def test_without_a_directory_records_are_held(self):
        daemon = self.start()
        shutil.rmtree(daemon.dir + "/logs")
        sender = threading.Thread(target=self.send, args=(daemon, b"held"))
        sender.start()
        daemon.wait_for_error("output log: cannot reopen, keeping the old: "
                              ".*No such file or directory\n")
        daemon.wait_for_error("output log: stalled reason=ENOENT")
        os.mkdir(daemon.dir + "/logs")
        sender.join(harness.PATIENCE)
        self.assertEqual(self.data_of(daemon.log), ["held"])

    def test_a_file_that_cannot_be_made_anew_is_kept(self):
        daemon = self.start()
        self.send(daemon, b"one")
        os.rename(daemon.log, daemon.dir + "/old")
        os.rename(daemon.dir + "/logs", daemon.dir + "/elsewhere")
        daemon_data = []
        for i in range(3):
            time.sleep(0.15)  # until the next look
            self.send(daemon, b"%d" % i)
            daemon_data.append(str(i))
        self.assertEqual(self.data_of(daemon.dir + "/old"),
                         ["one", *daemon_data])
        self.assertEqual(daemon.errors().count("cannot reopen"), 1)
        os.rename(daemon.dir + "/elsewhere", daemon.dir + "/logs")
        time.sleep(0.15)
        self.send(daemon, b"new")
        self.assertEqual(self.data_of(daemon.log), ["new"])

    def test_a_file_system_that_was_mounted_over_it(self):
        daemon = self.start(wrap=harness.namespaces("m"))
        self.send(daemon, b"one")
        mount(daemon, "-t", "tmpfs", "tmpfs", daemon.dir + "/logs")
        time.sleep(0.15)  # until the next look
        self.send(daemon, b"two")
        self.assertEqual(self.data_of(daemon.log), ["one"])
        self.assertEqual(self.data_of(
            f"/proc/{daemon.process.pid}/root{daemon.log}"), ["two"])

    def test_renamed_again_and_again_under_load_it_loses_nothing(self):
        daemon = self.start()
        load = Load(daemon)
        names = []
        for i in range(harness.TURNS * 3):
            load.wait_for(500)
            names.append(f"{daemon.log}.{i}")
            os.rename(daemon.log, names[-1])
            wait_for(lambda: os.path.exists(daemon.log), "the new file")
        sent = load.stop()
        self.assertEqual(self.data_of(*names, daemon.log), sent)

    def test_removed_again_and_again_under_load_none_is_torn(self):
        daemon = self.start()
        load = Load(daemon)
        for _ in range(harness.TURNS * 3):
            load.wait_for(500)
            os.unlink(daemon.log)
            wait_for(lambda: os.path.exists(daemon.log), "the new file")
        sent = load.stop()
        kept = self.data_of(daemon.log)
        self.assertEqual(kept, sent[len(sent) - len(kept):])
        self.assertGreater(len(kept), 0)


class MidLine(Files):
    """A full disk stops it in the middle of a line; then the file changes."""

    FULL = 64 << 10

    def fill(self):
        """A daemon that stands in a line; returns it and what it got."""
        daemon = self.daemon(start=False, config=config(
            '{ type = "file"; name = "log"; path = "@DIR@/logs/log"; '
            'keep_free = 0; }'))
        logs = daemon.dir + "/logs"
        os.mkdir(logs)
        daemon.arguments = [*harness.namespaces(
            "m", f"mount -t tmpfs -o size={self.FULL} tmpfs '{logs}'"),
            *daemon.arguments]
        daemon.start()
        daemon.log = f"/proc/{daemon.process.pid}/root{logs}/log"
        sent = [f"{i} {'x' * 1000}" for i in range(80)]
        sender = threading.Thread(
            target=self.send, args=(daemon, "\n".join(sent).encode()))
        sender.start()
        daemon.wait_for_error("output log: stalled reason=ENOSPC")
        with open(daemon.log, "rb") as file:
            old = file.read()
        self.assertNotEqual(old[-1:], b"\n")
        daemon.whole = old.count(b"\n")
        daemon.torn = len(old) - old.rindex(b"\n") - 1
        return daemon, sender, sent

    def ends_well(self, daemon, sender, expected):
        sender.join(harness.PATIENCE)
        self.assertFalse(sender.is_alive())
        daemon.wait_for_error(f"a line is begun again, of which {daemon.torn} "
                              "bytes were written before\n")
        self.assertEqual(self.data_of(daemon.log), expected)

    def test_the_file_is_removed(self):
        daemon, sender, sent = self.fill()
        os.unlink(daemon.log)
        self.ends_well(daemon, sender, sent[daemon.whole:])

    def test_the_file_is_removed_and_a_signal_sent(self):
        daemon, sender, sent = self.fill()
        os.unlink(daemon.log)
        daemon.signal(signal.SIGHUP)
        self.ends_well(daemon, sender, sent[daemon.whole:])

    def test_the_file_is_emptied(self):
        daemon, sender, sent = self.fill()
        os.truncate(daemon.log, 0)
        self.ends_well(daemon, sender, sent[daemon.whole:])
        self.assertIn("another process has emptied the file",
                      daemon.errors())

    def test_the_file_stays_and_a_signal_is_sent(self):
        daemon, sender, sent = self.fill()
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_error("output log: reopened\n")
        mount(daemon, "-o", "remount,size=1m", "none", daemon.dir + "/logs")
        sender.join(harness.PATIENCE)
        self.assertEqual(self.data_of(daemon.log), sent)
        self.assertNotIn("begun again", daemon.errors())


@unittest.skipUnless(LOGROTATE, "no logrotate")
class Logrotate(Files):
    """logrotate(8) itself, under load."""

    def rotate(self, settings, times=None):
        """Rotate so often; returns all data in order, and what was sent."""
        daemon = self.start()
        rules = daemon.dir + "/rules"
        pid = daemon.process.pid
        with open(rules, "w", encoding="utf-8") as file:
            file.write(f"{daemon.log} {{\n" + settings.replace(
                "@HUP@", f"postrotate\n kill -HUP {pid}\n endscript") +
                "\nrotate 100\n}\n")
        os.chmod(rules, 0o644)
        os.chmod(daemon.dir + "/logs", 0o755)
        load = Load(daemon)
        for _ in range(times or harness.TURNS):
            load.wait_for(500)
            subprocess.run(
                [LOGROTATE, "-f", "-s", daemon.dir + "/state", rules],
                check=True, timeout=harness.PATIENCE,
                stdin=subprocess.DEVNULL)
            wait_for(lambda: os.path.exists(daemon.log), "the new file")
        load.wait_for(500)
        sent = load.stop()

        def age(path):
            number = re.search(r"\.(\d+)(\.gz)?$", path)
            return int(number[1]) if number else 0
        paths = sorted(glob.glob(daemon.log + "*"), key=age, reverse=True)
        return daemon, self.data_of(*paths), sent

    def test_create(self):
        for signal_ in "@HUP@", "":
            with self.subTest(signal_):
                _, kept, sent = self.rotate(f"create\n{signal_}")
                self.assertEqual(kept, sent)

    def test_nocreate(self):
        for signal_ in "@HUP@", "":
            with self.subTest(signal_):
                _, kept, sent = self.rotate(f"nocreate\n{signal_}")
                self.assertEqual(kept, sent)

    def test_compressed_one_turn_later(self):
        _, kept, sent = self.rotate(
            "nocreate\ncompress\ndelaycompress\n@HUP@")
        self.assertEqual(kept, sent)

    def test_dateext(self):
        _, kept, sent = self.rotate(
            "nocreate\ndateext\ndateformat .%s\n@HUP@", times=1)
        self.assertEqual(sorted(kept), sorted(sent))

    def test_copytruncate_tears_nothing_and_is_told(self):
        daemon, kept, sent = self.rotate("copytruncate")
        # What comes between the copy and the cut is in neither.
        self.assertEqual([r for r in sent if r in set(kept)], kept)
        self.assertGreater(len(kept), len(sent) // 2)
        self.assertIn("another process has emptied the file: what it did not "
                      "copy before is missing", daemon.errors())


class Stdout(Files):
    """A stdout that is a file is written to as a file is."""

    def test_no_hole_after_it_was_emptied(self):
        daemon = self.daemon("-l", "tcp:127.0.0.1:0", start=False)
        with open(daemon.out, "wb") as out:
            daemon.start(stdout=out)
        self.send(daemon, b"one")
        os.truncate(daemon.out, 0)
        self.send(daemon, b"two")
        self.assertEqual(self.data_of(daemon.out), ["two"])

    def test_a_torn_line_is_ended_first(self):
        for kind, begin in (("text", b"torn\n2"), ("json", b"torn\n{"),
                            ("raw", b"torn")):
            daemon = self.daemon("-l", "tcp:127.0.0.1:0", "-f", kind,
                                 start=False)
            with open(daemon.out, "wb") as out:
                out.write(b"torn")
            daemon.start()
            self.send(daemon, b"two")
            self.assertTrue(daemon.bytes().startswith(begin), kind)

    def test_that_it_was_removed_is_told(self):
        daemon = self.daemon("-l", "tcp:127.0.0.1:0")
        os.unlink(daemon.out)
        self.send(daemon, b"two")
        daemon.wait_for_error("output stdout: the file was removed")


class Gone(Files):
    """The reader is gone, and no other can come: exit 1 with the reason."""

    def on_a_terminal(self, *arguments):
        """A daemon whose stdin and stdout are a terminal of its own."""
        main, terminal = pty.openpty()
        daemon = Daemon("-l", "tcp:127.0.0.1:0", *arguments, start=False,
                        wrap=("setsid", "-c"))
        self.addCleanup(daemon.close)
        with open(daemon.err, "ab") as err:
            daemon.process = subprocess.Popen(
                daemon.arguments, stdin=terminal, stdout=terminal, stderr=err)
        os.close(terminal)
        wait_for(daemon.is_listening, "the start")
        self.addCleanup(lambda: daemon.hung_up or os.close(main))
        daemon.hung_up = False

        def hang_up():
            os.close(main)
            daemon.hung_up = True
        daemon.hang_up = hang_up
        daemon.terminal = main
        return daemon

    def wait_until_shown(self, daemon, text):
        """A terminal may give what was written in several parts."""
        shown = b""

        def look():
            nonlocal shown
            if select.select([daemon.terminal], [], [], 0)[0]:
                shown += os.read(daemon.terminal, 4096)
            return text in shown
        wait_for(look, text)

    def ends(self, daemon, reason):
        self.assertEqual(daemon.wait(), 1)
        self.assertRegex(daemon.errors(), reason)

    def test_a_terminal_that_hangs_up(self):
        for arguments in (), ("-o", "/dev/stdout"):
            daemon = self.on_a_terminal(*arguments)
            self.send(daemon, b"one")
            self.wait_until_shown(daemon, b" F one")
            daemon.hang_up()
            self.ends(daemon, "output .*: Input/output error: its terminal is "
                      "gone\n")

    def test_a_terminal_that_hangs_up_without_a_signal(self):
        daemon = self.on_a_terminal()
        with daemon.tcp() as connection:
            daemon.freeze()
            connection.sendall(b"after\n")
            daemon.hang_up()  # the kernel may send a SIGCONT with that
            daemon.signal(signal.SIGCONT)
            self.ends(daemon, r"output stdout: [1-9]\d* records unwritten|"
                      "its terminal is gone")

    def test_a_path_that_leads_to_a_pipe_of_ours(self):
        for path in "/dev/stdout", "/proc/self/fd/1":
            reader, writer = os.pipe()
            daemon = self.daemon("-l", "tcp:127.0.0.1:0", "-o", path,
                                 start=False)
            daemon.start(stdout=writer)
            os.close(writer)
            self.send(daemon, b"one")
            self.assertIn(b" F one\n", os.read(reader, 4096))
            os.close(reader)
            with daemon.tcp() as connection:
                connection.sendall(b"two\n")
                self.ends(daemon, f"output {path}: Broken pipe")
            daemon.exits = 1

    def test_an_unnamed_pipe_by_its_descriptor(self):
        reader, writer = os.pipe()
        daemon = self.daemon("-l", "tcp:127.0.0.1:0", "-o",
                             f"/proc/self/fd/{writer}", start=False)
        daemon.pass_fds = (writer,)
        daemon.start()
        os.close(writer)
        os.close(reader)
        with daemon.tcp() as connection:
            connection.sendall(b"two\n")
            self.ends(daemon, "output /proc/self/fd/.*: Broken pipe")
        daemon.exits = 1

    def test_a_socket_by_the_path_of_stdout(self):
        ours, its = socket.socketpair()
        daemon = self.daemon("-l", "tcp:127.0.0.1:0", "-o", "/dev/stdout",
                             start=False)
        daemon.start(stdout=its)
        its.close()
        self.send(daemon, b"one")
        self.assertIn(b" F one\n", ours.recv(4096))
        ours.close()
        with daemon.tcp() as connection:
            connection.sendall(b"two\n")
            self.ends(daemon, "output /dev/stdout: Broken pipe")
        daemon.exits = 1


class Shared(Files):
    """Two outputs, or two daemons, and one file."""

    def check(self, outputs, more="", **options):
        """Check a configuration in self.dir; returns the faults."""
        path = self.dir + "/portlogd.conf"
        with open(path, "w", encoding="utf-8") as file:
            file.write(config(outputs.replace("@DIR@", self.dir), more))
        ran = harness.run("-t", "-c", path, **options)
        self.assertEqual(ran.returncode, 78 if ran.stderr else 0)
        return ran.stderr

    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory(prefix="portlog-")
        self.addCleanup(directory.cleanup)
        self.dir = directory.name
        os.mkdir(self.dir + "/a")
        os.symlink(self.dir + "/a", self.dir + "/b")
        with open(self.dir + "/a/file", "wb"):
            pass
        os.link(self.dir + "/a/file", self.dir + "/hard")
        os.symlink("a/file", self.dir + "/soft")

    def both(self, first, second):
        return "".join(f'{{ type = "file"; name = "{name}"; path = "@DIR@/'
                       f'{path}"; }}{end}' for name, path, end in
                       (("x", first, ","), ("y", second, "")))

    def test_one_file_by_two_paths_is_a_fault(self):
        for first, second in (("a/file", "b/file"), ("a/file", "hard"),
                              ("soft", "hard"), ("a/new", "b/new"),
                              ("b/./new", "a//new")):
            with self.subTest(f"{first} {second}"):
                self.assertIn(
                    f"found a second output to {self.dir}/{second}, the first "
                    "is on", self.check(self.both(first, second)))
        for first, second in (("a/new", "a/file"), ("a/new", "new"),
                              ("none/new", "nowhere/new")):
            self.assertEqual(self.check(self.both(first, second)), "")

    def test_stdout_by_its_path_is_a_fault(self):
        for path in "/dev/stdout", "/proc/self/fd/1":
            for outputs in (
                    f'{{ type = "stdout"; }}, {{ type = "file"; path = '
                    f'"{path}"; }}', f'{{ type = "file"; path = "{path}"; }}, '
                    '{ type = "stdout"; }'):
                self.assertIn("found a second output to", self.check(outputs))
        with open("/dev/null", "wb") as null:
            ran = subprocess.run(
                [harness.PORTLOGD, "-t", "-c", self.dir + "/portlogd.conf"],
                stdout=null, stderr=subprocess.PIPE, check=False,
                timeout=harness.PATIENCE)
        self.assertEqual(ran.returncode, 0, ran.stderr)

    def test_a_directory_or_a_file_of_the_configuration_is_a_fault(self):
        for path, found in (("a", "a directory"), ("b", "a directory"),
                            ("portlogd.conf", "a file of this configuration"),
                            ("a/../portlogd.conf",
                             "a file of this configuration"),
                            ("more.conf", "a file of this configuration"),
                            ("link.conf", "a file of this configuration")):
            if path == "more.conf":
                with open(self.dir + "/more.conf", "wb"):
                    pass
                os.symlink("more.conf", self.dir + "/link.conf")
            with self.subTest(path):
                self.assertIn(
                    f'path: found {found}, "{self.dir}/{path}", expected',
                    self.check(f'{{ type = "file"; path = "@DIR@/{path}"; }}',
                               '\n@include "more.conf"' if "m" in path or
                               "link" in path else ""))

    def test_a_link_that_only_the_start_can_see(self):
        os.symlink("new", self.dir + "/link")
        self.assertEqual(self.check(self.both("new", "link")), "")
        ran = harness.run("-c", self.dir + "/portlogd.conf")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("cannot open output y: it is the same file as output x",
                      ran.stderr)

    def test_two_daemons_on_one_file_are_warned(self):
        first = self.start()
        warning = ("output .*: another process or output has locked the file: "
                   "if both write to it, their lines may mix")
        second = self.daemon("-l", "tcp:127.0.0.1:0", "-o", first.log)
        second.wait_for_error(warning)
        third = self.daemon("-l", "tcp:127.0.0.1:0", start=False)
        with open(first.log, "ab") as out:
            third.start(stdout=out)
        third.wait_for_error(warning)
        self.send(second, b"two")
        self.assertEqual(self.data_of(first.log), ["two"])
        for daemon in first, second, third:
            self.assertEqual(daemon.stop(), 0)
        self.assertNotRegex(first.errors(), warning)
        again = self.daemon("-l", "tcp:127.0.0.1:0", "-o", first.log)
        again.signal(signal.SIGHUP)
        again.wait_for_error("reopened")
        self.assertNotRegex(again.errors(), warning)


if __name__ == "__main__":
    harness.main(jobs=4)
