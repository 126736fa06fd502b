# SPDX-License-Identifier: MIT
"""portlog decode: from a text log back to the bytes that were sent."""
import os
import random
import subprocess
import tempfile
import unittest

import harness
from harness import PORTLOG, portlog

TIME = "2026-11-23T07:12:01.123456Z"
HOSTILE = [bytes([i]) for i in range(256)] + [
    b"", b"\\", b"\\n", b"\\x41", b"a\\", b"\r", b"a\r", b"\x1b[2J",
    "grüße 世界 😀".encode(), b"\xe2\x80\xa8", b"\xe2\x80\xae", b"\xed\xa0\x80",
    b"\xc0\xaf", b"\xff\xfe", b"\xef\xbb\xbf", b"\xf0\x9f\xbf\xbf"]


def random_bytes(seed, size):
    source = random.Random(seed)
    return bytes(source.randrange(256) for _ in range(size))


class RoundTrip(harness.Case):
    """decode prints the bytes that the peer has sent."""

    def sent_over_tcp(self, framing, data):
        daemon = self.daemon(config="""
            listeners = ( { protocol = "tcp"; port = 0; framing = "%s";
                            max_record = 1000; } );""" % framing)
        connection = self.tcp(daemon)
        connection.sendall(data)
        connection.shutdown(1)
        harness.end_of(connection)
        return daemon

    def decoded(self, daemon, *options):
        ran = portlog("decode", *options, daemon.out)
        self.assertEqual((ran.returncode, ran.stderr), (0, b""))
        return ran.stdout

    def test_lines(self):
        records = [r.replace(b"\n", b"") for r in HOSTILE]
        records = [r for r in records if not r.endswith(b"\r")]
        records.append(random_bytes(1, 20000).replace(b"\n", b"").rstrip())
        data = b"".join(r + b"\n" for r in records)
        self.assertEqual(self.decoded(self.sent_over_tcp("line", data)), data)

    def test_lf_with_the_last_one_unfinished(self):
        data = random_bytes(2, 30000) + b"\nand the rest"
        self.assertEqual(self.decoded(self.sent_over_tcp("lf", data)),
                         data + b"\n")

    def test_nul(self):
        data = b"".join(r.replace(b"\0", b"") + b"\0" for r in HOSTILE)
        data += random_bytes(3, 20000).replace(b"\0", b"") + b"\0"
        daemon = self.sent_over_tcp("nul", data)
        self.assertEqual(self.decoded(daemon, "-0"), data)

    def test_octet_counted(self):
        records = [r for r in HOSTILE if r] + [random_bytes(4, 20000)]
        data = b"".join(b"%d %s" % (len(r), r) for r in records)
        daemon = self.sent_over_tcp("octet-counted", data)
        self.assertEqual(self.decoded(daemon, "-r"), b"".join(records))

    def test_chunk(self):
        data = random_bytes(5, 30000)
        daemon = self.sent_over_tcp("chunk", data)
        self.assertEqual(self.decoded(daemon, "-r"), data)

    def test_exact_datagrams(self):
        daemon = self.daemon(config="""
            listeners = ( { protocol = "udp"; port = 0; framing = "exact"; } );
            """)
        sender = self.udp(daemon)
        for record in HOSTILE:
            sender.send(record)
        daemon.wait_for_data(len(HOSTILE))
        self.assertEqual(self.decoded(daemon, "-r"), b"".join(HOSTILE))


