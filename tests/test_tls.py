# SPDX-License-Identifier: MIT
"""TLS: who has our close_notify has all of its lines in the log, whatever ends
the stream; what is missing is told, to the byte."""
import collections
import contextlib
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import certificates
import harness
import interfaces
import keeper
import tls_peers
from harness import TURNS, configured, name_of, reset, to_file, wait_for, watch
from tls_peers import BOTH, FIN, RECEIPT, RESET, V13, Client, connect

# Two lines, and one that has no end.
LINES = b"one\ntwo\nthr"
WRITTEN = ["one", "two", "thr"]

MADE = {}


def setUpModule():
    authority = certificates.of_module()
    MADE["authority"] = authority
    MADE["server"] = authority.issue("server", names=("DNS:localhost",))


def listener(settings="", tls=""):
    return tls_peers.listener(MADE["server"], settings, tls)


def named(settings=""):
    """One that is the same after a restart, whatever its port."""
    return listener('name = "secure"; ' + settings)


def keys(case, daemon):
    connection = connect(daemon)
    case.addCleanup(connection.close)
    client = tls_peers.Keys(connection)
    case.addCleanup(client.free)
    return client


def notes(records_):
    return [r.data for r in records_ if r.tag == "*"]


def data(records_):
    return [r.data for r in records_ if r.tag != "*"]


class Case(harness.Case):

    def tls(self, settings="", tls="", limits="", wrap=(), **more):
        return self.daemon(wrap=wrap, config=configured(
            listener(settings, tls), limits=limits, **more))

    def client(self, daemon, *arguments, number=0, **options):
        connection = connect(daemon, number)
        self.addCleanup(connection.close)
        return Client(connection, *arguments, **options)

    def closed(self, daemon, client, path=None):
        """Wait for its end; returns the keys of that note."""
        peer = client if isinstance(client, str) else name_of(client.socket)

        def look():
            return next((r.note()[1] for r in daemon.of(peer, path)
                         if r.data.startswith("closed ")), None)
        return wait_for(look, f"the end of {peer}")

    def assert_ended(self, daemon, client, reason, undeciphered=None,
                     written=WRITTEN, path=None):
        """Its lines are in the log, with this end."""
        peer = client if isinstance(client, str) else name_of(client.socket)
        closed = self.closed(daemon, peer, path)
        self.assertEqual((closed["reason"], closed.get("undeciphered")),
                         (reason, undeciphered and str(undeciphered)))
        self.assertEqual(data(daemon.of(peer, path)), written)


