# SPDX-License-Identifier: MIT
"""Every listener under load, and whatever may happen to a daemon, at random.

It is killed, crashes, restarts, stands still, and has its log rotated, in any
order.  Each byte that the kernel took is in the log, in order and as it was
sent, or the log tells how much is missing.

PORTLOG_SEED=N repeats what was done to it and by whom, though not at the very
same moments.  PORTLOG_TURNS=N: eight times as many things happen.
"""
import functools
import os
import random
import resource
import socket
import sys
import time
from signal import SIGCONT, SIGHUP, SIGKILL, SIGSEGV, SIGTERM

import accounting
import habits
import harness
import keeper
import losses
from accounting import length
from harness import TURNS, wait_for
from keeper import tcp, udp

MAX_RECORD = 1000
STREAMS = {
    "line": accounting.LINE, "lf": accounting.LF, "nul": accounting.NUL,
    "counted": accounting.COUNTED, "chunk": accounting.CHUNK,
    "delimiter": accounting.MLLP, "one": length(1), "two": length(2),
    "twolittle": length(2, "little"), "four": length(4),
    "fourlittle": length(4, "little"),
}
DATAGRAMS = ("datagram", "exact", "line")
# 127.1. and 127.2. are peers, whom a proxy tells of or not; 127.3. is a
# stranger.
LISTENERS = (
    *(tcp(name, framing.settings) for name, framing in STREAMS.items()),
    *(udp("u" + name, f'framing = "{name}";') for name in DATAGRAMS),
    udp("small", "receive_buffer = 4096;"),
    tcp("proxied", 'proxies = [ "127.1.0.0/16" ]; allow = [ "127.2.0.0/16" ];'),
    tcp("guarded", 'deny = [ "127.3.0.0/16" ];'),
    udp("uguarded", 'allow = [ "127.1.0.0/16" ];'),
    '{ protocol = "unix-stream"; name = "s"; path = "@DIR@/s"; }',
    '{ protocol = "unix-datagram"; name = "d"; path = "@DIR@/d"; }',
)
FORMATS = {"text": accounting.from_text, "json": accounting.from_json}
SANITIZERS = ("ASAN_OPTIONS", "TSAN_OPTIONS")


