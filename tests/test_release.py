# SPDX-License-Identifier: MIT
""".ci/release: what it refuses, and what it makes, in repositories of the test."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import TOP, main

SCRIPT = os.path.join(TOP, ".ci", "release")
SBOM = os.path.join(TOP, ".ci", "sbom")
VERSION = "1.2.3"
FILES = {
    "configure.ac": f"""AC_INIT([portlog], [{VERSION}])
[AC_MSG_ERROR([glibc 2.32 or later is required: $ac_func is missing])])
PKG_CHECK_MODULES([LIBCONFIG], [libconfig >= 1.5])
""",
    "NEWS": f"portlog {VERSION}, 2030-01-02\n",
    "debian/changelog": f"portlog ({VERSION}) unstable; urgency=medium\n",
    "debian/control": "Maintainer: Jo Doe <jo@example.org>\n",
    ".gitignore": "/ignored\n/portlog-*.tar.xz*\n",
    # Both stand in for what takes minutes: the tarball is a list of files.
    "bootstrap": "#!/bin/sh\ntouch built\n",
    "bin/make": f"""#!/bin/sh
test "$*" = distcheck && test -e built && test ! -e fail || exit 2
ls -A > portlog-{VERSION}.tar.xz
""",
}

NOT_READY = {
    "a changed file": (
        lambda repo: repo.write("NEWS", FILES["NEWS"] + "- More.\n"),
        "the tree has changes that are not committed:\n M NEWS"),
    "a new file": (
        lambda repo: repo.write("new", ""),
        "the tree has changes that are not committed:\n?? new"),
    "no version": (
        lambda repo: repo.commit("configure.ac", "AC_INIT([portlog])\n"),
        "configure.ac: found no version"),
    "another version in configure.ac": (
        lambda repo: repo.commit("configure.ac",
                                 "AC_INIT([portlog], [1.2.4])\n"),
        f'NEWS:1: found "portlog {VERSION}, 2030-01-02", '
        'expected "portlog 1.2.4, YYYY-MM-DD"'),
    "another version in NEWS": (
        lambda repo: repo.commit("NEWS", "portlog 1.2.30, 2030-01-02\n"),
        'NEWS:1: found "portlog 1.2.30, 2030-01-02"'),
    "no date": (
        lambda repo: repo.commit("NEWS", f"portlog {VERSION}, unreleased\n"),
        f'NEWS:1: found "portlog {VERSION}, unreleased"'),
    "another version in debian/changelog": (
        lambda repo: repo.commit("debian/changelog",
                                 "portlog (1.2.30) unstable; urgency=low\n"),
        'debian/changelog:1: found "portlog (1.2.30) '),
    "no distribution": (
        lambda repo: repo.commit(
            "debian/changelog",
            f"portlog ({VERSION}) UNRELEASED; urgency=low\n"),
        f'debian/changelog:1: found "portlog ({VERSION}) UNRELEASED;'),
    "no maintainer": (
        lambda repo: repo.commit("debian/control",
                                 "Maintainer: x <x@portlog.invalid>\n"),
        "debian/control:1:Maintainer: x <x@portlog.invalid>: expected"),
    "a tag": (
        lambda repo: repo.git("tag", "v" + VERSION),
        f"found the tag v{VERSION}"),
}


class Repository:
    """One that is ready for a release."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="portlog-")
        self.dir = self.directory.name
        # A hook of git would have its tests work on the repository of git.
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith("GIT_")}
        self.env.update(
            PATH=f"{self.path('bin')}:{os.environ['PATH']}",
            GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1",
            GIT_AUTHOR_NAME="x", GIT_AUTHOR_EMAIL="x@example.org",
            GIT_COMMITTER_NAME="x", GIT_COMMITTER_EMAIL="x@example.org")
        for name, text in FILES.items():
            self.write(name, text)
        for name in ("bootstrap", "bin/make"):
            os.chmod(self.path(name), 0o755)
        os.mkdir(self.path(".ci"))
        shutil.copy(SCRIPT, self.path(".ci/release"))
        shutil.copy(SBOM, self.path(".ci/sbom"))
        self.git("init")
        self.git("add", ".")
        self.git("commit", "-m", "all")

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def commit(self, name, text):
        self.write(name, text)
        self.git("add", name)
        self.git("commit", "-m", name)

    def git(self, *arguments):
        return subprocess.run(
            ["git", *arguments], cwd=self.dir, env=self.env, check=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout

    def release(self, *arguments):
        return subprocess.run(
            [self.path(".ci/release"), *arguments], cwd="/", env=self.env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@unittest.skipUnless(os.path.exists(SCRIPT), "a tarball has no .ci/release")
@unittest.skipUnless(shutil.which("git"), "no git")
class Release(unittest.TestCase):
    def setUp(self):
        self.repo = Repository()
        self.addCleanup(self.repo.directory.cleanup)

    def files(self):
        return sorted(os.listdir(self.repo.dir))

    def test_what_is_ready_is_said_to_be_and_nothing_is_made(self):
        before = self.files()
        result = self.repo.release("--check")
        self.assertEqual((result.returncode, result.stdout, result.stderr),
                         (0, f"portlog {VERSION} is ready\n", ""))
        self.assertEqual(self.files(), before)

    def test_what_is_not_ready_is_refused_with_the_reason(self):
        for arguments in (["--check"], []):
            for name, (change, reason) in NOT_READY.items():
                with self.subTest(arguments=arguments, what=name):
                    self.setUp()
                    change(self.repo)
                    before = self.files()
                    result = self.repo.release(*arguments)
                    self.assertEqual((result.returncode, result.stdout),
                                     (1, ""))
                    self.assertIn("release: " + reason, result.stderr)
                    self.assertEqual(self.files(), before)

    def test_all_that_is_not_ready_is_printed_at_once(self):
        for change, _ in (NOT_READY["another version in NEWS"],
                          NOT_READY["no distribution"],
                          NOT_READY["no maintainer"], NOT_READY["a tag"],
                          NOT_READY["a new file"]):
            change(self.repo)
        self.assertEqual(self.repo.release().stderr.count("release: "), 5)

    def test_the_files_are_those_of_the_commit_and_nothing_is_tagged(self):
        self.repo.write("ignored", "")
        result = self.repo.release()
        self.assertEqual(result.returncode, 0, result.stderr)
        tarball = f"portlog-{VERSION}.tar.xz"
        with open(self.repo.path(tarball), "rb") as file:
            content = file.read()
        self.assertIn(b"configure.ac\n", content)
        self.assertNotIn(b"ignored", content)
        sbom = tarball + ".spdx.json"
        with open(self.repo.path(sbom), "rb") as file:
            made_of = file.read()
        with open(self.repo.path(tarball + ".sha256"),
                  encoding="utf-8") as file:
            self.assertEqual(
                file.read(),
                f"{hashlib.sha256(content).hexdigest()}  {tarball}\n"
                f"{hashlib.sha256(made_of).hexdigest()}  {sbom}\n")
        head = self.repo.git("rev-parse", "HEAD").strip()
        self.assertIn(
            f"git tag -s -m 'portlog {VERSION}' v{VERSION} {head}\n",
            result.stdout)
        self.assertEqual(self.repo.git("tag"), "")
        self.assertEqual(self.repo.release("--check").returncode, 0)

    def test_what_the_tarball_is_made_of(self):
        """All that configure.ac asks for, and the C library."""
        with open(os.path.join(TOP, "configure.ac"),
                  encoding="utf-8") as file:
            configure = file.read()
        asked = set(re.findall(r"PKG_CHECK_MODULES\(\[\w+\], \[([\w-]+)",
                               configure))
        self.assertGreaterEqual(asked, {"libconfig", "libsystemd"})
        with tempfile.NamedTemporaryFile(suffix=".tar.xz") as tarball:
            text = subprocess.run([SBOM, tarball.name, "86400"], check=True,
                                  stdout=subprocess.PIPE, text=True).stdout
        found = json.loads(text)
        self.assertEqual(found["creationInfo"]["created"],
                         "1970-01-02T00:00:00Z")
        portlog, *others = found["packages"]
        self.assertEqual({other["name"] for other in others},
                         asked | {"glibc"})
        self.assertEqual(portlog["checksums"], [{
            "algorithm": "SHA256",
            "checksumValue": hashlib.sha256(b"").hexdigest()}])
        ids = {"SPDXRef-DOCUMENT"} | {item["SPDXID"]
                                      for item in found["packages"]}
        self.assertEqual(len(found["relationships"]), len(ids) - 1)
        for item in found["relationships"]:
            self.assertIn(item["spdxElementId"], ids)
            self.assertIn(item["relatedSpdxElement"], ids)

    def test_a_distcheck_that_fails_makes_no_file(self):
        self.repo.commit("fail", "")
        before = self.files()
        result = self.repo.release()
        self.assertNotEqual(result.returncode, 0)
        self.assertNotIn("git tag", result.stdout)
        self.assertEqual(self.files(), before)

    def test_an_argument_that_it_does_not_know_is_refused(self):
        for arguments in (["--chekc"], ["--check", "--check"]):
            result = self.repo.release(*arguments)
            self.assertEqual((result.returncode, result.stdout), (64, ""))
            self.assertIn(".ci/release --check", result.stderr)


if __name__ == "__main__":
    main()
