# SPDX-License-Identifier: MIT
"""The programs have what configure has found against attacks."""
import os
import re
import shutil
import subprocess
import unittest

from harness import PORTLOG, PORTLOGD, main

MAKEFILE = os.path.join(os.path.dirname(PORTLOGD), "Makefile")

# What stands at the begin of functions that are called or jumped to.
LANDING = {
    "-fcf-protection=full": b"\xf3\x0f\x1e\xfa",         # endbr64
    "-mbranch-protection=standard": b"\x3f\x23\x03\xd5",  # paciasp
}


def hardening():
    """The flags with which configure has the programs built."""
    if not os.path.exists(MAKEFILE):
        return []
    with open(MAKEFILE, encoding="utf-8") as file:
        return " ".join(re.findall(r"(?m)^HARDENING_\w+ = (.*)",
                                   file.read())).split()


def readelf(*arguments):
    return subprocess.run(("readelf", "-W", *arguments), check=True,
                          capture_output=True, text=True).stdout


@unittest.skipUnless(hardening() and shutil.which("readelf"),
                     "no readelf, or built with --disable-hardening")
class Programs(unittest.TestCase):
    def each(self, flag):
        """The programs, if they are built with a flag."""
        if flag not in hardening():
            self.skipTest(f"built without {flag}")
        return PORTLOGD, PORTLOG

    def test_they_are_loaded_anywhere(self):
        for program in self.each("-pie"):
            self.assertRegex(readelf("-h", program), r"Type: +DYN ")
            self.assertNotIn("(TEXTREL)", readelf("-d", program))

    def test_the_table_of_functions_is_read_only(self):
        for program in self.each("-Wl,-z,relro"):
            self.assertIn("GNU_RELRO", readelf("-l", program))

    def test_all_functions_are_bound_at_start(self):
        for program in self.each("-Wl,-z,now"):
            self.assertRegex(readelf("-d", program),
                             r"\(FLAGS\) .*BIND_NOW|\(BIND_NOW\)")

    def test_no_stack_is_executable(self):
        for program in self.each("-Wl,-z,noexecstack"):
            self.assertRegex(readelf("-l", program), r"GNU_STACK .* RW +0x")

    def test_stacks_have_canaries(self):
        for program in self.each("-fstack-protector-strong"):
            self.assertIn("__stack_chk_fail",
                          readelf("--dyn-syms", program))

    def test_copies_are_checked(self):
        for program in self.each("-U_FORTIFY_SOURCE"):
            self.assertRegex(readelf("--dyn-syms", program),
                             r" __\w*printf_chk")

    def test_jumps_land_only_where_functions_begin(self):
        """Most functions are called by name alone, but for main()."""
        flags = sorted(set(hardening()) & set(LANDING))
        if not flags:
            self.skipTest("not on this machine")
        for program in self.each(flags[0]):
            with open(program, "rb") as file:
                self.assertGreater(file.read().count(LANDING[flags[0]]), 50)


if __name__ == "__main__":
    main()
