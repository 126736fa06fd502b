# SPDX-License-Identifier: MIT
"""The receivers: how each is started for one load.

Each has the same receive buffer for UDP, no DNS, and room for the connections
of all loads; all else is the default.
"""
import base64
import glob
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
PORTLOGD = os.environ.get("PORTLOGD", "./portlogd")
# sender and limit, and peers that were unpacked there.
TOOLS = os.environ.get("BENCH_TOOLS") or os.path.join(
    os.path.dirname(os.path.abspath(PORTLOGD)), "bench")
SYSLOG_NG = os.environ.get("SYSLOG_NG_ROOT",
                           os.path.join(TOOLS, "syslog-ng"))
RECEIVE_BUFFER = 8 << 20
MAX_CONNECTIONS = 12_000


@dataclass
class Setup:
    """What a receiver is started with; the directory is for it alone."""
    directory: str
    port: int
    protocol: str
    tls: bool = False
    line_bytes: int = 0  # of the load

    @property
    def log(self):
        return os.path.join(self.directory, "log")

    def certify(self):
        """Make a certificate for this run; returns the paths of it and of its
        key."""
        paths = [os.path.join(self.directory, name)
                 for name in ("certificate.pem", "key.pem")]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
             "-out", paths[0], "-keyout", paths[1]],
            check=True, stderr=subprocess.DEVNULL)
        return paths

    def write(self, text):
        """Write a configuration; returns its path."""
        path = os.path.join(self.directory, "conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def find(program):
    return shutil.which(program, path=os.environ.get("PATH", "") +
                        ":/usr/local/sbin:/usr/sbin:/sbin")


def version_of(program, option, environment=None):
    """The number of its version; "?" if it prints none."""
    said = subprocess.run(
        [program, option], text=True, check=False, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, **(environment or {})}).stdout
    number = re.search(r"\d+(\.\d+)+", said)
    return number.group() if number else "?"


class Receiver:
    """program must be installed for it."""
    program = None
    protocols = ("tcp", "udp")
    speaks_tls = False
    frames = True  # its log has lines; else count bytes
    columns = 0  # bytes that it writes more for each of these lines
    environment = {}
    version_option = "--version"

    def version(self):
        """Of its program; "": that has none."""
        return (self.version_option and
                version_of(self.program, self.version_option,
                           self.environment) or "")

    def is_there(self):
        return self.program is not None

    def shown(self, line):
        """The end of a line of the log, or the last that is sure of it."""
        return line + b"\n"

    def command(self, setup):
        raise NotImplementedError


class Portlogd(Receiver):
    version_option = "-V"
    speaks_tls = True

    def __init__(self, program=PORTLOGD, format="text", sync="", threads=1):
        self.program = find(program)
        self.format = format
        self.sync = sync and f'sync = "{sync}";'
        self.threads = threads
        if threads > 1:
            self.protocols = ("udp",)

    def shown(self, line):
        if self.format == "raw":
            return line + b"\n"
        if self.format == "text":
            return line.replace(b"\xff", b"\\xff") + b"\n"
        if b"\xff" in line:
            line = base64.b64encode(line)
        return line + b'"}\n'

    def command(self, setup):
        tls = ('tls = {{ certificate = "{}"; key = "{}"; }};'
               .format(*setup.certify()) if setup.tls else "")
        threads = f"threads = {self.threads};" if self.threads > 1 else ""
        return [self.program, "-c", setup.write(f"""
listeners = ( {{ protocol = "{setup.protocol}"; port = {setup.port};
                {tls} {threads} }} );
limits = {{ max_connections = {MAX_CONNECTIONS}; }};
outputs = ( {{ type = "file"; path = "{setup.log}";
               format = "{self.format}"; {self.sync} }} );
""")]


class Limit(Receiver):
    program = find(os.path.join(TOOLS, "limit"))
    frames = False
    version_option = None

    def command(self, setup):
        return [self.program, setup.protocol, str(setup.port), setup.log]


class LimitOfLines(Limit):
    """Writes as many bytes as portlogd: 56 more for each line."""
    protocols = ("tcp",)
    columns = 56

    def command(self, setup):
        return super().command(setup) + [str(setup.line_bytes)]


class Stunnel(Portlogd):
    """TLS ends before portlogd."""

    def is_there(self):
        return super().is_there() and find("stunnel4") is not None

    def version(self):
        return version_of(find("stunnel4"), "-version")

    def command(self, setup):
        certificate, key = setup.certify()
        inner = Setup(setup.directory, setup.port + 1, setup.protocol)
        conf = os.path.join(setup.directory, "stunnel")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(f"""foreground = yes
pid =
debug = err
socket = l:SO_REUSEADDR=1
[in]
accept = {setup.port}
connect = 127.0.0.1:{inner.port}
cert = {certificate}
key = {key}
""")
        return ["/bin/sh", "-c", '"$0" "$1" & shift; exec "$@"',
                find("stunnel4"), conf, *super().command(inner)]


