# SPDX-License-Identifier: MIT
"""Each line of JSON has an identity that no other has, for ever.

It is (run, listener, connection, record, piece).
"""
import base64
import collections
import os
import socket
import subprocess
from signal import SIGHUP

import accounting
import harness
import keeper
from harness import TURNS, configured, to_file, wait_for
from keeper import tcp, udp

JSON = {"more": 'format = "json";'}
PIECES = "max_record = 40; flush_timeout = 5;"
LINE, COUNTED, LINES = (tcp("line", PIECES),
                        tcp("counted", 'framing = "octet-counted";' + PIECES),
                        udp("lines", 'framing = "line"; max_record = 40;'))
EXACT = udp("exact", 'framing = "exact";')


def local(kind, name, more=""):
    return (f'{{ protocol = "unix-{kind}"; path = "@DIR@/{kind}"; '
            f'name = "{name}"; {more} }}')


def records_of(lines):
    """Those that are no notes."""
    return [line for line in lines if "record" in line]


def size_of(line):
    return len(line["data"].encode() if "data" in line
               else base64.b64decode(line["data_base64"]))


def number_of(line):
    """The identity of a record; its lines have pieces beside."""
    return (line["run"], line["listener"], line.get("connection"),
            line["record"])


def runs_of(lines):
    """The runs, in their order."""
    return list(dict.fromkeys(line["run"] for line in lines))


class Case(keeper.Case):

    def check_identities(self, lines):
        """No identity is there twice, and each line has all of it."""
        records = records_of(lines)
        self.assertEqual([line for line in lines
                          if len(line.get("run", "")) != 16], [])
        twice = [identity for identity, count in collections.Counter(
            (*number_of(line), line.get("piece")) for line in records).items()
            if count > 1]
        self.assertEqual(twice, [])
        return records

    def check_pieces(self, records):
        """Each piece begins where the one before it ends."""
        ends = {}
        for line in records:
            number, begin = number_of(line), line.get("piece", 0)
            self.assertEqual("piece" in line,
                             line["tag"] == "P" or begin > 0, line)
            if number in ends:
                self.assertEqual(begin, ends[number], line)
            ends[number] = begin + size_of(line)
            if line["tag"] != "P":
                ends[number] = None  # nothing may follow

    def check_numbers(self, records, of):
        """All numbers from 1 on are there, in each run."""
        found = {}
        for line in records:
            if line["listener"] == of:
                found.setdefault(line.get("connection"), set()).add(
                    line["record"])
        self.assertTrue(found)
        for numbers in found.values():
            self.assertEqual(numbers, set(range(1, len(numbers) + 1)))

    def wait_for_records(self, daemon, count):
        wait_for(lambda: len(records_of(daemon.json(self.log))) >= count,
                 f"{count} lines")
        return records_of(daemon.json(self.log))


