# SPDX-License-Identifier: MIT
"""The real daemon over real sockets, and functions that wait for it.

Nothing here sleeps for a fixed time.  A test polls for what it expects, and
fails after PATIENCE seconds with the log in its message.  For what must not
happen, it polls as long as it says.
"""
import atexit
import contextlib
import codecs
import ctypes
import json
import os
import random
import re
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from signal import SIGTERM

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000

PORTLOGD = os.environ.get("PORTLOGD", "./portlogd")
PORTLOG = os.environ.get("PORTLOG", "./portlog")
TOP = os.environ.get("TOP_SRCDIR", os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
# For a script of a namespace: how it calls interfaces.py.
INTERFACES = shlex.join((sys.executable, os.path.join(
    TOP, "tests", "interfaces.py")))
PATIENCE = float(os.environ.get("PORTLOG_PATIENCE", "20"))
# What should be soon may be so many seconds late: a machine may be busy.
LATE = PATIENCE / 2
# How often a fault is injected, each time at another moment.
TURNS = int(os.environ.get("PORTLOG_TURNS", "3"))

LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (?P<listener>\S+) "
    r"(?P<peer>\S+) (?P<tag>[FPET*]) (?P<data>.*)\Z", re.S)


def wait_for(condition, what="a condition"):
    """Poll until condition() is true, and return what it returned."""
    deadline = time.monotonic() + PATIENCE
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE} s in vain for {what}")
        time.sleep(0.005)


def watch(seconds, condition, what="a condition"):
    """Poll for so long, and fail as soon as condition() is not true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            raise AssertionError(f"not for {seconds} s: {what}")
        time.sleep(0.005)


class Record:
    """One line of a text log, in its five columns."""

    def __init__(self, line):
        match = LINE.match(line)
        if not match:
            raise AssertionError(f"not a line of a log: {line!r}")
        self.__dict__.update(match.groupdict())
        self.line = line

    def __repr__(self):
        return repr(self.line)

    def note(self):
        """A note's event and its keys: ("closed", {"reason": "eof", ...})."""
        event, *pairs = self.data.split(" ")
        return event, dict(pair.split("=", 1) for pair in pairs)


