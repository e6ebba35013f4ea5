"""Run a command that must not outlive the process that asked for it. A script of its own: nothing imports it.

    python process_guard.py PARENT_PID COMMAND [ARGUMENT ...]

The parent holds the other end of this script's standard input and never writes to it. The command is ended
when that pipe closes, which the system does however the parent ends, or when this script gets another parent.
On Linux the kernel ends the command when this script itself is killed. The exit code is the command's own;
128 + n when signal n ended it.

The parent cannot ask the kernel for the same directly: there the wish is bound to the thread that started the
child, so a server started from a worker thread would end with that thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_GRACE_S = 5.0
_POLL_S = 1.0


def _death_wish() -> Callable[[], None] | None:
    """What the child does between fork and exec, so that it ends with this script. None where it cannot."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    guard = os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(1)

    return ask


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask the child to end, and kill it when it does not."""
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
        try:
            child.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()


def _end_with_parent(child: subprocess.Popen[bytes], parent: int) -> None:
    if os.name == "posix":
        # A process forked by the parent may have inherited the pipe and keep it open: hence the second look.
        while not select.select([0], [], [], _POLL_S)[0] and os.getppid() == parent:
            pass
    else:
        os.read(0, 1)
    _end(child)


def main(arguments: list[str]) -> int:
    """Run the command to its end, or to the parent's."""
    parent, command = int(arguments[0]), arguments[1:]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_death_wish())
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    threading.Thread(target=_end_with_parent, args=(child, parent), daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
