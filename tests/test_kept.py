# SPDX-License-Identifier: MIT
"""Restarts with a file descriptor store: nothing lost, doubled or split.

test_restart.py does some of it with a real systemd.
"""
import contextlib
import itertools
import os
import re
import resource
import socket
import struct
import tempfile
from signal import SIGCONT, SIGSTOP, SIGTERM, SIGUSR1

import harness
import accounting
import keeper
from harness import TURNS, free_port, to_file, wait_for
from keeper import tcp, udp

LINE, LF, NUL = tcp("line"), tcp("lf", 'framing = "lf";'), tcp(
    "nul", 'framing = "nul";')
COUNTED = tcp("counted", 'framing = "octet-counted";')
MLLP = tcp("mllp", r'framing = "delimiter"; delimiter = "\x1c\r";')
LENGTH = tcp("length", 'framing = "length"; length_bytes = 2;')
UDP = udp("dgram")


def at(listener, port):
    """The same listener on this port."""
    return listener.replace("port = 0", f"port = {port}")


class Restarts(keeper.Case):
    """Connections and unfinished records continue."""

    def test_restarts_under_load_lose_double_and_split_nothing(self):
        daemon = self.serve(LINE, LF, NUL, COUNTED, UDP, MLLP, LENGTH)
        for name, number, framing in (
                ("a", 0, accounting.LF), ("b", 1, accounting.LF),
                ("c", 2, accounting.NUL), ("d", 3, accounting.COUNTED),
                ("e", 3, accounting.COUNTED), ("g", 5, accounting.MLLP),
                ("h", 6, accounting.LENGTH)):
            self.stream(daemon, name, number, kind=accounting.Halves, burst=3,
                        rate=1500, framing=framing)
        self.stream(daemon, "flood", burst=100, rate=20000)
        self.datagrams_of(daemon, "f", 4, rate=3000)
        for turn in range(2 * TURNS):
            for sender in self.senders():
                sender.wait_for(20 + 7 * (turn % 10))
            daemon.restart()
            self.assertNotIn("not wanted", daemon.errors())
        for sender in self.senders():
            sender.wait_for(20)
            sender.finish()
        self.assertEqual([s for s in self.senders() if s.cut_off], [])
        counted = wait_for(lambda: self.all_are_counted(daemon), "counters")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(counted["dgram"]["lost"],
                         self.check_log(daemon.bytes(self.log)))
        closed = re.findall(rb" \* closed reason=(\S+)",
                            daemon.bytes(self.log))
        self.assertEqual(closed, [b"eof"] * len(self.streams))
        self.assertNotIn(b" P ", daemon.bytes(self.log))

    def all_are_counted(self, daemon):
        """The counters if they have all that was sent; else None."""
        counted = daemon.counters()
        records = sum(c["records"] for c in counted.values())
        sent = sum(s.number for s in self.senders())
        self.assertLessEqual(records, sent)
        return counted if records + counted["dgram"]["lost"] == sent else None

    def test_each_byte_of_a_stream_may_be_the_last_before_a_restart(self):
        daemon = self.serve(LINE, NUL, COUNTED)
        blobs = (b"one\r\ntwo\n\r\n", b"one\0two\r\0\0",
                 b"3 one12 twelve bytes1 x")
        longest = max(map(len, blobs))
        expected = (["one", "two", ""], ["one", "two\\r", ""],
                    ["one", "twelve bytes", "x"])
        streams = [self.tcp(daemon, i) for i in range(3)]
        for at in range(longest):
            for blob, stream in zip(blobs, streams):
                stream.sendall(blob[at:at + 1])
            daemon.restart()
        for stream, data in zip(streams, expected):
            self.wait_until_told(daemon, stream, data)

    def test_counters_and_numbers_go_on(self):
        daemon = self.serve(LINE, UDP, more='format = "json";')
        connection, sender = self.tcp(daemon), self.udp(daemon, 1)
        for i in range(3):
            connection.sendall(b"o\nthr")
            sender.send(b"datagram")
            wait_for(lambda n=2 * i + 2: len(daemon.json(self.log)) == n)
            daemon.restart()
        connection.close()
        wait_for(lambda: len(daemon.json(self.log)) == 8)
        logged = daemon.json(self.log)
        closed = logged.pop()
        for protocol, count in (("tcp", 4), ("udp", 3)):
            of_it = [r for r in logged if r["protocol"] == protocol]
            self.assertEqual([r["record"] for r in of_it],
                             list(range(1, count + 1)), logged)
        self.assertEqual({r.get("connection") for r in logged
                          if r["protocol"] == "tcp"}, {1})
        self.assertEqual([str(closed[key]) for key in
                          ("event", "reason", "records", "bytes")],
                         ["closed", "eof", "4", "15"])
        # Records are counted once they are written.
        wait_for(lambda: (lambda counted: [
            [counted["line"][key] for key in ("records", "bytes", "total")],
            [counted["dgram"][key] for key in ("records", "bytes", "lost")]])(
                daemon.counters()) == [[4, 15, 1], [3, 24, 0]],
            "the counters")
        self.tcp(daemon).sendall(b"next\n")
        wait_for(lambda: len(daemon.json(self.log)) == 9)
        self.assertEqual(daemon.json(self.log)[-1]["connection"], 2)

    def test_what_is_seen_of_a_peer_outlives_it(self):
        daemon = self.serve(LINE)
        ended, gone = self.tcp(daemon), self.tcp(daemon)
        names = [harness.name_of(peer) for peer in (ended, gone)]
        for peer in (ended, gone):
            peer.sendall(b"tw")
        daemon.wait_for_bytes(0, 4)
        daemon.leave()
        ended.sendall(b"o\nthree")
        ended.shutdown(socket.SHUT_WR)
        gone.sendall(b"o\n")
        harness.reset(gone)
        daemon.start()
        for name, expected in zip(names, (
                ["two", "three", "reason=eof records=2 bytes=9"],
                ["two", "reason=reset records=1 bytes=4"])):
            def look(name=name, expected=expected):
                told = [r.data for r in daemon.of(name, self.log)]
                return told[:-1] == expected[:-1] and (
                    expected[-1] in told[-1])
            wait_for(look, expected)

    def test_connections_in_the_queue_are_accepted_by_the_next(self):
        daemon = self.serve(LINE)
        daemon.leave()
        waiting = [self.tcp(daemon) for _ in range(20)]
        for i, stream in enumerate(waiting):
            stream.sendall(b"%d\n" % i)
        daemon.start()
        for i, stream in enumerate(waiting):
            self.wait_until_told(daemon, stream, [str(i)])

    def test_datagrams_that_the_kernel_drops_meanwhile_are_told(self):
        daemon = self.serve(udp("small", "receive_buffer = 4096;"))
        sender = self.udp(daemon)
        sender.send(b"first")
        wait_for(lambda: self.told(daemon) == ["first"])
        daemon.leave()
        for i in range(100):
            sender.send(b"%d" % i)
        daemon.start()

        def told():
            lost = sum(accounting.lost_in(data) for data in self.told(daemon))
            return lost + sum(data.isdigit() for data in self.told(daemon))
        wait_for(lambda: told() == 100, "all of them")
        self.assertIn("lost datagrams=", "".join(self.told(daemon)))
        daemon.restart()
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(told(), 100)


