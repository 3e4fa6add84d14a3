"""Runs the command in its arguments and prints what that took, as JSON. Small, since it counts in the memory, too.

A command's peak memory is at least that of the process that forked it (exec_mmap in fs/exec.c).
"""

import json
import os
import sys
import time


def main() -> None:
    """Run the command with its output in the file named first; exit with 0 whatever it exits with."""
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    output = [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    started = time.perf_counter()
    pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ, file_actions=output)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - started
    code = os.waitstatus_to_exitcode(status)
    print(json.dumps([code, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))


if __name__ == "__main__":
    main()
