# SPDX-License-Identifier: MIT
"""Unix sockets as listeners: streams and datagrams, and who has sent them."""
import array
import contextlib
import grp
import os
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from signal import SIGCONT

import harness
import keeper
from tracer import Tracer
from harness import end_of, run, to_file, wait_for, watch

STREAM, DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
KINDS = {"unix-stream": STREAM, "unix-datagram": DGRAM}
MOST_QUEUED = "/proc/sys/net/unix/max_dgram_qlen"


def own_name():
    return f"unix:uid={os.getuid()}:pid={os.getpid()}"


def listener(protocol, settings="", name="u"):
    """At the path @DIR@/NAME."""
    return (f'{{ protocol = "{protocol}"; path = "@DIR@/{name}"; '
            f'name = "{name}"; {settings} }}')


def stream(settings="", name="s"):
    return listener("unix-stream", settings, name)


def dgram(settings="", name="d"):
    return listener("unix-datagram", settings, name)


class Case(keeper.Case):

    def unix(self, daemon, kind, name=None):
        """Connected to the path of that name."""
        end = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(end.close)
        end.settimeout(harness.PATIENCE)
        end.connect(f"{daemon.dir}/{name or ('s' if kind == STREAM else 'd')}")
        return end

    def wait_for_data(self, daemon, *data):
        """Wait for exactly these records."""
        try:
            wait_for(lambda: [r.data for r in daemon.records(self.log)
                              if r.tag != "*"] == list(data))
        except (AssertionError, OSError):
            self.assertEqual([(r.tag, r.data[:80]) for r in
                              daemon.records(self.log)], list(data))

    def noted(self, daemon, event):
        return [r.note()[1] for r in daemon.records(self.log)
                if r.tag == "*" and r.note()[0] == event]