class Changes(keeper.Case):
    """The next process has another configuration."""

    def test_what_is_not_configured_any_more_is_ended_and_dropped(self):
        daemon = self.serve(LINE, COUNTED, UDP)
        kept, ended = self.tcp(daemon), self.tcp(daemon, 1)
        kept.sendall(b"one\ntw")
        ended.sendall(b"3 one9 unfini")
        wait_for(lambda: len(self.told(daemon)) == 2)
        ports = [daemon.port(i) for i in range(3)]
        daemon.restart(to_file(LINE, tcp("new")))
        self.assertEqual(harness.end_of(ended), b"")
        kept.sendall(b"o\n")
        self.wait_until_told(daemon, kept, ["one", "two"])
        records = daemon.of(ended, self.log)
        self.assertEqual([(r.tag, r.data) for r in records[:-1]],
                         [("F", "one"), ("E", "unfini")])
        self.assertIn("closed reason=shutdown records=2 bytes=13 ",
                      records[-1].data)
        self.assertEqual({r.listener for r in records}, {"counted"})
        self.assertEqual(daemon.port(), ports[0])
        with self.assertRaises(ConnectionRefusedError):
            harness.connect_tcp(("127.0.0.1", ports[1]))
        # The UDP socket stays in the store until it is read.
        wait_for(lambda: daemon.keeper.kinds() == [
            "bytes", "inflight receive", "inflight send", "listener",
            "listener", "state"], "what is not wanted to be dropped")
        self.assertEqual(daemon.errors().count(
            "is not configured any more: closed"), 2)

    def test_more_connections_than_are_allowed_now_go_on(self):
        daemon = self.serve(LINE)
        held = [self.tcp(daemon) for _ in range(5)]
        for stream in held:
            stream.sendall(b"one\ntw")
        wait_for(lambda: len(self.told(daemon)) == 5)
        daemon.restart(to_file(LINE, limits="max_connections = 2;"))
        waiting = self.tcp(daemon)
        waiting.sendall(b"late\n")
        for stream in held:
            stream.sendall(b"o\n")
            self.wait_until_told(daemon, stream, ["one", "two"])
        self.assertEqual(self.told(daemon, waiting), [])
        for stream in held:
            stream.close()
        self.wait_until_told(daemon, waiting, ["late"])

    def test_an_unfinished_record_longer_than_is_allowed_now_goes_on(self):
        limit = "max_record = 1024;"
        daemon = self.serve(LINE, COUNTED)
        line, counted = self.tcp(daemon), self.tcp(daemon, 1)
        line.sendall(b"a" * 60000)
        counted.sendall(b"60000 " + b"b" * 59990)
        daemon.wait_for_bytes(0, 60000)
        daemon.wait_for_bytes(1, 59996)
        daemon.restart(to_file(LINE, COUNTED, limits=limit))
        line.sendall(b"A\nnext\n")
        counted.sendall(b"B" * 10 + b"4 next")
        for stream, data in ((line, "a" * 60000 + "A"),
                             (counted, "b" * 59990 + "B" * 10)):
            wait_for(lambda s=stream: self.told(daemon, s)[-1:] == ["next"])
            records = daemon.of(stream, self.log)
            self.assertEqual("".join(r.data for r in records[:-1]), data)
            self.assertEqual({r.tag for r in records[:-2]}, {"P"})
            self.assertEqual([r.tag for r in records[-2:]], ["F", "F"])
            self.assertLessEqual(max(len(r.data) for r in records), 1024)

    def test_a_framing_of_ones_own_goes_on_at_any_byte(self):
        daemon = self.serve(MLLP, LENGTH)
        streams = [(self.tcp(daemon, 0), b"one\x1c\rtwo\x1c\rthree\x1c\r"),
                   (self.tcp(daemon, 1), b"\0\3one\0\3two\0\5three")]
        for sent in range(0, 18, 3):
            for stream, data in streams:
                stream.sendall(data[sent:sent + 3])
            for number, (stream, data) in enumerate(streams):
                daemon.wait_for_bytes(number, len(data[:sent + 3]))
            daemon.restart()
        for stream, _ in streams:
            self.wait_until_told(daemon, stream, ["one", "two", "three"])

    def test_a_framing_whose_settings_are_gone_gives_way(self):
        daemon = self.serve(
            tcp("one", r'framing = "delimiter"; delimiter = "\r";'),
            tcp("two", 'framing = "length"; length_bytes = 1;'))
        streams = [self.tcp(daemon, 0), self.tcp(daemon, 1)]
        for stream, data in zip(streams, (b"one\rtw", b"\3one\3tw")):
            stream.sendall(data)
            self.wait_until_told(daemon, stream, ["one"])
        daemon.restart(to_file(tcp("one"), tcp("two")))
        for stream in streams:
            stream.sendall(b"o\nthree\n")
            self.wait_until_told(daemon, stream, ["one", "two", "three"])

    def test_another_framing_does_not_change_what_was_begun(self):
        daemon = self.serve(LINE)
        stream = self.tcp(daemon)
        stream.sendall(b"one\r\ntw")
        self.wait_until_told(daemon, stream, ["one"])
        daemon.restart(to_file(tcp("line", 'framing = "octet-counted";')))
        other = self.tcp(daemon)
        stream.sendall(b"o\n")
        other.sendall(b"3 new")
        self.wait_until_told(daemon, stream, ["one", "two"])
        self.wait_until_told(daemon, other, ["new"])

    def test_names_of_all_kinds_are_found_again(self):
        names = ("x:y", "x_y", "x@y", "of", "listener", "connection", "state",
                 "a=b;c", "n" * 64, "%s%n$(x)`", "[::]")
        daemon = self.serve(*(tcp(name) for name in names))
        streams = [self.tcp(daemon, i) for i in range(len(names))]
        for stream in streams:
            stream.sendall(b"one\ntw")
        wait_for(lambda: len(self.told(daemon)) == len(names))
        ports = daemon.listening
        # From now on with the port that each got: names alone do not suffice.
        config = to_file(*(tcp(name).replace("port = 0", f"port = {port}")
                              for name, (_, _, _, port)
                              in zip(names, ports)))
        for _ in range(2):
            daemon.restart(config)
        self.assertNotIn("not wanted", daemon.errors())
        self.assertEqual(daemon.listening, ports)
        for name, stream in zip(names, streams):
            stream.sendall(b"o\n")
            self.wait_until_told(daemon, stream, ["one", "two"])
            self.assertEqual({r.listener for r in
                              daemon.of(stream, self.log)}, {name})


