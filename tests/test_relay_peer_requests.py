"""What a relay answers to CreatePermission and ChannelBind."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.relay.allocation import AllocationLimits
from gamenet.wire.stun_attributes import (
    encodeXorAddress,
)
from gamenet.wire.turn import (
    CHANNEL_BIND,
    CHANNEL_NUMBER,
    CREATE_PERMISSION,
    LIFETIME,
    REFRESH,
    XOR_PEER_ADDRESS,
    encodeChannelNumber,
    encodeLifetime,
)
from tests.relay_desk import (
    CLIENT,
    OTHER_CLIENT,
    PEER,
    RELAY_HOST,
    Desk,
    answerOf,
    channelAttributes,
    codeOf,
    peerAttribute,
    relayedOf,
    signedRequest,
    usernameOf,
)


class PeerTests(SynchronousTestCase):
    """CreatePermission and ChannelBind."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.desk.allocate()

    def found(self) -> dict[str, tuple[float, bool]]:
        """Return the permissions."""
        allocation = self.desk.table.find(CLIENT, self.desk.now)
        assert allocation is not None
        return allocation.permissions

    def test_permissions(self) -> None:
        """Every XOR-PEER-ADDRESS of a CreatePermission counts; ports do not."""
        outcome = self.desk.permit(("192.0.2.1", 0), ("192.0.2.2", 5), ("192.0.2.1", 9))
        self.assertEqual(codeOf(outcome), 0)
        self.assertEqual(answerOf(outcome).attributes, ())
        until = self.desk.now + 300.0
        self.assertEqual(
            self.found(), {"192.0.2.1": (until, False), "192.0.2.2": (until, False)}
        )

    def test_denied(self) -> None:
        """CVE-2020-26262, CVE-2026-27624: 403 for each, and for a good peer beside it."""
        for host in (
            "0.0.0.0", "127.0.0.1", "10.1.2.3", "169.254.169.254", "224.0.0.1",
            "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "fe80::1",
            "64:ff9b::127.0.0.1", "2002:7f00:1::", "2001:0:1::", "ff02::1",
        ):  # fmt: skip
            for port in (0, 80, 3478):
                self.assertEqual(codeOf(self.desk.permit((host, port))), 403, host)
                self.assertEqual(codeOf(self.desk.permit(PEER, (host, port))), 403, host)
                self.assertEqual(codeOf(self.desk.bind(0x4000, (host, port))), 403, host)
        self.assertEqual(self.found(), {})

    def test_family(self) -> None:
        """"440/443 families": a public IPv6 peer of an IPv4 allocation is 443."""
        for host in ("2606:4700::1", "::ffff:8.8.8.8"):
            self.assertEqual(codeOf(self.desk.permit((host, 1))), 443, host)
            self.assertEqual(codeOf(self.desk.bind(0x4000, (host, 1))), 443, host)

    def test_own(self) -> None:
        """The relay's host can be permitted; a channel leads only to a live relayed address."""
        self.assertEqual(codeOf(self.desk.permit((RELAY_HOST, 0))), 0)
        self.assertEqual(self.found(), {RELAY_HOST: (self.desk.now + 300.0, True)})
        other = relayedOf(self.desk.allocate(user="bob", client=OTHER_CLIENT))
        self.assertEqual(codeOf(self.desk.bind(0x4000, other)), 0)
        for port in (0, 22, 3478, other[1] + 7):
            self.assertEqual(codeOf(self.desk.bind(0x4001, (RELAY_HOST, port))), 403, port)
        self.desk.ask(REFRESH, ((LIFETIME, encodeLifetime(0)),), "bob", OTHER_CLIENT)
        self.assertEqual(codeOf(self.desk.bind(0x4000, other)), 403)

    def test_allowed(self) -> None:
        """What an operator opened is open; the listener on it is not."""
        desk = Desk(allow_peer=("127.0.0.0/8", "10.0.0.0/8"))
        desk.allocate()
        self.assertEqual(codeOf(desk.bind(0x4000, ("127.0.0.1", 5))), 0)
        self.assertEqual(codeOf(desk.bind(0x4001, ("10.0.0.1", 3478))), 0)
        self.assertEqual(codeOf(desk.bind(0x4002, ("127.0.0.1", 3478))), 403)
        self.assertEqual(codeOf(desk.permit(("::ffff:10.0.0.1", 0))), 443)

    def test_missing(self) -> None:
        """"Missing attributes", and malformed ones: 400."""
        peer = peerAttribute(PEER, bytes(12))
        channel = (CHANNEL_NUMBER, encodeChannelNumber(0x4000))
        bad_peer = (XOR_PEER_ADDRESS, b"\0\x01")
        for method, attributes in (
            (CREATE_PERMISSION, ()),
            (CREATE_PERMISSION, (bad_peer,)),
            (CREATE_PERMISSION, (peer, bad_peer)),
            (CHANNEL_BIND, ()),
            (CHANNEL_BIND, (peer,)),
            (CHANNEL_BIND, (channel,)),
            (CHANNEL_BIND, (channel, bad_peer)),
            (CHANNEL_BIND, ((CHANNEL_NUMBER, b"\x40\0"), peer)),
        ):
            self.assertEqual(codeOf(self.desk.ask(method, attributes)), 400, attributes)
        self.assertEqual(self.found(), {})

    def test_portZero(self) -> None:
        """"Port 0": no channel leads there."""
        self.assertEqual(codeOf(self.desk.bind(0x4000, (PEER[0], 0))), 403)

    def test_channelNumbers(self) -> None:
        """"Channel out of 0x4000-0x4FFF": 400, beyond what the settings allow."""
        for number, strict, lenient in (
            (0x3FFF, 400, 400),
            (0x4000, 0, 0),
            (0x4FFF, 0, 0),
            (0x5000, 400, 0),
            (0x7FFF, 400, 0),
            (0x8000, 400, 400),
            (0, 400, 400),
            (0xFFFF, 400, 400),
        ):
            for last, code in ((0x4FFF, strict), (0x7FFF, lenient)):
                desk = Desk(last_channel=last)
                desk.allocate()
                self.assertEqual(codeOf(desk.bind(number, PEER)), code, hex(number))

    def test_taken(self) -> None:
        """"Same channel other peer & vice versa": 400."""
        self.assertEqual(codeOf(self.desk.bind(0x4000, PEER)), 0)
        self.assertEqual(codeOf(self.desk.bind(0x4000, PEER)), 0)
        self.assertEqual(codeOf(self.desk.bind(0x4000, ("192.0.2.9", 1))), 400)
        self.assertEqual(codeOf(self.desk.bind(0x4001, PEER)), 400)

    def test_firstOfDuplicates(self) -> None:
        """coturn #2016: of two peers in a ChannelBind the first is bound."""
        transaction_id = self.desk.nextId()
        attributes = (
            *channelAttributes(0x4000, PEER, transaction_id),
            peerAttribute(("127.0.0.1", 1), transaction_id),
            (CHANNEL_NUMBER, encodeChannelNumber(0x4001)),
        )
        outcome = self.desk.ask(CHANNEL_BIND, attributes, transaction_id=transaction_id)
        self.assertEqual(codeOf(outcome), 0)
        self.assertEqual(self.desk.table.channelToPeer(CLIENT, 0x4000, self.desk.now), (1, PEER))

    def test_afterIntegrity(self) -> None:
        """coturn ab762f33: a peer appended behind MESSAGE-INTEGRITY is not permitted."""
        transaction_id = self.desk.nextId()
        data = signedRequest(
            CREATE_PERMISSION,
            (peerAttribute(PEER, transaction_id),),
            usernameOf("alice"),
            self.desk.nonces.issue(CLIENT, self.desk.now),
            transaction_id,
        )[:-8]
        evil = encodeXorAddress(("192.0.2.66", 1), transaction_id)
        data += b"\x00\x12\x00\x08" + evil
        data = data[:2] + (len(data) - 20).to_bytes(2, "big") + data[4:]
        self.assertEqual(codeOf(self.desk.put(data)), 0)
        self.assertEqual(list(self.found()), [PEER[0]])

    def test_caps(self) -> None:
        """"Permission count cap" and channels: 508."""
        desk = Desk(AllocationLimits(permissions=2, channels=1))
        desk.allocate()
        self.assertEqual(codeOf(desk.permit(("192.0.2.1", 0), ("192.0.2.2", 0))), 0)
        self.assertEqual(codeOf(desk.permit(("192.0.2.3", 0))), 508)
        self.assertEqual(codeOf(desk.bind(0x4000, ("192.0.2.1", 1))), 0)
        self.assertEqual(codeOf(desk.bind(0x4001, ("192.0.2.2", 1))), 508)
