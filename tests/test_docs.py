# SPDX-License-Identifier: MIT
"""What users read is true: held to the table of settings and to the daemon."""
import os
import re
import tempfile
import unittest

from harness import TOP, main, portlog, run


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as file:
        return file.read()


def dump(text):
    """What -T makes of a configuration."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(text)
        file.flush()
        result = run("-T", "-c", file.name)
        if result.returncode != 0:
            raise AssertionError(result.stderr)
        return result.stdout


def settings():
    """The names of the table in src/config/options.c."""
    table = read("src", "config", "options.c")
    names = re.findall(r'(?:INTEGER|CHOICE|STRING)\("(\w+)"', table)
    names += re.findall(r'\.name = "(\w+)"', table)
    return set(names)


# An option without a letter, in the help.
LONG = re.compile(r"(?m)^ +--([\w-]+)")

# All kinds of listeners and outputs, so that every setting has a default.
EVERYTHING = """
listeners = ( { protocol = "tcp"; port = 1; }, { protocol = "udp"; port = 1; } );
outputs = ( { type = "stdout"; }, { type = "file"; path = "/tmp/x"; },
            { type = "syslog"; }, { type = "journal"; } );
"""


class Documents(unittest.TestCase):
    def test_the_table_has_the_settings_that_a_dump_shows(self):
        shown = set(re.findall(r"^\s*(\w+) =", dump(EVERYTHING), re.M))
        self.assertLessEqual(shown, settings())
        self.assertEqual(settings() - shown, {"interface"})

    def test_the_manual_has_every_setting(self):
        manual = read("man", "portlogd.conf.5")
        for name in settings():
            with self.subTest(setting=name):
                self.assertRegex(manual, rf"\.It Ic {name}\b")

    def test_the_manual_has_no_setting_that_is_not_there(self):
        for name in re.findall(r"^\.It Ic (\w+)",
                               read("man", "portlogd.conf.5"), re.M):
            with self.subTest(setting=name):
                self.assertIn(name, settings())

    def test_the_manual_tells_every_default_and_range(self):
        manual = re.sub(r"[ \t]+", " ", read("man", "portlogd.conf.5"))
        table = re.sub(r"[\s\\]+", " ", read("src", "config", "options.c"))
        rows = re.findall(
            r'INTEGER\("(\w+)", offsetof\([^)]*\), (\d+), (\w+), (\d+)\)',
            table)
        self.assertGreater(len(rows), 8)
        for name, _, most, initial in rows:
            item = re.search(rf"\.It Ic {name}\b.*?(?=\n\.It |\n\.El|\n\.S[hs])",
                             manual, re.S)
            with self.subTest(setting=name):
                self.assertIsNotNone(item)
                if most.isdigit():
                    self.assertIn(most, item.group())
                self.assertIn(initial, item.group())

    def test_the_shipped_configuration_has_every_setting(self):
        shipped = read("etc", "portlogd.conf")
        for name in settings():
            with self.subTest(setting=name):
                self.assertRegex(shipped, rf"(?m)^[#\s]*{name} = ")

    def test_the_shipped_configuration_is_the_default(self):
        self.assertEqual(dump(read("etc", "portlogd.conf")), dump("\n"))

    def test_the_shipped_configuration_is_valid_without_its_number_signs(self):
        text = re.sub(r"(?m)^(\s*)# ?(\s*(?:\w+ = |[{}()]).*)$", r"\1\2",
                      read("etc", "portlogd.conf"))
        self.assertNotEqual(dump(text), dump("\n"))

    def test_the_examples_of_the_readme_are_valid(self):
        examples = re.findall(r"```libconfig\n(.*?)```", read("README.md"),
                              re.S)
        self.assertGreaterEqual(len(examples), 4)
        for example in examples:
            with self.subTest(example=example):
                dump(example)

    def test_the_manual_has_every_option(self):
        manual = read("man", "portlogd.8")
        for option in re.findall(r"^  -(\w), --(\w+)", run("-h").stdout, re.M):
            with self.subTest(option=option):
                self.assertIn(f"-{option[1]}", manual)
                self.assertRegex(manual, rf"\.It Fl {option[0]}\b")
        for option in LONG.findall(run("-h").stdout):
            self.assertIn(f".It Fl -{option}\n", manual)

    def test_the_manual_of_the_companion_has_every_option(self):
        manual = read("man", "portlog.1")
        for command in ("send", "decode", "replay"):
            section = re.search(rf"\.Ss {command}\n.*?(?=\.Ss|\.Sh)", manual,
                                re.S).group()
            shown = portlog(command, "-h").stdout.decode()
            options = re.findall(r"^  -(\w)", shown, re.M)
            self.assertIn("h", options)
            for option in set(options) - {"h"}:
                with self.subTest(command=command, option=option):
                    self.assertRegex(section, rf"\.It Fl {option}\b")

    def test_the_completions_have_every_option(self):
        text = read("completions", "portlog")
        for command in ("send", "decode", "replay"):
            words = re.search(rf"{command}\) words='(.*)'", text).group(1)
            shown = portlog(command, "-h").stdout.decode()
            self.assertEqual(sorted(words.split()),
                             sorted(re.findall(r"^  (-\w)", shown, re.M)))
        for option in re.findall(r"^  (-\w), (--\w+)", run("-h").stdout, re.M):
            self.assertIn(" ".join(option), read("completions", "portlogd"))
        for option in LONG.findall(run("-h").stdout):
            self.assertRegex(read("completions", "portlogd"),
                             rf"\s--{option}\s")

    def test_the_readme_names_files_that_are_there(self):
        for target in re.findall(r"\]\(([^)#:]+)\)", read("README.md")):
            with self.subTest(target=target):
                self.assertTrue(os.path.exists(os.path.join(TOP, target)))


if __name__ == "__main__":
    main()