class EachChange(keeper.Case):
    """Each change of a listener, and each two at once, and back.

    A second restart follows each: a socket that was stored under the name of
    another would be gone only then.
    """

    # What it is at first, and what it may become.
    FIRST = {"address": "*", "interface": None, "name": "first", "port": 0,
             "protocol": ("tcp", "udp")}
    CHANGES = [("address", "127.0.0.1"), ("address", "::"),
               ("interface", "lo"), ("name", "second"), ("port", 1),
               ("protocol", ("udp",)), ("protocol", ("tcp",))]

    def configured(self, setting):
        more = f'interface = "{setting["interface"]}";' if (
            setting["interface"]) else ""
        return to_file(*(
            at(make(setting["name"], f'address = "{setting["address"]}"; ' +
                    more), self.ports[setting["port"]])
            for make in (tcp, udp) if make.__name__ in setting["protocol"]))

    def assert_receives(self, daemon, setting, text, names):
        """Each protocol takes a record; in the log they have such a name.

        A socket that is given up goes on to take datagrams for a moment.
        """
        host = "::1" if setting["address"] == "::" else "127.0.0.1"
        for number, protocol in enumerate(setting["protocol"]):
            end = (self.tcp if protocol == "tcp" else self.udp)(
                daemon, number, host)
            end.sendall(text + b"\n" * (protocol == "tcp"))

        def look():
            found = [r for r in daemon.records(self.log)
                     if r.data == text.decode()]
            return len(found) == len(setting["protocol"]) and all(
                r.listener in names for r in found)
        wait_for(look, text)

    def test_is_there_after_a_restart_and_after_another(self):
        self.ports = harness.free_port(), harness.free_port()
        daemon = self.serve(start=False)
        daemon.configure(self.configured(self.FIRST))
        daemon.start()
        changed = [dict([change]) for change in self.CHANGES] + [
            dict(pair) for pair in itertools.combinations(self.CHANGES, 2)
            if pair[0][0] != pair[1][0]]
        texts = (b"record %d" % number for number in itertools.count())
        name = self.FIRST["name"]
        for change in changed:
            for setting in (self.FIRST | change, self.FIRST):
                with self.subTest(change=change, setting=setting):
                    for names in ({name, setting["name"]}, {setting["name"]}):
                        daemon.restart(self.configured(setting))
                        self.assert_receives(daemon, setting, next(texts),
                                             names)
                    name = setting["name"]
        self.assertNotIn(" lost ", daemon.text(self.log))


