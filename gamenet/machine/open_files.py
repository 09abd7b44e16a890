"""How many files a process may have open: every socket is one."""

from __future__ import annotations

import sys
from types import ModuleType

from gamenet.errors import BadSetting

resource: ModuleType | None
try:
    import resource
except ImportError:
    resource = None

__all__ = ["raiseOpenFiles"]


def raiseOpenFiles(needed: int) -> int:
    """
    Let this process have as many files open as it needs: raise the soft limit to that,
    never above the hard one.

    @param needed: Sockets, logs and everything else together.
    @return: How many it may have open now; C{needed} where the system sets no such limit,
        or tells none (Windows).
    @raise BadSetting: The system allows no more than fewer; nothing is changed.
    """
    if resource is None:
        return needed
    soft: int
    hard: int
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return needed
    if soft >= needed:
        return soft
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise BadSetting(_advice(needed, hard))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (OSError, ValueError) as error:
        # The kernel has a limit of its own (fs.nr_open, kern.maxfilesperproc).
        raise BadSetting(f"{_advice(needed, soft)} ({error})") from error
    return needed


def _advice(needed: int, allowed: int) -> str:
    advice = (
        f"{needed} open files are needed, and the system allows this process {allowed}: raise "
        f"the hard limit (LimitNOFILE={needed} in a systemd unit, nofile in "
        f"/etc/security/limits.conf, --ulimit nofile={needed} for a container) or ask for less"
    )
    return advice if sys.platform.startswith("linux") else advice.partition(" (")[0]
