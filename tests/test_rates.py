# SPDX-License-Identifier: MIT
"""Limits of a source: a stream is read more slowly, and of datagrams the log
says how many were over the rate."""
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import accounting
import harness
import keeper
import losses
from harness import configured, end_of, name_of, tcp, udp, wait_for
from test_networks import NetworkCase

# Records of 10 bytes each as they are sent, in each framing of a stream.
FRAMED = {
    "line": "", "lf": 'framing = "lf";', "nul": 'framing = "nul";',
    "octet-counted": 'framing = "octet-counted";',
    "delimiter": r'framing = "delimiter"; delimiter = "\x03";',
    "length": 'framing = "length"; length_bytes = 1;',
}


SLOWED = ("sends more than rate_records or rate_bytes, and is read more "
          "slowly")


def framed(kind, number):
    text = b"%08d" % number
    return {"line": text + b"\r\n", "lf": text + b"x\n", "nul": text + b"x\0",
            "octet-counted": b"8 " + text, "delimiter": text + b"x\3",
            "length": b"\x09" + text + b"x"}[kind]


def limited(records, bytes_=0, burst=1):
    return (f"rate_records = {records}; rate_bytes = {bytes_}; "
            f"rate_burst = {burst};")


def sum_of(records, event, key="datagrams"):
    """What the notes of an event tell, all together."""
    return sum(int(r.note()[1].get(key, 0)) for r in records
               if r.tag == "*" and r.note()[0] == event)


def timed(function):
    begin = time.monotonic()
    function()
    return time.monotonic() - begin


