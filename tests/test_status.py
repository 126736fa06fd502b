# SPDX-License-Identifier: MIT
"""The status socket, and portlog status."""
import grp
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import harness
from harness import PORTLOG, configured, portlog, tcp, udp, wait_for

SOCKET = 'status_socket = "@DIR@/s";'
# Never fewer, and never with another meaning.
KEYS = {
    "portlog": "portlog format time monotonic_ms",
    "daemon": "daemon pid started uptime_seconds generation configuration "
              "configuration_hash connections max_connections",
    "tcp": "listener key protocol address framing absent records bytes refused "
           "connections max_connections total waiting max_waiting "
           "closed_eof closed_reset closed_idle closed_shutdown "
           "closed_bad_frame closed_error closed_killed probes lost_bytes",
    "udp": "listener key protocol address framing absent records bytes refused "
           "lost truncated receive_buffer receive_buffer_asked "
           "receive_buffer_used",
    "unix-stream": "listener key protocol path framing absent records bytes "
                   "refused connections max_connections total waiting "
                   "closed_eof probes lost_bytes",
    "output": "output type format path records bytes errors waiting stalled "
              "stalled_seconds free rotations file_replaced",
    "end": "end",
}


def dial(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(harness.PATIENCE)
    client.connect(path)
    return client


def ask(path, line="status"):
    """The objects of an answer."""
    with dial(path) as client:
        client.sendall(line.encode() + b"\n")
        text = b"".join(iter(lambda: client.recv(65536), b""))
    return [json.loads(line) for line in text.decode().splitlines()]


def named(objects, key, name=None):
    """The object about a listener or output."""
    found = [o for o in objects if key in o and name in (None, o[key])]
    assert len(found) == 1, (key, name, objects)
    return found[0]


class Case(harness.Case):
    def serve(self, *listeners, top=SOCKET, **more):
        daemon = self.daemon(start=False, config=configured(
            *(listeners or (tcp(),)), top=top,
            **{"output": 'type = "file"; path = "@DIR@/log";', **more}))
        daemon.start()
        self.path = os.path.join(daemon.dir, "s")
        return daemon

    def status(self, *arguments, code=0):
        ran = portlog("status", "-s", self.path, *arguments)
        self.assertEqual(ran.returncode, code, ran)
        self.said = ran.stderr.decode()
        return ran.stdout.decode()


class Answers(Case):
    """What the socket answers."""

    def test_every_key_that_was_ever_there(self):
        self.serve(tcp(), udp(),
                   '{ protocol = "unix-stream"; path = "@DIR@/u"; }')
        objects = ask(self.path)
        kinds = [next((k for k in ("portlog", "daemon", "output", "end")
                       if k in o), o.get("protocol")) for o in objects]
        self.assertEqual(kinds, ["portlog", "daemon", "tcp", "udp",
                                 "unix-stream", "output", "end"])
        for kind, found in zip(kinds, objects):
            with self.subTest(kind=kind):
                self.assertEqual(set(KEYS[kind].split()) - set(found), set())
        self.assertEqual(objects[0]["format"], 1)
        self.assertIs(objects[-1]["end"], True)

    def test_counters_are_those_of_sigusr1(self):
        daemon = self.serve(tcp(), udp())
        self.tcp(daemon).sendall(b"one\ntwo\n")
        self.udp(daemon, 1).sendall(b"three")
        harness.wait_for(lambda: len(daemon.data(path=daemon.dir + "/log"))
                         == 3)
        # Records are counted once they are written.
        told = harness.wait_for(lambda: (lambda all_: sum(
            counted["records"] for counted in all_.values()) == 3 and all_)(
                daemon.counters()))
        for name, counters in told.items():
            found = named(ask(self.path), "listener", name)
            self.assertEqual({k: found[k] for k in counters}, counters)
        output = named(ask(self.path), "output")
        self.assertEqual((output["records"], output["waiting"]), (3, 0))
        self.assertEqual(output["bytes"],
                         len(daemon.bytes(daemon.dir + "/log")))

    def test_an_unknown_request_says_what_is_expected(self):
        self.serve()
        for line in ("", "stop", "STATUS", "status now", "\x1b[31m"):
            objects = ask(self.path, line)
            self.assertEqual(len(objects), 3, objects)
            self.assertIn("expected status or who", objects[1]["error"])

    def test_a_line_may_end_as_on_the_network(self):
        self.serve()
        self.assertIn("daemon", ask(self.path, "status\r")[1])

    def test_a_long_line_or_none_is_no_request(self):
        self.serve()
        for sent in (b"x" * 64, b"status"):
            with dial(self.path) as client:
                client.sendall(sent)
                self.assertEqual(harness.end_of(client), b"")

    def test_the_state_of_the_daemon(self):
        daemon = self.serve()
        said = ask(self.path)[1]
        self.assertEqual(said["daemon"], "serving")
        self.assertEqual(said["pid"], daemon.process.pid)
        self.assertEqual(said["configuration"],
                         daemon.dir + "/portlogd.conf")
        with self.tcp(daemon):
            wait_for(lambda: ask(self.path)[1]["connections"] == 1)

    def test_an_output_that_stands_still(self):
        daemon = self.serve(output='type = "file"; path = "/dev/full";',
                            limits="shutdown_timeout = 2;")
        self.tcp(daemon).sendall(b"x\n")
        found = wait_for(lambda: (lambda o: o["stalled"] and o)(
            named(ask(self.path), "output")))
        self.assertEqual((found["reason"], found["waiting"],
                          found["errors"]), ("ENOSPC", 1, 1))
        self.assertGreaterEqual(found["stalled_now_seconds"], 0)
        self.assertIn("stands still", self.status(code=1))
        self.assertEqual(self.status("-q", code=1), "")
        self.status("-j", code=1)
        daemon.signal(signal.SIGTERM)
        wait_for(lambda: ask(self.path)[1]["daemon"] == "stopping")
        daemon.exits = 1

    def test_a_listener_without_its_interface(self):
        daemon = self.daemon(start=False, config=configured(
            tcp(), tcp('interface = "nowhere0"; name = "away";'), top=SOCKET))
        daemon.launch()
        daemon.wait_for_error("listener tcp/.*: listening")
        self.path = daemon.dir + "/s"
        wait_for(lambda: os.path.exists(self.path))
        self.assertIs(named(ask(self.path), "listener", "away")["absent"],
                      True)
        self.assertIn("away: cannot listen", self.status())

    def test_what_is_no_utf_8_is_replaced(self):
        self.serve(output='type = "file"; path = "@DIR@/log"; '
                          r'name = "a\xff\"\x1b[31m";')
        self.assertEqual(named(ask(self.path), "output")["output"],
                         'a\ufffd"\x1b[31m')
        self.assertNotIn("\x1b", self.status())


class Clients(Case):
    """Those who ask do no harm."""

    def test_one_that_never_asks_is_left(self):
        self.serve()
        with dial(self.path) as silent:
            self.assertEqual(harness.end_of(silent), b"")

    def test_many_that_never_ask_hold_nobody_up_for_long(self):
        self.serve()
        silent = [dial(self.path) for _ in range(20)]
        self.assertIn("daemon", ask(self.path)[1])
        for client in silent:
            client.close()

    def test_threads_are_named_by_what_they_do_and_for_whom(self):
        daemon = self.serve(tcp('name = "t";'), udp('name = "u";'))
        with self.tcp(daemon):
            wait_for(lambda: daemon.tasks("conn") and daemon.tasks("status"),
                     "both threads")
            names = set()
            for task in daemon.tasks():
                with open(f"/proc/{task}/comm", encoding="utf-8") as file:
                    names.add(file.read().strip())
        self.assertLessEqual({"portlogd", "poll t", "recv u", "conn t",
                              "status"}, names)

    def test_at_most_eight_at_one_time(self):
        daemon = self.serve()
        silent = [dial(self.path) for _ in range(16)]
        wait_for(lambda: daemon.threads("request") == 8)
        harness.watch(0.3, lambda: daemon.threads("request") <= 8)
        for client in silent:
            client.close()

    def test_while_all_ask_at_once_records_are_written(self):
        daemon = self.serve()
        asking = [subprocess.Popen(
            [PORTLOG, "status", "-j", "-w", "0.1", "-s", self.path],
            stdout=subprocess.DEVNULL) for _ in range(8)]
        try:
            for number in range(20):
                with daemon.tcp() as client:
                    client.sendall(b"%d\n" % number)
            wait_for(lambda: len(daemon.data(path=daemon.dir + "/log")) == 20)
        finally:
            for process in asking:
                process.kill()
                process.wait()

    def test_who_is_not_in_the_group_may_not_ask(self):
        harness.needs_root()
        directory = tempfile.mkdtemp(prefix="portlog-")
        self.addCleanup(shutil.rmtree, directory)
        adm = grp.getgrnam("adm").gr_gid
        os.chown(directory, 1, adm)
        os.chmod(directory, 0o2750)
        path = directory + "/status.sock"
        daemon = self.daemon(
            config=configured(tcp(), top=f'status_socket = "{path}";'),
            wrap=("setpriv", "--reuid=1", "--regid=1", "--clear-groups"),
            start=False)
        os.chown(daemon.dir, 1, 1)
        daemon.start()
        status = os.stat(path)
        self.assertEqual((status.st_gid, stat.S_IMODE(status.st_mode)),
                         (adm, 0o660))
        for groups, code in ((("--clear-groups",), 1),
                             ((f"--groups={adm}",), 0)):
            ran = subprocess.run(
                ["setpriv", "--reuid=65534", "--regid=65534", *groups,
                 os.path.abspath(PORTLOG), "status", "-s", path],
                capture_output=True, text=True, timeout=harness.PATIENCE,
                check=False)
            self.assertEqual(ran.returncode, code, ran)
        self.path = path
        self.status()  # as root

    def test_a_refusal_says_which_group_may(self):
        harness.needs_root()
        self.serve()
        ran = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
             os.path.abspath(PORTLOG), "status", "-s", self.path],
            capture_output=True, text=True, timeout=harness.PATIENCE,
            check=False)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("usermod -a -G adm", ran.stderr)


