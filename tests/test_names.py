# SPDX-License-Identifier: MIT
"""names: what the log calls peers."""
import signal

import harness
from harness import Case, wait_for

NAMES = """
names = (
  { address = "127.0.0.1"; name = "pump3"; },
  { address = "127.0.0.0/24"; name = "site-b"; },
  { address = "::1"; name = "17"; }
);
"""


def config(output, *listeners, names=NAMES):
    return names + harness.configured(*listeners, output=output)


class Names(Case):
    def close_in_order(self, connection):
        connection.shutdown(harness.socket.SHUT_WR)
        harness.end_of(connection)

    def talk(self, daemon, host="127.0.0.1", number=0):
        with harness.socket.create_connection(
                ("::1" if ":" in host else "127.0.0.1", daemon.port(number)),
                harness.PATIENCE, source_address=(host, 0)) as connection:
            connection.sendall(b"hello\n")
            self.close_in_order(connection)

    def test_text_has_it_in_the_closed_note_alone(self):
        daemon = self.daemon(config=config(
            'type = "stdout";', harness.tcp(), harness.udp()))
        for host, name in (("127.0.0.1", "pump3"), ("127.0.0.9", "site-b"),
                           ("127.0.1.1", None), ("::1", "17")):
            before = len(daemon.records())
            self.talk(daemon, host)
            record, note = daemon.records()[before:]
            self.assertEqual(record.data, "hello")
            self.assertEqual(note.note()[1].get("name"), name)
        self.udp(daemon, 1).send(b"one")
        daemon.wait_for_data(5)
        self.assertEqual(daemon.text().count("pump3"), 1)

    def test_json_has_it_in_each_record_and_note_once(self):
        daemon = self.daemon(config=config(
            'type = "stdout"; format = "json";',
            harness.tcp('connection_notes = "all";'), harness.udp()))
        self.talk(daemon, "127.0.0.1")
        self.talk(daemon, "127.0.1.1")
        self.talk(daemon, "::1")
        self.udp(daemon, 1).send(b"one")  # from 127.0.0.2
        wait_for(lambda: len(daemon.json()) == 10, "all records")
        self.assertEqual([line.get("name") for line in daemon.json()],
                         ["pump3"] * 3 + [None] * 3 + ["17"] * 3 + ["site-b"])
        for line in daemon.text().split("\n"):
            self.assertLessEqual(line.count('"name":'), 1)
        self.assertEqual(daemon.json()[2]["event"], "closed")

    def test_datagrams_of_senders_that_take_turns(self):
        daemon = self.daemon(config=config(
            'type = "stdout"; format = "json";', harness.udp()))
        expected = []
        senders = []
        for host, name in (("127.0.0.1", "pump3"), ("127.0.0.7", "site-b"),
                           ("127.9.9.9", None)):
            sender = harness.socket.socket(harness.socket.AF_INET,
                                           harness.socket.SOCK_DGRAM)
            self.addCleanup(sender.close)
            sender.bind((host, 0))
            senders.append((sender, name))
        daemon.freeze()  # so that one read has them all
        for _ in range(4):
            for sender, name in senders:
                sender.sendto(b"x", ("127.0.0.1", daemon.port()))
                expected.append(name)
        daemon.signal(signal.SIGCONT)
        wait_for(lambda: len(daemon.json()) == 12, "all records")
        self.assertEqual([r.get("name") for r in daemon.json()], expected)

    def test_a_path_has_the_name_or_the_address(self):
        daemon = self.daemon(config=config(
            'type = "file"; path = "@DIR@/%{name}.log";', harness.tcp()))
        for host, name in (("127.0.0.1", "pump3"), ("127.0.0.9", "site-b"),
                           ("127.0.0.8", "site-b"),
                           ("127.0.1.1", "127.0.1.1")):
            self.talk(daemon, host)
            self.assertEqual(
                daemon.of(daemon.records(f"{daemon.dir}/{name}.log")[-1].peer,
                          f"{daemon.dir}/{name}.log")[0].data, "hello")
        self.assertEqual(len(daemon.data("F", daemon.dir + "/site-b.log")), 2)

    def test_portlog_reads_it(self):
        daemon = self.daemon(config=config(
            'type = "stdout"; format = "json";', harness.tcp()))
        self.talk(daemon)
        ran = harness.portlog("decode", "-j", daemon.out)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn(b"hello", ran.stdout)


class Configuration(Case):
    def check(self, names):
        daemon = harness.Daemon(start=False, config=config(
            'type = "stdout";', harness.tcp(), names=names))
        self.addCleanup(daemon.close)
        return harness.run("-T", "-c", daemon.dir + "/portlogd.conf")

    def test_faults(self):
        one = '{ address = "10.0.0.0/8"; name = "a"; }'
        for names, found in (
                ('{ address = "10.0.0.1"; }', 'missing setting "name"'),
                ('{ name = "x"; }', 'missing setting "address"'),
                (one + ', 7', "found 7, expected a group"),
                (one + ',\n{ address = "10.0.0.0/08"; name = "b"; }',
                 'address: found "10.0.0.0/08", expected a prefix from /0 to '
                 "/32"),
                (one + ',\n{ address = "10.1.0.0/8"; name = "b"; }',
                 'expected "10.0.0.0/8", whose address is zero behind its '
                 "prefix"),
                ('{ address = "host"; name = "b"; }',
                 "expected an address or a network"),
                ('{ address = "::1"; name = "a b"; }',
                 "expected 1 to 64 printable ASCII characters"),
                ('{ address = "::1"; nme = "ab"; name = "x"; }',
                 'unknown setting "nme", did you mean "name"?'),
                (f"{one},\n{{ address = \"::\"; name = \"c\"; }},\n{one}",
                 ':3: found a second name for 10.0.0.0/8, the first, "a", is '
                 "on line 1\n"),
                ("", "names: found none, expected at least one")):
            with self.subTest(names):
                ran = self.check(f"names = ( {names} );")
                self.assertEqual(ran.returncode, 78, ran.stdout)
                self.assertIn(found, ran.stderr)
                self.assertEqual(ran.stderr.count("\n"), 1, ran.stderr)

    def test_the_dump_has_them(self):
        dumped = self.check(NAMES).stdout
        self.assertEqual(dumped.count('name = "site-b";'), 1)
        self.assertIn('address = "127.0.0.0/24";', dumped)
        self.assertNotIn("names", self.check("").stdout)

    def test_ten_thousand_are_read_in_a_moment(self):
        names = ",".join(f'{{ address = "10.{i >> 8}.{i & 255}.0/24"; name = '
                         f'"n{i}"; }}' for i in range(10000))
        ran = self.check(f"names = ( {names} );")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(ran.stdout.count('address = "10.'), 10000)


if __name__ == "__main__":
    harness.main(jobs=4)
