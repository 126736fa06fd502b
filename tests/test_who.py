# SPDX-License-Identifier: MIT
"""portlog who: the connections, and the senders of datagrams."""
import json
import os
import resource
import socket
import time

import harness
import keeper
import proxies
import test_status
from harness import name_of, portlog, tcp, udp, wait_for
from test_status import SOCKET, ask, dial

# As many as descriptors, or threads of a sanitizer, allow here.
MANY = min(4000 if harness.sanitized() else 10000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500)


def peers(objects):
    """Each line about a peer, by the peer's name in the log."""
    return {peer_of(o): o for o in objects if "peer" in o}


def peer_of(o):
    if "port" not in o:
        return o["peer"]
    return (f"[{o['peer']}]:{o['port']}" if ":" in o["peer"]
            else f"{o['peer']}:{o['port']}")


class Case(test_status.Case):
    def who(self, *arguments, code=0):
        ran = portlog("who", "-s", self.path, *arguments)
        self.assertEqual(ran.returncode, code, ran)
        self.said = ran.stderr.decode()
        return ran.stdout.decode()

    def json(self, *arguments):
        return [json.loads(line) for line in
                self.who("-j", *arguments).splitlines()]


class Connections(Case):
    def test_each_with_what_it_has_sent(self):
        daemon = self.serve()
        ends = [self.tcp(daemon) for _ in range(3)]
        for number, end in enumerate(ends):
            end.sendall(b"x\n" * number + b"half")
        name = daemon.listening[0][0]
        found = wait_for(lambda: (lambda p: sum(
            o["bytes"] for o in p.values()) == 18 and p)(
                peers(ask(self.path, "who"))))
        self.assertEqual(len(found), 3)
        for number, end in enumerate(ends):
            one = found[name_of(end)]
            self.assertEqual(
                {k: one[k] for k in ("listener", "protocol", "connection",
                                     "records", "unread")},
                {"listener": name, "protocol": "tcp",
                 "connection": number + 1, "records": number, "unread": 0})
            self.assertGreaterEqual(one["seconds"], one["idle_seconds"])

    def test_who_has_left_is_not_there(self):
        daemon = self.serve()
        with daemon.tcp():
            wait_for(lambda: peers(ask(self.path, "who")))
        wait_for(lambda: not peers(ask(self.path, "who")))

    def test_since_when_it_is_silent(self):
        daemon = self.serve()
        silent, busy = self.tcp(daemon), self.tcp(daemon)

        def is_seen():
            busy.sendall(b"x\n")
            found = peers(ask(self.path, "who"))
            return (len(found) == 2 and
                    found[name_of(silent)]["idle_seconds"] > 1 and
                    found[name_of(busy)]["idle_seconds"] < 0.5)
        wait_for(is_seen)

    def test_what_waits_in_the_kernel(self):
        daemon = self.serve(output='type = "file"; path = "/dev/full";',
                            limits="shutdown_timeout = 0;")
        daemon.exits = 1
        end = self.tcp(daemon)
        end.sendall(b"x\n")

        def is_told(key, value):
            found = peers(ask(self.path, "who")).get(name_of(end), {})
            return found.get(key) == value
        wait_for(lambda: is_told("bytes", 2))
        end.sendall(b"y\n" * 1000)
        wait_for(lambda: is_told("unread", 2000))

    def test_a_peer_over_ipv6_and_one_over_a_unix_socket(self):
        harness.needs_ipv6()
        daemon = self.serve(
            tcp(), '{ protocol = "unix-stream"; path = "@DIR@/u"; }')
        six = self.tcp(daemon, host="::1")
        with dial(daemon.dir + "/u"):
            unix = f"unix:uid={os.getuid()}:pid={os.getpid()}"
            found = wait_for(lambda: (lambda p: len(p) == 2 and p)(
                peers(ask(self.path, "who"))))
            self.assertEqual(set(found), {name_of(six), unix})
            self.assertIn(unix, self.who())

    def test_the_proxy_and_the_name(self):
        daemon = self.serve(
            tcp('proxies = [ "127.0.0.1" ];'), top=SOCKET +
            f'names = ( {{ address = "{proxies.SOURCE}"; name = "pump3"; }} );')
        end = self.tcp(daemon)
        wait_for(lambda: name_of(end) in peers(ask(self.path, "who")))
        end.sendall(proxies.v1() + b"x\n")
        told = f"{proxies.SOURCE}:{proxies.PORT}"
        found = wait_for(lambda: peers(ask(self.path, "who")).get(told))
        self.assertEqual((found["by"], found["name"]),
                         (name_of(end), "pump3"))


