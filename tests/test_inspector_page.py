"""
Tests for the page of L{gamenet.inspector.page}: what stands in it, and that nothing of a
log can become more than text.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.inspector.chart import COLUMNS_LIMIT, Columns
from gamenet.inspector.comparison import compareLogs, compareStates
from gamenet.inspector.markup import Markup, joined, tag
from gamenet.inspector.page import EVENTS_SHOWN, Inspection, drawPage
from gamenet.inspector.peer_log import PeerLog
from gamenet.inspector.state_view import PARTS_SHOWN, ROWS_SHOWN
from gamenet.wire.match_log_records import (
    EventRecord,
    FrameRecord,
    NoteRecord,
    PartDigest,
    TickRecord,
)
from tests.match_logs import headerOf, loggedDuel, peerLog
from tests.rollback_pipe import Link

__all__ = ["HostileTests", "LongTests", "MarkupTests", "PageTests"]

EVIL = "</script><img src=x onerror=alert(1)>\"'&<!--\u202e\x00\x1b]8;;http://evil\udc80"


class Outline(HTMLParser):
    """A page's elements; raises for one that is not closed where it should be."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.code: dict[str, str] = {}
        self.feed(page)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.elements.append((name, dict(attributes)))
        assert len(dict(attributes)) == len(attributes), attributes
        if name not in ("meta", "input"):
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        """An element ends."""
        assert self.open.pop() == name, name

    def handle_data(self, data: str) -> None:
        """A text."""
        if self.open and self.open[-1] in ("script", "style"):
            kind = self.open[-1]
            if kind == "script" and self.elements[-1][1].get("type"):
                kind = "data"
            self.code[kind] = self.code.get(kind, "") + data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All that is shown, without what separates."""
        return "".join(self.texts)


def inspection(*logs: PeerLog, states: Any = (), asked: int | None = None) -> Inspection:
    """Everything that a page shows."""
    return Inspection(tuple(logs), compareLogs(logs), tuple(states), asked)


def outlineOf(shown: Inspection) -> Outline:
    """The page, parsed."""
    return Outline(drawPage(shown).decode("utf-8"))


class PageTests(SynchronousTestCase):
    """A match's page."""

    def setUp(self) -> None:
        """Draw a match with a divergence."""
        logs = [peerLog(data) for data in loggedDuel(120, corrupt_at=73)]
        parts = {"players": bytes(48), "gems": b"g" * 96}
        other = {**parts, "players": bytes(16) + b"\x01" + bytes(31)}
        states = compareStates(73, ("player 1", "player 2"), (parts, other))
        self.page = drawPage(inspection(*logs, states=[states]))
        self.outline = Outline(self.page.decode())

    def test_facts(self) -> None:
        """Done when: the first divergence marked, with its part and both values, as text."""
        text = self.outline.text
        self.assertIn("First divergence: frame 73: equal inputs led to different states.", text)
        self.assertIn("part 'players', byte 16 of 48: player 1 00, player 2 01", text)
        self.assertIn("▼ 73 differs", text)
        self.assertIn("The states after frame 73, side by side", text)
        self.assertIn("gems 96 bytes equal", text)
        for label in ("rollbacks", "deepest", "stalled ticks", "mispredicted", "checksum"):
            self.assertIn(label, text)

    def test_marked(self) -> None:
        """Both sides' differing bytes are marked, and no others."""
        page = self.page.decode()
        table = page[page.index('class="bytes"') :].split("</table>")[0]
        self.assertEqual(re.findall(r"<b>(..)</b>", table), ["00", "01"])

    def test_drawn(self) -> None:
        """Done when: per frame and peer: known, predicted, wrong, going back, checksums."""
        kinds = [values.get("class") for name, values in self.outline.elements if name == "path"]
        for kind in ("known", "predicted", "missed", "back", "equal", "differ", "mark", "depth"):
            self.assertIn(kind, kinds)
        stalled = [peerLog(data) for data in loggedDuel(60, link=Link(blackout=(20, 20)))]
        outline = outlineOf(inspection(*stalled))
        self.assertIn("stall", [values.get("class") for _, values in outline.elements])

    def test_selfContained(self) -> None:
        """Nothing is fetched: no address, no link out, and a policy that forbids it."""
        page = self.page.decode()
        for name, values in self.outline.elements:
            self.assertNotIn(name, ("img", "link", "iframe", "object", "embed", "base", "form"))
            for attribute in ("src", "srcset", "action", "data", "xlink:href", "style"):
                self.assertNotIn(attribute, values)
            self.assertTrue(values.get("href", "#") and values.get("href", "#")[0] == "#")  # type: ignore[index]
            self.assertEqual([key for key in values if key.startswith("on")], [])
        self.assertNotRegex(page, r"(?i)https?:|url\(|@import|//[a-z]")
        (policy,) = [
            values["content"]
            for _, values in self.outline.elements
            if values.get("http-equiv") == "Content-Security-Policy"
        ]
        assert policy is not None
        self.assertTrue(policy.startswith("default-src 'none';"))
        self.assertNotIn("unsafe", policy)
        for kind in ("style", "script"):
            digest = b64encode(sha256(self.outline.code[kind].encode()).digest()).decode()
            self.assertIn(f"{kind}-src 'sha256-{digest}'", policy)

    def test_reachable(self) -> None:
        """What scrolls can be reached by keyboard, and what is drawn has a name."""
        for _, values in self.outline.elements:
            kinds = (values.get("class") or "").split()
            if "scroll" in kinds or "wide" in kinds:
                self.assertEqual(values.get("tabindex"), "0")
            if values.get("role") in ("img", "region"):
                self.assertTrue(values.get("aria-label"))
        identifiers = [values["id"] for _, values in self.outline.elements if "id" in values]
        self.assertEqual(len(identifiers), len(dict.fromkeys(identifiers)))

    def test_data(self) -> None:
        """What the script is given is JSON, and what the page shows."""
        data = json.loads(self.outline.code["data"])
        self.assertEqual((data["first"], data["last"], data["focus"]), (0, 119, 73))
        self.assertEqual([peer["label"] for peer in data["peers"]], ["player 1", "player 2"])
        self.assertEqual(len(data["peers"][0]["marks"]), 2)

    def test_sound(self) -> None:
        """A sound match's page says so, and marks nothing."""
        logs = [peerLog(data) for data in loggedDuel(60)]
        outline = outlineOf(inspection(*logs))
        self.assertIn("No divergence in 60 compared frames.", outline.text)
        kinds = [values.get("class") for _, values in outline.elements]
        self.assertNotIn("mark", kinds)

    def test_empty(self) -> None:
        """A log of a match that never got going is shown as well."""
        outline = outlineOf(inspection(PeerLog("a", headerOf())))
        self.assertIn("no frame is in two logs", outline.text)

    def test_inputsDiffer(self) -> None:
        """Different inputs stand in the table, each with whose it is."""
        logs = []
        for player in (1, 2):
            log = PeerLog("a", headerOf(player))
            log.take(FrameRecord(4, (b"\x05", bytes([player])), 7))
            logs.append(log)
        text = outlineOf(inspection(*logs)).text
        self.assertIn("First divergence: frame 4: different inputs of player 2.", text)
        self.assertIn("player 1 01 player 2 02", text)