class Path(Case):
    """The file: its mode, its group, and its life."""

    def test_the_mode_is_what_is_configured_whatever_the_umask_is(self):
        for umask in (0o000, 0o022, 0o777):
            for mode in ("0666", "0600", "0000"):
                daemon = self.serve(
                    stream(f'mode = "{mode}";'), dgram(f'mode = "{mode}";'),
                    wrap=(shutil.which("sh"), "-c", f'umask {umask:o} && exec "$@"', "sh"),
                    start=False)
                daemon.start()
                for name in "sd":
                    found = os.stat(f"{daemon.dir}/{name}")
                    self.assertTrue(stat.S_ISSOCK(found.st_mode))
                    self.assertEqual(f"{stat.S_IMODE(found.st_mode):04o}",
                                     mode)
                self.assertEqual(daemon.stop(), 0)

    def test_by_default_the_user_and_the_group_may_connect(self):
        daemon = self.serve(stream())
        found = os.stat(f"{daemon.dir}/s")
        self.assertEqual(stat.S_IMODE(found.st_mode), 0o660)
        self.assertIn("listening on unix-stream "
                      f"{daemon.dir}/s, mode 0660\n", daemon.errors())

    def test_a_group_has_a_name_or_a_number(self):
        own = grp.getgrgid(os.getgid()).gr_name
        for group in (own, str(os.getgid())):
            daemon = self.serve(stream(f'group = "{group}";'))
            self.assertEqual(os.stat(f"{daemon.dir}/s").st_gid, os.getgid())
            self.assertIn(f", mode 0660, group {group}\n", daemon.errors())
            self.assertEqual(daemon.stop(), 0)
        harness.needs_root()
        daemon = self.serve(dgram('group = "12345";'))
        self.assertEqual(os.stat(f"{daemon.dir}/d").st_gid, 12345)

    def test_a_group_that_it_may_not_give_is_a_clear_error(self):
        harness.needs_root()
        daemon = self.serve(
            stream('group = "0";'), start=False,
            wrap=(shutil.which("setpriv"), "--reuid=65534", "--regid=65534",
                  "--clear-groups"))
        os.chmod(daemon.dir, 0o777)
        daemon.keeper.open_to_all()
        daemon.exits = 1
        daemon.launch()
        self.assertEqual(daemon.wait(), 1)
        self.assertIn(f"cannot set the group of unix-stream {daemon.dir}/s: "
                      "Operation not permitted", daemon.errors())
        self.assertFalse(os.path.lexists(f"{daemon.dir}/s"))

    def test_a_path_that_a_kill_has_left_is_used_again(self):
        daemon = self.serve(stream(), dgram())
        for kind in (STREAM, DGRAM):
            self.unix(daemon, kind).send(b"x\n")
        self.wait_for_data(daemon, "x", "x")
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        daemon.keeper.settle()
        daemon.keeper.drop()  # as when the service has failed for good
        self.assertTrue(os.path.exists(f"{daemon.dir}/s"))
        daemon.start()
        for kind in (STREAM, DGRAM):
            self.unix(daemon, kind).send(b"y\n")
        wait_for(lambda: self.told(daemon).count("y") == 2, "the next")

    def test_where_somebody_lives_it_does_not_start(self):
        for kind, listens in ((STREAM, False), (STREAM, True), (DGRAM, False),
                              (socket.SOCK_SEQPACKET, True)):
            daemon = self.serve(stream(), start=False)
            daemon.exits = 1
            with socket.socket(socket.AF_UNIX, kind) as other:
                other.bind(f"{daemon.dir}/s")
                if listens:
                    other.listen()
                    other.setblocking(False)
                daemon.launch()
                self.assertEqual(daemon.wait(), 1)
                self.assertIn(
                    f"cannot listen on unix-stream {daemon.dir}/s: Address "
                    "already in use by another process", daemon.errors())
                self.assertTrue(os.path.exists(f"{daemon.dir}/s"))
                if kind == STREAM and listens:  # and it was not disturbed
                    self.assertRaises(BlockingIOError, other.accept)

    def test_a_stop_removes_the_path_and_a_restart_does_not(self):
        daemon = self.serve(stream(), dgram())
        daemon.leave()
        for name in "sd":
            self.assertTrue(os.path.exists(f"{daemon.dir}/{name}"))
        daemon.start()
        self.assertEqual(daemon.stop(), 0)
        for name in "sd":
            self.assertFalse(os.path.lexists(f"{daemon.dir}/{name}"))

    def test_a_path_of_another_is_not_removed(self):
        daemon = self.serve(stream())
        daemon.freeze()
        os.unlink(f"{daemon.dir}/s")
        with socket.socket(socket.AF_UNIX, STREAM) as other:
            other.bind(f"{daemon.dir}/s")
            daemon.signal(signal.SIGTERM)
            daemon.keeper.job = "stop"
            daemon.signal(SIGCONT)
            self.assertEqual(daemon.wait(), 0)
            self.assertTrue(os.path.exists(f"{daemon.dir}/s"))

    def test_a_path_that_is_removed_is_made_again(self):
        daemon = self.serve(stream(), dgram())
        kept = self.unix(daemon, STREAM)
        kept.send(b"before\n")
        self.wait_for_data(daemon, "before")
        for name in "sd":
            os.unlink(f"{daemon.dir}/{name}")
        wait_for(lambda: daemon.errors().count("it could not listen") == 2,
                 "both paths")
        self.assertIn("listener s: its path is gone", daemon.errors())
        kept.send(b"still\n")
        self.wait_for_data(daemon, "before", "still")
        for kind in (STREAM, DGRAM):
            self.unix(daemon, kind).send(b"after\n")
        self.wait_for_data(daemon, "before", "still", "after", "after")

    def test_a_path_that_is_removed_over_a_restart_is_made_again(self):
        daemon = self.serve(stream(), dgram())
        sender = self.unix(daemon, DGRAM)
        daemon.leave()
        sender.send(b"queued")
        for name in "sd":
            os.unlink(f"{daemon.dir}/{name}")
        daemon.start()
        for kind in (STREAM, DGRAM):
            self.unix(daemon, kind).send(b"after\n")
        wait_for(lambda: sorted(r.data for r in daemon.records(self.log)
                                if r.tag != "*") ==
                 ["after", "after", "queued"], "all three")

    def test_a_path_may_change_its_kind_over_a_restart(self):
        daemon = self.serve(stream(name="u"))
        connection = self.unix(daemon, STREAM, "u")
        connection.send(b"one\nunfinished")
        wait_for(lambda: self.told(daemon) == ["one"], "one")
        daemon.restart(to_file(dgram(name="u")))
        self.unix(daemon, DGRAM, "u").send(b"two")
        wait_for(lambda: [r.data for r in daemon.records(self.log) if
                          r.tag in "FE"].count("two") == 1, "two")
        wait_for(lambda: "unfinished" in self.told(daemon), "what was left")
        self.assertEqual(end_of(connection), b"")
        daemon.restart(to_file(stream(name="v")))
        self.assertFalse(os.path.lexists(f"{daemon.dir}/u"))

    def test_the_check_tries_paths_and_leaves_nothing(self):
        daemon = self.serve(stream(), dgram(), start=False)
        path = daemon.arguments[-1]
        self.assertEqual(run("--test=full", "-c", path).returncode, 0)
        self.assertEqual(os.listdir(daemon.dir), ["portlogd.conf"])
        daemon.start()  # who runs it already is no obstacle
        self.assertEqual(run("--test=full", "-c", path).returncode, 0)
        self.unix(daemon, STREAM).send(b"x\n")
        self.wait_for_data(daemon, "x")
        with open(path, encoding="utf-8") as file:
            text = file.read().replace(daemon.dir + "/s", "/nowhere/s")
        with open(path + ".2", "w", encoding="utf-8") as file:
            file.write(text)
        tested = run("--test=full", "-c", path + ".2")
        self.assertEqual(tested.returncode, 1)
        self.assertIn("cannot listen on unix-stream /nowhere/s: No such file "
                      "or directory", tested.stderr)


