# SPDX-License-Identifier: MIT
"""The configuration: each setting; each error with file and line."""
import errno
import itertools
import os
import re
import socket
import tempfile
import unittest

import harness
from harness import run

# Every integer setting of the group limits: minimum, maximum, default.
LIMITS = {
    "max_record": (1, 1048576, 65536),
    "max_connections": (1, 1000000, 1024),
    "max_connections_per_source": (0, 1000000, 0),
    "idle_timeout": (0, 31536000, 0),
    "flush_timeout": (0, 86400000, 1000),
    "receive_buffer": (1, 1073741823, 8388608),
    "rate_records": (0, 2147483647, 0),
    "rate_bytes": (0, 2147483647, 0),
    "rate_burst": (1, 3600, 10),
    "source_prefix_v6": (1, 128, 64),
    "backlog": (1, 2147483647, 4096),
    "shutdown_timeout": (0, 86400, 5),
}

# Those that a listener may have too, and which of them its protocol uses.
OF_ALL = ("max_record", "rate_records", "rate_bytes", "rate_burst")
OF_TCP = (*OF_ALL, "max_connections", "max_connections_per_source",
          "idle_timeout", "flush_timeout")
OF_UDP = (*OF_ALL, "receive_buffer")
LISTENER = dict({name: LIMITS[name] for name in {*OF_TCP, *OF_UDP}},
                port=(0, 65535, None), admission_timeout=(3, 3600, 10),
                threads=(1, 64, 1))

# Numbers that libconfig 1.5 reads as another one, or as the maximum.
WRAPPED = ("4294967810", "70000000000", "99999999999999999999999",
           "0x1FFFFFFFF", "0xFFFFFFFF", "2147483648", "-2147483649",
           "-4294967290", "4294967810L", "70000000000L",
           "99999999999999999999999L", "0x1FFFFFFFFL",
           "-9223372036854775809L", "+4294967297")

# A value of a wrong type or form, and what the error says is expected.
INTEGER = r"an integer from \d+ to \d+"
NAME = "1 to 64 printable ASCII characters, no space"
ADDRESS = r'"\*" or a numeric IPv4 or IPv6 address'
MODE = "octal digits in quotes"
NAMES = r"names: \[ "
NETWORKS = "one or more networks: "
GROUPS = r"a list of groups: \( \{"
WRONG = {
    ("limits", "max_record"): (INTEGER, (
        '"5"', "5.0", "true", "( 5 )", "[ 5 ]", "{ }")),
    ("listener", "port"): (INTEGER, ('"514"', "514.5", "false", "( )")),
    ("listener", "protocol"): ('one of "tcp", "udp"', (
        '"TCP"', '"sctp"', '""', "6", "true", '[ "tcp" ]')),
    ("listener", "framing"): ('one of "line", "lf", "nul"', (
        '"crlf"', "1", '( "line" )')),
    ("listener", "connection_notes"): ('one of "none", "closed", "all"', (
        '"some"', "true", "0")),
    ("top", "connection_notes"): ('one of "none", "closed", "all"', (
        '"All"', "1")),
    ("listener", "address"): (ADDRESS, (
        '"localhost"', '"127.0.0.256"', '"127.1"', '"[::1]"', '""', "1",
        '"::1 "', '"127.0.0.1:80"')),
    ("listener", "name"): (NAME, (
        '"two words"', '""', '"' + 65 * "x" + '"', r'"a\nb"', r'"a\x07b"',
        '"é"', "1", "true", r'"tab\tbed"')),
    ("listener", "interface"): (NAME, ('"eth 0"', "0")),
    **{("listener", name): (NETWORKS, ('"10.0.0.0/8"', "8", "[ ]", "( )"))
       for name in ("allow", "deny", "proxies")},
    ("udp", "groups"): (r'names: \[ "\.\.\." \]', ('"239.1.2.3"', "5")),
    ("listener", "outputs"): (NAMES, ('"stdout"', "1", "{ }")),
    ("output", "type"): ('one of "stdout", "file", "syslog", "journal"', (
        '"stderr"', "1")),
    ("output", "format"): ('one of "text", "json", "raw"', (
        '"xml"', "true")),
    ("file", "mode"): (MODE, (
        "640", "0640", "0x1a0", '"0999"', '"rw-r-----"', '"1777"', '"07777"', '"64"', '""',
        '"0x1a0"', '" 640"', '"-640"')),
    ("file", "path"): ("the path of a file", ('""', "1")),
    ("output", "name"): ("a string that is not empty", ('""', "1")),
    ("syslog", "facility"): ('one of "kern", "user"', ('"local8"', "3")),
    ("syslog", "severity"): ('one of "emerg", "alert"', ('"error"', "6")),
    ("syslog", "ident"): (NAME, ('"my log"', "1")),
    ("top", "status_socket"): ("an absolute path of at most 107 bytes", (
        '"s"', "1", "true", '"/' + 107 * "x" + '"')),
    ("top", "listeners"): (GROUPS, ("1", '"tcp"', '{ protocol = "tcp"; }',
                                    "[ 1 ]")),
    ("top", "outputs"): (GROUPS, ("true", '{ type = "stdout"; }')),
    ("top", "limits"): (r"a group: \{", ("1", "( { } )", '"all"')),
}

# A place for a setting of each group, alone in its line.
PLACES = {
    "top": "\n{};\n",
    "limits": "limits = {{\n{};\n}};\n",
    "listener": 'listeners = ( {{ protocol = "tcp"; port = 0;\n{};\n }} );\n',
    "udp": 'listeners = ( {{ protocol = "udp"; port = 0;\n{};\n }} );\n',
    "output": 'outputs = ( {{ type = "stdout";\n{};\n }} );\n',
    "file": 'outputs = ( {{ type = "file"; path = "/nowhere/log";\n{};\n'
            ' }} );\n',
    "syslog": 'outputs = ( {{ type = "syslog";\n{};\n }} );\n',
}
# The same for a setting that is required.
REQUIRED = {
    "protocol": "listeners = ( {{ port = 0;\n{};\n }} );\n",
    "port": 'listeners = ( {{ protocol = "tcp";\n{};\n }} );\n',
    "type": "outputs = ( {{ name = \"x\";\n{};\n }} );\n",
    "path": 'outputs = ( {{ type = "file";\n{};\n }} );\n',
}

UNKNOWN = (
    ("top", "listener", "listeners"), ("top", "output", "outputs"),
    ("top", "limit", "limits"), ("top", "Limits", "limits"),
    ("top", "connection_note", "connection_notes"), ("top", "zzzzzzzz", None),
    ("limits", "max_records", "max_record"),
    ("limits", "max-connections", "max_connections"),
    ("limits", "idle_timout", "idle_timeout"),
    ("limits", "BACKLOG", "backlog"), ("limits", "shutdwn_timeout",
                                       "shutdown_timeout"),
    ("limits", "verbosity_of_the_log", None),
    ("listener", "adress", "address"), ("listener", "framin", "framing"),
    ("listener", "recieve_buffer", "receive_buffer"),
    ("listener", "iface", "interface"), ("listener", "backlog", None),
    ("listener", "q", None),
    ("output", "fromat", "format"), ("output", "paht", "path"),
    ("output", "facilty", "facility"), ("output", "severety", "severity"),
    ("output", "xyzzy_xyzzy", None),
)


