# SPDX-License-Identifier: MIT
"""The documents agree with the table of settings and with the daemon."""
import logging
import logging.handlers
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from harness import (INTERFACES, PORTLOG, PORTLOGD, TOP, Daemon, knows_systemd,
                     main, namespaces, portlog, run)


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
    names = re.findall(r'(?:INTEGER|CHOICE|STRING|NETWORKS)\("(\w+)"', table)
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
listeners = ( { protocol = "tcp"; port = 1; allow = [ "::/0" ];
                deny = [ "::1" ]; proxies = [ "::2" ]; }, { protocol = "udp"; port = 1; },
              { protocol = "tcp"; port = 4; tls = { certificate = "/c"; key = "/k";
                clients = "required"; authorities = "/a"; revoked = "/r";
                names = [ "a" ]; fingerprints = [ "sha256:%s" ]; }; },
              { protocol = "tcp"; port = 2; framing = "delimiter";
                delimiter = "."; },
              { protocol = "tcp"; port = 3; framing = "length";
                length_bytes = 2; },
              { protocol = "unix-stream"; path = "/nowhere/u"; group = "0"; } );
names = ( { address = "192.0.2.17"; name = "pump3"; } );
outputs = ( { type = "stdout"; }, { type = "file"; path = "/nowhere/x"; max_size = 65536; },
            { type = "syslog"; }, { type = "journal"; } );
