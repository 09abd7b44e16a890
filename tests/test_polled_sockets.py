"""Polled sessions of several processes, over real sockets and a real lobby."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from tests.test_quickstart_sockets import Terminal
from tests.twistd_process import TwistdProcess

#: One participant: says hello, hears the others, blocks where it is told to, and goes when
#: the host says goodbye.
PARTICIPANT = """
import json, sys, time
from gamenet.polled import Accepted, Applied, Refused, SessionBuilder, Synced
from gamenet.wire.log_commands import Join, Say
from gamenet.wire.log_events import Chat, ParticipantLeft, ParticipantLost, ParticipantReturned

lobby, name, session_id, block, threaded = json.loads(sys.argv[1])
builder = SessionBuilder(lobby, name, threaded=threaded)
session = builder.join(session_id) if session_id else builder.host()
said, fates, digests, answers, peers = [], [], {}, [], []
patience = time.monotonic() + 60

def turn():
    if time.monotonic() > patience:
        sys.exit(f"too long: {said} {fates} {session.connected_peers}")
    session.poll()
    for event in session.events():
        match event:
            case Applied(happened, state):
                digests[state.sequence] = state.digest().hex()
                body = happened.body
                if isinstance(body, Chat):
                    said.append(body.text)
                elif isinstance(body, (ParticipantLost, ParticipantLeft, ParticipantReturned)):
                    fates.append([type(body).__name__, body.player])
            case Synced(state):
                digests[state.sequence] = state.digest().hex()
            case Accepted() | Refused():
                answers.append(type(event).__name__)
    if session.connected_peers not in peers:
        peers.append(session.connected_peers)
    time.sleep(0.02)

def until(condition):
    while not condition():
        turn()

until(lambda: session.session_id is not None)
print(f"session {session.session_id}", flush=True)
until(lambda: session.session is not None and session.peer_id is not None)
if session.session.participant(session.peer_id) is None:
    session.submit(Join(name))
    until(lambda: answers)
    answers.clear()
until(lambda: session.session.participant(session.peer_id)
      and len(session.session.participants) == 2 and session.connected_peers)
session.submit(Say(f"hello from {name}"))
until(lambda: "hello from Ada" in said and "hello from Grace" in said)
if session_id:
    print("blocking", flush=True)
    time.sleep(block)
    before = len(said)
    session.submit(Say("awake"))
    until(lambda: "goodbye" in said)
else:
    before, due = len(said), 0
    while "awake" not in said:
        if time.monotonic() >= due:
            due = time.monotonic() + 0.25
            session.submit(Say("tick"))
        turn()
    until(lambda: len(answers) == 1 + said.count("tick"))
    session.submit(Say("goodbye"))
    until(lambda: "goodbye" in said and len(answers) == 2 + said.count("tick"))
found = dict(
    player=session.peer_id, host=session.is_host, said=said, fates=fates, digests=digests,
    answers=answers, peers=peers, sequence=session.sequence,
)
assert session.close()
print(json.dumps(found), flush=True)
"""


class ProcessesTests(TestCase):
    """Seed row K8, with the network in a thread of its own and without."""

    timeout = 120

    def ended(self, process: TwistdProcess) -> object:
        """End a process, if it has not ended."""
        return None if process.ended.called else process.stop()

    async def play(
        self, block: float, threaded: bool, lobby_dies: bool = False
    ) -> tuple[Any, Any, str]:
        """Let a host and a guest meet; return what each found, and what the guest printed."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        lobby = TwistdProcess(
            reactor,
            folder,
            "gamenet-lobby",
            *("--listen", "tcp:0:interface=127.0.0.1", "--udp", "127.0.0.1:0"),
        )
        self.addCleanup(self.ended, lobby)
        address, port = (await lobby.ready())["listen"][0]
        (folder / "participant.py").write_text(PARTICIPANT)

        def start(name: str, session_id: str | None) -> Terminal:
            given = json.dumps([f"tcp:{address}:{port}", name, session_id, block, threaded])
            command = ["exec", sys.executable, "participant.py", given]
            terminal = Terminal(shlex.join(command), folder)
            self.addCleanup(terminal.stop)
            return terminal

        host = start("Ada", None)
        await host.shows("session ")
        guest = start("Grace", host.output.split("session ", 1)[1].split()[0])
        if lobby_dies:
            await guest.shows("blocking")
            lobby.signal("KILL")
            await lobby.ended
        statuses = await gatherResults([host.ended, guest.ended])
        self.assertEqual(statuses, [0, 0], host.output + guest.output)
        ada, grace = (json.loads(each.output.splitlines()[-1]) for each in (host, guest))
        return ada, grace, guest.output

    def assertAgreed(self, ada: Any, grace: Any) -> None:
        """Fail unless both had the same session, and all that was said had its answer."""
        self.assertEqual((ada["player"], ada["host"]), (1, True))
        self.assertEqual((grace["player"], grace["host"]), (2, False))
        common = [number for number in ada["digests"] if number in grace["digests"]]
        self.assertGreater(len(common), 3)
        for number in common:
            self.assertEqual(ada["digests"][number], grace["digests"][number], number)
        self.assertEqual(set(ada["answers"] + grace["answers"]), {"Accepted"})
        self.assertEqual(len(ada["answers"]), 2 + ada["said"].count("tick"))

    async def test_blockedFor8Seconds(self) -> None:
        """Done when: a game that blocks for 8 s is dropped by nobody; they chat both ways."""
        ada, grace, printed = await self.play(8.0, True)
        self.assertAgreed(ada, grace)
        self.assertEqual((ada["fates"], grace["fates"]), ([], []))
        self.assertEqual((ada["peers"], grace["peers"][-1]), ([[], [2]], [1]))
        # The host's words were acknowledged all along, and none of them is lost on the guest.
        self.assertGreater(ada["said"].count("tick"), 20)
        self.assertEqual(
            [text for text in grace["said"] if text != "hello from Grace"],
            [text for text in ada["said"] if text != "hello from Grace"],
        )
        self.assertEqual(printed.count("PolledTooRarely"), 1)

    async def test_withoutTheLobby(self) -> None:
        """The lobby may vanish in mid-session without harm: they talk on, and leave."""
        ada, grace, _ = await self.play(1.0, True, lobby_dies=True)
        self.assertAgreed(ada, grace)
        self.assertEqual((ada["fates"], grace["fates"]), ([], []))

    async def test_singleThreaded(self) -> None:
        """Without a thread it works too, for a game that polls; the limit is documented."""
        ada, grace, _ = await self.play(0.5, False)
        self.assertAgreed(ada, grace)
        self.assertEqual((ada["fates"], grace["fates"]), ([], []))

    async def test_singleThreadedLimit(self) -> None:
        """Without a thread who does not poll for long is lost, and returns as itself (K5)."""
        ada, grace, _ = await self.play(5.0, False)
        self.assertAgreed(ada, grace)
        self.assertEqual(ada["fates"][0], ["ParticipantLost", 2])
        self.assertEqual(ada["fates"][-1], ["ParticipantReturned", 2])