class Case(unittest.TestCase):
    """A directory for configurations, and the checks of one."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="portlog-")
        self.addCleanup(directory.cleanup)
        self.dir = directory.name
        self.path = self.file("portlogd.conf")

    def file(self, name):
        return os.path.join(self.dir, name)

    def write(self, text, name="portlogd.conf"):
        path = self.file(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        mode = "wb" if isinstance(text, bytes) else "w"
        with open(path, mode) as file:
            file.write(text)
        return path

    def faults(self, text=None, **options):
        """The errors of a configuration: (line, text), or (file, ...)."""
        if text is not None:
            self.write(text)
        result = run("-t", "-c", self.path, **options)
        self.assertEqual((result.returncode, result.stdout), (78, ""),
                         result.stderr)
        self.assertEqual(result.stderr[-1:], "\n")
        found = []
        for line in result.stderr[:-1].split("\n"):
            match = re.match(r"(.*?\.conf):(\d+): (.+)\Z", line)
            self.assertTrue(match, f"not FILE:LINE: text: {line!r}")
            if match.group(1) == self.path:
                found.append((int(match.group(2)), match.group(3)))
            else:
                found.append((match.group(1), int(match.group(2)),
                              match.group(3)))
        return found

    def one_fault(self, text, line, pattern, **options):
        found = self.faults(text, **options)
        self.assertEqual([f[0] for f in found], [line], (text, found))
        self.assertRegex(found[0][1], pattern)
        return found[0][1]

    def dump(self, text=None):
        """The effective configuration."""
        if text is not None:
            self.write(text)
        result = run("-T", "-c", self.path)
        self.assertEqual((result.returncode, result.stderr), (0, ""), text)
        return result.stdout

    def settings(self, text):
        """Split a dump: the settings of limits, listeners, and the top."""
        dump = self.dump(text)
        groups = re.findall(r"\{(.*?)\}", dump, re.S)
        top = re.sub(r"\{.*?\}", "{}", dump, flags=re.S)
        return [dict(re.findall(r"^\s*(\w+) = (.*);$", group, re.M))
                for group in [*groups, top]]


class Integers(Case):
    """Each setting's range: its first and last value pass."""

    def test_the_table_of_this_test_has_every_integer_and_its_default(self):
        limits, tcp, udp, *_ = self.settings("")
        number = re.compile(r"-?\d+\Z")

        def integers(group):
            return {name: int(value) for name, value in group.items()
                    if number.match(value)}
        self.assertEqual(integers(limits),
                         {name: row[2] for name, row in LIMITS.items()})
        self.assertEqual(integers(tcp), dict(
            {name: LIMITS[name][2] for name in OF_TCP}, port=8888,
            admission_timeout=10))
        self.assertEqual(integers(udp), dict(
            {name: LIMITS[name][2] for name in OF_UDP}, port=8888, threads=1))

    def listener(self, protocol, values):
        lines = [f"    {name} = {value};" for name, value in values.items()]
        return "listeners = ( {{\n    protocol = \"{}\";\n{}\n}} );\n".format(
            protocol, "\n".join(lines))

    def limits(self, values):
        return "limits = {\n" + "".join(
            f"{name} = {value};\n" for name, value in values.items()) + "};\n"

    def test_the_least_and_the_most_of_each_limit_are_accepted(self):
        for end in (0, 1):
            wanted = {name: str(row[end]) for name, row in LIMITS.items()}
            self.assertEqual(self.settings(self.limits(wanted))[0], wanted)

    def test_the_least_and_the_most_of_each_of_a_listener_are_accepted(self):
        for end in (0, 1):
            for protocol, names in (("tcp", OF_TCP),
                                    ("udp", (*OF_UDP, "threads"))):
                wanted = {name: str(LISTENER[name][end])
                          for name in (*names, "port")}
                found = self.settings(
                    self.listener(protocol, wanted) +
                    "limits = { max_connections = 1000000; };")[1]
                self.assertEqual({n: found[n] for n in wanted}, wanted)

    def refused(self, text, table, values, first):
        """Each value is refused, with its line and what was expected."""
        found = self.faults(text)
        expected = [(first + i,
                     "{}: found {}, expected an integer from {} to {}".format(
                         name, values[name], *table[name][:2]))
                    for i, name in enumerate(values)]
        self.assertEqual(found, expected)

    def test_what_is_out_of_the_range_of_a_limit_is_refused(self):
        for end, step in ((0, -1), (1, 1)):
            values = {name: row[end] + step for name, row in LIMITS.items()}
            self.refused(self.limits(values), LIMITS, values, 2)

    def test_what_is_out_of_the_range_of_a_listener_is_refused(self):
        for end, step in ((0, -1), (1, 1)):
            for protocol, names in (("tcp", OF_TCP),
                                    ("udp", (*OF_UDP, "threads"))):
                values = {name: LISTENER[name][end] + step
                          for name in (*names, "port")}
                self.refused(self.listener(protocol, values), LISTENER,
                             values, 3)

    def test_what_libconfig_wraps_is_refused_as_it_was_written(self):
        text = "listeners = (\n" + ",\n".join(
            f'{{ protocol = "tcp"; port = {value}; }}'
            for value in WRAPPED) + "\n);\n"
        found = self.faults(text)
        self.assertEqual([line for line, _ in found],
                         list(range(2, 2 + len(WRAPPED))))
        for value, (_, said) in zip(WRAPPED, found):
            with self.subTest(value):
                self.assertRegex(
                    said, r"\Aport: found (\S+), expected an integer from 0 "
                    r"to 65535\Z")
                written = said.split()[2].rstrip(",")
                number = int(value.rstrip("L"), 0)
                self.assertEqual(int(written.rstrip("L"), 0), number)

    def test_every_limit_refuses_what_libconfig_wraps_into_its_range(self):
        values = {name: 4294967296 * 3 + row[0] + 1
                  for name, row in LIMITS.items()}
        self.refused(self.limits(values), LIMITS, values, 2)

    def test_long_and_hexadecimal_integers_in_range_are_accepted(self):
        for value, shown in (("0x10", "16"), ("514L", "514"), ("0XfFL", "255"),
                             ("+80", "80"), ("65535LL", "65535")):
            text = PLACES["listener"].replace("port = 0", f"port = {value}")
            self.assertEqual(
                self.settings(text.format('name = "x"'))[1]["port"], shown)

    def test_a_wrapped_integer_in_an_included_file_is_named_there(self):
        for name in ("limits.conf", "sub/limits.conf"):
            included = self.write("# limits\n\nbacklog = 4294967297;\n", name)
            found = self.faults('# one\nlimits = {\n@include "%s"\n'
                                'idle_timeout = -1;\n};\n' % name)
            self.assertIn((included, 3, "backlog: found 4294967297, expected "
                           "an integer from 1 to 2147483647"), found)
            self.assertEqual([f[0] for f in found if f[0] != included], [4])
            self.assertEqual(len(found), 2)

    def test_a_wrapped_integer_that_is_all_of_a_file_is_named_there(self):
        for value in ("4294976184", "70000000000"):
            included = self.write(f"\n{value}", "port.conf")
            self.assertEqual(
                self.faults('listeners = ( { protocol = "tcp"; port =\n'
                            '@include "port.conf"\n; } );\n'),
                [(included, 2, f"port: found {value}, expected an integer "
                  "from 0 to 65535")])

    def test_a_string_that_does_not_end_hides_no_integer(self):
        included = self.write('name = "a', "name.conf")
        text = "found a string without an end, expected a quotation mark on "\
            "the same line"
        self.assertEqual(
            self.faults('outputs = ( { type = "stdout";\n'
                        '@include "name.conf"\n"; } );\n'
                        "limits = { backlog = 4294967297; };\n"),
            [(included, 1, text), (3, text),
             (4, "backlog: found 4294967297, expected an integer from 1 to "
              "2147483647")])

    def test_a_zero_before_an_integer_is_refused_with_what_to_write(self):
        for value, right in (("0514", "514"), ("00", "0"), ("08", "8"),
                             ("0888", "888"), ("-07", "-7"), ("+05", "5"),
                             ("0514L", "514"), ("-00", "0"),
                             (50 * "0" + "514", "514")):
            self.one_fault(PLACES["listener"].replace(
                "= 0;", f"= {value};").format('name = "x"'), 1,
                "port: found " + re.escape(value) + ", expected it without "
                rf"the leading zero: write {right}\Z")

    def test_a_number_is_shown_as_it_was_written(self):
        for value in ("1e3", "5140.0", "1.5e+300"):
            self.one_fault(f"limits = {{ backlog =\n{value}; }};", 1,
                           "backlog: found " + re.escape(value) + ", expected")
        self.one_fault("listeners = (\n1e3 );", 2, "found 1e3, expected a group")

    def test_many_zeros_before_an_integer_are_not_all_shown(self):
        text = PLACES["listener"].replace("= 0", "= " + 70 * "0" + "%s")
        self.one_fault(text.format('name = "x"') % "514", 1,
                       r"port: found \.\.\.0+514, expected it without")
        self.one_fault(text.format('name = "x"') % "4294976184", 1,
                       r"port: found \.\.\.0+4294976184, expected an integer")

    def test_more_digits_than_any_integer_has_are_one_fault(self):
        for value in (20 * "9", 20 * "9" + "L", "9223372036854775808",
                      "0x" + 18 * "F", "0xFFFFFFFFFFFFFFFFL", "-" + 19 * "9"):
            self.one_fault(f"limits = {{ idle_timeout = {value}; }};", 1,
                           f"idle_timeout: found {value}, expected an integer "
                           "from 0 to 31536000")

    def test_the_other_faults_of_numbers_are_told_beside_such_a_one(self):
        found = self.faults(f"limits = {{ backlog = {20 * '9'};\n"
                            "idle_timeout = 08; };\n")
        self.assertEqual([line for line, _ in found], [1, 2])

    def test_one_that_libconfig_18_alone_knows_is_refused(self):
        for value in ("0b101", "0B11", "0o17", "0O7", "0q17", "0Q7L"):
            self.one_fault(f"limits = {{ idle_timeout = {value}; }};", 1,
                           f"idle_timeout: found {value}, expected a decimal "
                           "or hexadecimal integer")
        self.assertIn("idle_timeout = 0;", self.dump(
            "limits = { idle_timeout = 0backlog = 5 };"))

    def test_one_that_fits_no_array_of_others_is_one_fault(self):
        for value in ("99999999999", "99999999999L", "0x1FFFFFFFF"):
            self.one_fault(f"limits = {{ backlog = [ 1, {value} ]; }};", 1,
                           f"backlog: found {value}, expected an integer from "
                           "1 to 2147483647")

    def test_an_integer_ends_where_a_name_can_begin(self):
        for value in ("4294976184", "0x100002222"):
            self.one_fault(PLACES["listener"].replace(
                "= 0;", f"= {value}").format('name = "x"'), 1,
                f"port: found {value}, expected")

    def test_comments_and_strings_hold_no_integers(self):
        self.dump("""# 99999999999
            // port = 4294967810;
            /* port = 4294967810;
             * 70000000000 " */
            listeners = ( { protocol = "tcp"; # 70000000000 "
              port = 514; // 99999999999 /*
              name = "4294967810"; } ); /* 0x1FFFFFFFF */
            outputs = ( { type = "file"; path = "/a \\" 99999999999 # ";
              name = "70000000000"; } ); # 99999999999""")

    def test_lines_are_counted_through_comments_and_strings(self):
        self.one_fault('/* one\ntwo\nthree */ # four "\n'
                       'outputs = ( { type = "file"; path = "a /* \\" #"\n'
                       '"goes on"; } );\n'
                       "limits = { backlog\n=\n4294967297; };\n",
                       8, "backlog: found 4294967297")


