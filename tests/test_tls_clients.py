# SPDX-License-Identifier: MIT
"""Certificates of senders: who is let in, and what the log says of the others.

The senders are openssl s_client.
"""
import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading

import certificates
import harness
import programs
import tls_peers
from harness import configured, tcp, wait_for

DAY = certificates.DAY
VERSIONS = ("-tls1_2", "-tls1_3")

MADE = {}


def setUpModule():
    authority = certificates.of_module()
    stranger = certificates.Authority(authority.parent, "stranger")
    MADE.update(
        directory=authority.parent, authority=authority,
        server=authority.issue("server", names=("DNS:localhost",)),
        good=authority.issue("sensor7.example"),
        unknown=stranger.issue("unknown"),
        expired=authority.issue("expired", valid=(-2 * DAY, -DAY)),
        early=authority.issue("early", valid=(DAY, 2 * DAY)),
        purpose=authority.issue("purpose", usage="serverAuth"),
        self=certificates.self_signed(authority.parent, "self"))


def send(daemon, certificate=None, *options):
    """Send a line by s_client; returns its exit code, which is 0 also where the
    alert of a refusal overtakes it."""
    shown = ("-cert", certificate.chain, "-key", certificate.key) \
        if certificate else ()
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{daemon.port()}",
         "-quiet", "-no_ign_eof", *shown, *options], input=b"a line\n",
        capture_output=True, check=False, timeout=harness.PATIENCE).returncode


class Case(harness.Case):
    def serve(self, clients='clients = "required"; authorities = "@CA@";',
              settings=""):
        return self.daemon(config=configured(tls_peers.listener(
            MADE["server"], settings,
            clients.replace("@CA@", MADE["authority"].chain))))

    def admits(self, daemon, *sender):
        """Whether the line that it sends is in the log, or it is refused."""
        def refused():
            return daemon.counters()[daemon.listening[0][0]]["refused"]
        lines, before = len(daemon.data()), refused()
        code = send(daemon, *sender)
        wait_for(lambda: len(daemon.data()) > lines or refused() > before,
                 "the line or its refusal")
        if len(daemon.data()) == lines:
            return False
        self.assertEqual(code, 0)
        return True

    def refusals(self, daemon):
        """The notes of refused ones, as {reason: keys}."""
        self.assertEqual(daemon.stop(), 0)
        notes = [r.note() for r in daemon.records() if r.tag == "*"]
        return [keys for event, keys in notes if event == "refused"]

    def assert_refused(self, daemon, connections=1, **expected):
        """So many in all, by notes that all have these keys."""
        found = self.refusals(daemon)
        self.assertEqual(sum(int(keys["connections"]) for keys in found),
                         connections)
        for keys in found:
            self.assertEqual({name: keys.get(name) for name in expected},
                             expected)


class Wrong(Case):
    """One kind of wrong certificate each, with both versions."""

    def refused(self, certificate, **expected):
        daemon = self.serve()
        for version in VERSIONS:
            self.assertFalse(self.admits(daemon, certificate, version))
        self.assert_refused(daemon, connections=2, peer="127.0.0.1",
                            **expected)
        self.assertEqual(daemon.data(), [])

    def refused_with(self, kind, detail):
        made = MADE[kind]
        self.refused(made, reason="certificate", detail=detail,
                     name=kind, fingerprint="sha256:" + made.fingerprint())

    def test_none(self):
        self.refused(None, reason="no-certificate", name=None,
                     fingerprint=None)

    def test_of_an_unknown_authority(self):
        self.refused_with("unknown", "unknown-authority")

    def test_of_itself(self):
        self.refused_with("self", "unknown-authority")

    def test_expired(self):
        self.refused_with("expired", "expired")

    def test_not_yet_valid(self):
        self.refused_with("early", "not-yet-valid")

    def test_of_a_server(self):
        self.refused_with("purpose", "purpose")