class Kills(keeper.Case):
    """One daemon, and all that may happen to it."""

    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("PORTLOG_SEED") or
                   random.randrange(1 << 32))
        print(f"PORTLOG_SEED={seed}", file=sys.stderr, flush=True)
        self.random = random.Random(seed)
        # A crash is no fault here: no report, and no core.
        for name in SANITIZERS:
            os.environ[name] = os.environ.get(name, "") + ":handle_segv=0"
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self.visitors, self.strangers, self.refused = [], [], None
        self.ports = {}
        self.kills = 0
        self.young = 0  # connections that a kill may have reset
        self.parts = {name: 0 for name in FORMATS}

    # Who sends.

    def start_streams(self):
        for name, framing in STREAMS.items():
            for habit in self.random.sample(sorted(habits.HABITS), 2):
                kind, options = habits.HABITS[habit]
                if name == "one":  # its records have at most 255 bytes
                    options = {**options, "spread": min(
                        200, options.get("spread", 100))}
                self.begin_at(name, kind, framing=framing, **options)
        self.begin_at("guarded", accounting.Halves, burst=3, rate=60)
        self.begin_at("proxied", accounting.Halves, burst=3, rate=60)
        self.begin_at("s", accounting.Halves, burst=3, rate=60)

    def begin_at(self, listener, kind, **options):
        connection, more = self.connect(listener, self.random)
        stream = kind(connection, habits.name(), **options, **more)
        stream.max_record = MAX_RECORD
        self.begin(stream, self.streams)

    def connect(self, listener, chance):
        if listener == "s":
            return self.unix(socket.SOCK_STREAM, "s")
        if listener == "proxied":
            return habits.connect_proxied(self.port(listener),
                                          chance.randint(1, 30))
        return habits.connect(self.port(listener))

    def unix(self, kind, name):
        end = socket.socket(socket.AF_UNIX, kind)
        end.settimeout(harness.PATIENCE)
        end.connect(f"{self.served.dir}/{name}")
        return end, {"peer": f"unix:uid={os.getuid()}:pid={os.getpid()}"}

    def port(self, name):
        """Each process has the same; only some have told so already."""
        if not self.ports:
            self.ports = {name: int(port or 0) for name, _, _, port in
                          self.served.listening}
        return self.ports[name]

    def start_datagrams(self):
        for name in DATAGRAMS:
            for spread in (100, 300 if name == "line" else 3000):
                self.send_to("u" + name, habits.datagram_socket(
                    self.port("u" + name)), framing=name, spread=spread)
        for name in ("small", "uguarded"):
            self.send_to(name, habits.datagram_socket(self.port(name)))
        stranger = self.send_to("uguarded", habits.datagram_socket(
            self.port("uguarded"), 3))
        self.datagrams.remove(stranger)
        self.strangers.append(stranger)
        connection, more = self.unix(socket.SOCK_DGRAM, "d")
        self.send_to("d", connection, **more)

    def send_to(self, listener, connection, rate=100, **options):
        sender = accounting.Datagrams(connection, habits.name(), rate=rate,
                                      listener=listener, **options)
        sender.max_record = MAX_RECORD
        return self.begin(sender, self.datagrams)

    def start_visitors(self):
        for name in ("line", "counted", "chunk", "twolittle", "proxied"):
            chance = random.Random(self.random.random())
            self.visitors.append(self.begin_visits(habits.Visitors(
                functools.partial(self.connect, name, chance),
                STREAMS.get(name, accounting.LF), MAX_RECORD, chance)))
        self.refused = self.begin_visits(habits.Visitors(
            lambda: habits.connect(self.port("guarded"), 3), accounting.LF,
            MAX_RECORD, random.Random(self.random.random()), ("wait",)))

    def begin_visits(self, visitors):
        self.addCleanup(visitors.finish)
        visitors.start()
        return visitors

    def senders(self):
        return [*super().senders(), *self.strangers, *self.visitors,
                self.refused]

    # What happens to it.

    def turn(self):
        self.random.choice((
            self.kill, self.kill, self.crash, self.restart, self.restart,
            self.restart_and_kill, self.start_and_kill, self.stand_still,
            self.rotate, self.rotate))()

    def pause(self):
        """A moment, in which the senders go on."""
        until = time.monotonic() + self.random.uniform(0, 0.1)
        wait_for(lambda: time.monotonic() > until)

    def died(self):
        """It did not end in order: count what that may cost."""
        daemon = self.served
        daemon.wait()
        self.kills += 1
        daemon.keeper.settle()
        self.young += len({c.cookie for c in daemon.open()} -
                          daemon.keeper.in_flight())

    def kill(self, number=SIGKILL):
        self.served.signal(number)
        self.died()
        self.pause()
        self.served.start()

    def crash(self):
        self.kill(SIGSEGV)

    def restart(self):
        self.served.restart()

    def restart_and_kill(self):
        """A kill while it ends, or when it has."""
        daemon = self.served
        daemon.keeper.job = "restart"
        daemon.signal(SIGTERM)
        self.pause()
        if daemon.process.poll() is None:
            daemon.signal(SIGKILL)
            self.died()
        else:
            self.assertEqual(daemon.wait(), 0, daemon.errors())
        daemon.start()

    def start_and_kill(self):
        """A kill while it starts, or when it has."""
        self.served.leave()
        self.assertNotIn("cannot restart", self.served.errors())
        self.served.launch()
        self.pause()
        self.served.signal(SIGKILL)
        self.died()
        self.served.start()

    def stand_still(self):
        harness.Daemon.freeze(self.served)
        self.random.choice([  # those over a Unix socket are held back
            sender for sender in self.datagrams if sender.listener != "d"
        ]).wait_for(self.random.randint(1, 40))
        self.served.signal(SIGCONT)

    def rotate(self):
        """Rename what was opened anew since the last time."""
        for name in FORMATS:
            path = f"{self.served.dir}/{name}"
            if os.path.exists(path):
                os.rename(path, f"{path}.{self.parts[name]}")
                self.parts[name] += 1
        self.served.signal(SIGHUP)

    # What is in the log.

    def content(self, name):
        """All of a log; a kill may have cut the last line of a file."""
        paths = [f"{self.served.dir}/{name}.{part}"
                 for part in range(self.parts[name])]
        parts = [self.served.bytes(path) for path in
                 (*paths, f"{self.served.dir}/{name}")]
        return b"".join(part + (b"" if part.endswith(b"\n") else b"\n")
                        for part in parts if part)

    def check(self, name):
        entries = losses.entries_of(self.content(name), self.kills,
                                    FORMATS[name])
        streams = self.streams + [visit for visitors in self.visitors
                                  for visit in visitors.visits]
        untold = losses.check(entries, streams,
                              self.datagrams + self.strangers, self.kills,
                              self.vanished())
        killed = sum(reason == "killed" for reason, _ in
                     losses.ends_in(entries))
        self.assertLessEqual(killed, self.young)
        # It may have accepted one and not have written so in the state.
        self.assertLessEqual(killed + untold, self.young + self.kills)
        self.check_refused(entries)

    def check_refused(self, entries):
        self.assertFalse([e for e in entries if e.tag != "*" and
                          e.peer.startswith("127.3.")])
        self.assertFalse(any(v.ended for v in self.refused.visits))
        # A kill may come between a reset and its count.
        self.assertGreaterEqual(
            losses.counted(entries, "refused connections") + self.kills,
            self.refused.number)

    def check_errors(self):
        """No sanitizer has seen a fault."""
        for number in range(1, self.served.starts + 1):
            with open(f"{self.served.dir}/err.{number}",
                      encoding="utf-8") as file:
                self.assertNotRegex(file.read(), "Sanitizer|runtime error")

    def crowd(self, count):
        """So many that are silent, and stay."""
        silent = [habits.connect(self.port("lf"))[0] for _ in range(count)]
        for end in silent:
            self.addCleanup(end.close)

    def test_whatever_happens_nothing_is_missing_that_is_not_told(self):
        self.check_all(crowd=0)

    def test_the_same_where_connections_begin_without_a_thread(self):
        self.check_all(crowd=256)

    def check_all(self, crowd):
        self.served = self.serve(
            *LISTENERS, path="@DIR@/text", more='}, { type = "file"; '
            'path = "@DIR@/json"; format = "json";',
            limits=f"max_record = {MAX_RECORD};")
        self.crowd(crowd)
        self.start_streams()
        # Those that are not accepted yet would be young at the first kill.
        wait_for(lambda: sum(
            listener.get("connections", 0) for listener in
            self.served.counters().values()) == crowd + len(self.streams),
            "all to be accepted")
        self.start_datagrams()
        self.start_visitors()
        self.served.wait_until_sent()
        for _ in range(8 * TURNS):
            for sender in self.random.sample(self.senders(), 4):
                sender.wait_for(self.random.randint(1, 5))
            self.turn()
        for sender in self.senders():
            sender.finish()
        self.assertFalse([s for s in super().senders() if s.cut_off])
        self.assertEqual(self.served.stop(), 0)
        self.check_errors()
        for name in FORMATS:
            self.check(name)


if __name__ == "__main__":
    harness.main(jobs=2)