class Values(Case):
    """Types and forms."""

    def place(self, group, name):
        if name in REQUIRED:
            return REQUIRED[name]
        return PLACES[group]

    def test_a_value_of_a_wrong_type_is_refused_with_what_is_expected(self):
        for (group, name), (expected, values) in WRONG.items():
            for value in values:
                with self.subTest(f"{group}: {name} = {value}"):
                    text = self.place(group, name).format(f"{name} = {value}")
                    line = 1 + text[:text.index(f"{name} = {value}")].count(
                        "\n")
                    said = self.one_fault(text, line, expected)
                    self.assertTrue(said.startswith(f"{name}: found "), said)

    def test_lists_hold_groups_only(self):
        for name in ("listeners", "outputs"):
            self.one_fault(f"{name} = (\n1 );\n", 2,
                           r"found 1, expected a group: \{")

    def test_an_output_name_is_a_string(self):
        self.one_fault(PLACES["listener"].format("outputs = ( 1 )"), 2,
                       "found 1, expected a name in quotes")

    def test_every_choice_is_accepted(self):
        for name, values in (
                ("facility", "kern user mail daemon auth syslog lpr news uucp "
                 "cron authpriv ftp local0 local1 local2 local3 local4 local5 "
                 "local6 local7"),
                ("severity", "emerg alert crit err warning notice info "
                 "debug")):
            for value in values.split():
                dump = self.dump(PLACES["syslog"].format(
                    f'{name} = "{value}"'))
                self.assertIn(f'{name} = "{value}";', dump)

    def test_addresses_and_names_are_accepted_as_they_are(self):
        for name, value in (
                ("address", "*"), ("address", "0.0.0.0"), ("address", "::"),
                ("address", "2001:db8::7"),
                ("address", "fe80::1%lo"), ("name", "x" * 64),
                ("name", "!~/[]"), ("interface", "lo")):
            group = self.settings(PLACES["listener"].format(
                f'{name} = "{value}"'))[1]
            self.assertEqual(group[name], f'"{value}"')

    def test_an_address_that_no_start_could_use_is_refused(self):
        group = 'a unicast address: a multicast group stands in "groups"'
        for protocol, address, expected in (
                ("udp", "224.0.1.187", group), ("udp", "239.255.255.255", group),
                ("udp", "ff02::1", group), ("udp", "ff02::1%lo", group),
                ("tcp", "224.0.0.1", "a unicast address for tcp"),
                ("tcp", "ff02::1%lo", "a unicast address for tcp"),
                ("tcp", "255.255.255.255", "a unicast address for tcp"),
                ("tcp", "fe80::1", 'it with its interface, such as "fe80:'),
                ("udp", "fe80::1", 'it with its interface, such as "fe80:'),
                ("udp", "fe80::1%none:such", "no interface can have that name")):
            self.one_fault(
                f'listeners = ( {{ protocol = "{protocol}"; port = 1;\n'
                f'address = "{address}"; }} );', 2,
                f'address: found "{address}", expected .*{expected}')

    def test_a_group_is_one_that_the_listener_can_receive_from(self):
        multicast = 'a multicast address, such as "239.1.2.3" or "ff15::514"'
        for settings, group, expected in (
                ("", "192.0.2.1", multicast), ("", "2001:db8::1", multicast),
                ("", "::ffff:239.1.2.3", multicast), ("", "x", multicast),
                ("", "", multicast), ("", "ff02::1%lo", "it without its zone"),
                ("", "ff15::514", '"interface" beside it: IPv6 has no route'),
                ('address = "0.0.0.0"; interface = "lo";', "ff15::514",
                 "an IPv4 group, for the address is IPv4"),
                ('address = "::"; interface = "lo";', "239.1.2.3",
                 "an IPv6 group, for the address is IPv6")):
            self.one_fault(
                f'listeners = ( {{ protocol = "udp"; port = 1; {settings}\n'
                f'groups = [ "{group}" ]; }} );', 2,
                f'groups: found "{group}", expected {expected}')

    def test_groups_need_udp_on_every_address_and_are_at_most_64(self):
        listener = 'listeners = ( {{ port = 1; groups = [ {} ];\n{} }} );'
        udp = 'protocol = "udp";'
        for groups, settings, expected in (
                ('"239.1.2.3"', udp + 'address = "192.0.2.1";',
                 r'address: found "192.0.2.1", expected "\*", "0.0.0.0" or '
                 '"::" beside "groups"'),):
            self.one_fault(listener.format(groups, settings), 2, expected)
        for groups, settings, expected in (
                ('"239.1.2.3"', 'protocol = "tcp";', 'found "groups", which '
                 "this protocol or framing has no use for"),
                ('"ff15::1", "ff15:0::1"', udp + 'interface = "lo";',
                 'groups: found "ff15:0::1" a second time'),
                ("5", udp, "found 5, expected a name in quotes"),
                (", ".join(f'"239.1.2.{n}"' for n in range(65)), udp,
                 "found 65 groups, expected at most 64")):
            self.one_fault(listener.format(groups, settings), 1, expected)
        for groups in ('"239.1.2.3", "ff15::1"', ""):
            self.dump(listener.format(groups, udp + 'interface = "lo";'))

    def test_the_path_and_the_group_of_a_unix_socket(self):
        text = ('listeners = ( {{ protocol = "unix-{}"; path =\n'
                '"{}"; {} }} );')
        absolute = "an absolute path of at most 107 bytes"
        for path, expected in (
                ("run/x", absolute), ("/" + 107 * "x", absolute),
                ("@x", "an absolute path: an abstract address has no mode"),
                ("/etc/passwd", "a path where there is no other file")):
            self.one_fault(text.format("stream", path, 'name = "x";'), 1,
                           f'path: found "{path[:100]}.*, expected {expected}')
        self.one_fault(text.format("stream", "/a b", ""), 1,
                       'missing setting "name": the path is none, for that '
                       "has 1 to 64 printable")
        self.one_fault(text.format("stream", "/" + 64 * "x", ""), 1,
                       'missing setting "name"')
        self.one_fault(text.format("stream", "/x", 'group = "no-such";'), 2,
                       'group: found "no-such", expected the name or number '
                       "of a group of this host")
        for setting in ("port = 1", 'address = "*"', 'interface = "lo"',
                        'allow = [ "::/0" ]', "receive_buffer = 1",
                        'groups = [ "239.1.2.3" ]', 'proxies = [ "::1" ]'):
            self.one_fault(
                text.format("stream", "/x", setting + ";"), 2, "which this "
                "protocol or framing has no use for")
        self.one_fault(text.format("datagram", "/x", "idle_timeout = 1;"), 2,
                       "no use for")
        self.one_fault(text.format("datagram", "/x", 'framing = "lf";'), 2,
                       'expected for unix-datagram one of "datagram", "exact"')
        self.one_fault('listeners = ( { protocol = "unix-stream"; } );', 1,
                       'missing setting "path"')
        self.one_fault('listeners = ( { protocol = "tcp"; port = 1;\n'
                       'path = "/x"; } );', 2, 'found "path", which')
        self.one_fault(
            'listeners = ( { protocol = "unix-stream"; path = "/x"; },\n'
            '{ protocol = "unix-datagram"; path = "//./x"; name = "y"; } );',
            2, 'a second listener on this path, the first, of "/x", is on '
            "line 1")
        for protocol in ("stream", "datagram"):
            dump = self.dump(text.format(protocol, "/" + 106 * "x",
                                         'name = "x"; group = "0";'))
            self.assertIn('mode = "0660";', dump)
        self.assertIn('name = "/run/x";', self.dump(
            text.format("stream", "/run/x", "")))

    def test_an_address_that_some_start_could_use_is_accepted(self):
        for settings in (
                'protocol = "udp"; address = "255.255.255.255";',
                'protocol = "udp"; address = "fe80::1"; interface = "lo";',
                'protocol = "tcp"; address = "fe80::1%lo";',
                'protocol = "tcp"; address = "fe80::1%nonesuch0";'):
            self.dump(f"listeners = ( {{ port = 1; {settings} }} );")

    def test_a_path_has_no_other_variables_than_these(self):
        text = 'outputs = ( {{ type = "file"; path = "{}"; }} );'
        for path in ("/var/log/%Y-%m-%d.log", "%{peer}", "%{listener}%H%%"):
            self.dump(text.format(path))
        for path in ("100%", "%y", "%{port}", "%{peer", "%%%"):
            self.one_fault(
                text.format(path), 1, r"expected only %\{peer\}, %\{name\}, %\{listener\}, "
                r'%Y, %m, %d, %H \(UTC\) and %% where it has a "%"')
        for path in "%{peer}/", "%Y/..":
            self.one_fault(text.format(path), 1, "expected the path of a file")
        self.one_fault(text.format("x" * 200 + "%{peer}"), 1,
                       "expected a shorter path")

    def test_what_a_path_begins_with_is_a_directory(self):
        text = 'outputs = ( { type = "file"; path = "@/%{peer}"; } );'
        self.one_fault(text.replace("@", "/dev/null"), 1,
                       'path: found "/dev/null/", which is no directory, '
                       'expected one before the first "%"')
        self.dump(text.replace("@", "/tmp"))

    def test_an_escaped_nul_is_refused_in_every_string(self):
        for group, name in (("file", "path"), ("output", "name"),
                            ("listener", "name"), ("listener", "address"),
                            ("syslog", "severity"), ("file", "mode")):
            for value in (r"/a\x00b", r"\X00", r"0640\x00"):
                self.one_fault(
                    self.place(group, name).format(f'{name} = "{value}"'), 2,
                    f"{name}: found an escaped NUL, expected text")

    def test_an_escape_that_libconfig_18_alone_knows_is_refused(self):
        for group, name in (("file", "path"), ("output", "name")):
            for letter in "abv":
                self.one_fault(
                    self.place(group, name).format(rf'{name} = "/x\{letter}y"'),
                    2, f'{name}: found a backslash before "{letter}", '
                    "expected two backslashes")
        self.assertIn(r'path = "/\\a";', self.dump(
            PLACES["file"].replace("/nowhere/log", r"/\\a").format('mode = "640"')))

    def test_a_comma_before_the_end_of_a_list_is_refused(self):
        for text in ('outputs = ( { type = "stdout"; },\n);',
                     'outputs = ( { type = "stdout"; }, # one\n/* , */);',
                     "listeners = (,\n);",
                     'listeners = ( { protocol = "tcp"; port = 1;\n'
                     'outputs = [ "stdout", ]; } );'):
            self.one_fault(text, 2, "found a comma before the end of a list")
        self.dump("limits = { backlog = 5, };")

    def test_a_byte_order_mark_is_skipped_at_the_beginning_of_a_file(self):
        good = b'\xef\xbb\xbflisteners = ( { protocol = "tcp"; port = 7; } );\n'
        self.write(good, "included.conf")
        for text in (good, b'\xef\xbb\xbf@include "included.conf"\n'):
            self.write(text)
            self.assertIn("port = 7;", self.dump())
        self.write(b"\xef\xbb\xbf\nnonsense = 1;\n")
        self.assertEqual([line for line, _ in self.faults()], [2])
        self.write(b"\n\xef\xbb\xbf# two files, one behind the other\n")
        self.assertEqual([line for line, _ in self.faults()], [2])

    def test_a_vertical_tab_is_no_space(self):
        self.one_fault("limits\n = \v { };", 2, "found a vertical tab")
        self.dump('# \v\noutputs = ( { type = "file"; path = "/\v"; } );')

    def test_modes_have_three_or_four_octal_digits(self):
        for value, shown in (("0640", "0640"), ("600", "0600"),
                             ("0000", "0000"), ("777", "0777")):
            self.assertIn(f'mode = "{shown}";', self.dump(
                PLACES["file"].format(f'mode = "{value}"')))

    def test_a_mode_without_quotes_is_told_to_have_them(self):
        for value in ("640", "0640", "0o640", "0x1a0"):
            self.one_fault(PLACES["file"].format(f"mode = {value}"), 2,
                           r'mode: found \S+, expected octal digits in quotes, '
                           r'such as "0640"')

    def test_framings_are_those_of_the_protocol(self):
        framings = {"tcp": ("line", "lf", "nul", "octet-counted", "chunk",
                            'delimiter"; delimiter = ";',
                            'length"; length_bytes = 1; name = "l'),
                    "udp": ("datagram", "exact", "line")}
        for protocol, fitting in framings.items():
            for framing in {*framings["tcp"], *framings["udp"]}:
                text = PLACES["listener"].replace("tcp", protocol).format(
                    f'framing = "{framing}"')
                name = framing.split('"')[0]
                with self.subTest(f"{protocol} {framing}"):
                    if framing in fitting:
                        self.assertIn(f'framing = "{name}";',
                                      self.dump(text))
                        continue
                    said = self.one_fault(
                        text, 2, f'framing: found "{name}", expected')
                    for other in fitting:
                        self.assertIn('"{}"'.format(other.split('"')[0]),
                                      said.split("expected")[1])

    def test_a_delimiter_is_1_to_8_bytes(self):
        def framed(value):
            return PLACES["listener"].format(
                f'framing = "delimiter"; delimiter = {value}')
        for value, shown in ((r'"\r"', r'"\\r"'), (r'"\\r"', r'"\\r"'),
                             (r'"\x1c\r"', r'"\\x1c\\r"'), ('"end"', '"end"'),
                             (r'"\\x00"', r'"\\x00"'), ('"€"', '"€"'),
                             (r'"\\\\"', r'"\\\\"'), (r'"\""', r'"\""'),
                             (r'"\\x00\\x01\\x02\\x03\\x04\\x05\\xfe\\xff"',
                              r'"\\x00\\x01\\x02\\x03\\x04\\x05\\xfe\\xff"')):
            with self.subTest(value):
                dump = self.dump(framed(value))
                self.assertIn(f"    delimiter = {shown};\n", dump)
                self.assertEqual(self.dump(dump), dump)
        for value in ('""', '"123456789"', r'"\\"', r'"\\q"', r'"\\x0"', "13",
                      r'"\\x0B"'):
            with self.subTest(value):
                self.one_fault(framed(value), 2,
                               "delimiter: found .*, expected 1 to 8 bytes")
        self.one_fault(framed(r'"\x00"'), 2, "expected two backslashes")

    def test_a_length_has_1_to_4_bytes(self):
        def framed(settings):
            return PLACES["listener"].format('framing = "length"; ' + settings)
        dump = self.dump(framed("length_bytes = 2"))
        for text in ('length_order = "big"', "length_includes_itself = false"):
            self.assertIn(text, dump)
        settings = ('length_bytes = 4;\n    length_order = "little";\n'
                    "    length_includes_itself = true")
        dump = self.dump(framed(settings))
        self.assertIn(settings, dump)
        self.assertEqual(self.dump(dump), dump)
        for value in (0, 5, '"2"'):
            self.one_fault(framed(f"length_bytes = {value}"), 2,
                           "expected an integer from 1 to 4")
        for value in (1, '"true"'):
            self.one_fault(framed("length_bytes = 1; "
                                  f"length_includes_itself = {value}"), 2,
                           "expected true or false")

    def test_a_listener_has_only_settings_of_its_framing(self):
        tcp, udp = PLACES["listener"], PLACES["listener"].replace("tcp", "udp")
        for place, setting in (
                (tcp, r'delimiter = "\r"'), (tcp, "length_bytes = 2"),
                (tcp, r'framing = "delimiter"; delimiter = "\r"; '
                      'length_order = "big"'),
                (udp, "length_includes_itself = true")):
            with self.subTest(setting):
                self.one_fault(place.format(setting), 2,
                               "which this protocol or framing has no use for")

    def test_a_listener_has_only_settings_of_its_protocol(self):
        only = {"tcp": {*OF_TCP} - {*OF_UDP} | {"connection_notes"},
                "udp": {*OF_UDP} - {*OF_TCP}}
        for protocol, others in (("tcp", only["udp"]), ("udp", only["tcp"])):
            for name in others:
                value = '"all"' if name == "connection_notes" else "1"
                self.one_fault(PLACES["listener"].replace(
                    "tcp", protocol).format(f"{name} = {value}"), 2,
                    f'found "{name}", which this protocol or framing has')
                self.dump(PLACES["top" if "notes" in name else "limits"]
                          .format(f"{name} = {value}"))

    def test_a_wrong_interface_does_not_make_the_address_wrong(self):
        self.one_fault(PLACES["listener"].format(
            'address = "fe80::1"; interface = "no name"'), 2, "interface: ")

    def test_an_output_has_only_settings_of_its_type(self):
        for group, name in (("output", "path"), ("output", "mode"),
                            ("output", "facility"), ("file", "severity"),
                            ("file", "ident"), ("syslog", "format"),
                            ("syslog", "path")):
            value = {"path": "/x", "mode": "600", "facility": "user",
                     "severity": "err", "format": "raw"}.get(name, "x")
            with self.subTest(f"{name} in {group}"):
                self.one_fault(PLACES[group].format(f'{name} = "{value}"'), 2,
                               f'found "{name}", which this type')


