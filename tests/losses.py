# SPDX-License-Identifier: MIT
"""What kills may cost: each byte that was read is in the log or told.

A process that is killed has some bytes in hand.  The next one notes how many;
if the log has some of them already, it cannot know that.  So a note may count
what is there, but nothing may be missing that no note counts.
"""
import bisect
import re

import accounting

IN_HAND = 65536  # about the most that a process reads before it writes
READ = 64  # datagrams


class Cursor:
    """How far the log of a stream has come: intervals of its bytes.

    A note says how many bytes are lost, but not where: they end between the
    last record and that many bytes behind it.  The next record shows where.
    """

    def __init__(self, stream):
        frames = [stream.frame(n) for n in range(stream.number)]
        self.framing = stream.framing
        self.counted = stream.framing not in accounting.ENDS
        self.end = accounting.ENDS.get(stream.framing, b"")
        self.bytes = b"".join(frames)
        self.places = [(0, 0)]
        self.logged = 0
        self.starts, self.bodies, at = [], [], 0
        for frame in frames:
            self.starts.append(at)
            self.bodies.append(at + self.head_of(frame))
            at += len(frame)
        self.starts.append(at)
        self.bodies.append(at)

    def head_of(self, frame):
        """The size of the count or length before its data."""
        if self.framing == accounting.LENGTH:
            return 2
        return frame.index(b" ") + 1 if self.counted else 0

    def frame_of(self, tag, data):
        if self.framing == accounting.LENGTH:
            return len(data).to_bytes(2, "big") + data
        if self.counted:
            return b"%d %s" % (len(data), data)
        return data + self.end if tag == "F" else data

    def behind_count(self, at):
        """A count that was read is neither in the log nor lost."""
        return max(at, self.bodies[bisect.bisect(self.starts, at) - 1])

    def lose(self, count):
        places = []
        for first, last in self.places:
            last = min(self.behind_count(last) + count, len(self.bytes))
            if places and first <= places[-1][1]:
                first, last = places[-1][0], max(last, places.pop()[1])
            places.append((first, last))
        self.places = places

    def find(self, data, first, last):
        """Where data begins between these places."""
        at = self.bytes.find(data, first, last + len(data))
        while at >= 0:
            yield at
            at = self.bytes.find(data, at + 1, last + len(data))

    def ends_of(self, tag, data):
        """(end, length) of the record wherever it may be."""
        whole = self.frame_of(tag, data)
        for first, last in self.places:
            for at in self.find(whole, first, last):
                yield at + len(whole), len(whole)
            if not self.counted:
                continue
            for at in self.find(data, self.behind_count(first),
                                self.behind_count(last)):
                end = at + len(data)
                if tag != "F" or end in (self.starts[
                        bisect.bisect_left(self.starts, end)],):
                    yield end, len(data)

    def take(self, tag, data):
        """The log has this record next; returns whether that can be."""
        ends = list(self.ends_of(tag, data))
        if not ends:
            return False
        self.places = [(end, end) for end in sorted({e for e, _ in ends})]
        self.logged += max(size for _, size in ends)
        return True

    def may_be_at(self, at):
        return any(first <= at <= max(last, self.behind_count(last))
                   for first, last in self.places)


def entries_of(content, kills):
    """The entries of a log.  Each kill may have cut a line."""
    entries, cut = [], 0
    for line in content.split(b"\n")[:-1]:
        try:
            entries.append(accounting.from_text(line))
        except (AssertionError, UnicodeDecodeError):
            cut += 1
    if cut > kills:
        raise AssertionError(f"{cut} lines are cut, of {kills} kills")
    return entries


def lost_bytes(note):
    match = re.match(r"lost bytes=(\d+)\Z", note)
    return int(match[1]) if match else 0


def check_killed(stream, entries, kills):
    """Each byte of a stream is in the log or told; none is there twice.

    entries are all that the log has of it.  kills is how many of the processes
    that served it were killed.  Returns how many bytes were told as lost that
    are in the log.
    """
    cursor, lost, end = Cursor(stream), 0, stream.sent
    for entry, after in zip(entries, [*entries[1:], None]):
        if entry.tag == "*":
            lost += lost_bytes(entry.data)
            cursor.lose(lost_bytes(entry.data))
            match = re.match(r"closed reason=(\S+) .* bytes=(\d+) ",
                             entry.data)
            if match and match[1] != "eof":
                end = int(match[2])
            elif match and int(match[2]) != end:
                raise AssertionError(f"{stream.sender}: of {end} bytes "
                                     f"{entry.data}")
        elif not cursor.take(entry.tag, entry.data) and not (
                after and after.tag == "*" and lost_bytes(after.data)):
            # But a kill may have cut a line in its data: that is told.
            raise AssertionError(f"{stream.sender}: {entry!r} does not follow "
                                 f"at {cursor.places[:9]!r}")
    if not cursor.may_be_at(end):
        raise AssertionError(f"{stream.sender}: {end} bytes came, the log "
                             f"ends at {cursor.places[:9]!r}")
    twice = lost - (end - cursor.logged)
    if twice > kills * IN_HAND:
        raise AssertionError(f"{stream.sender}: {twice} bytes are told as "
                             f"lost and in the log, of {kills} kills")
    return twice


def check_killed_datagrams(sender, entries, kills):
    """The same for the only sender to a UDP socket, in datagrams."""
    lost, numbers, cut = 0, [], 0
    for entry in entries:
        if entry.tag == "*":
            lost += accounting.lost_in(entry.data)
            continue
        try:
            numbers.append(accounting.number_of(sender, entry.data))
        except AssertionError:
            cut += 1
    if cut > kills or numbers != sorted(set(numbers)):
        raise AssertionError(f"{sender.sender}: cut, out of order or twice")
    twice = len(numbers) + lost - sender.sent
    if not 0 <= twice <= READ * kills:
        raise AssertionError(f"{sender.sender}: {sender.sent} sent, "
                             f"{len(numbers)} in the log, {lost} told as lost")
    return twice
