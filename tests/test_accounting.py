# SPDX-License-Identifier: MIT
"""accounting.py: a log in which anything is missing or wrong is refused."""
import unittest

import accounting
import harness

TIME = "2026-11-23T07:12:01.123456Z"


class Peer:
    """A sender that has sent all, as accounting.Sender would."""

    def __init__(self, name, peer, count, ended=True):
        self.sender, self.peer, self.spread = name, peer, 40
        self.framing, self.ended, self.listener = accounting.LF, ended, "udp/1"
        self.frames = [self.frame(n) for n in range(count)]
        self.sent = self.acked = sum(map(len, self.frames))

    def frame(self, number):
        return accounting.record(self.sender, number, self.spread) + b"\n"


def line(listener, peer, tag, data):
    escaped = "".join(
        chr(b) if 0x20 <= b < 0x7f and b != 0x5c else
        "\\\\" if b == 0x5c else f"\\x{b:02x}" for b in data)
    return f"{TIME} {listener} {peer} {tag} {escaped}\n".encode()


class Checks(unittest.TestCase):
    """Logs made by hand, right and wrong."""

    def stream(self, ended=True):
        peer = Peer(b"a", "127.0.0.1:1", 5, ended)
        return peer, [line("tcp/1", peer.peer, "F", f[:-1])
                      for f in peer.frames]

    def datagrams(self):
        """Six were sent; numbers 2 and 3 are lost."""
        peer = Peer(b"b", "127.0.0.1:2", 6)
        peer.sent = 6
        lines = [line("udp/1", peer.peer, "F", f[:-1]) for f in peer.frames]
        lines[2:4] = [line("udp/1", "-", "*", b"lost datagrams=2")]
        return peer, lines

    def assert_broken(self, lines, streams=(), datagrams=()):
        with self.assertRaises(AssertionError):
            accounting.check(b"".join(lines), streams, datagrams)

    def test_a_whole_stream_passes(self):
        peer, lines = self.stream()
        accounting.check(b"".join(lines), [peer])

    def test_pieces_are_joined(self):
        peer, lines = self.stream()
        data = peer.frames[4][:-1]
        lines[4:] = [line("tcp/1", peer.peer, "P", data[:3]),
                     line("tcp/1", peer.peer, "F", data[3:])]
        accounting.check(b"".join(lines), [peer])
        self.assert_broken(lines[:-1], [peer])

    def test_a_record_missing_twice_or_out_of_order_is_refused(self):
        peer, lines = self.stream()
        for broken in (lines[:2] + lines[3:], lines[:3] + lines[2:],
                       [lines[1], lines[0], *lines[2:]], lines[:-1], []):
            self.assert_broken(broken, [peer])

    def test_lines_torn_joined_or_altered_are_refused(self):
        peer, lines = self.stream()
        for broken in (lines[:-1] + [lines[-1][:-1]],
                       [lines[0][:-1], *lines[1:]],
                       [lines[0][:-2] + b"\n", *lines[1:]],
                       [lines[0][:-2] + b"~\n", *lines[1:]],
                       [b"\n", *lines]):
            self.assert_broken(broken, [peer])

    def test_an_end_without_acknowledged_bytes_is_refused(self):
        peer, lines = self.stream(ended=False)
        data = peer.frames[4][:-1]
        lines[4] = line("tcp/1", peer.peer, "E", data[:3])
        peer.acked = peer.sent - len(data) - 1 + 3
        accounting.check(b"".join(lines), [peer])
        peer.acked += 1
        self.assert_broken(lines, [peer])

    def test_a_note_with_another_count_of_bytes_is_refused(self):
        peer, lines = self.stream()
        note = b"closed reason=eof records=5 bytes=%d seconds=0.001"
        accounting.check(b"".join([*lines, line("tcp/1", peer.peer, "*",
                                                note % peer.sent)]), [peer])
        self.assert_broken([*lines, line("tcp/1", peer.peer, "*",
                                         note % (peer.sent + 1))], [peer])

    def test_datagrams_noted_as_lost_pass(self):
        peer, lines = self.datagrams()
        self.assertEqual(accounting.check(b"".join(lines), (), [peer]), 2)

    def test_a_loss_without_note_or_miscounted_is_refused(self):
        peer, lines = self.datagrams()
        for count in (b"", b"1", b"3"):
            lines[2] = count and line("udp/1", "-", "*",
                                      b"lost datagrams=" + count)
            self.assert_broken(lines, (), [peer])

    def test_a_note_at_another_place_is_refused(self):
        peer, lines = self.datagrams()
        self.assert_broken([*lines[:2], *lines[3:], lines[2]], (), [peer])
        self.assert_broken([lines[0], lines[2], lines[1], *lines[3:]], (),
                           [peer])

    def test_an_unknown_peer_is_refused(self):
        peer, lines = self.stream()
        self.assert_broken(
            [*lines, line("tcp/1", "127.0.0.1:9", "F", b"a.5.")], [peer])


class Daemon(accounting.Case):
    """A log of the daemon passes, in each format."""

    CONFIG = """
    limits = { flush_timeout = 1; max_record = 50; };
    listeners = (
      { protocol = "tcp"; port = 0; },
      { protocol = "tcp"; port = 0; name = "counted";
        framing = "octet-counted"; },
      { protocol = "udp"; port = 0; max_record = 65536; }
    );
    outputs = ( { type = "file"; path = "@DIR@/text"; },
      { type = "file"; path = "@DIR@/json"; format = "json"; } );
    """

    def test_streams_and_datagrams_are_all_there(self):
        daemon = self.daemon(config=self.CONFIG)
        for name in ("a", "b"):
            self.stream(daemon, name, limit=3000, rate=20000)
        self.stream(daemon, "c", 1, limit=3000, framing=accounting.COUNTED)
        self.datagrams_of(daemon, "d", 2, limit=3000, rate=20000)
        for sender in self.senders():
            harness.wait_for(lambda s=sender: not s.is_alive(), "all sent")
            sender.finish()
        self.assertEqual(daemon.stop(), 0)
        for path, parse in (("text", accounting.from_text),
                            ("json", accounting.from_json)):
            self.check_log(daemon.bytes(f"{daemon.dir}/{path}"), parse)
        self.assertIn("P", {r.tag for r in daemon.records(
            daemon.dir + "/text")})


if __name__ == "__main__":
    harness.main()