class Moves(keeper.Case):
    """A listener needs another socket on the port that it had."""

    def move(self, listeners, *ways):
        """Restart with each of these ways; the one socket receives.

        ways are (setting, host that it receives from, host that it refuses or
        None).
        """
        port = free_port()

        def moved(way):
            return to_file(*(at(make("line", way), port)
                                for make in listeners))
        daemon = self.serve(start=False)
        daemon.configure(moved(ways[0][0]))
        daemon.start()
        for number, (way, host, refused) in enumerate(ways[1:] + ways[:1]):
            daemon.restart(moved(way))
            for i, make in enumerate(listeners):
                if make is tcp:
                    self.tcp(daemon, i, host).sendall(b"%d\n" % number)
                    if refused:
                        with self.assertRaises(ConnectionRefusedError):
                            daemon.tcp(i, refused).close()
                else:
                    self.udp(daemon, i, host).send(b"%d" % number)
            wait_for(lambda n=number: self.told(daemon).count(str(n)) ==
                     len(listeners), way)
            # The UDP socket stays in the store until it is read.
            wait_for(lambda: daemon.keeper.kinds().count("listener") ==
                     len(listeners), "one of each to be kept")

    def test_to_another_address_and_back(self):
        one, six = 'address = "127.0.0.1";', 'address = "::1";'
        self.move((tcp, udp), ("", "127.0.0.1", None), ("", "::1", None),
                  (one, "127.0.0.1", "::1"), (six, "::1", "127.0.0.1"),
                  ('address = "::";', "::1", "127.0.0.1"),
                  (one, "127.0.0.1", "::1"))

    def test_to_an_interface_and_back(self):
        self.move((tcp, udp), ("", "127.0.0.1", None),
                  ('interface = "lo";', "127.0.0.1", None))

    def test_what_waits_for_one_that_is_no_more_is_in_the_log(self):
        port = free_port()
        daemon = self.serve(at(LINE, port), at(udp(
            "dgram", "receive_buffer = 8192;"), port))
        sender = self.udp(daemon, 1)
        daemon.leave()
        streams = [self.tcp(daemon) for _ in range(20)]
        for number, stream in enumerate(streams):
            stream.sendall(b"%d\nunfini" % number)
        for _ in range(200):
            sender.send(b"datagram")
        daemon.configure(to_file(*(at(make("new", 'address = "127.0.0.1";'),
                                         port) for make in (tcp, udp))))
        daemon.start()
        for number, stream in enumerate(streams):
            self.assertEqual(harness.end_of(stream), b"")
            records = daemon.of(stream, self.log)
            self.assertEqual([(r.listener, r.tag, r.data)
                              for r in records[:-1]],
                             [("line", "F", str(number)),
                              ("line", "E", "unfini")])
            self.assertIn("closed reason=shutdown records=2 ",
                          records[-1].data)

        def lost():
            return sum(accounting.lost_in(r.data)
                       for r in daemon.records(self.log)
                       if (r.listener, r.tag) == ("dgram", "*"))
        wait_for(lambda: self.told(daemon).count("datagram") + lost() == 200,
                 "all of them")
        self.assertGreater(lost(), 0)
        sender.send(b"new")
        wait_for(lambda: "new" in self.told(daemon))
        wait_for(lambda: daemon.keeper.kinds().count("listener") == 2,
                 "two to be kept")

    def test_behind_an_output_that_stalls_nothing_of_it_is_lost(self):
        port = free_port()
        directory = tempfile.TemporaryDirectory(prefix="portlog-")
        self.addCleanup(directory.cleanup)
        path = directory.name + "/pipe"
        os.mkfifo(path)
        pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, pipe)
        daemon = self.serve(at(UDP, port), path=path)
        sender = self.udp(daemon)
        daemon.leave()
        with contextlib.suppress(BlockingIOError):
            while os.write(pipe, b"\n" * 4096):
                pass
        for _ in range(200):
            sender.send(b"datagram")
        daemon.configure(to_file(at(udp("new", 'address = "127.0.0.1";'),
                                       port), path=path))
        daemon.start()
        wait_for(lambda: any(read for read, _ in daemon.listeners()),
                 "a read")
        daemon.kill()
        log = b""

        def told():
            nonlocal log
            with contextlib.suppress(BlockingIOError):
                log += os.read(pipe, 65536)
            lines = log.rpartition(b"\n")[0].decode().split("\n")
            return sum(accounting.lost_in(r.data) if r.tag == "*" else 1
                       for r in map(harness.Record, filter(None, lines)))
        wait_for(lambda: told() == 200, "all of them")
        self.assertIn(b"lost datagrams=", log)


