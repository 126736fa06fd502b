# SPDX-License-Identifier: MIT
"""allow and deny: who may talk to a listener, and what tells of the others."""
import socket

import harness
import keeper
from harness import configured, end_of, tcp, udp, wait_for
from test_limits import LimitCase

LOCAL = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "::1"

# Settings, and who of LOCAL may talk.
JUDGED = (
    ('allow = [ "127.0.0.1" ];', "1"),
    ('allow = [ "127.0.0.2/31" ];', "23"),
    ('allow = [ "127.0.0.0/8" ]; deny = [ "127.0.0.2/31" ];', "14"),
    ('deny = [ "127.0.0.2/31" ]; allow = [ "127.0.0.0/8" ];', "14"),
    ('deny = [ "127.0.0.2" ];', "134:"),
    ('deny = [ "127.0.0.0/8" ]; allow = [ "127.0.0.2", "::1" ];', ":"),
    ('allow = [ "0.0.0.0/0" ];', "1234"),
    ('allow = [ "::/0" ];', ":"),
    ('allow = [ "::/0", "0.0.0.0/0" ];', "1234:"),
    ('deny = ( "::/0" );', "1234"),
    ('deny = ( "0.0.0.0/0" );', ":"),
    ('deny = ( "::/0", "0.0.0.0/0" );', ""),
    ('allow = [ "::1/128" ]; deny = [ "::2/127" ];', ":"),
    ('allow = [ "192.0.2.0/24", "2001:db8::/32" ];', ""),
)


def lets_in(letters, host):
    return (":" if ":" in host else host[-1]) in letters


def of(event, count, host, unit="datagrams"):
    return f"{event} {unit}={count} peer={host} reason=network"


