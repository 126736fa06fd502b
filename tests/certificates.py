# SPDX-License-Identifier: MIT
"""Certificates for tests, right and wrong ones, made by openssl(1).

    authority = Authority(directory)
    server = authority.issue("server", names=("DNS:localhost", "IP:127.0.0.1"))
    server.chain, server.key            # files in PEM; the chain is leaf first

All keys are of P-256, which is quick.  Names are those of openssl(1):
DNS:*.example, IP:::1.
"""
import contextlib
import fcntl
import os
import shutil
import subprocess
import time
import unittest

import harness

DAY = 24 * 60 * 60

# "openssl ca" lets the times be chosen and keeps the list of what is revoked.
CONFIG = """\
[ca]
default_ca = this
[this]
database = {dir}/index
certificate = {dir}/cert.pem
private_key = {dir}/key.pem
new_certs_dir = {dir}
rand_serial = yes
default_md = sha256
default_crl_days = 30
unique_subject = no
policy = any
x509_extensions = extensions
[any]
commonName = optional
organizationName = optional
[extensions]
{extensions}
"""

AUTHORITY = ("basicConstraints = critical, CA:TRUE",
             "keyUsage = critical, keyCertSign, cRLSign")


def openssl(*arguments):
    """Run openssl(1), and return what it prints."""
    ran = subprocess.run(["openssl", *arguments], capture_output=True,
                         text=True, timeout=harness.PATIENCE, check=False,
                         stdin=subprocess.DEVNULL)
    if ran.returncode:
        raise AssertionError(f"openssl {arguments}: {ran.stderr}")
    return ran.stdout


def needs_openssl():
    """Skip the tests if there is no openssl(1)."""
    if not shutil.which("openssl"):
        raise unittest.SkipTest("no openssl")


def _write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def _time(seconds_from_now):
    return time.strftime("%Y%m%d%H%M%SZ",
                         time.gmtime(time.time() + seconds_from_now))


class Certificate:
    """Its files: certificate, key, and chain, which has both it and its
    authorities but the root."""

    def __init__(self, directory):
        self.directory = directory
        self.certificate = os.path.join(directory, "cert.pem")
        self.key = os.path.join(directory, "key.pem")
        self.chain = os.path.join(directory, "chain.pem")
        self.request = os.path.join(directory, "request.pem")

    def make_request(self, subject):
        os.mkdir(self.directory)
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-utf8", "-subj", subject,
                "-keyout", self.key, "-out", self.request)

    def fingerprint(self):
        """That of SHA-256, as lower case hex."""
        said = openssl("x509", "-in", self.certificate, "-noout",
                       "-fingerprint", "-sha256")
        return said.strip().rpartition("=")[2].replace(":", "").lower()

    def key_with_passphrase(self, passphrase):
        """The path of a copy of the key that needs it."""
        path = os.path.join(self.directory, "locked.pem")
        openssl("pkcs8", "-topk8", "-in", self.key, "-out", path, "-passout",
                "pass:" + passphrase)
        return path

    def in_one_file(self):
        """The path of a file with the chain and the key."""
        return _write(os.path.join(self.directory, "all.pem"),
                      _read(self.chain) + _read(self.key))


class Authority(Certificate):
    """Who issues certificates: a root, or one that another has issued."""

    def __init__(self, directory, name="ca", subject=None, issuer=None):
        super().__init__(os.path.join(directory, name))
        self.parent = directory
        self.issuer = issuer
        self.make_request(subject or f"/CN={name}")
        _write(os.path.join(self.directory, "index"), "")
        self._sign(self, AUTHORITY, (-DAY, 365 * DAY), issuer or self)

    @contextlib.contextmanager
    def alone(self, extensions=(), directory=None):
        """A configuration for "openssl ca", while no other process uses its
        list."""
        with open(os.path.join(self.directory, "lock"), "w",
                  encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield _write(os.path.join(directory or self.directory, "config"),
                         CONFIG.format(dir=self.directory,
                                       extensions="\n".join(extensions)))

    def _sign(self, of, extensions, valid, issuer):
        with issuer.alone(extensions, of.directory) as config:
            openssl("ca", "-batch", "-notext", "-utf8", "-config", config,
                    *(("-selfsign",) if of is issuer else ()), "-startdate",
                    _time(valid[0]), "-enddate", _time(valid[1]), "-in",
                    of.request, "-out", of.certificate)
        _write(of.chain, _read(of.certificate) + (
            _read(issuer.chain) if issuer.issuer else ""))

    def issue(self, name, *, names=(), subject=None,
              usage="serverAuth, clientAuth", valid=(-DAY, 30 * DAY)):
        """A certificate for these names.

        valid is from when to when, in seconds from now; usage None: any.
        """
        issued = Certificate(os.path.join(self.parent, name))
        issued.make_request(subject or f"/CN={name}")
        extensions = ["basicConstraints = CA:FALSE"]
        if names:
            extensions.append("subjectAltName = " + ", ".join(names))
        if usage:
            extensions.append("extendedKeyUsage = " + usage)
        self._sign(issued, extensions, valid, self)
        return issued

    def authority(self, name):
        """One below this one."""
        return Authority(self.parent, name, issuer=self)

    def revoke(self, certificate):
        with self.alone() as config:
            openssl("ca", "-config", config, "-revoke",
                    certificate.certificate)

    def revoked(self):
        """The path of a list of those that were revoked."""
        path = os.path.join(self.directory, "crl.pem")
        with self.alone() as config:
            openssl("ca", "-config", config, "-gencrl", "-out", path)
        return path


def of_module():
    """An authority for a module's tests, which are skipped without TLS."""
    needs_openssl()
    if not harness.knows_tls():
        raise unittest.SkipTest("built without OpenSSL")
    return Authority(harness.shared_directory())


def self_signed(directory, name, names=(), authority=False):
    """A certificate of no authority, with or without being one itself."""
    made = Certificate(os.path.join(directory, name))
    os.mkdir(made.directory)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
            f"/CN={name}", "-addext", "basicConstraints = critical, CA:" +
            str(authority).upper(),
            *(("-addext", "subjectAltName = " + ", ".join(names))
              if names else ()), "-keyout", made.key, "-out", made.chain)
    shutil.copy(made.chain, made.certificate)
    return made
