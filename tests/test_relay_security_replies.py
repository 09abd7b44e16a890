"""
Section 5 of the security list, on the wire: whom a relay answers, and with how many bytes.

coturn #1588, #1957, #1829 (401 reflection), netbird #3900, CVE-2020-4067 (padding).
"""

from __future__ import annotations

from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.relay.settings import RelaySettings
from gamenet.wire.turn import encodeChannelData
from tests.relay_bytes import (
    BrokenError,
    attributesOf,
    checkEmitted,
    errorCodeOf,
    rawMessage,
    sealed,
    typeOf,
)
from tests.relay_desk import (
    RELAY_HOST,
    RELAY_HOST_IPV6,
    SECRET,
    allocateAttributes,
    signedRequest,
    usernameOf,
)
from tests.relay_hosts_scene import ALTERNATE_HOST, HostsScene
from tests.relay_scene import Peer, RawClient, Scene
from tests.test_relay_streams import StreamClient

_VICTIM: Address = ("198.51.100.77", 4444)
_METHODS = (0x0003, 0x0004, 0x0008, 0x0009, 0x000A, 0x000B)
_PATIENT: dict[str, float] = {"refusals_per_second": 1e6, "refusals_burst": 1e6}
_CHANGE, _RESPONSE_PORT, _PADDING = 0x0003, 0x0027, 0x0026