""" % (64 * "0")


class Documents(unittest.TestCase):
    def test_the_table_has_the_settings_that_a_dump_shows(self):
        shown = set(re.findall(r"^\s*(\w+) =", dump(EVERYTHING), re.M))
        self.assertLessEqual(shown, settings())
        self.assertEqual(settings() - shown, {"interface", "groups"})

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
        self.assertGreater(len(rows), 7)
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

    def test_the_shipped_configuration_is_the_default_but_for_two_things(self):
        output = ('outputs = ( { type = "file"; '
                  'path = "/var/log/portlog/portlog.log"; } );')
        rates = "rate_records = 50000; rate_bytes = 20000000;"
        self.assertEqual(dump(read("etc", "portlogd.conf")),
                         dump(f"limits = {{ {rates} }};\n{output}"))

    def test_the_shipped_configuration_is_valid_without_its_number_signs(self):
        text = re.sub(r"(?m)^(\s*)# ?(\s*(?:\w+ = |[{}()]).*)$", r"\1\2",
                      read("etc", "portlogd.conf"))
        self.assertNotEqual(dump(text), dump("\n"))

    def test_the_examples_of_configurations_are_valid(self):
        readme = re.findall(r"```libconfig\n(.*?)```", read("README.md"), re.S)
        manual = [text for text in
                  re.findall(r"(?s)^\.Bd -literal.*?\n(.*?)^\.Ed",
                             read("man", "portlogd.conf.5"), re.M)
                  if re.search(r"(?m)^(listeners|outputs) = ", text)]
        self.assertGreaterEqual(len(readme), 1)
        self.assertGreaterEqual(len(manual), 5)
        for example in readme + manual:
            with self.subTest(example=example):
                dump(example.replace("\\e", "\\"))

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
        for command in ("send", "decode", "replay", "status", "who",
                        "metrics"):
            section = re.search(rf"\.Ss {command}\n.*?(?=\.Ss|\.Sh)", manual,
                                re.S).group()
            shown = portlog(command, "-h").stdout.decode()
            options = re.findall(r"^  -(\w)", shown, re.M)
            self.assertIn("h", options)
            for option in set(options) - {"h"}:
                with self.subTest(command=command, option=option):
                    self.assertRegex(section, rf"\.It Fl {option}\b")

    def test_help_fits_into_80_columns(self):
        for text in (run("-h").stdout, *(portlog(*command, "-h").stdout.decode()
                     for command in ((), ("send",), ("decode",), ("replay",),
                                     ("status",), ("who",), ("metrics",)))):
            self.assertTrue(text)
            # Where the configuration is, is as long as --prefix makes it.
            for line in re.sub(r"/\S+/portlogd\.conf", "/etc/portlogd.conf",
                               text).split("\n"):
                self.assertLessEqual(len(line), 80, line)

    def test_links_lead_somewhere_here_and_where_it_is_installed(self):
        makefile = read("Makefile.am")
        installed = set()
        for name in ("doc", "chart"):
            installed.update(re.search(rf"(?m)^dist_{name}_DATA = (.*)$",
                                       makefile).group(1).split())
        self.assertIn("SECURITY.md", installed)
        for page in ("README.md", "ARCHITECTURE.md", "SECURITY.md",
                     "systemd/README.md", "etc/python-lesson.md"):
            for target in re.findall(r"\]\(([^)#:]+)\)", read(page)):
                with self.subTest(page=page, target=target):
                    # Those of folders are installed elsewhere: words only.
                    self.assertNotIn("/", page)
                    self.assertIn(target, installed)
                    self.assertTrue(os.path.exists(os.path.join(TOP, target)))

    def test_files_that_the_readme_names_are_there(self):
        named = re.findall(r"`((?:etc|systemd|bench|man)/[\w.-]+)`",
                           read("README.md"))
        self.assertGreater(len(named), 3)
        for path in named:
            with self.subTest(path=path):
                self.assertTrue(os.path.exists(os.path.join(TOP, path)))


BUILD = os.path.dirname(os.path.abspath(PORTLOGD))


@unittest.skipUnless(os.path.exists(os.path.join(BUILD, "Makefile")),
                     "no Makefile beside portlogd")
class Installed(unittest.TestCase):
    """What make install writes."""

    def installed(self, *variables):
        directory = tempfile.TemporaryDirectory(prefix="portlog-")
        self.addCleanup(directory.cleanup)
        environment = {name: value for name, value in os.environ.items()
                       if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        made = subprocess.run(
            ["make", "-C", BUILD, "install-data", "DESTDIR=" + directory.name,
             "mandir=/man", "docdir=/doc", *variables], check=False,
            capture_output=True, timeout=60, env=environment)
        self.assertEqual(made.returncode, 0, made.stderr)
        return directory.name

    def test_manuals_have_the_paths_that_were_configured(self):
        root = self.installed("sysconfdir=/here/etc", "sbindir=/here/bin",
                              "logrotatedir=/here/rotate")
        pages = {page: read(root, "man", "man" + page[-1], page)
                 for page in ("portlog.1", "portlogd.8", "portlogd.conf.5")}
        for page in "portlogd.8", "portlogd.conf.5":
            self.assertIn(".It Pa /here/etc/portlogd.conf\n", pages[page])
        self.assertIn("--exec /here/bin/portlogd ", pages["portlogd.8"])
        for page, text in pages.items():
            self.assertNotRegex(text, r"(?<!/here)/etc/portlogd\.conf|"
                                r"/usr/sbin", page)


    def test_links_of_the_debian_package_lead_somewhere(self):
        root = self.installed("docdir=/debian/portlog/usr/share/doc/portlog")
        documents = os.path.join(root, "debian/portlog/usr/share/doc/portlog")
        rules = read("debian", "rules")
        recipe = re.search(r"(?m)^execute_after_dh_auto_install:\n((?:\t.*\n)+)",
                           rules).group(1)
        subprocess.run(["sh", "-ec", recipe], check=True, cwd=root)
        shutil.copy(os.path.join(TOP, "debian", "copyright"), documents)
        self.assertIn("dh_compress -X.md -XNEWS\n", rules)
        links = 0
        for page in ("README.md", "SECURITY.md"):
            for target in re.findall(r"\]\(([^)#:]+)\)", read(documents, page)):
                with self.subTest(page=page, target=target):
                    self.assertTrue(os.path.exists(
                        os.path.join(documents, target)))
                    links += 1
        self.assertGreater(links, 3)


class Commands(unittest.TestCase):
    """What README says to paste."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="portlog-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        os.symlink(os.path.abspath(PORTLOGD), self.path("portlogd"))
        os.symlink(os.path.abspath(PORTLOG), self.path("portlog"))

    def path(self, name):
        return os.path.join(self.directory, name)

    def shell(self, text, wrap=()):
        result = subprocess.run([*wrap, "bash", "-c", text], check=False,
                                cwd=self.directory, capture_output=True,
                                timeout=60, encoding="utf-8")
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def command(self, comment):
        """The one of "How to read a line" that has this comment."""
        line = re.search(rf"(?m)^ {{4}}(.*?) +# {comment}",
                         read("README.md"))
        return line.group(1)

    def save(self, name, *lines):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in lines))

    def test_the_first_minute_accounts_for_all_datagrams(self):
        block = re.search(r"```sh\n(.*?)```", read("README.md"),
                          re.S).group(1)
        self.assertIn("\nsleep 1\n", block)
        # Wait for what is expected: that it listens; that it has ended.
        block = block.replace("sleep 1\n", "until grep -q ':22B8 .* 0A ' "
                              "/proc/net/tcp6; do sleep 0.01; done\n")
        shown = self.shell(block + "wait $!\n", namespaces(
            "n", f"{INTERFACES} up lo"))
        for text in ("F hello, world", r"F a red \x1b[31malert\x1b[0m",
                     "E no newline here", "F temperature=21.5 °C"):
            self.assertIn(f" {text}\n", shown)
        with open(self.path("port.log"), encoding="utf-8") as file:
            log = file.read()
        lost = sum(map(int, re.findall(r"- \* lost datagrams=(\d+)", log)))
        self.assertGreater(lost, 0)
        self.assertEqual(log.count("F " + "x" * 200 + "\n") + lost, 40000)

    def test_lines_are_counted_by_host(self):
        self.save("port.log",
                  *(f"2026-01-01T00:00:00.000000Z tcp/1 {peer} {tag} a: b"
                    for peer, tag in (("192.0.2.7:1", "F"), ("[::1]:2", "P"),
                                      ("192.0.2.7:3", "E"), ("[::1]:2", "*"),
                                      ("-", "*"))))
        self.assertEqual(
            sorted(self.shell(self.command("lines of each peer")).split("\n")),
            ["", "1 [::1]", "2 192.0.2.7"])

    def test_a_listener_and_notes_are_told_from_data(self):
        lines = [f"2026-01-01T00:00:00.000000Z {listener} [::1]:2 {tag} {data}"
                 for listener, tag, data in (
                     ("tcp/1", "F", "udp/8888 [::1]:2 * closed"),
                     ("udp/8888", "F", "a"), ("tcp/1", "*", "closed"))]
        self.save("port.log", *lines)
        for comment, line in (("one listener", 1), ("all notes", 2)):
            self.assertEqual(self.shell(self.command(comment)),
                             lines[line] + "\n")
        self.assertEqual(
            self.shell(self.command("how many lines have data")), "2\n")

    @unittest.skipUnless(shutil.which("start-stop-daemon"),
                         "no start-stop-daemon")
    @unittest.skipUnless(knows_systemd(), "built without libsystemd")
    def test_start_stop_daemon_says_whether_portlogd_listens(self):
        command = re.search(r"(?s)# (start-stop-daemon --start.*?)\n\.Ed",
                            read("man", "portlogd.8")).group(1)
        command = (command.replace("\\e\n", "\\\n")
                   .replace("--chuid USER ", "")
                   .replace("-timeout 10", "-timeout 2")
                   .replace("/usr/sbin", self.directory)
                   .replace("/DIRECTORY", self.directory)
                   .replace("/run", self.directory))
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as taken:
            taken.bind(("::", 0))
            port = taken.getsockname()[1]
            self.shell("! " + command.replace("5140", str(port)))
            with open(self.path("port.err"), encoding="utf-8") as file:
                self.assertIn("Address already in use", file.read())
        self.shell(command.replace("5140", "0"))
        with open(self.path("port.err"), encoding="utf-8") as file:
            self.assertIn("listening on udp", file.read())
        with open(self.path("portlogd.pid"), encoding="ascii") as file:
            os.kill(int(file.read()), signal.SIGTERM)

    def test_python_logs_over_tcp_with_the_framing_that_the_readme_says(self):
        framing = re.search(r"SysLogHandler` over TCP.*framing = \"(\w+)\"",
                            read("README.md")).group(1)
        with Daemon(config='''listeners = ( { protocol = "tcp"; port = 0;
                    framing = "%s"; } );''' % framing) as daemon:
            handler = logging.handlers.SysLogHandler(
                ("127.0.0.1", daemon.port()), socktype=socket.SOCK_STREAM)
            for message in "one", "two\nlines":
                handler.emit(logging.makeLogRecord({"msg": message}))
            handler.close()
            self.assertEqual(daemon.wait_for_data(2),
                             ["<12>one", "<12>two\\nlines"])
            self.assertEqual([r.tag for r in daemon.records()][:2],
                             ["F", "F"])

    @unittest.skipUnless(shutil.which("jq"), "no jq")
    def test_jq_prints_no_null(self):
        with Daemon("-f", "json", "-l", "tcp:0") as daemon:
            sent = portlog("send", "127.0.0.1", str(daemon.port()),
                           data=b"a\n\n\xff\n")
            self.assertEqual(sent.returncode, 0)
            shutil.copyfile(daemon.out, self.path("port.json"))
        commands = re.findall(r"(?m)^ {4}(jq .*?port\.json)",
                              read("README.md"))
        self.assertEqual(len(commands), 2)
        shown = [self.shell(command.replace("192.0.2.7", "127.0.0.1"))
                 for command in commands]
        self.assertEqual(shown, ["5\n", '"a"\n""\n"/w=="\n'])


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
