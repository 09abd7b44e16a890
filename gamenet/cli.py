"""
The C{gamenet} command.

Each subcommand is imported when it is asked for, so that one does not load what
only another needs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import gamenet

__all__ = ["main"]


def _demo(arguments: Sequence[str]) -> int:
    """Play a whole match on this machine: lobby, relay and players as processes."""
    from gamenet.demo.command import main as demo

    return demo(arguments)


def _inspect(arguments: Sequence[str]) -> int:
    """Compare the match logs of a match's peers, and draw them as a page."""
    from gamenet.inspector.command import main as inspect

    return inspect(arguments)


#: The subcommands in the order that the help tells them: what runs each.
_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "demo": _demo,
    "inspect": _inspect,
}

_HELP = ("-h", "--help", "help")


def _usage() -> str:
    """Return the help."""
    lines = ["usage: gamenet COMMAND [options]", "       gamenet --version", "", "commands:"]
    lines += [f"  {name:10}{command.__doc__}" for name, command in _COMMANDS.items()]
    lines += ["", "'gamenet COMMAND --help' tells a command's options."]
    lines += ["The services are run by twistd: gamenet-lobby and gamenet-relay."]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command.

    @param arguments: The command line without the command's own name; C{None}
        is this process's.
    @return: The exit status: 2 where the command line is of no use.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in _HELP:
        print(_usage())
        return 0
    if given and given[0] == "--version":
        print(f"gamenet {gamenet.__version__}")
        return 0
    if not given or given[0] not in _COMMANDS:
        wrong = f"gamenet: there is no command {given[0]!r}\n\n" if given else ""
        print(f"{wrong}{_usage()}", file=sys.stderr)
        return 2
    return _COMMANDS[given[0]](given[1:])