class Streams(NetworkCase):

    def send_all(self, connection, data):
        """Send it, end the stream, and wait until the daemon has it all."""
        sender = threading.Thread(
            target=lambda: (connection.sendall(data),
                            connection.shutdown(socket.SHUT_WR)))
        sender.start()
        self.assertEqual(end_of(connection), b"")
        sender.join(harness.PATIENCE)

    def test_all_bytes_arrive_and_no_sooner_than_the_rate_allows(self):
        for settings in limited(0, 2000), limited(200):
            daemon = self.daemon(config=configured(
                *(tcp(FRAMED[kind] + settings) for kind in FRAMED)))
            took = {}

            def send(number, kind):
                connection = self.tcp(daemon, number)
                data = b"".join(framed(kind, n) for n in range(600))
                took[kind] = timed(lambda: self.send_all(connection, data))
            threads = [threading.Thread(target=send, args=item)
                       for item in enumerate(FRAMED)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(harness.PATIENCE)
            self.assertEqual(daemon.stop(), 0)
            for number, kind in enumerate(FRAMED):
                # 600 records: a second's worth at once, then two seconds.
                self.assertGreaterEqual(took[kind], 1.9, (kind, settings))
                self.assertLess(took[kind], 2 + harness.LATE,
                                (kind, settings))
                name = daemon.listening[number][0]
                self.assertEqual(
                    [(r.tag, r.data.rstrip("x")) for r in daemon.records()
                     if r.listener == name and r.tag != "*"],
                    [("F", f"{n:08}") for n in range(600)])
                self.assertRegex(
                    daemon.errors(), f"listener {name}: 127.0.0.1 {SLOWED}")

    def test_chunks_are_not_cut_for_the_rate_of_records(self):
        daemon = self.daemon(config=configured(tcp(
            'framing = "chunk";' + limited(2))))
        connection, sent = self.tcp(daemon), []

        def send():
            for number in range(6):
                sent.append(f"chunk {number} " + "x" * 100)
                connection.sendall(sent[-1].encode())
                daemon.wait_for_data(number + 1)
        self.assertGreaterEqual(timed(send), 1.9)
        self.assertEqual(daemon.data(), sent)

    def test_connections_of_a_source_share_its_rate_and_others_do_not(self):
        daemon = self.daemon(config=configured(tcp(limited(20))))
        ours = [self.connect(daemon, "127.0.0.2") for _ in range(20)]
        other, took = self.connect(daemon, "127.0.0.3"), []
        begin = time.monotonic()
        for connection in ours:
            connection.sendall(b"ours\n" * 500)
        daemon.wait_for_error("127.0.0.2 " + SLOWED)
        for number in range(40):
            took.append(timed(
                lambda n=number: self.say(daemon, other, f"other {n}")))
        count = daemon.data().count("ours")
        self.assertGreaterEqual(count, 20)
        self.assertLessEqual(count, 21 + 20 * (time.monotonic() - begin))
        # Each of ours waits for a second between its lines.
        self.assertLess(sorted(took)[len(took) // 2], 0.5)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.data().count("ours"), 10000)

    def test_what_waits_behind_the_rate_is_not_idle(self):
        daemon = self.daemon(config=configured(tcp(
            "idle_timeout = 1; flush_timeout = 0;" + limited(1))))
        connection, silent = self.tcp(daemon), self.tcp(daemon)
        name, quiet = name_of(connection), name_of(silent)
        self.send_all(connection, b"a\nb\nc\nd\n")
        end_of(silent)
        closed, = (r.note()[1] for r in daemon.of(name) if r.tag == "*")
        self.assertEqual((closed["reason"], closed["records"]), ("eof", "4"))
        self.assertGreaterEqual(float(closed["seconds"]), 2.9)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.of(quiet), [])  # a probe

    def test_a_record_is_a_piece_only_if_its_peer_does_not_go_on(self):
        daemon = self.daemon(config=configured(tcp(
            "flush_timeout = 300;" + limited(1))))
        connection = self.tcp(daemon)
        connection.sendall(b"one\ntwo\nthree\nunfinished")
        daemon.wait_for_data(4)
        self.assertEqual([(r.tag, r.data) for r in daemon.records()],
                         [("F", "one"), ("F", "two"), ("F", "three"),
                          ("P", "unfinished")])

    def test_a_stop_reads_all_that_waits(self):
        daemon = self.daemon(config=configured(tcp(limited(0, 100))))
        connections = [self.tcp(daemon) for _ in range(5)]
        line = b"x" * 99 + b"\n"
        for connection in connections:
            connection.sendall(line * 500)
        daemon.wait_for_error(SLOWED)
        self.assertEqual(daemon.stop(), 0)  # and not after 2,500 seconds
        self.assertEqual(daemon.data(), ["x" * 99] * 2500)

    def test_after_a_reset_all_that_had_come_is_read(self):
        daemon = self.daemon(config=configured(tcp(limited(100))))
        connection = self.tcp(daemon)
        name = name_of(connection)
        connection.sendall(b"line\n" * 200)
        daemon.wait_for_error(SLOWED)
        harness.reset(connection)
        wait_for(lambda: [r for r in daemon.of(name) if r.tag == "*"])
        self.assertEqual([r.data for r in daemon.of(name)][:-1],
                         ["line"] * 200)
        self.assertIn("closed reason=reset records=200 bytes=1000 ",
                      daemon.of(name)[-1].data)

    def test_who_connects_anew_is_limited_still(self):
        daemon = self.daemon(config=configured(tcp(limited(10))))

        def send():
            for _ in range(30):  # each is one record, without an end
                self.send_all(self.tcp(daemon), b"x")
        self.assertGreaterEqual(timed(send), 1.9)
        self.assertEqual(daemon.data("E"), ["x"] * 30)

    def test_the_source_is_the_one_that_a_proxy_tells(self):
        daemon = self.daemon(config=configured(tcp(
            'proxies = [ "127.0.0.1" ];' + limited(0, 100))))
        told = {}
        for host in "192.0.2.1", "192.0.2.2":
            told[host] = self.tcp(daemon)
            told[host].sendall(f"PROXY TCP4 {host} 192.0.2.9 1 2\r\n".encode())
        told["192.0.2.1"].sendall(b"one\n" * 200)
        daemon.wait_for_error("192.0.2.1 " + SLOWED)
        told["192.0.2.2"].sendall(b"two\n" * 20)
        wait_for(lambda: daemon.data().count("two") == 20)
        self.assertLess(daemon.data().count("one"), 200)

    def test_without_a_rate_nothing_is_said(self):
        daemon = self.daemon(config=configured(tcp(), udp()))
        self.send_all(self.tcp(daemon), b"line\n" * 20000)
        self.assertEqual(len(daemon.data()), 20000)
        self.assertNotIn("rate", daemon.errors())
        self.assertEqual(self.told(daemon, 1)["limited"], 0)


class Datagrams(NetworkCase):

    def test_sent_is_logged_or_limited_or_lost_or_refused(self):
        daemon = self.daemon(config=configured(udp(
            'deny = [ "127.0.0.4" ];' + limited(100))))
        hosts = "127.0.0.2", "127.0.0.3", "127.0.0.4"
        senders = [self.sender(daemon, host) for host in hosts]
        for _ in range(1000):
            for sender in senders:
                sender.send(b"0123456789")
        self.assertEqual(daemon.stop(), 0)
        records = daemon.records()
        data = [r for r in records if r.tag != "*"]
        told = {event: sum_of(records, event)
                for event in ("lost", "limited", "refused")}
        self.assertEqual(len(data) + sum(told.values()), 3000)
        self.assertGreater(told["limited"], 0)
        self.assertEqual(sum_of(records, "limited", "bytes"),
                         10 * told["limited"])
        for host in hosts[:2]:
            logged = [r for r in data if r.peer.startswith(host)]
            self.assertGreaterEqual(len(logged), 100)
            self.assertLess(len(logged), 1000)
            self.assertEqual(len([r for r in records if r.tag == "*" and
                                  re.match(rf"limited datagrams=\d+ bytes=\d+ "
                                           rf"peer={host}\Z", r.data)]), 1)

    def test_a_source_within_its_rate_loses_nothing_beside_a_flood(self):
        daemon = self.daemon(config=configured(udp(limited(50, 0, 2))))
        flood, ours = (self.sender(daemon, host)
                       for host in ("127.0.0.2", "127.0.0.3"))
        for number in range(100):
            for _ in range(20):
                flood.send(b"flood")
            ours.send(b"%d" % number)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual([r.data for r in daemon.records()
                          if r.peer == name_of(ours)],
                         [str(number) for number in range(100)])

    def test_bytes_and_the_lines_of_a_datagram_count(self):
        for settings, data, most in (
                (limited(0, 1000), b"x" * 100, 10),
                (limited(10, 0), b"x", 10),
                ('framing = "line";' + limited(10), b"a\nb\nc\nd\n", 3),
                ('framing = "line";' + limited(10), b"\n" * 50, 1),
                # However large, one passes where nothing was sent before.
                (limited(0, 10), b"x" * 5000, 1)):
            daemon = self.daemon(config=configured(udp(settings)))
            sender = self.udp(daemon)

            def send():
                for _ in range(50):
                    sender.send(data)
                self.assertEqual(daemon.stop(), 0)
            took = timed(send)
            passed = 50 - sum_of(daemon.records(), "limited")
            self.assertGreaterEqual(passed, most, settings)
            self.assertLessEqual(passed, most * (1 + took) + 1, settings)

    def test_counters_tell_it(self):
        daemon = self.daemon(config=configured(udp(limited(5, 0, 3600))))
        sender, dropped = self.udp(daemon), harness.dropped_before_sockets()
        for _ in range(20000):
            sender.send(b"ten bytes!")

        def told():
            # Those of one read are published one after another.
            c = self.told(daemon)
            sum_ = c["records"] + c["limited"] + c["lost"] + (
                harness.dropped_before_sockets() - dropped)
            return sum_ == 20000 and c["bytes"] == 10 * c["records"] and c
        self.assertGreater(wait_for(told, "all to be told")["limited"], 0)

    def test_json_has_its_keys(self):
        daemon = self.daemon(config=configured(
            udp(limited(1)), output='type = "stdout"; format = "json";'))
        sender = self.udp(daemon)
        for _ in range(5):
            sender.send(b"x")
        self.assertEqual(daemon.stop(), 0)
        note, = (o for o in daemon.json() if o.get("event") == "limited")
        self.assertEqual((note["datagrams"], note["bytes"], note["peer"]),
                         (4, 4, "127.0.0.2"), note)

    # Datagrams of two bytes from each address named.
    FLOOD = """import socket, sys
port, *hosts = sys.argv[1:]
for host in hosts:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        sender.bind((host, 0))
        for _ in range(100):
            sender.sendto(b"xx", ("fd09::100", int(port)))
"""

    def test_an_ipv6_network_is_one_source(self):
        hosts = "fd09::1", "fd09::2:3:4:5", "fd09:0:0:1::1"
        ip = harness.INTERFACES
        wrap = harness.namespaces("n", f"{ip} up lo && " + " && ".join(
            f"{ip} address lo {host}" for host in (*hosts, "fd09::100")))
        for prefix, sources in (
                ("", {"fd09::/64": 195, "fd09:0:0:1::/64": 95}),
                ("source_prefix_v6 = 48;", {"fd09::/48": 295}),
                ("source_prefix_v6 = 128;", {host: 95 for host in hosts})):
            daemon = self.daemon(wrap=wrap, config=configured(
                udp(), limits=limited(1, 0, 5) + prefix))
            subprocess.run(harness.inside(daemon, sys.executable, "-c",
                                          self.FLOOD, str(daemon.port()),
                                          *hosts),
                           check=True, timeout=harness.PATIENCE)
            self.assertEqual(daemon.stop(), 0)
            told = {r.note()[1]["peer"]: r.note()[1] for r in daemon.records()
                    if r.tag == "*"}
            self.assertEqual(set(told), set(sources))
            for source, most in sources.items():
                count = int(told[source]["datagrams"])
                # One a second more may have come in meanwhile.
                self.assertIn(count, range(most - 5, most + 1), source)
                self.assertEqual(int(told[source]["bytes"]), 2 * count)
            self.assertEqual(len(daemon.data()) + sum_of(
                daemon.records(), "limited"), 300)

    def test_a_flood_by_loggen(self):
        loggen = shutil.which("loggen")
        if not loggen:
            self.skipTest("no loggen (syslog-ng-core)")
        daemon = self.daemon(config=configured(udp(limited(1000, 0, 2))))
        said = subprocess.run(
            [loggen, "--inet", "--dgram", "--rate=200000", "--interval=3",
             "--size=100", "127.0.0.1", str(daemon.port())], check=True,
            capture_output=True, text=True, timeout=harness.PATIENCE)
        sent = int(re.findall(r"count=(\d+)", said.stdout + said.stderr)[-1])
        self.assertEqual(daemon.stop(), 0)
        limited_ = sum_of(daemon.records(), "limited")
        self.assertGreater(limited_, 0)
        self.assertEqual(len(daemon.data()) + limited_ +
                         sum_of(daemon.records(), "lost"), sent)


class Kept(keeper.Case):
    """Over restarts and kills."""

    def note_of(self, daemon):
        return [r.data for r in daemon.records(self.log) if r.tag == "*"]

    def flood(self, daemon, count):
        """One that is let in, and so many that are not."""
        before = daemon.counters()["dgram"]
        sender = self.udp(daemon)
        for _ in range(count + 1):
            sender.send(b"seven b")
        wait_for(lambda: daemon.counters()["dgram"]["limited"] ==
                 before["limited"] + count, "all to be counted")

    def test_what_was_limited_is_told_by_a_restart_or_after_a_kill(self):
        daemon = self.serve(keeper.udp("dgram", limited(1)))
        expected = []
        for count, end, peer in (3, daemon.restart, "127.0.0.2"), (
                5, daemon.kill, "-"):
            self.flood(daemon, count)
            end()
            expected.append(f"limited datagrams={count} bytes={7 * count} "
                            f"peer={peer}")
            wait_for(lambda: self.note_of(daemon) == expected, "the note")
        self.assertEqual(daemon.counters()["dgram"]["limited"], 8)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(self.note_of(daemon), expected)

    def test_a_kill_in_a_flood_leaves_none_untold(self):
        daemon = self.serve(keeper.udp("dgram", limited(100)))
        wait_for(lambda: daemon.keeper.heard("READY"), "the start")
        sender, sent = self.udp(daemon), 0
        for turn in range(2 * harness.TURNS):
            for _ in range(2000):
                sender.send(b"x")
            sent += 2000
            (daemon.restart if turn % 2 else daemon.kill)()
        self.assertEqual(daemon.stop(), 0)
        records = daemon.records(self.log)
        told = len([r for r in records if r.tag == "F"]) + sum(
            sum_of(records, event) for event in ("lost", "limited"))
        self.assertGreater(sum_of(records, "limited"), 0)
        # What is told as lost after a kill may be in the log.
        self.assertGreaterEqual(told, sent)
        self.assertLessEqual(told, sent + losses.READ * harness.TURNS)

    def test_streams_wait_over_restarts_and_kills(self):
        daemon = self.serve(keeper.tcp("line", limited(0, 20000)),
                            keeper.tcp("counted", 'framing = "octet-counted";'
                                       + limited(500)))
        line = self.stream(daemon, "a", 0)
        counted = self.stream(daemon, "b", 1, limit=2000,
                              framing=accounting.COUNTED)
        for turn in range(2 * harness.TURNS):
            daemon.wait_for_error("line: 127.0.0.1 " + SLOWED)
            self.assertFalse(line.cut_off or counted.cut_off)
            (daemon.kill if turn % 2 else daemon.restart)()
        wait_for(lambda: counted.number == 2000, "all to be sent")
        counted.finish()
        self.assertEqual(daemon.stop(), 0)
        line.abandon()
        entries = losses.entries_of(daemon.bytes(self.log), harness.TURNS)
        for stream in self.streams:
            losses.check_killed(
                stream, [e for e in entries if e.peer == stream.peer],
                harness.TURNS)


class Unix(keeper.Case):

    def test_a_user_is_one_source(self):
        daemon = self.serve(
            *('{ protocol = "unix-%s"; path = "@DIR@/%s"; %s }' % (
                kind, kind, limited(50)) for kind in ("stream", "datagram")))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(daemon.dir + "/datagram")
            for _ in range(300):
                sender.send(b"x")
        streams = [socket.socket(socket.AF_UNIX) for _ in range(2)]

        def send():
            for stream in streams:
                self.addCleanup(stream.close)
                stream.connect(daemon.dir + "/stream")
                stream.sendall(b"line\n" * 75)
                stream.shutdown(socket.SHUT_WR)
            for stream in streams:
                self.assertEqual(end_of(stream), b"")
        self.assertGreaterEqual(timed(send), 1.9)
        self.assertEqual(daemon.stop(), 0)
        records = daemon.records(self.log)
        self.assertEqual(daemon.data(path=self.log).count("line"), 150)
        count = sum_of(records, "limited")
        self.assertEqual(daemon.data(path=self.log).count("x") + count, 300)
        self.assertIn(f"limited datagrams={count} bytes={count} "
                      f"peer=unix:uid={os.getuid()}",
                      [r.data for r in records])


if __name__ == "__main__":
    harness.main(jobs=4)