class Ends(Case):
    """What the sender does, and what both sides know of it then."""

    def each(self, daemon, versions=BOTH):
        for version in versions:
            with self.subTest(version=version.name):
                client = self.client(daemon, version)
                client.send(LINES)
                yield client

    def test_close_notify_is_answered(self):
        daemon = self.tls()
        for client in self.each(daemon):
            self.assertEqual(client.close(), RECEIPT)
            self.assert_ended(daemon, client, "eof")

    def test_close_notify_and_fin_at_once(self):
        daemon = self.tls()
        for client in self.each(daemon):
            client.socket.sendall(client.say_close())
            client.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(client.verdict(), RECEIPT)
            self.assert_ended(daemon, client, "eof")

    def test_bytes_behind_close_notify_are_none_of_the_stream(self):
        daemon = self.tls()
        for client in self.each(daemon):
            client.socket.sendall(client.say_close() + LINES)
            self.assertEqual(client.verdict(), RECEIPT)
            self.assert_ended(daemon, client, "eof")

    def test_a_fin_between_two_records_is_truncated(self):
        daemon = self.tls()
        for client in self.each(daemon):
            client.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(client.verdict(), FIN)
            self.assert_ended(daemon, client, "truncated")

    def test_a_fin_inside_a_record_is_told_to_the_byte(self):
        daemon = self.tls()
        for client in self.each(daemon):
            wire = client.encrypt(b"x" * 20)
            client.socket.sendall(wire[:-1])
            client.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(client.verdict(), FIN)
            self.assert_ended(daemon, client, "truncated", len(wire) - 1)

    def test_each_part_of_a_record(self):
        daemon = self.tls()
        begun = []
        for size in range(1, 40):
            client = self.client(daemon)
            client.send(b"whole\n")
            client.socket.sendall(client.encrypt(b"x" * 40)[:size])
            client.socket.shutdown(socket.SHUT_WR)
            begun.append((client, size))
        for client, size in begun:
            self.assertEqual(client.verdict(), FIN)
            self.assert_ended(daemon, client, "truncated", size, ["whole"])

    def test_a_reset(self):
        daemon = self.tls()
        for client in self.each(daemon):
            peer = name_of(client.socket)
            wait_for(lambda p=peer: len(daemon.of(p)) >= 3)
            reset(client.socket)
            self.assert_ended(daemon, peer, "reset")

    def test_a_reset_behind_much_that_is_read_late(self):
        daemon = self.tls()
        for client in self.each(daemon):
            peer = name_of(client.socket)
            wait_for(lambda p=peer: len(daemon.of(p)) >= 3)
            daemon.freeze()
            sent = [f"line {i}" for i in range(2000)]
            client.send("".join(line + "\n" for line in ["", *sent]).encode())
            reset(client.socket)
            daemon.signal(signal.SIGCONT)
            self.assert_ended(daemon, peer, "reset", written=[
                "one", "two", "thr", *sent])

    def test_a_killed_sender_is_truncated(self):
        daemon = self.tls()
        for version in ("-tls1_2", "-tls1_3"):
            sender = subprocess.Popen(
                ["openssl", "s_client", version, "-quiet", "-connect",
                 f"127.0.0.1:{daemon.port()}"], stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.addCleanup(sender.stdin.close)
            self.addCleanup(sender.wait)
            sender.stdin.write(f"from {version}\n".encode())
            sender.stdin.flush()
            wait_for(lambda v=version: f"from {v}" in daemon.data())
            sender.kill()
            peer = [r.peer for r in daemon.records() if r.tag != "*"][-1]
            self.assert_ended(daemon, peer, "truncated",
                              written=[f"from {version}"])

    def test_one_bit_flipped_anywhere(self):
        daemon = self.tls()
        for client in self.each(daemon):
            size = len(client.encrypt(b"x" * 40))
            # The type and version of a record are no part of what is sealed,
            # and its length has the next record begin elsewhere.
            for at in range(5, size):
                bent = self.client(daemon, client.tls.context.minimum_version)
                good = bent.encrypt(LINES)
                wire = bytearray(bent.encrypt(b"x" * 40))
                rest = bent.encrypt(b"never read")
                wire[at] ^= 1 << at % 8
                bent.socket.sendall(good + wire + rest)
                self.assertIn(bent.verdict(), (FIN, RESET))
                self.assertEqual(self.closed(daemon, bent)["detail"],
                                 "bad-record-mac")
                self.assert_ended(daemon, bent, "tls-error",
                                  len(wire + rest))

    def test_a_record_that_is_too_long(self):
        daemon = self.tls()
        for client in self.each(daemon):
            client.socket.sendall(b"\x17\3\3\xff\xff" + bytes(100))
            self.assertIn(client.verdict(), (FIN, RESET))
            self.assert_ended(daemon, client, "tls-error", 105)

    def test_idle_and_bad_frame_are_no_receipt(self):
        daemon = self.daemon(config=configured(
            listener("idle_timeout = 1;"),
            listener('framing = "octet-counted";'),
            limits="flush_timeout = 0;"))
        for number, sent, reason, written in (
                (0, LINES, "idle", WRITTEN),
                (1, b"3 onebad", "bad-frame", ["one", "bad"])):
            for version in BOTH:
                client = self.client(daemon, version, number=number)
                client.send(sent)
                self.assertEqual(client.verdict(), FIN)
                self.assert_ended(daemon, client, reason, written=written)

    def test_close_notify_behind_a_bad_frame_is_answered(self):
        daemon = self.tls('framing = "octet-counted";')
        client = self.client(daemon)
        client.socket.sendall(client.encrypt(b"3 onebad") + client.say_close())
        self.assertEqual(client.verdict(), RECEIPT)
        self.assert_ended(daemon, client, "bad-frame",
                          written=["one", "bad"])


class Outputs(Case):
    """An output that stalls: the receipt waits for it."""

    def test_close_notify_waits_for_a_stalled_output(self):
        for version in BOTH:
            with self.subTest(version=version.name):
                self.stall(version)

    def stall(self, version):
        reader, writer = os.pipe()
        with open(reader, "rb", buffering=0) as out:
            daemon = self.daemon(config=configured(listener()), start=False)
            daemon.start(stdout=writer)
            os.close(writer)
            client = self.client(daemon, version)
            sent = b"x" * 1000 + b"\n"
            threading.Thread(target=client.socket.sendall, daemon=True, args=(
                client.encrypt(sent * 500) + client.say_close(),)).start()
            watch(1, lambda: not client.is_answered(), "an answer")
            received = []

            def read():
                while part := out.read(65536):
                    received.append(part)
            thread = threading.Thread(target=read)
            thread.start()
            self.assertEqual(client.verdict(), RECEIPT)
            # What was answered is with the reader, or in its pipe.
            self.assertEqual(daemon.stop(), 0)
            thread.join()
            self.assertEqual(b"".join(received).count(b" F xxxx"), 500)

    def test_an_output_that_fails_for_good_gives_no_receipt(self):
        reader, writer = os.pipe()
        daemon = self.daemon(config=configured(listener()), start=False)
        daemon.exits = 1
        daemon.start(stdout=writer)
        os.close(writer)
        client = self.client(daemon)
        client.send(b"one\n")
        os.close(reader)
        self.assertNotEqual(client.close(), RECEIPT)


class Stops(Case):
    """SIGTERM."""

    def test_what_the_kernel_holds_is_deciphered_and_written(self):
        for version in BOTH:
            with self.subTest(version=version.name):
                daemon = self.tls()
                open_, said, part = (self.client(daemon, version)
                                     for _ in range(3))
                daemon.freeze()
                for client in (open_, said, part):
                    client.send(LINES)
                said.socket.sendall(said.say_close())
                wire = part.encrypt(b"y" * 15000)
                part.socket.sendall(wire[:7000])
                daemon.signal(signal.SIGTERM)
                daemon.signal(signal.SIGCONT)
                self.assertEqual(daemon.wait(), 0)
                self.assertEqual([c.verdict() for c in (open_, said, part)],
                                 [FIN, RECEIPT, FIN])
                self.assert_ended(daemon, open_, "shutdown")
                self.assert_ended(daemon, said, "eof")
                self.assert_ended(daemon, part, "shutdown", 7000)

    def test_a_silent_peer_in_the_handshake_does_not_delay_it(self):
        daemon = self.tls()
        silent, begun = connect(daemon), self.client(daemon, handshake=False)
        self.addCleanup(silent.close)
        begun.step()
        begun.flush()
        wait_for(begun.is_answered)
        self.assertEqual(daemon.stop(), 0)
        self.assertIn(begun.verdict(), (RESET,))
        self.assertEqual(sorted(notes(daemon.records())), [
            "refused connections=1 peer=127.0.0.1 reason=shutdown"])


class Handshakes(Case):
    """What comes instead of a handshake, and how it fails."""

    def refusals(self, daemon, event="refused"):
        self.assertEqual(daemon.stop(), 0)
        found = collections.Counter()
        for record in daemon.records():
            if record.data.startswith(event + " "):
                keys_ = record.note()[1]
                found[keys_.get("reason"), keys_.get("detail")] += int(
                    keys_["connections"])
        return sorted((*what, count) for what, count in found.items())

    def test_what_is_no_tls_is_named_and_reset(self):
        daemon = self.tls()
        for sent in (b"GET / HTTP/1.0\r\n\r\n", b"POST /x HTTP/1.1\r\n",
                     b"<13>Oct 11 22:14:15 host app: text\n", b"7 <13>abc",
                     b"SSH-2.0-OpenSSH_9.2\r\n", b"PROXY TCP4 1.2.3.4 5.6.7.8"
                     b" 1 2\r\n", b"\r\n\r\n\0\r\nQUIT\n!\x11\0\0", b"\0\1\2",
                     b"\x16\2\0"):
            connection = connect(daemon)
            connection.sendall(sent)
            with self.assertRaises(ConnectionResetError):
                connection.recv(1)
            connection.close()
        self.assertEqual(self.refusals(daemon), [
            ("not-tls", "http", 2), ("not-tls", "other", 2),
            ("not-tls", "proxy", 2), ("not-tls", "ssh", 1),
            ("not-tls", "text", 2)])
        self.assertEqual(daemon.data(), [])

    def test_tls_and_proxy_on_a_plain_listener_are_noted_once(self):
        daemon = self.daemon(config=configured(harness.tcp()))
        for sent, look in ((b"\x16\3\1\0\5hello\n", "tls"),
                           (b"PROXY TCP4 \n", "proxy"), (b"\x16\3", None),
                           (b"text\n", None)):
            connection = connect(daemon)
            connection.sendall(sent + sent)
            connection.shutdown(socket.SHUT_WR)
            self.assertEqual(harness.end_of(connection), b"")
            found = [r.data for r in daemon.of(connection)]
            self.assertEqual(found[:1] == [f"looks like={look}"], bool(look))
            self.assertEqual(sum("looks" in f for f in found), bool(look))
            self.assertGreaterEqual(len(found), 2)
            connection.close()

    def test_the_first_failure_is_noted_at_once_and_then_once_a_minute(self):
        daemon = self.tls()
        for number in range(4):
            connection = connect(daemon)
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            harness.end_of(connection)
            connection.close()
            if number == 0:
                daemon.wait_for_note("refused")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(notes(daemon.records()), [
            f"refused connections={count} peer=127.0.0.1 reason=not-tls "
            "detail=http" for count in (1, 3)])

    def test_how_a_handshake_fails(self):
        daemon = self.tls(tls='versions = "1.3";')
        hello = self.client(daemon, handshake=False)
        hello.step()
        wire = hello.wire()
        close_notify = b"\x15\3\3\0\2\1\0"
        for sent in (wire[:1], wire[:40], wire, wire + close_notify):
            connection = connect(daemon)
            connection.sendall(sent)
            with contextlib.suppress(OSError):  # it may be reset by now
                connection.shutdown(socket.SHUT_WR)
            harness.end_of(connection)
            connection.close()
        with self.assertRaises((ConnectionError, OSError)):
            self.client(daemon, tls_peers.V12)
        garbage = connect(daemon)
        garbage.sendall(b"\x16\3\1\0\x40" + bytes(64))
        harness.end_of(garbage)
        garbage.close()
        hello.socket.close()
        found = self.refusals(daemon)
        self.assertIn(("tls", "ended", 4), found)
        self.assertIn(("tls", "protocol", 1), found)
        self.assertEqual(len(found), 3, found)

    def test_a_client_that_does_not_trust_us_is_told_of(self):
        daemon = self.tls()
        subprocess.run(["openssl", "s_client", "-verify_return_error",
                        "-connect", f"127.0.0.1:{daemon.port()}"],
                       input=b"", capture_output=True, check=False,
                       timeout=harness.PATIENCE)
        self.assertEqual(self.refusals(daemon),
                         [("tls", "alert-unknown-ca", 1)])

    def test_health_checks_are_probes(self):
        daemon = self.tls()
        for _ in range(3):
            connect(daemon).close()
        reset(connect(daemon))
        self.assertEqual(self.client(daemon).close(), RECEIPT)
        wait_for(lambda: not daemon.counters()[daemon.listening[0][0]][
            "connections"])
        self.assertEqual(self.refusals(daemon, "probes"), [(None, None, 5)])
        self.assertEqual(len(daemon.records()), 1)

    def test_one_deadline_that_no_byte_moves(self):
        daemon = self.tls("admission_timeout = 3;")
        slow = self.client(daemon, handshake=False)
        slow.step()
        wire = slow.wire()
        with self.assertRaises(ConnectionError):
            for i in range(10):
                slow.socket.sendall(wire[i:i + 1])
                if select.select([slow.socket], [], [], 1)[0]:
                    slow.socket.recv(1)
        self.assertEqual(self.refusals(daemon), [("timeout", None, 1)])

    def test_a_handshake_that_drips_within_the_deadline(self):
        daemon = self.tls("admission_timeout = 60;")
        client = self.client(daemon, handshake=False)
        while not client.step():
            for byte in client.wire():
                client.socket.sendall(bytes([byte]))
            client.feed()
        for byte in client.wire() + client.encrypt(LINES):
            client.socket.sendall(bytes([byte]))
        self.assertEqual(client.close(), RECEIPT)
        self.assert_ended(daemon, client, "eof")

    def test_data_glued_to_the_end_of_the_handshake(self):
        daemon = self.tls()
        for version in BOTH:
            client = self.client(daemon, version, handshake=False)
            while not client.step():
                client.flush()
                client.feed()
            if version == V13:  # of 1.2 the server speaks last
                client.socket.sendall(client.wire() + client.encrypt(LINES) +
                                      client.say_close())
                self.assertEqual(client.verdict(), RECEIPT)
                self.assert_ended(daemon, client, "eof")

    def test_a_proxy_header_glued_to_the_handshake(self):
        daemon = self.tls('proxies = [ "127.0.0.1" ];')
        for version in BOTH:
            header = b"PROXY TCP4 192.0.2.7 192.0.2.8 %d 2\r\n" % version
            client = self.client(daemon, version, before=header)
            client.send(LINES)
            self.assertEqual(client.close(), RECEIPT)
            peer = f"192.0.2.7:{int(version)}"
            self.assert_ended(daemon, peer, "eof")
            self.assertEqual([n.split(" ")[0]
                              for n in notes(daemon.of(peer))],
                             ["proxied", "secured", "closed"])

    def test_header_and_handshake_have_one_deadline(self):
        daemon = self.tls('proxies = [ "127.0.0.1" ]; admission_timeout = 10;')
        connection = connect(daemon)
        begin = time.monotonic()
        watch(5, lambda: not select.select([connection], [], [], 0)[0])
        connection.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n")
        with self.assertRaises(ConnectionResetError):
            connection.recv(1)
        self.assertLess(time.monotonic() - begin, 14.5)
        connection.close()
        self.assertEqual(self.refusals(daemon), [("timeout", None, 1)])

    def test_a_thousand_silent_handshakes_beside_a_good_sender(self):
        daemon = self.tls(limits="max_connections = 1200;")
        good = self.client(daemon)
        silent = []
        self.addCleanup(lambda: [s.close() for s in silent])
        hello = self.client(daemon, handshake=False)
        hello.step()
        wire = hello.wire()
        longest = 0.0
        for number in range(1000):
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", daemon.port()))
            silent.append(connection)
            if number % 50 == 0:
                longest = max(longest, self.delay(daemon, good, number))
        for connection in silent[::2]:
            if select.select([], [connection], [], 1)[1]:
                connection.sendall(wire)
        for number in range(1000, 1020):
            longest = max(longest, self.delay(daemon, good, number))
        counted = daemon.counters()[daemon.listening[0][0]]
        self.assertLessEqual(counted["connections"], 602)
        self.assertLess(longest, 2)
        # Half of the places are for those who are admitted.
        for connection in silent:
            reset(connection)
        silent.clear()
        late = self.client(daemon)
        late.send(LINES)
        self.assertEqual(late.close(), RECEIPT)
        self.assertEqual(good.close(), RECEIPT)

    def delay(self, daemon, client, number):
        begin = time.monotonic()
        client.send(b"good %d\n" % number)
        wait_for(lambda: f" good {number}\n" in daemon.text())
        return time.monotonic() - begin


class Streams(Case):
    """All that a stream may be between its two ends."""

    def test_records_of_each_size_however_they_are_split(self):
        daemon = self.tls("max_record = 1048576;")
        for version in BOTH:
            client = self.client(daemon, version)
            sent = [b"x" * size for size in
                    (0, 1, 16383, 16384, 16385, 65535, 100000, 500000)]
            wire = client.encrypt(b"".join(line + b"\n" for line in sent))
            for at in range(0, len(wire), 7919):
                client.socket.sendall(wire[at:at + 7919])
            self.assertEqual(client.close(), RECEIPT)
            self.assertEqual(data(daemon.of(client.socket)),
                             [line.decode() for line in sent])

    def test_many_small_records_at_once(self):
        daemon = self.tls()
        for version in BOTH:
            client = self.client(daemon, version)
            sent = [f"line {i}" for i in range(5000)]
            client.socket.sendall(b"".join(
                client.encrypt(line.encode() + b"\n") for line in sent))
            self.assertEqual(client.close(), RECEIPT)
            self.assertEqual(data(daemon.of(client.socket)), sent)

    def test_a_chunk_is_what_was_encrypted_at_once(self):
        daemon = self.tls('framing = "chunk";')
        client = self.client(daemon)
        client.socket.sendall(b"".join(map(client.encrypt, (b"a", b"bc"))))
        self.assertEqual(client.close(), RECEIPT)
        self.assertEqual(data(daemon.of(client.socket)), ["a", "bc"])

    def test_counted_frames(self):
        daemon = self.tls('framing = "octet-counted";')
        client = self.client(daemon)
        for part in (b"3 on", b"e1", b"2 twelve bytes"):
            client.send(part)
        self.assertEqual(client.close(), RECEIPT)
        self.assertEqual(data(daemon.of(client.socket)),
                         ["one", "twelve bytes"])

    @unittest.skipUnless(shutil.which("strace"), "no strace")
    def test_the_end_of_a_handshake_is_acknowledged_at_once(self):
        """Or a sender with Nagle's algorithm would wait for 40 ms: time says
        so too, but not on a machine that is busy."""
        directory = tempfile.TemporaryDirectory(prefix="portlog-tls-")
        self.addCleanup(directory.cleanup)
        path = os.path.join(directory.name, "calls")
        options = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        daemon = self.tls(wrap=(
            "env", f"ASAN_OPTIONS={options}", "strace", "-D", "-f", "-qq",
            "-o", path, "-e", "trace=setsockopt"))
        for count, version in enumerate(BOTH, 1):
            client = self.client(daemon, version)
            self.assertEqual(client.close(), RECEIPT)

            def calls():
                with open(path, encoding="ascii") as file:
                    return file.read().count("TCP_QUICKACK, [1]")
            wait_for(lambda n=count: calls() == n, "the call")

    def test_an_unfinished_record_is_shown_after_a_while(self):
        daemon = self.tls("", limits="flush_timeout = 100;")
        client = self.client(daemon)
        client.send(b"begun")
        self.assertEqual(daemon.wait_for_data(1), ["begun"])
        client.send(b" ended\n")
        self.assertEqual(daemon.wait_for_data(2), ["begun", " ended"])

    def test_new_keys_while_idle_and_in_a_flood(self):
        daemon = self.tls()
        client = keys(self, daemon)
        for turn in range(20):
            client.socket.sendall(client.renew(turn % 2))
            client.socket.sendall(client.encrypt(b"idle %d\n" % turn))
            daemon.wait_for_data(turn + 1)
        for turn in range(3000):
            client.socket.sendall(client.renew(True) + client.encrypt(
                b"flood %d\n" % turn))
            if client.socket in select.select([client.socket], [], [], 0)[0]:
                client.read(client.socket.recv(65536))
        client.socket.sendall(client.say_close())
        while part := client.socket.recv(65536):
            client.read(part)
        self.assertTrue(client.has_closed())
        self.assertEqual(daemon.data(), [
            *(f"idle {i}" for i in range(20)),
            *(f"flood {i}" for i in range(3000))])

    def test_new_keys_are_no_sign_of_life(self):
        daemon = self.tls("idle_timeout = 1;", limits="flush_timeout = 0;")
        client = keys(self, daemon)
        client.socket.sendall(client.encrypt(LINES))
        with self.assertRaises(ConnectionError):
            while True:
                client.socket.sendall(client.renew(False))
        closed, record = self.closed(daemon, client), client.renew(False)
        self.assertEqual(closed["reason"], "idle")
        # Of its last record a part may be there.
        self.assertLess(int(closed.get("undeciphered", 0)), len(record))
        self.assertEqual(data(daemon.of(name_of(client.socket))), WRITTEN)

    def test_who_is_it_in_each_record(self):
        sensor = MADE["authority"].issue("sensor7", names=(
            "DNS:sensor7.example",))
        tls = ('clients = "required"; authorities = "%s";' %
               MADE["authority"].certificate)
        daemon = self.daemon(config=configured(
            listener(tls=tls), output='type = "stdout"; format = "json";'))
        for version in BOTH:
            client = self.client(daemon, version, sensor)
            client.send(b"one\n")
            self.assertEqual(client.close(), RECEIPT)
        found = daemon.json()
        for entry in found:
            self.assertEqual((entry["name"], entry["fingerprint"]), (
                "sensor7.example", "sha256:" + sensor.fingerprint()))
        self.assertEqual([e.get("event", e.get("data")) for e in found],
                         ["secured", "one", "closed"] * 2)

    def test_who_is_it_in_text(self):
        sensor = MADE["authority"].issue("sensor8", names=(
            "DNS:sensor8.example",))
        tls = ('clients = "optional"; authorities = "%s";' %
               MADE["authority"].certificate)
        daemon = self.tls(tls=tls)
        known, unknown = self.client(daemon, V13, sensor), self.client(
            daemon, V13)
        for client in (known, unknown):
            client.send(b"one\n")
            self.assertEqual(client.close(), RECEIPT)
        secured, _, closed = [r.data for r in daemon.of(known.socket)]
        self.assertEqual(secured, "secured version=1.3 name=sensor8.example "
                         f"fingerprint=sha256:{sensor.fingerprint()}")
        self.assertTrue(closed.endswith(" name=sensor8.example"), closed)
        secured, _, closed = [r.data for r in daemon.of(unknown.socket)]
        self.assertEqual(secured, "secured version=1.3")
        self.assertNotIn("name=", closed)


class Stuck(Case):
    """Answers that nobody takes, in a network where little may wait."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        harness.own_network()
        interfaces.up("lo")
        for buffer in ("tcp_wmem", "tcp_rmem"):
            with open(f"/proc/sys/net/ipv4/{buffer}", "w",
                      encoding="ascii") as file:
                file.write("4096 16384 16384")

    def stuck(self, daemon):
        """A client who asks for our keys until we cannot answer any more, for
        it reads nothing; and the bytes of its that we have not taken."""
        client = keys(self, daemon)
        connection = client.socket
        connection.setblocking(False)
        rest = client.encrypt(b"before\n")
        end = time.monotonic() + 1
        while time.monotonic() < end:
            if not rest:
                rest = b"".join(client.renew(True) for _ in range(200))
            try:
                rest = rest[connection.send(rest):]
                end = time.monotonic() + 1
            except BlockingIOError:
                time.sleep(0.01)
        connection.setblocking(True)
        connection.settimeout(harness.PATIENCE)
        return client, rest

    def test_who_asks_for_keys_and_takes_none_waits_alone(self):
        daemon = self.tls()
        client, rest = self.stuck(daemon)
        other = self.client(daemon)
        other.send(LINES)
        self.assertEqual(other.close(), RECEIPT)
        # It costs no time of a processor.
        before = self.cpu(daemon)
        watch(1, lambda: True)
        self.assertLess(self.cpu(daemon) - before,
                        1 if harness.sanitized() else 0.3)
        thread = threading.Thread(
            target=client.socket.sendall, daemon=True,
            args=(rest + client.encrypt(b"behind\n") + client.say_close(),))
        thread.start()
        while part := client.socket.recv(65536):
            client.read(part)
        thread.join()
        self.assertTrue(client.has_closed())
        self.assertEqual(data(daemon.of(client.socket)), ["before", "behind"])

    def test_a_stop_reads_behind_keys_that_nobody_takes(self):
        # However slow the machine is.
        daemon = self.tls(limits="shutdown_timeout = 60;")
        client, _ = self.stuck(daemon)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(self.closed(daemon, client)["reason"], "shutdown")

    def cpu(self, daemon):
        with open(f"/proc/{daemon.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


class Senders(Case):
    """Programs that others wrote."""

    SENDERS = (
        ("openssl", "eof", "openssl s_client -tls1_2 -quiet -no_ign_eof "
         "-connect 127.0.0.1:{port}"),
        ("openssl", "eof", "openssl s_client -tls1_3 -quiet -no_ign_eof "
         "-connect 127.0.0.1:{port}"),
        ("socat", "eof", "socat - OPENSSL:127.0.0.1:{port},verify=0"),
        ("ncat", "truncated", "ncat --ssl --send-only 127.0.0.1 {port}"),
        ("gnutls-cli", "eof", "gnutls-cli --no-ca-verification -p {port} "
         "127.0.0.1"),
        ("gnutls-cli", "eof", "gnutls-cli --no-ca-verification --priority "
         "NORMAL:-VERS-TLS1.3 -p {port} 127.0.0.1"),
    )

    def test_each_of_them(self):
        daemon = self.tls()
        for program, reason, command in self.SENDERS:
            with self.subTest(command):
                if not shutil.which(program):
                    self.skipTest(f"no {program}")
                before = len(daemon.records())
                lines = "".join(f"{i} of {program}\n" for i in range(3000))
                ran = subprocess.run(
                    command.format(port=daemon.port()).split(),
                    input=lines.encode(), capture_output=True, check=False,
                    timeout=harness.PATIENCE)
                self.assertEqual(ran.returncode, 0, ran.stderr)
                closed = wait_for(lambda b=before: next((
                    r for r in daemon.records()[b:]
                    if r.data.startswith("closed ")), None))
                self.assertEqual(closed.note()[1]["reason"], reason)
                self.assertEqual(data(daemon.of(closed.peer)),
                                 lines.splitlines())


class Kept(keeper.Case, Case):
    """Restarts and kills, with what systemd keeps."""

    def told_of(self, daemon, client):
        return self.told(daemon, client.socket)

    def wait_for_lines(self, daemon, client, count):
        wait_for(lambda: len(self.told_of(daemon, client)) >= count)

    def test_a_restart_writes_all_and_is_no_receipt(self):
        for version in BOTH:
            with self.subTest(version=version.name):
                daemon = self.serve(named())
                idle, busy, said, part = (self.client(daemon, version)
                                          for _ in range(4))
                idle.send(LINES)
                self.wait_for_lines(daemon, idle, 3)
                daemon.freeze()
                for client in (busy, said, part):
                    client.send(LINES)
                said.socket.sendall(said.say_close())
                part.socket.sendall(part.encrypt(b"y" * 15000)[:7000])
                daemon.signal(signal.SIGCONT)
                daemon.restart()
                self.assertEqual(
                    [c.verdict() for c in (idle, busy, said, part)],
                    [FIN, FIN, RECEIPT, FIN])
                for client, reason, rest in (
                        (idle, "restart", None), (busy, "restart", None),
                        (said, "eof", None), (part, "restart", 7000)):
                    self.assert_ended(daemon, client, reason, rest,
                                      path=self.log)
                self.assertEqual(self.client(daemon).close(), RECEIPT)
                self.assertEqual(daemon.stop(), 0)

    def test_who_was_silent_goes_on_after_a_restart_and_a_kill(self):
        daemon = self.serve(named())
        waiting = self.client(daemon, handshake=False)
        begun = self.client(daemon, handshake=False)
        begun.step()
        begun.flush()
        wait_for(begun.is_answered)
        wait_for(lambda: daemon.counters()[daemon.listening[0][0]][
            "connections"] == 2)
        daemon.restart()
        self.assertEqual(begun.verdict(), RESET)
        daemon.kill()
        waiting.handshake()
        waiting.send(LINES)
        self.assertEqual(waiting.close(), RECEIPT)
        self.assert_ended(daemon, waiting, "eof", path=self.log)
        self.assertIn("refused connections=1 peer=127.0.0.1 reason=restart",
                      self.told(daemon))

    def test_a_header_was_taken_and_the_handshake_is_awaited(self):
        daemon = self.serve(named('proxies = [ "127.0.0.1" ];'))
        client = self.client(daemon, handshake=False)
        client.socket.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n")
        wait_for(lambda: select.select([client.socket], [client.socket], [],
                                       0)[1])
        daemon.wait_until_sent()
        daemon.kill()
        daemon.restart()
        client.handshake()
        client.send(LINES)
        self.assertEqual(client.close(), RECEIPT)
        self.assert_ended(daemon, "192.0.2.7:1", "eof", path=self.log)

    def test_a_kill_resets_and_tells_what_is_lost_at_most(self):
        for version in BOTH:
            with self.subTest(version=version.name):
                daemon = self.serve(named())
                idle, begun, part, late = (self.client(daemon, version)
                                           for _ in range(4))
                idle.send(b"one\n")
                begun.send(b"one\ntwo")
                part.send(b"one\n")
                late.send(b"one\n")
                for client in (idle, begun, part, late):
                    self.wait_for_lines(daemon, client, 2)
                wire = part.encrypt(b"y" * 15000)[:7000]
                part.socket.sendall(wire)
                daemon.freeze()
                more = late.encrypt(b"two\n") + late.say_close()
                late.socket.sendall(more)
                daemon.kill()
                for client, lost in ((idle, None), (begun, "3"),
                                     (part, "7000"), (late, str(len(more)))):
                    self.assertEqual(client.verdict(), RESET)
                    closed = self.closed(daemon, client, self.log)
                    self.assertEqual(closed["reason"], "killed")
                    told = [t for t in self.told_of(daemon, client)
                            if t.startswith("lost ")]
                    self.assertEqual(told, [f"lost bytes<={lost}"]
                                     if lost else [])
                    self.assertEqual(data(daemon.of(client.socket, self.log)),
                                     ["one"])
                self.assertEqual(daemon.stop(), 0)

    def test_a_loss_is_told_once_though_the_next_is_killed_too(self):
        daemon = self.serve(named())
        client = self.client(daemon)
        client.send(b"one\n")
        self.wait_for_lines(daemon, client, 2)
        wire = client.encrypt(b"y" * 15000)[:7000]
        client.socket.sendall(wire)
        for _ in range(3):
            daemon.fell()
            daemon.launch()
        wait_for(daemon.is_listening)
        self.closed(daemon, client, self.log)
        self.assertEqual([t for t in self.told_of(daemon, client)
                          if t.startswith("lost ")], ["lost bytes<=7000"])
        self.assertEqual(client.verdict(), RESET)

    def test_a_plain_connection_ends_where_tls_is_asked_for_now(self):
        daemon = self.serve(harness.tcp('name = "a";'))
        plain = self.tcp(daemon)
        plain.sendall(b"one\n")
        wait_for(lambda: self.told(daemon, plain))
        daemon.restart(to_file(listener('name = "a";')))
        self.assertEqual(harness.end_of(plain), b"")
        self.assertIn("closed reason=shutdown", self.told(daemon, plain)[-1])

    def test_a_receipt_means_that_all_is_in_the_log(self):
        """The one failure that counts, with ends at any moment."""
        daemon = self.serve(named())
        stopping = threading.Event()
        senders = [Repeater(daemon.port(), number, stopping)
                   for number in range(6)]
        for sender in senders:
            sender.start()
        for turn in range(4 * TURNS):
            time.sleep(0.05 + 0.07 * (turn % 5))  # at another moment each
            if turn % 2:
                daemon.restart()
            else:
                daemon.signal(signal.SIGKILL)
                daemon.wait()
                daemon.start()
        stopping.set()
        for sender in senders:
            sender.join(harness.PATIENCE)
            self.assertFalse(sender.is_alive())
        self.assertEqual(daemon.stop(), 0)
        # A line that a kill has cut off is none: each ends with a dot.
        written = set(re.findall(rb" [FE] (\S+\.)$", daemon.bytes(self.log),
                                 re.M))
        receipts = 0
        for sender in senders:
            for name, count in sender.receipts:
                receipts += 1
                missing = [i for i in range(count)
                           if f"{name}.{i}.".encode() not in written]
                self.assertEqual(missing, [], name)
        self.assertGreater(receipts, 20)


class Repeater(threading.Thread):
    """Connects, sends lines, ends in order, and notes what it is told."""

    def __init__(self, port, number, stopping):
        super().__init__(daemon=True)
        self.port = port
        self.number = number
        self.stopping = stopping
        self.receipts = []

    def run(self):
        turn = 0
        while not self.stopping.is_set():
            turn += 1
            name = f"s{self.number}.{turn}"
            count = 1 + turn * 37 % 400
            try:
                with harness.connect_tcp(("127.0.0.1", self.port)) as s:
                    s.settimeout(harness.PATIENCE)
                    client = Client(s, BOTH[turn % 2])
                    for i in range(count):
                        client.send(f"{name}.{i}.\n".encode())
                    if client.close() == RECEIPT:
                        self.receipts.append((name, count))
            except OSError:
                time.sleep(0.01)


if __name__ == "__main__":
    harness.main(jobs=4)