class Reflector:
    """
    Forges requests in the name of a victim.

    @ivar scene: The relay.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def forge(
        self, data: bytes, to: Address = (RELAY_HOST, 3478), victim: Address = _VICTIM
    ) -> list[tuple[bytes, Address]]:
        """Put a datagram to a socket of the relay; return what it sends, and where to."""
        network = self.scene.network
        network.carried.clear()
        network.machine(to[0]).sockets[to[1]].receiver(data, victim)
        network.settle()
        for sent, _, _ in network.carried:
            checkEmitted(sent)
        return [(sent, target) for sent, _, target in network.carried]


class AmplificationTests(SynchronousTestCase):
    """"Bytes out/in for every unauthenticated reply"."""

    def ratio(self, reflector: Reflector, data: bytes, to: Address, limit: float) -> int:
        """Assert how much a request is answered with; return the number of answers."""
        sent = reflector.forge(data, to)
        size = sum(len(answer) for answer, _ in sent)
        self.assertLessEqual(size, limit * len(data), (data.hex(), to))
        self.assertLessEqual(len(sent), 1)
        for _, target in sent:
            self.assertEqual(target[0], _VICTIM[0])
        return len(sent)

    def test_turnOfEverySize(self) -> None:
        """Errors to unauthenticated requests: at most 4 times, for every method and size."""
        reflector = Reflector(Scene(RelaySettings((SECRET,), realm="r" * 47, **_PATIENT)))
        answered = 0
        for method in _METHODS:
            for size in (*range(0, 200, 4), 500, 1000, 1400, 20_000, 65_000):
                bodies = [()] if size == 0 else [((0x8099, bytes(size - 4)),)]
                if size:
                    bodies.append(((0x0099, bytes(size - 4)),))
                    bodies.append(((0x0006, b"u" * (size - 4)), (0x0099, b"")))
                for body in bodies:
                    data = rawMessage(method, body)
                    answered += self.ratio(reflector, data, (RELAY_HOST, 3478), 4.0)
        self.assertGreater(answered, 500)

    def test_unsignedSignatures(self) -> None:
        """Wrong signatures, stale nonces and half a credential get no more."""
        scene = Scene(RelaySettings((SECRET,), **_PATIENT))
        reflector = Reflector(scene)
        kinds = (0x0006, 0x0014, 0x0015, 0x001E, 0x001D, 0x8002)
        for method, chosen in product(_METHODS, product((False, True), repeat=len(kinds))):
            body = [
                (kind, b"x" * 5) for kind, there in zip(kinds, chosen, strict=True) if there
            ]
            data = sealed(rawMessage(method, body), b"no key of anybody")
            self.ratio(reflector, data, (RELAY_HOST, 3478), 4.0)

    def test_replay(self) -> None:
        """A request that was overheard and is sent again in the name of somebody else."""
        scene = Scene(RelaySettings((SECRET,), **_PATIENT))
        client = RawClient(scene, "198.51.100.1")
        client.allocate()
        overheard = [data for data, source, _ in scene.network.carried if source == client.address]
        reflector = Reflector(scene)
        ((answer, _),) = reflector.forge(overheard[-1])
        self.assertEqual(errorCodeOf(answer), 438)
        self.assertLessEqual(len(answer), 4 * len(overheard[-1]))
        self.assertEqual(scene.server.counters.allocations_active, 1)

    def test_bindingOfEverySize(self) -> None:
        """Binding replies: at most 2.5 times, at the listener and at a probe port."""
        settings = RelaySettings((SECRET,), probe_ports=(("", 3500),))
        reflector = Reflector(Scene(settings))
        answered = 0
        for port, size in product((3478, 3500), (*range(0, 300, 4), 1400, 65_000)):
            known = () if size == 0 else ((0x8099, bytes(size - 4)),)
            unknown = tuple((0x0100 + number, b"") for number in range(min(size // 4, 60)))
            for body in (known, unknown, ((_PADDING, bytes(size)), (_CHANGE, bytes(4)))):
                answered += self.ratio(reflector, rawMessage(1, body), (RELAY_HOST, port), 2.5)
            sent = reflector.forge(rawMessage(1, known), (RELAY_HOST, port))
            self.assertEqual(len(sent), 1)
        self.assertGreater(answered, 300)

    def test_discovery(self) -> None:
        """
        "RESPONSE-PORT/CHANGE-REQUEST with PADDING must not amplify, RESPONSE-PORT only to the
        same source IP": every combination on each of four sockets, one answer at most.
        """
        settings = RelaySettings(
            (SECRET,),
            udp=((RELAY_HOST, 3478),),
            alternate=(ALTERNATE_HOST, 3479),
            bindings_per_second=60_000,
        )
        reflector = Reflector(HostsScene(settings))
        sockets = tuple(product((RELAY_HOST, ALTERNATE_HOST), (3478, 3479)))
        changes: tuple[bytes | None, ...] = (None, *(bytes((0, 0, 0, flags)) for flags in range(8)))
        ports = (None, b"\x11\x5c", b"\0\x19\0\0", b"\0\0", b"x")
        paddings = (None, 0, 3, 500, 1500, 60_000)
        answered = padded = 0
        for to, change, port, padding in product(sockets, changes, ports, paddings):
            body = [(_CHANGE, change)] if change is not None else []
            body += [(_RESPONSE_PORT, port)] if port is not None else []
            body += [(_PADDING, bytes(padding))] if padding is not None else []
            data = rawMessage(1, body)
            answered += self.ratio(reflector, data, to, 2.5)
            sent = reflector.forge(data, to)
            if padding is not None and errorCodeOf(sent[0][0]) == 0:
                padded += 1
                bare = len(sent[0][0]) - sum(
                    4 + len(each.value) for each in attributesOf(sent[0][0])
                    if each.kind == _PADDING
                )
                self.assertLessEqual(len(sent[0][0]), max(len(data), bare))
                if port is not None:
                    self.fail("RESPONSE-PORT and PADDING together were answered")
        self.assertEqual(answered, len(sockets) * len(changes) * len(ports) * len(paddings))
        self.assertGreater(padded, 100)

    def test_turnAtOtherSockets(self) -> None:
        """Probe ports and the further sockets of RFC 5780 answer no TURN at all."""
        settings = RelaySettings(
            (SECRET,),
            udp=((RELAY_HOST, 3478),),
            probe_ports=((RELAY_HOST, 3500),),
            alternate=(ALTERNATE_HOST, 3479),
        )
        reflector = Reflector(HostsScene(settings))
        others = ((RELAY_HOST, 3479), (ALTERNATE_HOST, 3478), (ALTERNATE_HOST, 3479))
        for to, method in product((*others, (RELAY_HOST, 3500)), _METHODS):
            self.assertEqual(reflector.forge(rawMessage(method, allocateAttributes()), to), [])


class SilenceTests(SynchronousTestCase):
    """"Drop non-STUN silently, no reply to indications or responses"."""

    def sockets(self) -> tuple[Reflector, tuple[Address, ...]]:
        """Return a relay with every kind of socket, and one of each."""
        settings = RelaySettings(
            (SECRET,),
            udp=((RELAY_HOST, 3478), (RELAY_HOST_IPV6, 3478)),
            probe_ports=((RELAY_HOST, 3500),),
            alternate=(ALTERNATE_HOST, 3479),
        )
        scene = HostsScene(settings)
        return Reflector(scene), (
            (RELAY_HOST, 3478),
            (RELAY_HOST, 3500),
            (ALTERNATE_HOST, 3479),
            (RELAY_HOST_IPV6, 3478),
        )

    def test_classes(self) -> None:
        """Indications and responses of every method get no answer, at no socket."""
        reflector, sockets = self.sockets()
        for to, method, classes in product(sockets, (1, 3, 4, 6, 7, 8, 9), (0x10, 0x100, 0x110)):
            self.assertEqual(reflector.forge(rawMessage(method | classes), to), [])
            self.assertEqual(
                reflector.forge(sealed(rawMessage(method | classes), b"k"), to), []
            )

    def test_keepAlive(self) -> None:
        """A Binding indication is taken silently at every socket: nothing is dropped or logged."""
        reflector, sockets = self.sockets()
        for to in sockets:
            self.assertEqual(reflector.forge(rawMessage(0x11), to), [])
        self.assertEqual(reflector.scene.dropped(), {})
        for to in sockets:
            reflector.forge(rawMessage(0x111), to)
        self.assertEqual(sum(reflector.scene.dropped().values()), len(sockets))

    def test_rfc3489(self) -> None:
        """"RFC 3489 cookie-less requests answered: drop"."""
        reflector, sockets = self.sockets()
        for to, kind in product(sockets, (1, 3)):
            data = rawMessage(kind)
            self.assertEqual(reflector.forge(data[:4] + b"\0\0\0\1" + data[8:], to), [])
            old = rawMessage(kind, ((_CHANGE, bytes(4)),))
            self.assertEqual(reflector.forge(old[:4] + b"abcd" + old[8:], to), [])
        self.assertEqual(reflector.scene.server.counters.bindings, 0)

    def test_garbage(self) -> None:
        """Every first byte, every short length: silence."""
        reflector, sockets = self.sockets()
        for to, first in product(sockets, range(256)):
            self.assertEqual(reflector.forge(bytes((first,)) + bytes(40), to), [])
        whole = rawMessage(1, ((0x8022, b"software"),))
        for to, end in product(sockets, range(len(whole))):
            self.assertEqual(reflector.forge(whole[:end], to), [])
        self.assertEqual(reflector.scene.server.counters.bindings, 0)

    def test_ownEcho(self) -> None:
        """What a relay sends is never answered by a relay: two cannot be made to talk for ever."""
        reflector, sockets = self.sockets()
        requests = (rawMessage(1), rawMessage(3), rawMessage(1, ((0x0099, b""),)))
        for to, data in product(sockets, requests):
            for answer, _ in reflector.forge(data, to):
                for other in sockets:
                    self.assertEqual(reflector.forge(answer, other, (RELAY_HOST, 3478)), [])

    def test_rateLimit(self) -> None:
        """"Cap 401/s per source", "source-port rotation on rate limit": 100, then 20 a second."""
        reflector = Reflector(Scene())
        answers = 0
        for port in range(1, 400):
            answers += len(reflector.forge(rawMessage(3), victim=(_VICTIM[0], port)))
        self.assertEqual(answers, 100)
        for _ in range(3):
            reflector.scene.network.advance(1.0)
            answers = sum(
                len(reflector.forge(rawMessage(4), victim=(_VICTIM[0], port)))
                for port in range(1, 100)
            )
            self.assertEqual(answers, 20)
        self.assertEqual(reflector.scene.dropped(), {"rate_limited": 299 + 3 * 79})
        self.assertEqual(len(reflector.forge(rawMessage(3), victim=("198.51.100.78", 1))), 1)

    def test_rateLimitOfProven(self) -> None:
        """Silence is for who proves nothing: a client at the same address goes on."""
        scene = Scene()
        client = RawClient(scene, _VICTIM[0])
        client.allocate()
        reflector = Reflector(scene)
        for _ in range(200):
            reflector.forge(rawMessage(3))
        client.put(signedRequest(4, (), usernameOf("alice", 1e6), client.nonce, client.nextId()))
        self.assertEqual(errorCodeOf(client.received[-1]), 0)

    def test_bindingRateLimit(self) -> None:
        """Binding: unlimited below 2 000 a second per address, port rotation or not."""
        reflector = Reflector(Scene())
        answers = sum(
            len(reflector.forge(rawMessage(1), victim=(_VICTIM[0], 1 + number)))
            for number in range(2500)
        )
        self.assertEqual(answers, 2000)
        self.assertEqual(reflector.scene.dropped(), {"binding_rate_limited": 500})
        self.assertEqual(len(reflector.forge(rawMessage(1), victim=("198.51.100.78", 1))), 1)
        reflector.scene.network.advance(1.0)
        self.assertEqual(len(reflector.forge(rawMessage(1))), 1)


class EmittedTests(SynchronousTestCase):
    """CVE-2020-4067, coturn 4.15 "zero ChannelData padding": "all padding bytes zero"."""

    def test_everything(self) -> None:
        """Every kind of answer, indication and ChannelData, every length modulo four."""
        scene = Scene(RelaySettings((SECRET,), **_PATIENT))
        client, peer = RawClient(scene, "198.51.100.1"), Peer(scene)
        client.put(rawMessage(1, ((0x0099, b"xyz"),), padding=b"\xff"))
        for unknown in range(1, 4):
            attributes = tuple((0x0100 + number, b"y") for number in range(unknown))
            self.assertEqual(client.ask(3, (*allocateAttributes(), *attributes)), 420)
        relayed = client.allocate()
        self.assertEqual(client.ask(3), 437)
        client.permit(("127.0.0.1", 1))
        client.permit(peer.address)
        for size in range(9):
            peer.send(b"\xff" * size, relayed)
        client.bind(0x4000, peer.address)
        for size in range(9):
            peer.send(b"\xff" * size, relayed)
        seen = dict.fromkeys(typeOf(data) for data in client.received if data[0] < 4)
        self.assertLessEqual({(1, 3), (3, 2), (3, 3), (8, 2), (8, 3), (9, 2), (7, 1)}, set(seen))
        for data in client.received:
            checkEmitted(data)

    def test_streams(self) -> None:
        """Over a stream ChannelData is padded, with zeros; nothing else is between messages."""
        scene = Scene()
        client, peer = StreamClient(scene), Peer(scene)
        relayed = client.allocate()
        client.bind(0x4000, peer.address)
        self.assertTrue(client.received)
        for size in range(9):
            peer.send(b"\xff" * size, relayed)
            value = client.transport.value()
            client.transport.clear()
            self.assertEqual(value, encodeChannelData(0x4000, b"\xff" * size) + bytes(-size % 4))

    def test_judge(self) -> None:
        """The judge itself sees padding that is not zero, and a wrong FINGERPRINT."""
        for data in (
            rawMessage(1, ((0x8022, b"abc"),), padding=b"x"),
            rawMessage(1, ((0x8028, b"abcd"),)),
            rawMessage(1)[:-1],
            b"\x40\0\0\1",
        ):
            self.assertRaises(BrokenError, checkEmitted, data)