class Restart(keeper.Case):
    def test_counting_goes_on_over_a_restart_and_a_kill(self):
        daemon = keeper.Served(harness.to_file(keeper.tcp("t")) + SOCKET)
        self.addCleanup(self.end, daemon)
        self.log = daemon.dir + "/log"
        with daemon.tcp() as peer:
            for number, again in enumerate((daemon.restart, daemon.kill), 1):
                peer.sendall(b"abc\n")
                wait_for(lambda: len(self.told(daemon, peer)) == number)
                daemon.wait_until_sent()
                again()
                peer.sendall(b"")
                told = json.loads(wait_for(lambda: portlog(
                    "who", "-j", "-n", "1", "-s", daemon.dir + "/s"
                ).stdout).splitlines()[1])
                self.assertEqual(
                    (told["peer"], told["port"], told["records"],
                     told["bytes"]),
                    (*peer.getsockname(), number, 4 * number))


class Senders(Case):
    def senders(self):
        return peers(ask(self.path, "who"))

    def test_each_with_what_it_has_sent(self):
        daemon = self.serve(udp())
        ends = [self.udp(daemon) for _ in range(3)]
        for turn in range(10):
            for number, end in enumerate(ends):
                for _ in range(number + 1):
                    end.send(b"x" * turn)
        wait_for(lambda: sum(o["datagrams"] for o in self.senders().values())
                 == 60)
        for number, end in enumerate(ends):
            one = self.senders()[name_of(end)]
            self.assertEqual((one["datagrams"], one["bytes"]),
                             (10 * (number + 1), 45 * (number + 1)))
            self.assertNotIn("connection", one)

    def test_the_one_that_was_silent_for_longest_is_forgotten(self):
        daemon = self.serve(udp())
        first, second = self.udp(daemon), self.udp(daemon)
        for end in (first, second):
            end.send(b"x")
        for _ in range(511):
            first.send(b"x")
            self.udp(daemon).send(b"x")
        wait_for(lambda: daemon.counters()[daemon.listening[0][0]]["records"]
                 == 2 + 2 * 511)
        found = self.senders()
        self.assertEqual(len(found), 512)
        self.assertEqual(found[name_of(first)]["datagrams"], 512)
        self.assertNotIn(name_of(second), found)
        self.assertEqual([o["forgotten"] for o in ask(self.path, "who")
                          if "forgotten" in o], [1])
        self.assertIn("1 times a sender was forgotten", self.who())

    def test_who_may_not_send_is_not_there(self):
        daemon = self.serve(udp('deny = [ "127.0.0.0/8" ];'))
        self.udp(daemon).send(b"x")
        wait_for(lambda: daemon.counters()[daemon.listening[0][0]]["refused"])
        self.assertEqual(self.senders(), {})

    def test_processes_of_one_user_are_told_apart(self):
        daemon = self.serve('{ protocol = "unix-datagram"; path = "@DIR@/d"; }')
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
                    end.sendto(b"x", daemon.dir + "/d")
                os._exit(0)
            os.waitpid(pid, 0)
        wait_for(lambda: len(self.senders()) == 3)


