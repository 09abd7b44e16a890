"""Tests of L{gamenet.machine.demultiplexer}: one port, many faces."""

from __future__ import annotations

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyClass, verifyObject

from gamenet.errors import CannotBind, LocalProtocolError
from gamenet.interfaces import Address, DatagramReceiver, DatagramSender, IDatagramSocket
from gamenet.machine.demultiplexer import Demultiplexer, Face
from gamenet.wire.demultiplexing import DatagramKind

LOBBY: Address = ("203.0.113.1", 7770)
RELAY: Address = ("203.0.113.2", 3478)
STRANGER: Address = ("198.51.100.9", 5555)


@implementer(IDatagramSocket)
@define(eq=False)
class RecordingSocket:
    """A socket that keeps what is sent and refuses when told to."""

    receiver: DatagramReceiver
    address: Address
    send_errors: int = 0
    refusing: bool = False
    sent: list[tuple[bytes, Address, int | None]] = field(factory=list)
    closings: int = 0

    def send(self, data: bytes, address: Address, ttl: int | None = None) -> bool:
        """Keep the datagram, or refuse it."""
        if self.refusing:
            self.send_errors += 1
            return False
        self.sent.append((data, address, ttl))
        return True

    def sender(self) -> DatagramSender:
        """Return what keeps the datagram, and refuses nothing."""
        return lambda data, address: self.sent.append((data, address, None))

    def close(self) -> None:
        """Count the closing."""
        self.closings += 1


class SocketMachine:
    """The one part of IMachine that a demultiplexer uses."""

    def __init__(self) -> None:
        self.sockets: list[RecordingSocket] = []
        self.taken = False

    def openDatagramSocket(
        self, receiver: DatagramReceiver, interface: str = "", port: int = 0
    ) -> RecordingSocket:
        """Open a recording socket."""
        if self.taken:
            raise CannotBind("taken")
        opened = RecordingSocket(receiver, (interface or "0.0.0.0", port or 40000))
        self.sockets.append(opened)
        return opened


