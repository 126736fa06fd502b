# SPDX-License-Identifier: MIT
"""portlog replay: a log, sent again, makes the same log."""
import os
import re
import resource
import socket
import statistics
import subprocess
import tempfile
import threading
import unittest
from datetime import datetime

import harness
from harness import PORTLOG, portlog


def line(seconds, rest):
    """A line of a log, so many seconds after its beginning."""
    return f"2026-11-23T07:12:{seconds:09.6f}Z {rest}\n"


def listener(protocol, framing, more=""):
    return ('listeners = ( { protocol = "%s"; port = 0; framing = "%s"; %s } '
            ');\n' % (protocol, framing, more))


def streams(daemon):
    """The records of each peer, in the order of the peers' first records."""
    found = {}
    for record in daemon.records():
        if record.tag != "*":
            found.setdefault(record.peer, []).append((record.tag, record.data))
    return list(found.values())


class Replay(harness.Case):
    def replay(self, log, daemon, *options, code=0):
        ran = portlog("replay", *options, log, "127.0.0.1",
                      str(daemon.port()))
        self.assertEqual(ran.returncode, code, ran.stderr)
        return ran.stderr.decode()

    def write(self, *lines):
        file = tempfile.NamedTemporaryFile("w", suffix=".log")
        self.addCleanup(file.close)
        file.writelines(lines)
        file.flush()
        return file.name

    def check_round_trip(self, config, sent, *options, fmt="text"):
        """Peers send, their log is replayed, and the second log compared."""
        outputs = ('outputs = ( { type = "stdout"; }, { type = "file"; '
                   'path = "@DIR@/log"; format = "%s"; } );' % fmt)
        first = self.daemon(config=config + outputs)
        second = self.daemon(config=config)
        for data in sent:
            connection = self.tcp(first)
            connection.sendall(data)
            connection.shutdown(1)
            harness.end_of(connection)
        self.replay(first.dir + "/log", second, "-s", "0", *options)
        self.assertEqual(streams(second), streams(first))
        self.assertGreater(len(streams(first)), 1)

    def test_lines(self):
        self.check_round_trip(listener("tcp", "line", "max_record = 100;"), [
            b"one\n\nthree \\ \x1b\xff\0\n", b"x" * 250 + b"\nend",
            b"a\r\nb\rc\n", b"y" * 100 + b"\n"])

    def test_lf(self):
        self.check_round_trip(listener("tcp", "lf"), [
            b"a\r\n\r\n", b"b\r"], "-f", "lf")

    def test_nul(self):
        self.check_round_trip(listener("tcp", "nul"),
                              [b"one\n\0\0two\0", b"three"], "-f", "nul")

    def test_octet_counts(self):
        self.check_round_trip(
            listener("tcp", "octet-counted", "max_record = 100;"),
            [b"3 a\nb5 \0\0\0\0\0250 " + b"z" * 250, b"9 cut"],
            "-f", "octet-counted")

    def test_json(self):
        config = listener("tcp", "nul")
        probe = portlog("replay", "-", "127.0.0.1", "1", data=b"{}\n")
        if b"without jansson" in probe.stderr:
            self.skipTest("built without jansson")
        self.check_round_trip(config, [b"one\n\0\xff\0two\0", b"three"],
                              "-f", "nul", fmt="json")

    def test_datagrams_each_with_the_socket_of_its_peer(self):
        config = listener("udp", "exact")
        first = self.daemon(config=config)
        second = self.daemon(config=config)
        for i in range(3):
            sender = self.udp(first)
            for j in range(4):
                sender.send(b"%d\n%d\xff" % (i, j))
        first.wait_for_data(12)
        self.replay(first.out, second, "-u", "-s", "0")
        second.wait_for_data(12)
        self.assertEqual(streams(second), streams(first))

    def test_pieces_are_one_datagram(self):
        second = self.daemon(config=listener("udp", "exact"))
        log = self.write(line(0, "tcp/1 1.2.3.4:5 P one "),
                         line(0, "tcp/1 1.2.3.4:5 F record"))
        self.replay(log, second, "-u")
        self.assertEqual(second.wait_for_data(1), ["one record"])

    def test_chunks_with_nothing_between_them(self):
        second = self.daemon(config=listener("tcp", "line"))
        log = self.write(line(0, "tcp/1 1.2.3.4:5 F one\\n"),
                         line(0, "tcp/1 1.2.3.4:5 F tw"),
                         line(0, "tcp/1 1.2.3.4:5 F o\\n"))
        self.replay(log, second, "-f", "none")
        self.assertEqual(second.wait_for_data(2), ["one", "two"])

    def test_a_port_that_comes_again_after_its_close_is_a_new_connection(self):
        second = self.daemon(config=listener("tcp", "line") +
                             'connection_notes = "all";')
        log = self.write(*(line(0, f"tcp/1 1.2.3.4:5 {rest}") for rest in (
            "* opened", "F a", "* closed reason=eof", "F b", "E c", "F d")))
        self.replay(log, second)
        second.wait_for_data(4)
        opened = [r for r in second.records() if r.data == "opened"]
        self.assertEqual(len(opened), 3)

    def gap(self, *options):
        """The gap between records that were 0.1 s apart; the median, since a
        busy machine delays some."""
        second = self.daemon(config=listener("tcp", "line"))
        log = self.write(*(line(i * 0.1, f"tcp/1 1.2.3.4:{5 + i % 2} F {i}")
                           for i in range(12)))
        self.replay(log, second, *options)
        second.wait_for_data(12)
        times = [datetime.strptime(r.time, "%Y-%m-%dT%H:%M:%S.%fZ")
                 for r in second.records() if r.tag == "F"]
        return statistics.median(
            (b - a).total_seconds() for a, b in zip(times, times[1:]))

    def test_gaps_in_time_are_kept(self):
        self.assertAlmostEqual(self.gap(), 0.1, delta=0.02)

    def test_gaps_are_half_at_twice_the_speed(self):
        self.assertAlmostEqual(self.gap("-s", "2"), 0.05, delta=0.02)

    def test_records_that_would_be_split_are_told(self):
        second = self.daemon(config=listener("tcp", "line"))
        log = self.write(line(0, "tcp/1 1.2.3.4:5 F a\\nb"),
                         line(0, "tcp/1 1.2.3.4:5 F c"))
        said = self.replay(log, second, code=1)
        self.assertIn(f"{log}:1: expected no newline in a record", said)
        self.assertEqual(second.wait_for_data(3), ["a", "b", "c"])

    def told(self, records, *options):
        """Lines for which replay warns that they will be changed."""
        log = self.write(*(line(0, f"a/1 1.2.3.4:5 {r}") for r in records))
        receiver = self.daemon("-l", "udp:127.0.0.1:0" if "-u" in options
                               else "tcp:127.0.0.1:0")
        ran = portlog("replay", "-s", "0", *options, log, "127.0.0.1",
                      str(receiver.port()))
        said = []
        for first, last, what in re.findall(
                r":(\d+)(?: to (\d+))?: expected (the same|no .*)\n",
                ran.stderr.decode()):
            if what == "the same":
                what = said[-1][1]
            said += [(number, what.replace(" (see -f)", ""))
                     for number in range(int(first), int(last or first) + 1)]
        self.assertEqual(ran.returncode, 1 if said else 0, ran.stderr)
        return said

    def test_a_cr_that_would_be_taken_for_the_end_of_a_line_is_told(self):
        cr = "no CR at the end of a record"
        records = ["F a\\r", "F a\\rb", "P a\\r", "P b", "F ", "P a\\r", "F ",
                   "F ", "T a\\r", "E a\\r", "F \\r"]
        self.assertEqual(self.told(records), [(1, cr), (7, cr), (9, cr),
                                              (11, cr)])
        for framing in "lf", "nul", "none", "octet-counted":
            with self.subTest(framing=framing):
                self.assertEqual(self.told(records[:1], "-f", framing), [])

    def test_an_empty_record_that_has_no_count_is_told(self):
        self.assertEqual(
            self.told(["F ", "F a", "P ", "P b", "F ", "E "], "-f",
                      "octet-counted"), [(1, "no empty record")])

    def test_a_newline_or_nul_at_the_end_of_a_datagram_is_told(self):
        lf = "no newline or NUL at the end of a datagram"
        records = ["F a\\n", "F a\\nb", "P a\\n", "F b", "P a\\n", "F ",
                   "F a\\r\\n", "E a\\n", "F a\\r", "F ", "F \\x00",
                   "P a\\x00", "F "]
        self.assertEqual(self.told(records, "-u"),
                         [(1, lf), (6, lf), (7, lf), (8, lf), (11, lf),
                          (13, lf)])
        self.assertEqual(self.told(records, "-u", "-f", "none"), [])

    def test_malformed_lines_are_told_and_the_rest_sent(self):
        second = self.daemon(config=listener("tcp", "line"))
        log = self.write("nonsense\n", line(0, "tcp/1 1.2.3.4:5 F a"),
                         '{"time":5}\n', line(0, "tcp/1 1.2.3.4:5 F b"))
        said = self.replay(log, second, code=1)
        self.assertIn(f"{log}:1: expected a time", said)
        self.assertIn(f"{log}:3: expected ", said)
        self.assertEqual(second.wait_for_data(2), ["a", "b"])

    def test_standard_input(self):
        second = self.daemon(config=listener("tcp", "line"))
        text = line(0, "tcp/1 1.2.3.4:5 F a").encode()
        ran = portlog("replay", "-", "127.0.0.1", str(second.port()),
                      data=text)
        self.assertEqual((ran.returncode, ran.stderr), (0, b""))
        self.assertEqual(second.wait_for_data(1), ["a"])

    def test_several_files_are_one_log(self):
        second = self.daemon(config=listener("tcp", "octet-counted"))
        first = self.write(line(0, "tcp/1 1.2.3.4:5 F a"),
                           line(0, "tcp/1 1.2.3.4:5 P b"))
        with tempfile.NamedTemporaryFile(suffix=".gz") as rest:
            subprocess.run(
                ["gzip", "-c"], stdout=rest, check=True,
                input=line(0, "tcp/1 1.2.3.4:5 F c").encode())
            ran = portlog("replay", "-f", "octet-counted", first, rest.name,
                          "-", "127.0.0.1", str(second.port()),
                          data=line(0, "tcp/1 1.2.3.4:5 F d").encode())
        self.assertEqual((ran.returncode, ran.stderr), (0, b""))
        self.assertEqual(streams(second),
                         [[("F", "a"), ("F", "bc"), ("F", "d")]])

    def test_a_log_into_its_own_listener_ends(self):
        for protocol, count, *options in ("tcp", 5000), ("udp", 200, "-u"):
            daemon = self.daemon(config=listener(protocol, "line"))
            with open(daemon.out, "a", encoding="utf-8") as log:
                log.write(line(0, "a/1 1.2.3.4:5 F x") * count)
            self.replay(daemon.out, daemon, *options)
            daemon.wait_for_data(2 * count)
            self.assertEqual(len(daemon.data()), 2 * count)

    def test_a_last_line_that_is_not_whole_is_not_sent(self):
        second = self.daemon(config=listener("tcp", "line"))
        log = self.write(line(0, "tcp/1 1.2.3.4:5 F a"),
                         line(0, "tcp/1 1.2.3.4:5 F half")[:-1])
        said = self.replay(log, second, code=1)
        self.assertIn(f"{log}:2: expected a newline", said)
        self.assertEqual(second.wait_for_data(1), ["a"])


