# SPDX-License-Identifier: MIT
"""portlog send --tls, replay --tls: who is trusted, and what is a receipt."""
import hashlib
import os
import pty
import re
import resource
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import types
import unittest
import warnings

import certificates
import harness
from certificates import DAY, Authority, self_signed
from harness import PATIENCE, PORTLOG, portlog, wait_for

DIRECTORY = tempfile.TemporaryDirectory(prefix="portlog-")
PKI = types.SimpleNamespace()
HERE = ("DNS:localhost", "IP:127.0.0.1", "IP:::1")
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def has_tls():
    return b"without OpenSSL" not in portlog("send", "--tls", "a", "1").stderr


def setUpModule():
    certificates.needs_openssl()
    PKI.ca = Authority(DIRECTORY.name)
    PKI.other = Authority(DIRECTORY.name, "other")
    PKI.server = PKI.ca.issue("server", names=HERE)
    PKI.client = PKI.ca.issue("client")


def trusting(certificate=None):
    return "--tls", "--ca", (certificate or PKI.ca).certificate


def client():
    return "--cert", PKI.client.chain, "--key", PKI.client.key


class Server:
    """A listening socket, and TLS on it if the test says so."""

    def __init__(self, certificate=None, host="127.0.0.1", **settings):
        certificate = certificate or PKI.server
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.chain, certificate.key)
        for name, value in settings.items():
            setattr(self.context, name, value)
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else
                                    socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.bind((host, 0))
        self.socket.listen(1024)
        self.port = str(self.socket.getsockname()[1])

    def of(self, version):
        self.context.minimum_version = version
        self.context.maximum_version = version
        return self

    def demanding(self, authority=None):
        """Who has no certificate of this authority is refused."""
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_verify_locations(
            (authority or PKI.ca).certificate)
        return self

    def accept_plain(self):
        connection, _ = self.socket.accept()
        connection.settimeout(PATIENCE)
        return connection

    def accept(self):
        """A connection over TLS, where an end without close_notify is an
        error."""
        return self.context.wrap_socket(self.accept_plain(), server_side=True,
                                        suppress_ragged_eofs=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def read_to_end(connection):
    """What comes before close_notify."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ssl.SSLZeroReturnError:  # what it is if ours was sent before
        pass
    return received


def end_in_order(connection):
    """Send our close_notify, in answer to theirs."""
    connection.unwrap().close()


def end_first(connection):
    """Send our close_notify, and do not wait for theirs."""
    connection.setblocking(False)
    try:
        connection.unwrap()
    except ssl.SSLWantReadError:
        pass
    connection.settimeout(PATIENCE)


class Case(harness.Case):
    @classmethod
    def setUpClass(cls):
        if not has_tls():
            raise unittest.SkipTest("portlog is built without OpenSSL")

    def start(self, *arguments, command="send", **options):
        process = subprocess.Popen(
            [PORTLOG, command, *arguments], stdin=subprocess.PIPE,
            stderr=subprocess.PIPE, **options)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdin.close)
        return process

    def send(self, server, *options, host="127.0.0.1"):
        return self.start(*trusting(), *options, host, server.port)

    def finish(self, process, data=None):
        """Its exit code, and what it said."""
        _, said = process.communicate(data, timeout=PATIENCE)
        return process.returncode, said.decode()

    def assert_fails(self, process, pattern, data=None):
        code, said = self.finish(process, data)
        self.assertEqual(code, 1, said)
        self.assertRegex(said, pattern)
        self.assertEqual(said.count("\n"), 1, said)

    def serve(self, server, act):
        """Run act with a connection, in a thread that a cleanup joins."""
        def run():
            try:
                with server.accept() as connection:
                    act(connection)
            except OSError:
                pass
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join, PATIENCE)
        return thread


class Receipt(Case):
    """Exit 0 only for close_notify, and for one that comes after ours."""

    def check_ends(self, end, code, pattern, *options):
        for version in VERSIONS:
            with self.subTest(version=version), \
                    Server().of(version) as server:
                sender = self.send(server, *options)
                connection = server.accept()
                self.addCleanup(connection.close)
                sender.stdin.write(b"one\ntwo\n")
                sender.stdin.close()
                self.assertEqual(read_to_end(connection), b"one\ntwo\n")
                self.assertIsNone(sender.poll())
                end(connection)
                said = sender.stderr.read().decode()
                self.assertEqual(sender.wait(PATIENCE), code, said)
                self.assertRegex(said, pattern)

    def test_close_notify_in_answer_is_one(self):
        self.check_ends(end_in_order, 0, r"\A\Z")

    def test_a_fin_without_close_notify_is_none(self):
        self.check_ends(socket.socket.close, 1,
                        "ended without close_notify: no receipt; 2 lines were "
                        "handed over\n")

    def test_a_reset_is_none(self):
        self.check_ends(harness.reset, 1,
                        "Connection reset by peer; 2 lines were")

    def test_silence_is_none(self):
        self.check_ends(lambda _: None, 1, "not closed in time; 2 lines were",
                        "-w", "0.3")

    def test_without_w_silence_is_waited_for(self):
        with Server() as server:
            sender = self.send(server)
            with server.accept() as connection:
                sender.stdin.close()
                self.assertEqual(read_to_end(connection), b"")
                harness.watch(0.5, lambda: sender.poll() is None, "an end")
                end_in_order(connection)
            self.assertEqual(sender.wait(PATIENCE), 0)

    def test_no_fin_goes_to_what_is_on_the_way(self):
        """A proxy such as nginx takes it for the end of both sides."""
        with Server() as server:
            sender = self.send(server)
            with server.accept() as connection:
                sender.stdin.close()
                self.assertEqual(read_to_end(connection), b"")
                raw = connection.detach()
                with socket.socket(fileno=raw) as plain:
                    plain.settimeout(0.3)
                    self.assertRaises(TimeoutError, plain.recv, 1)

    def test_close_notify_before_ours_is_none_and_the_rest_is_sent(self):
        for options, code in ((), 1), (("-n",), 0):
            with self.subTest(options=options), Server() as server:
                sender = self.send(server, *options)
                with server.accept() as connection:
                    sender.stdin.write(b"one\n")
                    sender.stdin.flush()
                    self.assertEqual(connection.recv(100), b"one\n")
                    end_first(connection)
                    if code:
                        self.assertIn(b"there will be no receipt\n",
                                      sender.stderr.readline())
                    result, said = self.finish(sender, b"two\n")
                    self.assertEqual(read_to_end(connection), b"two\n")
                self.assertEqual(result, code)
                self.assertIn("no receipt; 2 lines" if code else "", said)

    def test_an_end_while_there_is_input_is_told_at_once(self):
        for end, pattern in (
                (socket.socket.close, "ended without close_notify"),
                (harness.reset, "reset by peer")):
            with self.subTest(end=end), Server() as server:
                sender = self.send(server)
                connection = server.accept()
                sender.stdin.write(b"one\n")
                sender.stdin.flush()
                self.assertEqual(connection.recv(100), b"one\n")
                end(connection)
                self.assertRegex(sender.stderr.readline().decode(),
                                 pattern + ".*; 1 lines were")
                self.assertEqual(sender.wait(PATIENCE), 1)

    def test_a_flipped_byte_is_none(self):
        """What is on the way may change, but not unnoticed."""
        with Server() as server:
            sender = self.send(server)
            with server.accept() as connection:
                sender.stdin.write(b"one\n")
                sender.stdin.flush()
                self.assertEqual(connection.recv(100), b"one\n")
                with socket.socket(fileno=connection.detach()) as plain:
                    plain.sendall(b"\x17\x03\x03\0\x20" + b"x" * 32)
                    self.assert_fails(sender, "TLS: .*bad record mac.*; 1 "
                                      "lines were")

    def test_what_the_other_side_sends_is_thrown_away(self):
        for version in VERSIONS:
            with self.subTest(version=version), \
                    Server(num_tickets=8).of(version) as server:
                sender = self.send(server)

                def talk(connection):
                    while data := connection.recv(65536):
                        connection.sendall(data * 3)
                    end_in_order(connection)
                thread = self.serve(server, talk)
                self.assertEqual(self.finish(sender, b"x" * 99 + b"\n" * 300000),
                                 (0, ""))
                thread.join(PATIENCE)

    def test_n_waits_for_no_end_and_loses_nothing(self):
        """Not even while tickets are not read, and the receiver is slow."""
        data = b"x" * 99 + b"\n" * 500000
        for end in end_in_order, socket.socket.close:
            with self.subTest(end=end), Server(num_tickets=8) as server:
                server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                         4096)
                sender = self.send(server, "-n")
                feeder = threading.Thread(target=lambda: self.finish(sender,
                                                                  data))
                feeder.start()
                with server.accept() as connection:
                    received = b"".join(iter(lambda: connection.recv(999),
                                             b""))
                    feeder.join(PATIENCE)
                    self.assertEqual(sender.returncode, 0)
                    self.assertEqual(received, data)
                    end(connection)


class Refused(Case):
    """In TLS 1.3 our handshake is done before we are judged."""

    def check(self, server, version, pattern, *options, data=b"one\ntwo\n"):
        server.of(version)
        sender = self.send(server, *options)
        errors = []

        def judge():
            try:
                server.accept().close()
            except OSError as error:
                errors.append(error)
        thread = threading.Thread(target=judge)
        thread.start()
        self.assert_fails(sender, pattern, data)
        thread.join(PATIENCE)
        self.assertEqual(len(errors), 1)

    def test_without_a_certificate(self):
        for data in b"", b"one\n", b"x" * 99 + b"\n" * 1000000:
            for version, pattern in zip(VERSIONS, (
                    r"refused by the other side: handshake failure \(it may "
                    r"want a certificate: --cert, --key\)\n",
                    r"refused by the other side: certificate required \(see "
                    r"--cert and --key\); \d+ lines were handed over\n")):
                for options in (), ("-w", "5"):
                    with self.subTest(version=version, size=len(data)), \
                            Server().demanding() as server:
                        self.check(server, version, pattern, *options,
                                   data=data)

    def test_before_there_is_input(self):
        with Server().demanding().of(VERSIONS[1]) as server:
            sender = self.send(server)
            self.assertRaises(OSError, server.accept)
            self.assertIn(b"certificate required",
                          sender.stderr.readline())
            self.assertEqual(sender.wait(PATIENCE), 1)

    def test_with_one_of_an_authority_that_is_not_known(self):
        for version in VERSIONS:
            with self.subTest(version=version), \
                    Server().demanding(PKI.other) as server:
                self.check(server, version,
                           r"refused by the other side: unknown ca \(it does "
                           r"not know the authority of --cert\)", *client())

    def test_with_one_that_has_expired(self):
        old = PKI.ca.issue("old", valid=(-2 * DAY, -DAY))
        with Server().demanding() as server:
            self.check(server, VERSIONS[1],
                       "refused by the other side: certificate expired",
                       "--cert", old.chain, "--key", old.key)

    def test_with_a_right_one_it_is_not(self):
        for version in VERSIONS:
            with self.subTest(version=version), \
                    Server().demanding().of(version) as server:
                sender = self.send(server, *client())
                sender.stdin.write(b"one\n")
                sender.stdin.close()
                with server.accept() as connection:
                    self.assertEqual(read_to_end(connection), b"one\n")
                    self.assertEqual(connection.getpeercert()["subject"],
                                     ((("commonName", "client"),),))
                    end_in_order(connection)
                self.assertEqual(sender.wait(PATIENCE), 0)

    def test_the_chain_is_sent_too(self):
        device = PKI.ca.authority("devices").issue("device")
        with Server().demanding() as server:
            sender = self.send(server, "--cert", device.in_one_file(),
                               "--key", device.in_one_file())
            sender.stdin.close()
            with server.accept() as connection:
                read_to_end(connection)
                end_in_order(connection)
            self.assertEqual(sender.wait(PATIENCE), 0)


class Trust(Case):
    """The other side's certificate is verified before a byte is sent."""

    def check(self, certificate, pattern=None, *, options=None,
              host="127.0.0.1", env=None):
        listens = "::1" if host == "[::1]" else "127.0.0.1"
        with Server(certificate, listens) as server:
            def talk(connection):
                read_to_end(connection)
                end_in_order(connection)
            self.serve(server, talk)
            sender = self.start(*(options or trusting()), host, server.port,
                                env=env and {**os.environ, **env})
            if pattern:
                self.assert_fails(sender, f"port {server.port}: {pattern}\n",
                                  b"secret\n")
            else:
                self.assertEqual(self.finish(sender, b"x\n"), (0, ""))

    def test_names_and_addresses(self):
        self.check(PKI.server)
        self.check(PKI.server, host="localhost")

    def test_ipv6_with_and_without_brackets(self):
        harness.needs_ipv6()
        self.check(PKI.server, host="[::1]")

    def test_a_certificate_for_others(self):
        made = PKI.ca.issue("others", names=("DNS:a.example", "IP:192.0.2.1"))
        self.check(made, "its certificate is refused: IP address mismatch "
                   r"\(it is for a.example, 192.0.2.1\)")
        self.check(made, "its certificate is refused: hostname mismatch "
                   r"\(it is for a.example, 192.0.2.1\)", host="localhost")

    def test_a_subject_counts_where_there_are_no_names(self):
        made = PKI.ca.issue("subject", subject="/CN=localhost")
        self.check(made, host="localhost")
        self.check(made, r".*: IP address mismatch \(it is for localhost\)")
        both = PKI.ca.issue("both", names=("DNS:a.example",),
                            subject="/CN=localhost")
        self.check(both, r".*: hostname mismatch \(it is for a.example\)",
                   host="localhost")

    def test_names_that_are_none_are_escaped(self):
        made = PKI.ca.issue("evil", subject="/CN=\x1b[2J\u202e")
        self.check(made, r".*\(it is for \\x1b\[2J\\xe2\\x80\\xae\)")

    def test_times(self):
        self.check(PKI.ca.issue("expired", names=HERE,
                                valid=(-2 * DAY, -DAY)),
                   r".*: certificate has expired \(or the clock here is "
                   r"wrong\)")
        self.check(PKI.ca.issue("early", names=HERE, valid=(DAY, 2 * DAY)),
                   r".*: certificate is not yet valid \(or the clock here is "
                   r"wrong\)")

    def test_a_certificate_for_clients(self):
        self.check(PKI.ca.issue("clients", names=HERE, usage="clientAuth"),
                   ".*: unsuitable certificate purpose")

    def test_an_authority_that_is_not_trusted(self):
        pattern = (r"its certificate is refused: .* \(to trust it or its "
                   r"authority: --ca FILE\)")
        self.check(PKI.server, pattern, options=("--tls",))
        self.check(PKI.server, pattern, options=trusting(PKI.other))

    def test_the_system_s_authorities(self):
        """SSL_CERT_FILE is where OpenSSL looks for them."""
        self.check(PKI.server, options=("--tls",),
                   env={"SSL_CERT_FILE": PKI.ca.certificate})
        self.check(PKI.server, ".*", options=trusting(PKI.other),
                   env={"SSL_CERT_FILE": PKI.ca.certificate})

    def test_a_certificate_of_its_own(self):
        for is_authority in False, True:
            made = self_signed(DIRECTORY.name, f"self{is_authority}", HERE,
                               is_authority)
            with self.subTest(is_authority=is_authority):
                self.check(made, options=trusting(made))
                self.check(made, r".*: self-signed certificate \(to trust it "
                           r".*", options=("--tls",))

    def test_the_very_certificate_or_an_authority_below_the_root(self):
        below = PKI.ca.authority("below")
        made = below.issue("leaf", names=HERE)
        for trusted in PKI.ca, below, made:
            self.check(made, options=trusting(trusted))

    def test_a_name_is_asked_for_and_an_address_is_not(self):
        for host, name in ("localhost", "localhost"), ("127.0.0.1", None):
            asked = []
            with Server() as server:
                server.context.sni_callback = \
                    lambda _, found, __, asked=asked: asked.append(found)
                self.serve(server, lambda c: (read_to_end(c),
                                              end_in_order(c)))
                self.assertEqual(self.finish(self.send(server, host=host), b""),
                                 (0, ""))
            self.assertEqual(asked, [name])


class NoTls(Case):
    """Something else listens there."""

    def check(self, act, pattern, *options):
        with Server() as server:
            sender = self.send(server, *options)
            with server.accept_plain() as connection:
                self.addCleanup(connection.close)
                act(connection)
                self.assert_fails(sender, f"port {server.port}: {pattern}\n",
                                  b"one\n")

    def test_text(self):
        for text in b"220 hello\r\n", b"SSH-2.0-x\r\n", \
                b"HTTP/1.1 400 Bad Request\r\n\r\n":
            with self.subTest(text=text):
                self.check(lambda c, text=text: c.sendall(text),
                           "the other side does not speak TLS")

    def test_silence(self):
        self.check(lambda c: None, "no TLS handshake in time: does the other "
                   r"side speak TLS\?", "-w", "0.3")

    def test_an_end(self):
        self.check(lambda c: (c.recv(9999), c.shutdown(socket.SHUT_WR)),
                   r"closed in the TLS handshake: does the other side speak "
                   r"TLS\?")

    def test_a_reset(self):
        self.check(lambda c: (c.recv(1), harness.reset(c)),
                   "in the TLS handshake: Connection reset by peer")

    def test_the_time_is_that_of_the_whole_handshake(self):
        def drip(connection):
            begin = time.monotonic()
            record = b"\x16\x03\x03\x20\0\x02\0\x10\0" + bytes(999)
            for byte in record:
                if time.monotonic() > begin + harness.LATE:
                    break
                try:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.05)
                except OSError:
                    break
            self.assertLess(time.monotonic(), begin + harness.LATE)
        self.check(drip, "no TLS handshake in time: .*", "-w", "0.5")

    def test_a_plain_listener_of_portlogd(self):
        daemon = self.daemon("-l", "tcp:127.0.0.1:0")
        sent = portlog("send", *trusting(), "-w", "0.3", "127.0.0.1",
                       str(daemon.port()), data=b"one\n")
        self.assertEqual(sent.returncode, 1)
        self.assertIn(b"no TLS handshake in time", sent.stderr)

    def test_an_old_version(self):
        with Server() as server:
            server.context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                server.of(ssl.TLSVersion.TLSv1_1)
            self.serve(server, read_to_end)
            self.assert_fails(self.send(server), r"protocol version \(TLS 1.2 "
                              r"is the least\)", b"one\n")