class NetworkCase(LimitCase):

    def connect(self, daemon, host, number=0):
        """A connection from this address of the host."""
        connection = socket.create_connection(
            ("::1" if ":" in host else "127.0.0.1", daemon.port(number)),
            harness.PATIENCE, (host, 0))
        self.addCleanup(connection.close)
        return connection

    def sender(self, daemon, host, number=0):
        sender = socket.socket(socket.AF_INET6 if ":" in host
                               else socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        sender.bind((host, 0))
        sender.connect(("::1" if ":" in host else "127.0.0.1",
                        daemon.port(number)))
        return sender

    def notes(self, daemon, path=None):
        return sorted(r.data for r in daemon.records(path)
                      if r.tag == "*" and r.peer == "-")


class Judged(NetworkCase):
    """Each set of lists, by one socket for IPv4 and IPv6."""

    def setUp(self):
        super().setUp()
        harness.needs_ipv6()

    def test_connections(self):
        daemon = self.daemon(config=configured(
            *(tcp(settings).replace('address = "127.0.0.1"', 'address = "*"')
              for settings, _ in JUDGED)))
        for number, (_, letters) in enumerate(JUDGED):
            for host in LOCAL:
                if not lets_in(letters, host):
                    self.assert_refused(self.connect, daemon, host, number,
                                        data=b"refused\n")
                    continue
                connection = self.connect(daemon, host, number)
                connection.sendall(f"{number} {host}\n".encode())
                connection.shutdown(socket.SHUT_WR)
                self.assertEqual(end_of(connection), b"")
        self.check(daemon, "connections")

    def test_datagrams(self):
        daemon = self.daemon(config=configured(
            *(udp(settings).replace('address = "127.0.0.1"', 'address = "*"')
              for settings, _ in JUDGED)))
        for number, (_, letters) in enumerate(JUDGED):
            for host in LOCAL:
                text = f"{number} {host}" if lets_in(letters, host) else "no"
                self.sender(daemon, host, number).send(text.encode())
        self.check(daemon, "datagrams")

    def check(self, daemon, unit):
        """All that it lets in is in the log, and each refusal in a note."""
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(sorted(daemon.data()), sorted(
            f"{number} {host}" for number, (_, letters) in enumerate(JUDGED)
            for host in LOCAL if lets_in(letters, host)))
        for number, (_, letters) in enumerate(JUDGED):
            told = sorted(r.data for r in daemon.records() if r.tag == "*" and
                          r.listener == daemon.listening[number][0] and
                          r.data.startswith("refused "))
            self.assertEqual(told, sorted(
                of("refused", 1, host, unit) for host in LOCAL
                if not lets_in(letters, host)))


class Connections(NetworkCase):

    def test_who_is_let_in_goes_on_beside_those_who_are_not(self):
        daemon = self.daemon(config=configured(tcp(
            'deny = [ "127.0.0.3", "127.0.0.2" ];')))
        connection, sent = self.connect(daemon, "127.0.0.1"), []
        for turn in range(20):
            for _ in range(5):
                self.assert_refused(self.connect, daemon,
                                    f"127.0.0.{2 + turn % 2}", data=b"no\n")
            sent.append(f"line {turn}")
            connection.sendall(sent[-1].encode() + b"\n")
            daemon.wait_for_data(turn + 1)
        self.assertEqual(self.told(daemon), {
            "records": 20, "bytes": sum(len(s) + 1 for s in sent),
            "connections": 1, "total": 1, "refused": 100, "waiting": 0})
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.data(), sent)
        self.assertEqual(self.notes(daemon), [
            of("refused", 50, f"127.0.0.{n}", "connections") for n in (2, 3)])

    def test_a_network_is_judged_before_the_limit_of_a_source(self):
        daemon = self.daemon(config=configured(tcp(
            'deny = [ "127.0.0.2" ]; max_connections_per_source = 1;')))
        self.say(daemon, self.connect(daemon, "127.0.0.1"), "one")
        for host in "127.0.0.1", "127.0.0.2":
            self.assert_refused(self.connect, daemon, host)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(self.notes(daemon), [
            "refused connections=1 peer=127.0.0.1 reason=limit",
            "refused connections=1 peer=127.0.0.2 reason=network"])

    def test_proxies_are_let_in_and_have_no_limit_of_a_source(self):
        daemon = self.daemon(config=configured(tcp(
            'deny = [ "127.0.0.0/8" ]; proxies = [ "127.0.0.2" ];'
            "max_connections_per_source = 1;")))
        for _ in range(3):
            self.connect(daemon, "127.0.0.2")
        self.assert_refused(self.connect, daemon, "127.0.0.1")
        wait_for(lambda: self.told(daemon)["connections"] == 3, "the proxies")

    def test_in_json_the_note_has_its_reason(self):
        daemon = self.daemon(config=configured(
            tcp('deny = [ "127.0.0.2" ];'), udp('deny = [ "127.0.0.2" ];'),
            output='type = "stdout"; format = "json";'))
        self.assert_refused(self.connect, daemon, "127.0.0.2")
        sender = self.sender(daemon, "127.0.0.2", 1)
        sender.send(b"one")
        sender.send(b"two")
        self.assertEqual(daemon.stop(), 0)
        told = daemon.json()
        for note in told:
            del note["time"], note["run"]
        # Each listener has a thread of its own.
        told.sort(key=lambda note: note["protocol"])
        refused = {"event": "refused", "peer": "127.0.0.2",
                   "reason": "network"}
        self.assertEqual(told, [
            dict(refused, protocol="tcp", connections=1,
                 listener=daemon.listening[0][0]),
            dict(refused, protocol="udp", datagrams=2,
                 listener=daemon.listening[1][0])])


class Datagrams(NetworkCase):

    def test_who_is_let_in_goes_on_beside_those_who_are_not(self):
        for framing in "datagram", "exact", "line":
            daemon = self.daemon(config=configured(udp(
                'allow = [ "127.0.0.1" ]; max_record = 10; framing = "'
                f'{framing}";')))
            ours, other = (self.sender(daemon, host) for host in
                           ("127.0.0.1", "127.0.0.2"))
            for turn in range(100):
                ours.send(b"%d" % turn)
                other.send(b"1\n2\n3" if turn % 2 else b"x" * 100)
                other.send(b"")
            expected = [str(turn) for turn in range(100)]
            # Each is counted at another moment of a read.
            wait_for(lambda: daemon.counters()[daemon.listening[0][0]] == {
                "records": 100, "bytes": 190, "lost": 0, "truncated": 0,
                "refused": 200, "limited": 0}, "all to be counted")
            self.assertEqual(daemon.stop(), 0)
            self.assertEqual(daemon.data(), expected)
            self.assertEqual(self.notes(daemon),
                             [of("refused", 200, "127.0.0.2")])

    def test_each_of_a_burst_is_let_in_refused_or_lost(self):
        daemon = self.daemon(config=configured(udp(
            'deny = [ "127.0.0.2" ]; receive_buffer = 4096;')))
        ours, other = (self.sender(daemon, host) for host in
                       ("127.0.0.1", "127.0.0.2"))
        daemon.freeze()
        for turn in range(300):
            (other if turn % 3 else ours).send(b"x" * 50)
        daemon.signal(harness.signal.SIGCONT)
        other.send(b"the last")
        self.assertEqual(daemon.stop(), 0)
        told = [r.note() for r in daemon.records() if r.tag == "*"]
        lost, refused = (sum(int(keys["datagrams"]) for event, keys in told
                             if event == word) for word in ("lost", "refused"))
        self.assertGreater(lost, 0)
        self.assertGreater(refused, 0)
        self.assertEqual(len(daemon.data()) + lost + refused, 301)

    def test_many_sources_are_counted_to_the_last(self):
        daemon = self.daemon(config=configured(udp(
            'allow = [ "::1", "192.0.2.0/24" ];')))
        for turn in range(600):
            host = f"127.0.{turn // 250}.{1 + turn % 250}"
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind((host, 0))
                for _ in range(2):
                    sender.sendto(b"x", ("127.0.0.1", daemon.port()))
        self.assertEqual(daemon.stop(), 0)
        told = self.notes(daemon)
        self.assertEqual(len(told), 385)
        self.assertEqual(told.count(of("refused", 2, "127.0.0.1")), 1)
        self.assertEqual(told[-1], of("refused", 2 * (600 - 384), "others"))