class Daemon:
    """A portlogd with its own directory.

    config is the text of a configuration, in which @DIR@ is the directory;
    without one, arguments say it all.  stdout goes to the file `out`.
    """

    def __init__(self, *arguments, config=None, start=True, wrap=(),
                 stdout=None, env=None, cwd=None):
        self.directory = tempfile.TemporaryDirectory(prefix="portlog-")
        self.dir = self.directory.name
        os.chmod(self.dir, 0o755)
        self.out = os.path.join(self.dir, "out")
        self.err = os.path.join(self.dir, "err")
        self.arguments = [*wrap, PORTLOGD, *arguments]
        self.env = env
        self.cwd = cwd
        if config is not None:
            path = os.path.join(self.dir, "portlogd.conf")
            with open(path, "w", encoding="utf-8") as file:
                file.write(config.replace("@DIR@", self.dir))
            self.arguments += ["-c", path]
        self.process = None
        self.exits = 0  # what a Case expects of it
        self.is_intruded = False  # it does what it never needs
        self.pass_fds = ()
        if start:
            self.start(stdout)

    def start(self, stdout=None):
        """Start it and wait until it says where it listens."""
        self.launch(stdout)
        try:
            wait_for(lambda: self.process.poll() is not None or
                     self.is_listening(), "the start")
            if self.process.poll() is not None:
                raise AssertionError("it ended at once: " + self.errors())
        except AssertionError:
            self.close()
            raise

    def launch(self, stdout=None):
        out = stdout if stdout is not None else open(self.out, "ab")
        with open(self.err, "ab") as err:
            self.process = subprocess.Popen(
                self.arguments, stdout=out, stderr=err,
                stdin=subprocess.DEVNULL, env=self.env, cwd=self.cwd,
                pass_fds=self.pass_fds)
        if stdout is None:
            out.close()

    def is_listening(self):
        """Read the ports that it has logged; all are logged at once."""
        self.listening = re.findall(
            r"listener (\S+): listening on ([\w-]+) (\S+?)(?::(\d+))?[ ,\n]",
            self.errors())
        wanted = sum(a in ("-l", "--listen") for a in self.arguments)
        config = [a for a in self.arguments if a.endswith(".conf")]
        if config:
            with open(config[0], encoding="utf-8") as file:
                text = re.sub(r"#.*", "", file.read())
            wanted = len(re.findall(r"\bprotocol\b", text))
        return len(self.listening) >= (wanted or 2)

    def port(self, number=0):
        """The port of a listener by its number in the configuration."""
        return int(self.listening[number][3])

    def errors(self):
        """Its messages on stderr so far."""
        with open(self.err, encoding="utf-8") as file:
            return file.read()

    def text(self, path=None):
        """The log so far, as text; that of stdout unless path is given."""
        with open(path or self.out, encoding="utf-8", newline="\n") as file:
            return file.read()

    def bytes(self, path=None):
        with open(path or self.out, "rb") as file:
            return file.read()

    def records(self, path=None):
        """The whole lines of the log so far, as records."""
        whole = self.bytes(path).rpartition(b"\n")[0]
        lines = whole.decode("utf-8").split("\n") if whole else []
        return [Record(line) for line in lines]

    def of(self, peer, path=None):
        """The records of one peer, which is a socket or its name."""
        name = peer if isinstance(peer, str) else name_of(peer)
        return [r for r in self.records(path) if r.peer == name]

    def json(self, path=None):
        """The whole lines of a log in json so far, as objects."""
        lines = self.bytes(path).split(b"\n")
        return [json.loads(line.decode("utf-8")) for line in lines[:-1]]

    def data(self, tags="FPET", path=None):
        """The data column of all lines with these tags."""
        return [r.data for r in self.records(path) if r.tag in tags]

    def wait_for_data(self, count, tags="FPET", path=None):
        """Wait until so many lines with these tags are in the log."""
        try:
            wait_for(lambda: len(self.data(tags, path)) >= count,
                     f"{count} records")
        except AssertionError as error:
            raise AssertionError(f"{error}; there are: "
                                 f"{self.records(path)!r}") from None
        return self.data(tags, path)

    def wait_for_note(self, event, path=None):
        """Wait for a note of this event; returns its record."""
        def look():
            for record in self.records(path):
                if record.tag == "*" and record.data.split(" ")[0] == event:
                    return record
            return None
        return wait_for(look, f"a note {event!r}")

    def wait_for_error(self, pattern):
        """Wait until stderr matches; returns the match."""
        return wait_for(lambda: re.search(pattern, self.errors()),
                        f"stderr to match {pattern!r}")

    def counters(self):
        """Send SIGUSR1; returns the counters of each listener by name."""
        told = len(self.errors())
        self.signal(signal.SIGUSR1)
        pattern = re.compile(r"listener (\S+): (records=.*)\n")
        found = wait_for(
            lambda: (lambda all_: len(all_) >= len(self.listening) and all_)(
                pattern.findall(self.errors()[told:])), "the counters")
        return {name: {key: int(value) for key, value in
                       (pair.split("=") for pair in text.split())}
                for name, text in found}

    def wait_for_bytes(self, number, count):
        """Wait until a listener has read so many bytes in all."""
        name = self.listening[number][0]
        wait_for(lambda: self.counters()[name]["bytes"] >= count,
                 f"{count} bytes read")

    def tasks(self, work=""):
        """The numbers of its threads, or of those that do this work.

        In the order of their starts; the numbers themselves may begin anew.
        """
        tasks, found = f"/proc/{self.process.pid}/task", []
        for task in os.listdir(tasks):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                with open(f"{tasks}/{task}/comm", encoding="utf-8",
                          errors="replace") as file:
                    if not work or file.read().split()[0] == work:
                        found.append(int(task))
        return found

    def threads(self, work=""):
        return len(self.tasks(work))

    def open_files(self):
        """What its descriptors lead to; only root may look into it."""
        files = []
        try:
            for entry in os.scandir(f"/proc/{self.process.pid}/fd"):
                with contextlib.suppress(FileNotFoundError):
                    files.append(os.readlink(entry.path))
        except PermissionError as error:
            raise unittest.SkipTest(str(error)) from None
        return files

    def descriptors(self):
        return len(self.open_files())

    def freeze(self):
        """Send SIGSTOP, and wait until none of its threads runs."""
        self.signal(signal.SIGSTOP)
        tasks = f"/proc/{self.process.pid}/task"

        def is_frozen():
            for task in os.listdir(tasks):
                with open(f"{tasks}/{task}/stat", encoding="utf-8") as file:
                    if file.read().rpartition(")")[2].split()[0] != "T":
                        return False
            return True
        wait_for(is_frozen, "all threads to stop")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Wait for its end; returns the exit code."""
        return self.process.wait(PATIENCE)

    def stop(self, number=SIGTERM):
        """Stop it and return its exit code."""
        self.signal(number)
        return self.wait()

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.directory.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def tcp(self, number=0, host="127.0.0.1"):
        """A connection to a listener."""
        return connect_tcp((host, self.port(number)))

    def udp(self, number=0, host="127.0.0.1"):
        """A connected UDP socket to a listener."""
        return connect_udp((host, self.port(number)))


def program():
    """The bytes of portlogd's file."""
    with open(shutil.which(PORTLOGD) or PORTLOGD, "rb") as file:
        return file.read()


