"""
Test vectors of the stream to the lobby and of heartbeats: C{docs/vectors/lobby.json}.

C{python -m tests.vectors.lobby} writes the file anew.
"""

from __future__ import annotations

from gamenet.wire import canonical_cbor
from gamenet.wire.framing import frame
from gamenet.wire.heartbeats import encodeHeartbeat, encodeHeartbeatAnswer
from gamenet.wire.lobby_messages import Message, encodeMessage
from tests.golden.samples_of_version_1 import HEARTBEAT_KEY, HEARTBEATS
from tests.golden.samples_of_version_1 import LOBBY_MESSAGES as MESSAGES_1
from tests.golden.samples_of_version_2 import LOBBY_MESSAGES as MESSAGES_2
from tests.vectors.plain import plain, write

__all__ = ["MALFORMED", "NAME", "lobbyVectors"]

NAME = "lobby.json"

#: Payloads that are no message, and why.
MALFORMED: dict[str, str] = {
    "no bytes": "",
    "no array": "01",
    "an empty array": "80",
    "a number that nobody knows": "811863",
    "a field too few": "8102",
    "a field too many": "83020100",
    "a request with the number of a push": "820200",
    "a number that is longer than it must be": "82021801",
    "an array without an end": "9f0201ff",
    "a number that is a float": "8202f93c00",
    "a truth value in a number's place": "8202f5",
    "a tag": "8202c101",
    "something behind the array": "82020100",
    "cut off": "8202",
    "an array that says it has four billion elements": "9affffffff",
    "a text that is no UTF-8": "83040161ff",
    "a session id with capital letters": "83040170" + b"0123456789ABCDEF".hex(),
    "an address with a needless zero": "8307018182" + "64686f7374"
    + "826b" + b"192.168.1.0".hex() + "00",
    "a candidate of a kind that nobody knows": "8307018182" + "6468656c70"
    + "826b" + b"192.168.1.2".hex() + "01",
    "twice the same candidate": "83070182" + 2 * (
        "8264686f7374826b" + b"192.168.1.2".hex() + "01"
    ),
    "nine levels deep": "8202" + 9 * "81",
}


def lobbyVectors() -> dict[str, object]:
    """Return all vectors; bytes are hexadecimal digits."""
    return {
        "messages": [
            _message(version, name, message)
            for version, messages in ((1, MESSAGES_1), (2, MESSAGES_2))
            for name, message in messages.items()
        ],
        "malformed": MALFORMED,
        "heartbeat_key": HEARTBEAT_KEY.hex(),
        "heartbeats": [_heartbeat(*told) for told in HEARTBEATS.values()],
    }


def _message(version: int, name: str, message: Message) -> dict[str, object]:
    payload = encodeMessage(message)
    return {
        "version": version,
        "message": name.partition(".")[0],
        "sample": name,
        "array": plain(canonical_cbor.decode(payload)),
        "payload": payload.hex(),
        "frame": frame(payload).hex(),
    }


def _heartbeat(client_id: bytes | None, sequence: int) -> dict[str, object]:
    if client_id is None:
        answer = encodeHeartbeatAnswer(HEARTBEAT_KEY, sequence)
        return {"sequence": sequence, "answer": answer.hex()}
    beat = encodeHeartbeat(HEARTBEAT_KEY, client_id, sequence)
    return {"client_id": client_id.hex(), "sequence": sequence, "heartbeat": beat.hex()}


if __name__ == "__main__":
    write(NAME, lobbyVectors())
