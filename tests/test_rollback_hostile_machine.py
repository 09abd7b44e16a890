"""
A match of four, one of whom sends anything at any time while links die and heal, as
a state machine of hypothesis: whatever happened, the honest ones converge.
"""

from __future__ import annotations

import contextlib

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import RemoteProtocolError
from gamenet.rollback.seat_events import PlayerDropped
from gamenet.rollback.session_state import SessionState
from gamenet.seeded_random import SeededRandom
from tests.rollback_attack import mutated, recorded
from tests.rollback_mesh import Mesh

ATTACKER = 2
HONEST = (1, 3, 4)

#: All but those of the agreement, in which every member has a vote.
KINDS = tuple(kind for kind in range(256) if not 0x10 <= kind < 0x18)


class HostileMatch(RuleBasedStateMachine):
    """One match; the attacker has a sound session beside."""

    @initialize(
        sparse=st.booleans(),
        window=st.sampled_from([4, 8, 12]),
        loss=st.sampled_from([0.0, 0.1]),
        seed=st.integers(0, 9),
    )
    def begin(self, sparse: bool, window: int, loss: float, seed: int) -> None:
        """A match begins."""
        self.mesh = Mesh(
            4,
            seed=seed,
            loss=loss,
            jitter=2,
            sparse_saving=sparse,
            prediction_window=window,
            checksum_interval=10,
        )
        self.mesh.attacker = ATTACKER

    @rule(ticks=st.integers(1, 30))
    def play(self, ticks: int) -> None:
        """Time passes."""
        self.mesh.run(ticks)

    @rule(
        victim=st.sampled_from(HONEST),
        first=st.sampled_from(KINDS),
        rest=st.binary(max_size=40),
        times=st.integers(1, 20),
    )
    def anything(self, victim: int, first: int, rest: bytes, times: int) -> None:
        """Any bytes, once or often."""
        for _ in range(times):
            self.attack(victim, bytes([first]) + rest)

    @rule(
        victim=st.sampled_from(HONEST),
        kind=st.sampled_from(KINDS),
        seed=st.integers(0, 10_000),
    )
    def changed(self, victim: int, kind: int, seed: int) -> None:
        """A real packet of that kind, or the first of any, with some changes."""
        random = SeededRandom.fromLabel(seed, "changed")
        bodies = recorded().get(kind) or recorded()[0]
        self.attack(victim, mutated(random, random.choice(bodies)))

    @rule(victim=st.sampled_from(HONEST))
    def falls(self, victim: int) -> None:
        """The attacker's link to one of the others is bad for a while."""
        self.mesh.cutLink(ATTACKER, victim)
        self.mesh.run(20)
        self.mesh.healLink(ATTACKER, victim)
        self.mesh.run(20)

    def attack(self, victim: int, body: bytes) -> None:
        """The attacker sends a packet."""
        with contextlib.suppress(RemoteProtocolError):
            self.mesh.sessions[victim].packetReceived(ATTACKER, body, self.mesh.now)

    def teardown(self) -> None:
        """The attacker is gone; the others agree on that, and confirm 300 more frames."""
        mesh = getattr(self, "mesh", None)
        if mesh is None:
            return
        mesh.dead.add(ATTACKER)
        mesh.loss = 0.0
        mesh.run(300)
        before = {peer: len(mesh.confirmed[peer]) for peer in HONEST}
        mesh.run(450)
        mesh.common(*HONEST)
        cuts = set()
        for peer in HONEST:
            assert mesh.sessions[peer].members == HONEST
            assert mesh.sessions[peer].state in (SessionState.RUNNING, SessionState.STALLED)
            assert len(mesh.confirmed[peer]) >= before[peer] + 300, before
            (dropped,) = mesh.of(PlayerDropped, peer)
            cuts.add(dropped.frame)
        assert len(cuts) == 1, cuts


class HostileMatchTests(SynchronousTestCase):
    """Bad input: every byte string, in every state of a session."""

    def test_machine(self) -> None:
        """After the attack the honest peers still converge."""
        machine = HostileMatch.TestCase()
        machine.settings = settings(
            deadline=None, max_examples=12, stateful_step_count=20, print_blob=True
        )
        machine.runTest()
