"""
The command lines of the demo's processes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import gamenet
from gamenet.interfaces import Address

__all__ = ["REJOIN", "childEnvironment", "lobbyCommand", "playerCommand", "relayCommand"]

#: What tells a player's process that it takes the place of one that was killed.
REJOIN = "rejoin"


def childEnvironment(environment: Mapping[str, str]) -> dict[str, str]:
    """
    Return the environment of a child, in which this very gamenet is found.

    @param environment: Our own.
    """
    values = dict(environment)
    home = Path(gamenet.__file__).resolve().parent.parent
    if home.name not in ("site-packages", "dist-packages"):
        paths = [str(home), values.get("PYTHONPATH", "")]
        values["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return values


def _twistdCommand(directory: Path, *arguments: str) -> list[str]:
    module = "gamenet.demo.twistd_child"
    return [sys.executable, "-m", module, str(directory), "-n", "--pidfile=", *arguments]


def relayCommand(directory: Path, secret_file: Path, ready_file: Path) -> list[str]:
    """
    Return what starts the relay.

    @param directory: The demo's temporary directory.
    @param secret_file: Holds the secret that it shares with the lobby.
    @param ready_file: Where it says which ports it got.
    """
    return _twistdCommand(
        directory,
        "gamenet-relay",
        "--udp",
        "127.0.0.1:0",
        "--secret-file",
        str(secret_file),
        "--allow-peer",
        "127.0.0.0/8",
        "--ready-file",
        str(ready_file),
        "--status",
        "tcp:0:interface=127.0.0.1",
    )


def lobbyCommand(directory: Path, secret_file: Path, ready_file: Path, relay: Address) -> list[str]:
    """
    Return what starts the lobby.

    @param relay: Where the relay is.
    """
    return _twistdCommand(
        directory,
        "gamenet-lobby",
        "--listen",
        "tcp:0:interface=127.0.0.1",
        "--udp",
        "127.0.0.1:0",
        "--relay",
        f"{relay[0]}:{relay[1]}",
        "--relay-secret-file",
        str(secret_file),
        "--ready-file",
        str(ready_file),
        "--status",
        "tcp:0:interface=127.0.0.1",
    )


def playerCommand(*, returning: bool = False) -> list[str]:
    """
    Return what starts a player; whatever it has to know comes on standard input.

    @param returning: Whether it takes the place of a process that was killed.
    """
    command = [sys.executable, "-m", "gamenet.demo.player"]
    return [*command, REJOIN] if returning else command
