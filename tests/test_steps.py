# SPDX-License-Identifier: MIT
"""KILL at each step of a restart: between any two system calls.

By default at some of the steps; with PORTLOG_TURNS=100 at all of them.
"""
import random
import socket
from signal import SIGKILL, SIGTERM

import accounting
import harness
import keeper
import losses
from harness import TURNS
from keeper import tcp, udp
from tracer import Steps

LINE, COUNTED, UDP = (tcp("line"), tcp("counted", 'framing = "octet-counted";'),
                      udp("dgram"))
STRIDE = max(1, 100 // TURNS) | 1  # odd: restarts and kills take turns
YOUNG = 6  # of these peers are there at a time, or a restart has ever more steps


class AtEachStep(keeper.Case):
    """Peers that were there before, some that are new, and datagrams."""

    def serve_load(self):
        daemon = self.serve(LINE, COUNTED, UDP)
        self.kills = 0
        for name, number, framing in (("a", 0, accounting.LF),
                                      ("b", 1, accounting.COUNTED)):
            self.stream(daemon, name, number, kind=accounting.Halves, burst=3,
                        rate=300, framing=framing)
        self.datagrams_of(daemon, "c", 2, rate=300)
        daemon.wait_until_sent()
        return daemon

    def add_young(self, daemon):
        """A peer that may not be in flight yet, with a name of its own.

        The port of one that was reset may be given to another.
        """
        count = len(self.streams)
        host = f"127.1.{count // 250}.{count % 250 + 1}"
        connection = socket.create_connection(
            ("127.0.0.1", daemon.port(count % 2)), harness.PATIENCE,
            source_address=(host, 0))
        self.begin(accounting.Halves(
            connection, "y", burst=1, limit=3, framing=(
                accounting.LF, accounting.COUNTED)[count % 2]), self.streams)

    def end_sender(self, sender):
        try:
            sender.finish()
        except OSError:
            sender.cut_off = True
            sender.abandon()

    def end_old(self):
        for sender in self.streams[2:][-YOUNG - 1:-YOUNG]:
            self.end_sender(sender)

    def finish(self, daemon):
        """End all streams, and check the log."""
        for sender in self.senders():
            if sender.connection.fileno() >= 0:
                self.end_sender(sender)
        self.assertEqual(daemon.stop(), 0)
        entries = losses.entries_of(daemon.bytes(self.log), self.kills)
        losses.check(entries, self.streams, self.datagrams, self.kills)
        for sender in (*self.streams[:2], *self.datagrams):
            self.assertFalse(sender.cut_off)

    def test_of_a_handover(self):
        daemon, step = self.serve_load(), random.randint(1, STRIDE)
        is_killed = True
        while is_killed:
            self.add_young(daemon)
            steps = Steps(daemon)
            daemon.signal(SIGTERM)
            is_killed = steps.kill_at(step)
            self.kills += is_killed
            step += STRIDE
            daemon.wait()
            daemon.start()
            self.end_old()
        self.finish(daemon)

    def test_of_a_take_over(self):
        daemon, step = self.serve_load(), random.randint(1, STRIDE)
        is_killed = True
        while is_killed:
            self.add_young(daemon)
            if step % 2:
                daemon.leave()
            else:
                daemon.signal(SIGKILL)
                daemon.wait()
                self.kills += 1
            ready = len(daemon.keeper.heard("READY"))
            daemon.launch()
            is_killed = Steps(daemon).kill_at(step, lambda n=ready: len(
                daemon.keeper.heard("READY")) > n)
            self.kills += 1
            step += STRIDE
            daemon.wait()
            daemon.start()
            self.end_old()
        self.finish(daemon)


if __name__ == "__main__":
    harness.main(jobs=2)
