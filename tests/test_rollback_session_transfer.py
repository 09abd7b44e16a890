"""What carries states is the game's to choose: any L{gamenet.interfaces.ITransfer}."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from zope.interface import implementer
from zope.interface.verify import verifyObject

from gamenet.errors import MalformedMessage
from gamenet.feed.transfer import DatagramTransfer, TransferSettings
from gamenet.interfaces import ITransfer
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.state_events import StatesDumped, StateTakenOver, StateTooLarge
from gamenet.rollback.timeline import Timeline
from tests.rollback_pipe import play, session, tell
from tests.rollback_scene import NEAR, PaddedGame, Scene, SceneCase

#: The first byte of this transfer's packets: of the family, and none of the simple one's.
_OWN = 0x4F


@implementer(ITransfer)
class MirrorTransfer:
    """
    Carries contents in packets that the simple transfer cannot read: back to front.

    @ivar calls: How often each method was called.
    """

    def __init__(self, settings: TransferSettings | None = None) -> None:
        self._inner = DatagramTransfer(settings)
        self.calls: Counter[str] = Counter()

    @property
    def size_limit(self) -> int:
        return self._inner.size_limit

    def expect(self, contents: Collection[tuple[int, int]]) -> None:
        self.calls["expect"] += 1
        self._inner.expect(contents)

    def send(self, peer: int, purpose: int, frame: int, content: bytes, now: float) -> None:
        self.calls["send"] += 1
        self._inner.send(peer, purpose, frame, content, now)

    def packetReceived(self, peer: int, body: bytes, now: float) -> Any:
        self.calls["packetReceived"] += 1
        if body[0] != _OWN:
            raise MalformedMessage("a packet of another transfer")
        return self._inner.packetReceived(peer, body[:0:-1], now)

    def packetsDue(self, now: float) -> tuple[tuple[int, bytes], ...]:
        self.calls["packetsDue"] += 1
        return tuple((to, bytes([_OWN]) + body[::-1]) for to, body in self._inner.packetsDue(now))

    def cancel(self, peer: int) -> None:
        self.calls["cancel"] += 1
        self._inner.cancel(peer)

    def forget(self, peer: int) -> None:
        self.calls["forget"] += 1
        self._inner.forget(peer)

    def progress(self, peer: int) -> float | None:
        self.calls["progress"] += 1
        return self._inner.progress(peer)

    def drainFailures(self) -> Any:
        self.calls["drainFailures"] += 1
        return self._inner.drainFailures()


class OwnTransferTests(SceneCase):
    """Issue: "the transfer is behind an interface"."""

    def give(self, scene: Scene, number: int, joining: bool = False) -> MirrorTransfer:
        """Let a process that has not begun use such a transfer, and return that."""
        transfer = MirrorTransfer(TransferSettings(size_limit=100_000))
        peer = scene[number]
        peer.session = RollbackSession(scene.settings(number), joining, transfer)
        peer.timeline = Timeline(peer.game, peer.session)
        return transfer

    def test_interface(self) -> None:
        """It is one."""
        verifyObject(ITransfer, MirrorTransfer())

    def test_joining(self) -> None:
        """A late player gets its state by it, and by nothing else."""
        scene = Scene(3, profile=NEAR, vacant=(3,), history_limit=120)
        transfers = [self.give(scene, number) for number in (1, 2)]
        scene.run(3.0)
        scene.start(3, joining=True)
        transfers.append(self.give(scene, 3, joining=True))
        scene.untilMembers(1, 2, 3)
        scene.played(1, 2, 3, least=60)
        self.assertTrue(scene[3].restored)
        self.assertEqual(sum(one.calls["send"] for one in transfers[:2]), 1)
        self.assertGreater(transfers[2].calls["packetReceived"], 1)
        self.assertAgree(scene, least=60)

    def test_statesAndDumps(self) -> None:
        """Dumps and the state that is taken over come by it; who leaves is forgotten by it."""
        scene = Scene(2, profile=NEAR, state_exchange_interval=30, lost_after=1.0)
        transfers = [self.give(scene, number) for number in (1, 2)]
        scene.run(0.6)
        scene[2].game.spoiled_at = scene.session(2).current_frame + 3
        scene.until(lambda: bool(scene[2].of(StateTakenOver)), 5.0)
        scene[2].game.spoiled_at = None
        scene.until(lambda: all(peer.of(StatesDumped) for peer in scene.players), 3.0)
        self.assertGreaterEqual(sum(one.calls["send"] for one in transfers), 3)
        self.assertEqual(transfers[0].calls["forget"], 0)
        scene.mesh.kill(2)
        scene.untilMembers(1)
        scene.run(0.5)
        self.assertEqual(transfers[0].calls["forget"], 1)

    def test_size(self) -> None:
        """A state that is larger than it carries is not given to it, and the game is told."""
        scene = Scene(2, profile=NEAR, state_exchange_interval=30, game=PaddedGame)
        transfers = [self.give(scene, number) for number in (1, 2)]
        scene.run(0.6)
        scene[2].game.spoiled_at = scene.session(2).current_frame + 3
        scene.run(4.0)
        self.assertEqual(sum(one.calls["send"] for one in transfers), 0)
        for peer in scene.players:
            self.assertEqual([told.limit for told in peer.of(StateTooLarge)], [100_000])


class InputCountTests(SceneCase):
    """How far each player's inputs are known."""

    def test_counts(self) -> None:
        """Of each player the first frame whose input has not come, from player 1."""
        one = session(players=3, local_player=2)
        self.assertEqual(one.inputCounts(), (0, 0, 0))
        play(one, b"x")
        play(one, b"y")
        self.assertEqual(one.inputCounts(), (0, 2, 0))
        tell(one, b"a", b"b", b"c", peer=3)
        tell(one, b"a", peer=1)
        self.assertEqual(one.inputCounts(), (1, 2, 3))

    def test_delay(self) -> None:
        """Frames that an input delay filled count as known; so do inputs before their frame."""
        one = session(input_delay=3)
        play(one, b"x")
        self.assertEqual(one.inputCounts(), (4, 0))
        self.assertEqual(one.current_frame, 1)

    def test_left(self) -> None:
        """Of who was dropped everything is known up to its last frame that counts."""
        scene = Scene(2, profile=NEAR, lost_after=1.0)
        scene.run(0.5)
        scene.mesh.kill(2)
        scene.untilMembers(1)
        cut = scene.session(1)._play.controls.membership.view.seats[1].since
        counts = scene.session(1).inputCounts()
        self.assertEqual(counts[1], cut)
        self.assertGreaterEqual(counts[0], scene.session(1).current_frame)