class Peer(Case):
    """Who has sent it."""

    def test_the_peer_is_a_process(self):
        daemon = self.serve(stream(), dgram())
        self.unix(daemon, STREAM).send(b"stream\n")
        self.wait_for_data(daemon, "stream")
        self.unix(daemon, DGRAM).send(b"dgram\n")
        self.wait_for_data(daemon, "stream", "dgram")
        self.assertEqual({r.peer for r in daemon.records(self.log)}, {own_name()})

    def test_two_senders_of_datagrams_are_told_apart(self):
        daemon = self.serve(dgram())
        daemon.freeze()
        send = ("import socket,sys,os; s = socket.socket(socket.AF_UNIX, "
                "socket.SOCK_DGRAM); s.sendto(str(os.getpid()).encode(), "
                "sys.argv[1])")
        for _ in range(5):
            subprocess.run([sys.executable, "-c", send, f"{daemon.dir}/d"],
                           check=True, timeout=harness.PATIENCE)
        daemon.signal(SIGCONT)
        wait_for(lambda: len(daemon.records(self.log)) == 5, "all five")
        for record in daemon.records(self.log):
            self.assertEqual(record.peer,
                             f"unix:uid={os.getuid()}:pid={record.data}")

    def test_the_name_of_a_senders_socket_does_not_matter(self):
        daemon = self.serve(stream(), dgram())
        for name, kind in (("s", STREAM), ("d", DGRAM)):
            with socket.socket(socket.AF_UNIX, kind) as end:
                end.bind(f"{daemon.dir}/" + 80 * name)
                end.connect(f"{daemon.dir}/{name}")
                end.send(b"named\n")
        wait_for(lambda: self.told(daemon).count("named") == 2, "both")
        self.assertEqual({r.peer for r in daemon.records(self.log)},
                         {own_name()})

    def test_another_user_is_told(self):
        harness.needs_root()
        daemon = self.serve(stream('mode = "0666";'), dgram('mode = "0666";'))
        send = ("import socket,sys; s = socket.socket(socket.AF_UNIX, "
                "getattr(socket, sys.argv[2])); s.connect(sys.argv[1]); "
                "s.send(b'x\\n')")
        for name, kind in (("s", "SOCK_STREAM"), ("d", "SOCK_DGRAM")):
            subprocess.run(
                ["setpriv", "--reuid=12345", "--clear-groups", "--",
                 "/usr/bin/python3", "-c", send, f"{daemon.dir}/{name}",
                 kind], check=True, timeout=harness.PATIENCE)
        self.wait_for_data(daemon, "x", "x")
        for record in daemon.records(self.log):
            self.assertRegex(record.peer, r"\Aunix:uid=12345:pid=\d+\Z")

    def test_in_a_namespace_of_users_others_are_the_overflow_user(self):
        """As with PrivateUsers=yes of the unit."""
        harness.needs_root()
        daemon = self.daemon(config=to_file(stream('mode = "0666";')),
                             wrap=harness.namespaces("U"))
        self.log = f"{daemon.dir}/log"
        send = ("import socket,sys; s = socket.socket(socket.AF_UNIX, "
                "socket.SOCK_STREAM); s.connect(sys.argv[1]); s.send(b'x\\n')")
        subprocess.run(
            ["setpriv", "--reuid=12345", "--clear-groups", "--",
             "/usr/bin/python3", "-c", send, f"{daemon.dir}/s"], check=True,
            timeout=harness.PATIENCE)
        self.wait_for_data(daemon, "x")
        self.assertRegex(daemon.records(self.log)[0].peer,
                         r"\Aunix:uid=65534:pid=\d+\Z")

    def test_json_has_the_peer_and_no_port(self):
        daemon = self.serve(stream(), dgram(), more='format = "json";')
        self.unix(daemon, STREAM).send(b"stream\n")
        self.unix(daemon, DGRAM).send(b"dgram\n")
        wait_for(lambda: len([o for o in daemon.json(self.log)
                              if "data" in o]) == 2, "both")
        for o in daemon.json(self.log):
            self.assertEqual((o["peer"], o.get("port"), o["protocol"]),
                             (own_name(), None, "unix-" + {
                                 "s": "stream", "d": "datagram"}[
                                     o["listener"]]))

    def test_a_file_for_each_peer_is_one_for_each_user(self):
        daemon = self.serve(stream(), path="@DIR@/%{peer}.log")
        self.unix(daemon, STREAM).send(b"x\n")
        path = f"{daemon.dir}/unix:uid={os.getuid()}.log"
        wait_for(lambda: os.path.exists(path) and " F x\n" in
                 daemon.text(path), "its file")

    def test_a_users_connections_count_as_of_one_source(self):
        daemon = self.serve(stream("max_connections_per_source = 2;"))
        ends = [self.unix(daemon, STREAM) for _ in range(2)]
        for number, end in enumerate(ends):
            end.send(b"%d\n" % number)
        wait_for(lambda: daemon.counters()["s"]["connections"] == 2)
        end_of(self.unix(daemon, STREAM))
        wait_for(lambda: daemon.counters()["s"]["refused"] == 1, "a refusal")
        for end in ends:
            end.close()
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(self.noted(daemon, "refused"), [
            {"connections": "1", "peer": f"unix:uid={os.getuid()}",
             "reason": "limit"}])

    def test_the_default_name_is_the_path(self):
        daemon = self.serve(
            '{ protocol = "unix-datagram"; path = "@DIR@/d"; }')
        self.unix(daemon, DGRAM).send(b"x")
        self.wait_for_data(daemon, "x")
        self.assertEqual(daemon.records(self.log)[0].listener,
                         f"{daemon.dir}/d")