class Rsyslog(Receiver):
    program = find("rsyslogd")
    version_option = "-v"
    speaks_tls = True

    def __init__(self, sync="off"):
        self.sync = sync

    @staticmethod
    def tls_source(setup):
        certificate, key = setup.certify()
        return f"""global(defaultNetstreamDriver="ossl"
       defaultNetstreamDriverCAFile="{certificate}"
       defaultNetstreamDriverCertFile="{certificate}"
       defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1"
       streamDriver.authMode="anon" maxSessions="{MAX_CONNECTIONS}")
input(type="imtcp" port="{setup.port}" socketBacklog="4096")"""

    def command(self, setup):
        source = {
            "tcp": f'module(load="imptcp")\n'
                   f'input(type="imptcp" port="{setup.port}" '
                   f'socketBacklog="4096")',
            "udp": f'module(load="imudp")\n'
                   f'input(type="imudp" port="{setup.port}" '
                   f'rcvbufSize="{RECEIVE_BUFFER}")'}[setup.protocol]
        if setup.tls:
            source = self.tls_source(setup)
        conf = setup.write(f"""
global(workDirectory="{setup.directory}" net.enableDNS="off"
       maxMessageSize="128k")
{source}
template(name="line" type="string"
    string="%timegenerated:::date-rfc3339% %fromhost-ip% %rawmsg%\\n")
action(type="omfile" file="{setup.log}" template="line" sync="{self.sync}")
""")
        return [self.program, "-n", "-f", conf, "-i",
                os.path.join(setup.directory, "pid")]


class SyslogNg(Receiver):
    """From a package that was only unpacked: it can't be installed together
    with rsyslog."""
    speaks_tls = True
    window = 100 * MAX_CONNECTIONS  # records: as its manual says

    def __init__(self, fsync="no"):
        self.fsync = fsync
        root = os.path.join(SYSLOG_NG, "usr")
        self.program = find("syslog-ng") or find(f"{root}/sbin/syslog-ng")
        self.is_unpacked = bool(self.program and
                                self.program.startswith(root))
        if self.is_unpacked:
            self.modules = ":".join(glob.glob(f"{root}/lib/syslog-ng/[0-9]*"))
            libraries = [f"{root}/lib/syslog-ng",
                         *glob.glob(f"{root}/lib/*-linux-*")]
            self.environment = {"LD_LIBRARY_PATH": ":".join(libraries)}

    def command(self, setup):
        kind, tls = setup.protocol, ""
        if setup.tls:
            kind, tls = "tls", ('tls(cert-file("{}") key-file("{}") '
                                'peer-verify(optional-untrusted))'
                                .format(*setup.certify()))
        conf = setup.write(f"""@version: current
options {{ use-dns(no); dns-cache(no); stats-freq(0);
          log-msg-size(131072); }};
source in {{ network(transport("{kind}") port({setup.port}) {tls}
    flags(no-parse) max-connections({MAX_CONNECTIONS}) listen-backlog(4096)
    log-iw-size({self.window}) so-rcvbuf({RECEIVE_BUFFER})); }};
destination out {{ file("{setup.log}" log-fifo-size({self.window})
    fsync({self.fsync}) template("$ISODATE $SOURCEIP $MSG\\n")); }};
log {{ source(in); destination(out); flags(flow-control); }};
""")
        persist, pid, control = (os.path.join(setup.directory, name)
                                 for name in ("persist", "pid", "control"))
        command = [self.program, "-F", "--no-caps", "-f", conf,
                   "-R", persist, "-p", pid, "-c", control]
        if self.is_unpacked:
            command += [f"--module-path={self.modules}"]
        return command


class Socat(Receiver):
    program = find("socat")
    frames = False
    version_option = "-V"

    def command(self, setup):
        source = {"tcp": f"TCP4-LISTEN:{setup.port},fork,backlog=4096",
                  "udp": f"UDP4-RECV:{setup.port},rcvbuf={RECEIVE_BUFFER}"}
        return [self.program, "-u", source[setup.protocol],
                f"OPEN:{setup.log},creat,append"]


class Ncat(Receiver):
    program = find("ncat")
    protocols = ("tcp",)
    frames = False

    def command(self, setup):
        return ["/bin/sh", "-c", 'exec "$@" >>"$0"', setup.log, self.program,
                "-4lk", "-m", str(MAX_CONNECTIONS), "--recv-only",
                str(setup.port)]


class Tutorial(Receiver):
    program = sys.executable
    protocols = ("tcp",)

    def command(self, setup):
        return [self.program, os.path.join(HERE, "tutorial.py"),
                str(setup.port), setup.log]


ALL = {
    "portlogd": Portlogd(),
    "portlogd-json": Portlogd(format="json"),
    "portlogd-raw": Portlogd(format="raw"),
    "portlogd-receipt": Portlogd(sync="receipt"),
    "portlogd-always": Portlogd(sync="always"),
    "portlogd-threads": Portlogd(threads=2),
    "limit": Limit(),
    "limit-lines": LimitOfLines(),
    "rsyslog": Rsyslog(),
    "rsyslog-sync": Rsyslog(sync="on"),
    "syslog-ng": SyslogNg(),
    "syslog-ng-fsync": SyslogNg(fsync="yes"),
    "stunnel": Stunnel(),
    "socat": Socat(),
    "ncat": Ncat(),
    "python": Tutorial(),
}


def named(name):
    """Find a receiver; NAME=PROGRAM is another build of portlogd, and
    NAME-always=PROGRAM or NAME-receipt=PROGRAM is it with that sync."""
    if "=" in name:
        name, program = name.split("=", 1)
        sync = re.search(r"-(always|receipt)$", name)
        return Portlogd(program, sync=sync.group(1) if sync else "")
    if name not in ALL:
        raise SystemExit(f"no receiver {name}: " + ", ".join(ALL))
    return ALL[name]