class Settings(Case):
    """Settings that are unknown, missing or given twice."""

    def test_an_unknown_setting_is_refused_with_the_nearest_name(self):
        for group, name, nearest in UNKNOWN:
            with self.subTest(f"{group}: {name}"):
                said = self.one_fault(
                    PLACES[group].format(f"{name} = 1"), 2,
                    f'\\Aunknown setting "{name}"')
                if nearest:
                    self.assertIn(f'did you mean "{nearest}"?', said)
                else:
                    self.assertNotIn("did you mean", said)

    def test_a_required_setting_that_is_missing_is_named(self):
        for text, name in (
                ('listeners = (\n{ port = 1; } );', "protocol"),
                ('listeners = (\n{ protocol = "udp"; } );', "port"),
                ('outputs = (\n{ name = "x"; } );', "type"),
                ('outputs = (\n{ type = "file"; } );', "path"),
                ('listeners = (\n{ protocol = "tcp"; port = 1; '
                 'framing = "delimiter"; } );', "delimiter"),
                ('listeners = (\n{ protocol = "tcp"; port = 1; '
                 'framing = "length"; } );', "length_bytes")):
            self.one_fault(text, 2, f'missing setting "{name}"')

    def test_all_required_settings_that_are_missing_are_named(self):
        found = self.faults("listeners = (\n{ } );\noutputs = (\n{ } );")
        self.assertEqual(found, [(2, 'missing setting "protocol"'),
                                 (2, 'missing setting "port"'),
                                 (4, 'missing setting "type"')])

    def test_an_empty_list_is_refused(self):
        for name in ("listeners", "outputs"):
            self.one_fault(f"\n{name} = ( );\n", 2,
                           f"{name}: found none, expected at least one")
        self.one_fault(PLACES["listener"].format("outputs = [ ]"), 2,
                       "no name in outputs, expected at least one")

    def listeners(self, *groups):
        return "listeners = (\n" + ",\n".join(
            "{ " + group + " }" for group in groups) + "\n);\n"

    def test_a_second_listener_on_the_same_port_is_refused(self):
        for first, second in (
                ("", ""), ('address = "::1";', 'address = "0:0:0:0:0:0:0:1";'),
                ("", 'address = "127.0.0.1";'), ('address = "::";', ""),
                ('interface = "lo";', 'interface = "lo";'),
                ("", 'interface = "lo";')):
            group = 'protocol = "tcp"; port = 514; '
            self.one_fault(
                self.listeners(group + first, 'protocol = "udp"; port = 514;',
                               group + second), 4,
                "second listener on this port and address, the first, of "
                r'"(\*|::1?)", is on line 2\Z')

    def test_the_first_of_two_may_stand_in_another_file(self):
        included = self.write('{ protocol = "tcp"; port = 514; },\n', "a.conf")
        self.one_fault('listeners = (\n@include "a.conf"\n'
                       '{ protocol = "tcp"; port = 514; } );\n', 3,
                       f"is on line 1 of {included}")

    def test_a_second_listener_of_one_name_is_refused(self):
        for first, second, name in (
                ("port = 1; name = \"x\";", "port = 2; name = \"x\";", "x"),
                ("port = 1;", "port = 2; name = \"tcp/1\";", "tcp/1"),
                ("port = 2; name = \"tcp/1\";", "port = 1;", "tcp/1"),
                ("port = 1; name = \"x/2\";", "port = 0; name = \"x/2\";",
                 "x/2")):
            with self.subTest(first):
                self.one_fault(
                    self.listeners(f'protocol = "tcp"; {first}',
                                   'protocol = "udp"; port = 1;',
                                   f'protocol = "tcp"; {second}'), 4,
                    f'second tcp listener "{name}", .*is on line 2\\Z')

    def test_a_range_of_ports_is_a_listener_for_each(self):
        dump = self.dump(self.listeners(
            'protocol = "tcp"; port = "5000-5002"; idle_timeout = 7; '
            'outputs = [ "a", "b" ];',
            'protocol = "udp"; port = "5000-5001"; name = "pump"; '
            'address = "127.0.0.1"; interface = "lo";',
            'protocol = "tcp"; port = "9-9";') +
            'outputs = ( { type = "stdout"; name = "a"; }, '
            '{ type = "file"; path = "/x"; name = "b"; } );')
        self.assertEqual(re.findall(r'port = (\d+);', dump),
                         ["5000", "5001", "5002", "5000", "5001", "9"])
        self.assertEqual(
            re.findall(r'(?<=name = ")[^"]+/\d+', dump),
            ["tcp/5000", "tcp/5001", "tcp/5002", "pump/5000", "pump/5001",
             "tcp/9"])
        self.assertEqual(dump.count("idle_timeout = 7;"), 3)
        self.assertEqual(dump.count('outputs = [ "a", "b" ];'), 3)
        self.assertEqual(dump.count('interface = "lo";'), 2)
        self.assertEqual(self.dump(dump), dump)

    def test_a_range_of_ports_that_is_none_is_refused(self):
        for value in ("5-4", "0-5", "5", "5-", "-5", "1-65536", "a-b", "5 - 6",
                      "5-6-7", "", "00000005-6"):
            self.one_fault(
                REQUIRED["port"].format(f'port = "{value}"'), 2,
                f'port: found "{value}", expected an integer from 0 to 65535, '
                "or a range")
        self.one_fault(self.listeners(
            'protocol = "tcp"; port = "5000-5010";',
            'protocol = "tcp"; port = 5005;'), 3, "second listener")
        self.one_fault(self.listeners(
            'protocol = "tcp"; port = 5010;',
            'protocol = "tcp"; port = "5000-5010";'), 3, "second listener")
        self.one_fault(self.listeners(
            'protocol = "tcp"; port = "5000-5010"; name = "x";',
            'protocol = "tcp"; port = 6000; name = "x/5005";'), 3,
            'second tcp listener "x/5005"')
        name = "n" * 59
        self.one_fault(self.listeners(
            f'protocol = "tcp"; port = "5000-5010"; name = "{name}";'), 2,
            "name: found .*expected at most 58 characters")
        self.dump(self.listeners(
            f'protocol = "tcp"; port = "5000-5100"; name = "{name[:58]}";'))

    def test_a_share_of_the_connections_is_no_more_than_all(self):
        group = 'protocol = "tcp"; port = 1;\nmax_connections = 2000;'
        self.one_fault(self.listeners(group), 3,
                       "max_connections: found 2000, expected at most 1024")
        self.dump(self.listeners(group) +
                  "limits = { max_connections = 2000; };")

    def test_listeners_that_differ_are_no_duplicates(self):
        self.dump(self.listeners(
            'protocol = "tcp"; port = 514;',
            'protocol = "udp"; port = 514;',
            'protocol = "tcp"; port = 515; address = "::";',
            'protocol = "tcp"; port = 515; address = "0.0.0.0";',
            'protocol = "tcp"; port = 516; address = "127.0.0.1";',
            'protocol = "tcp"; port = 516; address = "127.0.0.2";',
            'protocol = "tcp"; port = 516; address = "127.0.0.3"; '
            'name = "tcp/516";',
            'protocol = "tcp"; port = 518; name = "tcp";',
            'protocol = "tcp"; port = 519; name = "x/1";',
            'protocol = "udp"; port = 519; name = "x/1";',
            'protocol = "tcp"; port = 520; name = "x/2";',
            'protocol = "tcp"; port = 517; interface = "lo";',
            'protocol = "tcp"; port = 517; interface = "eth0";',
            'protocol = "tcp"; port = 0;', 'protocol = "tcp"; port = 0;'))

    def bind(self, kind, host, port):
        """A socket with the options of the daemon's."""
        family = socket.AF_INET if "." in host else socket.AF_INET6
        held = socket.socket(family, kind)
        self.addCleanup(held.close)
        if family == socket.AF_INET6:
            held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY,
                            host != "*")
        if kind == socket.SOCK_STREAM:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("::" if host == "*" else host, port))
        if kind == socket.SOCK_STREAM:
            held.listen(1)
        return held

    def kernel_refuses(self, kind, first, second):
        """Whether the second cannot be bound beside the first."""
        while True:
            with self.bind(kind, first, 0) as held:
                port = held.getsockname()[1]
                try:
                    self.bind(kind, second, port).close()
                    return False
                except OSError as error:
                    self.assertEqual(error.errno, errno.EADDRINUSE)
            try:
                self.bind(kind, second, port).close()
                return True
            except OSError as error:
                self.assertEqual(error.errno, errno.EADDRINUSE)

    def test_listeners_are_refused_as_the_kernel_would_refuse_them(self):
        harness.needs_ipv6()
        hosts = ("*", "::", "0.0.0.0", "::1", "127.0.0.1", "127.0.0.2")
        for protocol, kind in (("tcp", socket.SOCK_STREAM),
                               ("udp", socket.SOCK_DGRAM)):
            for first, second in itertools.product(hosts, hosts):
                with self.subTest(f"{protocol}: {first}, {second}"):
                    self.write(self.listeners(*(
                        f'protocol = "{protocol}"; port = 514; '
                        f'address = "{host}";' for host in (first, second))))
                    self.assertEqual(
                        run("-t", "-c", self.path).returncode,
                        78 if self.kernel_refuses(kind, first, second) else 0)

    def outputs(self, *groups):
        return self.listeners(*groups).replace("listeners", "outputs")

    def test_a_second_output_of_one_name_is_refused(self):
        for second in ('type = "syslog"; name = "stdout";',
                       'type = "file"; path = "stdout";'):
            self.one_fault(self.outputs('type = "stdout";', second), 3,
                           'second output "stdout"')

    def test_a_second_output_to_one_place_is_refused(self):
        self.one_fault(self.outputs(
            'type = "stdout";', 'type = "syslog";',
            'type = "stdout"; name = "b"; format = "raw";'), 4,
                       "second output to stdout, the first is on line 2")
        self.one_fault(self.outputs(
            'type = "file"; path = "/a/b"; name = "a";',
            'type = "file"; path = "/a//./b"; name = "b";'), 3,
                       "second output to /a//./b, the first is on line 2")

    def test_two_outputs_to_syslog_have_names_of_their_own(self):
        self.dump(self.outputs('type = "syslog"; name = "a";',
                               'type = "syslog"; facility = "user";'))

    def test_a_setting_twice_is_refused(self):
        self.one_fault("limits = { backlog = 1;\nbacklog = 2; };\n"
                       "nonsense = 1;\n", 2,
                       "found a setting that its group has already, expected "
                       "each once; the rest was not checked")

    def test_an_unknown_output_is_refused_with_the_nearest_name(self):
        text = ('outputs = ( { type = "stdout"; name = "everything"; },\n'
                '{ type = "syslog"; } );\n'
                'listeners = ( { protocol = "tcp"; port = 1;\n'
                'outputs = [ "syslog", %s ]; } );\n')
        said = self.one_fault(text % '"everythin"', 4,
                              'unknown output "everythin"')
        self.assertIn('"everything"', said)
        said = self.one_fault(text % '"qqqqqqqqqqq"', 4,
                              'unknown output "qqqqqqqqqqq"')
        self.assertNotIn("such as", said)

    def test_listeners_may_come_before_the_outputs_that_they_name(self):
        self.dump('listeners = ( { protocol = "tcp"; port = 1; '
                  'outputs = [ "x" ]; } );\n'
                  'outputs = ( { type = "stdout"; name = "x"; } );\n')

    def test_64_outputs_are_the_most(self):
        lines = [f'{{ type = "file"; path = "/{i}"; }}' for i in range(65)]
        self.dump("outputs = (\n" + ",\n".join(lines[:64]) + ");")
        self.one_fault("outputs = (\n" + ",\n".join(lines) + ");", 66,
                       "more outputs than 64")


