# SPDX-License-Identifier: MIT
"""A path that is a pattern: a file for each sender or day."""
import glob
import os
import re
import shutil
import signal
import socket
import threading
import time

import harness
from harness import Case, Record, wait_for
from test_files import Load, mount

LOCAL = 'address = "127.0.0.1";'


class Patterns(Case):
    """A daemon with the directory logs, and senders by their addresses."""

    def start(self, path, settings="", listeners=(harness.tcp(LOCAL),),
              start=True, wrap=(), limits=""):
        daemon = self.daemon(start=False, config=harness.to_file(
            *listeners, path=f"@DIR@/logs/{path}", limits=limits,
            more=f'name = "log"; {settings}'))
        daemon.logs = daemon.dir + "/logs"
        daemon.arguments = [*wrap, *daemon.arguments]
        os.mkdir(daemon.logs)
        if start:
            daemon.start()
        return daemon

    def connect(self, daemon, host="127.0.0.1", number=0):
        connection = socket.create_connection(
            ("127.0.0.1", daemon.port(number)), harness.PATIENCE,
            source_address=(host, 0))
        self.addCleanup(connection.close)
        return connection

    def send(self, daemon, data, host="127.0.0.1", number=0):
        """Send it and get the receipt."""
        connection = self.connect(daemon, host, number)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        harness.end_of(connection)
        connection.close()

    def data_of(self, *paths, tags="FPE"):
        """The records of these files, which have whole lines."""
        found = []
        for path in paths:
            with open(path, "rb") as file:
                content = file.read().decode()
            self.assertEqual(content[-1:], "\n" if content else "", path)
            records = map(Record, content.split("\n")[:-1])
            found += [r.data for r in records if r.tag in tags]
        return found

    def open_files(self, daemon):
        """How many of its files are open, removed ones too."""
        return sum(path.startswith(daemon.logs)
                   for path in daemon.open_files())

    def names(self, daemon):
        return sorted(os.path.relpath(path, daemon.logs) for path in glob.glob(
            daemon.logs + "/**", recursive=True) if os.path.isfile(path))


class Split(Patterns):
    def test_a_file_for_each_sender_and_day(self):
        daemon = self.start("%{peer}/%Y-%m-%d.log", 'mode = "0604";')
        days = set()
        for host in "127.0.0.1", "127.0.0.2":
            days.add(time.strftime("%Y-%m-%d", time.gmtime()))
            self.send(daemon, b"one of %s\n" % host.encode(), host)
        days.add(time.strftime("%Y-%m-%d", time.gmtime()))
        for host in "127.0.0.1", "127.0.0.2":
            path, = glob.glob(f"{daemon.logs}/{host}/*")
            self.assertIn(os.path.basename(path),
                          {day + ".log" for day in days})
            self.assertEqual(self.data_of(path), ["one of " + host])
            self.assertRegex(self.data_of(path, tags="*")[0], "closed reason")
            self.assertEqual(os.stat(path).st_mode & 0o7777, 0o604)
            self.assertEqual(os.stat(os.path.dirname(path)).st_mode & 0o7777,
                             0o705)

    def test_a_listener_is_a_part_and_an_ipv6_peer_is_readable(self):
        daemon = self.start("%{listener}-%{peer}", listeners=(
            harness.tcp('address = "::1"; name = "../a/b";'),))
        with daemon.tcp(host="::1") as connection:
            connection.sendall(b"one\n")
            connection.shutdown(socket.SHUT_WR)
            harness.end_of(connection)
        self.assertEqual(self.names(daemon), ["___a_b-::1"])
        daemon = self.start("%{listener}")
        self.send(daemon, b"one\n")
        self.assertEqual(self.names(daemon), [f"tcp_{daemon.port()}"])

    def test_datagrams_of_many_senders_beside_a_plain_file(self):
        daemon = self.start(
            "%{peer}.json", 'format = "json"; }, { type = "file"; path = '
            '"@DIR@/all"; }, { type = "file"; format = "json"; path = '
            '"@DIR@/all.json";', (harness.udp(LOCAL),))
        hosts = [f"127.0.1.{i}" for i in range(1, 200)]
        senders = []
        for host in hosts:
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(sender.close)
            sender.bind((host, 0))
            sender.connect(("127.0.0.1", daemon.port()))
            senders.append(sender)
        for turn in range(5):
            for host, sender in zip(hosts, senders):
                sender.send(b"%d of %s" % (turn, host.encode()))
        daemon.wait_for_data(5 * len(hosts), path=daemon.dir + "/all")
        wait_for(lambda: len(daemon.json(daemon.dir + "/all.json")) ==
                 5 * len(hosts), "all records")
        self.assertEqual(self.open_files(daemon), 128)
        for host in hosts:
            self.assertEqual(
                [r["data"] for r in daemon.json(f"{daemon.logs}/{host}.json")],
                [f"{turn} of {host}" for turn in range(5)])

    def test_a_note_about_no_peer_has_a_file(self):
        daemon = self.start("%{peer}", "", (harness.udp(
            LOCAL + " receive_buffer = 4096;"),))
        sender = self.udp(daemon)
        daemon.freeze()
        for _ in range(500):
            sender.send(b"x" * 1000)
        daemon.signal(signal.SIGCONT)
        wait_for(lambda: os.path.exists(daemon.logs + "/-"), "the note")
        wait_for(lambda: self.data_of(daemon.logs + "/-", tags="*"),
                 "the note")
        lost = self.data_of(daemon.logs + "/-", tags="*")[0]
        self.assertRegex(lost, r"^lost datagrams=\d+$")
        self.assertEqual(
            len(self.data_of(daemon.logs + "/127.0.0.2")) +
            sum(int(note.split("=")[1]) for note in
                self.data_of(daemon.logs + "/-", tags="*")), 500)

    def test_max_size_is_that_of_each_file(self):
        daemon = self.start("%{peer}", "max_size = 65536; keep = 50;")
        sent = [f"{i} {'x' * 1000}" for i in range(300)]
        for host in "127.0.0.1", "127.0.0.2":
            self.send(daemon, "\n".join(sent).encode(), host)
            files = sorted(
                glob.glob(f"{daemon.logs}/{host}*"),
                key=lambda path: -int((path + ".0").split(".")[4]))
            self.assertGreater(len(files), 4)
            for path in files:
                self.assertLessEqual(os.path.getsize(path), 65536)
            self.assertEqual(self.data_of(*files), sent)