class Admitted(Case):
    def test_a_right_one_is_in_the_log(self):
        daemon = self.serve()
        for version in VERSIONS:
            self.assertTrue(self.admits(daemon, MADE["good"], version))
        self.assertEqual(daemon.wait_for_data(2), ["a line", "a line"])
        secured = [r.note()[1] for r in daemon.records()
                   if r.data.startswith("secured ")]
        self.assertEqual([keys["name"] for keys in secured],
                         2 * ["sensor7.example"])
        self.assertEqual({keys["fingerprint"] for keys in secured},
                         {"sha256:" + MADE["good"].fingerprint()})

    def test_optional_is_none_or_a_right_one(self):
        daemon = self.serve('clients = "optional"; authorities = "@CA@";')
        self.assertTrue(self.admits(daemon))
        self.assertTrue(self.admits(daemon, MADE["good"]))
        self.assertFalse(self.admits(daemon, MADE["unknown"]))
        self.assert_refused(daemon, detail="unknown-authority")

    def test_none_is_not_asked_for(self):
        daemon = self.serve("")
        self.assertTrue(self.admits(daemon, MADE["unknown"]))
        self.assertNotIn("fingerprint=", daemon.text())

    def test_a_chain_through_others(self):
        below = MADE["authority"].authority("below")
        sender = below.issue("deep")
        daemon = self.serve()
        self.assertTrue(self.admits(daemon, sender, "-cert_chain", sender.chain))
        self.assertFalse(self.admits(daemon, sender))

    def test_names(self):
        issue = MADE["authority"].issue
        several = issue("several", names=("DNS:a.example", "IP:192.0.2.7",
                                          "DNS:pump3.site.example"))
        other = issue("other", subject="/CN=sensor7.example",
                      names=("DNS:other.example",))
        daemon = self.serve('clients = "required"; authorities = "@CA@"; '
                            'names = [ "sensor7.example", "*.site.example" ];')
        self.assertTrue(self.admits(daemon, MADE["good"]))
        self.assertTrue(self.admits(daemon, several))
        self.assertFalse(self.admits(daemon, other))
        self.assert_refused(daemon, reason="name", detail=None,
                            name="other.example",
                            fingerprint="sha256:" + other.fingerprint())
        by_address = self.serve('clients = "required"; authorities = "@CA@"; '
                                'names = [ "192.0.2.7" ];')
        self.assertTrue(self.admits(by_address, several))
        self.assertFalse(self.admits(by_address, MADE["good"]))

    def test_what_the_refusal_says_can_be_pasted(self):
        for kind in "self", "expired", "unknown", "purpose":
            with self.subTest(kind):
                daemon = self.serve()
                self.assertFalse(self.admits(daemon, MADE[kind]))
                told, = self.refusals(daemon)
                clients = ('clients = "required"; fingerprints = [ "' +
                           told["fingerprint"] + '" ];')
                daemon = self.serve(clients)
                self.assertTrue(self.admits(daemon, MADE[kind], "-tls1_2"))
                self.assertTrue(self.admits(daemon, MADE[kind], "-tls1_3"))
                self.assertFalse(self.admits(daemon, MADE["good"]))
                self.assertEqual(daemon.wait_for_data(2), 2 * ["a line"])

    def test_revoked_ones(self):
        authority = certificates.Authority(MADE["directory"], "revoking")
        good, bad = (authority.issue(name) for name in ("kept", "revoked"))
        authority.revoke(bad)
        daemon = self.serve(
            f'clients = "required"; authorities = "{authority.chain}"; '
            f'revoked = "{authority.revoked()}";')
        self.assertTrue(self.admits(daemon, good))
        self.assertFalse(self.admits(daemon, bad))
        self.assert_refused(daemon, reason="certificate", detail="revoked",
                            name="revoked")