class Faults(Case):
    """All errors are logged, in the order of their lines."""

    SEVERAL = """# 1
nonsense = 1;
limits = {
  max_record = 0;
  backlog = 4294967297;
  idle_timout = 5;
};
connection_notes = "loud";
outputs = (
  { type = "file"; path = "@DIR@/log"; mode = 640; },
  { ident = "two words"; type = "syslog"; },
  { type = "file"; }
);
listeners = (
  { protocol = "tcp"; port = 0; },
  { protocol = "udp"; port = 65536;
    framing = "chunk"; },
  { protocol = "tcp";
    outputs = [ "nonesuch" ]; }
);
"""
    LINES = [2, 4, 5, 6, 8, 10, 11, 12, 16, 17, 18, 19]

    def test_several_faults_are_all_told_in_the_order_of_lines(self):
        found = self.faults(self.SEVERAL)
        self.assertEqual([line for line, _ in found], self.LINES, found)

    def test_a_configuration_with_faults_starts_nothing(self):
        self.write(self.SEVERAL.replace("@DIR@", self.dir))
        checked = run("-t", "-c", self.path)
        started = run("-c", self.path)
        self.assertEqual((started.returncode, started.stdout), (78, ""))
        self.assertEqual(started.stderr, checked.stderr)
        self.assertEqual(os.listdir(self.dir), ["portlogd.conf"])

    def test_a_fault_in_a_group_does_not_hide_others_of_it(self):
        for text, told in (
                ('outputs = ( {\ntype = "file"; colour = 1; } );',
                 ((1, 'missing setting "path"'), (2, "colour"))),
                ('outputs = ( { type = "syslog";\npath = "/x";\ntypo = 1; });',
                 ((2, 'found "path", which this type'), (3, "typo"))),
                ('outputs = ( { type = "file"; path = "/x"; },\n'
                 '{ type = "file"; path = "/x";\ntypo = 1; } );',
                 ((2, "second output to /x"), (3, "typo"))),
                ('outputs = ( { type = "stdout"; },\n'
                 '{ type = "syslog"; name = "stdout";\ntypo = 1; } );',
                 ((2, 'second output "stdout"'), (3, "typo"))),
                ('listeners = ( { protocol = "tcp"; port = 1; typo = 1; },\n'
                 '{ protocol = "tcp"; port = 1; } );',
                 ((1, "typo"), (2, "second listener"))),
                ('listeners = ( { protocol = "tcp"; port = 1; },\n'
                 '{ protocol = "tcp"; port = 1;\nbacklog = 1; } );',
                 ((2, "second listener"), (3, "backlog")))):
            found = self.faults(text)
            self.assertEqual([f[0] for f in found], [t[0] for t in told], found)
            for (_, said), (_, pattern) in zip(found, told):
                self.assertRegex(said, pattern)

    def test_what_is_not_known_for_a_fault_makes_no_other(self):
        for text in ('outputs = ( { type = "stdot";\npath = "/x"; },'
                     '{ type = "stdout"; } );\nlisteners = ( '
                     '{ protocol = "tcp"; port = 1; outputs = [ "x" ]; } );',
                     'outputs = ( { type = "file"; path = 1; },'
                     '{ type = "file"; path = "file"; } );',
                     'outputs = ( { type = "stdout"; name = 1; },'
                     '{ type = "syslog"; name = "stdout"; } );',
                     'listeners = ( { protocol = "tpc"; port = 1; '
                     'framing = "exact"; }, { protocol = "tcp"; port = 1; } );',
                     'listeners = ( { protocol = "tcp"; port = 1; '
                     'address = "localhost"; }, '
                     '{ protocol = "tcp"; port = 1; } );',
                     'listeners = ( { protocol = "tcp"; port = 4294976184; },'
                     '{ protocol = "tcp"; port = 8888; } );'):
            self.one_fault(text, 1, "found ")

    def test_faults_that_share_a_line_are_all_told(self):
        found = self.faults('listeners = ( { protocol = "tcp"; port = 70000; }'
                            ', { protocol = "udp"; port = 80000; } );')
        self.assertEqual(
            found, [(1, f"port: found {n}, expected an integer from 0 to "
                     "65535") for n in (70000, 80000)])
        found = self.faults('listeners = ( { protocol = "tcp"; port = 65536; }'
                            ', { protocol = "udp"; port = 4294976184; }, '
                            '{ protocol = "udp"; port = 80000; } );')
        self.assertEqual(
            sorted(found),
            [(1, f"port: found {n}, expected an integer from 0 to 65535")
             for n in (4294976184, 65536, 80000)])

    def test_a_syntax_error_is_told_with_its_likely_cause(self):
        quotes = r"a value \(text stands in double quotes"
        comma = r'a comma or "\)" for the "\(" on line 1'
        group = r'NAME = VALUE; or "\}" for the "\{" on line 1'
        for text, line, found, expected in (
                ("a =\ntcp;\n", 2, '"tcp"', quotes),
                ("a =\n( tcp );\n", 2, '"tcp"', quotes),
                ("a =\n/var/log;\n", 2, '"/"', quotes),
                ("a =\n*;\n", 2, r'"\*"', quotes),
                ("a = 192.0\n.2.1;\n", 2, r'"\.2"',
                 r"NAME = VALUE; \(text stands in double quotes\)"),
                ("a =\n'tcp';\n", 2, "\"'\"", quotes + ", not in single ones"),
                ("a =\n\u201ctcp\u201d;\n", 2, r'"\\xe2"',
                 r"a value \(text stands in straight quotes\)"),
                ("a = ( { }\n{ } );\n", 2, r'"\{"', comma),
                ("a = ( { }\n; { } );\n", 2, '";"', comma),
                ("a = ( { }\nb = 1;\n", 2, '"b"', comma),
                ("a = ( { }, 1\n", 1, "the end of the file", comma),
                ("a = [ 1\n2 ];\n", 2, '"2"',
                 r'a comma or "\]" for the "\[" on line 1'),
                ("a = ( { b = 1;\n);\n", 2, r'"\)"', group),
                ("a = { b = 1,\n, };\n", 2, '","', group),
                ("a = {\nb = ", 2, "the end of the file", "a value"),
                ("a = 1;\nb = = 2;\n", 2, '"="', "a value"),
                ("a\n1;\n", 2, '"1"', '"=" and a value'),
                ("a:\n  - b: 1\n", 2, '"-"',
                 r"a value \(this is not YAML: lists are \( "),
                ("\n{ }", 2, r'"\{"', r"NAME = VALUE; \(this is not JSON"),
                ("a = [\n{ } ];", 2, r'"\{"',
                 r"a value \(a list of groups stands in parentheses\)"),
                ("\n\x01\n", 2, r'"\\x01"', "NAME = VALUE;"),
                ("a = 1;\n" + 50 * "b" + "\n", 2, "the end of the file",
                 '"=" and a value'),
                ("a = 1\n" + 99 * "(", 2, r'"\("', "NAME = VALUE;"),
                ("a =\n" + 99 * "(", 2, "the end of the file", "a value")):
            self.one_fault(text, line, rf"\Afound {found}, expected {expected}")

    def test_a_name_in_quotes_is_not_json(self):
        # libconfig 1.5 leaks the string.
        self.one_fault('\n"a": 1', 2, r'found "a", expected NAME = VALUE; '
                       r"\(this is not JSON: names have no quotes\)",
                       env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))

    def test_a_syntax_error_in_an_included_file_names_that_file(self):
        self.write("a =\ntcp;\n", "b.conf")
        self.assertEqual(self.faults('@include "b.conf"\n')[0][:2],
                         (self.file("b.conf"), 2))

    def test_a_syntax_error_is_told_with_its_line(self):
        for text, line in (("limits = {\n backlog = ;\n};\n", 2),
                           ('\n\nlisteners = ( { protocol = "tcp" ', 3),
                           ("a = 1;\nb = = 2;\n", 2), ("\n\x01\n", 2)):
            found = self.faults(text)
            self.assertEqual(len(found), 1, found)
            self.assertIn(found[0][0], (line, line + 1))
            self.assertIn(", expected ", found[0][1])

    def test_a_nul_byte_is_told_with_its_line(self):
        for text, line in ((b"\0", 1), (b"limits = {\n};\n\0# more\n", 3),
                           (b"# a\n# b \0\nnonsense = 1;\n", 2)):
            self.write(text)
            found = self.faults()
            self.assertEqual([f[0] for f in found], [line])
            self.assertIn("NUL", found[0][1])

    def test_a_name_with_a_newline_in_it_stays_in_one_line(self):
        self.one_fault(PLACES["listener"].format(r'name = "a\nb:1: c"'), 2,
                       r"a\\nb:1: c")


