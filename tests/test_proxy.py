# SPDX-License-Identifier: MIT
"""PROXY headers: who is behind a proxy, told by those that must tell it."""
import os
import socket
import time
import unittest

import harness
import keeper
import proxies
from harness import configured, end_of, name_of, reset, wait_for, watch
from tracer import Steps
from proxies import LOCAL, PORT, SOURCE, certificate, header, v1, v2, value

TOLD = f"{SOURCE}:{PORT}"
FROM_US = 'proxies = [ "127.0.0.1" ];'
# No longer than poll(2) rounds a second up, and a machine that is busy.
TIMEOUT_S = 3


class Case(harness.Case):

    def behind(self, settings="", proxy=FROM_US, **more):
        """A daemon whose listener demands a header of us."""
        return self.daemon(config=configured(
            harness.tcp(f"{proxy} {settings}"), **more))

    def send(self, daemon, *parts, number=0):
        """Send these, each at once, and the end of the stream."""
        connection = self.tcp(daemon, number)
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        return connection

    def is_reset(self, connection):
        """Wait for the end: whether that is a reset."""
        connection.settimeout(harness.PATIENCE)
        try:
            while connection.recv(65536):
                pass
        except ConnectionResetError:
            return True
        return False

    def refusals(self, daemon, event="refused"):
        """Stop it: its summaries, without the peers' ports."""
        self.assertEqual(daemon.stop(), 0)
        notes = [r.note() for r in daemon.records()
                 if r.tag == "*" and r.data.startswith(event + " ")]
        return sorted((n["peer"], n.get("reason"), n.get("detail"),
                       int(n["connections"])) for _, n in notes)

    def data_of(self, daemon, peer):
        return [r.data for r in daemon.of(peer) if r.tag != "*"]


