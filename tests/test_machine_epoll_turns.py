"""Turns of an epoll reactor in which only UDP sockets of ours have something to say."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.machine.epoll_turns import EpollTurns

_READABLE = 1


class Timer:
    """A delayed call as the reactor keeps it."""

    def __init__(self, time: float) -> None:
        self.time = time


class Reader:
    """A socket of ours, which does something when it is read."""

    def __init__(self, reactor: Reactor) -> None:
        self.reactor = reactor
        self.reads = 0
        self.what: object = None

    def readSome(self) -> None:
        """Count, and do it."""
        self.reads += 1
        if callable(self.what):
            self.what()


class Reactor:
    """As much of an epoll reactor as is used; each look finds the next list of events."""

    def __init__(self, looks: list[list[tuple[int, int]]]) -> None:
        self.looks = looks
        self.waited: list[float | None] = []
        self.now = 100.0
        self._justStopped = False
        self._newTimedCalls: list[Timer] = []
        self._pendingTimedCalls: list[Timer] = []
        self._poller = self
        self._selectables: dict[int, object] = {}

    def seconds(self) -> float:
        """Return the time."""
        return self.now

    def poll(self, timeout: float | None, limit: int) -> list[tuple[int, int]]:
        """Return the next events, or nothing when the time is over."""
        self.waited.append(timeout)
        return self.looks.pop(0) if self.looks else []


class TurnsTests(SynchronousTestCase):
    """Everything that is not a datagram for us is the reactor's at once."""

    def arrange(self, *looks: list[tuple[int, int]]) -> tuple[Reactor, Reader, EpollTurns]:
        """Return a reactor with one socket of ours, number 3."""
        reactor = Reactor(list(looks))
        reader = Reader(reactor)
        reactor._selectables[3] = reader
        return reactor, reader, EpollTurns(reactor, Reader, _READABLE)

    def test_goesOn(self) -> None:
        """As long as only our sockets wake it they are read, and nothing else is asked."""
        reactor, reader, turns = self.arrange(*[[(3, _READABLE)]] * 5)
        turns.goOn()
        self.assertEqual((reader.reads, reactor.waited), (5, [None] * 6))

    def test_others(self) -> None:
        """A stream, the waker, an error on our socket or a descriptor that is gone ends it."""
        for event in ((4, _READABLE), (3, _READABLE | 8), (9, _READABLE)):
            reactor, reader, turns = self.arrange([(3, _READABLE), event], [(3, _READABLE)])
            reactor._selectables[4] = object()
            turns.goOn()
            self.assertEqual((reader.reads, len(reactor.waited)), (1, 1), event)

    def test_timers(self) -> None:
        """It waits as long as the reactor would, and returns when a timer is due."""
        reactor, reader, turns = self.arrange([(3, _READABLE)])
        reactor._pendingTimedCalls.append(Timer(100.5))
        reader.what = lambda: setattr(reactor, "now", 100.5)
        turns.goOn()
        self.assertEqual((reader.reads, reactor.waited), (1, [0.5]))
        reactor._pendingTimedCalls[0].time = 1e12
        turns.goOn()
        self.assertEqual(reactor.waited[-1], 1e6)

    def test_scheduled(self) -> None:
        """What we read has scheduled a call, or moved one: the reactor looks at it first."""
        reactor, reader, turns = self.arrange(*[[(3, _READABLE)]] * 3)
        reader.what = lambda: reactor._newTimedCalls.append(Timer(101.0))
        turns.goOn()
        self.assertEqual(reader.reads, 1)
        reactor, reader, turns = self.arrange(*[[(3, _READABLE)]] * 3)
        reactor._pendingTimedCalls.append(Timer(200.0))
        reader.what = lambda: reactor._pendingTimedCalls.insert(0, Timer(99.0))
        turns.goOn()
        self.assertEqual(reader.reads, 1)

    def test_stopped(self) -> None:
        """A reactor that was told to stop while we read does so in its next turn."""
        reactor, reader, turns = self.arrange(*[[(3, _READABLE)]] * 3)
        reader.what = lambda: setattr(reactor, "_justStopped", True)
        turns.goOn()
        self.assertEqual(reader.reads, 1)

    def test_otherReactors(self) -> None:
        """Any other reactor has no such turns, and nothing is lost."""
        self.assertIs(EpollTurns.of(Reactor([]), Reader), None)
        self.assertIs(EpollTurns.of(object(), Reader), None)
