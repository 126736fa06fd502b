# SPDX-License-Identifier: MIT
"""What kills may cost: each byte that was read is in the log or told.

A process that is killed has some bytes in hand.  The next one notes how many;
if the log has some of them already, it cannot know that.  So a note may count
what is there, but nothing may be missing that no note counts.
"""
import bisect
import collections
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
        self.framing = stream.framing
        self.is_counted = bool(self.framing.head(b"x"))
        self.places = [(0, 0)]
        self.logged = 0
        self.starts, self.bodies, frames, at = [], [], [], 0
        for number in range(stream.number):
            data = accounting.record(stream.sender, number, stream.spread)
            frames.append(self.framing.frame(data))
            self.starts.append(at)
            self.bodies.append(at + len(self.framing.head(data)))
            at += len(frames[-1])
        self.starts.append(at)
        self.bodies.append(at)
        self.bytes = b"".join(frames)

    def frames_of(self, tag, data):
        """What may have been sent for this line, to its end."""
        if tag != "F":
            return {data}
        head = self.framing.head(data) if self.is_counted else b""
        return {head + data + end for end in self.framing.ends}

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
        for first, last in self.places:
            for whole in self.frames_of(tag, data):
                for at in self.find(whole, first, last):
                    yield at + len(whole), len(whole)
            if not self.is_counted:
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


def entries_of(content, kills, parse=accounting.from_text):
    """The entries of a log.  Each kill may have cut a line."""
    entries, cut = [], 0
    for line in content.split(b"\n")[:-1]:
        try:
            entries.append(parse(line))
        except (AssertionError, ValueError):
            cut += 1
    if cut > kills:
        raise AssertionError(f"{cut} lines are cut, of {kills} kills")
    return entries


def counted(entries, what):
    """The sum of the notes that count this, such as "lost bytes"."""
    matches = (re.match(what + r"=(\d+)( |\Z)", e.data)
               for e in entries if e.tag == "*")
    return sum(int(match[1]) for match in matches if match)


def lost_bytes(note):
    match = re.match(r"lost bytes=(\d+)\Z", note)
    return int(match[1]) if match else 0


def ends_in(entries):
    """(reason, bytes) of each note of an end.

    A kill behind such a note may have it written again.
    """
    found = (re.match(r"closed reason=(\S+) .* bytes=(\d+) ", e.data)
             for e in entries if e.tag == "*")
    return [(match[1], int(match[2])) for match in found if match]


def is_whole(stream, entry, later):
    """Whether no record was torn there, by a restart for example."""
    if entry.tag == "P":  # it was cut before a character
        return len(entry.data) > stream.max_record - 4
    return entry.tag == "F" or all(e.tag == "*" for e in later)


def check_killed(stream, entries, kills):
    """Each byte of a stream is in the log or told; none is there twice.

    entries are all that the log has of it.  kills is how many of the processes
    that served it were killed.  Returns how many bytes were told as lost that
    are in the log.
    """
    cursor, lost, end = Cursor(stream), [], stream.sent
    for at, entry in enumerate(entries):
        later = entries[at + 1:at + 2]
        if entry.tag == "*":
            lost += filter(None, [lost_bytes(entry.data)])
            cursor.lose(lost_bytes(entry.data))
        elif not (is_whole(stream, entry, later) and
                  cursor.take(entry.tag, entry.data)) and not (
                later and later[0].tag == "*" and lost_bytes(later[0].data)):
            # But a kill may have cut a line in its data: that is told.
            raise AssertionError(f"{stream.sender}: {entry!r} does not follow "
                                 f"at {cursor.places[:9]!r}")
    for reason, count in ends_in(entries):
        if reason == "eof" and count != stream.sent:
            raise AssertionError(f"{stream.sender}: {stream.sent} bytes were "
                                 f"sent to the end, and {count} came")
        end = count
    if not cursor.may_be_at(end):
        raise AssertionError(f"{stream.sender}: {end} bytes came, the log "
                             f"ends at {cursor.places[:9]!r}")
    twice = sum(lost) - (end - cursor.logged)
    if twice > kills * IN_HAND or len(lost) > kills:
        raise AssertionError(f"{stream.sender}: {twice} bytes are told as "
                             f"lost and in the log, in {len(lost)} notes of "
                             f"{kills} kills")
    return twice


def check_end(stream, entries, kills):
    """What the kernel took of a stream that has ended is in the log or told.

    Who saw its end in order has all of it there.  Of a connection younger than
    a second, a kill loses what was not read yet; its peer sees a reset.
    """
    ends = ends_in(entries)
    if stream.ended and ("eof", stream.sent) not in ends:
        raise AssertionError(f"{stream.sender}: it saw its end in order, the "
                             f"log has {ends!r} of {stream.sent} bytes")
    if stream.ended or not stream.acked:
        return
    if not all(reason in ("eof", "reset") and count >= stream.acked or
               reason == "killed" and kills for reason, count in ends) or not (
                   ends or kills):
        raise AssertionError(f"{stream.sender}: the log has {ends!r} of "
                             f"{stream.acked} bytes that were taken")


def check_killed_datagrams(senders, entries, kills, vanished=0):
    """The same for all the senders to a socket, in datagrams.

    What was refused is told as well.  So many may not have come to it.
    """
    lost = counted(entries, "(?:lost|refused) datagrams")
    whole = sum(whole_datagrams(sender, [e for e in entries if e.tag != "*" and
                                         e.peer == sender.peer], kills)
                for sender in senders)
    sent = sum(sender.sent for sender in senders)
    twice = whole + lost - sent
    if not -vanished <= twice <= READ * kills:
        raise AssertionError(f"{senders[0].listener}: {sent} sent, {whole} in "
                             f"the log, {lost} told as lost")
    return twice


def whole_datagrams(sender, entries, kills):
    """How many datagrams of a sender are in the log; kills may cut some."""
    last, cut, lines = (-1, 0), [], collections.Counter()
    for entry in entries:
        place = sender.place_of(entry.tag, entry.data)
        if not place:
            cut.append(entry)
        elif place <= last:
            raise AssertionError(f"{sender.sender}: {entry!r} comes twice, or "
                                 f"after {last}")
        else:
            last = place
            lines[place[0]] += 1
    if len(cut) > kills:
        raise AssertionError(f"{sender.sender}: not as sent: {cut[:3]!r}")
    return sum(count == sender.lines for count in lines.values())


def check(entries, streams, datagrams, kills, vanished=0):
    """All these senders were served by processes of which some were killed.

    Returns of how many streams, which kills have reset, nothing is told.
    """
    of_peers, of_listeners = (collections.defaultdict(list) for _ in range(2))
    listeners = {d.listener for d in datagrams}
    for entry in entries:
        if entry.listener in listeners:
            of_listeners[entry.listener].append(entry)
        else:
            of_peers[entry.peer].append(entry)
    for stream in streams:
        check_end(stream, of_peers[stream.peer], kills)
        if of_peers[stream.peer]:
            check_killed(stream, of_peers[stream.peer], kills)
    for name in listeners:
        check_killed_datagrams([d for d in datagrams if d.listener == name],
                               of_listeners[name], kills, vanished)
    return sum(s.acked > 0 and not of_peers[s.peer] for s in streams)