class HostileTests(SynchronousTestCase):
    """Logs that want to be more than text."""

    def hostile(self, text: str) -> Inspection:
        """A page with C{text} wherever a log can have one."""
        logs = []
        for player in (1, 2):
            log = PeerLog(text, headerOf(player, game=text))
            log.problem = text
            log.take(FrameRecord(0, (b"<", b">"), player))
            log.take(EventRecord(0.0, text, {text: [text]}))
            log.take(NoteRecord(0.0, text))
            logs.append(log)
        parts: list[dict[str, bytes | PartDigest]] = [
            {text: b"1", text + "d": PartDigest(1, 1)}, {text: b"2", text + "=": b""}
        ]
        states = compareStates(0, ("player 1", "player 2"), (parts[0], parts[1]))
        return inspection(*logs, states=[states])

    def test_evil(self) -> None:
        """Bad input: a name that is markup, script, control characters: shown as what it is."""
        usual = [name for name, _ in outlineOf(self.hostile("plain")).elements]
        outline = outlineOf(self.hostile(EVIL))
        self.assertEqual([name for name, _ in outline.elements], usual)
        self.assertIn("<img src=x onerror=alert(1)>", outline.text)
        page = drawPage(self.hostile(EVIL))
        for sign in (b"\x00", b"\x1b", "\u202e".encode(), b"<img", b"<!--"):
            self.assertNotIn(sign, page)

    @given(st.text(min_size=1, max_size=30))
    @settings(deadline=None, max_examples=40)
    def test_anyText(self, text: str) -> None:
        """Bad input: no text changes what elements the page has."""
        usual = [name for name, _ in outlineOf(self.hostile("plain")).elements]
        self.assertEqual([name for name, _ in outlineOf(self.hostile(text)).elements], usual)

    def test_manyEvents(self) -> None:
        """Bounded: of many events the first are listed, and how many more there are."""
        log = PeerLog("a", headerOf())
        for number in range(1000):
            log.take(EventRecord(0.0, f"event{number}", {"long": "x" * 5000}))
        text = outlineOf(inspection(log)).text
        self.assertIn(f"event{EVENTS_SHOWN - 1}", text)
        self.assertNotIn(f"event{EVENTS_SHOWN} ", text)
        self.assertIn("and 800 more", text)
        self.assertLess(len(text), 120_000)

    def test_bigStates(self) -> None:
        """Bounded: of long states the rows that differ are shown, so many and no more."""
        one = {str(number): bytes(1 << 16) for number in range(200)}
        other = dict.fromkeys(one, b"\x01" * (1 << 16))
        states = compareStates(0, ("player 1", "player 2"), (one, other))
        page = drawPage(inspection(PeerLog("a", headerOf()), states=[states]))
        self.assertLess(len(page), 16 * 2 * 16 * PARTS_SHOWN * ROWS_SHOWN)
        self.assertIn("bytes not shown", Outline(page.decode()).text)

    def test_farFrames(self) -> None:
        """Bad input: frames at both ends of what there may be make a page of bounded size."""
        logs = []
        for player in (1, 2):
            log = PeerLog("a", headerOf(player))
            for frame in (0, 5, (1 << 31) - 2, 1 << 31):
                log.take(TickRecord(0.0, frame, (b"", b""), (1, 1), load=0))
                log.take(FrameRecord(frame, (b"", b""), 1))
            logs.append(log)
        page = drawPage(inspection(*logs))
        self.assertLess(len(page), 2_000_000)


