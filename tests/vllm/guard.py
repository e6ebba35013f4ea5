"""Runs a command that must not outlive the process that asked for it.

    python guard.py COMMAND ...

The asker starts this as the leader of a process group of its own and keeps a pipe to its standard input open.
However the asker ends, killed outright included, the pipe closes, and the whole group is killed. An interrupt
sent to the group reaches the command, and this waits until the command has ended.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

_LOOK_AGAIN_S = 0.2


def guard(command: list[str]) -> int:
    """Run `command` and return its exit code; kill the whole group if standard input ends first."""
    # A handler, not SIG_IGN: the command must not inherit deafness to interrupts.
    signal.signal(signal.SIGINT, lambda *_: None)
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    while running.poll() is None:
        readable, _, _ = select.select([0], [], [], _LOOK_AGAIN_S)
        if readable and not os.read(0, 1):
            os.killpg(0, signal.SIGKILL)
    return running.returncode


if __name__ == "__main__":
    sys.exit(guard(sys.argv[1:]))
