"""NAT behavior discovery: what four sockets answer together (RFC 5780)."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.interfaces import Address
from gamenet.stun_server.binding import BindingAnswer
from gamenet.stun_server.discovery import Discovery
from gamenet.wire import stun_attributes
from gamenet.wire.nat_discovery import (
    CHANGE_REQUEST,
    MAPPED_ADDRESS,
    OTHER_ADDRESS,
    PADDING,
    RESPONSE_ORIGIN,
    RESPONSE_PORT,
    decodeAddress,
    encodeChangeRequest,
    encodeResponsePort,
)
from gamenet.wire.stun import (
    BINDING,
    MessageClass,
    StunMessage,
    decode,
    encode,
    encodeBindingRequest,
    readBindingAddress,
)
from gamenet.wire.stun_attributes import decodeErrorCode, decodeUnknownAttributes

_ID = bytes(range(100, 112))
_CLIENT = ("198.51.100.7", 50_000)
_PRIMARY = ("203.0.113.2", 3478)
_ALTERNATE = ("203.0.113.3", 3479)
_SOCKETS = (_PRIMARY, ("203.0.113.2", 3479), ("203.0.113.3", 3478), _ALTERNATE)
_PORT = (RESPONSE_PORT, encodeResponsePort(50_001))
_LONG_PADDING = (PADDING, bytes(1500))


def _change(host: bool, port: bool) -> tuple[int, bytes]:
    return CHANGE_REQUEST, encodeChangeRequest(host, port)


def _request(*attributes: tuple[int, bytes], fingerprint: bool = False) -> bytes:
    message = StunMessage(BINDING, MessageClass.REQUEST, _ID, attributes)
    return encode(message, fingerprint=fingerprint)


def _address(data: bytes, kind: int) -> Address:
    value = decode(data).first(kind)
    assert value is not None
    return decodeAddress(value)


class DiscoveryCase(SynchronousTestCase):
    """Four sockets."""

    def setUp(self) -> None:
        self.discovery = Discovery(_PRIMARY, _ALTERNATE)

    def answer(
        self, data: bytes, receiving: Address = _PRIMARY, client: Address = _CLIENT
    ) -> BindingAnswer:
        """Return the answer to a request, which is never more than 2.5 times as long."""
        answer = self.discovery.answer(decode(data), len(data), client, receiving)
        self.assertLessEqual(len(answer.data), 2.5 * len(data))
        self.assertEqual(answer.destination[0], client[0])
        return answer


class SocketTests(DiscoveryCase):
    """Which sockets there are."""

    def test_sockets(self) -> None:
        """Both hosts with both ports."""
        self.assertEqual(self.discovery.sockets, _SOCKETS)

    def test_badSettings(self) -> None:
        """Two hosts, two ports, one family, all numeric; refused by name otherwise."""
        for primary, alternate, why in (
            (_PRIMARY, ("203.0.113.2", 3479), "two hosts and two ports"),
            (_PRIMARY, ("203.0.113.3", 3478), "two hosts and two ports"),
            (_PRIMARY, ("203.0.113.3", 0), "two hosts and two ports"),
            (("203.0.113.2", 0), _ALTERNATE, "two hosts and two ports"),
            (_PRIMARY, ("2001:db8::3", 3479), "one family"),
            (("2001:db8::3", 3479), _PRIMARY, "one family"),
            (_PRIMARY, ("localhost", 3479), "localhost"),
            (_PRIMARY, ("203.0.113.3", 65_536), "65536"),
        ):
            error = self.assertRaises(BadSetting, Discovery, primary, alternate)
            self.assertIn("behavior discovery", str(error))
            self.assertIn(why, str(error))


class ChangeRequestTests(DiscoveryCase):
    """Answers from the other host and the other port."""

    def test_changes(self) -> None:
        """All four CHANGE-REQUEST combinations from each of four sockets (section 6.1)."""
        for receiving, (host, port) in product(_SOCKETS, product((False, True), repeat=2)):
            other = {
                host: {"203.0.113.2": "203.0.113.3", "203.0.113.3": "203.0.113.2"}[host]
                for host in ("203.0.113.2", "203.0.113.3")
            }[receiving[0]]
            other_port = {3478: 3479, 3479: 3478}[receiving[1]]
            answer = self.answer(_request(_change(host, port)), receiving)
            origin = (other if host else receiving[0], other_port if port else receiving[1])
            self.assertEqual(answer.origin, origin)
            self.assertEqual((answer.destination, answer.code), (_CLIENT, 0))
            self.assertEqual(_address(answer.data, RESPONSE_ORIGIN), origin)
            # Other than where the request arrived, wherever the answer comes from.
            self.assertEqual(_address(answer.data, OTHER_ADDRESS), (other, other_port))
            self.assertEqual(_address(answer.data, MAPPED_ADDRESS), _CLIENT)
            self.assertEqual(readBindingAddress(decode(answer.data)), _CLIENT)

    def test_none(self) -> None:
        """Without CHANGE-REQUEST the answer comes from where it was asked."""
        for receiving in _SOCKETS:
            for data in (_request(), _request(fingerprint=True)):
                self.assertEqual(self.answer(data, receiving).origin, receiving)

    def test_bare(self) -> None:
        """
        A bare request of 20 bytes, as coturn's natdiscovery sends, is told OTHER-ADDRESS, without
        which it does not go on.
        """
        answer = self.answer(_request())
        self.assertEqual(len(answer.data), 44)
        self.assertEqual(_address(answer.data, OTHER_ADDRESS), _ALTERNATE)
        self.assertIsNone(decode(answer.data).first(RESPONSE_ORIGIN))

    def test_malformed(self) -> None:
        """A malformed attribute is refused with 400, to the sender, from where it arrived."""
        for attributes in (
            ((CHANGE_REQUEST, b""),),
            ((CHANGE_REQUEST, b"\0\0\0\6\0"),),
            ((RESPONSE_PORT, bytes(4)),),
            ((RESPONSE_PORT, b"\1"),),
            ((RESPONSE_PORT, bytes(4)), _change(True, True)),
        ):
            answer = self.answer(_request(*attributes), _ALTERNATE)
            self.assertEqual((answer.code, answer.origin), (400, None))
            self.assertEqual(answer.destination, _CLIENT)
            code = decode(answer.data).first(stun_attributes.ERROR_CODE)
            assert code is not None
            self.assertEqual(decodeErrorCode(code).code, 400)

    def test_unknown(self) -> None:
        """420 for what is not known, before anything else."""
        answer = self.answer(_request((0x7F00, b""), (CHANGE_REQUEST, b""), _PORT))
        self.assertEqual((answer.code, answer.origin), (420, None))
        self.assertEqual(answer.destination, _CLIENT)
        types = decode(answer.data).first(stun_attributes.UNKNOWN_ATTRIBUTES)
        assert types is not None
        self.assertEqual(decodeUnknownAttributes(types), (0x7F00,))

    def test_known(self) -> None:
        """What every Binding request may have does not hinder."""
        data = _request((stun_attributes.USERNAME, b"somebody"), _change(False, True))
        self.assertEqual(self.answer(data).origin, ("203.0.113.2", 3479))

    def test_firstCounts(self) -> None:
        """Of two attributes of a type the first counts (coturn #2016)."""
        data = _request(_change(True, False), _change(False, True))
        self.assertEqual(self.answer(data).origin, ("203.0.113.3", 3478))

    def test_ipv6(self) -> None:
        """Two IPv6 hosts do the same; what has no room in 2.5 times the request is left out."""
        primary, alternate = ("2001:db8::2", 3478), ("2001:db8::3", 3479)
        discovery = Discovery(primary, alternate)
        client = ("2001:db8::7", 50_000)
        for fill, kinds in (
            (0, [OTHER_ADDRESS]),
            (20, [OTHER_ADDRESS, RESPONSE_ORIGIN, MAPPED_ADDRESS]),
        ):
            data = _request(_change(True, True), (stun_attributes.SOFTWARE, bytes(fill)))
            answer = discovery.answer(decode(data), len(data), client, primary)
            self.assertEqual(answer.origin, alternate)
            self.assertEqual(
                [kind for kind, _ in decode(answer.data).attributes],
                [stun_attributes.XOR_MAPPED_ADDRESS, *kinds],
            )
            self.assertLessEqual(len(answer.data), 2.5 * len(data))


class ResponsePortTests(DiscoveryCase):
    """Answers to another port of whoever asked."""

    def test_sameHostOnly(self) -> None:
        """RESPONSE-PORT changes the port and nothing else (checklist)."""
        for change in ((False, False), (True, True)):
            answer = self.answer(_request(_PORT, _change(*change)))
            self.assertEqual(answer.destination, ("198.51.100.7", 50_001))
            self.assertEqual(answer.origin, _ALTERNATE if change[0] else _PRIMARY)
            self.assertEqual(readBindingAddress(decode(answer.data)), _CLIENT)

    def test_withPadding(self) -> None:
        """RESPONSE-PORT and PADDING together are refused with 400 (section 7.6), to the sender."""
        for attributes in ((_PORT, _LONG_PADDING), (_LONG_PADDING, _PORT), (_PORT, (PADDING, b""))):
            answer = self.answer(_request(*attributes))
            self.assertEqual((answer.code, answer.origin, answer.destination), (400, None, _CLIENT))
            self.assertLess(len(answer.data), 60)


class PaddingTests(DiscoveryCase):
    """Long answers to long requests."""

    def test_noAmplification(self) -> None:
        """An answer with PADDING is as long as its request, or shorter (checklist)."""
        for length in range(1500):
            for change in ((), (_change(True, True),)):
                data = _request((PADDING, bytes(length)), *change)
                answer = self.answer(data)
                if decode(answer.data).first(PADDING) is not None:
                    self.assertLessEqual(len(answer.data), len(data))
                else:
                    self.assertLessEqual(len(data), 80)
                if len(data) >= 68:
                    self.assertEqual(_address(answer.data, OTHER_ADDRESS), _ALTERNATE)

    def test_length(self) -> None:
        """1500 bytes of PADDING get an answer of just as many bytes, in zeros, from anywhere."""
        for receiving in _SOCKETS:
            data = _request(_change(True, False), _LONG_PADDING, fingerprint=True)
            answer = self.answer(data, receiving)
            self.assertEqual(len(answer.data), len(data))
            message = decode(answer.data)
            self.assertTrue(message.fingerprinted)
            padding = message.first(PADDING)
            assert padding is not None
            self.assertEqual(padding, bytes(len(padding)))
            self.assertGreater(len(padding), 1400)

    def test_notAsked(self) -> None:
        """Nobody gets PADDING who sent none."""
        for data in (_request(_change(True, True)), _request((0x8099, bytes(1000)))):
            self.assertIsNone(decode(self.answer(data).data).first(PADDING))


class QuickTests(DiscoveryCase):
    """The quick way at the four sockets."""

    @given(
        st.sampled_from(_SOCKETS), st.sampled_from((_CLIENT, ("2001:db8::7", 9))), st.booleans()
    )
    @settings(deadline=None, max_examples=30)
    def test_agrees(self, receiving: Address, client: Address, printed: bool) -> None:
        """A quick answer is the considered one."""
        data = encodeBindingRequest(_ID) if printed else _request()
        answer = self.answer(data, receiving, client)
        self.assertEqual(self.discovery.quickAnswer(data, client, receiving), answer.data)
        self.assertEqual(answer.origin, receiving)

    def test_others(self) -> None:
        """What asks for anything is not for the quick way."""
        for data in (b"", _request(_change(True, False)), _request(_PORT)):
            self.assertIsNone(self.discovery.quickAnswer(data, _CLIENT, _PRIMARY))


class AmplificationTests(DiscoveryCase):
    """Every combination of attributes at every socket."""

    def test_everyCombination(self) -> None:
        """Known and unknown, short and long, with and without FINGERPRINT: 2.5 times at most."""
        possible = (
            _change(True, True), _PORT, (PADDING, bytes(8)), _LONG_PADDING, (0x7F00, b""),
            (stun_attributes.SOFTWARE, b"x"), (CHANGE_REQUEST, b""),
        )  # fmt: skip
        for chosen in product((False, True), repeat=len(possible)):
            attributes = [each for each, wanted in zip(possible, chosen, strict=True) if wanted]
            for order, printed in product((attributes, attributes[::-1]), (False, True)):
                data = _request(*order, fingerprint=printed)
                for client in (_CLIENT, ("2001:db8::7", 50_000)):
                    answer = self.answer(data, client=client)
                    self.assertIn(answer.destination[1], (50_000, 50_001))
                    self.assertIn(answer.origin, (*_SOCKETS, None))
                    self.assertIs(answer.origin is None, answer.code != 0)
