"""
The states of a match: what each makes of what others say, pair by pair.
"""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import PeerLost, RemoteProtocolError
from gamenet.match import ConfigurationDiffers, MatchSettings, Outcome, PeerProtocol
from gamenet.match.barrier import StartBarrier
from gamenet.match.configuration import Configuration
from gamenet.match.difference import DUMP_PATIENCE, DifferenceWatch, StatesDiffered
from gamenet.match.farewell import Farewell
from gamenet.match.leaving import Leaving
from gamenet.match.playing import Playing
from gamenet.match.reaching import Reaching
from gamenet.match.result import StatementExchange
from gamenet.match.silence import SilenceWatch
from gamenet.match.stage import Ground
from gamenet.match.start import Start
from gamenet.rollback.settings import RollbackSettings
from gamenet.rollback.state_events import StatesDiffer
from gamenet.wire.peer_packets import Goodbye, GoodbyeReason, Inputs, PeerPacket, Ready
from gamenet.wire.start_packets import CallOff, CallOffReason

OURS = Configuration.of(RollbackSettings(), "ours")
THEIRS = Configuration.of(RollbackSettings(), "theirs")

def ready(heard: bool, reached: bool = False) -> Ready:
    """Return the READY of who is loaded."""
    return Ready(OURS.digest, heard, True, reached)


@attrs.define(eq=False)
class FakePeer:
    """Player 2, unless told otherwise; keeps what is sent."""

    player: int = 2
    sent: list[PeerPacket] = attrs.field(factory=list)
    works: bool = True
    round_trip: float | None = 0.25
    has_path: bool = True
    heard_at: float = 0.0
    clock_offset: float | None = None
    barrier: StartBarrier = attrs.field(factory=lambda: StartBarrier(2, OURS))
    watch: SilenceWatch = attrs.field(factory=lambda: SilenceWatch(0.5, 10.0))
    parted: bool = False
    returns: int = 0

    def send(self, packet: PeerPacket) -> bool:
        """Keep a packet."""
        self.sent.append(packet)
        return self.works

    def returned(self) -> None:
        """Count it."""
        self.returns += 1


@attrs.define(eq=False)
class FakeLoop:
    """Frames that are played by being counted."""

    packets_refused: int = 0
    received: list[bytes] = attrs.field(factory=list)
    ran: list[float] = attrs.field(factory=list)
    served: list[float] = attrs.field(factory=list)
    round_trips: list[tuple[int, float]] = attrs.field(factory=list)
    finished: bool = False
    heard_at: float | None = 0.0
    next_due: float = 7.5
    confirmed_frame: int = 41
    done: bool = True
    ready: bool = False
    members: tuple[int, ...] = (1, 2)
    joining: bool = False
    dropped: bool = False
    isolated: bool = False
    left: bool = False
    refused: str | None = None
    began: float = 0.0
    calls: list[tuple[object, ...]] = attrs.field(factory=list)
    difference: DifferenceWatch = attrs.field(factory=lambda: DifferenceWatch(True, True))

    @property
    def statistics(self) -> FakeLoop:
        """Stand in for the statistics too."""
        return self

    def packetReceived(self, player: int, body: bytes, now: float) -> None:
        """Keep a body."""
        if body == b"bad":
            self.packets_refused += 1
            raise RemoteProtocolError("bad")
        self.received.append(body)

    def packetsDue(self, now: float) -> tuple[tuple[int, bytes], ...]:
        """Return one packet."""
        return ((2, b"inputs"),)

    def heardAt(self, player: int) -> float | None:
        """Return when the player was heard."""
        return self.heard_at

    def acknowledged(self, player: int) -> bool:
        """Return whether the player has everything."""
        return self.done

    def drop(self, player: int) -> None:
        """Keep who."""
        self.calls.append(("drop", player))

    def reached(self, player: int, now: float) -> None:
        """Keep who."""
        self.calls.append(("reached", player))

    def rejoin(self, now: float) -> None:
        """Keep that."""
        self.calls.append(("rejoin",))

    def run(self, now: float) -> None:
        """Play."""
        self.ran.append(now)

    def serve(self, now: float) -> None:
        """Serve."""
        self.served.append(now)

    def roundTripMeasured(self, player: int, round_trip: float) -> None:
        """Keep it."""
        self.round_trips.append((player, round_trip))


