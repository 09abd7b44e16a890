"""
The anchor's own adversarial scenario: a full mesh of three peers, in which the link
between A and C dies some frames before A dies, so that B and C have not received
the same inputs of A.

====  ======================  ==========================  =====================
gap   GGRS 0.13               GekkoNet                    test
====  ======================  ==========================  =====================
0     agree                   agree                       test_gaps
1     survivor panics         agree                       test_gaps
2     survivor panics         agree                       test_gaps
5     survivor panics         agree                       test_gaps
8     survivor panics         B and C diverge for ever    test_partialPartition
====  ======================  ==========================  =====================
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.rollback.seat_events import Dropped, PlayerDropped
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import LeaverPolicy
from tests.rollback_mesh import Mesh, held

A, B, C = 1, 2, 3

#: When the link between A and C dies.
CUT_AT = 100


def changing(player: int, frame: int) -> bytes:
    """Inputs that change every frame, so that each that is missing shows."""
    return bytes([frame & 0xFF, player])


class DropTests(SynchronousTestCase):
    """Anchor, and Done when: the three-peer drop with gaps 0, 1, 2, 5, 8."""

    def broken(self, gap: int, **settings: Any) -> Mesh:
        """A mesh in which A is dead, C having heard C{gap} frames less of it than B."""
        mesh = Mesh(3, script=changing, **settings)
        mesh.run(CUT_AT)
        mesh.cutLink(A, C)
        mesh.run(gap)
        mesh.dead.add(A)
        return mesh

    def test_gaps(self) -> None:
        """
        Both survivors agree through frame 399: the same last frame of A, the same
        inputs up to it, those that C lacks from B, nothing of A after it.
        """
        for gap in (0, 1, 2, 5):
            for latency in (0.5, 1.5, 4.0):
                mesh = self.broken(gap, latency=latency)
                mesh.run(500)
                (cut,) = self.agreed(mesh, B, C)
                common = mesh.common(B, C)
                self.assertGreater(common[-1].frame, 399)
                self.assertGreaterEqual(cut, CUT_AT - 4)
                for event in common:
                    expected = changing(A, min(event.frame, cut - 1))
                    self.assertEqual(event.inputs[0], expected, (gap, latency, event.frame))
                filled = mesh.sessions[C].statistics.inputs_backfilled
                self.assertEqual(filled, gap, (gap, latency))
                self.assertEqual(mesh.sessions[B].statistics.inputs_backfilled, 0)

    def agreed(self, mesh: Mesh, *survivors: int) -> set[int]:
        """The frames from which on the survivors play without A: one, if they agree."""
        cuts = set()
        for peer in survivors:
            self.assertEqual(mesh.sessions[peer].members, survivors)
            (dropped,) = mesh.of(PlayerDropped, peer)
            self.assertEqual((dropped.player, dropped.view), (A, 1))
            cuts.add(dropped.frame)
        return cuts

    def test_order(self) -> None:
        """Whatever the order in which the links die, and one way before the other."""
        for links in (
            [(C, A), (A, C)],
            [(A, C), (B, A)],
            [(A, B), (A, C)],
            [(B, A), (C, A), (A, C)],
        ):
            mesh = Mesh(3, script=changing)
            mesh.run(CUT_AT)
            for link in links:
                mesh.cut.add(link)
                mesh.run(3)
            mesh.dead.add(A)
            mesh.run(500)
            self.assertEqual(len(self.agreed(mesh, B, C)), 1, links)
            self.assertGreater(mesh.common(B, C)[-1].frame, 399, links)

    def test_policies(self) -> None:
        """The same with every policy, and in a sparse session: what is played for A agrees."""
        fillers = {LeaverPolicy.REMOVE: b"", LeaverPolicy.DEFAULT_INPUT: b"idle"}
        for policy, filler in fillers.items():
            for sparse in (False, True):
                mesh = self.broken(
                    5, leaver_policy=policy, default_input=b"idle", sparse_saving=sparse
                )
                mesh.run(500)
                (cut,) = self.agreed(mesh, B, C)
                common = mesh.common(B, C)
                self.assertGreater(common[-1].frame, 399)
                self.assertEqual(common[cut - 1].inputs[0], changing(A, cut - 1))
                self.assertEqual({event.inputs[0] for event in common[cut:]}, {filler})

    def test_partialPartition(self) -> None:
        """
        Gap 8 and more, A going on: A and C do not hear each other for longer than the
        timeout and B hears both.  Two of them play on, agree, and never diverge from
        what the third had confirmed; it says that it is dropped.
        """
        for cut in ([(A, C), (C, A)], [(A, C)], [(C, A)]):
            mesh = Mesh(3, script=changing, leaver_policy=LeaverPolicy.REMOVE)
            mesh.run(CUT_AT)
            mesh.cut |= set(cut)
            mesh.run(8)
            mesh.run(579)
            members = mesh.sessions[B].members
            self.assertEqual(len(members), 2, cut)
            (lost,) = {A, B, C} - {*members}
            self.assertNotEqual(lost, B)
            self.assertIs(mesh.sessions[lost].state, SessionState.DROPPED)
            (dropped,) = mesh.of(Dropped, lost)
            (told,) = mesh.of(PlayerDropped, B)
            self.assertEqual((told.player, told.frame), (lost, dropped.frame))
            self.assertGreater(mesh.common(*members)[-1].frame, 399)
            confirmed = mesh.confirmed[lost]
            self.assertLessEqual(confirmed[-1].frame, dropped.frame + 8)
            mesh.common()

    def test_neitherTooEarly(self) -> None:
        """A link that comes back in time drops nobody, and 300 more frames are confirmed."""
        mesh = Mesh(3, script=held)
        mesh.run(CUT_AT)
        mesh.cutLink(A, C)
        mesh.run(90)
        mesh.healLink(A, C)
        mesh.run(310)
        self.assertGreater(len(mesh.common()), CUT_AT + 300)
        for peer in mesh.sessions:
            self.assertEqual(mesh.of(PlayerDropped, peer), [])
            self.assertEqual(mesh.sessions[peer].members, (A, B, C))
