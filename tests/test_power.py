# SPDX-License-Identifier: MIT
"""A power cut under load: what senders have a receipt for is on the disk.

The disk is a model of one with a cache: see volatile_disk.py.
"""
import contextlib
import glob
import os
import random
import shutil
import subprocess
import sys
import threading
import time
import unittest

import harness
import volatile_disk
from harness import Case, portlog

SENDERS = 4
CUTS = 5
LINES = 40


class Sender(threading.Thread):
    """Sends streams of some lines, and keeps those with a receipt."""

    def __init__(self, port, name):
        super().__init__(daemon=True)
        self.port, self.label = str(port), name
        self.receipts = []
        self.stopped = False

    def run(self):
        number = 0
        while not self.stopped:
            lines = [b"%s %d" % (self.label, number + i)
                     for i in range(LINES)]
            number += LINES
            if portlog("send", "127.0.0.1", self.port,
                       data=b"\n".join(lines) + b"\n").returncode == 0:
                self.receipts += lines


@unittest.skipUnless(os.geteuid() == 0, "needs root")
@unittest.skipUnless(os.path.exists("/dev/fuse"), "needs FUSE")
@unittest.skipUnless(shutil.which("mkfs.ext4"), "needs mkfs.ext4")
class PowerCuts(Case):
    def setUp(self):
        try:
            self.disk = volatile_disk.VolatileDisk()
        except (OSError, subprocess.CalledProcessError) as error:
            self.skipTest(f"no such disk here: {error}")
        self.addCleanup(self.disk.close)
        self.chance = random.Random(1)

    def start(self, settings):
        daemon = self.daemon(config=harness.to_file(
            harness.tcp(), path=self.disk.directory + "/log",
            more="keep_free = 0; max_size = 65536; keep = 900; " + settings))
        self.addCleanup(self.end_senders)
        self.senders = [Sender(daemon.port(), b"sender-%d" % i)
                        for i in range(SENDERS)]
        for sender in self.senders:
            sender.start()
        return daemon

    def end_senders(self):
        for sender in self.senders:
            sender.stopped = True
        for sender in self.senders:
            sender.join(harness.PATIENCE)

    def missing(self):
        """Cut the power: lines with a receipt that no file has then."""
        receipts = [line for s in self.senders for line in list(s.receipts)]
        found = self.disk.cut()
        try:
            logged = set()
            for path in glob.glob(found.directory + "/log*"):
                with open(path, "rb") as file:
                    logged |= {line.split(b" ", 4)[-1]
                               for line in file.read().split(b"\n")}
        finally:
            found.close()
        return len(receipts), [r for r in receipts if r not in logged]

    def check(self, settings):
        self.start(settings)
        receipts = 0
        for _ in range(CUTS):
            time.sleep(self.chance.random() / 2)
            receipts, missing = self.missing()
            self.assertEqual(missing, [])
        self.assertGreater(receipts, SENDERS * LINES)
        self.assertGreater(len(glob.glob(self.disk.directory + "/log.*")), 0)

    def test_receipt_keeps_what_has_a_receipt(self):
        self.check('sync = "receipt"; sync_interval = 0;')

    def test_always_keeps_what_has_a_receipt(self):
        self.check('sync = "always";')

    def test_none_does_not_which_shows_that_the_disk_forgets(self):
        self.start('sync = "none";')
        harness.wait_for(lambda: self.missing()[1],
                         "a receipt whose lines are gone")


def main():
    """In a mount namespace, so that no mount is left whatever ends us."""
    if os.geteuid() == 0 and "PORTLOG_MOUNTS" not in os.environ:
        with contextlib.suppress(OSError):
            os.execvpe("unshare", ["unshare", "-m", sys.executable,
                                   *sys.argv],
                       {**os.environ, "PORTLOG_MOUNTS": "own"})
    harness.main()


if __name__ == "__main__":
    main()
