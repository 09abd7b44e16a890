"""Every message in every state of L{gamenet.agreement.agreement}."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.agreement.agreement import MESSAGES_PER_PEER, Agreement
from gamenet.agreement.events import Standing
from gamenet.agreement.settings import AgreementSettings
from gamenet.agreement.view import Seating, firstView
from gamenet.errors import RemoteProtocolError
from gamenet.wire.view_messages import encodeViewMessage
from gamenet.wire.view_values import (
    Accept,
    Accepted,
    Ballot,
    Commit,
    CommitAck,
    JoinRefusal,
    JoinRefused,
    JoinRequest,
    Leave,
    Outbid,
    Prepare,
    Promise,
    Seat,
    View,
    ViewMessage,
)

FOUR: Seating = ((1,), (2,), (3,), (4,))
STANDING = Standing(4, 12, (6, 7, 5, 5))
DROP = View(1, (1, 2, 3), (*((Seat(True, 0),) * 3), Seat(False, 6)))


def fresh(vacant: tuple[int, ...] = (), peer: int = 2) -> Agreement:
    """Return the agreement of a peer at the start."""
    return Agreement(AgreementSettings(), peer, FOUR, firstView(FOUR, vacant))


def take(agreement: Agreement, peer: int, message: ViewMessage) -> None:
    """Have an agreement take something."""
    agreement.received(peer, encodeViewMessage(message), STANDING, 0.4)


def promised() -> Agreement:
    """Return one that has promised."""
    agreement = fresh()
    take(agreement, 3, Prepare(1, Ballot(1, 3), (4,), ()))
    return agreement


def accepted() -> Agreement:
    """Return one that has accepted."""
    agreement = promised()
    take(agreement, 3, Accept(Ballot(1, 3), DROP))
    return agreement


def proposing() -> Agreement:
    """Return one that asks for promises."""
    agreement = fresh()
    agreement.suspect((4,), 0.0)
    agreement.due(STANDING, 0.0)
    agreement.due(STANDING, 0.3)
    return agreement


def collecting() -> Agreement:
    """Return one that wants its view accepted."""
    agreement = proposing()
    for peer in (1, 3):
        take(agreement, peer, Promise(1, Ballot(1, 2), (5, 5, 5, 6), 4, 12))
    return agreement


def decided() -> Agreement:
    """Return one that has decided, and tells."""
    agreement = collecting()
    take(agreement, 1, Accepted(1, Ballot(1, 2)))
    return agreement


def isolated() -> Agreement:
    """Return one that hears nobody."""
    agreement = fresh()
    agreement.suspect((1, 3, 4), 0.0)
    agreement.due(STANDING, 0.0)
    agreement.due(STANDING, 2.0)
    return agreement


def leaving() -> Agreement:
    """Return one that leaves."""
    agreement = fresh()
    agreement.leave(0.0)
    return agreement


def dropped() -> Agreement:
    """Return one that was dropped."""
    agreement = fresh(peer=4)
    take(agreement, 3, Commit(DROP))
    return agreement


def joining() -> Agreement:
    """Return one that is no member yet."""
    return fresh((4,), 4)


def admitting() -> Agreement:
    """Return one that proposes a joiner."""
    agreement = fresh((4,), 1)
    agreement.admit(4, 0.3)
    agreement.due(STANDING, 0.3)
    return agreement


STATES: tuple[Callable[[], Agreement], ...] = (
    fresh,
    promised,
    accepted,
    proposing,
    collecting,
    decided,
    isolated,
    leaving,
    dropped,
    joining,
    admitting,
)

numbers = st.integers(1, 3)
peers = st.integers(1, 4)
frames = st.integers(0, 14)
ballots = st.builds(Ballot, st.integers(1, 3), st.integers(1, 5))
sets = st.sets(st.integers(1, 5), max_size=3)


@st.composite
def views(draw: st.DrawFn, number: int | None = None, players: int = 4) -> View:
    """Draw a view, most often one that might be."""
    number = draw(numbers) if number is None else number
    if players == 4 and draw(st.booleans()):
        return View(number, DROP.members, (*DROP.seats[:3], Seat(False, draw(frames))))
    members = sorted(draw(st.sets(st.integers(1, players), min_size=1)))
    zero = st.sampled_from((0, 0, 0, 5, 12, 13))
    seats = tuple(Seat(player in members, draw(zero)) for player in range(1, players + 1))
    return View(number, tuple(members), seats)


@st.composite
def prepares(draw: st.DrawFn) -> Prepare:
    """Draw a PREPARE."""
    suspects = draw(sets)
    leavers = draw(sets) - suspects
    ballot = draw(ballots)
    return Prepare(draw(numbers), ballot, tuple(sorted(suspects)), tuple(sorted(leavers)))


@st.composite
def promises(draw: st.DrawFn) -> Promise:
    """Draw a PROMISE."""
    number = draw(numbers)
    players = draw(st.sampled_from((4, 4, 4, 3)))
    floors = tuple(draw(frames) for _ in range(players))
    ballot, view = None, None
    if draw(st.booleans()):
        ballot, view = draw(ballots), draw(views(number, players))
    confirmed, horizon = draw(frames) - 1, draw(frames)
    leaves = draw(st.booleans())
    return Promise(number, draw(ballots), floors, confirmed, horizon, leaves, ballot, view)


messages = st.one_of(
    prepares(),
    promises(),
    st.builds(Accept, ballots, views()),
    st.builds(Accepted, numbers, ballots),
    st.builds(Commit, views()),
    st.builds(CommitAck, st.integers(0, 3)),
    st.builds(Leave, st.integers(0, 3)),
    st.builds(Outbid, numbers, ballots),
    st.builds(JoinRequest, st.just(bytes(16)), st.integers(0, 3), frames, st.booleans()),
    st.builds(JoinRefused, st.sampled_from(JoinRefusal)),
)


class HostileTests(SynchronousTestCase):
    """ "Bad input": whatever comes, in whatever state."""

    @given(st.sampled_from(STATES), st.lists(st.tuples(peers, messages), max_size=12))
    @settings(deadline=None, max_examples=400)
    def test_everyMessage(
        self, state: Callable[[], Agreement], script: list[tuple[int, ViewMessage]]
    ) -> None:
        """Refused with nothing changed, or taken; pledges hold; what we say is bounded."""
        agreement = state()
        now = 3.0
        for peer, message in script:
            now += 0.11
            before = repr(agreement)
            newest = (agreement.dropped or agreement.view).number
            pledge = agreement.horizon, set(agreement.frozen)
            body = encodeViewMessage(message)
            try:
                agreement.received(peer, body, STANDING, now)
            except RemoteProtocolError:
                self.assertEqual(repr(agreement), before)
            now_newest = (agreement.dropped or agreement.view).number
            self.assertGreaterEqual(now_newest, newest)
            if now_newest == newest:
                self.assertIn(pledge[0], (None, agreement.horizon))
                self.assertLessEqual(pledge[1], set(agreement.frozen))
            elif agreement.dropped is None:
                self.assertIn(agreement._state.peer, agreement.view.members)
            before = repr(agreement)
            sent = [receiver for receiver, _ in agreement.due(STANDING, now)]
            for receiver in (1, 2, 3, 4):
                self.assertLessEqual(sent.count(receiver), MESSAGES_PER_PEER)
            self.assertNotIn(agreement._state.peer, sent)
            agreement.drainEvents()
        self.assertLess(len(repr(agreement)), 6_000)

    @given(
        st.sampled_from(STATES),
        st.lists(st.tuples(peers, st.one_of(messages, st.sampled_from(((), (4,))))), max_size=6),
    )
    @settings(deadline=None, max_examples=300)
    def test_idle(
        self,
        state: Callable[[], Agreement],
        script: list[tuple[int, ViewMessage | tuple[int, ...]]],
    ) -> None:
        """Where it says that it is idle nothing is sent and nothing changes, however long."""
        agreement = state()
        now = 3.0
        for peer, message in script:
            now += 0.11
            if isinstance(message, tuple):
                agreement.suspect(message, now)
            else:
                with contextlib.suppress(RemoteProtocolError):
                    agreement.received(peer, encodeViewMessage(message), STANDING, now)
            for later in (0.0, 0.2, 1.3, 20.0):
                if agreement.isIdle(now):
                    before = repr(agreement)
                    self.assertEqual(agreement.due(STANDING, now + later), ())
                    self.assertEqual(repr(agreement), before)
            agreement.due(STANDING, now)
            agreement.drainEvents()

    @given(st.sampled_from(STATES), peers, st.binary(max_size=40))
    @settings(deadline=None, max_examples=200)
    def test_everyByteString(self, state: Callable[[], Agreement], peer: int, body: bytes) -> None:
        """Every byte string is legal input."""
        agreement = state()
        before = repr(agreement)
        try:
            agreement.received(peer, b"\x14" + body, STANDING, 3.0)
        except RemoteProtocolError:
            self.assertEqual(repr(agreement), before)

    @given(st.sampled_from(STATES), peers, messages)
    @settings(deadline=None, max_examples=200)
    def test_repeated(
        self, state: Callable[[], Agreement], peer: int, message: ViewMessage
    ) -> None:
        """Duplicated and replayed: the second copy of what was taken is no error, and changes
        no view."""
        agreement = state()
        body = encodeViewMessage(message)
        try:
            agreement.received(peer, body, STANDING, 3.0)
        except RemoteProtocolError:
            return
        agreement.drainEvents()
        agreement.received(peer, body, STANDING, 3.0)
        self.assertEqual(agreement.drainEvents(), ())
