# SPDX-License-Identifier: MIT
"""portlog tail: the last lines of a log, and what comes."""
import contextlib
import fcntl
import gzip
import json
import os
import pty
import resource
import shutil
import subprocess
import tempfile
import unittest
from datetime import datetime, timedelta, timezone

import harness
from harness import PORTLOG, portlog, wait_for

DAY = datetime(2026, 11, 23, tzinfo=timezone.utc)


def at(seconds):
    """A time of that day, as a log has it."""
    moment = DAY + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def line(seconds, data="x", tag="F", peer="192.0.2.7:51034",
         listener="tcp/8888"):
    return f"{at(seconds)} {listener} {peer} {tag} {data}\n"


def processor_seconds():
    """Of all programs that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Case(harness.Case):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="portlog-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.log = os.path.join(self.dir, "log")

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        opened = gzip.open if name.endswith(".gz") else open
        with opened(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def append(self, text):
        with open(self.log, "ab") as file:
            file.write(text.encode())

    def tail(self, *arguments, status=0, env=None):
        ran = portlog("tail", *arguments,
                      env=None if env is None else {**os.environ, **env})
        self.assertEqual(ran.returncode, status, ran)
        self.said = ran.stderr.decode()
        return ran.stdout.decode()

    def data(self, *arguments, **options):
        """The data of the lines that it prints."""
        return [line.split(" ", 4)[4] for line in
                self.tail(*arguments, **options).splitlines()]


class Lines(Case):
    """Which lines are printed."""

    def test_the_last_ten(self):
        self.write("log", "".join(line(n, n) for n in range(50)))
        self.assertEqual(self.data(self.log),
                         [str(n) for n in range(40, 50)])

    def test_the_last_of_a_long_file(self):
        for size in (10, 1000, 40000):
            lines = [line(n, f"{n} " + size * "x") for n in range(100)]
            self.write("log", "".join(lines))
            for count in (1, 2, 99, 100, 101):
                self.assertEqual(self.tail("-n", str(count), self.log),
                                 "".join(lines[-count:]))

    def test_none_and_all(self):
        lines = "".join(line(n) for n in range(99))
        self.write("log", lines)
        self.assertEqual(self.tail("-n", "all", self.log), lines)
        self.assertEqual(self.tail("-n0", self.log, status=1), "")

    def test_by_column(self):
        self.write("log", line(1, "a") + line(2, "b", peer="[2001:db8::7]:1") +
                   line(3, "c", listener="udp/8888") + line(4, "d", "P") +
                   line(5, "lost datagrams=3", "*", "-", "udp/8888") +
                   line(6, "e", "F", "192.0.2.70:51034"))
        for arguments, expected in (
                ("-l tcp/8888", "abde"), ("-L tcp/8888", "cl"),
                ("-l tcp/8888 -l udp/8888", "abcdle"),
                ("-p 192.0.2.7", "acd"), ("-P 192.0.2.7", "ble"),
                ("-p 192.0.2.0/24", "acde"), ("-p 2001:db8::/32", "b"),
                ("-p 192.0.2.70:51034", "e"), ("-p 192.0.2.7:1", ""),
                ("-p [2001:db8::7]:1", "b"), ("-p 2001:db8::7", "b"),
                ("-t P*", "dl"), ("-T F", "dl"), ("-N", "l"),
                ("-N -t P", "dl"), ("-l tcp/8888 -P 192.0.2.7", "be"),
                ("-g datagrams=[0-9]", "l"), ("-G ^[a-d]$", "le"),
                ("-g a -g b", "abl"), ("-g A", ""), ("-i -g A", "al"),
                ("-g ^a$", "a"), ("-g tcp", "")):
            found = self.data(*arguments.split(), self.log,
                              status=0 if expected else 1)
            self.assertEqual("".join(d[0] for d in found), expected,
                             arguments)

    def test_a_line_beside_its_needle(self):
        """What is passed over quickly has no line that matches."""
        lines = [line(n, f"value={n:06}.") for n in range(30000)]
        self.write("log", "".join(lines))
        for regex, numbers in (("value=012345", [12345]), ("=02000[0-9]",
                               range(20000, 20010)), ("value=0299+[.]", [29999]),
                               ("value=0*7[.]", [7]), ("00000[0-3]", range(4)),
                               ("(017777|000000)[.]", [0, 17777])):
            self.assertEqual(self.tail("-n", "all", "-g", regex, self.log),
                             "".join(lines[n] for n in numbers), regex)

    def test_the_last_that_match(self):
        self.write("log", "".join(line(n, n) for n in range(20000)))
        self.assertEqual(self.tail("-n", "all", "-g", "", self.log),
                         self.tail("-n", "all", self.log))
        self.assertEqual(self.data("-n2", "-g", "5$", self.log),
                         ["19985", "19995"])

    def test_it_ends_after_so_many(self):
        self.write("log", "".join(line(n, n) for n in range(20)))
        self.assertEqual(self.data("-n", "all", "-m", "3", self.log),
                         ["0", "1", "2"])

    def test_a_line_that_is_none(self):
        self.write("log", line(1, "a") + "a stranger\n" + line(2, "b"))
        self.assertEqual(self.tail(self.log).splitlines()[1], "a stranger")
        self.assertIn("none of a log, and have no columns: 1", self.said)
        self.assertEqual(self.data("-t", "F", self.log), ["a", "b"])

    def test_an_unfinished_last_line_is_marked(self):
        self.write("log", line(1, "a") + line(2, "b")[:-1])
        self.assertEqual(self.tail(self.log),
                         line(1, "a") + line(2, "b [unfinished]"))

    def test_standard_input(self):
        ran = portlog("tail", "-n1", "-",
                      data=(line(1, "a") + line(2, "b")).encode())
        self.assertEqual(ran.stdout.decode(), line(2, "b"))


class Times(Case):
    """-S and -U."""

    def setUp(self):
        super().setUp()
        self.lines = [line(n, n) for n in range(0, 86400, 10)]
        self.write("log", "".join(self.lines))

    def test_from_when_to_when(self):
        for since, until, numbers in (
                ("2026-11-23", "2026-11-23T00:00:20Z", [0, 10, 20]),
                ("2026-11-23 23:59:40", "2026-11-24", [86380, 86390]),
                ("2026-11-23T12:00", "2026-11-23T12:00:09.999", [43200]),
                ("2026-11-23T12:00:00+01:00", "2026-11-23T11:00:10", [
                    39600, 39610])):
            self.assertEqual(self.data("-S", since, "-U", until, self.log),
                             [str(n) for n in numbers])

    def test_those_of_the_range_alone_are_counted(self):
        self.assertEqual(self.data("-S", "2026-11-23T01:00", "-U",
                                   "2026-11-23T02:00", "-n2", self.log),
                         ["7190", "7200"])

    def test_relative_ones_and_those_of_today(self):
        now = datetime.now(timezone.utc)
        times = [now - timedelta(seconds=s) for s in (7200, 3000, 60)]
        self.write("log", "".join(
            f"{t.strftime('%Y-%m-%dT%H:%M:%S.%fZ')} a b:1 F {n}\n"
            for n, t in enumerate(times)))
        for when, count in (("1h", 2), ("-1h", 2), ("50m30s", 2),
                            ("1m30s ago", 1), ("3h", 3), ("now", 0)):
            self.assertEqual(len(self.data("-S", when, self.log,
                                           status=0 if count else 1)), count)
        noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
        self.write("log", "".join(
            f"{(noon - timedelta(days=d)).strftime('%Y-%m-%dT%H:%M:%S.%fZ')}"
            f" a b:1 F {d}\n" for d in (2, 1, 0)))
        self.assertEqual(self.data("-S", "yesterday", "-U", "today",
                                   self.log), ["1"])
        self.assertEqual(self.data("-S", "today", self.log), ["0"])
        self.assertEqual(self.data("-S", "12:00:00", self.log), ["0"])

    def test_of_this_hosts_zone(self):
        zone = {"TZ": "UTC-2"}
        self.assertEqual(self.tail(
            "--local", "-S", "2026-11-23T03:00", "-m1", self.log, env=zone),
            line(3600, 3600).replace("T01:00:00.000000Z",
                                     "T03:00:00.000000+02:00"))

    def test_lines_that_are_late(self):
        """As threads write when they can, and datagrams after a stall."""
        lines = [line(n, n) for n in range(200000)]
        late = [line(100000 + n, f"late{n}") for n in range(100)]
        at = 100160
        note = line(100159, "resumed seconds=160.000", "*", "-", "-")
        self.write("log", "".join(lines[:100000] + lines[at:at + 50] + [note] +
                                  late + lines[at + 50:]))
        found = self.data("-S", "2026-11-24T03:46:50", "-U",
                          "2026-11-24T03:48:10", self.log)
        self.assertEqual(found, [f"late{n}" for n in range(10, 91)])

    def test_what_is_no_time(self):
        for text in ("", "soon", "10", "10x", "25:00", "2026-13-01", "12:00:",
                     "2026-11-23T", "1h later", "2026-11-23Z", "12:00+1",
                     "2026-02-30", "12:00+24:00", "12:00-01:60"):
            self.tail("-S", text, self.log, status=64)
            self.assertIn(f'-S: found "{text}", expected a time', self.said)

    def test_a_search_reads_little_of_a_large_file(self):
        """10 GB, most of it a hole, which has no lines."""
        with open(self.log, "r+b") as file:
            file.seek(10 << 30)
            file.write(("\n" + "".join(line(n, n) for n in range(
                90000, 90010))).encode())
        before = processor_seconds()
        self.assertEqual(self.data("-S", "2026-11-24T01:00:05", self.log),
                         [str(n) for n in range(90005, 90010)])
        self.assertLess(processor_seconds() - before, 0.5)


class Rotated(Case):
    """A log and what rotations have left of it."""

    def test_all_are_one_log(self):
        self.write("log", line(5, 5))
        self.write("log.1", line(4, 4))
        self.write("log.2.gz", line(2, 2) + line(3, 3))
        self.write("log-20261122.gz", line(1, 1))
        self.write("log.old", line(0, "none"))
        self.write("login", line(0, "none"))
        self.assertEqual(self.data(self.log), ["1", "2", "3", "4", "5"])
        self.assertEqual(self.data("-n2", self.log), ["4", "5"])
        self.assertEqual(self.data("-n3", "-g", ".", self.log),
                         ["3", "4", "5"])
        self.assertEqual(self.data("-S", at(3), self.log), ["3", "4", "5"])
        self.assertEqual(self.data(os.path.join(self.dir, "log.1")), ["4"])

    def test_several_logs_are_merged_by_time(self):
        paths = [self.write(name, "".join(line(m, m)
                                          for m in range(n, 30, 3)))
                 for n, name in enumerate("abc")]
        self.assertEqual(self.data("-n", "all", *paths),
                         [str(n) for n in range(30)])
        self.assertEqual(self.data("-n4", *paths), ["26", "27", "28", "29"])
        self.assertEqual(self.data("-S", at(28), *paths), ["28", "29"])

    def test_what_cannot_be_read_is_said(self):
        self.tail(self.log, status=1)
        self.assertIn(f"{self.log}: No such file", self.said)
        self.write("log", line(1))
        os.chmod(self.log, 0)
        if os.geteuid() != 0:
            self.tail(self.log, status=1)
            self.assertIn(f"{self.log}: Permission denied", self.said)


class Forms(Case):
    """-o, colours and terminals."""

    HOSTILE = "a\\\\b\\x1b[2J\\xff grün"

    def test_json_of_text(self):
        self.write("log", line(1, self.HOSTILE) + line(
            2, "closed reason=eof records=2 seconds=0.500", "*"))
        found = [json.loads(text) for text in
                 self.tail("-o", "json", self.log).splitlines()]
        self.assertEqual(list(found[0]), ["time", "listener", "peer", "port",
                                          "tag", "data_base64"])
        self.assertEqual(found[1], {
            "time": at(2), "listener": "tcp/8888", "peer": "192.0.2.7",
            "port": 51034, "event": "closed", "reason": "eof", "records": 2,
            "seconds": 0.5})

    def test_data_as_it_was_sent(self):
        self.write("log", line(1, self.HOSTILE))
        ran = portlog("tail", "-o", "data", self.log)
        self.assertEqual(ran.stdout, b"a\\b\x1b[2J\xff gr\xc3\xbcn\n")

    @unittest.skipIf(b"without jansson" in portlog("decode", data=b"{}\n")
                     .stderr, "built without jansson")
    def test_text_of_json(self):
        daemon = self.daemon(config=harness.configured(
            harness.tcp(), output='type = "stdout"; format = "json";'))
        stream = self.tcp(daemon)
        stream.sendall(b"a\\\x1b\xff\nb\n")
        stream.shutdown(1)
        harness.end_of(stream)
        wait_for(lambda: "closed" in daemon.text())
        lines = self.tail(daemon.out).splitlines()
        peer = harness.name_of(stream)
        self.assertEqual([text.split(" ", 1)[1] for text in lines[:2]], [
            f"tcp/{daemon.port()} {peer} F a\\\\\\x1b\\xff",
            f"tcp/{daemon.port()} {peer} F b"])
        self.assertRegex(lines[2], r" \* closed reason=eof records=2 bytes=7 "
                         r"seconds=\d+\.\d{3}$")
        self.assertEqual(self.tail("-o", "json", daemon.out), daemon.text())

    def test_colours_where_they_are_wanted(self):
        self.write("log", line(1, "abc"))
        self.assertNotIn("\033", self.tail(self.log))
        self.assertIn("\033[7mb\033[27m", self.tail("--color=always", "-H",
                                                    "b", self.log))
        self.assertIn("\033[7mb\033[27m", self.tail("--color=always", "-g",
                                                    "b", self.log))

    def on_terminal(self, *arguments, env=None):
        master, slave = pty.openpty()
        with open(master, "rb", buffering=0) as terminal:
            subprocess.run([PORTLOG, "tail", *arguments], stdout=slave,
                           check=True, timeout=harness.PATIENCE,
                           env={**os.environ, **(env or {})})
            fcntl.fcntl(master, fcntl.F_SETFL, os.O_NONBLOCK)
            os.close(slave)
            return terminal.read(65536).decode()

    def test_on_a_terminal(self):
        self.write("log", line(1, self.HOSTILE) + line(2, "x\033]0;evil\a") +
                   "no line \033[2J\n")
        plain = self.on_terminal(self.log, env={"NO_COLOR": "1"})
        self.assertNotIn("\033", plain)
        self.assertIn(self.HOSTILE, plain)
        self.assertIn("x\\x1b]0;evil\\x07", plain)
        self.assertIn("no line \\x1b[2J", plain)
        self.assertIn("\033[2m", self.on_terminal(
            self.log, env={"NO_COLOR": "", "TERM": "xterm"}))
        self.assertNotIn("\033]", self.on_terminal("-o", "data", self.log))


class Follow(Case):
    """-f."""

    def follow(self, *arguments):
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            [PORTLOG, "tail", "-f", *arguments], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        for pipe in (process.stdout, process.stderr):
            self.addCleanup(pipe.close)
            os.set_blocking(pipe.fileno(), False)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.out = self.err = b""
        self.process = process
        return process

    def shown(self):
        self.out += self.process.stdout.read() or b""
        self.err += self.process.stderr.read() or b""
        whole = self.out[:self.out.rfind(b"\n") + 1]
        return [line.split(" ", 4)[4] for line in
                whole.decode().splitlines()]

    def wait_for(self, *data):
        wait_for(lambda: self.shown() == list(data),
                 f"{data}, not {self.shown()}")

    def test_what_comes(self):
        self.write("log", line(1, 1) + line(2, 2))
        self.follow("-n1", self.log)
        self.wait_for("2")
        self.append(line(3, 3))
        self.wait_for("2", "3")

    def test_what_matches_is_shown_at_once(self):
        self.write("log", "")
        self.follow("-g", "good", "-m2", self.log)
        self.append(line(1, "bad") + line(2, "good"))
        self.wait_for("good")
        self.append(line(3, "good 2") + line(4, "good 3"))
        self.wait_for("good", "good 2")
        self.assertEqual(self.process.wait(harness.PATIENCE), 0)

    def test_a_line_is_held_back_until_it_ends(self):
        self.write("log", line(1, 1))
        self.follow(self.log)
        self.wait_for("1")
        self.append(line(2, "begun")[:-2])
        self.wait_for("1", "begu [unfinished]")
        self.append("n\n")
        self.wait_for("1", "begu [unfinished]", "begun")

    def test_one_that_is_not_there_yet(self):
        self.follow(self.log)
        wait_for(lambda: self.shown() == [] and b"waiting for it" in self.err)
        self.write("log", line(1, 1))
        self.wait_for("1")

    def test_over_rotations(self):
        self.write("log", line(1, 1))
        self.follow(self.log)
        self.wait_for("1")
        os.rename(self.log, self.log + ".1")
        with open(self.log + ".1", "ab") as old:
            old.write(line(2, 2).encode())  # as long as none is at the path
        self.wait_for("1", "2")
        self.write("log", line(3, 3))
        self.wait_for("1", "2", "3")
        self.append(line(4, 4))
        self.wait_for("1", "2", "3", "4")

    def test_several_rotations_between_two_looks(self):
        self.write("log", line(1, 1))
        process = self.follow(self.log)
        self.wait_for("1")
        process.send_signal(19)
        with open(self.log, "ab") as old:
            old.write(line(2, 2).encode())
        os.rename(self.log, self.log + ".3")
        self.write("log.2.gz", line(3, 3))
        self.write("log.1", line(4, 4))
        self.write("log", line(5, 5))
        process.send_signal(18)
        self.wait_for("1", "2", "3", "4", "5")

    def test_one_that_is_cut(self):
        self.write("log", line(1, 1) + line(2, 2))
        self.follow(self.log)
        self.wait_for("1", "2")
        os.truncate(self.log, 0)
        wait_for(lambda: self.shown() and b"it was cut" in self.err)
        self.append(line(3, 3))
        self.wait_for("1", "2", "3")

    def test_it_ends_with_its_reader(self):
        self.write("log", line(1, 1))
        self.follow(self.log)
        self.wait_for("1")
        self.process.stdout.close()
        self.process.wait(harness.PATIENCE)

    def test_of_a_daemon_that_rotates_under_load(self):
        daemon = self.daemon(config=harness.configured(
            harness.tcp(), output=f'''type = "file"; path = "{self.log}";
            max_size = 65536; keep = 1000;''', top='connection_notes = "none";'
            ))
        self.follow("-n", "all", self.log)
        stream = self.tcp(daemon)
        for n in range(300):
            stream.sendall(b"".join(b"%d\n" % m for m in
                                    range(20 * n, 20 * n + 20)))
        with contextlib.suppress(AssertionError):  # what is missing is below
            wait_for(lambda: len(self.shown()) >= 6000)
        self.assertEqual(self.shown(), [str(n) for n in range(6000)])


class Configured(Case):
    """Without FILE."""

    def configure(self, text):
        return ("-c", self.write("conf", text))

    def test_the_files_of_its_outputs(self):
        self.write("log", line(1, 1))
        self.write("192.0.2.1-2026.log", line(2, 2))
        self.write("192.0.2.1-2025.log", line(3, 3))
        self.write("192.0.2.1-2025.log.1", line(0, 0))
        config = self.configure(f'''outputs = (
            {{ type = "file"; path = "{self.log}"; }},
            {{ type = "file"; path = "{self.dir}/raw"; format = "raw"; }},
            {{ type = "file"; path = "{self.dir}/%{{peer}}-%Y.log"; }} );''')
        self.assertEqual(self.data(*config), ["0", "1", "2", "3"])

    def test_a_configuration_that_is_wrong(self):
        self.tail(*self.configure("nonsense = 1;"), status=1)
        self.assertIn("conf:1: unknown setting", self.said)

    def test_the_journal(self):
        self.write("journalctl", '#!/bin/sh\nprintf "%s\\n" "$@"\n')
        os.chmod(os.path.join(self.dir, "journalctl"), 0o755)
        config = self.configure(
            'outputs = ( { type = "journal"; ident = "mine"; } );')
        path = {"PATH": self.dir + ":" + os.environ["PATH"]}
        if b"without libsystemd" in subprocess.run(
                [harness.PORTLOGD, "-t", *config], capture_output=True,
                check=False).stderr:
            self.skipTest("built without libsystemd")
        self.assertEqual(self.tail(
            *config, "-f", "-n3", "-l", "a", "-p", "192.0.2.7:1", "-t", "F*",
            "-g", "x y", "-S", "2026-11-23", env=path).split("\n"), [
                "--quiet", "--lines=3", "--follow", "--utc",
                "--since=@1795392000.000000", "SYSLOG_IDENTIFIER=mine",
                "PORTLOG_LISTENER=a", "PORTLOG_TAG=F", "PORTLOG_TAG=*",
                "PORTLOG_PEER=192.0.2.7", "PORTLOG_PORT=1", "--grep=x y", ""])
        self.tail(*config, "-P", "192.0.2.7", env=path, status=1)
        self.assertIn("journalctl cannot look for this", self.said)


class Misused(Case):
    def test_what_is_wrong_is_said(self):
        for arguments, expected in (
                (["-n", "x"], '-n: found "x", expected 0 to 1000000, or all'),
                (["-m", "0"], '-m: found "0", expected 1 to 1000000'),
                (["-g", "("], '-g: found "(": '),
                (["-t", "X"], '-t: found "X": expected some of F, P, E, T and'
                 ' *'),
                (["-p", "10.0.0.0/33"], '-p: found "10.0.0.0/33": expected '),
                (["-o", "xml"], '-o: found "xml", expected line, data or json'),
                (["-f", "-U", "1h"], "found -f and -U"),
                (["--color=red"], '--color: found "red", expected auto'),
                (["-x"], "invalid option")):
            self.tail(*arguments, status=64)
            self.assertIn(expected, self.said)
            self.assertEqual(self.said.count("usage:"), 1, self.said)


if __name__ == "__main__":
    harness.main(jobs=4)
