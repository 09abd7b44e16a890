"""
What no field of a lobby message can tell alone, and what must not reach a log.
"""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.wire.canonical_cbor import DEPTH_LIMIT
from gamenet.wire.lobby_fields import (
    ListOf,
    Row,
    RowOf,
    TransportAddress,
    packRow,
    unpackRow,
)
from gamenet.wire.lobby_messages import (
    MatchTicket,
    OfferResult,
    ResultSignature,
    SessionMember,
    SessionSummary,
    SessionView,
    TicketMember,
)
from tests.golden.samples_of_version_1 import LOBBY_MESSAGES
from tests.golden.samples_of_version_2 import LOBBY_MESSAGES as OF_VERSION_2


class ConsistencyTests(SynchronousTestCase):
    """What no field can tell alone."""

    def assertContradiction(self, row: Row, **changes: object) -> None:
        """Assert that a value with some changes is refused both ways, and without them is not."""
        wire = packRow(row)
        self.assertEqual(unpackRow(type(row), wire), row)
        changed: Any = attrs.evolve(row, **changes)  # type: ignore[misc]
        sent = self.assertRaises(ValueError, packRow, changed)
        self.assertTrue(str(sent).startswith(f"{type(row).__name__}: "), sent)
        for place, (name, field) in enumerate(zip(row.__match_args__, row.layout, strict=True)):
            wire[place] = field.pack(getattr(changed, name))
        received = self.assertRaises(ValueError, unpackRow, type(row), wire)
        self.assertEqual(str(received), str(sent))

    def test_hello(self) -> None:
        """The newest version is not below the oldest."""
        hello = attrs.evolve(LOBBY_MESSAGES["Hello"], lowest_version=3, highest_version=3)
        self.assertContradiction(hello, highest_version=2)

    def test_welcome(self) -> None:
        """A client is not lost between two heartbeats."""
        welcome = attrs.evolve(
            LOBBY_MESSAGES["Welcome"], heartbeat_interval_ms=500, heartbeat_timeout_ms=500
        )
        self.assertContradiction(welcome, heartbeat_timeout_ms=499)

    def test_summary(self) -> None:
        """Members and the minimum are within the capacity."""
        summary = SessionSummary("0" * 16, "Title", "Ada", 3, 3, 3, "open", False)
        self.assertContradiction(summary, said_joinable=True)
        self.assertContradiction(summary, members=4)
        self.assertContradiction(summary, minimum=4)
        self.assertTrue(summary.full)
        self.assertFalse(attrs.evolve(summary, members=2).full)

    def test_view(self) -> None:
        """Members and the minimum are within the capacity; the first member alone is the host."""
        first = SessionMember(b"1" * 8, "Ada", True)
        second = SessionMember(b"2" * 8, "Bob", False)
        view = SessionView("0" * 16, "Title", 2, 2, "open", (first, second))
        self.assertContradiction(view, capacity=2, minimum=3)
        self.assertContradiction(view, capacity=1, minimum=1)
        self.assertContradiction(view, members=(second, first))
        self.assertContradiction(view, members=(first, attrs.evolve(second, is_host=True)))
        self.assertContradiction(view, members=(second,))
        twins = (first, attrs.evolve(second, client_id=first.client_id))
        self.assertRaises(ValueError, packRow, attrs.evolve(view, members=twins))
        self.assertRaises(ValueError, packRow, attrs.evolve(view, members=()))

    def test_severalAtOneClient(self) -> None:
        """Their seats count in a view; their numbers follow one another in a ticket."""
        view = SessionView(
            "0" * 16, "Title", 3, 1, "open", (SessionMember(b"1" * 8, "Ada", True, 3),)
        )
        self.assertEqual(view.seated, 3)
        self.assertContradiction(view, capacity=2)
        ticket: Any = OF_VERSION_2["MatchTicket.several"]
        first, second = ticket.members
        self.assertEqual((first.numbers, second.numbers), ((1, 2), (3, 4, 5, 6)))
        self.assertFalse(first.sharesSeat(second))
        self.assertContradiction(ticket, player=2)
        self.assertContradiction(ticket, capacity=5)
        self.assertContradiction(ticket, members=(first, attrs.evolve(second, player=2)))
        self.assertContradiction(ticket, members=(first, attrs.evolve(second, player=4)))
        late = attrs.evolve(ticket, late=True)
        self.assertContradiction(late, members=(first, attrs.evolve(second, player=2)), player=1)
        member = attrs.evolve(second, player=29)
        self.assertEqual(unpackRow(TicketMember, packRow(member)), member)
        self.assertContradiction(member, player=30)

    def test_list(self) -> None:
        """The total counts what is listed; no session is listed twice."""
        sessions: Any = LOBBY_MESSAGES["SessionList"]
        self.assertContradiction(attrs.evolve(sessions, total=2), total=1)
        twins = (sessions.sessions[0], attrs.evolve(sessions.sessions[0], title="Other"))
        self.assertRaises(ValueError, packRow, attrs.evolve(sessions, sessions=twins))

    def test_ticket(self) -> None:
        """Players are numbered from 1 on, and the receiver is one of them."""
        ticket = attrs.evolve(OF_VERSION_2["MatchTicket"], capacity=2)
        assert isinstance(ticket, MatchTicket)
        self.assertContradiction(ticket, player=3)
        self.assertContradiction(ticket, player=1, members=ticket.members[1:])
        self.assertContradiction(ticket, members=ticket.members[::-1])
        twins = (ticket.members[0], attrs.evolve(ticket.members[0], player=2))
        self.assertRaises(ValueError, packRow, attrs.evolve(ticket, members=twins))
        self.assertRaises(ValueError, packRow, attrs.evolve(ticket, members=()))
        self.assertContradiction(ticket, capacity=1)

    def test_lateTicket(self) -> None:
        """Numbers may be vacant, but stand in order, below the capacity; the receiver is there."""
        ticket = OF_VERSION_2["MatchTicket.late"]
        assert isinstance(ticket, MatchTicket)
        self.assertEqual([member.player for member in ticket.members], [2, 5])
        self.assertContradiction(ticket, late=False)
        self.assertContradiction(ticket, player=1)
        self.assertContradiction(ticket, capacity=4)
        self.assertContradiction(ticket, members=ticket.members[::-1])
        again = attrs.evolve(ticket.members[0], player=5)
        self.assertContradiction(ticket, members=(again, ticket.members[1]))
        silent = attrs.evolve(ticket, capacity=0)
        self.assertRaises(ValueError, packRow, silent)

    def test_report(self) -> None:
        """The players stand in order, none twice, the host among them."""
        report = OF_VERSION_2["ReportHost"]
        self.assertContradiction(report, players=(1, 16, 3))
        self.assertContradiction(report, epoch_host=2)
        for players in ((), (3, 3), (0, 3), (3, 33), (3, True)):
            self.assertRaises(ValueError, packRow, attrs.evolve(report, players=players))

    def test_signatures(self) -> None:
        """No player signs twice, and not more than there can be."""
        offer = OF_VERSION_2["OfferResult"]
        assert isinstance(offer, OfferResult)
        twins = (offer.signatures[0], attrs.evolve(offer.signatures[1], player=1))
        self.assertRaises(ValueError, packRow, attrs.evolve(offer, signatures=twins))
        many = tuple(ResultSignature(player, bytes(64)) for player in range(1, 34))
        self.assertRaises(ValueError, packRow, attrs.evolve(offer, signatures=many))


class SecretsTests(SynchronousTestCase):
    """What must not reach a log."""

    def test_secretsAreNotShown(self) -> None:
        """The text of a value shows neither heartbeat keys nor relay passwords."""
        self.assertNotIn("heartbeat_key", repr(LOBBY_MESSAGES["Welcome"]))
        self.assertNotIn("c2VjcmV0", repr(LOBBY_MESSAGES["RelayCredentials"]))

    def test_recursionIsBounded(self) -> None:
        """The deepest message nests six deep, below the limit of the codec."""
        self.assertEqual(_deepest(OF_VERSION_2["MatchTicket"].layout), 6)
        self.assertLess(6, DEPTH_LIMIT)


def _deepest(layout: tuple[Any, ...]) -> int:
    """Return how many arrays stand inside one another, the message's own counted."""
    depths = [0]
    for field in layout:
        extra = 0
        while isinstance(field, ListOf):
            extra += 1
            field = field.field  # noqa: PLW2901
        if isinstance(field, RowOf):
            extra += _deepest(field.row_type.layout)
        elif isinstance(field, TransportAddress):
            extra += 1
        depths.append(extra)
    return 1 + max(depths)
