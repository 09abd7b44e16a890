"""The agreement in a session: whom it seats, and how patient it is."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.rollback.seat_events import PlayerDropped, PlayerJoined
from gamenet.rollback.session import RollbackSession
from gamenet.wire.view_messages import decodeViewMessage, encodeViewMessage
from gamenet.wire.view_values import (
    Accept,
    Ballot,
    Commit,
    JoinRefusal,
    JoinRefused,
    JoinRequest,
    Prepare,
    Promise,
    Seat,
    View,
    ViewMessage,
)
from tests.rollback_mesh import Mesh
from tests.rollback_pipe import packet, play, session


def said(one: RollbackSession, peer: int, now: float) -> list[ViewMessage]:
    """Return the messages of the agreement that a session sends to a peer."""
    return [
        decodeViewMessage(body)
        for receiver, body in one.packetsDue(now)
        if receiver == peer and 0x10 <= body[0] < 0x20
    ]


class AdmissionTests(SynchronousTestCase):
    """ "Players come and go": who does not hear all members would only be dropped again."""

    def asked(self, hears_all: bool, number: int = 0) -> list[ViewMessage]:
        """Have a joiner ask for two seconds; return what it and member 2 are told."""
        one = session(players=3, vacant=(3,), interrupted_after=5.0, lost_after=10.0)
        body = encodeViewMessage(JoinRequest(one.settings.digest(), number, 0, hears_all))
        told = []
        for tick in range(120):
            now = tick / 60
            one.packetReceived(3, body, now)
            one.packetReceived(2, packet(0, [b"x"] * tick, 0, 0), now)
            play(one, b"x" if one.inputFrame() is not None else None, now)
            told += [
                decodeViewMessage(body) for _, body in one.packetsDue(now) if 0x10 <= body[0] < 0x20
            ]
        return told

    def test_hearsNotAll(self) -> None:
        """It is answered, so that it learns that we hear it, but not proposed."""
        told = self.asked(False)
        self.assertEqual(set(told), {JoinRefused(JoinRefusal.NOT_YET)})

    def test_hearsAll(self) -> None:
        """Who hears all is proposed."""
        self.assertIn(Prepare(1, Ballot(1, 1), (), ()), self.asked(True))

    def test_newerView(self) -> None:
        """Who knows a newer view than we is not proposed in ours."""
        self.assertEqual(set(self.asked(True, 1)), {JoinRefused(JoinRefusal.NOT_YET)})

    def test_followed(self) -> None:
        """Who has not followed the match up to the last change of a seat is not proposed."""
        for frame, proposed in ((39, False), (40, True), (60, True)):
            one = session(players=3, interrupted_after=5.0, lost_after=10.0)
            for tick in range(60):
                for peer, count in ((2, tick), (3, min(tick, 40))):
                    wanted = max(0, one.current_frame - 4)
                    body = packet(0, [b"x"] * count, wanted, tick)
                    one.packetReceived(peer, body, tick / 60)
                play(one, b"x" if one.inputFrame() is not None else None, tick / 60)
                one.packetsDue(tick / 60)
            seats = (Seat(True, 0), Seat(True, 0), Seat(False, 40))
            view, ballot = View(1, (1, 2), seats), Ballot(1, 2)
            for message in (Prepare(1, ballot, (3,), ()), Accept(ballot, view), Commit(view)):
                one.packetReceived(2, encodeViewMessage(message), 1.0)
            play(one, b"x", 1.0)
            self.assertGreater(one.confirmed_frame, 40)
            request = JoinRequest(one.settings.digest(), 1, frame, True)
            one.packetReceived(3, encodeViewMessage(request), 1.1)
            asked = [type(message) for message in said(one, 2, 1.1)]
            self.assertEqual(Prepare in asked, proposed, frame)

    def test_deafLink(self) -> None:
        """
        While one who comes back and one member do not hear each other, or only one
        way, it is not seated, and nobody is dropped; when they do, it is.
        """
        for cut in ([(2, 3), (3, 2)], [(2, 3)], [(3, 2)]):
            mesh = Mesh(3, lost_after=1.0, interrupted_after=0.5)
            mesh.run(60)
            mesh.dead.add(3)
            mesh.run(150)
            mesh.dead.clear()
            mesh.cut |= set(cut)
            mesh.run(150)  # one member alone is believed when the other is not heard any more
            mesh.sessions[3].rejoin(mesh.now)
            mesh.run(300)
            for peer in (1, 2):
                self.assertEqual(mesh.sessions[peer].members, (1, 2))
                self.assertEqual(mesh.of(PlayerJoined, peer), [])
            mesh.healLink(2, 3)
            mesh.run(240)
            for peer in (1, 2, 3):
                self.assertEqual(mesh.sessions[peer].members, (1, 2, 3))
            for peer in (1, 2):
                self.assertEqual(len(mesh.of(PlayerJoined, peer)), 1)
                self.assertEqual(len(mesh.of(PlayerDropped, peer)), 1)


class PatienceTests(SynchronousTestCase):
    """Who is heard has twice C{lost_after} to answer, at least 1.5 s, before it is dropped."""

    def droppedAfter(self, lost_after: float) -> float:
        """Return how long after the PREPARE a heard but silent peer is done without."""
        one = session(
            players=5, lost_after=lost_after, interrupted_after=lost_after / 2, keep_alive=0.1
        )
        asked_at = None
        for tick in range(60 * 20):
            now = tick / 60
            for peer in (2, 3, 4):
                one.packetReceived(peer, packet(0, [], 0, 0), now)
            for message in said(one, 2, now):
                if not isinstance(message, Prepare):
                    continue
                if asked_at is None:
                    self.assertEqual(message.suspects, (5,))
                    asked_at = now
                    for peer in (2, 3):
                        promise = Promise(1, message.ballot, (0,) * 5, -1, 200)
                        one.packetReceived(peer, encodeViewMessage(promise), now)
                elif message.ballot.round > 1:
                    self.assertEqual(message.suspects, (4, 5))
                    return now - asked_at
        raise AssertionError("never")

    def test_twice(self) -> None:
        """Twice C{lost_after}, so that a lossy path alone never drops anybody."""
        for lost_after, patience in ((2.0, 4.0), (3.0, 6.0), (1.0, 2.0), (0.3, 1.5)):
            waited = self.droppedAfter(lost_after)
            self.assertGreaterEqual(waited, patience - 1e-6)
            self.assertLess(waited, patience + 0.1)

    def test_acceptorsSilent(self) -> None:
        """A value that nobody accepts is tried again a second later than that."""
        one = session(players=3, lost_after=2.0, interrupted_after=1.0)
        proposed_at = None
        for tick in range(60 * 20):
            now = tick / 60
            one.packetReceived(2, packet(0, [], 0, 0), now)
            for message in said(one, 2, now):
                if isinstance(message, Prepare) and proposed_at is None:
                    promise = Promise(1, message.ballot, (0,) * 3, -1, 200)
                    one.packetReceived(2, encodeViewMessage(promise), now)
                    proposed_at = now
                elif isinstance(message, Prepare) and message.ballot.round > 1:
                    assert proposed_at is not None
                    self.assertGreaterEqual(now - proposed_at, 5.0 - 1e-6)
                    self.assertLess(now - proposed_at, 5.1)
                    return
        raise AssertionError("never")
