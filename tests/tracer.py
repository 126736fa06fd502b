# SPDX-License-Identifier: MIT
"""One thread of a daemon, stopped as by a debugger, at a chosen call."""
import contextlib
import ctypes
import os
import platform
import struct
import time
import unittest

import harness

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
PTRACE_SYSCALL, PTRACE_GET_SYSCALL_INFO = 24, 0x420e
PTRACE_O_TRACESYSGOOD, ENTRY, EXIT, WALL = 1, 1, 2, 0x40000000
NUMBERS = {"recvfrom": 45, "recvmmsg": 299, "write": 1}


class Tracer:
    """Traces the thread that was started last; stopped within `with`."""

    def __init__(self, daemon):
        self.pid = daemon.process.pid
        self.task = max(map(int, os.listdir(f"/proc/{self.pid}/task")))
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long,
                                     ctypes.c_void_p, ctypes.c_void_p]

    def request(self, request, address=None, data=None):
        if self.libc.ptrace(request, self.task, address, data) < 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def wait(self):
        return os.waitpid(self.task, WALL)[1]

    def __enter__(self):
        try:
            self.request(PTRACE_SEIZE, None, PTRACE_O_TRACESYSGOOD)
        except OSError as error:
            raise unittest.SkipTest(str(error)) from None
        self.request(PTRACE_INTERRUPT)
        self.wait()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.request(PTRACE_DETACH)

    def run_until_it_has(self, name):
        """Let it run until this call has returned more than 0."""
        if platform.machine() != "x86_64":
            raise unittest.SkipTest("other numbers of system calls")
        info = ctypes.create_string_buffer(88)
        number, until = None, time.monotonic() + harness.PATIENCE
        while time.monotonic() < until:
            self.request(PTRACE_SYSCALL)
            self.wait()
            self.request(PTRACE_GET_SYSCALL_INFO, len(info), info)
            value = struct.unpack_from("q", info, 24)[0]
            if info.raw[0] == ENTRY:
                number = value
            elif info.raw[0] == EXIT and number == NUMBERS[name] and value > 0:
                return value
        raise AssertionError(f"waited in vain for {name}")

    def kill(self):
        """Kill the process; this thread takes no other step."""
        os.kill(self.pid, 9)
        self.wait()