class Datagrams(Case):

    def test_framings(self):
        sent = b"one\r\ntwo\n"
        for framing, expected in (
                ("datagram", ["one\\r\\ntwo"]), ("exact", ["one\\r\\ntwo\\n"]),
                ("line", ["one", "two"])):
            daemon = self.serve(dgram(f'framing = "{framing}";'))
            self.unix(daemon, DGRAM).send(sent)
            self.unix(daemon, DGRAM).send(b"")
            self.wait_for_data(daemon, *expected, "")
            self.assertEqual(daemon.stop(), 0)

    def test_a_long_datagram_is_cut_and_its_size_told(self):
        daemon = self.serve(dgram("max_record = 100;"))
        self.unix(daemon, DGRAM).send(b"x" * 200000)
        self.wait_for_data(daemon, "x" * 100)
        self.assertEqual(daemon.records(self.log)[0].tag, "T")
        wait_for(lambda: self.noted(daemon, "truncated") == [
            {"size": "200000", "kept": "100"}], "a note")

    def test_a_datagram_longer_than_those_of_udp_is_whole(self):
        daemon = self.serve(dgram("max_record = 1048576;"))
        self.unix(daemon, DGRAM).send(b"x" * 200000)
        self.wait_for_data(daemon, "x" * 200000)

    def test_lines_of_a_datagram_longer_than_those_of_udp(self):
        daemon = self.serve(dgram('framing = "line"; max_record = 7;'))
        sender = self.unix(daemon, DGRAM)
        sender.send(b"1234567\n" * 25000)
        wait_for(lambda: len(self.told(daemon)) == 25000, "each line")
        self.assertEqual(set(self.told(daemon)), {"1234567"})
        harness.needs_root()
        SO_SNDBUFFORCE = 32
        sender.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 20)
        sender.send(b"1234567\n" * 40000)
        wait_for(lambda: self.noted(daemon, "truncated") == [
            {"size": "320000", "kept": "262144"}], "a note")

    def test_a_full_queue_holds_the_sender_back_and_loses_nothing(self):
        daemon = self.serve(dgram())
        with open(MOST_QUEUED, encoding="ascii") as file:
            most = int(file.read())
        daemon.freeze()
        sender = self.unix(daemon, DGRAM)
        sender.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 10 * most:
                sender.send(b"%d" % sent)
                sent += 1
        self.assertLessEqual(sent, most + 1)
        daemon.signal(SIGCONT)
        self.wait_for_data(daemon, *map(str, range(sent)))
        sender.setblocking(True)
        for number in range(sent, 2000):
            sender.send(b"%d" % number)
        self.wait_for_data(daemon, *map(str, range(2000)))
        self.assertEqual(daemon.counters()["d"]["lost"], 0)

    def test_a_stop_reads_what_was_taken_and_refuses_the_rest(self):
        daemon = self.serve(dgram())
        sender = self.unix(daemon, DGRAM)
        daemon.freeze()
        for number in range(8):
            sender.send(b"%d" % number)
        daemon.keeper.job = "stop"
        daemon.signal(signal.SIGTERM)
        daemon.signal(SIGCONT)
        taken = 8
        try:
            while taken < 1000000:
                sender.send(b"%d" % taken)
                taken += 1
        except OSError:
            pass
        self.assertLess(taken, 1000000)
        self.assertEqual(daemon.wait(), 0)
        self.wait_for_data(daemon, *map(str, range(taken)))

    def test_a_restart_under_load_loses_and_doubles_nothing(self):
        daemon = self.serve(dgram())
        sender = self.unix(daemon, DGRAM)
        sent = 0
        for _ in range(harness.TURNS):
            daemon.keeper.job = "restart"
            daemon.signal(signal.SIGTERM)
            while daemon.process.poll() is None:
                with contextlib.suppress(BlockingIOError):
                    sender.settimeout(0.01)
                    try:
                        sender.send(b"%d" % sent)
                        sent += 1
                    except TimeoutError:
                        pass
            self.assertEqual(daemon.wait(), 0)
            daemon.keeper.settle()
            daemon.start()
        sender.settimeout(harness.PATIENCE)
        sender.send(b"%d" % sent)
        self.wait_for_data(daemon, *map(str, range(sent + 1)))
        self.assertEqual(self.noted(daemon, "lost"), [])

    def test_descriptors_of_a_sender_do_not_stay_open(self):
        daemon = self.serve(stream(), dgram())
        ends = {kind: self.unix(daemon, kind) for kind in (STREAM, DGRAM)}
        for kind, end in ends.items():
            end.send(b"first\n")
        self.wait_for_data(daemon, "first", "first")
        before = daemon.descriptors()
        ours, theirs = os.pipe()
        for _ in range(20):
            for end in ends.values():
                end.sendmsg([b"x\n"], [(
                    socket.SOL_SOCKET, socket.SCM_RIGHTS,
                    array.array("i", [theirs] * 20))])
        wait_for(lambda: self.told(daemon).count("x") == 40, "all")
        self.assertEqual(daemon.descriptors(), before)
        os.close(theirs)
        self.assertEqual(os.read(ours, 1), b"", "none has it open")
        os.close(ours)


