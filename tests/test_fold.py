# SPDX-License-Identifier: MIT
"""fold_empty: empty records that come together take two lines, and the log says
exactly how many they were."""
import socket

import harness
import keeper
import losses
from harness import configured, end_of, name_of, tcp, udp, wait_for

FOLD = "fold_empty = true;"


def count_of(records):
    """The empty records that a log shows and tells."""
    return sum(r.tag == "F" and r.data == "" for r in records) + sum(
        int(r.note()[1]["records"]) for r in records
        if r.tag == "*" and r.note()[0] == "empty")


class Folded(harness.Case):

    def send(self, connection, data):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(end_of(connection), b"")

    def test_a_flood_of_line_ends_takes_few_lines_and_is_counted(self):
        daemon = self.daemon(config=configured(tcp(FOLD)))
        connection = self.tcp(daemon)
        name = name_of(connection)
        self.send(connection, b"one\n" + b"\n" * 100000 + b"two\n")
        records = daemon.of(name)
        self.assertEqual(count_of(records), 100000)
        self.assertLess(len(records), 5000)
        self.assertEqual([records[0].data, records[-2].data], ["one", "two"])
        self.assertEqual(records[-1].note()[1]["records"], "100002")
        self.assertEqual(daemon.counters()[daemon.listening[0][0]]["records"],
                         100002)

    def test_each_peer_is_told_of_its_own(self):
        daemon = self.daemon(config=configured(tcp(FOLD), udp(FOLD)))
        peers = {}
        for number in range(20):
            connection = self.tcp(daemon)
            name = name_of(connection)
            peers[name] = 50 + number
            self.send(connection, b"\n" * peers[name])
        for number in range(3):
            sender = self.udp(daemon, 1)
            peers[name_of(sender)] = 50 + number
            for _ in range(50 + number):
                sender.send(b"")
        self.assertEqual(daemon.stop(), 0)
        for name, count in peers.items():
            self.assertEqual(count_of(daemon.of(name)), count, name)

    def test_records_are_numbered_as_ever(self):
        daemon = self.daemon(config=configured(
            tcp(FOLD), output='type = "stdout"; format = "json";'))
        self.send(self.tcp(daemon), b"\n" * 10 + b"last\n")
        data = [o for o in daemon.json() if "tag" in o]
        self.assertEqual((data[0]["record"], data[-1]["record"]), (1, 11))
        self.assertEqual(sum(o["records"] for o in daemon.json()
                             if o.get("event") == "empty") + len(data), 11)

    def test_raw_shows_each_of_them(self):
        daemon = self.daemon(config=f"""
            listeners = ( {tcp(FOLD)} );
            outputs = ( {{ type = "stdout"; }}, {{ type = "file";
                          path = "@DIR@/raw"; format = "raw"; }} );""")
        self.send(self.tcp(daemon), b"\n" * 1000 + b"x\n")
        self.assertEqual(daemon.bytes(daemon.dir + "/raw"),
                         b"\n" * 1000 + b"x\n")
        self.assertEqual(count_of(daemon.records()), 1000)
        self.assertLess(len(daemon.records()), 500)

    def test_by_default_each_has_a_line(self):
        daemon = self.daemon(config=configured(tcp()))
        self.send(self.tcp(daemon), b"\n" * 1000)
        self.assertEqual(daemon.data(), [""] * 1000)


class Kept(keeper.Case):

    def test_over_restarts_and_kills_none_is_missing(self):
        daemon = self.serve(keeper.tcp("line", FOLD))
        stream, sent = self.tcp(daemon), 0
        for turn in range(2 * harness.TURNS):
            stream.sendall(b"\n" * 50000)
            sent += 50000
            wait_for(lambda: daemon.counters()["line"]["records"] > 0)
            (daemon.kill if turn % 2 else daemon.restart)()
        stream.shutdown(socket.SHUT_WR)
        self.assertEqual(end_of(stream), b"")
        self.assertEqual(daemon.stop(), 0)
        records = daemon.records(self.log)
        lost = sum(losses.lost_bytes(r.data) for r in records)
        told = count_of(records) + lost
        self.assertGreaterEqual(told, sent)
        self.assertLessEqual(told, sent + harness.TURNS * losses.IN_HAND * 2)


if __name__ == "__main__":
    harness.main(jobs=4)