class Twins(keeper.Case):
    """Listeners with the same name and port are not mixed up."""

    def test_of_tcp_and_udp_each_has_its_own_counters(self):
        port = free_port()
        daemon = self.serve(at(UDP, port), at(tcp("dgram"), port))
        self.tcp(daemon).sendall(b"one\n")
        self.udp(daemon).send(b"twelve bytes")
        wait_for(lambda: len(self.told(daemon)) == 2)
        for again in (daemon.restart, daemon.restart, lambda: None):
            daemon.signal(SIGUSR1)
            found = daemon.wait_for_error(
                r"dgram: records=1 bytes=(\d+) lost=0 [^\n]*\n"
                r"[^\n]*dgram: records=1 bytes=(\d+) connections=1 ")
            self.assertEqual(found.groups(), ("12", "4"))
            again()

    def test_of_two_interfaces_each_keeps_its_connections(self):
        others = [name for _, name in socket.if_nameindex() if name != "lo"]
        if not others:
            self.skipTest("there is but one interface")
        port = free_port()
        listeners = [at(harness.tcp(f'interface = "{name}"; outputs = '
                                    f'["{i}"];'), port)
                     for i, name in enumerate((others[0], "lo"))]
        outputs = ", ".join(f'{{ type = "file"; name = "{i}"; '
                            f'path = "@DIR@/{i}"; }}' for i in range(2))
        daemon = keeper.Served(
            f"listeners = ({', '.join(listeners)});\noutputs = ({outputs});")
        self.addCleanup(self.end, daemon)
        stream = self.tcp(daemon)
        for n in range(3):
            stream.sendall(b"%d\n" % n)
            wait_for(lambda n=n: [r.data for r in daemon.of(
                stream, daemon.dir + "/1")] == [str(i) for i in range(n + 1)])
            daemon.restart()
        self.assertEqual(daemon.records(daemon.dir + "/0"), [])


