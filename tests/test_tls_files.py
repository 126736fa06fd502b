# SPDX-License-Identifier: MIT
"""TLS in the configuration: its settings, and the files that it names."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

import certificates
import harness
import tls_peers
from harness import run, tcp, wait_for

DAY = certificates.DAY
HEX = 8 * "0123abCD"
COLONS = ":".join(HEX[i:i + 2] for i in range(0, 64, 2))

MADE = {}


def setUpModule():
    certificates.needs_openssl()
    authority = certificates.Authority(harness.shared_directory())
    MADE["authority"] = authority
    MADE["server"] = authority.issue("server", names=("DNS:localhost",))


def configured(*listeners):
    """A configuration of listeners alone, whose first line is their first."""
    return f"listeners = ( {', '.join(listeners)} );\n"


def tls(settings="", certificate=None, key=None):
    """A listener's setting; each of settings is on a line of its own."""
    server = MADE["server"]
    return (f'tls = {{ certificate = "{certificate or server.chain}"; '
            f'key = "{key or server.key}"; {settings} }};')


class Case(harness.Case):
    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory(prefix="portlog-tls-")
        self.addCleanup(directory.cleanup)
        self.dir = directory.name

    def path(self, name, text=None):
        path = os.path.join(self.dir, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def check(self, text, *options):
        """Run -t; returns its exit code and what it says."""
        path = self.path("portlogd.conf", text)
        result = run(*(options or ("-t",)), "-c", path)
        said = result.stderr.replace(path + ":", "")
        return result.returncode, said, result.stdout

    def faults(self, text):
        code, said, _ = self.check(text)
        self.assertEqual(code, 78, said)
        found = re.findall(r"(?m)^(\d+): (.*)$", said)
        self.assertEqual(len(found), said.count("\n"), said)
        return [(int(line), text) for line, text in found]

    def one_fault(self, text, line, expected):
        (found, told), *others = self.faults(text)
        self.assertEqual((found, others), (line, []), f"{text}\n{told}")
        self.assertRegex(told, expected)


AUTHORITY = '\nauthorities = "@CA@";'
CLIENTS = '\nclients = "required";'

# Settings, the line of the fault in them, and the fault.
FAULTS = (
    ('\nclients = "all";', 2, 'clients: found "all", expected one of "none", '
     '"optional", "required"'),
    ('\nversions = "1.1";', 2, 'versions: found "1.1", expected one of "1.2", '
     '"1.3"'),
    ("\nversions = 1.3;", 2, "versions: found 1.3, expected one of"),
    ("\nciphers = \"ALL\";", 2, 'unknown setting "ciphers"'),
    ('\nname = [ "a" ];', 2, 'did you mean "names"'),
    (CLIENTS + '\nauthorities = "";', 3, "expected a string that is not empty"),
    (CLIENTS, 2, 'clients: found "required", expected "authorities" or '
     '"fingerprints" beside it'),
    (AUTHORITY, 2, 'found "authorities", expected "clients" beside it'),
    (f'\nfingerprints = [ "sha256:{HEX}" ];', 2,
     'found "fingerprints", expected "clients" beside it'),
    (f'clients = "optional"; fingerprints = [ "sha256:{HEX}" ];'
     '\nnames = [ "a" ];', 2, 'found "names" without "authorities"'),
    (CLIENTS + AUTHORITY + "\nnames = [ ];", 4,
     "names: found none, expected at least one"),
    (CLIENTS + AUTHORITY + "\nnames = \"a\";", 4, "names: found \"a\", expec"),
    (CLIENTS + AUTHORITY + '\nnames = [ "a",\n"*" ];', 5,
     'names: found "\\*", expected a name such as "sensor7.example" or '
     '"\\*.example", or an address'),
    (CLIENTS + AUTHORITY + f'\nnames = [ "sha256:{HEX}" ];', 4,
     'expected it in "fingerprints"'),
    (CLIENTS + AUTHORITY + "\nnames = [ 5 ];", 4, "found 5, expected a name"),
    (CLIENTS + '\nfingerprints = ( 1 );', 3, "found 1, expected a name"),
    (CLIENTS + "\nfingerprints = [ ];", 3, "fingerprints: found none"),
    *((CLIENTS + f'\nfingerprints = [ "sha256:{HEX}",\n"{wrong}" ];', 4,
       f'fingerprints: found "{wrong[:100]}", expected "sha256:" and 64 '
       "hexadecimal digits")
      for wrong in (HEX, "sha1:" + HEX[:40], "sha256:" + HEX[1:],
                    "sha256:" + COLONS + ":", "sha256:" + COLONS[:-1],
                    "sha256: " + HEX, "sensor7.example")),
)


@unittest.skipUnless(harness.knows_tls(), "built without OpenSSL")
class Settings(Case):
    def test_each_fault_is_told_with_its_line(self):
        for settings, line, expected in FAULTS:
            with self.subTest(settings):
                self.one_fault(configured(tcp(tls(settings.replace(
                    "@CA@", MADE["authority"].chain)))), line, expected)

    def test_it_is_a_group_with_certificate_and_key(self):
        for wrong in "true", '"on"', "( )":
            self.one_fault(configured(tcp(f"\ntls = {wrong};")), 2,
                           r"tls: found .*, expected a group: \{")
        self.assertEqual(self.faults(configured(tcp("\ntls = { };"))),
                         [(2, 'missing setting "certificate"'),
                          (2, 'missing setting "key"')])

    def test_it_is_of_tcp(self):
        self.one_fault(configured(harness.udp("\n" + tls())), 2,
                       'found "tls", which this protocol or framing has no '
                       "use for")
        self.one_fault("listeners = ( { protocol = \"unix-stream\"; path = "
                       f'"{self.path("socket")}";\n{tls()} }} );', 2,
                       'found "tls"')

    def test_a_dump_has_all_of_it_and_each_fingerprint_in_one_way(self):
        authority = MADE["authority"]
        text = tls(f'clients = "optional"; authorities = "{authority.chain}";'
                   f'revoked = "{authority.revoked()}"; versions = "1.3";'
                   'names = ( "*.example", "192.0.2.7" ); fingerprints = '
                   f'[ "SHA256:{COLONS}", "sha256:{HEX}" ];')
        code, said, dump = self.check(
            'listeners = ( { protocol = "tcp"; port = "5000-5001"; ' + text +
            " } );", "-T")
        self.assertEqual((code, said), (0, ""))
        print_ = "sha256:" + HEX.lower()
        group = (f'    tls = {{\n      certificate = "{MADE["server"].chain}";'
                 f'\n      key = "{MADE["server"].key}";\n'
                 '      clients = "optional";\n'
                 f'      authorities = "{authority.chain}";\n'
                 f'      revoked = "{authority.directory}/crl.pem";\n'
                 '      names = [ "*.example", "192.0.2.7" ];\n'
                 f'      fingerprints = [ "{print_}", "{print_}" ];\n'
                 '      versions = "1.3";\n    };\n')
        self.assertEqual(dump.count(group), 2, dump)
        self.assertEqual(self.check(dump, "-T"), (0, "", dump))

    def test_a_dump_opens_no_file(self):
        code, said, _ = self.check(
            configured(tcp(tls(certificate="/nowhere", key="/nowhere"))), "-T")
        self.assertEqual((code, said), (0, ""))


@unittest.skipUnless(harness.knows_tls(), "built without OpenSSL")
class Files(Case):
    """What the files have to be: the check says it, and so does the start."""

    def refused(self, expected, settings="", **files):
        text = configured(tcp("\n" + tls(settings, **files)))
        self.one_fault(text, 2, "tls: " + expected)
        code, said, _ = self.check(text, "-v")
        self.assertEqual(code, 78)
        self.assertRegex(said, "2: tls: " + expected)

    def test_a_file_that_is_not_there(self):
        for name in "certificate", "key":
            self.refused(f'{name}: cannot read "/nowhere/x": No such file or '
                         "directory", **{name: "/nowhere/x"})
        authority = MADE["authority"].chain
        self.refused('authorities: cannot read "/nowhere/x": No such file',
                     CLIENTS + 'authorities = "/nowhere/x";')
        self.refused('revoked: cannot read "/nowhere/x": No such file',
                     CLIENTS + f'authorities = "{authority}"; '
                     'revoked = "/nowhere/x";')

    @unittest.skipUnless(os.geteuid() == 0, "it takes another user")
    @unittest.skipUnless(shutil.which("setpriv"), "no setpriv")
    def test_a_file_that_this_user_may_not_read(self):
        os.chmod(self.dir, 0o755)
        key = shutil.copy(MADE["server"].key, self.path("key.pem"))
        certificate = shutil.copy(MADE["server"].chain, self.path("cert.pem"))
        os.chmod(key, 0o600)
        os.chmod(certificate, 0o644)
        path = self.path("portlogd.conf", configured(
            tcp(tls(certificate=certificate, key=key))))
        os.chmod(path, 0o644)
        nobody = ("setpriv", "--reuid=65534", "--regid=65534",
                  "--clear-groups", harness.PORTLOGD)
        if subprocess.run([*nobody, "-V"], check=False,
                          capture_output=True).returncode:
            self.skipTest("another user cannot run it where it is")
        result = subprocess.run([*nobody, "-t", "-c", path], check=False,
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, 78)
        self.assertIn(f'key: cannot read "{key}": Permission denied',
                      result.stderr)
        os.chown(key, 0, 65534)
        os.chmod(key, 0o640)
        result = subprocess.run([*nobody, "-t", "-c", path], check=False,
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_file_that_is_something_else(self):
        server = MADE["server"]
        for wrong in server.key, self.dir, "/dev/null":
            self.refused(f'certificate: found "{wrong}", expected certificates '
                         "in PEM", certificate=wrong)
        for wrong in server.certificate, self.dir, "/dev/null":
            self.refused(f'key: found "{wrong}", expected a key in PEM',
                         key=wrong)

    def test_a_key_of_another_certificate(self):
        key = MADE["authority"].key
        self.refused(f'key: found "{key}", which does not fit the first '
                     f'certificate of "{MADE["server"].chain}"', key=key)

    def test_a_key_with_a_passphrase_is_refused_and_nobody_asked(self):
        key = MADE["server"].key_with_passphrase("secret")
        self.refused(f'key: found "{key}", which needs a passphrase, expected '
                     "a key that needs none", key=key)

    def test_one_file_may_have_both(self):
        both = MADE["server"].in_one_file()
        code, said, _ = self.check(configured(
            tcp(tls(certificate=both, key=both))))
        self.assertEqual((code, said), (0, ""))

    def test_certificates_that_are_out_of_date_are_warned_of(self):
        issue = MADE["authority"].issue
        for name, valid, expected in (
                ("old", (-2 * DAY, -DAY), "certificate expired on "),
                ("new", (DAY, 2 * DAY), "certificate not valid before "),
                ("short", (-DAY, 13.5 * DAY), "certificate expires on .*, in "
                 "13 days")):
            made = issue(name, valid=valid)
            text = configured(tcp(tls(certificate=made.chain, key=made.key)))
            code, said, _ = self.check(text)
            self.assertEqual(code, 0)
            self.assertRegex(said, "listener tcp/0: " + expected)
            with harness.Daemon(config=text) as daemon:
                daemon.wait_for_error(f"listening on .*, TLS, {expected}")


@unittest.skipUnless(harness.knows_tls(), "built without OpenSSL")
class Reload(Case):
    """At SIGHUP the files are read again."""

    def serve(self, settings=""):
        for name in "chain", "key":
            shutil.copy(getattr(MADE["server"], name), self.path(name))
        return self.daemon(config=configured(tcp(tls(
            settings, certificate=self.path("chain"), key=self.path("key")))))

    def shown(self, daemon):
        """The certificate that a peer is shown."""
        client = tls_peers.Client(tls_peers.connect(daemon))
        self.addCleanup(client.socket.close)
        return client.tls.getpeercert(binary_form=True)

    def reload(self, daemon, expected):
        before = len(re.findall(expected, daemon.errors()))
        daemon.signal(signal.SIGHUP)
        wait_for(lambda: len(re.findall(expected, daemon.errors())) > before,
                 expected)

    def test_new_peers_see_the_new_certificate_and_old_ones_stay(self):
        daemon = self.serve()
        old = tls_peers.Client(tls_peers.connect(daemon))
        self.addCleanup(old.socket.close)
        first = self.shown(daemon)
        renewed = MADE["authority"].issue("renewed")
        shutil.copy(renewed.chain, self.path("chain"))
        self.assertEqual(self.shown(daemon), first)
        self.reload(daemon, "does not fit the first certificate of .*; what "
                    "was read before is used on")
        self.assertEqual(self.shown(daemon), first)
        shutil.copy(renewed.key, self.path("key"))
        self.reload(daemon, "listener tcp/.*: certificate valid until ")
        second = self.shown(daemon)
        self.assertNotEqual(second, first)
        os.remove(self.path("key"))
        self.reload(daemon, "cannot read .*key\": No such file or directory; ")
        self.assertEqual(self.shown(daemon), second)
        old.send(b"still here\n")
        self.assertEqual(old.close(), tls_peers.RECEIPT)
        self.assertIn("still here", daemon.data())

    def test_a_new_list_of_those_revoked_is_taken(self):
        authority = certificates.Authority(self.dir, "own")
        client = authority.issue("client")
        shutil.copy(authority.revoked(), self.path("revoked"))
        daemon = self.serve(
            CLIENTS + f'authorities = "{authority.chain}"; '
            f'revoked = "{self.path("revoked")}";')

        def is_admitted():
            peer = tls_peers.Client(tls_peers.connect(daemon),
                                    certificate=client)
            self.addCleanup(peer.socket.close)
            try:
                peer.send(b"x\n")
                return peer.close() == tls_peers.RECEIPT
            except ConnectionError:
                return False
        self.assertTrue(is_admitted())
        authority.revoke(client)
        shutil.copy(authority.revoked(), self.path("revoked"))
        self.reload(daemon, "certificate valid until ")
        self.assertFalse(is_admitted())


@unittest.skipIf(harness.knows_tls(), "built with OpenSSL")
class WithoutOpenssl(Case):
    def test_it_is_refused(self):
        text = configured(tcp("\n" + tls()))
        for options in [], ["-t"]:
            code, said, _ = self.check(text, *(options or ["-v"]))
            self.assertEqual((code, said), (
                78, "2: tls: this portlogd was built without OpenSSL\n"))


if __name__ == "__main__":
    harness.main(jobs=4)
