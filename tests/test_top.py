# SPDX-License-Identifier: MIT
"""portlog top, in a terminal of tmux."""
import os
import re
import shutil
import subprocess

import harness
from harness import PORTLOG, Case, portlog, wait_for

CONFIG = harness.to_file(
    harness.tcp('name = "in";'), more='name = "log";') + \
    'status_socket = "@DIR@/status";'


def has_ncurses():
    return b"ncurses" in subprocess.run(
        ["ldd", PORTLOG], stdout=subprocess.PIPE, check=False,
        timeout=harness.PATIENCE).stdout


class Terminal(Case):
    """tmux, with a server of its own for each test."""

    def setUp(self):
        if not has_ncurses():
            self.skipTest("built without ncurses")
        if not shutil.which("tmux"):
            self.skipTest("no tmux")
        self.server = self.daemon(config=CONFIG)
        self.socket = self.server.dir + "/status"

    def tmux(self, *arguments):
        return subprocess.run(
            ["tmux", "-f", "/dev/null", "-S", self.server.dir + "/tmux",
             *arguments], capture_output=True, text=True, check=False,
            timeout=harness.PATIENCE,
            env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout

    def start(self, width=80, height=24):
        self.tmux("new-session", "-d", "-x", str(width), "-y", str(height),
                  f"LC_ALL=C.UTF-8 '{os.path.abspath(PORTLOG)}' top -d 0.2 "
                  f"-s '{self.socket}' 2>'{self.server.dir}/said'")
        self.addCleanup(self.tmux, "kill-server")

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def wait_for(self, text, absent=False):
        try:
            return wait_for(lambda: (text in self.screen()) != absent, text)
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{self.screen()}") from None

    def keys(self, *keys):
        self.tmux("send-keys", *keys)


class Top(Terminal):
    def test_it_shows_listeners_outputs_and_peers(self):
        for size in ((80, 24), (200, 50)):
            with self.subTest(size=size):
                self.start(*size)
                with self.tcp(self.server) as connection:
                    connection.sendall(b"line\n" * 3)
                    self.wait_for(harness.name_of(connection))
                    lines = self.screen().splitlines()
                for begin in ("LISTENER", "in ", "OUTPUT", "log ", "PEER"):
                    self.assertTrue([line for line in lines
                                     if line.startswith(begin)], begin)
                self.assertLessEqual(max(map(len, lines)), size[0])
                self.keys("q")
                wait_for(lambda: not self.tmux("ls"), "its end")

    def test_a_smaller_terminal_shows_less_and_no_nonsense(self):
        self.start()
        self.wait_for("LISTENER")
        self.tmux("resize-window", "-x", "40", "-y", "6")
        self.wait_for("LAST MINUTE", absent=True)
        lines = self.screen().splitlines()
        self.assertTrue(lines[1].startswith("LISTENER"), lines)
        self.assertTrue(lines[2].startswith("in "), lines)
        self.tmux("resize-window", "-x", "3", "-y", "2")
        self.tmux("resize-window", "-x", "100", "-y", "20")
        self.wait_for("LAST MINUTE")

    def test_peers_are_filtered_and_sorted_by_keys(self):
        self.start()
        with self.tcp(self.server) as one, self.tcp(self.server) as other:
            one.sendall(b"x\n")
            other.sendall(b"x\n" * 100)
            names = [harness.name_of(c) for c in (one, other)]
            for name in names:
                self.wait_for(name)
            self.keys("s")
            self.wait_for("by bytes")
            wait_for(lambda: re.search(rf"(?s){names[1]}.*{names[0]}",
                                       self.screen()), "this order")
            self.keys("/")
            self.keys(*names[0].rsplit(":", 1)[1], "Enter")
            self.wait_for(names[1], absent=True)
            self.wait_for(names[0])
            self.keys("h")
            self.wait_for("this help")

    def test_a_daemon_that_is_gone_is_told_and_comes_back(self):
        self.start()
        self.wait_for("LISTENER")
        self.server.stop()
        self.wait_for("no answer: ")
        self.server.start()
        self.wait_for("no answer: ", absent=True)


class Without(Case):
    def test_what_is_no_terminal_gets_no_screen(self):
        daemon = self.daemon(config=CONFIG)
        ran = portlog("top", "-s", daemon.dir + "/status")
        self.assertEqual((ran.returncode, ran.stdout), (1, b""))
        self.assertIn(b"portlog status -w 2", ran.stderr)

    def test_wrong_options_are_told(self):
        for arguments in (["-d", "0"], ["-d", "x"], ["more"]):
            with self.subTest(arguments):
                self.assertEqual(portlog("top", *arguments).returncode, 64)


if __name__ == "__main__":
    harness.main(jobs=4)