class Strange(keeper.Case):
    """The next process does not understand what is stored."""

    WRONG = (lambda state: b"", lambda state: b"\0" * 100000,
             lambda state: b"portlog state 9\0" + state[16:],
             lambda state: state[:63], lambda state: state[:700],
             lambda state: state[:16] + b"\xff" * 4 + state[20:],
             lambda state: state[:16] + struct.pack("<I", 1 << 20) + state[20:],
             lambda state: state[:20] + struct.pack("<I", 1) + state[24:],
             lambda state: state[:36] + b"\xff" * 4 + state[40:])

    def spoil(self, daemon, make):
        """Restart with another state; returns stderr."""
        daemon.leave()
        name = daemon.keeper.state_name()
        daemon.keeper.replace(name, make(daemon.keeper.content(name)))
        daemon.start()
        return daemon.errors()

    def assert_reset(self, stream):
        """Its peer sees that it has no receipt."""
        with self.assertRaises(ConnectionResetError):
            stream.recv(1)

    def assert_begins_anew(self, daemon, number):
        """A new connection is served, and the next restart keeps it."""
        # Its port may be that of a peer that was reset.
        stream, told = self.tcp(daemon), [str(number), "two"]
        stream.sendall(b"%d\ntw" % number)
        wait_for(lambda: self.told(daemon, stream)[-1:] == told[:1], told[0])
        daemon.restart()
        stream.sendall(b"o\n")
        wait_for(lambda: self.told(daemon, stream)[-2:] == told, told)

    def test_a_state_that_is_not_understood_is_told_and_peers_are_reset(self):
        # By its address alone it is found: only for that of any port the
        # state must be asked.
        daemon = self.serve(*(at(listener, free_port())
                              for listener in (LINE, COUNTED, UDP)))
        sender = self.udp(daemon, 2)
        for number, make in enumerate(self.WRONG):
            line, counted = self.tcp(daemon), self.tcp(daemon, 1)
            line.sendall(b"%d\ntw" % number)
            counted.sendall(b"1 %d5 ab" % number)
            sender.send(b"%d" % number)
            for peer in (line, counted, sender):
                wait_for(lambda p=peer, n=number: self.told(daemon, p)[-1:] ==
                         [str(n)], "the records")
            told = self.spoil(daemon, make)
            self.assertIn("cannot understand what was kept", told)
            self.assertIn("no state says where the connections stand", told)
            self.assert_reset(line)
            self.assert_reset(counted)
            self.assert_begins_anew(daemon, number)
        self.assertNotIn("lost", daemon.text(self.log))
        self.assertEqual(daemon.keeper.kinds(), [
            "bytes", "inflight receive", "inflight send", *["listener"] * 3,
            "state"])

    def test_no_state_is_none(self):
        daemon = self.serve(LINE, UDP)
        stream = self.tcp(daemon)
        stream.sendall(b"one\n")
        self.wait_until_told(daemon, stream, ["one"])
        daemon.leave()
        daemon.keeper.drop(daemon.keeper.state_name())
        daemon.start()
        self.assert_reset(stream)
        self.assertIn("no state says where the connections stand: they "
                      "are reset", daemon.errors())
        self.assert_begins_anew(daemon, 2)

    def test_without_what_was_in_flight_all_is_told(self):
        daemon = self.serve(LINE)
        stream = self.tcp(daemon)
        stream.sendall(b"one\ntw")
        self.wait_until_told(daemon, stream, ["one"])
        daemon.leave()
        daemon.keeper.drop("inflight send", "inflight receive")
        daemon.start()
        self.assert_reset(stream)
        wait_for(lambda: " closed " in daemon.text(self.log))
        told = self.told(daemon, stream)
        self.assertEqual(told[:-1], ["one", "tw"])
        self.assertIn("closed reason=killed records=2 bytes=6 ", told[-1])
        self.assert_begins_anew(daemon, 2)

    def test_without_the_saved_bytes_they_are_told_as_lost(self):
        daemon = self.serve(LINE, COUNTED)
        line, counted = self.tcp(daemon), self.tcp(daemon, 1)
        line.sendall(b"one\ntw")
        counted.sendall(b"3 one10 unf")
        for stream in (line, counted):
            self.wait_until_told(daemon, stream, ["one"])
        daemon.wait_for_bytes(0, 6)
        daemon.wait_for_bytes(1, 11)
        daemon.leave()
        daemon.keeper.replace("bytes 1", b"x")
        daemon.start()
        line.sendall(b"o\n")
        counted.sendall(b"inished")
        self.wait_until_told(daemon, line, ["one", "lost bytes=2", "o"])
        self.wait_until_told(daemon, counted,
                             ["one", "lost bytes=3", "inished"])