class Hostile(Case):
    """Names that would move the cursor, forge keys or fill the log."""

    def name_of(self, certificate, clients):
        daemon = self.serve(clients)
        send(daemon, certificate)
        self.assertEqual(daemon.stop(), 0)
        raw = daemon.bytes()
        self.assertNotRegex(raw, rb"[\x00-\x08\x0b-\x1f\x7f]")
        self.assertNotIn("\u202e", raw.decode())
        notes = [r.note() for r in daemon.records() if r.tag == "*"]
        # As any data, a note is escaped in text once more.
        return [harness.unescape(keys["name"]).decode() for event, keys in notes
                if event in ("secured", "refused")]

    def test_they_are_escaped_and_cut(self):
        issue = MADE["authority"].issue
        for number, (name, shown) in enumerate((
                ("\x1b[31m\u202ered", r"\x1b[31m\xe2\x80\xaered"),
                ("a reason=none b", r"a\x20reason=none\x20b"),
                ("back\\\\slash", r"back\\slash"))):
            made = issue(f"hostile{number}", subject=f"/CN={name}")
            for clients in (
                    'clients = "required"; authorities = "@CA@";',
                    'clients = "required"; authorities = "@CA@"; '
                    'names = [ "nobody" ];'):
                with self.subTest(name):
                    self.assertEqual(self.name_of(made, clients), [shown])

    def test_a_long_one_is_cut_and_the_fingerprint_is_not(self):
        made = MADE["authority"].issue("long", names=("DNS:" + 300 * "x",))
        daemon = self.serve('clients = "required"; authorities = "@CA@"; '
                            'names = [ "nobody" ];')
        self.assertFalse(self.admits(daemon, made))
        self.assert_refused(daemon, reason="name", name=128 * "x",
                            fingerprint="sha256:" + made.fingerprint())


class Load(Case):
    """200 connections a second, while certificate and key are exchanged."""

    def one(self, daemon, shown, failed, number):
        try:
            client = tls_peers.Client(tls_peers.connect(daemon))
            shown.add(client.tls.getpeercert(binary_form=True))
            client.send(b"%d\n" % number)
            if client.close() != tls_peers.RECEIPT:
                failed.append(number)
            client.socket.close()
        except OSError as error:
            failed.append((number, error))

    def test_no_connection_is_lost_by_a_reload(self):
        directory = tempfile.TemporaryDirectory(prefix="portlog-tls-")
        self.addCleanup(directory.cleanup)
        both = [MADE["server"], MADE["authority"].issue("renewed")]
        files = {name: f"{directory.name}/{name}" for name in ("chain", "key")}
        for name, path in files.items():
            shutil.copy(getattr(both[0], name), path)
        daemon = self.daemon(config=configured(tcp(
            f'tls = {{ certificate = "{files["chain"]}"; '
            f'key = "{files["key"]}"; }};')))
        shown, failed, stop = set(), [], threading.Event()

        def reloads():
            return len(re.findall("certificate valid until|is used on",
                                  daemon.errors()))

        def exchange():
            turn = 0
            while not stop.is_set():
                turn += 1
                for name, path in files.items():
                    before = reloads()
                    shutil.copy(getattr(both[turn % 2], name), path)
                    daemon.signal(signal.SIGHUP)
                    wait_for(lambda n=before: reloads() > n, "a reload")
        exchanging = threading.Thread(target=exchange)
        exchanging.start()
        try:
            total = 1000
            senders = [threading.Thread(target=lambda k=k: [
                self.one(daemon, shown, failed, n)
                for n in range(k, total, 4)]) for k in range(4)]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
        finally:
            stop.set()
            exchanging.join()
        self.assertEqual(failed, [])
        lines = daemon.wait_for_data(total)
        self.assertEqual(sorted(map(int, lines)), list(range(total)))
        expected = set()
        for made in both:
            with open(made.certificate, encoding="ascii") as file:
                expected.add(ssl.PEM_cert_to_DER_cert(file.read()))
        self.assertEqual(shown, expected)
        self.assertIn("what was read before is used on", daemon.errors())


