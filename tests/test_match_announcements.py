"""
Which moment of the game belongs to which event: one table, and nothing else.
"""

from __future__ import annotations

from typing import Any, get_args

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MomentFailed
from gamenet.interfaces import IPeerProtocol
from gamenet.match import PeerProtocol
from gamenet.match.announcements import MOMENTS, announce
from gamenet.rollback.effects import EffectEvent, Played
from gamenet.rollback.events import Desynchronized, WaitRecommended
from gamenet.rollback.seat_events import PeerInterrupted, PeerResumed, Reunited
from gamenet.rollback.session_events import SessionEvent

#: Events of a session that are no moments, so that nothing is told twice: the match
#: watches silence by itself.
SILENT = ["PeerHoldsUp", "PeerInterrupted", "PeerResumed"]


class ToldProtocol:
    """Writes down which method is called with what."""

    def __init__(self) -> None:
        self.told: list[tuple[str, tuple[object, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        if name not in IPeerProtocol.names():
            raise AttributeError(name)
        return lambda *arguments: self.told.append((name, arguments))


def eventOf(kind: type) -> Any:
    """Return an event whose every attribute holds its own name."""
    event = object.__new__(kind)
    for field in attrs.fields(kind):
        object.__setattr__(event, field.name, f"<{field.name}>")
    return event


class AnnouncementTests(SynchronousTestCase):
    """The table."""

    def test_everyMoment(self) -> None:
        """Each event calls its moment once, with what the interface names, in its order."""
        for kind, (name, attributes) in MOMENTS.items():
            protocol = ToldProtocol()
            self.assertTrue(announce(protocol, eventOf(kind)))  # type: ignore[arg-type]
            self.assertEqual(protocol.told, [(name, tuple(f"<{each}>" for each in attributes))])
            self.assertEqual(attributes, tuple(IPeerProtocol[name].positional), name)

    def test_everyEvent(self) -> None:
        """Every event that a session or the effects may tell is a moment, or meant not to be."""
        kinds = [kind for each in get_args(SessionEvent) for kind in get_args(each) or (each,)]
        kinds += get_args(EffectEvent)
        self.assertGreater(len(kinds), 15)
        missing = [kind.__name__ for kind in kinds if kind not in MOMENTS]
        self.assertEqual(sorted(missing), SILENT)

    def test_unknownEvents(self) -> None:
        """An event that nobody knows is no moment, and does no harm; nor is a subclass one."""

        class Other(WaitRecommended):
            """An event of a later version."""

        protocol = ToldProtocol()
        for event in (object(), None, PeerInterrupted(2, 0.5), PeerResumed(2), Other(1)):
            self.assertFalse(announce(protocol, event))  # type: ignore[arg-type]
        self.assertEqual(protocol.told, [])

    def test_raising(self) -> None:
        """Bad input: what the game raises is named by moment, and by frame where there is one."""

        class Raising(PeerProtocol):
            """Raises in some moments."""

            def effectStarted(self, *arguments: object) -> None:
                """Raise."""
                raise ZeroDivisionError

            def reunited(self) -> None:
                """Raise."""
                raise ZeroDivisionError

        for event, name, frame in (
            (Played(1, 41, "bang", None), "effectStarted", 41),
            (Reunited(), "reunited", None),
        ):
            error = self.assertRaises(MomentFailed, announce, Raising(), event)
            self.assertEqual((error.moment, error.frame), (name, frame))
            self.assertIsInstance(error.__cause__, ZeroDivisionError)

    def test_defaults(self) -> None:
        """PeerProtocol has every moment, and by default they do nothing."""
        protocol = PeerProtocol()
        for kind in MOMENTS:
            self.assertTrue(announce(protocol, eventOf(kind)))
        self.assertTrue(announce(protocol, Desynchronized(1, 2, 3, 2, True)))
