# SPDX-License-Identifier: MIT
"""portlog decode: from a text log back to the bytes that were sent."""
import os
import random
import shutil
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


def time(second):
    return f"2026-11-23T07:12:{second:02}.123456Z"


def reads_json():
    return b"without jansson" not in portlog("decode", data=b"{}\n").stderr


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
                (("-l", "udp/1"), b"c\nd\n")):
            with self.subTest(options=options):
                self.assertEqual(self.decode(lines, *options), expected)

    def test_what_matches_nothing_is_told(self):
        text = f"{TIME} tcp/1 1.2.3.4:5 F a\n{TIME} udp/1 - * lost\n".encode()
        for options, what in (
                (("-p", "::1"), b"peer ::1"), (("-l", "tcp"), b"listener tcp"),
                (("-l", "udp/1"), b"listener udp/1"),
                (("-l", "udp/1", "-p", "1.2.3.4"),
                 b"peer 1.2.3.4 and listener udp/1")):
            with self.subTest(options=options):
                ran = portlog("decode", *options, data=text)
                self.assertEqual(
                    (ran.returncode, ran.stdout, ran.stderr),
                    (1, b"", b"portlog: found no record of %s\n" % what))

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
            self.assertIn(":3: expected the same", told[1])
            for line in told:
                self.assertIn(": expected ", line)

    def test_what_is_no_log_is_told_once(self):
        ran = portlog("decode", data=b"no line of a log\n" * 100000 +
                      f"{TIME} a b F x\nno\n".encode())
        self.assertEqual((ran.returncode, ran.stdout), (1, b"x\n"))
        told = ran.stderr.decode().splitlines()
        self.assertEqual(len(told), 3, told)
        self.assertEqual(told[1], "portlog: stdin:2 to 100000: expected the "
                         "same")

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


class Joined(unittest.TestCase):
    """decode -j prints a log again, with a line for each record."""

    def decode(self, *lines):
        ran = portlog("decode", "-j", data="".join(
            f"{time(i)} {line}\n" for i, line in enumerate(lines)).encode())
        self.assertEqual((ran.returncode, ran.stderr), (0, b""))
        return ran.stdout.decode()

    def test_pieces_are_one_line_with_the_time_and_tag_of_the_last(self):
        self.assertEqual(self.decode(
            "tcp/1 1.2.3.4:5 P a \\\\ \\xe2", "udp/1 [::1]:7 T b\\n",
            "tcp/1 1.2.3.4:5 P \\x82", "tcp/1 1.2.3.4:5 * opened",
            "tcp/1 1.2.3.4:5 F \\xac\\x1b", "tcp/1 1.2.3.4:6 P c",
            "tcp/1 1.2.3.4:6 E "),
            f"{time(1)} udp/1 [::1]:7 T b\\n\n"
            f"{time(4)} tcp/1 1.2.3.4:5 F a \\\\ €\\x1b\n"
            f"{time(6)} tcp/1 1.2.3.4:6 E c\n")

    def test_a_record_that_the_log_does_not_finish_is_a_piece(self):
        self.assertEqual(self.decode("tcp/1 1.2.3.4:5 P a",
                                     "tcp/1 1.2.3.4:5 P b"),
                         f"{time(1)} tcp/1 1.2.3.4:5 P ab\n")

    def test_the_result_is_its_own_result(self):
        lines = "".join(f"{TIME} a/1 1.2.3.4:5 F {escaped}\n" for escaped in (
            "", "\\\\x41", "\\x00\\n\\r\\xff", "grüße 世界"))
        ran = portlog("decode", "-j", data=lines.encode())
        self.assertEqual((ran.stderr, ran.stdout.decode()), (b"", lines))

    def test_a_line_sent_slowly_is_found(self):
        with harness.Daemon(config="""
                limits = { flush_timeout = 1; };
                listeners = ( { protocol = "tcp"; port = 0; } );
                outputs = ( { type = "stdout"; format = "json"; },
                            { type = "file"; path = "@DIR@/log"; } );
                """) as daemon:
            with daemon.tcp() as connection:
                peer = harness.name_of(connection)
                for tags, part in (("P", b"alarm "), ("PP", b"in pump"),
                                   ("PPF", b" 3\n")):
                    connection.sendall(part)
                    harness.wait_for(
                        lambda: "".join(r.tag for r in daemon.records(
                            daemon.dir + "/log")) == tags, tags)
            self.assertEqual(daemon.stop(), 0)
            last = daemon.records(daemon.dir + "/log")[2]
            logs = [daemon.dir + "/log"] + reads_json() * [daemon.out]
            for log in logs:
                ran = portlog("decode", "-j", "-p", peer, log)
                self.assertEqual(ran.stdout.decode(),
                                 f"{last.time} {last.listener} {peer} F "
                                 "alarm in pump 3\n")

    @unittest.skipUnless(reads_json(), "built without jansson")
    def test_json_forges_no_line(self):
        text = ('{"time":"%s","listener":"a\\nb","peer":"c\\nd","port":1,'
                '"tag":"F","data":"x"}\n')
        ran = portlog("decode", "-j", data=(
            text % TIME + text % ("\\n" * 27)).encode())
        self.assertEqual(ran.stdout.decode(),
                         f"{TIME} a\\nb c\\nd:1 F x\n")
        self.assertIn(b"stdin:2: expected a time", ran.stderr)


