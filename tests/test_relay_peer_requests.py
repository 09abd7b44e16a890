"""What a relay answers to CreatePermission and ChannelBind."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import CannotBind
from gamenet.relay.peer_policy import PeerPolicy
from gamenet.relay.quotas import AllocationLimits
from gamenet.wire.stun_attributes import (
    encodeXorAddress,
)
from gamenet.wire.turn import (
    ADDITIONAL_ADDRESS_FAMILY,
    CHANNEL_BIND,
    CHANNEL_NUMBER,
    CREATE_PERMISSION,
    LIFETIME,
    REFRESH,
    REQUESTED_ADDRESS_FAMILY,
    XOR_PEER_ADDRESS,
    encodeAddressFamily,
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
        """Return the permissions: by host when they end, and whether it is guarded."""
        return {
            each.host: (each.expires, each.guarded) for each in self.desk.find().permissions
        }

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
        """"440/443 families": a public peer of another family than was allocated is 443."""
        ipv6 = ((REQUESTED_ADDRESS_FAMILY, encodeAddressFamily(2)),)
        self.desk.allocate(ipv6, client=OTHER_CLIENT)
        for client, host, other in (
            (CLIENT, PEER[0], "2606:4700::1"),
            (OTHER_CLIENT, "2606:4700::1", PEER[0]),
        ):
            for peers in (((other, 1),), ((host, 1), (other, 1))):
                self.assertEqual(codeOf(self.desk.permit(*peers, client=client)), 443)
            self.assertEqual(codeOf(self.desk.bind(0x4000, (other, 1), client)), 443)
            self.assertEqual(self.desk.find(client).permissions, ())
            self.assertEqual(codeOf(self.desk.permit((host, 1), client=client)), 0)
            self.assertEqual(codeOf(self.desk.bind(0x4000, (host, 1), client)), 0)

    def test_bothFamilies(self) -> None:
        """A dual allocation has peers of both, until one is given back."""
        dual = ((ADDITIONAL_ADDRESS_FAMILY, encodeAddressFamily(2)),)
        self.desk.allocate(dual, client=OTHER_CLIENT)
        peers = (PEER, ("2606:4700::1", 1))
        self.assertEqual(codeOf(self.desk.permit(*peers, client=OTHER_CLIENT)), 0)
        gone = (
            (LIFETIME, encodeLifetime(0)),
            (REQUESTED_ADDRESS_FAMILY, encodeAddressFamily(1)),
        )
        self.assertEqual(codeOf(self.desk.ask(REFRESH, gone, client=OTHER_CLIENT)), 0)
        self.assertEqual(codeOf(self.desk.permit(peers[0], client=OTHER_CLIENT)), 443)
        self.assertEqual(codeOf(self.desk.permit(peers[1], client=OTHER_CLIENT)), 0)

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
        self.assertEqual(codeOf(desk.permit(("::ffff:10.0.0.1", 0))), 403)

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
        channels = [(each.number, each.peer) for each in self.desk.find().channels]
        self.assertEqual(channels, [(0x4000, PEER)])

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

    def test_quotas(self) -> None:
        """Permissions of a user, of a source address and in total: 508, all or nothing."""
        for limits, others in (
            (AllocationLimits(permissions_of_user=3), ("alice", "198.51.100.20")),
            (AllocationLimits(permissions_of_address=3), ("bob", "198.51.100.7")),
            (AllocationLimits(permissions_in_total=3), ("bob", "198.51.100.20")),
        ):
            desk = Desk(limits)
            user, host = others
            other = (host, 7)
            desk.allocate()
            desk.allocate(user=user, client=other)
            hosts = [(f"192.0.2.{number}", 0) for number in range(4)]
            self.assertEqual(codeOf(desk.permit(*hosts[:2])), 0)
            two = desk.permit(*hosts[:2], client=other, user=user)
            self.assertEqual(codeOf(two), 508)
            self.assertEqual(desk.find(other).permissions, ())
            one = desk.bind(0x4000, (hosts[3][0], 1), other, user)
            self.assertEqual(codeOf(one), 0)
            self.assertEqual(codeOf(desk.permit(hosts[3])), 508)
            self.assertEqual(codeOf(desk.permit(*hosts[:2])), 0)
            self.assertEqual(desk.counters.permissions_active, 3)
            desk.ask(REFRESH, ((LIFETIME, encodeLifetime(0)),))
            self.assertEqual(codeOf(desk.permit(*hosts[:2], client=other, user=user)), 0)

    def test_externalForm(self) -> None:
        """Behind a 1:1 NAT a relayed address is one peer, under either of its hosts."""
        desk = Desk()
        told = ("10.9.9.9", RELAY_HOST)
        desk.table.usePolicy(PeerPolicy((RELAY_HOST,), (3478,), external=(told,)))
        desk.allocate()
        relayed = relayedOf(desk.allocate(user="bob", client=OTHER_CLIENT))
        self.assertEqual(codeOf(desk.bind(0x4000, ("10.9.9.9", relayed[1]))), 0)
        self.assertEqual(desk.find().channels[0].peer, relayed)
        self.assertEqual(codeOf(desk.permit(("10.9.9.9", 1))), 0)
        self.assertEqual([each.host for each in desk.find().permissions], [RELAY_HOST])
        self.assertEqual(codeOf(desk.bind(0x4001, ("10.9.9.9", 22))), 403)

    def test_systemDoesNotTell(self) -> None:
        """
        A relay that is out of descriptors (nat.md, section 5): new peers wait with 508, and
        what is permitted already goes on as it was, refreshes and reloads included.
        """
        self.assertEqual(codeOf(self.desk.permit(("198.51.100.77", 0))), 0)
        asked = []

        def isOwn(host: str) -> bool:
            asked.append(host)
            raise CannotBind("out of descriptors")

        table = self.desk.table
        policy = attrs.evolve(table.policy, is_own=isOwn)
        self.assertEqual(table.usePolicy(policy), ())
        before = len(asked)
        self.assertEqual(codeOf(self.desk.permit(("198.51.100.77", 0))), 0)
        self.assertEqual(len(asked), before, "what is permitted was judged again")
        self.assertEqual(codeOf(self.desk.bind(0x4000, ("198.51.100.77", 7))), 0)
        self.assertFalse(self.found()["198.51.100.77"][1])
        self.assertEqual(codeOf(self.desk.permit(("198.51.100.78", 0))), 508)
        self.assertEqual(codeOf(self.desk.bind(0x4001, ("198.51.100.78", 7))), 508)

    def test_manyPeersAreNotJudged(self) -> None:
        """More peers than there may be permissions are only counted; one of many once."""
        desk = Desk(AllocationLimits(permissions=8))
        desk.allocate()
        asked: list[str] = []
        policy = attrs.evolve(desk.table.policy, is_own=lambda host: bool(asked.append(host)))
        desk.table.usePolicy(policy)
        many = tuple((f"198.51.100.{number}", 0) for number in range(9))
        self.assertEqual(codeOf(desk.permit(*many)), 508)
        self.assertEqual(asked, [])
        self.assertEqual(codeOf(desk.permit(*[("198.51.100.1", 0)] * 20)), 0)
        self.assertEqual(asked, ["198.51.100.1"])
