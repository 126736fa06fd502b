# SPDX-License-Identifier: MIT
"""The documents agree with the table of settings and with the daemon."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import TOP, main, portlog, run


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as file:
        return file.read()


def dump(text):
    """The output of -T for a configuration."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(text)
        file.flush()
        result = run("-T", "-c", file.name)
        if result.returncode != 0:
            raise AssertionError(result.stderr)
        return result.stdout


def settings():
    """The names in the table of src/config/options.c."""
    table = read("src", "config", "options.c")
    names = re.findall(r'(?:INTEGER|CHOICE|STRING)\("(\w+)"', table)
    names += re.findall(r'\.name = "(\w+)"', table)
    return set(names)


def version():
    """The version in configure.ac, which all others must equal."""
    return re.search(r"^AC_INIT\(\[portlog\], \[([\d.]+)\]\)",
                     read("configure.ac"), re.M).group(1)


# The heading of a release in NEWS.
RELEASE = re.compile(r"(?m)^portlog (\d+\.\d+\.\d+), "
                     r"(unreleased|\d{4}-\d\d-\d\d)$")

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


class Version(unittest.TestCase):
    """The version is set in configure.ac."""

    def test_the_programs_print_it(self):
        self.assertEqual(run("-V").stdout, f"portlogd {version()}\n")
        self.assertEqual(portlog("-V").stdout.decode(),
                         f"portlog {version()}\n")

    def test_the_newest_release_of_news_has_it(self):
        self.assertEqual(RELEASE.match(read("NEWS")).group(1), version())

    def test_the_newest_release_of_the_debian_package_has_it(self):
        changelog = read("debian", "changelog")
        self.assertEqual(re.match(r"portlog \((.*?)\) ", changelog).group(1),
                         version())

    def test_no_document_repeats_it(self):
        # All measurements are of one version.
        results = re.compile(r"<!-- results -->.*?<!-- end of results -->",
                             re.S)
        number = re.compile(rf"(?<![\d.]){re.escape(version())}(?![\d.]*\d)")
        for path in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md",
                     "SECURITY.md", "Makefile.am", "etc/Dockerfile",
                     "tests/README.md", "fuzz/README.md", "systemd/README.md",
                     "man/portlog.1", "man/portlogd.8",
                     "man/portlogd.conf.5", "debian/control", "debian/rules"):
            with self.subTest(path=path):
                self.assertNotRegex(results.sub("", read(path)), number)


class News(unittest.TestCase):
    """NEWS is by release: added, changed, fixed."""

    def test_releases_go_from_the_newest_to_the_oldest(self):
        releases = RELEASE.findall(read("NEWS"))
        numbers = [[int(part) for part in number.split(".")]
                   for number, _ in releases]
        self.assertEqual(numbers, sorted(numbers, reverse=True))
        dates = [date for _, date in releases]
        self.assertNotIn("unreleased", dates[1:])
        dates = [date for date in dates if date != "unreleased"]
        self.assertEqual(dates, sorted(dates, reverse=True))

    def test_a_release_has_headings_and_each_of_them_has_entries(self):
        order = ["Added", "Changed", "Fixed"]
        for text in RELEASE.split(read("NEWS"))[3::3]:
            parts = re.split(r"(?m)^(\w+)$", text)
            headings, lists = parts[1::2], parts[2::2]
            self.assertTrue(headings)
            self.assertEqual(headings,
                             [name for name in order if name in headings])
            for heading, entries in zip(headings, lists):
                with self.subTest(heading=heading):
                    self.assertRegex(entries, r"\A\n\n(- [A-Za-z]"
                                     r"([^\n]*\n  (?=\S))*[^\n]*[.]\n)+\n*\Z")

    def test_lines_are_at_most_80_columns_wide(self):
        for line in read("NEWS").split("\n"):
            self.assertLessEqual(len(line), 80, line)


class Maintainer(unittest.TestCase):
    def named(self, directory):
        """The maintainer of the package and of its newest release."""
        control = read(directory, "control")
        changelog = read(directory, "changelog")
        return (re.search(r"(?m)^Maintainer: (.*)$", control).group(1),
                re.search(r"(?m)^ -- (.*?)  \w", changelog).group(1))

    def test_the_package_and_its_newest_release_name_the_same(self):
        package, release = self.named("debian")
        self.assertEqual(package, release)

    def test_no_other_file_has_the_address(self):
        address = re.search(r"<(.*)>", self.named("debian")[0]).group(1)
        for path in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "NEWS",
                     "configure.ac", "debian/copyright"):
            with self.subTest(path=path):
                self.assertNotIn(address, read(path))

    @unittest.skipUnless(".invalid>" in read("debian", "control"),
                         "the maintainer was named")
    def test_the_command_of_contributing_md_replaces_it(self):
        command = re.search(r"(?m)^ {4}(sed .*)$",
                            read("CONTRIBUTING.md")).group(1)
        self.assertIn("NAME <ADDRESS>", command)
        with tempfile.TemporaryDirectory() as directory:
            copy = os.path.join(directory, "debian")
            os.mkdir(copy)
            for name in ("changelog", "control", "copyright", "rules"):
                shutil.copyfile(os.path.join(TOP, "debian", name),
                                os.path.join(copy, name))
            subprocess.run(
                command.replace("NAME <ADDRESS>", "Jo Doe <jo@example.org>"),
                shell=True, check=True, cwd=directory)
            self.assertEqual(self.named(copy),
                             ("Jo Doe <jo@example.org>",) * 2)


if __name__ == "__main__":
    main()
