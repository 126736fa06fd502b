# SPDX-License-Identifier: MIT
"""What other code could do inside the daemon, and what the daemon still can.

That nothing is refused which the daemon needs, all other tests prove: they run
it as it is, and fail where it says that it was refused something.
"""
import ctypes
import errno
import os
import resource
import signal
import socket
import subprocess
import tempfile
import unittest

import harness
from harness import Case, configured, main, tcp, to_file, udp, wait_for

INTRUDER = os.environ.get("INTRUDER", "tests/intruder.so")
# Those that only root may do, or not every kernel has.
NOT_EVERYWHERE = {"shadow", "packet", "raw", "namespace", "vsock", "alg",
                  "ring"}
BY_LANDLOCK = {"read", "shadow", "write", "create"}
BY_LANDLOCK_4 = {"connect", "bind"}


def landlock():
    """The version that the kernel has; 0: none."""
    return max(0, ctypes.CDLL(None).syscall(444, None, 0, 1))


@unittest.skipIf(harness.sanitized(), "a sanitizer cannot be confined")
class Confined(Case):
    def setUp(self):
        if not os.path.exists(INTRUDER):
            raise unittest.SkipTest(f"{INTRUDER} is missing")
        self.target = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(self.target.wait)
        self.addCleanup(self.target.kill)
        elsewhere = tempfile.TemporaryDirectory(prefix="elsewhere-")
        self.addCleanup(elsewhere.cleanup)
        self.file = elsewhere.name + "/file"
        with open(self.file, "w", encoding="ascii"):
            pass
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listening.close)

    def intruded(self, *listeners, top=""):
        """A daemon with another's code in it."""
        daemon = self.daemon(config=to_file(*listeners, path="@DIR@/logs/log",
                                            more="max_size = 65536; keep = 2;")
                             + top, start=False)
        os.mkdir(f"{daemon.dir}/logs")
        daemon.is_intruded = True
        daemon.env = {
            **os.environ, "LD_PRELOAD": os.path.abspath(INTRUDER),
            "INTRUDER_LOG": f"{daemon.dir}/intruder",
            "INTRUDER_FILE": self.file,
            "INTRUDER_PID": str(self.target.pid),
            "INTRUDER_PORT": str(self.listening.getsockname()[1])}
        daemon.start()
        return daemon

    def attempts(self, daemon, task=None):
        """Have a thread try; returns the error of each attempt by name."""
        path = f"{daemon.dir}/intruder"
        open(path, "w", encoding="ascii").close()
        harness.LIBC.tgkill(daemon.process.pid, task or daemon.process.pid,
                            signal.SIGUSR2)

        def look():
            with open(path, encoding="ascii") as file:
                text = file.read()
            return text.endswith("end 0\n") and {
                name: int(error) for name, error in
                map(str.split, text.splitlines()[:-1])}
        return wait_for(look, "the attempts")

    def refused(self):
        """What is refused here, and with which error."""
        errors = dict.fromkeys(self.unconfined, errno.ENOSYS)
        if not harness.knows("libseccomp"):
            errors = {}
        for names, version in (BY_LANDLOCK, 1), (BY_LANDLOCK_4, 4):
            for name in names:
                errors.pop(name, None)
                if landlock() >= version:
                    errors[name] = errno.EACCES
        return errors

    def look_at_unconfined(self):
        """What can be done without it: what cannot, proves nothing."""
        daemon = self.intruded(tcp(),
                               top="confine = false;\n")
        self.assertRegex(daemon.errors(), "not confined, as the setting")
        self.unconfined = {name for name, error
                           in self.attempts(daemon).items() if error == 0}
        daemon.stop()
        os.unlink(self.file + ".new")

    def test_each_thread_is_refused_what_it_does_not_need(self):
        self.look_at_unconfined()
        self.assertLessEqual(
            {"execve", "fork", "ptrace", "kill", "read", "write", "create",
             "connect", "bind", "netlink", "code", "dumpable"},
            self.unconfined)
        if os.geteuid() == 0:
            self.assertLessEqual({"shadow", "packet", "raw", "namespace"},
                                 self.unconfined)
        port = harness.free_port()
        daemon = self.intruded(tcp().replace("0", str(port)), udp())
        connection = self.tcp(daemon)
        connection.sendall(b"one\n")
        daemon.wait_for_data(1, path=f"{daemon.dir}/logs/log")
        refused = self.refused()
        self.assertTrue(refused, "neither Landlock nor seccomp")
        for task in map(int, os.listdir(f"/proc/{daemon.process.pid}/task")):
            found = self.attempts(daemon, task)
            for name, error in refused.items():
                if name in self.unconfined:
                    with self.subTest(name=name, task=task):
                        self.assertEqual(errno.errorcode.get(found[name]),
                                         errno.errorcode[error])
        self.told_once(daemon)
        self.serves(daemon, connection)

    def told_once(self, daemon):
        if not harness.knows("libseccomp"):
            return
        for name in ("execve", "ptrace", "kill", "socket", "mmap", "prctl",
                     "clone"):
            self.assertEqual(daemon.errors().count(
                f"refused the system call {name},"), 1, daemon.errors())

    def serves(self, daemon, connection):
        """It rotates, opens its file anew, tells and stops."""
        for _ in range(4):
            connection.sendall(60000 * b"x" + b"\n")
        log = f"{daemon.dir}/logs/log"
        wait_for(lambda: os.path.exists(log + ".2"), "the rotation")
        connection.sendall(b"last\n")
        wait_for(lambda: "last" in daemon.data(path=log), "the last record")
        os.rename(log, log + ".mine")
        daemon.signal(signal.SIGHUP)
        wait_for(lambda: os.path.exists(log), "a new file")
        daemon.counters()
        self.assertEqual(daemon.stop(), 0)


@unittest.skipIf(harness.sanitized(), "a sanitizer cannot be confined")
class Memory(Case):
    def has_dumped(self, top):
        """Whether a crash leaves a core."""
        daemon = self.daemon(config=configured(tcp(), top=top), start=False)
        daemon.cwd, daemon.exits = daemon.dir, -signal.SIGABRT
        soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        try:
            daemon.start()
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
        daemon.signal(signal.SIGABRT)
        status = os.waitpid(daemon.process.pid, 0)[1]
        daemon.process.returncode = -os.WTERMSIG(status)
        return os.WCOREDUMP(status)

    def test_a_crash_leaves_no_core(self):
        if not self.has_dumped("confine = false;"):
            self.skipTest("there are no cores here")
        self.assertFalse(self.has_dumped(""))


if __name__ == "__main__":
    main(jobs=4)