class Runs(Case):

    def start_and_read(self, daemon, connection, data):
        """The run of what a peer has sent."""
        before = len(daemon.json(self.log))
        connection.sendall(data)
        wait_for(lambda: len(daemon.json(self.log)) > before)
        return daemon.json(self.log)[-1]["run"]

    def test_a_restart_keeps_it_and_a_kill_ends_it(self):
        daemon = self.serve(LINE, **JSON)
        connection, runs = self.tcp(daemon), []
        for turn in (None, daemon.restart, daemon.restart, daemon.kill,
                     daemon.restart, daemon.kill):
            if turn:
                turn()
            runs.append(self.start_and_read(daemon, connection, b"x\n"))
        self.assertEqual(len({*runs}), 3, runs)
        self.assertEqual([runs.index(run) for run in runs],
                         [0, 0, 0, 3, 3, 5])
        records = self.check_identities(daemon.json(self.log))
        self.assertEqual([line["record"] for line in records],
                         list(range(1, 7)))

    def test_a_stop_ends_it(self):
        daemon = self.serve(LINE, **JSON)
        first = self.start_and_read(daemon, self.tcp(daemon), b"x\n")
        daemon.stop()
        daemon.start()
        self.assertNotEqual(
            self.start_and_read(daemon, self.tcp(daemon), b"x\n"), first)

    def test_notes_have_it_too(self):
        daemon = self.serve(tcp("line", 'connection_notes = "all";'),
                            udp("dgram", "max_record = 1;"), **JSON)
        self.tcp(daemon).close()
        self.udp(daemon, 1).send(b"too long")
        wait_for(lambda: len(daemon.json(self.log)) == 4)
        lines = daemon.json(self.log)
        self.check_identities(lines)
        self.assertEqual(sorted(line["event"] for line in lines
                                if "event" in line),
                         ["closed", "opened", "truncated"])
        self.assertEqual(len(runs_of(lines)), 1)

    def test_a_start_that_fails_does_not_end_it(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            daemon = self.serve(LINE, EXACT, **JSON)
            connection, sender = self.tcp(daemon), self.udp(daemon, 1)
            connection.sendall(b"one\ntw")
            sender.send(b"x")
            self.wait_for_records(daemon, 3)
            daemon.keeper.job = "restart"
            daemon.leave()
            daemon.configure(to_file(
                LINE, EXACT, '{ protocol = "tcp"; address = "127.0.0.1"; '
                'port = %d; }' % taken.getsockname()[1], **JSON))
            daemon.launch()
            self.assertEqual(daemon.wait(), 1)
            daemon.configure(to_file(LINE, EXACT, **JSON))
            daemon.start()
        connection.sendall(b"o\n")
        sender.send(b"x")
        records = self.wait_for_records(daemon, 5)
        self.check_identities(records)
        self.check_pieces(records)
        self.assertEqual(len(runs_of(records)), 1)
        self.assertEqual([line["record"] for line in records
                          if line["protocol"] == "udp"], [1, 2])

    def test_two_processes_do_not_both_go_on_with_it(self):
        """systemd did not get the state of the one before."""
        daemon = self.serve(EXACT, **JSON)
        sender, name = self.udp(daemon), daemon.keeper.state_name()
        sender.send(b"one")
        self.wait_for_records(daemon, 1)
        daemon.keeper.job = "restart"
        daemon.leave()
        old = os.dup(next(fd for kept, fd in daemon.keeper.kept
                          if kept == name))
        self.addCleanup(os.close, old)
        daemon.start()
        sender.send(b"two")
        self.wait_for_records(daemon, 2)
        daemon.fell()
        daemon.keeper.drop(daemon.keeper.state_name())
        daemon.keeper.keep(name, old)
        daemon.start()
        sender.send(b"three")
        records = self.check_identities(self.wait_for_records(daemon, 3))
        self.assertEqual([line["record"] for line in records], [1, 2, 2])

    def test_it_ends_where_an_output_was_broken(self):
        """The state does not say what the others have."""
        daemon = self.serve(EXACT, start=False)
        daemon.configure(configured(
            EXACT, output='type = "stdout"; }, { type = "file"; '
            'path = "@DIR@/log"; format = "json";'))
        daemon.start(subprocess.PIPE)
        sender = self.udp(daemon)
        self.addCleanup(daemon.process.stdout.close)
        daemon.process.stdout.close()
        sender.send(b"one")
        daemon.wait()
        daemon.start()
        sender.send(b"two")
        wait_for(lambda: daemon.bytes(self.log).count(b"two") > 0)
        records = self.check_identities(daemon.json(self.log))
        self.assertEqual({line["data"] for line in records}, {"one", "two"})

    def test_without_systemd_each_process_has_its_own(self):
        lines = []
        for _ in range(2):
            daemon = self.daemon(config=configured(
                LINE, output='type = "stdout"; format = "json";'))
            self.tcp(daemon).sendall(b"x\n")
            wait_for(daemon.json)
            lines += daemon.json()
        self.check_identities(lines)
        self.assertEqual(len(runs_of(lines)), 2)


class Pieces(Case):

    def test_a_record_goes_on_over_restarts_and_kills(self):
        daemon = self.serve(LINE, local("stream", "local", PIECES), **JSON)
        here = socket.socket(socket.AF_UNIX)
        self.addCleanup(here.close)
        here.connect(daemon.dir + "/stream")
        for connection in (self.tcp(daemon), here):
            before = len(records_of(daemon.json(self.log)))
            turns = [daemon.restart, daemon.restart, daemon.kill, None]
            for turn, part in enumerate((b"one\ntw", b"o", b" three", b"\n")):
                connection.sendall(part)
                self.wait_for_records(daemon, before + 2 + turn)
                if turns[turn]:
                    turns[turn]()
            records = records_of(daemon.json(self.log))[before:]
            self.assertEqual([(line["record"], line.get("piece"), line["tag"])
                              for line in records],
                             [(1, None, "F"), (2, 0, "P"), (2, 2, "P"),
                              (2, 3, "P"), (2, 9, "F")])
            self.assertEqual([line["run"] == records[0]["run"]
                              for line in records], [True] * 4 + [False])

    def test_each_kind_of_them_is_told(self):
        daemon = self.serve(LINE, COUNTED, LINES, **JSON)
        line, counted = self.tcp(daemon), self.tcp(daemon, 1)
        line.sendall(b"x" * 100 + b"\nshort\n\n")
        counted.sendall(b"90 " + b"y" * 90 + b"1 z")
        self.udp(daemon, 2).send(b"u" * 100 + b"\n\nshort")
        self.wait_for_records(daemon, 3 + 2 + 3 + 1 + 3 + 2)
        records = self.check_identities(daemon.json(self.log))
        self.check_pieces(records)
        for name, pieces in (("line", [0, 40, 80, None, None]),
                             ("counted", [0, 40, 80, None]),
                             ("lines", [0, 40, 80, None, None])):
            self.assertEqual([line.get("piece") for line in records
                              if line["listener"] == name], pieces)

    def test_a_line_of_an_output_is_one_as_well(self):
        daemon = self.daemon(config=configured(
            tcp("line", "max_record = 3000;"),
            output='type = "stdout"; format = "json"; max_line = 1500;'))
        self.tcp(daemon).sendall(b"x" * 10000 + b"\n")
        wait_for(lambda: daemon.text().count('"F"') == 1)
        records = self.check_identities(daemon.json())
        self.check_pieces(records)
        self.assertGreater(len(records), 7)
        self.assertEqual({line["record"] for line in records}, {1})


class Numbers(Case):

    def test_records_of_a_name_go_on_where_it_was_away(self):
        daemon = self.serve(EXACT, LINE, **JSON)
        self.udp(daemon).send(b"one")
        self.wait_for_records(daemon, 1)
        daemon.restart(to_file(LINE, **JSON))
        daemon.restart(to_file(LINE, **JSON))
        daemon.restart(to_file(EXACT, LINE, **JSON))
        self.udp(daemon).send(b"two")
        records = self.check_identities(self.wait_for_records(daemon, 2))
        self.assertEqual([line["record"] for line in records], [1, 2])
        self.assertEqual(len(runs_of(records)), 1)

    def test_they_stay_with_the_name_where_sockets_change_theirs(self):
        first, second = udp("first"), udp("second")
        daemon = self.serve(first, second, **JSON)
        for number, count in ((0, 5), (1, 1)):
            sender = self.udp(daemon, number)
            for _ in range(count):
                sender.send(b"x")
        self.wait_for_records(daemon, 6)
        ports = [daemon.port(number) for number in (0, 1)]
        daemon.restart(to_file(*(
            udp(name).replace("port = 0", f"port = {port}")
            for name, port in zip(("second", "first"), ports)), **JSON))
        for number in (0, 1):
            self.udp(daemon, number).send(b"y")
        records = self.check_identities(self.wait_for_records(daemon, 8))
        self.assertEqual(sorted((line["listener"], line["record"])
                                for line in records if line["data"] == "y"),
                         [("first", 6), ("second", 2)])
        self.assertEqual(len(runs_of(records)), 1)

    def test_listeners_of_one_name_count_together(self):
        daemon = self.serve(udp("same", 'framing = "line"; max_record = 9;'),
                            local("datagram", "same", "max_record = 9;"),
                            tcp("same"), **JSON)
        for turn in (1, 2):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as here:
                here.connect(daemon.dir + "/datagram")
                there, stream = self.udp(daemon), self.tcp(daemon, 2)
                for _ in range(20):
                    here.send(b"here")
                    there.send(b"there and there\nagain")
                stream.sendall(b"stream\n")
            wait_for(lambda: len({line["record"] for line in records_of(
                daemon.json(self.log)) if "connection" not in line}) == 60 * turn)
            daemon.restart()
        records = self.check_identities(daemon.json(self.log))
        self.check_pieces(records)
        self.check_numbers([line for line in records
                            if "connection" not in line], "same")
        self.assertEqual(len(runs_of(records)), 1)


class UnderLoad(Case):

    def load(self):
        daemon = self.serve(LINE, COUNTED, LINES, EXACT, **JSON)
        for name, number, framing in (("a", 0, accounting.LF),
                                      ("b", 1, accounting.COUNTED)):
            self.stream(daemon, name, number, kind=accounting.Halves,
                        rate=2000, framing=framing)
        self.datagrams_of(daemon, "c", 2, rate=500, framing="line")
        self.datagrams_of(daemon, "d", 3, rate=500, framing="exact")
        return daemon

    def finish(self, daemon):
        for sender in self.senders():
            sender.wait_for(20)
            sender.finish()
        self.assertEqual(daemon.stop(), 0)
        return self.check_identities(daemon.json(self.log))

    def test_restarts_leave_no_gap(self):
        daemon = self.load()
        for _ in range(2 * TURNS):
            for sender in self.senders():
                sender.wait_for(20)
            daemon.signal(SIGHUP)
            daemon.restart()
        records = self.finish(daemon)
        self.check_pieces(records)
        for name in ("line", "counted", "lines", "exact"):
            self.check_numbers(records, name)
        self.assertEqual(len(runs_of(records)), 1)

    def test_no_kill_gives_an_identity_twice(self):
        daemon = self.load()
        for turn in range(3 * TURNS):
            for sender in self.senders():
                sender.wait_for(20)
            (daemon.restart if turn % 3 == 2 else daemon.kill)()
        records = self.finish(daemon)
        self.assertEqual(len(runs_of(records)), 2 * TURNS + 1)


if __name__ == "__main__":
    harness.main(jobs=4)