class Kept(keeper.Case):
    """Over restarts and kills."""

    UDP = keeper.udp("dgram", 'deny = [ "127.0.0.2" ];')
    TCP = keeper.tcp("stream", 'deny = [ "127.0.0.2" ];')

    def notes(self, daemon):
        return [r.data for r in daemon.records(self.log)
                if r.tag == "*" and r.peer == "-"]

    def send(self, daemon, count):
        """So many that are refused, and one that is let in behind them."""
        listener = daemon.counters()["dgram"]
        for _ in range(count):
            self.udp(daemon).send(b"no")  # from 127.0.0.2
        wait_for(lambda: daemon.counters()["dgram"]["refused"] ==
                 listener["refused"] + count, "all to be counted")

    def test_a_restart_writes_what_was_counted(self):
        daemon = self.serve(self.UDP)
        expected = []
        for count in 3, 5:
            self.send(daemon, count)
            daemon.restart()
            expected.append(of("refused", count, "127.0.0.2"))
            self.assertEqual(self.notes(daemon), expected)
        self.assertEqual(daemon.counters()["dgram"]["refused"], 8)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(self.notes(daemon), expected)

    def test_after_a_kill_it_is_told_once(self):
        daemon = self.serve(self.UDP)
        expected = []
        for count in 3, 5:
            self.send(daemon, count)
            daemon.kill()
            expected.append(f"refused datagrams={count} peer=-")
            wait_for(lambda: self.notes(daemon) == expected, "the note")
        self.send(daemon, 2)
        self.assertEqual(daemon.stop(), 0)
        expected.append(of("refused", 2, "127.0.0.2"))
        self.assertEqual(self.notes(daemon), expected)

    def test_a_kill_in_a_flood_leaves_none_untold(self):
        daemon = self.serve(self.UDP)
        wait_for(lambda: daemon.keeper.heard("READY"), "the start")
        sender, sent = self.udp(daemon), 0
        for _ in range(3):
            for _ in range(2000):
                sender.send(b"no")
            sent += 2000
            daemon.kill()
        self.assertEqual(daemon.stop(), 0)
        told = [r.note() for r in daemon.records(self.log)]
        self.assertEqual(sum(int(keys["datagrams"]) for _, keys in told), sent)
        self.assertEqual({event for event, _ in told} - {"lost"}, {"refused"})

    def test_a_restart_ends_who_may_not_talk_any_more(self):
        daemon = self.serve(self.TCP)
        ours = self.tcp(daemon)
        with socket.create_connection(
                ("127.0.0.1", daemon.port()), harness.PATIENCE,
                ("127.0.0.3", 0)) as other:
            ours.sendall(b"one\n")
            other.sendall(b"two\n")
            wait_for(lambda: sorted(self.told(daemon)[:2]) == ["one", "two"])
            other.sendall(b"three\nfour")
            daemon.restart(harness.to_file(
                self.TCP.replace("127.0.0.2", "127.0.0.3")))
            self.assertEqual(end_of(other), b"")
            told = self.told(daemon, other)
            self.assertEqual(told[:3], ["two", "three", "four"])
            self.assertIn("closed reason=shutdown records=3 bytes=14 ",
                          told[3])
        ours.sendall(b"five\n")
        self.wait_until_told(daemon, ours, ["one", "five"])


if __name__ == "__main__":
    harness.main()