class Passed(keeper.Case):
    """Sockets that systemd has bound, as systemd.socket(5) has it."""

    def bound(self, kind=socket.SOCK_STREAM):
        bound = socket.socket(socket.AF_INET, kind)
        self.addCleanup(bound.close)
        bound.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            bound.listen()
        return bound

    def port_of(self, bound):
        return bound.getsockname()[1]

    def test_they_are_found_by_name_by_address_and_never_of_another_kind(
            self):
        named, datagrams, at = self.bound(), self.bound(
            socket.SOCK_DGRAM), self.bound()
        wrong = self.bound(socket.SOCK_DGRAM)
        deaf = socket.socket()
        self.addCleanup(deaf.close)
        deaf.bind(("127.0.0.1", 0))
        daemon = self.serve(
            LINE, UDP, tcp("at", 'address = "127.0.0.1";').replace(
                "port = 0", f"port = {self.port_of(at)}"),
            tcp("wrong"), tcp("deaf"),
            passed=[("wrong", wrong), ("deaf", deaf), ("line", named),
                    ("dgram", datagrams), ("else", at)])
        self.assertEqual([daemon.port(i) for i in range(3)],
                         [self.port_of(s) for s in (named, datagrams, at)])
        self.assertEqual(re.findall(r"not wanted, closed: (\S+)",
                                    daemon.errors()), ["wrong", "deaf"])
        for i in (0, 2, 3, 4):
            self.tcp(daemon, i).sendall(b"%d\n" % i)
        self.udp(daemon, 1).send(b"1")
        wait_for(lambda: sorted(self.told(daemon)) == list("01234"))

    def test_a_connection_that_a_socket_unit_accepted_is_refused(self):
        named = self.bound()
        peer = socket.create_connection(named.getsockname())
        self.addCleanup(peer.close)
        accepted = named.accept()[0]
        self.addCleanup(accepted.close)
        for name in ("connection", "line"):
            daemon = self.serve(LINE, UDP, passed=[(name, accepted)],
                                start=False)
            daemon.exits = 1
            daemon.launch()
            self.assertEqual(daemon.wait(), 1)
            self.assertIn("with Accept=yes: expected its listening socket, "
                          "Accept=no", daemon.errors())

    def test_what_comes_before_and_after_it_is_for_the_next(self):
        named, datagrams = self.bound(), self.bound(socket.SOCK_DGRAM)
        daemon = self.serve(LINE, UDP, passed=[("line", named),
                                               ("dgram", datagrams)])
        stream, sender = self.tcp(daemon), self.udp(daemon, 1)
        stream.sendall(b"one\ntw")
        self.wait_until_told(daemon, stream, ["one"])
        daemon.restart()
        stream.sendall(b"o\n")
        self.wait_until_told(daemon, stream, ["one", "two"])
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(harness.end_of(stream), b"")
        late = self.tcp(daemon)
        late.sendall(b"late\n")
        sender.send(b"later")
        daemon.start()
        self.wait_until_told(daemon, late, ["late"])
        self.wait_until_told(daemon, sender, ["later"])


    def test_what_it_dropped_before_anybody_read_is_told(self):
        datagrams = self.bound(socket.SOCK_DGRAM)
        datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        sender.connect(datagrams.getsockname())
        for number in range(100):
            sender.send(b"%d" % number)
        daemon = self.serve(UDP, passed=[("dgram", datagrams)])
        wait_for(lambda: any("lost" in told for told in self.told(daemon)))
        told = self.told(daemon)
        kept = [str(number) for number in range(len(told) - 1)]
        self.assertEqual(told, [*kept, f"lost datagrams={100 - len(kept)}"])
        daemon.restart()
        sender.send(b"next")
        self.wait_until_told(daemon, sender, [*kept, "next"])