class Way(Case):
    def test_a_line_goes_out_when_enter_is_pressed(self):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        with Server() as server:
            sender = subprocess.Popen(
                [PORTLOG, "send", *trusting(), "127.0.0.1", server.port],
                stdin=theirs, stderr=theirs)
            os.close(theirs)
            self.addCleanup(sender.wait)
            self.addCleanup(sender.kill)
            with server.accept() as connection:
                for line in b"hello\n", b"world\n":
                    os.write(ours, line)
                    self.assertEqual(connection.recv(100), line)

    def test_no_passphrase_is_asked_for(self):
        locked = PKI.client.key_with_passphrase("secret")
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        sender = subprocess.Popen(
            [PORTLOG, "send", *trusting(), "--cert", PKI.client.chain, "--key",
             locked, "127.0.0.1", "1"], stdin=theirs, stdout=theirs,
            stderr=subprocess.PIPE, start_new_session=True)
        os.close(theirs)
        _, said = sender.communicate(timeout=PATIENCE)
        self.assertEqual(sender.returncode, 1)
        self.assertEqual(said.decode(), f"portlog: {locked}: found a key with "
                         'a passphrase, expected one without ("openssl pkey" '
                         "writes one)\n")

    def test_much_arrives_whole_at_a_reader_that_pauses(self):
        data = os.urandom(1 << 20) * 20
        for version in VERSIONS:
            digest = hashlib.sha256()
            with self.subTest(version=version), \
                    Server().of(version) as server:
                server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                         9999)

                def take(connection, digest=digest):
                    while read := connection.recv(65536):
                        digest.update(read)
                        connection.sendall(b"taken\n")
                    end_in_order(connection)
                self.serve(server, take)
                self.assertEqual(self.finish(self.send(server), data), (0, ""))
            self.assertEqual(digest.digest(), hashlib.sha256(data).digest())

    def test_a_reader_that_takes_nothing_is_waited_for_as_long_as_w_says(self):
        with Server() as server:
            sender = self.send(server, "-w", "0.3")
            with server.accept():
                self.assert_fails(sender, r"nothing more taken in time; "
                                  r"[1-9]\d* lines", b"x" * 99 + b"\n" * 20 *
                                  1000 * 1000)


