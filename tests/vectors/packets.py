"""
Test vectors of what players say to one another inside of the seal, but inputs:
C{docs/vectors/packets.json}.

C{python -m tests.vectors.packets} writes the file anew.
"""

from __future__ import annotations

from typing import Any

import attrs

from gamenet.sealing.player_keys import PlayerKeys
from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_values import Candidate, TicketMember
from gamenet.wire.match_statements import MatchStatement, StatementPacket
from gamenet.wire.mesh_messages import (
    Attempted,
    Introduction,
    MeshMessage,
    Whereabouts,
    encodeMeshMessage,
)
from gamenet.wire.peer_packets import (
    CallOff,
    Check,
    CheckAnswer,
    Goodbye,
    GoodbyeReason,
    PacketKind,
    PeerPacket,
    Ready,
    Terms,
    encodePeerPacket,
)
from tests.golden.samples_of_version_1 import PEER_PACKETS
from tests.vectors.plain import plain, write

__all__ = ["MALFORMED", "NAME", "packetVectors"]

NAME = "packets.json"

_MATCH = bytes(range(0xA0, 0xB0))
#: The seeds of player 1 in C{sealing.json}.
_SEED = bytes(range(64))
_CANDIDATES = (
    Candidate("host", ("192.168.1.2", 50000)),
    Candidate("relayed", ("2001:db8::7", 1)),
)

#: What is beside the golden samples.
_MORE: dict[str, PeerPacket] = {"Goodbye.differed": Goodbye(GoodbyeReason.DIFFERED, 0)}

_MESH: dict[str, MeshMessage] = {
    "player 3 may be reached at two places": Whereabouts(3, _CANDIDATES),
    "player 2 may be reached nowhere": Whereabouts(2, ()),
    "a step": Attempted(bytes(range(16)), 1),
    "player 4 has come": Introduction(
        TicketMember(4, b"clientid", "Zo\u00eb", b"\x41" * 32, b"\x42" * 32, _CANDIDATES)
    ),
}

#: Bytes that are no packet, and why.
MALFORMED: dict[str, str] = {
    "no bytes": "",
    "a kind that nobody knows": "0b",
    "a check with half of a nonce": "0001020304",
    "an answer that is too long": "01" + 17 * "00",
    "inputs without a body": "02",
    "a body of 1 151 bytes": "02" + 1151 * "00",
    "a ready with a flag that there is not": "03" + 16 * "00" + "10",
    "a goodbye for a reason that there is not": "040500000000",
    "a goodbye with a frame below -1": "0400fffffffe",
    "terms out of order": "0582826162018261610" + "1",
    "a term that is a truth value": "0581826161f5",
    "a countdown cut off": "08" + 15 * "00",
    "a match called off because of nobody": "09000000",
    "a statement without a signature": "0a00" + 8 * "00",
    "a statement with an outcome of 513 bytes": "0a00" + (8 + 64 + 513) * "00",
}


def packetVectors() -> dict[str, object]:
    """Return all vectors; bytes are hexadecimal digits."""
    return {
        "packets": [_packet(name, packet) for name, packet in (PEER_PACKETS | _MORE).items()],
        "malformed": MALFORMED,
        "stream_3": [_mesh(what, message) for what, message in _MESH.items()],
        "result": _result(),
    }


def _packet(name: str, packet: PeerPacket) -> dict[str, object]:
    data = encodePeerPacket(packet)
    return {
        "kind": PacketKind(data[0]).name,
        "sample": name,
        "says": {key: _said(value) for key, value in _fields(packet).items()},
        "packet": data.hex(),
    }


def _said(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else plain(value)


def _fields(packet: PeerPacket) -> dict[str, Any]:
    """Return a packet's fields as they travel."""
    match packet:
        case Check(nonce, reception):
            told = (None,) * 3 if reception is None else attrs.astuple(reception)
            return {"nonce": nonce, **dict(zip(("loss", "jitter", "sent"), told, strict=True))}
        case CheckAnswer(nonce, clock):
            return {"nonce": nonce, "clock": clock}
        case Ready(digest):
            bits = (packet.heard, packet.loaded, packet.reached, packet.counting)
            return {"digest": digest, "flags": sum(1 << n for n, bit in enumerate(bits) if bit)}
        case Terms(fields):
            return {"terms": fields}
        case CallOff(reason, players):
            return {"reason": int(reason), "players": players}
        case Goodbye(reason, frame):
            return {"reason": int(reason), "last_confirmed_frame": frame}
        case StatementPacket():
            said = attrs.asdict(packet)
            return {"flags": int(said.pop("has_yours")), **said}
    return attrs.asdict(packet)


def _mesh(what: str, message: MeshMessage) -> dict[str, object]:
    data = encodeMeshMessage(message)
    return {"what": what, "array": plain(canonical_cbor.decode(data)), "message": data.hex()}


def _result() -> dict[str, object]:
    """Return how player 1 signs a result."""
    keys = PlayerKeys.fromRandomBytes(_SEED)
    statement = MatchStatement(_MATCH, 599, 0x89ABCDEF, b"Ada won")
    signature = keys.sign(statement.toBytes())
    packet = StatementPacket(False, 599, 0x89ABCDEF, b"Ada won", signature)
    return {
        "match_id": _MATCH.hex(),
        "statement_private_key": _SEED[32:].hex(),
        "statement_key": keys.statement_key.hex(),
        "last_frame": 599,
        "checksum": 0x89ABCDEF,
        "outcome": b"Ada won".hex(),
        "statement": statement.toBytes().hex(),
        "signature": signature.hex(),
        "packet": encodePeerPacket(packet).hex(),
    }


if __name__ == "__main__":
    write(NAME, packetVectors())