class Files(Case):
    """Files: those that are read, and those that cannot be."""

    def unreadable(self, path, reason):
        for options in (["-t"], ["-T"], []):
            result = run(*options, "-c", path)
            self.assertEqual((result.returncode, result.stdout), (78, ""))
            self.assertEqual(result.stderr.count("\n"), 1)
            self.assertIn(path, result.stderr)
            self.assertIn(reason, result.stderr)

    def test_a_directory_is_refused(self):
        self.unreadable(self.dir, "Is a directory")

    def test_a_dangling_link_is_refused(self):
        os.symlink("nowhere", self.path)
        self.unreadable(self.path, "No such file or directory")

    @unittest.skipIf(os.geteuid() == 0, "root may read every file")
    def test_a_file_without_permission_is_refused(self):
        self.write("")
        os.chmod(self.path, 0)
        self.unreadable(self.path, "Permission denied")

    def test_an_endless_file_is_refused(self):
        self.unreadable("/dev/zero", "")

    def test_a_file_with_nothing_in_it_is_the_default(self):
        dumps = {self.dump(text)
                 for text in ("", "\n", "# nothing", "/* nothing */\n",
                              " \t\r\n", "// nothing", "limits = { };")}
        self.assertEqual(len(dumps), 1)
        limits, tcp, udp, output, top = self.settings("")
        self.assertEqual((tcp["protocol"], tcp["port"], tcp["address"],
                          tcp["name"], tcp["framing"]),
                         ('"tcp"', "8888", '"*"', '"tcp/8888"', '"line"'))
        self.assertEqual((udp["protocol"], udp["port"], udp["address"],
                          udp["name"], udp["framing"]),
                         ('"udp"', "8888", '"*"', '"udp/8888"', '"datagram"'))
        self.assertEqual(output, {"type": '"stdout"', "name": '"stdout"',
                                  "format": '"text"'})
        self.assertEqual(top["connection_notes"], '"closed"')
        self.assertEqual(tcp["connection_notes"], '"closed"')
        self.assertEqual(limits["shutdown_timeout"], "5")

    def test_a_comment_may_end_the_file_without_a_newline(self):
        for comment in ("# the end", "// the end", "/* the end */"):
            self.assertIn("backlog = 9;",
                          self.dump("limits = { backlog = 9; };\n" + comment))

    def test_an_include_is_relative_to_the_file_that_is_named(self):
        self.write("backlog = 99;", "limits.conf")
        self.write('limits = {\n@include "limits.conf"\n};\n')
        with tempfile.TemporaryDirectory() as elsewhere:
            for path, cwd in ((self.path, elsewhere), (self.path, "/"),
                              ("portlogd.conf", self.dir)):
                result = run("-T", "-c", path, cwd=cwd)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn("backlog = 99;", result.stdout)

    def test_an_include_that_cannot_be_read_is_told_with_its_line(self):
        for name, reason in (("missing.conf", "No such file"),
                             (".", "Is a directory"),
                             ("portlogd.conf/x", "Not a directory")):
            said = self.one_fault(f'# one\n@include "{name}"\n', 2, reason)
            self.assertIn(f'found "{name}"', said)

    def test_an_include_in_a_comment_or_a_string_is_none(self):
        self.dump('# @include "none.conf"\n/*\n@include "none.conf"\n*/\n'
                  'outputs = ( { type = "file"; path =\n'
                  '"@include \\"none.conf\\""; } );\n')

    def test_a_comment_or_a_string_ends_in_the_file_where_it_begins(self):
        for text, said in (("/* backlog = 1;", "a comment without an end"),
                           ('name = "', "a string without an end")):
            included = self.write(f"\n{text}", "more.conf")
            found = self.faults('limits = {\n@include "more.conf"\n'
                                'backlog = 5; /* " */\n};\n')
            self.assertEqual([f[:2] for f in found], [(included, 2)])
            self.assertIn(said, found[0][2])

    def test_all_includes_that_cannot_be_read_are_told(self):
        found = self.faults('@include "a.conf"\n@include "."\n'
                            "limits = { backlog = 4294967297; };\n")
        self.assertEqual([line for line, _ in found], [1, 2, 3])

    def test_an_include_in_an_included_file_is_beside_the_main_one(self):
        self.write("backlog = 98;", "limits.conf")
        self.write("backlog = 97;", "sub/limits.conf")
        self.write('@include "limits.conf"\n', "sub/more.conf")
        self.assertIn("backlog = 98;", self.dump(
            'limits = {\n@include "sub/more.conf"\n};\n'))

    def test_a_fault_in_an_included_file_is_one_where_the_path_is_short(self):
        self.write("limits = { backlog = 0514;\n backlo = 1; };\n", "more.conf")
        self.write('@include "more.conf"\n')
        for path in ("portlogd.conf", "./portlogd.conf"):
            result = run("-t", "-c", path, cwd=self.dir)
            more = path.replace("portlogd", "more")
            self.assertEqual(
                re.findall(r"^(\S+): ", result.stderr, re.M),
                [more + ":1", more + ":2"], result.stderr)

    def test_an_include_may_have_an_absolute_path(self):
        with tempfile.TemporaryDirectory() as elsewhere:
            path = os.path.join(elsewhere, "limits.conf")
            with open(path, "w", encoding="utf-8") as file:
                file.write("backlog = 98;")
            for name in (path, elsewhere + "/*.conf"):
                self.assertIn("backlog = 98;", self.dump(
                    f'limits = {{\n@include "{name}"\n}};\n'))

    def test_a_pattern_includes_all_files_in_the_order_of_their_bytes(self):
        names = ("a.conf", "\u00e9.conf", "10.conf", "B.conf", "9.conf",
                 ".hidden.conf", "other.txt", "a.conf~")
        listener = '{{ protocol = "udp"; port = 0; name = "{}"; }}'
        for number, name in enumerate(names):
            self.write(listener.format(number) + ",\n", f"conf.d/{name}")
        dump = self.dump('listeners = (\n@include "conf.d/*.conf"\n' +
                         listener.format(9) + " );\n")
        self.assertEqual(re.findall(r'name = "(\d)";', dump),
                         ["2", "4", "3", "0", "1", "9"])

    def test_a_pattern_that_no_file_matches_is_no_fault(self):
        for pattern in ("*.none", "none.d/*.conf", "portlogd.conf/*", "[x].c"):
            self.assertIn("backlog = 4;", self.dump(
                f'@include "{pattern}"\nlimits = {{ backlog = 4; }};\n'))

    def test_faults_in_files_of_a_pattern_are_told_with_their_names(self):
        first = self.write("nonsense = 1;\n", "conf.d/a.conf")
        second = self.write("\nbacklog = -1;\n", "conf.d/b.conf")
        found = self.faults('limits = {\n@include "conf.d/?.conf"\n};\n')
        self.assertEqual([f[:2] for f in found], [(first, 1), (second, 2)])
        os.mkdir(os.path.join(self.dir, "conf.d", "c.conf"))
        self.assertIn((2, '@include: found "' + os.path.join(
            self.dir, "conf.d", "c.conf") + '", which cannot be read: '
            "Is a directory"), self.faults())
        os.symlink("loop", os.path.join(self.dir, "loop"))
        self.one_fault('\n@include "loop/*.conf"\n', 2,
                       'found "loop/.*", which cannot be read: Too many level')
        self.write('@include "*.conf"\n')
        self.assertIn("nested too deep", self.faults()[0][1])

    def test_a_directory_is_no_part_of_the_pattern(self):
        path = self.write("backlog = 97;", "x[1]*/limits.conf")
        self.write("limits = {\n@include \"*its.conf\"\n};\n",
                   "x[1]*/portlogd.conf")
        result = run("-T", "-c", os.path.join(os.path.dirname(path),
                                              "portlogd.conf"))
        self.assertIn("backlog = 97;", result.stdout, result.stderr)

    def test_a_comment_may_end_an_included_file_without_a_newline(self):
        for comment in ("# the end", "// the end", "#"):
            self.write(f"backlog = 98;\n{comment}", "limits.conf")
            self.assertIn("backlog = 98;", self.dump(
                'limits = {\n@include "limits.conf"\n};\n'))

    def test_files_that_include_each_other_are_refused(self):
        self.write('@include "portlogd.conf"\n' * 2, "more.conf")
        found = self.faults('@include "more.conf"\n' * 2)
        self.assertEqual(len(found), 1)
        self.assertIn("nested too deep", found[0][1])

    def test_a_nul_byte_in_an_included_file_is_told_there(self):
        included = self.write(b"backlog = 1;\n\0idle_timeout = 0;\n",
                              "more.conf")
        self.assertEqual(self.faults('limits = {\n@include "more.conf"\n};\n'),
                         [(included, 2, "found a NUL byte, expected text")])

    def test_a_fault_of_a_file_that_is_included_twice_is_told_once(self):
        included = self.write("max_record = 0;\nflush_timeout = 4294967296;\n"
                              "nonsense = 1;\n", "more.conf")
        group = '{ protocol = "tcp"; port = 0;\n@include "more.conf"\n}'
        found = self.faults(f"listeners = ( {group},\n{group} );\n")
        self.assertEqual([f[:2] for f in found],
                         [(included, 1), (included, 2), (included, 3)])

    def test_faults_of_an_included_file_are_told_there(self):
        included = self.write("nonsense = 1;\n\nbacklog = -1;\n", "more.conf")
        found = self.faults('limits = {\n@include "more.conf"\n};\n'
                            "other = 2;\n")
        self.assertEqual(sorted(f[:2] for f in found if len(f) == 3),
                         [(included, 1), (included, 3)])
        self.assertEqual([f[0] for f in found if len(f) == 2], [4])

    def test_a_syntax_error_of_an_included_file_is_told_there(self):
        included = self.write("\nbacklog = ;\n", "more.conf")
        found = self.faults('limits = {\n@include "more.conf"\n};\n')
        self.assertEqual([f[:2] for f in found], [(included, 2)])