class Usage(Case):
    def test_what_does_not_fit_together(self):
        for command, *operands in ("send", "a", "1"), ("replay", "-", "a", "1"):
            for options, said in (
                    (("-u", "--tls"), "-u and --tls exclude each other"),
                    (("--ca", "f"), "--ca, --cert and --key need --tls"),
                    (("--cert", "f", "--key", "f"), "need --tls"),
                    (("--tls", "--cert", "f"), "--cert and --key need each "),
                    (("--tls", "--key", "f"), "--cert and --key need each ")):
                with self.subTest(command=command, options=options):
                    ran = portlog(command, *options, *operands)
                    self.assertEqual(ran.returncode, 64)
                    self.assertIn(said, ran.stderr.decode())

    def test_files(self):
        ca, key = PKI.ca.certificate, PKI.client.key
        for options, said in (
                (("--ca", "none"), "none: No such file or directory"),
                (("--ca", key), f"{key}: expected certificates in PEM"),
                (("--ca", DIRECTORY.name), f"{DIRECTORY.name}: "),
                (("--cert", "none", "--key", key), "none: No such file"),
                (("--cert", key, "--key", key),
                 f"{key}: expected a certificate in PEM"),
                (("--cert", ca, "--key", "none"), "none: No such file"),
                (("--cert", ca, "--key", ca),
                 f"{ca}: expected a private key in PEM"),
                (("--cert", ca, "--key", key),
                 f"{key}: expected the key of {ca}\n")):
            with self.subTest(options=options):
                ran = portlog("send", "--tls", *options, "127.0.0.1", "1")
                self.assertEqual(ran.returncode, 1)
                self.assertTrue(ran.stderr.decode().startswith(
                    "portlog: " + said), ran.stderr)