class Files(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def write(self, name, data, program=None):
        """Save it, as the program compresses it; returns the path."""
        path = os.path.join(self.directory, name)
        if program:
            data = subprocess.run([program, "-c"], input=data, check=True,
                                  stdout=subprocess.PIPE).stdout
        with open(path, "wb") as file:
            file.write(data)
        return path

    def test_several_are_one_log(self):
        paths = [self.write("2", f"{TIME} a/1 b:1 F x\n{TIME} a/1 b:1 P y"
                            "\n".encode()),
                 self.write("1", f"{TIME} a/1 b:1 F z\n".encode())]
        ran = portlog("decode", *paths, "-",
                      data=f"{TIME} a/1 b:1 F last\nbad\n".encode())
        self.assertEqual(ran.stdout, b"x\nyz\nlast\n")
        self.assertIn(b"stdin:2: ", ran.stderr)

    def test_one_that_is_missing_does_not_keep_the_others_from_it(self):
        path = self.write("log", f"{TIME} a/1 b:1 F x\n".encode())
        ran = portlog("decode", path + "1", path)
        self.assertEqual((ran.returncode, ran.stdout), (1, b"x\n"))
        self.assertIn(f"{path}1: No such file".encode(), ran.stderr)

    def each_program(self):
        for program in "gzip", "xz", "zstd":
            if shutil.which(program):
                with self.subTest(program=program):
                    yield program

    def test_compressed_ones_are_read(self):
        records = [random_bytes(i, 300).hex().encode() for i in range(2000)]
        text = b"".join(b"%s a/1 b:1 F %s\n" % (TIME.encode(), record)
                        for record in records)
        for program in self.each_program():
            path = self.write("log", text, program)
            ran = portlog("decode", path, path)
            self.assertEqual((ran.returncode, ran.stderr), (0, b""))
            self.assertEqual(ran.stdout.split(b"\n")[:-1], 2 * records)
            with open(path, "rb") as file:
                ran = subprocess.run([PORTLOG, "decode"], stdin=file,
                                     capture_output=True, check=False)
            self.assertEqual(ran.stdout.split(b"\n")[:-1], records)

    def test_a_compressed_one_that_is_cut_is_told(self):
        text = f"{TIME} a/1 b:1 F x\n".encode() * 1000
        for program in self.each_program():
            path = self.write("log", text, program)
            os.truncate(path, os.path.getsize(path) - 6)
            ran = portlog("decode", path)
            self.assertEqual(ran.returncode, 1)
            self.assertIn(f"portlog: {path}: {program} failed".encode(),
                          ran.stderr)

    def test_a_program_that_is_missing_is_told(self):
        path = self.write("log", b"\x1f\x8b\x08\0")
        ran = portlog("decode", path, env={"PATH": self.directory})
        self.assertEqual(
            (ran.returncode, ran.stderr.decode()),
            (1, f"portlog: {path}: cannot run gzip: No such file or "
                "directory\n"))

    def test_a_path_is_never_an_option_or_a_command(self):
        text = f"{TIME} a/1 b:1 F x\n".encode()
        for name in "-rf", "$(touch here)", "; touch here":
            self.write(name, text, "gzip")
            ran = subprocess.run([os.path.abspath(PORTLOG), "decode", "--",
                                  name], cwd=self.directory, check=False,
                                 capture_output=True)
            self.assertEqual((ran.stdout, ran.stderr), (b"x\n", b""))
        self.assertFalse(os.path.exists(self.directory + "/here"))

    def test_a_compressed_log_in_a_pipe_is_told_once(self):
        for program in self.each_program():
            with open(self.write("log", b"\n" * 5 + random_bytes(1, 9999),
                                 program), "rb") as file:
                ran = portlog("decode", data=file.read())
            self.assertEqual((ran.returncode, ran.stdout), (1, b""))
            self.assertEqual(ran.stderr.count(b"\n"), 1, ran.stderr)
            self.assertIn(b'"%s -dc"' % program.encode(), ran.stderr)

    @unittest.skipUnless(reads_json(), "built without jansson")
    def test_json_is_read(self):
        with harness.Daemon("-l", "tcp:0", "-f", "json") as daemon:
            data = b"one\n\xff\n" + b"x" * 99999 + b"\nend"
            sent = portlog("send", "127.0.0.1", str(daemon.port()), data=data)
            self.assertEqual(sent.returncode, 0)
            ran = portlog("decode", daemon.out)
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr),
                         (0, data + b"\n", b""))

    @unittest.skipIf(reads_json(), "built with jansson")
    def test_json_that_cannot_be_read_is_told_once(self):
        ran = portlog("decode", data=b"{}\n" * 1000)
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(ran.stderr.count(b"\n"), 2, ran.stderr)

    def test_a_log_that_grows_by_what_is_printed_ends(self):
        text = f"{TIME} a/1 b:1 F x\n".encode() * 100
        path = self.write("log", text)
        for arguments in [path], []:
            with open(path, "rb") as log, open(path, "ab") as end:
                subprocess.run([PORTLOG, "decode", "-j", *arguments],
                               stdin=log, stdout=end, check=True,
                               timeout=harness.PATIENCE)
        with open(path, "rb") as log:
            self.assertEqual(log.read(), text * 4)

    def test_each_line_is_printed_as_it_comes(self):
        with subprocess.Popen([PORTLOG, "decode"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as process:
            os.set_blocking(process.stdout.fileno(), False)
            for data in b"one", b"two":
                process.stdin.write(f"{TIME} a/1 b:1 F ".encode() + data +
                                    b"\n" + TIME.encode())
                process.stdin.flush()
                self.assertEqual(harness.wait_for(process.stdout.read), data +
                                 b"\n")
                process.stdin.write(b" a/1 b:1 * opened\n")
            process.stdin.close()


if __name__ == "__main__":
    harness.main()