class Headers(Case):

    def test_each_split_of_a_header_and_of_what_follows(self):
        daemon = self.behind()
        begun = []
        for version, make in ((1, v1), (2, v2)):
            for at in range(len(make()) + 6):
                source = f"192.0.2.{version}"
                data = make(source, 1000 + at) + b"hello\n"
                connection = self.tcp(daemon)
                connection.sendall(data[:at])
                begun.append((connection, f"{source}:{1000 + at}", data[at:]))
        # By now most of the beginnings were looked at.
        wait_for(lambda: daemon.counters()[daemon.listening[0][0]][
            "connections"] == len(begun), "all to be accepted")
        for connection, _, rest in begun:
            connection.sendall(rest)
            connection.shutdown(socket.SHUT_WR)
        for connection, peer, _ in begun:
            self.assertEqual(end_of(connection), b"")
            proxied, told, closed = daemon.of(peer)
            by = f"by={name_of(connection)}"
            self.assertEqual((proxied.tag, proxied.data),
                             ("*", f"proxied {by}"))
            self.assertEqual((told.tag, told.data), ("F", "hello"))
            self.assertIn("closed reason=eof records=1 bytes=6 ", closed.data)
            self.assertTrue(closed.data.endswith(f" {by}"), closed)
        self.assertEqual(len(daemon.records()), 3 * len(begun))

    def test_one_byte_at_a_time(self):
        daemon = self.behind()
        for make in (v1, v2):
            connection = self.tcp(daemon)
            for byte in make() + b"slow\n":
                connection.sendall(bytes([byte]))
            connection.close()
        wait_for(lambda: self.data_of(daemon, TOLD) == ["slow"] * 2)

    def test_whom_it_tells_of(self):
        daemon = self.behind()
        us = "127.0.0.1"
        unix = bytes(216)
        for number, (data, peer) in enumerate((
                (v1("2001:db8::7"), "[2001:db8::7]"),
                (v2("2001:db8::7"), "[2001:db8::7]"),
                (v1("::ffff:192.0.2.8"), "192.0.2.8"),
                (v2("::ffff:192.0.2.9"), "192.0.2.9"),
                (v2("192.0.2.10", kind=0x12), "192.0.2.10"),
                (v2("192.0.2.11", values=value(4, bytes(60000))),
                 "192.0.2.11"),
                (proxies.summed(source="192.0.2.12"), "192.0.2.12"),
                (b"PROXY UNKNOWN\r\n", us),
                (b"PROXY UNKNOWN ffff::1 whatever\r\n", us),
                (v2(command=LOCAL), us),
                (header(LOCAL, 0), us),
                (header(LOCAL, 0x99, b"whatever"), us),
                (header(LOCAL, 0x11, bytes(65535)), us),
                # A health check of AWS.
                (header(LOCAL, 0x11, bytes(12) + value(
                    3, b"\xfd\x16\xee\xd7") + value(4, bytes(62))), us),
                (header(proxies.PROXY, 0), us),
                (v2(kind=0x10), us),
                (header(proxies.PROXY, 0x31, unix), us))):
            with self.subTest(data=data[:60]):
                connection = self.send(daemon, data + b"from %d\n" % number)
                self.assertEqual(end_of(connection), b"")
                record = [r for r in daemon.records()
                          if r.data == f"from {number}"][0]
                host, _, port = record.peer.rpartition(":")
                if peer == us:
                    self.assertEqual(record.peer, name_of(connection))
                    self.assertNotIn(" by=", daemon.records()[-1].data)
                else:
                    self.assertEqual((host, port), (peer, str(PORT)))

    def test_what_is_none_is_refused_and_nothing_of_it_is_data(self):
        daemon = self.behind()
        wrong = value(3, bytes(4))
        for data in (b"hello, this is the data\n", b"<13>1 - - - - - a\n",
                     b"proxy UNKNOWN\r\nhello\n"):
            connection = self.tcp(daemon)
            connection.sendall(data)
            self.assertTrue(self.is_reset(connection), data)
        for data in (v1().replace(b"\r", b"") + b"hello\n",
                     v1().replace(b" ", b"  ") + b"hello\n",
                     v1("192.0.2.07") + b"hello\n", b"PROXY " + b"x" * 102,
                     v2(command=0x11), v2(command=0x22), v2(kind=0x41),
                     v2(values=b"\4\0"), header(proxies.PROXY, 0x11)):
            connection = self.tcp(daemon)
            connection.sendall(data)
            self.assertTrue(self.is_reset(connection), data)
        connection = self.tcp(daemon)
        connection.sendall(v2(values=wrong))
        self.assertTrue(self.is_reset(connection))
        for data in (b"PROXY TCP4 ", v2()[:-1]):
            self.assertTrue(self.is_reset(self.send(daemon, data)), data)
        told = daemon.counters()[daemon.listening[0][0]]
        self.assertEqual((told["refused"], told["bytes"], told["records"]),
                         (15, 0, 0))
        self.assertEqual(self.refusals(daemon), [
            ("127.0.0.1", "proxy", "checksum", 1),
            ("127.0.0.1", "proxy", "malformed", 11),
            ("127.0.0.1", "proxy", "missing", 3)])
        self.assertEqual(len(daemon.records()), 3)

    def test_from_others_it_is_data(self):
        daemon = self.behind(proxy='proxies = [ "127.0.0.2" ];')
        connection = self.send(daemon, v1() + b"hello\n")
        end_of(connection)
        self.assertEqual(self.data_of(daemon, connection),
                         [v1().decode().rstrip(), "hello"])