class ClockJumps(harness.Case):
    """Boards without a battery start in 1970."""

    LOG = ("1970-01-01T00:00:21.000000Z tcp/1 192.0.2.1:1 F one\n"
           "2026-11-25T11:46:21.500000Z tcp/1 192.0.2.1:1 F two\n"
           "2026-11-25T11:46:21.600000Z tcp/1 192.0.2.1:1 F three\n")

    def replay(self, *options):
        self.receiver = self.daemon("-l", "tcp:127.0.0.1:0")
        process = subprocess.Popen(
            [PORTLOG, "replay", *options, "-", "127.0.0.1",
             str(self.receiver.port())],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stderr.close)
        process.stdin.write(self.LOG.encode())
        process.stdin.close()
        return process

    def test_how_long_it_waits_is_told(self):
        process = self.replay("-s", "2")
        jump = datetime(2026, 11, 25, 11, 46) - datetime(1970, 1, 1)
        self.assertIn(b"portlog: waiting %d seconds for the next record" %
                      (jump.total_seconds() // 2), process.stderr.readline())
        self.receiver.wait_for_data(1)
        self.assertIsNone(process.poll())

    def test_no_gap_is_longer_than_is_allowed(self):
        for option in "-g", "--max-gap":
            process = self.replay(option, "0.2")
            self.assertEqual((process.wait(harness.PATIENCE),
                              process.stderr.read()), (0, b""))
            self.assertEqual(self.receiver.data(), ["one", "two", "three"])
            times = [datetime.strptime(r.time, "%Y-%m-%dT%H:%M:%S.%fZ")
                     for r in self.receiver.records()]
            self.assertGreaterEqual(
                (times[2] - times[0]).total_seconds(), 0.2)  # of 0.3

    def test_a_clock_that_was_set_back_costs_no_gap(self):
        self.LOG = line(9, "a/1 b:1 F 1") + "".join(
            line(seconds, f"a/1 b:1 F {seconds}") for seconds in (0, .1, .2))
        process = self.replay("-g", "1")
        self.assertEqual(process.wait(harness.PATIENCE), 0)
        times = [datetime.strptime(r.time, "%Y-%m-%dT%H:%M:%S.%fZ")
                 for r in self.receiver.records()]
        self.assertGreaterEqual(
            (times[3] - times[0]).total_seconds(), 0.1)  # of 0.2

    def test_seconds_are_a_number(self):
        for text in "x", "-1", "":
            ran = portlog("replay", "--max-gap", text, "-", "127.0.0.1", "1")
            self.assertEqual(ran.returncode, 64)
            self.assertIn(f'-g: found "{text}", expected seconds',
                          ran.stderr.decode())


class OtherSides(unittest.TestCase):
    def replay(self, server, text, limit=None):
        def set_limit():
            if limit:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        process = subprocess.Popen(
            [PORTLOG, "replay", "-", "127.0.0.1",
             str(server.getsockname()[1])], preexec_fn=set_limit,
            stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stderr.close)
        process.stdin.write(text.encode())
        process.stdin.close()
        return process

    def server(self):
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        server.settimeout(harness.PATIENCE)
        return server

    def end(self, process):
        self.assertEqual((process.wait(harness.PATIENCE),
                          process.stderr.read()), (0, b""))

    def test_a_peer_that_is_not_closed_does_not_hold_up_another(self):
        server = self.server()
        process = self.replay(server, "".join((
            line(0, "tcp/1 1.2.3.4:5 F a"), line(0, "tcp/1 1.2.3.4:5 * closed"),
            line(0.1, "tcp/1 1.2.3.4:6 E b"),
            line(0.2, "tcp/1 1.2.3.4:7 F c"))))
        connections = []
        for data in b"a\n", b"b", b"c\n":
            connections.append(server.accept()[0])
            self.assertEqual(harness.end_of(connections[-1]), data)
        self.assertIsNone(process.poll())
        for connection in connections:
            connection.close()
        self.end(process)

    def test_more_connections_than_descriptors_wait_for_those_before(self):
        server = self.server()
        process = self.replay(server, "".join(
            line(0, f"tcp/1 1.2.3.4:{i} E {i}") for i in range(10)), limit=6)
        server.settimeout(0.1)
        received, held = [], []

        def serve():
            try:
                held.append(server.accept()[0])
            except socket.timeout:
                if held:
                    received.append(harness.end_of(held[0]))
                    held.pop(0).close()
            return len(received) == 10
        harness.wait_for(serve, "ten connections")
        self.assertEqual(received, [b"%d" % i for i in range(10)])
        self.end(process)

    def test_a_peer_that_takes_nothing_before_its_answer_is_read(self):
        server = self.server()
        text = "".join(line(0, "tcp/1 1.2.3.4:5 F " + "x" * 60000)
                       for _ in range(200))
        sender = threading.Thread(target=lambda: processes.append(
            self.replay(server, text)))
        processes = []
        sender.start()
        with server.accept()[0] as connection:
            connection.settimeout(harness.PATIENCE)
            connection.sendall(b"y" * 20000000)
            self.assertEqual(len(harness.end_of(connection)), 200 * 60001)
        sender.join(harness.PATIENCE)
        self.end(*processes)

    def test_a_reset_is_told(self):
        server = self.server()
        process = self.replay(server, line(0, "tcp/1 1.2.3.4:5 F a"))
        connection = server.accept()[0]
        self.assertEqual(harness.end_of(connection), b"a\n")
        harness.reset(connection)
        self.assertEqual(process.wait(harness.PATIENCE), 1)
        self.assertIn(b"for tcp/1 1.2.3.4:5: Connection reset by peer",
                      process.stderr.read())


class Failures(unittest.TestCase):
    def test_datagrams_that_nobody_hears_are_told_once(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))  # and answers nobody else
            silent.connect(silent.getsockname())
            port = silent.getsockname()[1]
            for peers, records in (1, 1), (1, 100), (100, 1):
                text = "".join(line(0, f"udp/1 1.2.3.4:{peer} F a") * records
                               for peer in range(peers))
                ran = portlog("replay", "-u", "-", "127.0.0.1", str(port),
                              data=text.encode())
                self.assertEqual(
                    (ran.returncode, ran.stderr.decode()),
                    (1, f"portlog: 127.0.0.1 port {port}: Connection refused"
                        "\n"))

    def test_nobody_there_is_told_in_two_lines(self):
        for peers, records in (1, 100), (100, 1):
            text = "".join(line(0, f"tcp/1 1.2.3.4:{peer} F a") * records
                           for peer in range(peers))
            ran = portlog("replay", "-", "127.0.0.1", "1", data=text.encode())
            self.assertEqual(ran.returncode, 1)
            self.assertEqual(
                ran.stderr.decode(),
                "portlog: 127.0.0.1 port 1: for tcp/1 1.2.3.4:0: Connection "
                "refused\nportlog: 127.0.0.1 port 1: the same 99 times more\n")

    def test_nobody_there_is_told(self):
        text = line(0, "tcp/1 1.2.3.4:5 F a").encode()
        ran = portlog("replay", "-", "127.0.0.1", "1", data=text)
        self.assertEqual(ran.returncode, 1)
        self.assertIn(b"for tcp/1 1.2.3.4:5: Connection refused", ran.stderr)

    def test_a_file_that_is_not_there_is_told(self):
        ran = portlog("replay", "/nonexistent/log", "127.0.0.1", "1")
        self.assertEqual(ran.returncode, 1)
        self.assertIn(b"/nonexistent/log: No such file", ran.stderr)
        self.assertFalse(os.path.exists("/nonexistent"))


if __name__ == "__main__":
    harness.main(jobs=3)