class Without(unittest.TestCase):
    def test_a_build_without_openssl_says_so(self):
        if has_tls():
            self.skipTest("portlog is built with OpenSSL")
        for command, *files in ("send",), ("replay", "-"):
            ran = portlog(command, "--tls", *files, "127.0.0.1", "1")
            self.assertEqual(ran.returncode, 1)
            self.assertEqual(ran.stderr, b"portlog: --tls: this portlog was "
                             b"built without OpenSSL\n")


class Replay(Case):
    def log(self, peers, records, more=""):
        """A log of so many peers with so many records each, interleaved."""
        file = tempfile.NamedTemporaryFile("w", suffix=".log")
        self.addCleanup(file.close)
        begin = "2026-11-23T07:12:00.000000Z tcp/1"
        for record in range(records):
            for peer in range(peers):
                file.write(f"{begin} 1.2.3.4:{peer + 1} F {peer} {record}\n")
        file.write(more)
        file.flush()
        return file.name

    def serve_all(self, server, count, end=end_in_order):
        """Read all of so many connections at a time; their data."""
        found = []

        def read(connection):
            try:
                with server.context.wrap_socket(
                        connection, server_side=True,
                        suppress_ragged_eofs=False) as stream:
                    found.append(read_to_end(stream))
                    end(stream)
            except OSError:
                pass

        def accept():
            threads = []
            for _ in range(count):
                threads.append(threading.Thread(
                    target=read, args=(server.accept_plain(),)))
                threads[-1].start()
            for thread in threads:
                thread.join(PATIENCE)
        thread = threading.Thread(target=accept)
        thread.start()
        return thread, found

    def replay(self, server, log, *options):
        return portlog("replay", *trusting(), *options, log, "127.0.0.1",
                       server.port)

    def test_each_connection_has_its_own_and_its_receipt(self):
        peers, records = 100, 5
        with Server().demanding() as server:
            thread, found = self.serve_all(server, peers)
            ran = self.replay(server, self.log(peers, records), *client())
            thread.join(PATIENCE)
        self.assertEqual((ran.returncode, ran.stderr), (0, b""))
        self.assertEqual(sorted(found), sorted(
            "".join(f"{peer} {record}\n" for record in range(records)).encode()
            for peer in range(peers)))

    def test_streams_without_a_receipt_are_told(self):
        with Server() as server:
            thread, _ = self.serve_all(server, 3, socket.socket.close)
            ran = self.replay(server, self.log(3, 1))
            thread.join(PATIENCE)
        self.assertEqual(ran.returncode, 1)
        said = ran.stderr.decode()
        self.assertRegex(said, r"for tcp/1 1\.2\.3\.4:\d: ended without "
                         r"close_notify: no receipt\n")
        self.assertIn("the same 2 times more\n", said)

    def check_end_of_idle(self, server, pattern):
        """The server ends the stream before its first record, and those that
        come in its place."""
        log = "".join(
            f"2026-11-23T07:12:00.{number}00000Z tcp/1 1.2.3.4:1 {rest}\n"
            for number, rest in ((0, "* opened"), (3, "F one"), (6, "F two"),
                                 (9, "F three")))

        def end():
            while True:
                try:
                    server.accept().close()
                except ssl.SSLError:
                    pass
                except OSError:
                    return
        thread = threading.Thread(target=end)
        thread.start()
        ran = self.replay(server, self.log(0, 0, log))
        server.socket.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stderr.decode(), r"\Aportlog: .*: for tcp/1 "
                         "1.2.3.4:1: " + pattern)

    def test_who_is_refused_is_told_why(self):
        """The alert comes before the reset."""
        with Server().demanding() as server:
            self.check_end_of_idle(server, "refused by the other side: "
                                   "certificate required")

    def test_an_end_of_an_idle_stream_is_told(self):
        """What is sent then makes the other system reset, and what is sent
        after that raises SIGPIPE."""
        with Server() as server:
            self.check_end_of_idle(server, "ended without close_notify")

    def test_a_certificate_that_is_not_trusted(self):
        with Server(self_signed(DIRECTORY.name, "strange", HERE)) as server:
            thread, found = self.serve_all(server, 2)
            ran = self.replay(server, self.log(2, 1))
            thread.join(PATIENCE)
        self.assertEqual((ran.returncode, found), (1, []))
        self.assertRegex(ran.stderr.decode(), "for tcp/1 .*: its certificate "
                         "is refused: self-signed")

    def test_more_connections_than_descriptors(self):
        """Receipts of those that have ended make room."""
        ended = "".join(
            f"2026-11-23T07:12:00.000000Z tcp/1 1.2.3.4:{peer + 1} * closed "
            "reason=eof\n" for peer in range(60))
        with Server() as server:
            thread, found = self.serve_all(server, 60)
            ran = subprocess.run(
                [PORTLOG, "replay", *trusting(), self.log(60, 1, ended),
                 "127.0.0.1", server.port], capture_output=True, check=False,
                timeout=PATIENCE, preexec_fn=lambda: resource.setrlimit(
                    resource.RLIMIT_NOFILE, (80, 80)))
            thread.join(PATIENCE)
        self.assertEqual((ran.returncode, ran.stderr), (0, b""))
        self.assertEqual(len(found), 60)