class Networks(Case):
    LISTENER = ('listeners = ( {{ protocol = "{}"; port = {}; {} }} );\n')

    def test_each_wrong_one_is_told_with_the_right_spelling(self):
        wrong = (("192.0.2.1/24", '"192.0.2.0/24", whose address is zero'),
                 ("10.0.0.3/31", '"10.0.0.2/31", whose address is zero'),
                 ("2001:db8::1/32", '"2001:db8::/32", whose address is zero'),
                 ("::ffff:10.0.0.0/104", '"10.0.0.0/8", IPv4 without "::ffff:"'),
                 ("10.0.0.0/33", "a prefix from /0 to /32"),
                 ("::/129", "a prefix from /0 to /128"),
                 ("sensor.example", 'an address or a network, such as '
                  '"192.0.2.17" or "2001:db8::/32": a name is never looked '
                  "up"),
                 ("fe80::1%lo", "an address or a network"), ("", "an address"))
        for setting in "allow", "deny", "proxies":
            for begin, end in "[]", "()":
                found = self.faults(self.LISTENER.format(
                    "tcp", 0, setting + " = " + begin + ",".join(
                        f'\n"10.0.0.0/8",\n"{text}"' for text, _ in wrong) +
                    end + ";"))
                self.assertEqual([line for line, _ in found],
                                 [3 + 2 * i for i in range(len(wrong))])
                for (text, expected), (_, told) in zip(wrong, found):
                    self.assertIn(f'found "{text}", expected {expected}', told)

    def test_what_is_no_text_is_told(self):
        self.one_fault(self.LISTENER.format("tcp", 0, "\nallow = [ 10 ];"), 2,
                       "found 10, expected an address or a network")

    def test_proxies_are_of_tcp(self):
        self.one_fault(self.LISTENER.format("udp", 0, '\nproxies = [ "::" ];'),
                       2, 'found "proxies", which this protocol')

    def test_a_dump_has_them_in_one_order(self):
        text = "allow = {}; deny = ( \"10.0.0.7\" ); proxies = [ \"::1\" ];"
        dumps = {self.dump(self.LISTENER.format("tcp", '"5000-5002"',
                                                text.format(allow)))
                 for allow in ('[ "::/0", "10.0.0.0/8", "10.0.0.0/31" ]',
                               '( "10.0.0.0/31", "::/0", "10.0.0.0/8" )')}
        dump, = dumps
        self.assertEqual(dump.count(
            '    allow = [ "10.0.0.0/8", "10.0.0.0/31", "::/0" ];\n'
            '    deny = [ "10.0.0.7" ];\n    proxies = [ "::1" ];\n'), 3)
        self.assertEqual(self.dump(dump), dump)


