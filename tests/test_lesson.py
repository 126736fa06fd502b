# SPDX-License-Identifier: MIT
"""The programs of etc/python-lesson.md, with portlogd as the server."""
import os
import re
import socket
import subprocess
import sys
import time
import unittest
from datetime import datetime, timezone

import harness
from harness import wait_for


def programs():
    """Those of the page, by its headings, with PORT in place of the port."""
    path = os.path.join(harness.TOP, "etc", "python-lesson.md")
    with open(path, encoding="utf-8") as file:
        found = re.findall(r"(?ms)^## (.*?)\n\n```python\n(.*?)```",
                           file.read())
    return {title: text.replace("8888", "PORT") for title, text in found}


UDP_CLIENT = programs()["UDP"]
TCP_CLIENT = programs()["TCP"]
TCP_LINES = programs()["TCP, with newlines"]
UDP_FLOOD = programs()["UDP, without a pause"]


def on_ipv6(program):
    return program.replace("AF_INET", "AF_INET6").replace("localhost", "::1")


def seconds_of(record):
    """A record's time, as time.time() counts."""
    made = datetime.strptime(record.time, "%Y-%m-%dT%H:%M:%S.%fZ")
    return made.replace(tzinfo=timezone.utc).timestamp()


def has_localhost():
    try:
        return socket.gethostbyname("localhost") == "127.0.0.1"
    except OSError:
        return False


@unittest.skipUnless(has_localhost(), "localhost has no address here")
class Lesson(harness.Case):

    def client(self, program, port):
        """Run a program of the lesson; its input comes through a pipe."""
        process = subprocess.Popen(
            [sys.executable, "-c", program.replace("PORT", str(port))],
            stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=dict(os.environ, PYTHONIOENCODING="utf-8"))
        self.addCleanup(self.end_client, process)
        return process

    def end_client(self, process):
        process.kill()
        process.stdin.close()
        process.wait()

    def say(self, client, text):
        client.stdin.write(text.encode("utf-8") + b"\n")
        client.stdin.flush()

    def check_udp_client(self, program, host):
        daemon = self.daemon("-l", "udp:0")
        client = self.client(program, daemon.port())
        self.say(client, "hello")
        daemon.wait_for_data(1)
        self.say(client, "grüße, 世界")
        self.say(client, "")
        daemon.wait_for_data(3)
        records = daemon.records()
        self.assertEqual([(r.tag, r.data) for r in records],
                         [("F", "hello"), ("F", "grüße, 世界"), ("F", "")])
        self.assertEqual({r.peer.rpartition(":")[0] for r in records}, {host})

    def test_udp_client_is_logged_input_by_input(self):
        self.check_udp_client(UDP_CLIENT, "127.0.0.1")

    def test_udp_client_on_ipv6(self):
        self.check_udp_client(on_ipv6(UDP_CLIENT), "[::1]")

    def check_tcp_client(self, program, host):
        """Data without a newline are logged all the same."""
        daemon = self.daemon(config="""
            listeners = ({ protocol = "tcp"; port = 0; });
            connection_notes = "all";""")
        client = self.client(program, daemon.port())
        daemon.wait_for_note("opened")
        said = time.time()
        self.say(client, "hello")
        daemon.wait_for_data(1)
        shown = time.time()
        self.assertLess(shown - said, 4)
        # Its time is that of the read, before flush_timeout.
        read = seconds_of(daemon.records()[-1])
        self.assertGreater(read, said - 0.001)
        self.assertGreater(shown - read, 0.9)
        self.say(client, "grüße")
        daemon.wait_for_data(2)
        client.stdin.close()
        daemon.wait_for_note("closed")
        records = daemon.records()
        self.assertEqual([(r.tag, r.data) for r in records[1:4]],
                         [("P", "hello"), ("P", "grüße"), ("E", "")])
        event, keys = records[4].note()
        self.assertEqual((event, keys["reason"], keys["records"],
                          keys["bytes"]), ("closed", "eof", "1", "12"))
        self.assertEqual({r.peer.rpartition(":")[0] for r in records}, {host})

    def test_tcp_client_shows_within_about_a_second_without_newline(self):
        self.check_tcp_client(TCP_CLIENT, "127.0.0.1")

    def test_tcp_client_on_ipv6(self):
        self.check_tcp_client(on_ipv6(TCP_CLIENT), "[::1]")

    def test_tcp_client_with_newlines_is_logged_line_by_line(self):
        # Not because of the timeout: nothing is shown before a newline.
        daemon = self.daemon(config="""
            listeners = ({ protocol = "tcp"; port = 0; flush_timeout = 0; });
            """)
        client = self.client(TCP_LINES, daemon.port())
        for count, text in enumerate(("hello", "wie geht es dir"), 1):
            self.say(client, text)
            daemon.wait_for_data(count)
        self.assertEqual([(r.tag, r.data) for r in daemon.records()],
                         [("F", "hello"), ("F", "wie geht es dir")])

    def test_tcp_clients_at_once_have_a_thread_each(self):
        daemon = self.daemon(config="""
            listeners = ({ protocol = "tcp"; port = 0; flush_timeout = 50; });
            """)
        clients = [self.client(TCP_CLIENT, daemon.port()) for _ in range(5)]
        wait_for(lambda: daemon.threads("conn") == 5, "5 threads")
        for number in (4, 0, 2, 1, 3, 0, 4):
            shown = len(daemon.data())
            self.say(clients[number], f"I am {number}")
            self.assertEqual(daemon.wait_for_data(shown + 1)[shown:],
                             [f"I am {number}"])
        self.assertEqual(daemon.threads("conn"), 5)
        self.assertEqual(len({r.peer for r in daemon.records()}), 5)
        clients[2].stdin.close()
        wait_for(lambda: daemon.threads("conn") == 4, "a thread less")
        self.say(clients[3], "still here")
        wait_for(lambda: "still here" in daemon.data(), "the others")

    def check_flood(self, program, host):
        """An endless sender: all is logged, others are served, TERM ends."""
        daemon = self.daemon("-l", "udp:0")
        self.client(program, daemon.port())
        wait_for(lambda: os.path.getsize(daemon.out) > 200000, "a flood")
        other = self.udp(daemon, host="::1" if "[" in host else host)
        # Of so many datagrams one may be dropped: that is noted.
        def is_heard():
            other.send(b"may I?")
            return b" F may I?\n" in daemon.bytes()
        wait_for(is_heard, "another sender's datagram")
        self.assertEqual(daemon.stop(), 0)
        text = daemon.bytes().decode("ascii")
        self.assertTrue(text.endswith("\n"))
        lines = text.splitlines()
        self.assertGreater(len(lines), 1000)
        senders = set()
        for line in lines:
            record = harness.Record(line)
            if record.tag == "*":
                self.assertEqual(record.note()[0], "lost")
                continue
            self.assertEqual(record.tag, "F")
            self.assertIn(record.data, ("hello", "may I?"))
            senders.add(record.peer)
        self.assertEqual(len(senders), 2)
        self.assertEqual({s.rpartition(":")[0] for s in senders},
                         {host, harness.name_of(other).rpartition(":")[0]})

    def test_endless_udp_sender(self):
        self.check_flood(UDP_FLOOD, "127.0.0.1")

    def test_endless_udp_sender_on_ipv6(self):
        self.check_flood(on_ipv6(UDP_FLOOD), "[::1]")


if __name__ == "__main__":
    harness.main(jobs=4)