class DemultiplexerTests(SynchronousTestCase):
    """What reaches whom."""

    def setUp(self) -> None:
        self.machine = SocketMachine()
        self.demultiplexer = Demultiplexer(self.machine, "192.0.2.1", 7000)  # type: ignore[arg-type]
        self.socket = self.machine.sockets[0]
        self.log: list[tuple[str, bytes, Address]] = []

    def receiver(self, name: str) -> DatagramReceiver:
        """Return a receiver that logs under C{name}."""
        return lambda data, address: self.log.append((name, data, address))

    def test_interfaces(self) -> None:
        """A face is a datagram socket like any other."""
        verifyClass(IDatagramSocket, Face)
        face = self.demultiplexer.face(self.receiver("a"), (DatagramKind.STUN,))
        verifyObject(IDatagramSocket, face)
        verifyObject(IDatagramSocket, self.socket)

    def test_opensOnePort(self) -> None:
        """The port asked for is opened, once, and is every face's address."""
        face = self.demultiplexer.face(self.receiver("a"), (DatagramKind.STUN,))
        self.assertEqual(self.demultiplexer.address, ("192.0.2.1", 7000))
        self.assertEqual(face.address, ("192.0.2.1", 7000))
        self.assertEqual(len(self.machine.sockets), 1)

    def test_reopen(self) -> None:
        """
        A changed local address: another port takes the place of the first, every face goes
        on there, and errors so far still count.
        """
        face = self.demultiplexer.face(self.receiver("a"), (DatagramKind.STUN,))
        former = self.machine.sockets[0]
        former.send_errors = 3
        self.demultiplexer.reopen()
        self.assertEqual(len(self.machine.sockets), 2)
        self.assertEqual(former.closings, 1)
        self.assertIs(self.demultiplexer.socket, self.machine.sockets[1])
        self.assertFalse(face.closed)
        self.assertTrue(face.send(b"\x00", ("192.0.2.9", 9)))
        self.assertEqual(self.demultiplexer.send_errors, 3)

    def test_reopenRefused(self) -> None:
        """Where there is no port the present one stays; a closed one is not reopened."""
        self.machine.taken = True
        self.assertRaises(CannotBind, self.demultiplexer.reopen)
        self.assertIs(self.demultiplexer.socket, self.machine.sockets[0])
        self.assertEqual(self.machine.sockets[0].closings, 0)
        self.demultiplexer.close()
        self.assertRaises(LocalProtocolError, self.demultiplexer.reopen)

    def test_cannotBind(self) -> None:
        """A taken port is the caller's L{CannotBind}."""
        self.machine.taken = True
        with self.assertRaises(CannotBind):
            Demultiplexer(self.machine)  # type: ignore[arg-type]

    def test_allFirstBytes(self) -> None:
        """All 256 first bytes go where RFC 7983 says, and nowhere else."""
        for kind in (DatagramKind.STUN, DatagramKind.CHANNEL_DATA, DatagramKind.GAMENET):
            self.demultiplexer.face(self.receiver(kind.name), (kind,))
        for first_byte in range(256):
            self.socket.receiver(bytes([first_byte]) + b"rest", STRANGER)
        expected = (
            [("STUN", bytes([b]) + b"rest", STRANGER) for b in range(0x04)]
            + [("CHANNEL_DATA", bytes([b]) + b"rest", STRANGER) for b in range(0x40, 0x50)]
            + [("GAMENET", bytes([b]) + b"rest", STRANGER) for b in range(0xC0, 0xD0)]
        )
        self.assertEqual(self.log, expected)
        self.assertEqual(self.demultiplexer.unclaimed, 256 - len(expected))

    def test_emptyDatagram(self) -> None:
        """A datagram without a first byte is nobody's, even where the unknown is claimed."""
        self.demultiplexer.face(self.receiver("unknown"), (DatagramKind.UNKNOWN,))
        self.socket.receiver(b"", STRANGER)
        self.assertEqual(self.log, [])
        self.assertEqual(self.demultiplexer.unclaimed, 1)

    def test_singleFirstBytes(self) -> None:
        """Row H10: heartbeat answers and sealed packets share a kind, and go apart by byte."""
        self.demultiplexer.face(self.receiver("heartbeat"), first_bytes=(0xC1,))
        self.demultiplexer.face(self.receiver("sealed"), first_bytes=(0xC4,))
        for first_byte in (0xC0, 0xC1, 0xC4, 0xC5):
            self.socket.receiver(bytes([first_byte]), STRANGER)
        self.assertEqual(
            self.log, [("heartbeat", b"\xc1", STRANGER), ("sealed", b"\xc4", STRANGER)]
        )
        self.assertEqual(self.demultiplexer.unclaimed, 2)

    def test_kindsAndFirstBytesAdd(self) -> None:
        """A claim is its kinds and its single bytes together."""
        self.demultiplexer.face(self.receiver("both"), (DatagramKind.STUN,), (0xC4,))
        self.socket.receiver(b"\x01", STRANGER)
        self.socket.receiver(b"\xc4", STRANGER)
        self.assertEqual([entry[1] for entry in self.log], [b"\x01", b"\xc4"])

    def test_remoteWins(self) -> None:
        """The lobby's STUN and the relay's are told apart by their addresses."""
        self.demultiplexer.face(self.receiver("anyone"), (DatagramKind.STUN,))
        self.demultiplexer.face(self.receiver("lobby"), (DatagramKind.STUN,), remote=LOBBY)
        self.demultiplexer.face(
            self.receiver("relay"), (DatagramKind.STUN, DatagramKind.CHANNEL_DATA), remote=RELAY
        )
        for data, remote in [
            (b"\x01", STRANGER),
            (b"\x01", LOBBY),
            (b"\x01", RELAY),
            (b"\x40", RELAY),
            (b"\x40", LOBBY),
            (b"\x01", (RELAY[0], RELAY[1] + 1)),
        ]:
            self.socket.receiver(data, remote)
        self.assertEqual(
            [entry[0] for entry in self.log], ["anyone", "lobby", "relay", "relay", "anyone"]
        )
        self.assertEqual(self.demultiplexer.unclaimed, 1)

    def test_overlapRefused(self) -> None:
        """A first byte taken for the same remotes is refused, and nothing of the claim stays."""
        self.demultiplexer.face(self.receiver("first"), first_bytes=(0xC4,))
        with self.assertRaises(LocalProtocolError) as caught:
            self.demultiplexer.face(self.receiver("second"), (DatagramKind.GAMENET,))
        self.assertIn("0xc4", str(caught.exception))
        self.socket.receiver(b"\xc0", STRANGER)
        self.assertEqual(self.demultiplexer.unclaimed, 1)
        self.demultiplexer.face(self.receiver("third"), first_bytes=(0xC0,))

    def test_overlapRefusedForOneRemote(self) -> None:
        """Two faces cannot claim the same bytes of the same remote; of two remotes they can."""
        self.demultiplexer.face(self.receiver("a"), (DatagramKind.STUN,), remote=LOBBY)
        self.demultiplexer.face(self.receiver("b"), (DatagramKind.STUN,), remote=RELAY)
        with self.assertRaises(LocalProtocolError) as caught:
            self.demultiplexer.face(self.receiver("c"), first_bytes=(0x00,), remote=LOBBY)
        self.assertIn("203.0.113.1:7770", str(caught.exception))

    def test_impossibleClaims(self) -> None:
        """A claim of nothing, or of bytes that do not exist, is our own mistake."""
        for first_bytes in ((), (256,), (-1,), (0xC4, 999)):
            with self.assertRaises(LocalProtocolError):
                self.demultiplexer.face(self.receiver("a"), first_bytes=first_bytes)

    def test_closedFaceGivesBack(self) -> None:
        """Closing a face frees its claim, and receives nothing more."""
        for remote in (None, LOBBY):
            face = self.demultiplexer.face(
                self.receiver("old"), (DatagramKind.STUN,), remote=remote
            )
            face.close()
            face.close()
            self.socket.receiver(b"\x00", LOBBY)
            self.demultiplexer.face(self.receiver("new"), (DatagramKind.STUN,), remote=remote)
            self.socket.receiver(b"\x00", LOBBY)
        self.assertEqual([entry[0] for entry in self.log], ["new", "new", "new"])
        self.assertEqual(self.demultiplexer.unclaimed, 1)
        self.assertEqual(self.socket.closings, 0)

    def test_closedTwiceKeepsTheSuccessor(self) -> None:
        """Closing an old face again does not take its successor's claim away."""
        old = self.demultiplexer.face(self.receiver("old"), first_bytes=(0xC4,))
        old.close()
        self.demultiplexer.face(self.receiver("new"), first_bytes=(0xC4,))
        old.close()
        self.socket.receiver(b"\xc4", STRANGER)
        self.assertEqual([entry[0] for entry in self.log], ["new"])

    def test_noTableStaysForAClosedRemote(self) -> None:
        """A remote whose faces are closed leaves nothing behind, however many come and go."""
        for port in range(1, 1000):
            self.demultiplexer.face(
                self.receiver("a"), first_bytes=(0xC4,), remote=("198.51.100.1", port)
            ).close()
        self.assertEqual(self.demultiplexer._from_remote, {})

    def test_closedWhileReceiving(self) -> None:
        """A receiver may close its own face, or the whole port, while it is being called."""
        face = self.demultiplexer.face(lambda data, address: face.close(), first_bytes=(0xC4,))
        self.socket.receiver(b"\xc4", STRANGER)
        self.demultiplexer.face(
            lambda data, address: self.demultiplexer.close(), first_bytes=(0xC4,)
        )
        self.socket.receiver(b"\xc4", STRANGER)
        self.assertTrue(self.demultiplexer.closed)
        self.assertEqual(self.socket.closings, 1)

    def test_send(self) -> None:
        """Sends go through the port as they are, and what it refuses is counted on either side."""
        face = self.demultiplexer.face(self.receiver("a"), (DatagramKind.STUN,))
        other = self.demultiplexer.face(self.receiver("b"), first_bytes=(0xC4,))
        self.assertTrue(face.send(b"one", LOBBY))
        self.assertTrue(face.send(b"two", RELAY, 3))
        self.assertEqual(self.socket.sent, [(b"one", LOBBY, None), (b"two", RELAY, 3)])
        self.socket.refusing = True
        self.assertFalse(face.send(b"three", LOBBY))
        self.assertEqual(
            (face.send_errors, other.send_errors, self.demultiplexer.send_errors), (1, 0, 1)
        )

    def test_sendAfterClose(self) -> None:
        """A closed face sends nothing, quietly."""
        face = self.demultiplexer.face(self.receiver("a"), (DatagramKind.STUN,))
        face.close()
        self.assertFalse(face.send(b"late", LOBBY))
        self.assertEqual(self.socket.sent, [])
        self.assertEqual(face.send_errors, 1)

    def test_close(self) -> None:
        """Closing the port closes every face, refuses new ones, and is harmless twice."""
        anyone = self.demultiplexer.face(self.receiver("a"), (DatagramKind.STUN,))
        lobby = self.demultiplexer.face(self.receiver("b"), (DatagramKind.STUN,), remote=LOBBY)
        self.demultiplexer.close()
        self.demultiplexer.close()
        self.assertEqual(self.socket.closings, 1)
        self.assertTrue(anyone.closed and lobby.closed)
        self.assertFalse(lobby.send(b"late", LOBBY))
        lobby.close()
        self.socket.receiver(b"\x00", LOBBY)
        self.assertEqual(self.log, [])
        with self.assertRaises(LocalProtocolError):
            self.demultiplexer.face(self.receiver("c"), (DatagramKind.STUN,))

    def test_receiverThatRaises(self) -> None:
        """What a face's receiver raises is the socket's to log: nothing is swallowed here."""
        self.demultiplexer.face(lambda data, address: 1 // 0, first_bytes=(0xC4,))
        with self.assertRaises(ZeroDivisionError):
            self.socket.receiver(b"\xc4", STRANGER)

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from([None, LOBBY, RELAY]),
                st.lists(st.integers(0, 255), min_size=1, max_size=40),
                st.booleans(),
            ),
            max_size=8,
        ),
        st.integers(0, 255),
        st.sampled_from([LOBBY, RELAY, STRANGER]),
    )
    def test_model(
        self,
        claims: list[tuple[Address | None, list[int], bool]],
        first_byte: int,
        remote: Address,
    ) -> None:
        """Claims and closings in any order behave as one dictionary of (remote, byte) would."""
        demultiplexer = Demultiplexer(SocketMachine())  # type: ignore[arg-type]
        calls: list[int] = []
        model: dict[tuple[Address | None, int], int] = {}
        for number, (whose, first_bytes, closing) in enumerate(claims):
            keys = [(whose, byte) for byte in first_bytes]

            def receive(data: bytes, address: Address, number: int = number) -> None:
                calls.append(number)

            if any(key in model for key in keys):
                with self.assertRaises(LocalProtocolError):
                    demultiplexer.face(receive, first_bytes=tuple(first_bytes), remote=whose)
                continue
            face = demultiplexer.face(receive, first_bytes=tuple(first_bytes), remote=whose)
            if closing:
                face.close()
            else:
                model.update(dict.fromkeys(keys, number))
        demultiplexer.socket.receiver(bytes([first_byte]), remote)
        expected = model.get((remote, first_byte), model.get((None, first_byte)))
        self.assertEqual(calls, [] if expected is None else [expected])
        self.assertEqual(demultiplexer.unclaimed, int(expected is None))