class Changes(Patterns):
    def test_renamed_with_a_signal_under_load_it_loses_nothing(self):
        daemon = self.start("%{peer}")
        log = daemon.logs + "/127.0.0.1"
        load = Load(daemon)
        names = []
        for i in range(harness.TURNS * 2):
            load.wait_for(500)
            names.append(f"{daemon.dir}/old.{i}")
            os.rename(log, names[-1])
            reopened = daemon.errors().count("output log: reopened\n")
            daemon.signal(signal.SIGHUP)
            wait_for(lambda n=reopened: len(re.findall(
                "output log.*: reopened\n", daemon.errors())) > n,
                "the reopening")
        sent = load.stop()
        # The next record makes it, if there was one after the last rename.
        names += [log] if os.path.exists(log) else []
        self.assertEqual(self.data_of(*names), sent)

    def test_a_signal_closes_all_files(self):
        daemon = self.start("%{peer}")
        for i in range(1, 9):
            self.send(daemon, b"x\n", f"127.0.0.{i}")
        shutil.rmtree(daemon.logs)

        self.assertEqual(self.open_files(daemon), 8)
        daemon.signal(signal.SIGHUP)
        wait_for(lambda: self.open_files(daemon) == 0,
                 "the files to be closed")

    def test_a_directory_that_was_removed_is_made_again(self):
        daemon = self.start("%{peer}/%{listener}/log")
        self.send(daemon, b"one\n")
        for i in range(3):
            shutil.rmtree(daemon.logs + "/127.0.0.1")
            self.send(daemon, b"%d\n" % i)
            path, = glob.glob(daemon.logs + "/127.0.0.1/*/log")
            self.assertEqual(self.data_of(path), [str(i)])
        self.assertIn(f"output log: {path}: reopened: its path led to another "
                      "file or to none\n", daemon.errors())

    def test_started_again_it_goes_on_and_ends_a_torn_line(self):
        daemon = self.start("%{peer}")
        log = daemon.logs + "/127.0.0.1"
        self.send(daemon, b"one\n")
        for number in signal.SIGKILL, signal.SIGTERM:
            daemon.stop(number)
            os.truncate(daemon.err, 0)
            with open(log, "ab") as file:
                file.write(b"2026-11-23T07:12:01.000000Z tcp/1 - F torn")
            daemon.start()
            self.send(daemon, b"two\n")
        self.assertEqual(self.data_of(log),
                         ["one", "torn", "two", "torn", "two"])