class Receivers(Case):
    """Programs that others wrote."""

    def check(self, *command, listens, receipt=True, options=()):
        if not shutil.which(command[0]):
            self.skipTest(f"no {command[0]}")
        port = str(harness.free_port())
        with tempfile.TemporaryFile() as out:
            receiver = subprocess.Popen(
                [word.replace("PORT", port) for word in command], stdout=out,
                stderr=subprocess.STDOUT, stdin=subprocess.PIPE)
            self.addCleanup(receiver.stdin.close)
            self.addCleanup(receiver.wait)
            self.addCleanup(receiver.kill)
            wait_for(lambda: self.is_bound(int(port), listens), "a listener")
            ran = portlog("send", *trusting(), *client(), *options,
                          "127.0.0.1", port, data=b"one\ntwo\n")
            self.assertEqual(ran.returncode, 0 if receipt else 1, ran.stderr)
            wait_for(lambda: re.search(
                rb"one\s+two", os.pread(out.fileno(), 99999, 0)), "both lines")
        return ran

    def is_bound(self, port, family):
        with open(f"/proc/net/{family}", encoding="ascii") as table:
            return any(re.match(rf"\s*\d+: [0-9A-F]+:{port:04X} \S+ 0A ", line)
                       for line in table)

    def test_openssl(self):
        for more in ("-tls1_2",), ("-tls1_3",), (
                "-Verify", "1", "-verify_return_error", "-CAfile",
                PKI.ca.certificate):
            with self.subTest(more=more):
                self.check("openssl", "s_server", "-accept", "127.0.0.1:PORT",
                           "-quiet", "-cert", PKI.server.certificate, "-key",
                           PKI.server.key, *more, listens="tcp")

    def test_openssl_that_changes_its_keys(self):
        """It asks that we do so too, while we have nothing to send, and while
        it does not read what we send."""
        port = str(harness.free_port())
        out = tempfile.TemporaryFile()
        self.addCleanup(out.close)
        receiver = subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:" + port, "-cert",
             PKI.server.certificate, "-key", PKI.server.key],
            stdin=subprocess.PIPE, stdout=out, bufsize=0)
        self.addCleanup(receiver.stdin.close)
        self.addCleanup(receiver.wait)
        self.addCleanup(receiver.kill)
        wait_for(lambda: self.is_bound(int(port), "tcp"), "a listener")
        sender = self.start(*trusting(), "127.0.0.1", port)

        def say(lines):
            sender.stdin.write(b"######\n" * lines)
            sender.stdin.flush()

        def hear(lines):
            wait_for(lambda: os.pread(out.fileno(), 1 << 23, 0).count(
                b"#") == lines * 6, "the lines")
        for total in range(1, 6):
            say(1)
            hear(total)
            receiver.stdin.write(b"K\n")
        feeder = threading.Thread(target=say, args=(300000,))
        feeder.start()
        for _ in range(5):
            receiver.stdin.write(b"K\n")
        feeder.join(PATIENCE)
        hear(300005)
        self.assertEqual(self.finish(sender), (0, ""))
        self.assertGreaterEqual(os.pread(out.fileno(), 1 << 23, 0).count(
            b"SSL_do_handshake -> 1"), 5)

    def test_gnutls(self):
        for priority in ("NORMAL:-VERS-TLS-ALL:+VERS-TLS1.2",
                         "NORMAL:-VERS-TLS-ALL:+VERS-TLS1.3"):
            with self.subTest(priority=priority):
                self.check("gnutls-serv", "-p", "PORT", "--echo", "--priority",
                           priority, "--x509certfile", PKI.server.chain,
                           "--x509keyfile", PKI.server.key, "--x509cafile",
                           PKI.ca.certificate, "--require-client-cert",
                           listens="tcp")

    def test_socat(self):
        self.check("socat", "-u", "OPENSSL-LISTEN:PORT,bind=127.0.0.1,cert=" +
                   PKI.server.chain + ",key=" + PKI.server.key + ",cafile=" +
                   PKI.ca.certificate, "-", listens="tcp")

    def test_ncat(self):
        self.check("ncat", "--ssl", "--recv-only", "-l", "127.0.0.1", "PORT",
                   "--ssl-cert", PKI.server.chain, "--ssl-key",
                   PKI.server.key, listens="tcp")


if __name__ == "__main__":
    harness.main(jobs=4)
