"""
How the demo's processes stay out of the terminal's way, and leave nothing
behind when the demo is killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from contextlib import suppress
from threading import Thread
from time import sleep

__all__ = ["ORPHAN_GRACE", "dieWithParent", "leaveTerminal"]

#: Seconds that an orphan has to end by itself.
ORPHAN_GRACE = 5.0


def leaveTerminal() -> None:
    """
    Put this process into a session of its own, so that Ctrl-C reaches the
    parent alone: it ends its children in order.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        # Whoever started us may have given us one already.
        with suppress(PermissionError):
            os.setsid()


def dieWithParent(directory: str) -> None:
    """
    End this process as soon as standard input ends, for then its parent is
    gone, however it went: even where it was killed and could do nothing about it.

    A thread waits for that, because it has to work before the reactor runs and
    whatever the reactor does.

    @param directory: The demo's temporary directory, removed then.
    """
    Thread(target=_awaitOrphanhood, args=(directory,), daemon=True).start()


def _awaitOrphanhood(directory: str) -> None:
    while os.read(0, 1024):
        pass
    shutil.rmtree(directory, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGTERM)
    sleep(ORPHAN_GRACE)
    os._exit(1)