class Failure(Patterns):
    """One file that cannot be written to stalls the output, as any does."""

    def test_a_file_that_cannot_be_opened_holds_the_records(self):
        daemon = self.start("%{peer}/log")
        blocked = daemon.logs + "/127.0.0.2"
        with open(blocked, "wb"):
            pass
        sender = threading.Thread(target=self.send, args=(
            daemon, b"held\n", "127.0.0.2"))
        sender.start()
        daemon.wait_for_error(f"output log: {blocked}/log: stalled "
                              "reason=ENOTDIR: Not a directory")
        os.unlink(blocked)
        sender.join(harness.PATIENCE)
        self.assertEqual(self.data_of(blocked + "/log"), ["held"])
        self.assertRegex("\n".join(self.data_of(blocked + "/log", tags="*")),
                         "resumed seconds=")
        self.send(daemon, b"other\n")
        self.assertEqual(self.names(daemon), ["127.0.0.1/log",
                                              "127.0.0.2/log"])

    def test_a_file_that_cannot_be_opened_does_not_keep_it_from_ending(self):
        daemon = self.start("%{peer}/log", limits="shutdown_timeout = 1;")
        daemon.exits = 1
        with open(daemon.logs + "/127.0.0.1", "wb"):
            pass
        self.connect(daemon).sendall(b"held\n")
        daemon.wait_for_error("stalled reason=ENOTDIR")
        self.assertEqual(daemon.stop(), 1)
        self.assertIn("output log: 1 records unwritten", daemon.errors())

    def test_a_disk_that_is_full_for_one_of_them(self):
        daemon = self.start("%{peer}/log", "keep_free = 0;", start=False)
        full = daemon.logs + "/127.0.0.2"
        os.mkdir(full)
        daemon.arguments = [*harness.namespaces(
            "m", f"mount -t tmpfs -o size=65536 tmpfs '{full}'"),
            *daemon.arguments]
        daemon.start()
        sent = [f"{i} {'x' * 1000}" for i in range(100)]
        senders = [threading.Thread(target=self.send, args=(
            daemon, "\n".join(sent).encode(), host))
            for host in ("127.0.0.2", "127.0.0.1")]
        senders[0].start()
        daemon.wait_for_error(f"output log: {full}/log: stalled reason=ENOSPC")
        senders[1].start()
        mount(daemon, "-o", "remount,size=1m", "none", full)
        for sender in senders:
            sender.join(harness.PATIENCE)
        inside = f"/proc/{daemon.process.pid}/root{daemon.logs}"
        for host in "127.0.0.1", "127.0.0.2":
            self.assertEqual(self.data_of(f"{inside}/{host}/log"), sent)
        self.assertRegex("\n".join(self.data_of(
            f"{inside}/127.0.0.2/log", tags="*")),
            "resumed seconds=")


class Start(Patterns):
    def test_what_is_before_the_first_variable_must_be_there(self):
        daemon = self.start("%{peer}", start=False)
        path = daemon.dir + "/portlogd.conf"
        os.rmdir(daemon.logs)
        self.assertEqual(harness.run("-t", "-c", path).returncode, 0)
        for options in ["--test=full"], []:
            ran = harness.run("-c", path, *options)
            self.assertEqual(ran.returncode, 1)
            self.assertIn(f"cannot open output log: {daemon.logs}/%{{peer}}: "
                          "No such file or directory\n", ran.stderr)
        with open(daemon.logs, "wb"):
            pass
        self.assertIn(f'path: found "{daemon.logs}/", which is no directory',
                      harness.run("-t", "-c", path).stderr)
        os.unlink(daemon.logs)
        os.mkdir(daemon.logs)
        self.assertEqual(harness.run("--test=full", "-c", path).returncode, 0)
        self.assertEqual(os.listdir(daemon.logs), [])

    def test_two_outputs_of_one_pattern_are_one_too_many(self):
        daemon = self.start("%{peer}", '}, { type = "file"; path = '
                            '"@DIR@/./logs/%{peer}"; ', start=False)
        self.assertIn("found a second output to", harness.run(
            "-t", "-c", daemon.dir + "/portlogd.conf").stderr)

    def test_the_command_line_takes_a_pattern(self):
        daemon = self.daemon("-l", "tcp:127.0.0.1:0", "-o", "%{peer}.%%",
                             start=False)
        daemon.cwd = daemon.logs = daemon.dir
        daemon.start()
        self.send(daemon, b"one\n")
        self.assertEqual(self.data_of(daemon.dir + "/127.0.0.1.%"), ["one"])


if __name__ == "__main__":
    harness.main(jobs=4)
