# SPDX-License-Identifier: MIT
"""keep_free: an output stalls before its file system is full."""
import os
import re
import shutil
import socket
import tempfile
import threading

import harness
from harness import Case, Record
from test_files import mount

MIB = 1 << 20
SIZE = 8 * MIB
SENT = [f"{i} {'x' * 1000}" for i in range(9000)]  # more than SIZE


class KeepFree(Case):
    """A daemon whose logs are on a file system of 8 MiB, of its own."""

    def start(self, settings, name="log", ballast=0, size=SIZE):
        daemon = self.daemon(start=False, config=harness.to_file(
            harness.tcp('address = "127.0.0.1";'),
            limits="shutdown_timeout = 1;", path=f"@DIR@/logs/{name}",
            more=f'name = "log"; {settings}'))
        logs = daemon.dir + "/logs"
        os.mkdir(logs)
        daemon.arguments = [*harness.namespaces(
            "m", f"mount -t tmpfs -o size={size} tmpfs '{logs}' && "
            f"head -c {ballast} /dev/zero >'{logs}/ballast'"),
            *daemon.arguments]
        daemon.start()
        daemon.logs = f"/proc/{daemon.process.pid}/root{logs}"
        daemon.mounted = logs
        daemon.log = f"{daemon.logs}/{name}"
        return daemon

    def send(self, daemon):
        """Send SENT in the background: a thread to join for the receipt."""
        def run():
            with daemon.tcp() as connection:
                connection.sendall("\n".join(SENT).encode())
                connection.shutdown(socket.SHUT_WR)
                harness.end_of(connection)
        sender = threading.Thread(target=run, daemon=True)
        sender.start()
        return sender

    def free(self, daemon):
        return shutil.disk_usage(daemon.logs).free

    def wait_for_stall(self, daemon, keep):
        """It says why, with what was to stay free."""
        said = daemon.wait_for_error(
            r"output \S.*: stalled reason=keep_free: its file system has "
            r"(\d+) bytes free, and the setting keep_free leaves (\d+) to "
            "others; trying again every second\n")
        self.assertEqual(int(said[2]), keep)
        self.assertEqual(int(said[1]), self.free(daemon))

    def assert_all_there(self, daemon, sender, *paths):
        """After others have made room all is written, and the stall noted."""
        sender.join(harness.PATIENCE)
        self.assertFalse(sender.is_alive())
        lines = b"".join(daemon.bytes(p) for p in paths).decode().split("\n")
        records = [Record(line) for line in lines[:-1]]
        self.assertEqual([r.data for r in records if r.tag in "FE"], SENT)
        self.assertTrue([r for r in records if r.tag == "*" and
                         r.data.startswith("resumed seconds=")])
        daemon.wait_for_error("output .*: resumed seconds=")

    def test_bytes_stay_free_until_others_make_room(self):
        daemon = self.start(f"keep_free = {2 * MIB};")
        sender = self.send(daemon)
        self.wait_for_stall(daemon, 2 * MIB)
        self.assertGreaterEqual(self.free(daemon), 2 * MIB)
        self.assertLess(self.free(daemon), 3 * MIB)
        self.assertEqual(daemon.bytes(daemon.log)[-1:], b"\n")
        mount(daemon, "-o", f"remount,size={3 * SIZE}", "none",
              daemon.mounted)
        self.assert_all_there(daemon, sender, daemon.log)

    def test_a_percentage_stays_free(self):
        daemon = self.start('keep_free = "50%";')
        sender = self.send(daemon)
        self.wait_for_stall(daemon, SIZE // 100 * 50)
        mount(daemon, "-o", f"remount,size={5 * SIZE}", "none",
              daemon.mounted)
        self.assert_all_there(daemon, sender, daemon.log)

    def test_five_percent_is_the_default(self):
        daemon = self.start("")
        self.send(daemon)
        self.wait_for_stall(daemon, SIZE // 100 * 5)
        self.assertGreaterEqual(self.free(daemon), SIZE // 100 * 5)
        daemon.exits = daemon.stop()

    def test_a_percentage_is_1_gib_at_most(self):
        daemon = self.start('keep_free = "99%";', ballast=20 * MIB,
                            size=1200 * MIB)
        self.send(daemon).join(harness.PATIENCE)
        self.assertNotIn("stalled", daemon.errors())
        self.assertEqual(daemon.data(path=daemon.log), SENT)

    def test_nothing_stays_free_if_it_is_0(self):
        daemon = self.start("keep_free = 0;")
        self.send(daemon)
        daemon.wait_for_error("output log: stalled reason=ENOSPC: ")
        self.assertEqual(self.free(daemon), 0)
        daemon.exits = daemon.stop()

    def test_where_less_is_free_at_the_start_nothing_is_written(self):
        daemon = self.start("keep_free = 4194304;", ballast=5 * MIB)
        with daemon.tcp() as connection:
            connection.sendall(b"held\n")
            self.wait_for_stall(daemon, 4 * MIB)
            self.assertEqual(daemon.bytes(daemon.log), b"")
            os.unlink(daemon.logs + "/ballast")
            daemon.wait_for_data(1, path=daemon.log)

    def test_it_ends_while_it_stalls(self):
        daemon = self.start("keep_free = 4194304;", ballast=5 * MIB)
        with daemon.tcp() as connection:
            connection.sendall(b"held\n")
            self.wait_for_stall(daemon, 4 * MIB)
            daemon.exits = daemon.stop()
            self.assertEqual(daemon.exits, 1)
        self.assertIn("output log: 1 records unwritten", daemon.errors())

    def test_others_that_fill_the_disk_are_seen_within_a_second(self):
        daemon = self.start("keep_free = 4194304;")
        with daemon.tcp() as connection:
            connection.sendall(b"one\n")
            daemon.wait_for_data(1, path=daemon.log)
            with open(daemon.logs + "/other", "wb") as file:
                file.write(bytes(5 * MIB))

            def is_stalled():
                connection.sendall(b"more\n")
                return "stalled reason=keep_free" in daemon.errors()
            harness.wait_for(is_stalled, "the stall")
            os.unlink(daemon.logs + "/other")
            # A stop may not wait for as long as the next try takes.
            daemon.wait_for_error("resumed seconds=")

    def test_a_rotation_makes_room_before_it_looks(self):
        daemon = self.start(f"max_size = {MIB}; keep = 4; keep_free = "
                            f"{2 * MIB};")
        sender = self.send(daemon)
        sender.join(harness.PATIENCE)
        self.assertFalse(sender.is_alive())
        self.assertNotIn("stalled", daemon.errors())

    def test_each_file_of_a_pattern_keeps_it(self):
        daemon = self.start("keep_free = 2097152;", "%{peer}")
        sender = self.send(daemon)
        self.wait_for_stall(daemon, 2 * MIB)
        self.assertGreaterEqual(self.free(daemon), 2 * MIB)
        mount(daemon, "-o", f"remount,size={3 * SIZE}", "none",
              daemon.mounted)
        self.assert_all_there(daemon, sender, daemon.logs + "/127.0.0.1")


class Files(Case):
    def test_what_is_no_file_has_no_limit(self):
        with tempfile.TemporaryDirectory() as directory:
            fifo = directory + "/fifo"
            os.mkfifo(fifo)
            reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
            self.addCleanup(os.close, reader)
            daemon = self.daemon(config=harness.to_file(
                harness.tcp(), path=fifo, more='keep_free = "99%";'))
            with daemon.tcp() as connection:
                connection.sendall(b"passes\n")
                harness.wait_for(lambda: self.got(reader), "the record")
            self.assertNotIn("stalled", daemon.errors())

    def got(self, reader):
        try:
            return b"passes" in os.read(reader, 4096)
        except BlockingIOError:
            return False


class Configuration(Case):
    def test_faults(self):
        expected = ('expected bytes, or a percentage from "1%" to "99%"')
        for value, found in (
                ('"0%"', '"0%", ' + expected), ('"100%"', '"100%", '),
                ('"5"', '"5", ' + expected), ('"%"', '"%", '),
                ('"05%"', '"05%", '), ('"5%%"', '"5%%", '), ('""', '"", '),
                ("true", "true, expected an integer from 0 to 2147483647"),
                ("-1", "-1, expected an integer from 0 to 2147483647"),
                ("2147483648", "2147483648, expected an integer")):
            daemon = harness.Daemon(start=False, config=harness.to_file(
                harness.tcp(), more=f"keep_free = {value};"))
            self.addCleanup(daemon.close)
            ran = harness.run("-t", "-c", daemon.dir + "/portlogd.conf")
            with self.subTest(value=value):
                self.assertEqual(ran.returncode, 78)
                self.assertIn("keep_free: found " + found, ran.stderr)

    def test_a_dump_reads_it_back(self):
        for value, shown in (("", '"5%"'), ('keep_free = "99%";', '"99%"'),
                             ("keep_free = 0;", "0"),
                             ("keep_free = 2147483647;", "2147483647")):
            daemon = harness.Daemon(start=False, config=harness.to_file(
                harness.tcp(), more=value))
            self.addCleanup(daemon.close)
            path = daemon.dir + "/portlogd.conf"
            first = harness.run("-T", "-c", path).stdout
            self.assertEqual(
                re.findall("keep_free = (.*);", first), [shown])
            with open(path, "w", encoding="utf-8") as file:
                file.write(first)
            self.assertEqual(harness.run("-T", "-c", path).stdout, first)


if __name__ == "__main__":
    harness.main(jobs=4)