class Path(Case):
    """Where the socket is, and what is in its way."""

    def test_it_is_removed_at_the_end(self):
        daemon = self.serve()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o660)
        daemon.stop()
        self.assertFalse(os.path.lexists(self.path))

    def test_one_that_was_left_behind_is_replaced(self):
        daemon = self.serve()
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        with self.assertRaises(ConnectionRefusedError):
            dial(self.path)
        daemon.launch()
        self.status("-q")
        self.assertEqual(ask(self.path)[1]["pid"], daemon.process.pid)

    def test_a_second_daemon_says_so_and_serves_without(self):
        daemon = self.serve()
        second = self.daemon(config=configured(
            tcp(), top=f'status_socket = "{self.path}";'))
        second.wait_for_error("status socket: .*another process has it; "
                              "going on without")
        self.tcp(second).sendall(b"x\n")
        second.wait_for_data(1)
        second.stop()
        self.assertEqual(ask(self.path)[1]["pid"], daemon.process.pid)

    def test_the_path_of_another_is_not_removed(self):
        daemon = self.serve()
        os.unlink(self.path)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.path)
            daemon.stop()
            self.assertTrue(os.path.exists(self.path))

    def test_where_it_cannot_be_the_daemon_serves_without(self):
        daemon = self.serve(top='status_socket = "@DIR@/no/s";')
        daemon.wait_for_error("status socket: cannot listen on .*/no/s: No "
                              "such file or directory; going on without")
        self.tcp(daemon).sendall(b"x\n")
        wait_for(lambda: daemon.data(path=daemon.dir + "/log"))

    def test_without_its_directory_the_default_is_none(self):
        wrap = harness.namespaces("m", "mount -t tmpfs none /run")
        daemon = self.daemon(wrap=wrap, config=configured(tcp()))
        self.assertNotIn("status", daemon.errors())

    def test_the_default_where_its_directory_is(self):
        wrap = harness.namespaces(
            "m", "mount -t tmpfs none /run && mkdir /run/portlog")
        daemon = self.daemon(wrap=wrap, config=configured(tcp()))
        root = f"/proc/{daemon.process.pid}/root"
        self.assertIn("daemon", ask(root + "/run/portlog/status.sock")[1])

    def test_one_that_is_started_by_hand_has_none(self):
        wrap = harness.namespaces(
            "m", "mount -t tmpfs none /run && mkdir /run/portlog")
        daemon = self.daemon("-l", "tcp:0", wrap=wrap)
        root = f"/proc/{daemon.process.pid}/root"
        self.assertEqual(os.listdir(root + "/run/portlog"), [])

    def test_none(self):
        daemon = self.serve(top='status_socket = "";')
        self.assertNotIn("s", os.listdir(daemon.dir))

    def test_not_that_of_a_listener(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write('status_socket = "/tmp/portlog-x";\nlisteners = ( { '
                       'protocol = "unix-stream"; path = "/tmp/portlog-x"; '
                       '} );\n')
            file.flush()
            ran = harness.run("-t", "-c", file.name)
        self.assertEqual(ran.returncode, 78)
        self.assertIn(":1: status_socket: found the path of a listener",
                      ran.stderr)


class Command(Case):
    """portlog status."""

    def test_a_table(self):
        daemon = self.serve(tcp('name = "plant";'), udp())
        self.tcp(daemon).sendall(b"x\n" * 12345)
        wait_for(lambda: named(ask(self.path), "output")["records"] == 12345)
        lines = self.status().splitlines()
        self.assertRegex(lines[0], r"^serving, pid \d+, up \d+s since "
                         r"\d{4}-.*Z, 1 of 1024 connections, /")
        self.assertRegex(lines[1], r"^LISTENER +WHERE +RECORDS +BYTES ")
        self.assertRegex(lines[2], r"^plant +\S+:\d+ +12\.3k +24\.7k +\d+s +1/1024 ")
        self.assertRegex(lines[4], r"^OUTPUT +TYPE ")
        self.assertRegex(lines[5], r" ok$")

    def test_json_is_what_the_socket_says(self):
        self.serve()
        objects = [json.loads(line) for line in
                   self.status("-j").splitlines()]
        self.assertEqual([list(o) for o in objects],
                         [list(o) for o in ask(self.path)])

    def test_quiet(self):
        daemon = self.serve()
        self.assertEqual(self.status("-q"), "")
        daemon.stop()
        self.assertEqual(self.status("-q", code=1), "")
        self.assertIn("portlogd does not run", self.said)

    def test_again_and_again(self):
        self.serve()
        with subprocess.Popen([PORTLOG, "status", "-w", "0.1", "-s",
                               self.path], stdout=subprocess.PIPE,
                              text=True) as process:
            seen = [process.stdout.readline() for _ in range(20)]
            process.kill()
        self.assertGreater(sum(re.match("serving", s) is not None
                               for s in seen), 2)

    def test_it_waits_for_a_restart(self):
        daemon = self.serve()
        for number in (signal.SIGTERM, signal.SIGKILL):
            daemon.signal(number)
            daemon.wait()
            with subprocess.Popen([PORTLOG, "status", "-q", "-s",
                                   self.path]) as process:
                daemon.start()
                self.assertEqual(process.wait(harness.PATIENCE), 0)

    def test_an_answer_that_is_cut_is_none(self):
        self.path = tempfile.mkdtemp(prefix="portlog-") + "/s"
        self.addCleanup(shutil.rmtree, os.path.dirname(self.path))
        with socket.socket(socket.AF_UNIX) as fake:
            fake.bind(self.path)
            fake.listen()
            with subprocess.Popen([PORTLOG, "status", "-s", self.path],
                                  stderr=subprocess.PIPE,
                                  text=True) as process:
                with fake.accept()[0] as client:
                    client.recv(100)
                    client.sendall(b'{"portlog":"0.2.0","format":1}\n')
                self.assertIn("cut off", process.stderr.read())
            self.assertEqual(process.returncode, 1)

    def test_misuse(self):
        for arguments in (("-x",), ("-w", "0"), ("-w", "x"), ("extra",),
                          ("-j", "-q")):
            ran = portlog("status", *arguments)
            self.assertEqual(ran.returncode, 64, ran)


if __name__ == "__main__":
    harness.main(jobs=4)