class Streams(Case):

    def test_a_line_and_its_end(self):
        daemon = self.serve(stream())
        end = self.unix(daemon, STREAM)
        end.sendall(b"one\ntwo")
        end.shutdown(socket.SHUT_WR)
        self.assertEqual(end_of(end), b"")
        self.assertEqual([(r.tag, r.data.split(" seconds")[0]) for r in
                          daemon.records(self.log)],
                         [("F", "one"), ("E", "two"),
                          ("*", "closed reason=eof records=2 bytes=7")])

    def test_each_framing_of_streams(self):
        for framing, sent, expected in (
                ('framing = "lf";', b"a\rb\n", ["a\\rb"]),
                ('framing = "nul";', b"a\0b\0", ["a", "b"]),
                ('framing = "octet-counted";', b"3 abc2 de", ["abc", "de"]),
                ('framing = "length"; length_bytes = 2;', b"\0\1a", ["a"]),
                ('framing = "delimiter"; delimiter = "||";', b"a||b||",
                 ["a", "b"])):
            daemon = self.serve(stream(framing))
            self.unix(daemon, STREAM).sendall(sent)
            self.wait_for_data(daemon, *expected)
            self.assertEqual(daemon.stop(), 0)

    def test_urgent_data_is_data(self):
        daemon = self.serve(stream())
        end = self.unix(daemon, STREAM)
        end.send(b"ab")
        try:
            end.send(b"c", socket.MSG_OOB)
        except OSError as error:
            self.skipTest(f"no MSG_OOB: {error}")
        end.send(b"d\n")
        self.wait_for_data(daemon, "abcd")

    def test_how_it_ended_is_told(self):
        daemon = self.serve(stream("idle_timeout = 4;"))
        silent = self.unix(daemon, STREAM)
        silent.send(b"x\n")
        self.assertEqual(end_of(silent), b"")
        gone = self.unix(daemon, STREAM)
        gone.send(b"y\n")
        gone.close()
        wait_for(lambda: [n["reason"] for n in self.noted(
            daemon, "closed")] == ["idle", "eof"], "both ends")
        stopped = self.unix(daemon, STREAM)
        stopped.send(b"z\n")
        self.wait_for_data(daemon, "x", "y", "z")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(self.noted(daemon, "closed")[-1]["reason"],
                         "shutdown")

    def test_a_stop_reads_what_was_taken_and_refuses_the_rest(self):
        daemon = self.serve(stream())
        ends = [self.unix(daemon, STREAM) for _ in range(3)]
        for end in ends:
            end.sendall(b"first\n")
        self.wait_for_data(daemon, "first", "first", "first")
        daemon.freeze()
        for end in ends:
            end.sendall(b"second\n")
        late = self.unix(daemon, STREAM)
        late.sendall(b"late\n")
        daemon.keeper.job = "stop"
        daemon.signal(signal.SIGTERM)
        daemon.signal(SIGCONT)
        taken = 0
        with contextlib.suppress(OSError):
            while taken < 1000000:
                ends[0].sendall(b"more\n")
                taken += 1
        self.assertLess(taken, 1000000)
        self.assertEqual(daemon.wait(), 0)
        told = self.told(daemon)
        self.assertEqual((told.count("second"), told.count("late"),
                          told.count("more")), (3, 1, taken))
        for end in (*ends, late):
            with contextlib.suppress(OSError):
                self.assertEqual(end.recv(1), b"")

    def test_a_restart_keeps_connections_and_what_is_in_them(self):
        daemon = self.serve(stream())
        ends = [self.unix(daemon, STREAM) for _ in range(300)]
        for number, end in enumerate(ends):
            end.sendall(b"%d first\n%d unfin" % (number, number))
        wait_for(lambda: len(self.told(daemon)) == 300, "the first lines")
        daemon.leave()
        for number, end in enumerate(ends):
            end.sendall(b"ished\n%d more" % number)
        late = self.unix(daemon, STREAM)
        late.sendall(b"late\n")
        daemon.start()
        wait_for(lambda: len(self.told(daemon)) == 601, "the others")
        told = self.told(daemon)
        for number, end in enumerate(ends):
            self.assert_open(end)
            self.assertIn(f"{number} unfinished", told)
        self.assertIn("late", told)
        self.assertEqual({r.peer for r in daemon.records(self.log)}, {own_name()})
        for end in ends:
            end.close()
        wait_for(lambda: [(n["reason"], n["records"]) for n in
                          self.noted(daemon, "closed")] == [("eof", "3")] * 300,
                 "their ends")

    def test_a_kill_keeps_connections_of_any_age(self):
        """Other Unix sockets end meanwhile: the kernel collects garbage."""
        daemon = self.serve(stream())
        ends = [self.unix(daemon, STREAM) for _ in range(20)]
        for end in ends:
            end.sendall(b"first\n")
        wait_for(lambda: len(self.told(daemon)) == 20, "the first lines")
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        daemon.keeper.settle()
        for end in ends:
            self.assert_open(end)
            end.sendall(b"second\n")
        for _ in range(100):
            a, b = socket.socketpair()
            with a, b:
                a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                    array.array("i", [a.fileno()]))])
        watch(0.2, lambda: all(end.fileno() >= 0 for end in ends))
        for end in ends:
            self.assert_open(end)
        daemon.start()
        wait_for(lambda: self.told(daemon).count("second") == 20, "the rest")
        self.assertEqual(self.noted(daemon, "lost"), [])
        self.assertEqual(self.noted(daemon, "closed"), [])

    def test_kills_under_load_double_nothing_and_tell_what_is_lost(self):
        daemon = self.serve(stream(), path="@DIR@/log")
        end = self.unix(daemon, STREAM)
        end.settimeout(0.01)
        sent = 0  # of lines, of 10 bytes each
        rest = b""

        def send_for(seconds):
            nonlocal sent, rest
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                if not rest:
                    rest = b"".join(b"%09d\n" % n
                                    for n in range(sent, sent + 100))
                    sent += 100
                with contextlib.suppress(TimeoutError):
                    rest = rest[end.send(rest):]
        for turn in range(2 * harness.TURNS):
            send_for(random.uniform(0.02, 0.2))
            daemon.signal(signal.SIGKILL)
            daemon.wait()
            daemon.keeper.settle()
            if turn % 2:
                send_for(0.02)
            daemon.start()
        end.settimeout(harness.PATIENCE)
        end.sendall(rest)
        end.shutdown(socket.SHUT_WR)
        self.assertEqual(end_of(end), b"")
        # A kill may have torn a line; what was in it is told as lost.
        text = daemon.text(self.log)
        told = re.findall(r" F (\d{1,9})$", text, re.M)
        whole = [data for data in told if len(data) == 9]
        self.assertEqual(whole, sorted(set(whole)))
        logged = sum(len(data) + 1 for data in told)
        lost = sum(map(int, re.findall(r" lost bytes=(\d+)$", text, re.M)))
        self.assertGreaterEqual(logged + lost, 10 * sent)
        self.assertGreater(logged, 10 * sent // 2)
        self.assertRegex(text, rf"closed reason=eof .* bytes={10 * sent} ")

    def test_descriptors_within_what_is_queued_are_no_obstacle(self):
        """Sockets in sockets in sockets, which nobody has received."""
        daemon = self.serve(stream())
        ends = [self.unix(daemon, STREAM) for _ in range(4)]
        for end in ends:
            end.sendall(b"first\n")
        wait_for(lambda: len(self.told(daemon)) == 4, "the first lines")
        daemon.freeze()
        inner = socket.socketpair()
        for _ in range(8):
            outer = socket.socketpair()
            with contextlib.suppress(OSError):
                outer[0].sendmsg([b"x"], [(
                    socket.SOL_SOCKET, socket.SCM_RIGHTS,
                    array.array("i", [s.fileno() for s in inner]))])
            for end in inner:
                end.close()
            inner = outer
        with contextlib.suppress(OSError):
            ends[0].sendmsg([b"nested\n"], [(
                socket.SOL_SOCKET, socket.SCM_RIGHTS,
                array.array("i", [s.fileno() for s in (*inner, ends[1])]))])
        for end in inner:
            end.close()
        ends[1].sendmsg([b"in each other\n"], [(
            socket.SOL_SOCKET, socket.SCM_RIGHTS,
            array.array("i", [ends[0].fileno(), ends[1].fileno()]))])
        daemon.keeper.job = "restart"
        daemon.signal(signal.SIGTERM)
        daemon.signal(SIGCONT)
        self.assertEqual(daemon.wait(), 0, daemon.errors())
        daemon.keeper.settle()
        for number, end in enumerate(ends):
            end.sendall(b"last %d\n" % number)
        daemon.start()
        wait_for(lambda: all(self.told(daemon).count(f"last {n}") == 1
                             for n in range(4)), "all of it")
        self.assertEqual(self.told(daemon).count("in each other"), 1)

    def test_without_systemd_it_is_told_that_a_kill_is_no_reset(self):
        with tempfile_daemon(stream()) as daemon:
            self.assertIn("listener s: to its peers a kill will look like an "
                          "end in order", daemon.errors())
            daemon.stop()
        daemon = self.serve(stream())
        self.assertNotIn("will look like", daemon.errors())


class BetweenReads(Case):
    """A kill after recvmmsg(2) returned, before anything else is done."""

    def test_what_was_taken_is_told(self):
        for settings, sent, expected in (
                ("", (b"one\ntw", b"o\nthr", b"ee\n"),
                 ["one", "lost bytes=7", "ee"]),
                ('framing = "octet-counted";',
                 (b"3 one10 un", b"fin", b"ished3 two"),
                 ["one", "lost bytes=5", "ished", "two"])):
            daemon = self.serve(stream(settings))
            end = self.unix(daemon, STREAM)
            end.sendall(sent[0])
            daemon.wait_for_bytes(0, len(sent[0]))
            with Tracer(daemon, "conn") as tracer:
                end.sendall(sent[1])
                tracer.run_until_it_has("recvmmsg")
                tracer.kill()
            daemon.wait()
            daemon.keeper.settle()
            daemon.start()
            end.sendall(sent[2])
            end.shutdown(socket.SHUT_WR)
            self.assertEqual(end_of(end), b"")
            *told, closed = self.told(daemon)
            self.assertEqual(told, expected)
            self.assertIn(f" bytes={sum(map(len, sent))} ", closed)
            self.assertEqual(daemon.stop(), 0)

    def test_datagrams_that_were_taken_are_told(self):
        daemon = self.serve(dgram())
        sender = self.unix(daemon, DGRAM)
        sender.send(b"one")
        self.wait_for_data(daemon, "one")
        with Tracer(daemon, "recv") as tracer:
            sender.send(b"two")
            tracer.run_until_it_has("recvmmsg")
            tracer.kill()
        daemon.wait()
        daemon.keeper.settle()
        daemon.start()
        sender.send(b"three")
        self.wait_for_data(daemon, "one", "three")
        self.assertEqual(self.noted(daemon, "lost"), [{"datagrams": "1"}])


def tempfile_daemon(*listeners):
    return harness.Daemon(config=to_file(*listeners))


class Units(Case):
    """Sockets that systemd has bound."""

    def bind(self, kind, path):
        unit = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(unit.close)
        unit.bind(path)
        os.chmod(path, 0o600)
        if kind == STREAM:
            unit.listen()
        return unit

    def test_its_path_is_left_as_it_is(self):
        directory = self.enterContext(harness.tempfile.TemporaryDirectory())
        passed = [(name, self.bind(kind, f"{directory}/{name}"))
                  for name, kind in (("s", STREAM), ("d", DGRAM))]
        daemon = self.serve(
            *(f'{{ protocol = "{p}"; path = "{directory}/{n}"; name = "{n}"; }}'
              for p, n in (("unix-stream", "s"), ("unix-datagram", "d"))),
            passed=passed)
        self.assertNotIn("mode 0", daemon.errors())

        def send(data):
            for name, kind in (("s", STREAM), ("d", DGRAM)):
                with socket.socket(socket.AF_UNIX, kind) as end:
                    end.connect(f"{directory}/{name}")
                    end.send(data)
        send(b"one\n")
        self.wait_for_data(daemon, "one", "one")
        daemon.restart()
        send(b"two\n")
        self.assertEqual(daemon.stop(), 0)
        for name in "sd":
            found = os.stat(f"{directory}/{name}")
            self.assertEqual(stat.S_IMODE(found.st_mode), 0o600)
        send(b"three\n")  # for the next start
        daemon.start()
        wait_for(lambda: sorted(r.data for r in daemon.records(self.log) if
                                r.tag != "*") == sorted(
                                    ["one", "two", "three"] * 2), "all six")

    def test_a_socket_of_another_name_is_known_by_its_path(self):
        directory = self.enterContext(harness.tempfile.TemporaryDirectory())
        unit = self.bind(DGRAM, f"{directory}/d")
        with socket.socket(socket.AF_UNIX, DGRAM) as early:
            early.connect(f"{directory}/d")
            early.send(b"before the start")
        daemon = self.serve(
            f'{{ protocol = "unix-datagram"; path = "{directory}/d"; }}',
            passed=[("unit.socket", unit)])
        self.wait_for_data(daemon, "before the start")


class Senders(Case):
    """Programs that others wrote."""

    def send(self, *command, data=b""):
        if not shutil.which(command[0]):
            self.skipTest(f"no {command[0]}")
        subprocess.run(command, input=data, check=True,
                       timeout=harness.PATIENCE)

    def test_logger(self):
        daemon = self.serve(stream(), dgram())
        self.send("logger", "-u", f"{daemon.dir}/d", "-t", "tag", "by logger")
        wait_for(lambda: any(t.endswith("tag: by logger")
                             for t in self.told(daemon)), "its datagram")
        self.send("logger", "-u", f"{daemon.dir}/s", "-t", "tag", "by stream")
        wait_for(lambda: any("by stream" in t for t in self.told(daemon)),
                 "its stream")

    def test_socat(self):
        daemon = self.serve(stream(), dgram())
        self.send("socat", "-u", "STDIN", f"UNIX-CONNECT:{daemon.dir}/s",
                  data=b"by stream\n")
        self.send("socat", "-u", "STDIN", f"UNIX-SENDTO:{daemon.dir}/d",
                  data=b"by datagram\n")
        wait_for(lambda: {"by stream", "by datagram"} <=
                 set(self.told(daemon)), "both")

    def test_nc(self):
        if not shutil.which("nc") or "-U" not in subprocess.run(
                ["nc", "-h"], capture_output=True, text=True, check=False,
                timeout=harness.PATIENCE).stderr:
            self.skipTest("no nc with -U")
        daemon = self.serve(stream())
        self.send("nc", "-N", "-U", f"{daemon.dir}/s", data=b"by nc\n")
        wait_for(lambda: "by nc" in self.told(daemon), "its line")


if __name__ == "__main__":
    harness.main(jobs=4)