class Choice(Case):
    """What portlog who shows, and in which order."""

    def setUp(self):
        self.daemon_ = self.serve(tcp('name = "a";'), tcp('name = "b";'))
        self.ends = [self.tcp(self.daemon_, n % 2) for n in range(4)]
        for number, end in enumerate(self.ends):
            end.sendall(b"1234567\n" * (4 - number))
        wait_for(lambda: sum(o["bytes"] for o in
                             peers(ask(self.path, "who")).values()) == 80)
        self.names = [name_of(end) for end in self.ends]

    def shown(self, *arguments):
        """The peers of the table, in their order."""
        rows = [line.split()[1] for line in self.who(*arguments).splitlines()]
        self.assertEqual(rows[0], "PEER")
        table = rows[1:]
        told = [peer_of(o) for o in self.json(*arguments) if "peer" in o]
        if arguments:
            self.assertEqual(told, table)
        self.assertEqual(set(told), set(table))
        return table

    def test_the_order(self):
        self.assertEqual(self.shown(), self.names)
        for key in ("bytes", "records"):
            self.assertEqual(self.shown("--sort", key), self.names)
        for key, by in (("since", "seconds"), ("idle", "idle_seconds")):
            told = [o[by] for o in self.json("--sort", key) if by in o]
            self.assertEqual(told, sorted(told, reverse=True))
        self.assertEqual(self.shown("--sort", "peer"), sorted(self.names))

    def test_so_many(self):
        self.assertEqual(self.shown("-n", "2"), self.names[:2])

    def test_of_listeners_and_peers(self):
        self.assertEqual(self.shown("-l", "b"), self.names[1::2])
        self.assertEqual(self.shown("-L", "b"), self.names[::2])
        self.assertEqual(self.shown("-p", self.names[2]), self.names[2:3])
        self.assertEqual(self.shown("-p", "127.0.0.0/8"), self.names)
        self.assertEqual(self.shown("-P", "127.0.0.1"), [])
        self.assertEqual(self.shown("-l", "none"), [])

    def test_json_begins_and_ends_as_the_answer(self):
        objects = self.json("-n", "1")
        self.assertEqual(objects[0]["format"], 1)
        self.assertEqual(objects[-1], {"end": True})

    def test_misuse(self):
        for arguments in (("-x",), ("--sort", "size"), ("-n", "0"),
                          ("-n", "x"), ("extra",)):
            ran = portlog("who", *arguments)
            self.assertEqual(ran.returncode, 64, ran)


class Many(Case):
    """Ten thousand connections."""

    def setUp(self):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limit)
        self.daemon_ = self.serve(limits=f"max_connections = {MANY};")
        # Without a bind(2), which takes long where so many ports are taken.
        to = ("127.0.0.1", self.daemon_.port())
        self.ends = [socket.create_connection(to) for _ in range(MANY)]
        for end in self.ends:
            self.addCleanup(end.close)
        wait_for(lambda: ask(self.path)[1]["connections"] == MANY)

    def memory(self):
        with open(f"/proc/{self.daemon_.process.pid}/statm",
                  encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    def stuck(self):
        """One who asks and never reads."""
        client = dial(self.path)
        self.addCleanup(client.close)
        client.sendall(b"who\n")
        return client

    def test_all_of_them_in_bounded_memory_whoever_reads(self):
        before = self.memory()
        begin = time.monotonic()
        found = peers(ask(self.path, "who"))
        took = time.monotonic() - begin
        self.assertEqual(set(found), {name_of(end) for end in self.ends})
        self.assertLess(took, harness.LATE)
        clients = [self.stuck() for _ in range(8)]
        # Others are served and leave meanwhile, and nothing is lost.
        self.ends[0].sendall(b"x\n")
        for end in self.ends[MANY // 2:]:
            end.close()
        wait_for(lambda: self.daemon_.data(path=self.daemon_.dir + "/log"))
        self.assertLess(self.memory() - before, 8 << 20)
        # Who asks now waits until one of them has had its time.
        self.assertIn("daemon", ask(self.path)[1])
        del clients
        again = peers(ask(self.path, "who"))
        self.assertLessEqual(set(again), {name_of(end) for end
                                          in self.ends[:MANY // 2]})
        print(f"{len(found)} connections in {1000 * took:.0f} ms", flush=True)

    def test_a_stop_waits_for_no_reader(self):
        # So many take long to end; fewer are still more than fits on the way.
        for end in self.ends[MANY // 4:]:
            end.close()
        name = self.daemon_.listening[0][0]
        wait_for(lambda: self.daemon_.counters()[name]["connections"] ==
                 MANY // 4)
        for _ in range(8):
            self.stuck()
        begin = time.monotonic()
        self.assertEqual(self.daemon_.stop(), 0)
        # A reader has ten seconds.
        self.assertLess(time.monotonic() - begin, 8)


if __name__ == "__main__":
    harness.main()
