"""
Player 1 as a process of its own, for L{tests.test_sealing_processes}.

It is told its statement seed and whether it returns, says which keys and nonces it seals
with, and speaks in lines: C{in HEX} for a datagram to it, C{out HEX} for one from it,
C{used HEX} for a key and nonce, hashed.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path

from gamenet.errors import RemoteProtocolError
from gamenet.sealing import sealed_link
from gamenet.sealing.handshakes import Handshakes
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.sealing.sealed_link import SealedLink
from gamenet.wire.demultiplexing import HANDSHAKE_PACKET
from tests.sealing_scene import MATCH, KeyRecord, keysOf

__all__ = ["main"]


def say(word: str, data: bytes) -> None:
    """Say one thing to the parent."""
    print(word, data.hex(), flush=True)


def main(first_link_seed: str) -> None:
    """
    Play until killed.

    @param first_link_seed: Of the first process; empty for one that returns.
    """
    with Path("/dev/urandom").open("rb") as entropy:
        fresh = entropy.read(80)
    link_seed = bytes.fromhex(first_link_seed) or fresh[:32]
    keys = PlayerKeys.fromRandomBytes(link_seed + bytes([101]) * 32)
    record = KeyRecord()
    sealed_link.ChaCha20Poly1305 = record.cipher  # type: ignore[assignment,misc]
    handshakes = Handshakes(keys, 1, MATCH, fresh[32:64])
    two = keysOf(2)
    handshakes.addPeer(2, two.statement_key, two.link_key, own_generation=int(not first_link_seed))
    link: SealedLink | None = None
    if first_link_seed:
        link = handshakes.connect(2)
    else:
        handshakes.begin(2, fresh[64:], 0.0)
        say("out", dict(handshakes.packetsDue(0.0))[2])
    number = 0
    while True:
        if link is not None:
            datagram = link.seal(b"packet %d" % number)
            number += 1
            say("used", sha256(b"".join(list(record.used)[-1])).digest())
            say("out", datagram)
        data = bytes.fromhex(sys.stdin.readline().split()[1])
        if data[0] == HANDSHAKE_PACKET:
            reply = handshakes.packetReceived(data, ("192.0.2.2", 2), 0.0)
            link = reply.link or link
            if reply.packet:
                say("out", reply.packet)
        elif link is not None:
            try:
                link.open(data)
            except RemoteProtocolError:
                continue


if __name__ == "__main__":
    main(sys.argv[1])