def knows(library):
    """Whether portlogd was linked with a library."""
    return library.encode() + b".so" in program()


def knows_tls():
    """Whether portlogd was built with OpenSSL."""
    return knows("libssl")


def knows_systemd():
    return knows("libsystemd")


def connect_tcp(to):
    """A connection whose own address no other of our sockets has.

    Unless it is bound, the kernel may give two that go to different ports
    the same one.
    """
    return socket.create_connection(to, PATIENCE, source_address=(to[0], 0))


def connect_udp(to):
    """A socket whose own address no TCP socket of ours has either."""
    host = to[0]
    udp = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET,
                        socket.SOCK_DGRAM)
    udp.bind(("127.0.0.2" if host == "127.0.0.1" else host, 0))
    udp.connect(to)
    return udp


def sanitized():
    """Whether a sanitizer delays the reuse of freed memory."""
    return b"__asan_init" in program() or b"__tsan_init" in program()


def tcp(settings=""):
    """A listener of a configuration, on any port."""
    return f'{{ protocol = "tcp"; port = 0; {settings} }}'


def udp(settings=""):
    return tcp(settings).replace('"tcp"', '"udp"')


def configured(*listeners, limits="", output='type = "stdout";', top=""):
    """A configuration with these listeners and one output.

    A stop has all the time it needs, unless limits say otherwise: on a busy
    machine that may be more than five seconds.
    """
    if "shutdown_timeout" not in limits:
        limits = "shutdown_timeout = 3600; " + limits
    return (f"limits = {{ {limits} }};\nlisteners = (" +
            ",\n".join(listeners) +
            f");\noutputs = ( {{ {output} }} );\n{top}\n")


def to_file(*listeners, path="@DIR@/log", limits="", more=""):
    """The same with a file; records are not flushed by a timeout."""
    return configured(*listeners, limits="flush_timeout = 0; " + limits,
                      output=f'type = "file"; path = "{path}"; {more}')


def dropped_before_sockets():
    """Packets of this host that never came to a socket, in all so far.

    The kernel has a queue for each core, of all programs.  Where it is full,
    datagrams vanish even on the loopback, and no socket counts them.
    """
    with open("/proc/net/softnet_stat", encoding="ascii") as file:
        return sum(int(line.split()[1], 16) for line in file)


