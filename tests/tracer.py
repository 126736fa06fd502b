# SPDX-License-Identifier: MIT
"""A daemon that is stopped or killed as by a debugger, at a chosen call."""
import contextlib
import ctypes
import os
import platform
import struct
import time
import unittest
from signal import SIGKILL, SIGTRAP

import harness

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
PTRACE_SYSCALL, PTRACE_GET_SYSCALL_INFO = 24, 0x420e
PTRACE_O_TRACESYSGOOD, PTRACE_O_TRACECLONE, PTRACE_O_TRACEEXEC = 1, 8, 16
PTRACE_EVENT_EXEC, PTRACE_EVENT_STOP = 4, 128
ENTRY, EXIT, WALL = 1, 2, 0x40000000
NUMBERS = {"recvfrom": 45, "sendmsg": 46, "recvmmsg": 299, "write": 1,
           "accept4": 288}


LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p,
                        ctypes.c_void_p]


def ptrace(request, task, address=None, data=None):
    if LIBC.ptrace(request, task, address, data) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


class Tracer:
    """Traces the last thread that does this work; stopped within `with`."""

    def __init__(self, daemon, work):
        self.pid = daemon.process.pid
        # A thread names itself, some time after its start.
        self.task = harness.wait_for(lambda: daemon.tasks(work),
                                     f"a thread {work!r}")[-1]

    def request(self, request, address=None, data=None):
        ptrace(request, self.task, address, data)

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


class Steps:
    """Traces all threads of a daemon, and kills it at one of its steps.

    A step is the beginning or the end of a system call of any thread.  Of a
    process that is yet to become the daemon, they are counted from then on.
    """

    OPTIONS = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC

    def __init__(self, daemon):
        self.pid = daemon.process.pid
        try:
            self.counts = os.path.samefile(f"/proc/{self.pid}/exe",
                                           harness.PORTLOGD)
            for task in os.listdir(f"/proc/{self.pid}/task"):
                with contextlib.suppress(ProcessLookupError):
                    ptrace(PTRACE_SEIZE, int(task), None, self.OPTIONS)
        except PermissionError as error:
            self.kill()
            raise unittest.SkipTest(str(error)) from None
        if self.counts:
            for task in os.listdir(f"/proc/{self.pid}/task"):
                with contextlib.suppress(ProcessLookupError):
                    ptrace(PTRACE_INTERRUPT, int(task))

    def kill_at(self, number, is_done=lambda: False):
        """Kill it at that step.  false: it has ended or is done before it."""
        count, until = 0, time.monotonic() + harness.PATIENCE
        while time.monotonic() < until:
            task, status = os.waitpid(-1, WALL | os.WNOHANG)
            if task == 0 or count % 64 == 63:
                if is_done():
                    self.kill()
                    return False
                time.sleep(0.0001)
            if task == 0:
                continue
            if not os.WIFSTOPPED(status):
                if task == self.pid:
                    return False
                continue
            if os.WSTOPSIG(status) == SIGTRAP | 0x80 and self.counts:
                count += self.is_step(task)
                if count == number:
                    self.kill()
                    return True
            self.go_on(task, status)
        self.kill()
        raise AssertionError("it neither ends nor is done")

    def is_step(self, _):
        return True

    def go_on(self, task, status):
        """Continue after any stop; a signal is delivered."""
        event, number = status >> 16, os.WSTOPSIG(status)
        self.counts |= event == PTRACE_EVENT_EXEC
        is_signal = event == 0 and number != SIGTRAP | 0x80
        with contextlib.suppress(ProcessLookupError):
            ptrace(PTRACE_SYSCALL, task, None, number if is_signal else 0)

    def kill(self):
        os.kill(self.pid, SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, WALL)[0] != self.pid:
                pass


class Calls(Steps):
    """Its steps are the beginnings of one system call."""

    def __init__(self, daemon, name):
        if platform.machine() != "x86_64":
            raise unittest.SkipTest("other numbers of system calls")
        self.number = NUMBERS[name]
        super().__init__(daemon)

    def is_step(self, task):
        info = ctypes.create_string_buffer(88)
        ptrace(PTRACE_GET_SYSCALL_INFO, task, len(info), info)
        return info.raw[0] == ENTRY and self.number == struct.unpack_from(
            "Q", info, 24)[0]