class Held(keeper.Case):
    """A connection that was accepted but has no memory for a thread."""

    def held(self):
        """A daemon, and a connection for which it tries once a second."""
        if harness.sanitized():
            self.skipTest("a sanitizer ends where memory does")
        daemon = self.serve(LINE)
        first, stream = self.tcp(daemon), None
        first.sendall(b"first\n")
        self.wait_until_told(daemon, first, ["first"])
        limits = resource.prlimit(daemon.process.pid, resource.RLIMIT_AS)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_AS,
                         (1, limits[1]))
        try:
            stream = self.tcp(daemon)
            daemon.wait_for_error("cannot take another connection")
        finally:
            resource.prlimit(daemon.process.pid, resource.RLIMIT_AS, limits)
        daemon.signal(SIGSTOP)
        stream.sendall(b"one\ntw")
        daemon.signal(SIGTERM)
        daemon.signal(SIGCONT)
        daemon.leave()
        if self.told(daemon, stream):
            self.skipTest("so busy that a second went by: it had its thread")
        daemon.start()
        self.wait_until_told(daemon, stream, ["one"])
        return daemon, stream

    def test_a_connection_that_waits_for_a_thread_survives(self):
        daemon, stream = self.held()
        stream.sendall(b"o\n")
        self.wait_until_told(daemon, stream, ["one", "two"])

    def test_and_what_a_kill_costs_it_then_is_told(self):
        daemon, stream = self.held()
        daemon.wait_for_bytes(0, 12)
        daemon.wait_until_done(4)
        daemon.kill()
        stream.sendall(b"o\n")
        self.wait_until_told(daemon, stream, ["one", "lost bytes=2", "o"])


if __name__ == "__main__":
    harness.main(jobs=4)
