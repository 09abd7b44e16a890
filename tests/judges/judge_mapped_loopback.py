"""
A peer written as C{::ffff:127.0.0.1}: loopback in disguise.

Our relay refuses it.  coturn 4.6.1, which is asked the same, lets it in
(CVE-2026-27624): there the test fails, which shows that it can.
"""

from __future__ import annotations

import os
import socket
import time

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from gamenet.wire.stun import MessageClass, StunMessage, decode, encode
from gamenet.wire.stun_attributes import (
    ERROR_CODE,
    NONCE,
    REALM,
    USERNAME,
    decodeErrorCode,
    encodeXorAddress,
)
from gamenet.wire.turn import (
    ALLOCATE,
    CHANNEL_BIND,
    CHANNEL_NUMBER,
    CREATE_PERMISSION,
    IPV6_FAMILY,
    REQUESTED_ADDRESS_FAMILY,
    REQUESTED_TRANSPORT,
    XOR_PEER_ADDRESS,
    encodeAddressFamily,
    encodeChannelNumber,
    encodeTransport,
)
from gamenet.wire.turn_credentials import ephemeralPassword, ephemeralUsername, longTermKey
from tests.judges.programs import program, run
from tests.judges.relays import COTURN, OURS, SECRET, startRelay

_DISGUISED = ("::ffff:127.0.0.1", 9)


class _Asker:
    """A client that asks one thing after the other, in a thread of its own."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._socket.settimeout(5)
        self._username = ephemeralUsername(int(time.time()) + 600, "alice")
        self._signing: tuple[tuple[int, bytes], ...] = ()
        self._key: bytes | None = None

    def close(self) -> None:
        """Go away."""
        self._socket.close()

    def ask(
        self, method: int, *attributes: tuple[int, bytes], peer: tuple[str, int] | None = None
    ) -> int:
        """
        Ask, with credentials once the relay said how.

        @param peer: What XOR-PEER-ADDRESS shall be; for IPv6 it depends on the transaction.
        @return: The code of the error, 0 without one.
        """
        transaction_id = os.urandom(12)
        asked = [*attributes, *self._signing]
        if peer is not None:
            asked.insert(0, (XOR_PEER_ADDRESS, encodeXorAddress(peer, transaction_id)))
        request = StunMessage(method, MessageClass.REQUEST, transaction_id, tuple(asked))
        self._socket.send(encode(request, self._key))
        answer = decode(self._socket.recv(2048))
        assert answer.transaction_id == transaction_id
        value = answer.first(ERROR_CODE)
        if value is None:
            return 0
        code = decodeErrorCode(value).code
        if code == 401 and self._key is None:
            self._sign(answer)
            return self.ask(method, *attributes, peer=peer)
        return code

    def _sign(self, answer: StunMessage) -> None:
        realm, nonce = answer.first(REALM), answer.first(NONCE)
        assert realm is not None
        assert nonce is not None
        self._signing = ((USERNAME, self._username.encode()), (REALM, realm), (NONCE, nonce))
        password = ephemeralPassword(SECRET.encode(), self._username)
        self._key = longTermKey(self._username, realm.decode(), password)

    def askForDisguised(self) -> tuple[int, int, int]:
        """Return what Allocate for IPv6, CreatePermission and ChannelBind are answered with."""
        return (
            self.ask(
                ALLOCATE,
                (REQUESTED_TRANSPORT, encodeTransport()),
                (REQUESTED_ADDRESS_FAMILY, encodeAddressFamily(IPV6_FAMILY)),
            ),
            self.ask(CREATE_PERMISSION, peer=_DISGUISED),
            self.ask(CHANNEL_BIND, (CHANNEL_NUMBER, encodeChannelNumber(0x4001)), peer=_DISGUISED),
        )


class MappedLoopbackTests(TestCase):
    """Bad input: C{::ffff:127.0.0.1} as a peer (nat.md, section 5: CVE-2026-27624)."""

    timeout = 60

    async def codes(self, kind: str, loopback: bool = False) -> tuple[int, int, int]:
        """Return what a relay answers to who asks for IPv6 and for the disguised peer, twice."""
        relay = await startRelay(kind, self.addCleanup, loopback=loopback)
        asker = _Asker(relay.port)
        self.addCleanup(asker.close)
        return await deferToThread(asker.askForDisguised)

    def assertRefused(self, codes: tuple[int, int, int]) -> None:
        """Assert that there was an allocation, and that its peer was refused both ways."""
        self.assertEqual(codes, (0, 403, 403))

    async def test_ours(self) -> None:
        """By default it is refused."""
        self.assertRefused(await self.codes(OURS))

    async def test_oursWithLoopback(self) -> None:
        """It is refused even where loopback is allowed by its own name."""
        self.assertRefused(await self.codes(OURS, loopback=True))

    async def test_coturn(self) -> None:
        """coturn 4.6.1, without C{--allow-loopback-peers}, lets it in: there the test fails."""
        codes = await self.codes(COTURN)
        said = await run(10, program("turnserver"), "--version")
        if said.text.strip() != "4.6.1":
            # One that is mended cannot show it.
            self.assertRefused(codes)
            return
        with self.assertRaises(self.failureException):
            self.assertRefused(codes)
        self.assertEqual(codes, (0, 0, 0))
