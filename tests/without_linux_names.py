"""
A process in which the names that only Linux has are gone, imports every module
of gamenet that a player runs, and uses a socket.

C{python -m tests.without_linux_names} prints how many modules it imported.
"""

from __future__ import annotations

import importlib
import os
import re
import select
import signal
import socket
import sys
from collections.abc import Callable
from types import ModuleType

from tests.floor_plan import DECISIONS, PROTOCOLS, TWIN, VALUES, floors

__all__ = ["main"]

#: Modules of the standard library that Windows does not have.
FOREIGN_MODULES = ["crypt", "fcntl", "grp", "nis", "ossaudiodev", "pty", "pwd", "resource"]
FOREIGN_MODULES += ["spwd", "syslog", "termios", "tty"]

#: What a module keeps, as a pattern: what Windows has as well.
KEPT = {
    select: r"select|error|_|[A-Z]?[a-z]*Error",
    signal: r"SIG(INT|TERM|ABRT|FPE|ILL|SEGV|_DFL|_IGN)$|[a-z]*signal|default_int|Signals|_|NSIG|"
    r"Handlers|set_wakeup_fd",
    socket: r"AF_(INET6?|UNSPEC|APPLETALK|DECnet|IPX|IRDA|SNA)$|IPPROTO_|IPV6_|SOCK_|SOL_|"
    r"SO_(ACCEPTCONN|BROADCAST|DEBUG|DONTROUTE|ERROR|KEEPALIVE|LINGER|OOBINLINE|RCVBUF|RCVLOWAT|"
    r"RCVTIMEO|REUSEADDR|SNDBUF|SNDLOWAT|SNDTIMEO|TYPE|USELOOPBACK)$|"
    r"IP_(ADD_MEMBERSHIP|DROP_MEMBERSHIP|HDRINCL|MULTICAST_\w+|OPTIONS|RECVDSTADDR|TOS|TTL)$|"
    r"MSG_(BCAST|CTRUNC|DONTROUTE|MCAST|OOB|PEEK|TRUNC|WAITALL)$|SHUT_|TCP_(NODELAY|FASTOPEN)$|"
    r"INADDR_|NI_|AI_|EAI_|SOMAXCONN|[a-z]|_|[A-Z][a-z]|EBADF|EAGAIN|EWOULDBLOCK",
    os: r"(?!(fork|forkpty|getuid|geteuid|getgid|getegid|setuid|setgid|setsid|killpg|getpgid|"
    r"sched_\w+|uname|chroot|chown|pipe2|mkfifo|memfd_create|eventfd\w*|sendfile|O_NONBLOCK|"
    r"O_CLOEXEC|O_NOCTTY|WNOHANG|posix_\w+|pidfd_open|getloadavg|nice|wait3|wait4)$)",
}


def takeAway(module: ModuleType, pattern: str) -> None:
    """Delete every name of C{module} that does not match C{pattern}."""
    for name in [name for name in vars(module) if not re.match(pattern, name)]:
        delattr(module, name)


def assertGone(use: Callable[[], object]) -> None:
    """Fail unless C{use} finds its name missing."""
    try:
        use()
    except (ImportError, AttributeError):
        return
    raise AssertionError("a Linux-only name is still there")


def main() -> None:
    """Import everything twice: once for what Twisted needs itself, once without the names."""
    # Windows has this reactor, and Twisted's own needs of Linux are none of gamenet's.
    from twisted.internet import selectreactor

    selectreactor.install()
    from twisted.internet import reactor

    wanted = [
        name
        for name, floor in floors().items()
        if floor in (VALUES, DECISIONS, PROTOCOLS, TWIN) or name == "gamenet.cli"
    ]
    for name in wanted:
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.split(".")[0] == "gamenet"]:
        del sys.modules[name]
    for name in FOREIGN_MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    for module, pattern in KEPT.items():
        takeAway(module, pattern)
    assertGone(lambda: select.epoll)
    assertGone(lambda: socket.IP_RECVTOS)
    assertGone(lambda: socket.AF_UNIX)
    assertGone(lambda: signal.SIGKILL)
    assertGone(lambda: os.fork)
    assertGone(lambda: importlib.import_module("fcntl"))
    for name in wanted:
        importlib.import_module(name)
    asMachine = importlib.import_module("gamenet.machine.reactor_machine").asMachine
    arrived: list[bytes] = []
    machine = asMachine(reactor)
    opened = machine.openDatagramSocket(lambda data, address: arrived.append(data), "127.0.0.1")
    assert opened.send(b"low", opened.address, 5)
    assert machine.sourceAddress("127.0.0.1") == "127.0.0.1"
    opened.doRead()
    opened.close()
    assert arrived == [b"low"]
    print(f"{len(wanted)} modules")


if __name__ == "__main__":
    main()