class LongTests(SynchronousTestCase):
    """Matches of many frames."""

    def longLogs(self, frames: int) -> list[PeerLog]:
        """Logs where something happens in every frame."""
        logs = []
        for player in (1, 2):
            log = PeerLog("a", headerOf(player))
            for frame in range(frames):
                played = (b"a", b"%d" % (frame % 3))
                back = frame - 2 if frame > 2 else None
                log.take(TickRecord(0.0, frame, played, (frame, frame), load=back,
                                    replayed=((b"a", b"a"),) * 2 if back else ()))
                log.take(FrameRecord(frame, (b"a", b"b" if frame % 2 else played[1]), 7))
            logs.append(log)
        return logs

    def test_aggregated(self) -> None:
        """Bounded: beyond the limit a column stands for several frames, and the page says so."""
        frames = COLUMNS_LIMIT + 10
        shown = inspection(*self.longLogs(frames))
        page = drawPage(shown)
        self.assertLess(len(page), 8_000_000)
        self.assertIn("each column stands for 2 frames", Outline(page.decode()).text)

    def test_columns(self) -> None:
        """Every frame has a column, and there are no more than allowed."""
        for first, last, limit in ((0, 0, 5), (3, 12, 5), (3, 13, 5), (0, 99, 100), (0, 100, 100)):
            columns = Columns.within(first, last, limit)
            self.assertLessEqual(columns.count, limit)
            self.assertEqual(columns.of(first), 0)
            self.assertEqual(columns.of(last), columns.count - 1)


class MarkupTests(SynchronousTestCase):
    """Elements."""

    def test_escaped(self) -> None:
        """Texts and attributes are escaped, markup is not."""
        self.assertEqual(tag("p", "<&", class_='"x'), '<p class="&quot;x">&lt;&amp;</p>')
        self.assertEqual(joined("<", Markup("<br>")), "&lt;<br>")
        self.assertEqual(tag("input", hidden=True, id=None, x=1.5), '<input hidden x="1.5">')