class Inheritance(Case):
    """A listener inherits limits, before or after it in the file."""

    LIMITS = ("limits = { max_record = 11; max_connections = 22;\n"
              "max_connections_per_source = 13; idle_timeout = 14;\n"
              "flush_timeout = 15; receive_buffer = 16; rate_records = 17;\n"
              "rate_bytes = 18; rate_burst = 19; };\n"
              'connection_notes = "all";\n')
    LISTENERS = """listeners = (
        { protocol = "tcp"; port = 1; },
        { protocol = "tcp"; port = 2; max_record = 21; max_connections = 12;
          max_connections_per_source = 23; idle_timeout = 24;
          flush_timeout = 25; connection_notes = "none";
          rate_records = 0; rate_bytes = 28; rate_burst = 29; },
        { protocol = "udp"; port = 1; },
        { protocol = "udp"; port = 2; receive_buffer = 26; max_record = 27;
          rate_records = 37; rate_bytes = 0; rate_burst = 39; } );\n"""

    def test_listeners_inherit_and_override(self):
        for text in (self.LIMITS + self.LISTENERS,
                     self.LISTENERS + self.LIMITS):
            _, heir, own, udp_heir, udp_own, *_ = self.settings(text)
            names = [*OF_TCP, "connection_notes"]
            self.assertEqual([heir[n] for n in names],
                             ["11", "17", "18", "19", "22", "13", "14", "15",
                              '"all"'])
            self.assertEqual([own[n] for n in names],
                             ["21", "0", "28", "29", "12", "23", "24", "25",
                              '"none"'])
            self.assertEqual([udp_heir[n] for n in OF_UDP],
                             ["11", "17", "18", "19", "16"])
            self.assertEqual([udp_own[n] for n in OF_UDP],
                             ["27", "37", "0", "39", "26"])

    def test_names_come_from_the_protocol_and_the_port(self):
        _, *listeners, _, _ = self.settings(self.LISTENERS)
        self.assertEqual([l["name"] for l in listeners],
                         ['"tcp/1"', '"tcp/2"', '"udp/1"', '"udp/2"'])

    def test_outputs_are_named_by_their_type_or_path(self):
        dump = self.dump('outputs = ( { type = "journal"; }, '
                         '{ type = "syslog"; }, { type = "stdout"; }, '
                         '{ type = "file"; path = "/a/b"; } );')
        self.assertEqual(re.findall(r' name = "([^0-9]+?)";', dump),
                         ["journal", "syslog", "stdout", "/a/b"])


if __name__ == "__main__":
    harness.main()