@attrs.define
class FakeSession:
    """Writes down what the shared session is told."""

    happened: list[Any]

    def begin(self) -> None:
        """Begin; again and again is harmless."""

    def leave(self) -> Deferred[None]:
        """Leave, at once."""
        self.happened.append(("left",))
        return succeed(None)


class ToldProtocol(PeerProtocol):
    """Writes silences down."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def interrupted(self, player: int, silence: float) -> None:
        """Write it down."""
        self.told.append("interrupted")

    def resumed(self, player: int) -> None:
        """Write it down."""
        self.told.append("resumed")

    def peerLost(self, player: int, silence: float) -> None:
        """Write it down."""
        self.told.append("peerLost")


class StageCase(SynchronousTestCase):
    """A match of nothing but its states."""

    def setUp(self) -> None:
        """Make one."""
        self.peer: Any = FakePeer()
        self.loop: Any = FakeLoop()
        self.protocol = ToldProtocol()
        self.happened: list[Any] = []
        self.ground = Ground(
            self.loop,
            self.protocol,
            MatchSettings(countdown=0.0),
            lambda now: self.happened.append(("begin", now)),
            self.happened.append,
            lambda reason: self.happened.append(("part", reason)),
            lambda why: self.happened.append(("end", why)),
            lambda now: self.happened.append(("wake", now)),
            lambda call_off: self.happened.append(("callOff", call_off)),
            lambda player: self.happened.append(("forget", player)),
            Start(1, (2,), loaded=True),
            StatementExchange(1, {2: b"key"}, lambda key, said, signature: signature == b"good"),
            {2: self.peer},
            FakeSession(self.happened),  # type: ignore[arg-type]
        )

    def leaving(
        self, reason: GoodbyeReason = GoodbyeReason.LEFT, error: Any = None
    ) -> Leaving:
        """Return the state of saying goodbye."""
        return Leaving(self.ground, Farewell(reason, 9.0), error)

    @property
    def sent(self) -> list[PeerPacket]:
        """What player 2 was sent."""
        sent: list[PeerPacket] = self.peer.sent
        return sent


class ReachingTests(StageCase):
    """The others are not there yet."""

    def reaching(self) -> Reaching:
        """Return that state."""
        return Reaching(self.ground, 10.0)

    def test_beat(self) -> None:
        """READY is repeated ten times a second, up to the limit."""
        self.assertEqual(self.reaching().beat(1.0), 1.1)
        self.assertEqual(self.sent, [ready(False)])
        self.reaching().beat(10.0)
        self.assertEqual(
            self.happened, [("callOff", CallOff(CallOffReason.NO_PATH, (2,)))]
        )

    def test_ready(self) -> None:
        """READY that has not heard us is answered; play begins once both have heard."""
        stage = self.reaching()
        stage.readyReceived(self.peer, Ready(OURS.digest, False), 1.0)
        self.assertEqual((self.sent, self.happened), ([ready(True)], []))
        stage.readyReceived(self.peer, Ready(OURS.digest, True), 1.5)
        stage.readyReceived(self.peer, ready(True), 1.5)
        self.assertEqual((len(self.sent), self.happened), (1, []))
        self.ground.start.loaded = False
        stage.readyReceived(self.peer, ready(True, True), 1.5)
        self.assertEqual(self.happened, [], "our own game is not loaded")
        self.ground.start.loaded = True
        stage.beat(1.5)
        became, begun = self.happened
        self.assertIsInstance(became, Playing)
        self.assertEqual(begun, ("begin", 1.5))

    def test_inputs(self) -> None:
        """Inputs begin play where READY was heard, and are nothing where it was not."""
        stage = self.reaching()
        stage.inputsReceived(self.peer, Inputs(b"x"), 1.0)
        self.assertEqual((self.happened, self.loop.received), ([], []))
        self.peer.barrier.readyReceived(Ready(OURS.digest, False))
        stage.inputsReceived(self.peer, Inputs(b"x"), 2.0)
        self.assertEqual(self.happened[1], ("begin", 2.0))
        self.assertEqual(self.loop.received, [b"x"])

    def test_goodbye(self) -> None:
        """Who leaves before the start ends it; who refuses may still say why."""
        for reason, outcome in (
            (GoodbyeReason.LEFT, Outcome.OTHER_LEFT),
            (GoodbyeReason.FAILED, Outcome.OTHER_FAILED),
        ):
            self.happened.clear()
            self.reaching().goodbyeReceived(self.peer, Goodbye(reason, -1), 1.0)
            self.assertEqual(self.happened, [("end", outcome)])
        self.happened.clear()
        self.reaching().goodbyeReceived(self.peer, Goodbye(GoodbyeReason.REFUSED, -1), 1.0)
        self.assertEqual((self.happened, self.peer.barrier.differs), ([], True))
        self.reaching().goodbyeReceived(self.peer, Goodbye(GoodbyeReason.FINISHED, 5), 1.0)
        self.assertEqual((self.happened, self.peer.parted), ([], True))

    def test_refusal(self) -> None:
        """Other rules: ours are said until theirs are there, a path counted from when it is."""
        stage = self.reaching()
        self.peer.works = False
        stage.readyReceived(self.peer, Ready(THEIRS.digest, True), 1.0)
        self.assertEqual(self.sent, [])
        stage.beat(1.1)
        self.assertEqual(self.sent, [ready(False), OURS.terms])
        self.peer.works = True
        stage.beat(5.0)
        stage.beat(5.9)
        self.assertRaises(ConfigurationDiffers, stage.beat, 6.0)
        error = self.assertRaises(
            ConfigurationDiffers, stage.termsReceived, self.peer, THEIRS.terms
        )
        self.assertEqual([str(each) for each in error.differences], [
            "rules here 'ours', there 'theirs'"
        ])

    def test_refusalAtTheLimit(self) -> None:
        """At the limit of the start, a refusal is the better name."""
        self.peer.barrier.refused()
        self.peer.works = False
        self.assertRaises(ConfigurationDiffers, self.reaching().beat, 10.0)

    def test_path(self) -> None:
        """A path that is found is used at once."""
        self.reaching().pathFound(self.peer, 1.0)
        self.assertEqual(self.sent, [ready(False)])


class PlayingTests(StageCase):
    """Frames are played."""

    def test_beat(self) -> None:
        """A beat plays, sends, and comes back when the next frame is due."""
        self.loop.heard_at = 5.0
        self.assertEqual(Playing(self.ground).beat(5.0), 7.5)
        self.assertEqual((self.loop.ran, self.sent), ([5.0], [Inputs(b"inputs")]))
        self.assertEqual(self.loop.round_trips, [(2, 0.25)])
        self.peer.round_trip = None
        Playing(self.ground).beat(5.1)
        self.assertEqual(len(self.loop.round_trips), 1)

    def test_stopped(self) -> None:
        """Who leaves in a moment of the beat sends no more inputs, and ends but once."""
        stage = Playing(self.ground)
        stage.stopped = True
        self.loop.finished = True
        self.assertEqual((stage.beat(5.0), self.sent, self.happened), (5.0, [], []))

    def test_finished(self) -> None:
        """After the last frame we part."""
        self.loop.finished = True
        self.assertEqual(Playing(self.ground).beat(0.1), 0.1)
        self.assertEqual(self.happened, [("part", GoodbyeReason.FINISHED)])

    def test_refusedPackets(self) -> None:
        """Bad input: of all impossible packets of a match the first is logged."""
        told: list[object] = []
        globalLogPublisher.addObserver(told.append)
        self.addCleanup(globalLogPublisher.removeObserver, told.append)
        for _ in range(5):
            Playing(self.ground).inputsReceived(self.peer, Inputs(b"bad"), 0.7)
        self.assertEqual(len(told), 1)

    def test_silence(self) -> None:
        """Half a second is told, once; ten seconds are the end; a packet ends it."""
        stage = Playing(self.ground)
        for now in (0.4, 0.5, 0.6):
            stage.beat(now)
        self.assertEqual(self.protocol.told, ["interrupted"])
        stage.inputsReceived(self.peer, Inputs(b"bad"), 0.7)
        self.assertEqual(self.protocol.told, ["interrupted"])
        stage.inputsReceived(self.peer, Inputs(b"no inputs"), 0.7)
        self.assertEqual(self.protocol.told, ["interrupted"])
        self.loop.heard_at = 0.7
        stage.inputsReceived(self.peer, Inputs(b"x"), 0.7)
        self.assertEqual(self.protocol.told, ["interrupted", "resumed"])
        error = self.assertRaises(PeerLost, stage.beat, 10.7)
        self.assertEqual((error.player, error.silence), (2, 10.0))
        self.assertEqual(self.protocol.told[-1], "peerLost")

    def test_notWatched(self) -> None:
        """Who does not play any more is not waited for."""
        self.loop.heard_at = None
        Playing(self.ground).beat(100.0)
        self.assertEqual(self.protocol.told, [])

    def test_lockstep(self) -> None:
        """What the next frame waited for has come: the beat comes at once, not when we left."""
        stage = Playing(self.ground)
        for ready, body in ((False, b"x"), (True, b"x")):
            self.loop.ready = ready
            stage.inputsReceived(self.peer, Inputs(body), 0.7)
        self.assertEqual(self.happened, [("wake", 0.7)])
        stage.stopped = True
        stage.inputsReceived(self.peer, Inputs(b"x"), 0.8)
        self.assertEqual(self.happened, [("wake", 0.7)])

    def test_differing(self) -> None:
        """States that differ end the match by name, in the last frame too."""
        stage = Playing(self.ground)
        self.loop.difference.told(StatesDiffer(41, 1), 0.1)
        self.loop.heard_at = 2.0
        stage.beat(0.1 + DUMP_PATIENCE - 0.01)
        error = self.assertRaises(StatesDiffered, stage.beat, 0.1 + DUMP_PATIENCE)
        self.assertEqual((error.player, error.part), (1, None))
        stage.stopped = True
        stage.beat(0.1 + DUMP_PATIENCE)

    def test_others(self) -> None:
        """Late READYs are answered as what we are; terms and paths mean nothing any more."""
        stage = Playing(self.ground)
        self.peer.barrier.playReceived()
        stage.termsReceived(self.peer, THEIRS.terms)
        stage.pathFound(self.peer, 1.0)
        stage.readyReceived(self.peer, Ready(OURS.digest, True), 1.0)
        self.assertEqual((self.sent, self.happened), ([], []))
        stage.readyReceived(self.peer, Ready(OURS.digest, False), 1.0)
        self.assertEqual(self.sent, [ready(True, True)])

    def test_goodbye(self) -> None:
        """Every reason but the end of the game ends the match."""
        for reason, wanted in (
            (GoodbyeReason.FINISHED, []),
            (GoodbyeReason.LEFT, [("end", Outcome.OTHER_LEFT)]),
            (GoodbyeReason.FAILED, [("end", Outcome.OTHER_FAILED)]),
            (GoodbyeReason.REFUSED, [("end", Outcome.OTHER_FAILED)]),
            (GoodbyeReason.DIFFERED, [("end", Outcome.OTHER_FAILED)]),
        ):
            self.loop.difference.ends = False
            self.happened.clear()
            Playing(self.ground).goodbyeReceived(self.peer, Goodbye(reason, 3), 1.0)
            self.assertEqual(self.happened, wanted)
        self.assertTrue(self.peer.parted)


    def test_theOtherSaysThatWeDiffer(self) -> None:
        """Whoever is told by the other ends by the same name."""
        Playing(self.ground).goodbyeReceived(self.peer, Goodbye(GoodbyeReason.DIFFERED, 3), 1.0)
        ((_, error),) = self.happened
        assert isinstance(error, StatesDiffered)
        self.assertEqual((error.player, error.frame), (2, None))
