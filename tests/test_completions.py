# SPDX-License-Identifier: MIT
"""Completion in bash, zsh and fish: every option, and what an option takes."""
import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import unittest

import harness
from harness import TOP, main, portlog, run

COMMANDS = ("send", "decode", "replay", "status", "who", "top",
            "metrics", "check")
DIRECTORY = os.path.join(TOP, "completions")


def read(name):
    with open(os.path.join(DIRECTORY, name), encoding="utf-8") as file:
        return file.read()


def options(text):
    """The options in a help: "-l", "--listen", "-u", ..."""
    lines = re.findall(r"(?m)^ +(?:(-\w), )?(--[\w-]+)|^  (-\w)\b", text)
    return {option for line in lines for option in line if option}


def options_of(command):
    return options(portlog(command, "-h").stdout.decode())


def has(shell):
    return unittest.skipUnless(shutil.which(shell), f"no {shell}")


def output(*arguments):
    return subprocess.run(arguments, check=True, capture_output=True,
                          timeout=harness.PATIENCE, encoding="utf-8").stdout


def bash(*words):
    """What bash offers for the last of these words."""
    script = (f'. {DIRECTORY}/{words[0]}; compopt() {{ :; }}; COMP_WORDS=("$@")'
              f'; COMP_CWORD=$(($# - 1)); _{words[0]}; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    return output("bash", "-c", script, "bash", *words).split()


def fish(text):
    """What fish offers at the end of a text."""
    shown = output("fish", "-c", f"""
        source {DIRECTORY}/portlog.fish; source {DIRECTORY}/portlogd.fish
        complete -C '{text}'""")
    return [line.split("\t")[0] for line in shown.splitlines()]


class Options(unittest.TestCase):
    """Those that the help has, and no others."""

    def test_the_help_is_understood(self):
        self.assertLessEqual({"-c", "--config", "--keep-low-ports", "-V"},
                             options(run("-h").stdout))
        self.assertEqual(options_of("replay"),
                         {"-u", "-s", "-f", "-g", "--max-gap", "--tls",
                          "--ca", "--cert", "--key", "-h"})

    @has("bash")
    def test_bash(self):
        self.assertEqual(set(bash("portlogd", "-")),
                         options(run("-h").stdout) | {"--test=full"})
        for command in COMMANDS:
            self.assertEqual(set(bash("portlog", command, "-")),
                             options_of(command))

    def test_zsh(self):
        def found(text):
            words = re.findall(r"\{((?:-[\w-]+,?)+)\}|(?<=[')*])(-[\w-]+)\[",
                               text)
            return {option for braces, alone in words
                    for option in (braces or alone).split(",")}
        self.assertEqual(found(read("_portlogd")), options(run("-h").stdout))
        text = read("_portlog")
        tls = re.search(r"(?s)-a tls=\((.*?)\)\n", text).group(1)
        for command in COMMANDS:
            part = re.search(rf"(?s)\t{command}\)\n(.*?);;", text).group(1)
            self.assertIn("$help", part)
            self.assertEqual(found(part.replace("$tls", tls)) | {"-h"},
                             options_of(command))

    @has("fish")
    def test_fish(self):
        def offered(text):
            return set(fish(text + "-")) | set(fish(text + "--"))
        self.assertEqual(offered("portlogd "), options(run("-h").stdout))
        for command in COMMANDS:
            self.assertEqual(offered(f"portlog {command} ") - {"--help"},
                             options_of(command))


class Terminal:
    """A shell on a terminal, with commands that print their arguments."""

    def __init__(self, *shell):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="dumb", PS1="> ", LC_ALL="C")
            os.execvp(shell[0], shell)
        self.shown = ""

    def wait_for(self, text):
        def look():
            if select.select([self.fd], [], [], 0)[0]:
                self.shown += os.read(self.fd, 65536).decode()
            return text in self.shown
        try:
            harness.wait_for(look, text)
        except AssertionError as error:
            raise AssertionError(f"{error}; there is {self.shown!r}") from None

    def type(self, text):
        self.shown = ""
        os.write(self.fd, text.encode())

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


class Typed(unittest.TestCase):
    """Lines with the tabulator key, as the shell runs them."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="portlog-")
        self.addCleanup(directory.cleanup)
        self.file = os.path.join(directory.name, "port.log")
        with open(self.file, "w", encoding="utf-8"):
            pass

    def shell(self, load, *command):
        terminal = Terminal(*command)
        self.addCleanup(terminal.close)
        terminal.wait_for("> ")
        terminal.type(load + "; portlog() { printf '<%s>' \"$@\"; echo; }; "
                      "portlogd() { portlog \"$@\"; }; echo rea''dy\n")
        terminal.wait_for("ready")
        return terminal

    def check(self, terminal):
        for typed, arguments in (
                ("portlogd -l t\t9", "<-l><tcp:9>"),
                (f"portlogd -c {self.file[:-2]}\t", f"<-c><{self.file}>"),
                ("portlogd -f j\t", "<-f><json>"),
                ("portlog rep\t-f oct\t", "<replay><-f><octet-counted>"),
                (f"portlog decode {self.file[:-2]}\t",
                 f"<decode><{self.file}>"),
                ("portlog send localh\t1", "<send><localhost><1>"),
                (f"portlog send --tls --ca {self.file[:-2]}\tlocalh\t1",
                 f"<send><--tls><--ca><{self.file}><localhost><1>"),
                (f"portlog replay {self.file[:-2]}\tlocalh\t1",
                 f"<replay><{self.file}><localhost><1>")):
            with self.subTest(typed=typed):
                terminal.type(typed + "\n")
                terminal.wait_for(arguments + "\r\n")
                self.assertNotIn("\\", terminal.shown)

    @has("bash")
    def test_bash(self):
        hosts = os.path.dirname(self.file) + "/hosts"
        with open(hosts, "w", encoding="utf-8") as file:
            file.write("127.0.0.1 localhost\n")
        self.check(self.shell(
            f". {DIRECTORY}/portlog; . {DIRECTORY}/portlogd; HOSTFILE={hosts}",
            "bash", "--norc", "-i"))

    @has("zsh")
    def test_zsh(self):
        self.check(self.shell(
            f"fpath=({DIRECTORY} $fpath); autoload -U compinit; "
            "compinit -u -D; zstyle ':completion:*' hosts localhost",
            "zsh", "-f", "-i"))


@has("fish")
class Fish(unittest.TestCase):
    def test_what_an_option_takes(self):
        self.assertEqual(fish("portlogd -l t"), ["tcp:"])
        self.assertEqual(fish("portlogd -f "), ["json", "raw", "text"])
        self.assertEqual(fish("portlog replay -f n"), ["none", "nul"])
        self.assertEqual(fish("portlog "), ["check", "decode", "metrics",
                                             "replay", "send", "status",
                                             "tail", "top", "who"])

    def test_files_and_hosts(self):
        for text, is_file in (("portlogd ", False), ("portlogd -c ", True),
                              ("portlog send ", False),
                              ("portlog send --ca ", True),
                              ("portlog decode ", True),
                              ("portlog replay ", True)):
            with self.subTest(text=text):
                self.assertEqual(f"{DIRECTORY}/" in fish(
                    text + DIRECTORY[:-1]), is_file)
        self.assertEqual(read("portlog.fish").count("__fish_print_hostnames"),
                         2)


if __name__ == "__main__":
    main(jobs=2)