def free_port():
    """A port that is free for TCP and UDP at any address.

    If possible it is none of those that the kernel gives to other sockets.
    """
    with open("/proc/sys/net/ipv4/ip_local_port_range",
              encoding="ascii") as file:
        first = int(file.read().split()[0])
    ports = (10000, first) if first > 11000 else (1024, 65536)

    def look():
        port = random.randrange(*ports)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            try:
                for probe in (stream, datagrams):
                    probe.bind(("0.0.0.0", port))
            except OSError:
                return None
        return port
    return wait_for(look, "a port that is free")


def run(*arguments, **options):
    """Run portlogd to its end; returns a CompletedProcess with text."""
    return subprocess.run([PORTLOGD, *arguments], capture_output=True,
                          text=True, timeout=PATIENCE, check=False, **options)


def portlog(*arguments, data=b"", **options):
    """Run portlog to its end; returns a CompletedProcess with bytes."""
    return subprocess.run([PORTLOG, *arguments], input=data,
                          capture_output=True, timeout=PATIENCE, check=False,
                          **options)


def name_of(connection):
    """The name that the log has for the peer with this socket."""
    host, port = connection.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def set_reset(connection):
    """Let it be reset when it is closed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack("ii", 1, 0))


def reset(connection):
    """Close with a reset."""
    set_reset(connection)
    connection.close()


def unescape(text):
    """Unescape the data column of a text line."""
    encoded = text.encode("utf-8")
    if re.sub(rb"\\(x[0-9a-f]{2}|[nr\\])", b"", encoded).count(b"\\"):
        raise AssertionError(f"a backslash that escapes nothing: {text!r}")
    return codecs.escape_decode(encoded)[0]  # knows these, among others


class Case(unittest.TestCase):
    """Tests that start daemons, whose exit code must be 0, or daemon.exits."""

    def daemon(self, *arguments, **options):
        daemon = Daemon(*arguments, **options)
        self.addCleanup(self.end, daemon)
        return daemon

    def end(self, daemon):
        if not daemon.process:  # the test went no further
            daemon.close()
            return
        try:
            if daemon.process.poll() is None:
                daemon.signal(signal.SIGCONT)
                daemon.stop()
            self.assertEqual(daemon.process.returncode, daemon.exits,
                             daemon.errors())
            if not daemon.is_intruded:
                self.assertNotIn("confinement: refused", daemon.errors())
        finally:
            daemon.close()

    def tcp(self, daemon, number=0, host="127.0.0.1"):
        connection = daemon.tcp(number, host)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.addCleanup(connection.close)
        return connection

    def assert_refused(self, connect, *arguments, data=b""):
        """Who connects so is reset: an end in order would be a receipt."""
        with self.assertRaises((ConnectionResetError, BrokenPipeError)):
            with connect(*arguments) as connection:
                connection.sendall(data)
                connection.recv(1)

    def udp(self, daemon, number=0, host="127.0.0.1"):
        sender = daemon.udp(number, host)
        self.addCleanup(sender.close)
        return sender


def namespaces(flags, script="true"):
    """A command's prefix, to run it in namespaces of its own.

    flags are those of unshare(1), without the user's; script prepares the
    namespaces.  The test is skipped if the kernel does not allow them.
    """
    users = ("",) if os.geteuid() == 0 else ()
    reasons = []
    for user in (*users, "r"):
        wrap = ("unshare", f"-{user}{flags}", "sh", "-c",
                f'{{ {script}; }} && exec "$@"', "sh")
        try:
            subprocess.run([*wrap, "true"], check=True, capture_output=True,
                           timeout=PATIENCE)
            return wrap
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", b"").decode().strip()
            reasons.append(said or str(error))
    raise unittest.SkipTest(f"no namespaces (unshare -{flags}): {reasons[0]}")


ENTERED = {"r": ("-U", "--preserve-credentials"), "m": ("-m", "-r", "-w"),
           "n": ("-n",)}


def inside(daemon, *command):
    """A command in the namespaces that a daemon has by namespaces().

    A user may enter no others, not even those that are the user's already.
    """
    flags = daemon.arguments[1].lstrip("-")
    return ("nsenter", "-t", str(daemon.process.pid),
            *(option for flag in flags for option in ENTERED[flag]), *command)


def own_network():
    """Have this process in a network of its own from now on, or skip."""
    if LIBC.unshare(CLONE_NEWNET) != 0:
        raise unittest.SkipTest("cannot have a network: " +
                                os.strerror(ctypes.get_errno()))


def needs_root():
    """Skip the test if it cannot run programs as another user."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("not root: cannot be another user")
    path = os.path.abspath(PORTLOGD)
    # setpriv(1) itself has root's capabilities until it has run a program.
    if subprocess.run(["setpriv", "--reuid=65534", "--regid=65534",
                       "--clear-groups", "sh", "-c", '"$0" -V', path],
                      capture_output=True, check=False).returncode:
        raise unittest.SkipTest(f"{path}: no other user can run it")