class Deadline(Case):

    def test_no_byte_moves_it(self):
        daemon = self.behind(f"admission_timeout = {TIMEOUT_S};")
        begin = time.monotonic()
        silent, slow = self.tcp(daemon), self.tcp(daemon)
        sent = iter(v1("192.0.2.7") * 2)

        def drip():
            try:
                slow.send(bytes([next(sent)]))
                slow.recv(1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            except (ConnectionResetError, BrokenPipeError):
                return True
            time.sleep(0.1)
            return False
        wait_for(drip, "the slow one to be reset")
        self.assertTrue(self.is_reset(silent))
        self.assertLess(TIMEOUT_S - 0.1, time.monotonic() - begin)
        self.assertLess(time.monotonic() - begin, TIMEOUT_S + harness.LATE)
        self.assertEqual(self.refusals(daemon),
                         [("127.0.0.1", "timeout", None, 2)])

    def test_a_part_of_a_header_keeps_no_core_busy(self):
        daemon = self.behind()
        for part in (b"PROXY", v1()[:30], v2()[:20], header(
                LOCAL, 0, bytes(65535))[:60000]):
            self.tcp(daemon).sendall(part)

        def ticks():
            with open(f"/proc/{daemon.process.pid}/stat",
                      encoding="utf-8") as file:
                fields = file.read().rpartition(")")[2].split()
            return int(fields[11]) + int(fields[12])
        wait_for(lambda: daemon.threads("conn") == 4)
        before = ticks()
        watch(1, lambda: ticks() - before < os.sysconf("SC_CLK_TCK") / 5,
              "less than a fifth of a core")

    def test_the_timers_of_the_connection_begin_after_it(self):
        daemon = self.behind("idle_timeout = 1; flush_timeout = 100;")
        connection = self.tcp(daemon)
        connection.sendall(v1()[:20])
        watch(1.5, lambda: not daemon.records(), "it to wait for the header")
        connection.sendall(v1()[20:] + b"hello")
        wait_for(lambda: self.data_of(daemon, TOLD) == ["hello"])
        self.assertEqual(end_of(connection), b"")
        closed = daemon.of(TOLD)[-1].note()[1]
        self.assertEqual(closed["reason"], "idle")
        self.assertGreater(float(closed["seconds"]), 2.4)


class Judged(Case):

    def test_the_source_is_judged_and_not_the_proxy(self):
        daemon = self.behind('allow = [ "192.0.2.0/24" ]; '
                             'deny = [ "192.0.2.66", "127.0.0.0/8" ];')
        for source in ("192.0.2.7", "192.0.2.66", "198.51.100.1",
                       "::ffff:192.0.2.66"):
            connection = self.tcp(daemon)
            connection.sendall(v1(source) + b"hello\n")
            if source != "192.0.2.7":
                self.assertTrue(self.is_reset(connection))
                continue
            connection.shutdown(socket.SHUT_WR)
            self.assertFalse(self.is_reset(connection))
        self.assertEqual(self.data_of(daemon, TOLD), ["hello"])
        self.assertEqual(self.refusals(daemon), [
            ("192.0.2.66", "network", None, 2),
            ("198.51.100.1", "network", None, 1)])

    def test_the_limit_for_a_source_is_not_the_proxy_s(self):
        daemon = self.behind("max_connections_per_source = 2;")
        kept = []
        for port, source in enumerate(["192.0.2.7"] * 3 + ["192.0.2.8"] * 3):
            connection = self.tcp(daemon)
            connection.sendall(v1(source, 1000 + port) + b"hello\n")
            if port % 3 == 2:
                self.assertTrue(self.is_reset(connection))
            else:
                kept.append(connection)
                wait_for(lambda p=f"{source}:{1000 + port}": self.data_of(
                    daemon, p) == ["hello"])
        kept[0].close()
        daemon.wait_for_note("closed")
        wait_for(lambda: daemon.counters()[daemon.listening[0][0]][
            "connections"] == 3)
        self.send(daemon, v1("192.0.2.7", 2000) + b"again\n")
        wait_for(lambda: self.data_of(daemon, "192.0.2.7:2000") == ["again"])
        self.assertEqual(self.refusals(daemon), [
            ("192.0.2.7", "limit", None, 1), ("192.0.2.8", "limit", None, 1)])

    def test_the_silent_leave_half_of_the_places(self):
        daemon = self.daemon(config=configured(
            harness.tcp(FROM_US + f"admission_timeout = {TIMEOUT_S};"),
            harness.tcp(), limits="max_connections = 8;"))
        first = self.tcp(daemon)
        first.sendall(v1() + b"first\n")
        wait_for(lambda: self.data_of(daemon, TOLD) == ["first"])
        silent = [self.tcp(daemon) for _ in range(20)]
        name = daemon.listening[0][0]
        wait_for(lambda: daemon.counters()[name]["connections"] == 5)
        daemon.wait_for_error("4 connections are not admitted yet, half of "
                              "max_connections; [0-9]+ more wait")
        watch(0.3, lambda: daemon.counters()[name]["connections"] <= 5)
        # Who was there, and who has not to wait, talk meanwhile.
        first.sendall(b"second\n")
        wait_for(lambda: self.data_of(daemon, TOLD) == ["first", "second"])
        other = self.send(daemon, b"another listener\n", number=1)
        self.assertEqual(end_of(other), b"")
        # The next four are in their places.
        self.assertTrue(self.is_reset(silent[0]))
        wait_for(lambda: daemon.counters()[name]["refused"] >= 4)
        for connection in silent:
            connection.close()
        late = self.send(daemon, v1("192.0.2.8") + b"late\n")
        self.assertEqual(end_of(late), b"")
        self.assertEqual(self.data_of(daemon, f"192.0.2.8:{PORT}"), ["late"])

    def test_two_hundred_silent_ones_delay_nobody(self):
        daemon = self.behind("admission_timeout = 3600;")
        silent, took = [self.tcp(daemon) for _ in range(200)], []
        for number in range(50):
            peer = f"192.0.2.7:{1000 + number}"
            begin = time.monotonic()
            connection = self.send(daemon, v2("192.0.2.7", 1000 + number) +
                                   b"hello\n")
            self.assertEqual(end_of(connection), b"")
            took.append(time.monotonic() - begin)
            self.assertEqual(self.data_of(daemon, peer), ["hello"])
        # One may be slow, on a machine that is busy.
        self.assertLess(sorted(took)[len(took) // 2], 2)
        self.assertLess(max(took), harness.LATE)
        for connection in silent:
            connection.close()


class Notes(Case):

    def test_health_checks_are_probes(self):
        daemon = self.behind()
        for data in (b"", header(LOCAL, 0), v1("192.0.2.7"), v2("192.0.2.7")):
            self.assertFalse(self.is_reset(self.send(daemon, data)))
            connection = self.tcp(daemon)
            connection.sendall(data)
            reset(connection)
        name = daemon.listening[0][0]
        wait_for(lambda: (lambda c: c["total"] == 8 and c["connections"] == 0)(
            daemon.counters()[name]), "all to end")
        self.assertEqual(daemon.records(), [])
        self.assertEqual(self.refusals(daemon, "probes"), [
            ("127.0.0.1", None, None, 4), ("192.0.2.7", None, None, 4)])
        self.assertEqual(len(daemon.records()), 2)

    def test_with_notes_of_all_or_none(self):
        for notes, expected in (("none", ["proxied"]), (
                "all", ["opened", "proxied", "closed"])):
            daemon = self.behind(f'connection_notes = "{notes}";')
            end_of(self.send(daemon, v1() + b"hello\n"))
            self.assertEqual([r.note()[0] for r in daemon.records()
                              if r.tag == "*"], expected)
            self.assertEqual(self.data_of(daemon, TOLD), ["hello"])

    def test_json_has_the_proxy_in_each_record(self):
        daemon = self.behind(output='type = "stdout"; format = "json";',
                             top='names = ( { address = "192.0.2.7"; '
                             'name = "pump"; } );')
        connection = self.send(daemon, v1() + b"one\ntwo\n")
        end_of(connection)
        lines = daemon.json()
        self.assertEqual([line.get("event", line.get("data"))
                          for line in lines],
                         ["proxied", "one", "two", "closed"])
        for line in lines:
            self.assertEqual((line["peer"], line["port"], line["by"],
                              line["name"], line["connection"]),
                             (SOURCE, PORT, name_of(connection), "pump", 1))

    def test_a_name_is_told_if_it_was_proved(self):
        daemon = self.behind()
        for port, (values, told) in enumerate((
                (certificate(b"sensor7.example"), "sensor7.example"),
                (certificate(b"a b\tc\n\x1b\xff \xe2\x80\xae"),
                 r"a\x20b\x09c\n\x1b\xff\x20\xe2\x80\xae"),
                (certificate(b"x" * 200), "x" * 128),
                (certificate(b"other", verify=1), None),
                (certificate(b"other", client=1), None),
                (certificate(b""), None))):
            end_of(self.send(daemon, v2(port=port, values=values) + b"a\n"))
            event, keys = daemon.of(f"{SOURCE}:{port}")[0].note()
            found = keys.get("told-name")
            # As any data, the note is escaped in text once more.
            self.assertEqual((event, found and harness.unescape(
                found).decode()), ("proxied", told))


class Ends(Case):

    def test_a_stop_reads_what_is_complete(self):
        daemon = self.behind()
        silent, part = self.tcp(daemon), self.tcp(daemon)
        part.sendall(v1()[:30])
        wait_for(lambda: daemon.threads("conn") == 2)
        whole = self.tcp(daemon)
        daemon.freeze()
        whole.sendall(v1() + b"to the end\nand")
        daemon.signal(harness.signal.SIGTERM)
        daemon.signal(harness.signal.SIGCONT)
        self.assertEqual(daemon.wait(), 0)
        self.assertEqual(self.data_of(daemon, TOLD), ["to the end", "and"])
        self.assertFalse(self.is_reset(whole))
        self.assertFalse(self.is_reset(silent))
        self.assertTrue(self.is_reset(part))
        self.assertEqual([r.data for r in daemon.records()
                          if "refused" in r.data],
                         ["refused connections=1 peer=127.0.0.1 "
                          "reason=shutdown"])


@unittest.skipUnless(harness.knows_systemd(), "built without libsystemd")
class Kept(keeper.Case):
    """A restart or a kill, at any place of the header."""

    def behind(self, settings=""):
        return self.serve(keeper.tcp("behind", FROM_US + settings))

    def rest(self, daemon, stream, data, expected):
        stream.sendall(data)
        stream.shutdown(socket.SHUT_WR)
        self.assertEqual(end_of(stream), b"")
        told = [r.data for r in daemon.records(self.log) if r.peer == TOLD]
        self.assertEqual(told[:-1], [f"proxied by={name_of(stream)}",
                                     *expected])
        size = sum(len(line) + 1 for line in expected)
        self.assertIn(f"closed reason=eof records={len(expected)} "
                      f"bytes={size} ", told[-1])
        self.assertTrue(told[-1].endswith(f" by={name_of(stream)}"))

    def test_it_goes_on_wherever_it_was(self):
        for end in ("restart", "kill"):
            for make in (v1, v2):
                daemon = self.behind("admission_timeout = 3600;")
                size = len(make())
                begun = []
                for at in range(0, size + 8, 3):
                    whole = make(port=10000 + at) + b"one\ntwo\n"
                    stream = self.tcp(daemon)
                    stream.sendall(whole[:at])
                    begun.append((at, stream, whole[at:]))
                read = [max(0, at - size) for at, _, _ in begun]
                daemon.wait_for_bytes(0, sum(read))
                # The state is written after the log.
                wait_for(lambda read=read: sorted(
                    c.done for c in daemon.open()) == sorted(
                        n // 4 * 4 for n in read), "the state")
                getattr(daemon, end)()
                for at, stream, rest in begun:
                    stream.sendall(rest)
                    stream.shutdown(socket.SHUT_WR)
                    self.assertEqual(end_of(stream), b"")
                    told = [r.data for r in daemon.records(self.log)
                            if r.peer == f"{SOURCE}:{10000 + at}"]
                    self.check(told, stream, end, at - size)
                self.assertEqual(daemon.stop(), 0)
                self.assertNotIn("refused", daemon.text(self.log))

    def check(self, told, stream, end, read):
        """After an end at which so many bytes of the data were read."""
        by = f"by={name_of(stream)}"
        self.assertEqual(told[0], f"proxied {by}")
        self.assertIn(" bytes=8 ", told[-1])
        self.assertTrue(told[-1].endswith(f" {by}"), told)
        if end == "restart" or read <= 0 or read % 4 == 0:
            self.assertEqual(told[1:-1], ["one", "two"])
        else:
            self.assertIn(f"lost bytes={read % 4}", told)

    def test_numbers_and_progress_go_on(self):
        daemon = self.serve(keeper.tcp("behind", FROM_US),
                            more='format = "json";')
        stream = self.tcp(daemon)
        stream.sendall(v2())
        # Else a kill may come before the daemon has it in flight.
        wait_for(lambda: any(c.cookie for c in daemon.open()))
        for turn, end in enumerate(("kill", "restart", "kill", "restart")):
            getattr(daemon, end)()
            stream.sendall(b"turn %d\n" % turn)
            wait_for(lambda n=turn: [
                line["record"] for line in daemon.json(self.log)
                if "record" in line] == list(range(1, n + 2)))
        stream.shutdown(socket.SHUT_WR)
        end_of(stream)
        lines = daemon.json(self.log)
        self.assertEqual([line.get("event") for line in lines],
                         ["proxied"] + [None] * 4 + ["closed"])
        self.assertEqual({(line["peer"], line["port"], line["by"],
                           line["connection"]) for line in lines},
                         {(SOURCE, PORT, name_of(stream), 1)})

    def test_the_limit_for_a_source_goes_on(self):
        daemon = self.behind("max_connections_per_source = 1;")
        stream = self.tcp(daemon)
        stream.sendall(v1())
        wait_for(lambda: any(c.cookie for c in daemon.open()))
        stream.sendall(b"one\n")
        wait_for(lambda: "one" in daemon.text(self.log))
        for end in (daemon.kill, daemon.restart):
            end()
            second = self.tcp(daemon)
            second.sendall(v1(port=2000) + b"second\n")
            with self.assertRaises(ConnectionResetError):
                end_of_reset(second)
        self.rest(daemon, stream, b"two\n", ["one", "two"])

    def test_the_deadline_begins_anew(self):
        daemon = self.behind("admission_timeout = 10;")
        stream = self.tcp(daemon)
        stream.sendall(v1()[:20])
        begin = time.monotonic()
        wait_for(lambda: time.monotonic() - begin > 5)
        daemon.restart()
        wait_for(lambda: time.monotonic() - begin > 11.5)
        self.assert_open(stream)
        self.rest(daemon, stream, v1()[20:] + b"late\n", ["late"])

    def test_who_is_refused_later_is_reset_too(self):
        """Its copy is in flight."""
        daemon = self.behind()
        stream = self.tcp(daemon)
        daemon.wait_until_sent()
        stream.sendall(b"this is no header\n")
        with self.assertRaises(ConnectionResetError):
            end_of_reset(stream)
        wait_for(lambda: daemon.open() == [], "the register to forget it")

    def test_a_kill_at_each_step_of_it(self):
        daemon = self.behind()
        streams = [self.tcp(daemon) for _ in range(60)]
        daemon.wait_until_sent()
        is_killed, kills = True, 0
        for port, stream in enumerate(streams, 1):
            if not is_killed:
                break
            steps = Steps(daemon)
            stream.sendall(v2(port=port) + b"one\ntwo\n")
            is_killed = steps.kill_at(port, lambda p=port: any(
                r.peer == f"{SOURCE}:{p}" and r.data == "two"
                for r in daemon.records(self.log)))
            kills += is_killed
            daemon.wait()
            daemon.start()
            stream.sendall(b"three\n")
            stream.shutdown(socket.SHUT_WR)
            self.assertEqual(end_of(stream), b"")
            told = [r.data for r in daemon.records(self.log)
                    if r.peer == f"{SOURCE}:{port}"]
            proxied = f"proxied by={name_of(stream)}"
            with self.subTest(step=port, told=told):
                self.assertEqual(told[0], proxied)
                self.assertIn(" bytes=14 ", told[-1])
                # Where both are there, it was killed in between.
                self.assertIn([t for t in told[1:-1] if t != proxied], (
                    ["one", "two", "three"], ["lost bytes=8", "three"],
                    ["one", "two", "lost bytes=8", "three"]))
        self.assertGreater(kills, 5)

    def test_without_its_listener_it_is_read_to_its_end(self):
        daemon = self.behind()
        stream = self.tcp(daemon)
        stream.sendall(v1()[:20])
        daemon.wait_until_sent()
        daemon.leave()
        stream.sendall(v1()[20:] + b"last\n")
        daemon.configure(harness.to_file(keeper.tcp("another")))
        daemon.start()
        wait_for(lambda: "last" in daemon.text(self.log))
        self.assertEqual([r.data for r in daemon.records(self.log)
                          if r.peer == TOLD][:2],
                         [f"proxied by={name_of(stream)}", "last"])


def end_of_reset(connection):
    connection.settimeout(harness.PATIENCE)
    while connection.recv(65536):
        pass


if __name__ == "__main__":
    harness.main(jobs=4)
