"""
What went over loopback, judged by tshark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import attrs

from tests.judges.programs import Running, missing, pause, program, run

__all__ = ["Capture", "Verdict", "capture"]

#: A message's type without the two bits of its class.
_METHODS = {
    0x001: "Binding",
    0x003: "Allocate",
    0x004: "Refresh",
    0x006: "Send",
    0x007: "Data",
    0x008: "CreatePermission",
    0x009: "ChannelBind",
}

_FIELDS = (
    "frame.number",
    "ip.src",
    "udp.srcport",
    "tcp.srcport",
    "stun.type",
    "stun.channel",
    "stun.att.crc32.status",
    "_ws.malformed",
)

_CLASSES = {0x000: "request", 0x010: "indication", 0x100: "success", 0x110: "error"}


@attrs.define
class Verdict:
    """
    What tshark says of a capture.

    @ivar messages: STUN messages by method and class, such as C{"Allocate success"}.
    @ivar answered_from: The addresses that successes came from, C{host:port}.
    @ivar channel_data: ChannelData messages.
    @ivar fingerprints: Messages with a right FINGERPRINT.
    @ivar troubles: Malformed packets, wrong fingerprints: a line each.
    """

    messages: Counter[str]
    answered_from: Counter[str]
    channel_data: int
    fingerprints: int
    troubles: list[str]


@attrs.define
class Capture:
    """
    A capture that is running.

    @ivar file: Where it goes.
    """

    _running: Running
    file: Path
    _ports: tuple[int, ...]

    async def end(self, sent_by: tuple[int, ...] = ()) -> Verdict:
        """
        End it and judge it.

        @param sent_by: Where it is not empty, only what came from these ports counts as
            trouble: the judge itself sends garbage.
        """
        # What was sent last shall be in it.
        await pause(0.5)
        await self._running.stop("INT")
        dissect = [
            argument
            for port in self._ports
            for kind in ("udp", "tcp")
            for argument in ("-d", f"{kind}.port=={port},stun")
        ]
        said = await run(
            120,
            program("tshark", "tshark"),
            *("-r", str(self.file), "-n"),
            *dissect,
            *("-Y", "stun || _ws.malformed", "-T", "fields", "-E", "aggregator=;"),
            *(argument for field in _FIELDS for argument in ("-e", field)),
        )
        if said.code != 0:
            raise AssertionError(said.text)
        return _judge(said.text, sent_by)


def _judge(text: str, sent_by: tuple[int, ...]) -> Verdict:
    verdict = Verdict(Counter(), Counter(), 0, 0, [])
    for line in text.splitlines():
        columns = line.split("\t")
        if len(columns) != len(_FIELDS) or not columns[0].isdecimal():
            continue
        host, udp, tcp, types, channels, fingerprint, malformed = (
            column.split(";") for column in columns[1:]
        )
        port = udp[0] or tcp[0]
        for type_text in filter(None, types):
            type_ = int(type_text, 16)
            method = _METHODS.get(type_ & ~0x110, type_text)
            class_ = _CLASSES[type_ & 0x110]
            verdict.messages[f"{method} {class_}"] += 1
            if class_ == "success":
                verdict.answered_from[f"{host[0]}:{port}"] += 1
        verdict.channel_data += len([*filter(None, channels)])
        verdict.fingerprints += fingerprint.count("1")
        wrong = malformed != [""] or "0" in fingerprint
        if wrong and (not sent_by or int(port) in sent_by):
            verdict.troubles.append(line)
    return verdict


async def capture(folder: Path, cleanup: Callable[..., object], *ports: int) -> Capture:
    """
    Begin to capture what goes to and from some ports on loopback.

    @param cleanup: A test's C{addCleanup}.
    """
    file = folder / "capture.pcapng"
    running = Running(
        program("dumpcap", "tshark"),
        *("-q", "-i", "lo", "-B", "16", "-w", str(file)),
        *("-f", " or ".join(f"port {port}" for port in ports)),
    )
    cleanup(running.stop, "KILL")
    try:
        await running.says("File: ")
    except AssertionError as error:
        raise missing(f"dumpcap may not capture ({error})") from error
    return Capture(running, file, ports)