class Readme(Case):
    """What README says to paste."""

    @classmethod
    def setUpClass(cls):
        with open(os.path.join(harness.TOP, "README.md"),
                  encoding="utf-8") as file:
            section = re.search(r"(?s)\n## TLS\n(.*?)\n## ",
                                file.read()).group(1)
        commands, config = (re.search(f"(?s)```{kind}\n(.*?)```",
                                      section).group(1)
                            for kind in ("sh", "libconfig"))
        cls.senders = re.findall(r"(?m)^    (\S.*)$", section)
        directory = tempfile.TemporaryDirectory(prefix="portlog-tls-")
        cls.addClassCleanup(directory.cleanup)
        cls.made = directory.name
        cls.shell(commands)
        cls.config = cls.replaced(config, "/etc/portlog/tls", cls.made)
        cls.config = cls.replaced(cls.config, "port = 6514", "port = 0")

    @classmethod
    def shell(cls, text, wrap=()):
        subprocess.run([*wrap, "sh", "-ec", text], cwd=cls.made, check=True,
                       capture_output=True, timeout=harness.PATIENCE)

    @staticmethod
    def replaced(text, *pairs):
        for old, new in zip(pairs[::2], pairs[1::2]):
            assert old in text, (old, text)
            text = text.replace(old, new)
        return text

    def begin(self, word):
        """A daemon, the line for the sender that begins so, and the prefix of
        a command that knows log.example."""
        hosts = os.path.join(self.made, "hosts")
        with open(hosts, "w", encoding="ascii") as file:
            file.write("127.0.0.1 localhost log.example\n")
        wrap = harness.namespaces("m", f"mount --bind {hosts} /etc/hosts")
        daemon = self.daemon(config=self.config)
        line, = (line for line in self.senders if line.startswith(word))
        return daemon, self.replaced(line, "/etc/ssl", self.made, "6514",
                                     str(daemon.port())), wrap

    def assert_sent(self, daemon, reason="eof"):
        self.assertEqual(daemon.wait_for_data(1), ["hello"])
        self.assertIn("secured version=1.3 name=sensor7.example fingerprint=",
                      daemon.text())
        wait_for(lambda: f"closed reason={reason}" in daemon.text())

    def directory(self):
        directory = tempfile.TemporaryDirectory(prefix="portlog-sender-")
        self.addCleanup(directory.cleanup)
        return directory.name

    def test_each_sender_is_run(self):
        self.assertEqual([line.split("(")[0].split()[0]
                          for line in self.senders],
                         ["echo", "action", "destination"])

    def test_openssl(self):
        daemon, line, wrap = self.begin("echo")
        self.shell(line, wrap)
        self.assert_sent(daemon)

    def test_rsyslog(self):
        daemon, line, wrap = self.begin("action")
        sender = programs.rsyslog(
            self, self.directory(), "ossl", self.replaced(
                line, "target=", 'template="line" target='), wrap)
        sender.send(["hello"])
        daemon.wait_for_data(1)
        sender.stop()
        self.assert_sent(daemon)

    def test_syslog_ng(self):
        daemon, line, wrap = self.begin("destination")
        sender = programs.syslog_ng(
            self, self.directory(), "d_log", self.replaced(
                line, " port(", ' template("$MSG\\n") port('), wrap)
        sender.send(["hello"])
        daemon.wait_for_data(1)
        sender.stop()
        self.assert_sent(daemon, "truncated")  # it says no close_notify

    def test_a_certificate_of_a_sender_is_no_authority(self):
        """Or it could make others, with any name."""
        for name in "log.example", "sensor7.example":
            said = certificates.openssl("x509", "-in", f"{self.made}/{name}.pem",
                                        "-noout", "-ext", "basicConstraints")
            self.assertIn("CA:FALSE", said)
            self.assertNotIn("CA:TRUE", said)


if __name__ == "__main__":
    harness.main(jobs=4)