class Lines(unittest.TestCase):
    def decode(self, lines, *options, code=0):
        """Lines without a time: the output and the messages."""
        text = "".join(f"{TIME} {line}\n" for line in lines)
        ran = portlog("decode", *options, data=text.encode())
        self.assertEqual(ran.returncode, code, ran.stderr)
        return ran.stdout

    def test_pieces_are_joined_for_each_peer(self):
        self.assertEqual(self.decode([
            "tcp/1 1.2.3.4:5 P one ", "tcp/1 1.2.3.4:6 P two ",
            "tcp/2 1.2.3.4:5 P three ", "tcp/1 1.2.3.4:5 P more ",
            "tcp/1 1.2.3.4:6 F b", "tcp/1 1.2.3.4:5 F a",
            "tcp/2 1.2.3.4:5 E "]),
            b"two b\none more a\nthree \n")

    def test_notes_are_left_out(self):
        self.assertEqual(self.decode([
            "tcp/1 1.2.3.4:5 * opened", "tcp/1 1.2.3.4:5 F a",
            "udp/1 - * lost datagrams=37", "udp/1 [::1]:5 T cut",
            "tcp/1 1.2.3.4:5 * closed reason=eof records=1"]), b"a\ncut\n")

    def test_a_record_that_the_log_does_not_finish_is_printed(self):
        self.assertEqual(self.decode(["tcp/1 1.2.3.4:5 P a",
                                      "tcp/1 1.2.3.4:5 P b"]), b"ab\n")

    def test_peers_and_listeners_can_be_chosen(self):
        lines = ["tcp/1 1.2.3.4:5 F a", "tcp/1 1.2.3.4:6 F b",
                 "udp/1 [::1]:5 F c", "udp/1 1.2.3.45:5 F d"]
        for options, expected in (
                (("-p", "1.2.3.4"), b"a\nb\n"), (("-p", "::1"), b"c\n"),
                (("-p", "1.2.3.4:6"), b"b\n"), (("-p", "[::1]:5"), b"c\n"),
                (("-l", "udp/1"), b"c\nd\n"), (("-l", "udp"), b""),
                (("-l", "tcp/1", "-p", "::1"), b"")):
            with self.subTest(options=options):
                self.assertEqual(self.decode(lines, *options), expected)

    def test_the_end_of_a_record_can_be_chosen(self):
        lines = ["a 1.2.3.4:5 F a\\n", "a 1.2.3.4:5 F "]
        self.assertEqual(self.decode(lines), b"a\n\n\n")
        self.assertEqual(self.decode(lines, "-0"), b"a\n\0\0")
        self.assertEqual(self.decode(lines, "-r"), b"a\n")

    def test_a_fault_is_told_without_backslashes_that_are_not_meant(self):
        ran = portlog("decode", data=f"{TIME} a b F x\\q\n".encode())
        self.assertEqual(ran.stderr, b"portlog: stdin:1: expected a backslash, "
                         b"n, r or xHH after a backslash\n")

    def test_malformed_lines_are_told_and_the_rest_decoded(self):
        text = (f"{TIME} a b F good\nnonsense\n{TIME} a b Q x\n{TIME} a\n"
                f"{TIME} a b F bad\\q\n{TIME} a b F also good\n"
                f"{TIME} a b F unfinished")
        text = text.replace("nonsense\n", "A" * 26 + "Z a b F time\n"
                            "2026-13-99T99:99:99.123456Z a b F time\n")
        with tempfile.NamedTemporaryFile() as file:
            file.write(text.encode())
            file.flush()
            ran = portlog("decode", file.name)
            self.assertEqual(ran.stdout, b"good\nalso good\n")
            self.assertEqual(ran.returncode, 1)
            told = ran.stderr.decode().splitlines()
            self.assertEqual([line.split(": ")[1] for line in told],
                             [f"{file.name}:{n}" for n in (2, 3, 4, 5, 6, 8)])
            for line in told:
                self.assertIn(": expected ", line)

    def test_a_file_of_minus_is_standard_input(self):
        ran = portlog("decode", "-", data=f"{TIME} a b F x\nbad\n".encode())
        self.assertEqual(ran.stdout, b"x\n")
        self.assertIn(b"portlog: stdin:2: expected ", ran.stderr)

    def test_a_file_that_is_not_there_is_told(self):
        ran = portlog("decode", "/nonexistent/log")
        self.assertEqual(ran.returncode, 1)
        self.assertIn(b"/nonexistent/log: No such file", ran.stderr)

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_an_output_that_is_full_is_told(self):
        with open("/dev/full", "wb") as full:
            ran = subprocess.run([PORTLOG, "decode"], stdout=full,
                                 stderr=subprocess.PIPE, check=False,
                                 input=f"{TIME} a b F x\n".encode())
        self.assertEqual(ran.returncode, 1)
        self.assertIn(b"standard output: No space left", ran.stderr)


if __name__ == "__main__":
    harness.main()
