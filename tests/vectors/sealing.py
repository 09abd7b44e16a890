"""
Test vectors of sealed links and handshakes: C{docs/vectors/sealing.json}.

C{python -m tests.vectors.sealing} writes the file anew.
"""

from __future__ import annotations

import json
from pathlib import Path

from gamenet.sealing.handshakes import Handshakes
from gamenet.sealing.link_keys import LinkEnd, deriveDirection, nextEpoch
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.sealing.sealed_link import SealedLink
from gamenet.sealing.transcript import proofStatement, welcomeStatement
from gamenet.wire.handshake_packets import Proof, Welcome, decodeHandshakePacket

__all__ = ["PATH", "sealingVectors"]

#: Where the vectors are kept.
PATH = Path(__file__).parents[2] / "docs" / "vectors" / "sealing.json"

_MATCH = bytes(range(0xA0, 0xB0))
_SEED_1 = bytes(range(64))
_SEED_2 = bytes(range(64, 128))
#: Player 1's process that returned: another link key, the same statement key.
_SEED_1_RETURNED = bytes(range(128, 160)) + _SEED_1[32:]
_COOKIE_SEED = bytes(range(32))
_NONCE = bytes(range(0xD0, 0xE0))

_Vectors = dict[str, object]


def sealingVectors() -> _Vectors:
    """Return all vectors; bytes are hexadecimal digits."""
    one, two, back = map(PlayerKeys.fromRandomBytes, (_SEED_1, _SEED_2, _SEED_1_RETURNED))
    return {
        "protocol_version": 1,
        "match_id": _MATCH.hex(),
        "players": {"1": _player(_SEED_1, one), "2": _player(_SEED_2, two)},
        "returned_player_1": _player(_SEED_1_RETURNED, back),
        "link": _link(one, two, 0),
        "datagrams": _datagrams(one, two),
        "handshake": _handshake(one, two, back),
        "link_after_return": _link(back, two, 1),
    }


def _player(seed: bytes, keys: PlayerKeys) -> _Vectors:
    return {
        "link_private_key": seed[:32].hex(),
        "link_key": keys.link_key.hex(),
        "statement_private_key": seed[32:].hex(),
        "statement_key": keys.statement_key.hex(),
    }


def _link(one: PlayerKeys, two: PlayerKeys, generation: int) -> _Vectors:
    """Return the keys of both directions, of player 1 in some generation and 2 in none."""
    secret = one.sharedSecret(two.link_key)
    ends = LinkEnd(1, one.link_key, generation), LinkEnd(2, two.link_key, 0)
    directions = {}
    for name, sender, receiver in (("1_to_2", *ends), ("2_to_1", *ends[::-1])):
        keys = deriveDirection(secret, _MATCH, sender, receiver)
        chain, epochs = keys.chain_key, [keys.key.hex()]
        for _ in range(2):
            key, chain = nextEpoch(chain)
            epochs.append(key.hex())
        directions[name] = {
            "link_id": keys.link_id.hex(),
            "first_chain_key": keys.chain_key.hex(),
            "keys_of_epochs": epochs,
        }
    return {"generations": [generation, 0], "secret": secret.hex(), **directions}


def _datagrams(one: PlayerKeys, two: PlayerKeys) -> list[_Vectors]:
    """Return datagrams of both players, in three epochs."""
    links = (
        SealedLink.between(one, 1, two.link_key, 2, _MATCH),
        SealedLink.between(two, 2, one.link_key, 1, _MATCH),
    )
    datagrams: list[_Vectors] = []
    for round_number in range(3):
        for place, sender in enumerate(links):
            packet = b"packet %d of player %d" % (round_number, place + 1)
            datagram = sender.seal(packet)
            links[1 - place].open(datagram)
            datagrams.append(
                {
                    "sender": place + 1,
                    "epoch": sender.epoch,
                    "counter": sender.sealed - 1,
                    "packet": packet.hex(),
                    "datagram": datagram.hex(),
                }
            )
        links[0].renewKeys()
    return datagrams


def _handshake(one: PlayerKeys, two: PlayerKeys, back: PlayerKeys) -> _Vectors:
    """Return the four packets by which player 1 comes back to player 2."""
    survivor = Handshakes(two, 2, _MATCH, _COOKIE_SEED)
    survivor.addPeer(1, one.statement_key, one.link_key)
    survivor.connect(1)
    returned = Handshakes(back, 1, _MATCH, _COOKIE_SEED)
    returned.addPeer(2, two.statement_key, two.link_key, own_generation=1)
    returned.begin(2, _NONCE, 0.0)
    here, there = ("192.0.2.1", 5000), ("192.0.2.2", 5000)
    hello = dict(returned.packetsDue(0.0))[2]
    challenge = survivor.packetReceived(hello, here, 0.0).packet
    proof = returned.packetReceived(challenge, there, 0.0).packet
    welcome = survivor.packetReceived(proof, here, 0.0).packet
    said, answer = decodeHandshakePacket(proof), decodeHandshakePacket(welcome)
    assert isinstance(said, Proof) and isinstance(answer, Welcome)
    return {
        "hello": hello.hex(),
        "challenge": challenge.hex(),
        "proof": proof.hex(),
        "proof_statement": proofStatement(said).hex(),
        "welcome": welcome.hex(),
        "welcome_statement": welcomeStatement(answer, said.claim.link_key).hex(),
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(sealingVectors(), indent=2) + "\n", "ascii")
