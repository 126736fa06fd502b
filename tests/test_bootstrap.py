# SPDX-License-Identifier: MIT
"""./bootstrap where packages are missing, with programs of this test's own."""
import os
import shutil
import subprocess
import tempfile
import unittest

import harness

LINE = "apt-get update && apt-get install -y --no-install-recommends "


class Bootstrap(unittest.TestCase):
    """It ends where it can install nothing, with the line that would."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="portlog-")
        self.addCleanup(directory.cleanup)
        self.dir = directory.name
        self.bin = os.path.join(self.dir, "bin")
        os.mkdir(self.bin)
        shutil.copy(os.path.join(harness.TOP, "bootstrap"), self.dir)
        for name in ("dirname", "grep", "env"):
            os.symlink(shutil.which(name), os.path.join(self.bin, name))
        # None of the packages is there but this one.
        self.program("dpkg-query",
                     'case $* in *" make") echo install ok installed ;; esac')
        # What comes after it was not stopped.
        for name in ("autoreconf", "make"):
            self.program(name, f"echo {name}")

    def program(self, name, script):
        path = os.path.join(self.bin, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\n{script}\n")
        os.chmod(path, 0o755)

    def run_as(self, user):
        self.program("id", f"echo {user}")
        return subprocess.run(["/bin/sh", "./bootstrap"], cwd=self.dir,
                              env={"PATH": self.bin}, capture_output=True,
                              universal_newlines=True, check=False,
                              timeout=harness.PATIENCE)

    def stops(self, result, reason, said=""):
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(result.stdout, said)
        *_, told, line = result.stderr.splitlines()
        self.assertEqual(told, f"bootstrap: {reason}; run this as root:")
        self.assertTrue(line.startswith(LINE), line)
        packages = line[len(LINE):].split()
        self.assertIn("libconfig-dev", packages)
        self.assertNotIn("make", packages)

    def test_a_user_without_sudo_is_told_what_to_run(self):
        self.stops(self.run_as(1000),
                   "packages are missing, and there is no sudo")

    def test_a_user_who_may_not_use_sudo_is_told_what_to_run(self):
        self.program("sudo", "exit 1")
        self.stops(self.run_as(1000), "the packages could not be installed")

    def test_packages_that_cannot_be_had_end_it(self):
        self.program("apt-get", 'echo "$1"; exit 100')
        self.stops(self.run_as(0), "the packages could not be installed",
                   "install\nupdate\n")
        self.program("apt-get", 'echo "$1"; test "$1" = update')
        self.stops(self.run_as(0), "the packages could not be installed",
                   "install\nupdate\ninstall\n")

    def test_it_goes_on_once_they_are_there(self):
        self.program("apt-get", 'echo "$1"; test "$1" = update || '
                     'test -e here || { : >here; exit 100; }')
        self.program("autoreconf", "echo echo configure >configure; "
                     "echo autoreconf; exec /bin/chmod +x configure")
        self.program("nproc", "echo 1")
        result = self.run_as(0)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.splitlines(), [
            "install", "update", "install", "autoreconf", "configure", "make"])


if __name__ == "__main__":
    harness.main()
