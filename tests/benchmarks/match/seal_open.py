"""
Sealing and opening a packet of 100 bytes, beside the bare cipher.

What is measured is what a match does for each packet: seal it; find the link of what
came by the id in its header, among seven; open it.  Counters, replay window and
statistics are part of that.  It is divided by C{encrypt} and C{decrypt} of the same 100
bytes with the same 12-byte nonce and 8 bytes of associated data.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gamenet.sealing.player_keys import PlayerKeys
from gamenet.sealing.sealed_link import SealedLink, linkIdOf
from tests.benchmarks.figures import Figure, cpuSeconds, fromRounds

__all__ = ["sealOpen"]

_PACKETS = 20_000
_PACKET = bytes(range(100))
_MATCH = bytes(range(16))
_PLAYERS = 8


def sealOpen(rounds: int) -> list[Figure]:
    """Return the figure C{seal_open_vs_aead}; each round measures both, in turns."""
    ratios, sealed, bare = [], [], []
    for _ in range(rounds):
        ours = cpuSeconds(_links) / _PACKETS * 1e6
        theirs = cpuSeconds(_cipher) / _PACKETS * 1e6
        sealed.append(ours)
        bare.append(theirs)
        ratios.append(ours / theirs)
    note = f"{min(sealed):.2f} us a packet, bare cipher {min(bare):.2f} us"
    return [fromRounds("seal_open_vs_aead", ratios, "x", goal=3.0, better="lower", note=note)]


def _links() -> None:
    """Seal and open at both ends of one link, beside six others."""
    keys = [PlayerKeys.fromRandomBytes(bytes([number]) * 64) for number in range(_PLAYERS)]
    links = {}
    for number in range(1, _PLAYERS):
        link = SealedLink.between(keys[number], number + 1, keys[0].link_key, 1, _MATCH)
        links[link.incoming_id] = link
    sender = SealedLink.between(keys[0], 1, keys[1].link_key, 2, _MATCH)
    seal = sender.seal
    for _ in range(_PACKETS):
        datagram = seal(_PACKET)
        links[linkIdOf(datagram)].open(datagram)


def _cipher() -> None:
    """Encrypt and decrypt with the cipher alone."""
    cipher = ChaCha20Poly1305(bytes(range(32)))
    encrypt, decrypt = cipher.encrypt, cipher.decrypt
    nonce, associated = bytes(12), bytes(8)
    for _ in range(_PACKETS):
        decrypt(nonce, encrypt(nonce, _PACKET, associated), associated)
