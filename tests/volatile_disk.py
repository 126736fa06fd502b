# SPDX-License-Identifier: MIT
"""A disk that forgets at a power cut what it was not told to flush.

It is a file of a FUSE file system of this process, for a loop device.  What is
written to it is kept apart until the next flush; a power cut has the flushed
blocks and any of the others.
"""
import ctypes
import os
import random
import struct
import subprocess
import tempfile
import threading

BLOCK = 4096
ROOT, FILE = 1, 2  # node numbers
NAME = b"disk"
EIO, ENOENT, ENOSYS = 5, 2, 38

# Opcodes of <linux/fuse.h>.
LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE = 1, 2, 3, 4, 14, 15, 16
STATFS, RELEASE, FSYNC, FLUSH, INIT, OPENDIR = 17, 18, 20, 25, 26, 27
RELEASEDIR, INTERRUPT, BATCH_FORGET = 29, 36, 42
IN_HEADER = struct.Struct("<IIQQIIII")
OUT_HEADER = struct.Struct("<IiQ")
ATTR = struct.Struct("<QQQQQQIIIIIIIIII")
MAX_WRITE = 1 << 17


class Disk:
    """The blocks: those that were flushed, and those that were not."""

    def __init__(self, size):
        self.stable = bytearray(size)
        self.volatile = {}
        self.lock = threading.Lock()
        self.flushes = 0

    def block(self, number):
        kept = self.volatile.get(number)
        begin = number * BLOCK
        return kept if kept else self.stable[begin:begin + BLOCK]

    def read(self, offset, size):
        first, last = offset // BLOCK, (offset + size - 1) // BLOCK
        with self.lock:
            data = b"".join(self.block(i) for i in range(first, last + 1))
        return data[offset - first * BLOCK:][:size]

    def write(self, offset, data):
        with self.lock:
            while data:
                number, begin = divmod(offset, BLOCK)
                part = data[:BLOCK - begin]
                block = bytearray(self.block(number))
                block[begin:begin + len(part)] = part
                self.volatile[number] = block
                offset, data = offset + len(part), data[len(part):]

    def flush(self):
        with self.lock:
            for number, block in self.volatile.items():
                self.stable[number * BLOCK:(number + 1) * BLOCK] = block
            self.volatile = {}
            self.flushes += 1

    def after_a_power_cut(self, chance):
        """What it has then: of the blocks not flushed some, by chance."""
        with self.lock:
            left = bytearray(self.stable)
            for number, block in self.volatile.items():
                if chance.random() < 0.5:
                    left[number * BLOCK:(number + 1) * BLOCK] = block
        return left


class Served:
    """The disk as a file, which the kernel reads and writes."""

    def __init__(self, disk, directory):
        self.disk, self.directory = disk, directory
        self.fd = os.open("/dev/fuse", os.O_RDWR)
        libc = ctypes.CDLL(None, use_errno=True)
        options = (f"fd={self.fd},rootmode=40000,user_id=0,group_id=0"
                   ).encode()
        if libc.mount(b"volatile", directory.encode(), b"fuse", 0,
                      options) != 0:
            os.close(self.fd)
            raise OSError(ctypes.get_errno(), "mount of FUSE")
        self.path = os.path.join(directory, NAME.decode())
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        subprocess.run(["umount", self.directory], check=False)
        self.thread.join(10)
        os.close(self.fd)

    def serve(self):
        while True:
            try:
                request = os.read(self.fd, MAX_WRITE + 4096)
            except InterruptedError:
                continue
            except OSError:
                return  # it was unmounted
            _, code, unique, node, *_ = IN_HEADER.unpack_from(request)
            if code in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            answer = self.answer(code, node, request[IN_HEADER.size:])
            error, body = (-answer, b"") if isinstance(answer, int) \
                else (0, answer)
            os.write(self.fd, OUT_HEADER.pack(
                OUT_HEADER.size + len(body), error, unique) + body)

    def attributes(self, node):
        size = len(self.disk.stable) if node == FILE else 0
        mode = 0o100600 if node == FILE else 0o40700
        return ATTR.pack(node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1,
                         0, 0, 0, BLOCK, 0)

    def answer(self, code, node, body):
        """The body of the answer, or an errno."""
        if code == INIT:
            return struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 8, 6,
                               MAX_WRITE, 1, 0, 0, 0)
        if code == LOOKUP:
            if body.rstrip(b"\0") != NAME:
                return ENOENT
            return struct.pack("<QQQQII", FILE, 1, 60, 60, 0, 0) + \
                self.attributes(FILE)
        if code in (GETATTR, SETATTR):
            return struct.pack("<QII", 60, 0, 0) + self.attributes(node)
        if code in (OPEN, OPENDIR):
            return struct.pack("<QII", 0, 0, 0)
        if code == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return bytes(self.disk.read(offset, size))
        if code == WRITE:
            _, offset, size = struct.unpack_from("<QQI", body)
            self.disk.write(offset, body[40:40 + size])
            return struct.pack("<II", size, 0)
        if code == FSYNC:
            self.disk.flush()
            return b""
        if code == STATFS:
            return struct.pack("<QQQQQIIII24x", 0, 0, 0, 0, 0, BLOCK, 255,
                               BLOCK, 0)
        return b"" if code in (RELEASE, RELEASEDIR, FLUSH) else ENOSYS


def run(*command):
    return subprocess.run(command, check=True, capture_output=True,
                          text=True, timeout=60).stdout.strip()


class Mounted:
    """A file system on an image, until close(); the first is made new."""

    def __init__(self, image, make=False):
        self.directory = tempfile.mkdtemp(prefix="portlog-disk-")
        self.device = run("losetup", "--find", "--show", image)
        try:
            if make:
                run("mkfs.ext4", "-q", self.device)
            run("mount", self.device, self.directory)
        except BaseException:
            run("losetup", "--detach", self.device)
            raise

    def close(self):
        # A child of another thread has our files until it runs its program.
        run("umount", "--lazy", self.directory)
        run("losetup", "--detach", self.device)
        os.rmdir(self.directory)


class VolatileDisk:
    """The disk, served and mounted; directory is where."""

    def __init__(self, size=64 << 20, seed=0):
        self.chance = random.Random(seed)
        self.disk = Disk(size)
        self.served = Served(self.disk, tempfile.mkdtemp(prefix="portlog-d-"))
        self.mounted = Mounted(self.served.path, make=True)
        self.directory = self.mounted.directory

    def close(self):
        self.mounted.close()
        self.served.close()
        os.rmdir(self.served.directory)

    def cut(self):
        """What a machine finds that starts after a power cut now: mounted."""
        with tempfile.NamedTemporaryFile(prefix="portlog-cut-") as image:
            image.write(self.disk.after_a_power_cut(self.chance))
            image.flush()
            return Mounted(image.name)  # the device has the file open