def needs_ipv6():
    """Skip the test if there is none."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        raise unittest.SkipTest(f"no IPv6 on the loopback: {error}")


def end_of(connection):
    """Wait until the other side has closed; returns what it had sent."""
    received = b""
    while True:
        ready, _, _ = select.select([connection], [], [], PATIENCE)
        if not ready:
            raise AssertionError("the other side does not close")
        try:
            data = connection.recv(65536)
        except ConnectionResetError:
            return received
        if not data:
            return received
        received += data


def shared_directory():
    """A directory for what setUpModule() makes, until all tests have run."""
    directory = tempfile.TemporaryDirectory(prefix="portlog-")
    atexit.register(directory.cleanup)
    return directory.name


def set_up_once(module):
    """Make what a module's tests share before each has its own process."""
    if not hasattr(module, "setUpModule"):
        return
    with contextlib.suppress(unittest.SkipTest):  # each of them will say why
        module.setUpModule()
        module.setUpModule = lambda: None


def each(suite):
    """The tests of a suite, one by one."""
    for test in suite:
        yield from each(test) if isinstance(test, unittest.TestSuite) else (
            test,)


def run_alone(test, output):
    """Run a test in this process, and end it."""
    passed = False
    try:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        passed = unittest.TextTestRunner(verbosity=2).run(
            unittest.TestSuite([test])).wasSuccessful()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(not passed)


def side_by_side(tests, jobs):
    """Run each test in a process of its own; the names of those that fail."""
    running, failed = {}, []
    while tests or running:
        if tests and len(running) < jobs:
            output = tempfile.TemporaryFile("w+", encoding="utf-8")
            pid = os.fork()
            if pid == 0:
                run_alone(tests[0], output)
            running[pid] = tests.pop(0).id(), output
            continue
        pid, status = os.wait()
        name, output = running.pop(pid)
        with output:
            output.seek(0)
            said = output.read()
        if status != 0:
            failed.append(name)
        # Of tests that pass, print the names only.
        print((said if status else said.partition("\n---")[0]).rstrip("\n"),
              flush=True)
    return failed


def main(jobs=1):
    """Run the tests of the calling file, so many of them side by side.

    More than one is for tests that mostly wait.  Those that are named on the
    command line run one after another, and so do all with PORTLOG_JOBS=1.
    """
    jobs = min(jobs, int(os.environ.get("PORTLOG_JOBS", jobs)))
    if jobs == 1 or len(sys.argv) > 1:
        unittest.main(verbosity=2)
    tests = list(each(unittest.defaultTestLoader.loadTestsFromName(
        "__main__")))
    begin, count = time.monotonic(), len(tests)
    set_up_once(sys.modules["__main__"])
    failed = side_by_side(tests, jobs)
    # Last, where a log that is cut still has them.
    for name in failed:
        print(f"FAIL: {name}")
    print(f"Ran {count} tests in {time.monotonic() - begin:.1f} s, {jobs} at "
          f"a time: {f'{len(failed)} FAILED' if failed else 'OK'}")
    sys.exit(bool(failed))
