"""
Packets from before their sender had its seat: L{gamenet.rollback.input_exchange}
believes nothing that is in them.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gamenet.rollback.seat_events import PlayerDropped
from gamenet.rollback.session import RollbackSession
from tests.rollback_pipe import packet
from tests.rollback_scene import NEAR, Scene, SceneCase


def known(session: RollbackSession) -> str:
    """All that is known of peer 3's inputs, reports and place, and of what it has of ours."""
    return repr((session.remote(3), session.inputCounts(), session._exchange.local.acknowledged))


class StalePacketTests(SceneCase):
    """
    "Players come and go": who was seated in a later view, heard from an earlier one.

    @ivar scene: A match whose third player came late, and plays since view 1.
    """

    def setUp(self) -> None:
        self.scene = Scene(3, profile=NEAR, vacant=(3,))
        self.scene.run(0.5)
        self.scene.start(3, joining=True)
        self.scene.untilMembers(1, 2, 3)
        self.scene.played(1, 2, 3, least=20)

    def takes(self, session: RollbackSession, body: bytes, now: float) -> None:
        """The packet is counted as one that says nothing new, and nothing else comes of it."""
        before = known(session)
        statistics = session.statistics
        counts = statistics.packets_repeated, statistics.packets_refused
        session.packetReceived(3, body, now)
        self.assertEqual(known(session), before)
        self.assertEqual(
            (statistics.packets_repeated, statistics.packets_refused), (counts[0] + 1, counts[1])
        )
        session.packetsDue(now)

    def test_nothingIsBelieved(self) -> None:
        """
        An acknowledgement of what was never sent, a frame that nobody played, a report
        and an input, each alone and all at once; the match goes on and all agree.
        """
        scene = self.scene
        session, now = scene.session(1), scene.mesh.now
        remote = session.remote(3)
        self.assertEqual(remote.view, 1)
        count, far = remote.blobs.count, 10**6
        ahead, reported = count + 30_000, session.confirmed_frame // 30 * 30 - 1
        for body in (
            packet(count, [], far, count, view=0),
            packet(count, [], 0, ahead, view=0),
            packet(count, [], count, count, reported, 7, view=0),
            packet(count, [], far, count, far - 9, 7, view=0),
            packet(count, [b"zz"], 0, count + 1, base=remote.blobs.known(count - 1), view=0),
            packet(far, [b"zz"] * 9, far, far, far - 1, 7, view=200),
        ):
            self.takes(session, body, now)
        scene.played(1, 2, 3, least=120)
        self.assertEqual(scene[1].of(PlayerDropped), [])
        self.assertAgree(scene, least=120)

    def test_nextView(self) -> None:
        """From its own view on, and from later ones, its packets are believed."""
        scene = self.scene
        session, now = scene.session(1), scene.mesh.now
        remote = session.remote(3)
        for view in (1, 2, 128):
            count = remote.blobs.count
            base = remote.blobs.known(count - 1)
            body = packet(count, [b"zz"], 0, count, base=base, view=view)
            session.packetReceived(3, body, now)
            self.assertEqual(remote.blobs.count, count + 1, view)

    def test_manyViewsLater(self) -> None:
        """
        A view travels modulo 256: however many changes of seats there were since it was
        seated, who is in the newest view, or in one of the last hundred, is believed.
        """
        session, now = self.scene.session(1), self.scene.mesh.now
        remote = session.remote(3)
        count = remote.blobs.count
        for newest in (2, 100, 128, 129, 130, 200, 255, 256, 257, 400, 1000):
            session._progress.view = newest
            for view in (newest, max(1, newest - 100), newest + 100):
                now += 0.001
                session.packetReceived(3, packet(count, [], 0, count, view=view & 0xFF), now)
                self.assertEqual(remote.heard_at, now, (newest, view))
            if newest <= 128:
                self.takes(session, packet(count, [], 10**6, count, view=0), now)

    @settings(deadline=None, max_examples=30)
    @given(
        st.sampled_from([0, 129, 200, 255]),
        st.integers(0, 2**31 - 9),
        st.lists(st.binary(max_size=3), max_size=5),
        st.integers(0, 2**31 - 9),
        st.integers(-20_000, 20_000),
        st.one_of(st.none(), st.integers(0, 20_000)),
    )
    def test_anything(
        self,
        view: int,
        first: int,
        inputs: list[bytes],
        wanted: int,
        ahead: int,
        behind: int | None,
    ) -> None:
        """Bad input: whatever stands in such a packet."""
        report = -1 if behind is None else max(-1, wanted - 1 - behind)
        current = min(max(0, first + ahead), 2**31)
        body = packet(first, inputs, wanted, current, report, 7, view=view)
        self.takes(self.scene.session(1), body, self.scene.mesh.now)
