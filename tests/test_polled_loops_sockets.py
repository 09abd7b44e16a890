"""Tests of L{gamenet.polled.loops}, each in a process of its own: a reactor starts but once."""

from __future__ import annotations

import json
import sys
from textwrap import dedent
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.twistd_process import environment

#: What every script begins with: a port where nobody listens, and a patient C{poll}.
PREAMBLE = """
import json, socket, sys, threading, time
from gamenet.errors import ConnectionFailed, LocalProtocolError
from gamenet.polled import Ended, SessionBuilder
from gamenet.polled.loops import processLoop

def unused():
    with socket.socket() as stream:
        stream.bind(("127.0.0.1", 0))
        return stream.getsockname()[1]

def failed(session):
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        try:
            session.poll()
        except ConnectionFailed as error:
            return type(error).__name__
        time.sleep(0.01)
    return "nothing"
"""


class ProcessTests(TestCase):
    """A game that owns its loop: the reactor runs in a thread of its own, or in C{poll}."""

    timeout = 60

    async def bothVariants(self, script: str) -> list[tuple[bool, Any]]:
        """
        Run a script with a loop in a thread and with one in C{poll}, as C{THREADED} says;
        return which it was and what its last line says as JSON.
        """
        return await gatherResults(
            [Deferred.fromCoroutine(self.ran(threaded, script)) for threaded in (True, False)],
            consumeErrors=True,
        )

    async def ran(self, threaded: bool, script: str) -> tuple[bool, Any]:
        """Run one of them."""
        code = f"THREADED = {threaded}\n{PREAMBLE}{dedent(script)}"
        out, err, status = await getProcessOutputAndValue(
            sys.executable, ["-c", code], environment(), reactor=reactor
        )
        self.assertEqual((status, err), (0, b""), err.decode())
        return threaded, json.loads(out.splitlines()[-1])

    async def test_connectionFailed(self) -> None:
        """Seed row K9: no lobby is C{ConnectionFailed}, raised by C{poll}, in both variants."""
        for threaded, found in await self.bothVariants(
            """
            session = SessionBuilder(
                f"tcp:127.0.0.1:{unused()}", "Ada", threaded=THREADED
            ).host()
            name = failed(session)
            events = [type(event).__name__ for event in session.events()]
            print(json.dumps([name, events, threading.active_count(), session.ended]))
            """
        ):
            self.assertEqual(found[:2] + found[3:], ["ConnectionFailed", ["Ended"], True])
            self.assertEqual(found[2] > 1, threaded)

    async def test_namesAreLookedUp(self) -> None:
        """A name is looked up in a thread that keeps no process from ending."""
        for _, found in await self.bothVariants(
            """
            session = SessionBuilder(
                f"tcp:localhost:{unused()}", "Ada", threaded=THREADED
            ).host()
            print(json.dumps(failed(session)))
            """
        ):
            self.assertEqual(found, "ConnectionFailed")

    async def test_twoSessions(self) -> None:
        """One loop serves all sessions of a process; they must agree on which it is."""
        for _, found in await self.bothVariants(
            """
            lobby = f"tcp:127.0.0.1:{unused()}"
            sessions = [SessionBuilder(lobby, name, threaded=THREADED).host()
                        for name in ("Ada", "Grace")]
            try:
                SessionBuilder(lobby, "Linus", threaded=not THREADED).host()
            except LocalProtocolError as error:
                text = str(error)
            same = processLoop(THREADED) is processLoop(THREADED)
            print(json.dumps([[failed(session) for session in sessions], text, same]))
            """
        ):
            self.assertEqual(found[0], ["ConnectionFailed"] * 2)
            self.assertIn("same value of threaded", found[1])
            self.assertTrue(found[2])

    async def test_close(self) -> None:
        """Closing waits for the network, and no longer; afterwards nothing is left open."""
        for _, found in await self.bothVariants(
            """
            listening = socket.socket()
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            lobby = f"tcp:127.0.0.1:{listening.getsockname()[1]}"
            session = SessionBuilder(lobby, "Ada", threaded=THREADED).host()
            session.poll()
            before = time.monotonic()
            closed = session.close()
            took = time.monotonic() - before
            session.poll()
            print(json.dumps([closed, took, [type(e).__name__ for e in session.events()]]))
            """
        ):
            self.assertEqual((found[0], found[2]), (True, ["Ended"]))
            self.assertLess(found[1], 2.5)

    async def test_callsInOrder(self) -> None:
        """What is called is called in order, on the network's side, also for a busy game."""
        for threaded, found in await self.bothVariants(
            """
            from twisted.internet.defer import Deferred, succeed
            loop = processLoop(THREADED)
            numbers, names = [], set()
            def note(number):
                numbers.append(number)
                names.add(threading.current_thread().name)
            for number in range(1000):
                loop.call(lambda number=number: note(number))
                if number % 100 == 0:
                    loop.turn()
            done = loop.finish(lambda: succeed(None), 20)
            before = loop.seconds()
            never = loop.finish(Deferred, 0.2)
            waited = loop.seconds() - before
            right = numbers == list(range(1000))
            print(json.dumps([right, sorted(names), done, never, waited]))
            """
        ):
            name = "gamenet" if threaded else "MainThread"
            self.assertEqual(found[:4], [True, [name], True, False])
            self.assertTrue(0.2 <= found[4] < 2)

    async def test_theProcessEnds(self) -> None:
        """A game that just ends, by itself or by an error, ends at once."""
        for _, found in await self.bothVariants(
            """
            session = SessionBuilder("tcp:127.0.0.1:9", "Ada", threaded=THREADED).host()
            print(json.dumps(0))
            sys.exit()
            """
        ):
            self.assertEqual(found, 0)
