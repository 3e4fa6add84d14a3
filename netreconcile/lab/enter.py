"""Runs a command inside a lab, in the foreground of the terminal that it was called from."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import NoReturn

NAMESPACES = ("user", "mnt", "net", "ipc", "uts", "pid")
"""In the order of entering: the user namespace gives the right to enter the others."""
PR_SET_PDEATHSIG = 1


def main() -> NoReturn:
    """Exit as the command does, in the way of shells: 128 + n when signal n ended it, 127 when it wasn't found.

    `argv[2]` is the lab's PID 1, then comes the command. It starts in the present folder, or in `/` where the lab has
    no such folder, and ends with this process. Ctrl-C is the command's own affair.
    """
    pid, command = int(sys.argv[2]), sys.argv[3:]
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    folder = os.getcwd()
    libc = ctypes.CDLL(None, use_errno=True)
    join(libc, pid)
    # Only children are in a pid namespace that was entered.
    child = os.fork()
    if child == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        become(folder, command)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def join(libc: ctypes.CDLL, pid: int) -> None:
    """This process is in the namespaces of another one. Raises: OSError."""
    descriptors = [
        os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)
        for name in NAMESPACES
        if os.stat(f"/proc/{pid}/ns/{name}").st_ino != os.stat(f"/proc/self/ns/{name}").st_ino
    ]
    for descriptor in descriptors:
        if libc.setns(descriptor, 0):
            number = ctypes.get_errno()
            raise OSError(number, f"cannot enter the lab of process {pid}: {os.strerror(number)}")
        os.close(descriptor)


def become(folder: str, command: list[str]) -> NoReturn:
    """This process is the command."""
    try:
        os.chdir(folder)
    except OSError:
        os.chdir("/")
    try:
        os.execvp(command[0], command)
    except FileNotFoundError:
        code, problem = 127, "no such program in the lab"
    except OSError as error:
        code, problem = 126, str(error.strerror)
    os.write(2, f"{command[0]}: {problem}\n".encode())
    os._exit(code)
