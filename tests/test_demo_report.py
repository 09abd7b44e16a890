"""
Tests for L{gamenet.demo.report} and L{gamenet.demo.history}.
"""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.demo.aftermath import Aftermath
from gamenet.demo.comparison import compareChecksums
from gamenet.demo.drawing import ticks
from gamenet.demo.history import Mark, PathSpan, PlayerHistory, RoundTrip
from gamenet.demo.report import drawReport
from gamenet.demo.settings import DemoSettings
from gamenet.demo.summary import LinkSummary, PlayerSummary
from gamenet.demo.verdict import judge

__all__ = ["HistoryTests", "ReportTests"]

SVG = "{http://www.w3.org/2000/svg}"

TIMES = st.floats(0, 1000)

HISTORIES = st.builds(
    PlayerHistory,
    st.text(min_size=1, max_size=8, alphabet="aZ<&>\"é'"),
    st.lists(st.builds(RoundTrip, TIMES, st.integers(0, 600), st.none() | st.floats(0, 5))),
    st.lists(st.tuples(TIMES, st.integers(1, 200))).map(sorted),
    st.lists(st.tuples(TIMES, st.sampled_from(["direct", "relay", "none"]))).map(sorted),
)


def draw(
    histories: list[PlayerHistory], asked: DemoSettings | None = None, spoiled: bool = False
) -> ElementTree.Element:
    """Return the picture of a demo, parsed."""
    asked = asked or DemoSettings()
    other = [1] * 200 + [2] * 400 if spoiled else [1] * 600
    comparison = compareChecksums(600, [[1] * 600, other])
    players = [PlayerSummary(number + 1, one.name) for number, one in enumerate(histories)]
    verdict = judge(asked, comparison, players[:2], 0, ())
    return ElementTree.fromstring(drawReport(asked, histories, verdict))


def usual(name: str) -> PlayerHistory:
    """Return ten seconds of play: relayed for the first half, then direct."""
    trips = [RoundTrip(tenth / 10, tenth * 6, 0.08) for tenth in range(101)]
    return PlayerHistory(name, trips, [(1.0, 3), (2.0, 6)], [(0.0, "relay"), (5.0, "direct")])


def texts(picture: ElementTree.Element) -> list[str]:
    """Return everything that is written in a picture."""
    return ["".join(element.itertext()) for element in picture.iter(f"{SVG}text")]


class HistoryTests(SynchronousTestCase):
    """What happened over time."""

    def test_spans(self) -> None:
        """Changes of path become spans without gaps; before the first there was none."""
        history = PlayerHistory(
            "Ada", [RoundTrip(9.0, 5, None)], [], [(1.0, "relay"), (2.0, "relay"), (3.0, "direct")]
        )
        self.assertEqual(
            history.pathSpans(),
            [PathSpan(0.0, 1.0, "none"), PathSpan(1.0, 3.0, "relay"), PathSpan(3.0, 9.0, "direct")],
        )

    @given(HISTORIES)
    @settings(deadline=None, max_examples=100)
    def test_spansCoverEverything(self, history: PlayerHistory) -> None:
        """Whatever happened, the spans reach from the start to the end and touch each other."""
        history.round_trips.sort(key=lambda trip: trip.time)
        spans = history.pathSpans()
        if history.end > 0:
            self.assertEqual((spans[0].start, spans[-1].end), (0.0, history.end))
        for before, after in pairwise(spans):
            self.assertEqual(before.end, after.start)
            self.assertNotEqual(before.kind, after.kind)

    def test_continued(self) -> None:
        """A process that came back goes on where the one before it ended, after a gap."""
        before = PlayerHistory(
            "Ada", [RoundTrip(2.0, 120, 0.08)], [(1.0, 3)], [(0.0, "direct")]
        )
        after = PlayerHistory("Ada", [RoundTrip(1.0, 400, 0.09)], [(0.5, 2)], [(0.25, "relay")])
        whole = before.continued(after, 5.0)
        self.assertEqual(whole.rollbacks, [(1.0, 3), (5.5, 2)])
        self.assertEqual(
            whole.round_trips,
            [RoundTrip(2.0, 120, 0.08), RoundTrip(2.0, 120, None), RoundTrip(6.0, 400, 0.09)],
        )
        self.assertEqual(
            whole.pathSpans(),
            [
                PathSpan(0.0, 2.0, "direct"),
                PathSpan(2.0, 5.25, "none"),
                PathSpan(5.25, 6.0, "relay"),
            ],
        )
        self.assertEqual(before.rollbacks, [(1.0, 3)])

    def test_brokenLine(self) -> None:
        """Where nothing was measured for a while no line is drawn."""
        before = PlayerHistory("Ada", [RoundTrip(1.0, 60, 0.08), RoundTrip(2.0, 120, 0.08)])
        later = PlayerHistory("Ada", [RoundTrip(1.0, 400, 0.09), RoundTrip(2.0, 460, 0.09)])
        picture = draw([before.continued(later, 5.0), PlayerHistory("Grace")])
        curves = [element.attrib["points"] for element in picture.iter(f"{SVG}polyline")]
        self.assertEqual([len(points.split()) for points in curves], [2, 2])

    def test_timeOf(self) -> None:
        """A frame's time lies between the samples around it; one never played has none."""
        history = usual("Ada")
        self.assertEqual(history.timeOf(0), 0.0)
        self.assertEqual(round(history.timeOf(303) or 0, 6), 5.05)
        self.assertIsNone(history.timeOf(606))
        self.assertIsNone(PlayerHistory("Ada").timeOf(0))


class ReportTests(SynchronousTestCase):
    """The picture."""

    @given(st.lists(HISTORIES, min_size=2, max_size=2), st.booleans())
    @settings(deadline=None, max_examples=100)
    def test_wellFormed(self, histories: list[PlayerHistory], spoiled: bool) -> None:
        """Whatever happened, the picture is well-formed and nothing is drawn outside of it."""
        for history in histories:
            history.round_trips.sort(key=lambda trip: trip.time)
        picture = draw(histories, spoiled=spoiled)
        self.assertEqual(picture.tag, f"{SVG}svg")
        _, _, width, height = (float(part) for part in picture.attrib["viewBox"].split())
        for element in picture.iter():
            for key, value in element.attrib.items():
                if key in ("x", "x1", "x2"):
                    self.assertTrue(0 <= float(value) <= width, (element.tag, key, value))
                if key in ("y", "y1", "y2"):
                    self.assertTrue(0 <= float(value) <= height, (element.tag, key, value))
                if key in ("width", "height") and element.tag == f"{SVG}rect" and "%" not in value:
                    self.assertGreaterEqual(float(value), 0)

    def test_labels(self) -> None:
        """There is a title, a heading for every panel, units on the axes, and a legend."""
        words = texts(draw([usual("Ada"), usual("Grace <3")]))
        for wanted in (
            "gamenet demo: 2 players, 600 frames",
            "40 ms one way, 5 % lost, seed 1",
            "Adarollback depth, frames",
            "Grace <3rollback depth, frames",
            "Round tripmilliseconds",
            "seconds since play began",
            "direct path",
            "by relay",
            "no path",
            "2 rollbacks",
            "Ada 80 ms",
        ):
            self.assertIn(wanted, words)

    def test_eightPlayers(self) -> None:
        """
        Eight players have a panel each, and their names at the ends of the lines lie within
        the picture, none on top of another.
        """
        names = DemoSettings(players=8).names
        picture = draw([usual(name) for name in names], DemoSettings(players=8))
        words = texts(picture)
        for name in names:
            self.assertIn(f"{name}rollback depth, frames", words)
        places = [
            float(element.attrib["y"])
            for element in picture.iter(f"{SVG}text")
            if "".join(element.itertext()).endswith(" 80 ms")
        ]
        self.assertEqual(len(places), 8)
        for before, after in pairwise(sorted(places)):
            self.assertGreaterEqual(after - before, 14.9)
        _, _, width, height = (float(part) for part in picture.attrib["viewBox"].split())
        self.assertLess(max(places), height - 50)
        self.assertLess(height, 1.4 * width)

    def test_links(self) -> None:
        """The report shows the way of each link: its round trip, and its kind as a color."""
        names = ("Ada", "Grace", "Alan")
        players = [
            PlayerSummary(
                number,
                name,
                links=tuple(
                    LinkSummary(to, "relay" if number + to == 5 else "direct", number * 0.011)
                    for to in (1, 2, 3)
                    if to != number
                ),
            )
            for number, name in enumerate(names, start=1)
        ]
        asked = DemoSettings(players=3)
        comparison = compareChecksums(600, [[1] * 600] * 3)
        verdict = judge(asked, comparison, players, 0, ())
        before = drawReport(asked, [usual(name) for name in names], judge(
            asked, comparison, [PlayerSummary(1, "A")] * 3, 0, ()
        ))
        picture = ElementTree.fromstring(
            drawReport(asked, [usual(name) for name in names], verdict)
        )
        words = texts(picture)
        self.assertIn("Linksround trip at the end, ms, from the left to the top", words)
        self.assertEqual([words.count(rtt) for rtt in ("11", "22", "33")], [2, 2, 2])
        fills = [element.attrib["fill"] for element in picture.iter(f"{SVG}rect")]
        former = [
            element.attrib["fill"]
            for element in ElementTree.fromstring(before).iter(f"{SVG}rect")
        ]
        self.assertEqual(fills.count("#f0b429") - former.count("#f0b429"), 2)
        self.assertEqual(fills.count("#2fa67a") - former.count("#2fa67a"), 4)

    def test_marks(self) -> None:
        """Who is killed and comes back is a line across the picture, each with its words."""
        asked = DemoSettings()
        histories = [usual("Ada"), usual("Grace")]
        comparison = compareChecksums(600, [[1] * 600] * 2)
        players = [PlayerSummary(number, "A") for number in (1, 2)]
        verdict = judge(asked, comparison, players, 0, ())
        marks = [Mark(2.0, "Ada is killed"), Mark(9.0, "frame 500: Ada plays again")]
        picture = ElementTree.fromstring(drawReport(asked, histories, verdict, marks))
        found = {
            "".join(element.itertext()): element.attrib for element in picture.iter(f"{SVG}text")
        }
        killed, back = (found[mark.text] for mark in marks)
        self.assertEqual((killed["text-anchor"], back["text-anchor"]), ("start", "end"))
        self.assertGreaterEqual(float(back["y"]) - float(killed["y"]), 14)
        self.assertNotIn("Verdictpassed", found)

    def test_verdict(self) -> None:
        """Where somebody was killed all that had to hold is in the picture, cut to its width."""
        asked = DemoSettings(kill_host_at=100)
        comparison = compareChecksums(600, [[1] * 600] * 2)
        players = [PlayerSummary(number, "A") for number in (1, 2)]
        verdict = judge(asked, comparison, players, 0, ("x" * 500,), Aftermath())
        picture = ElementTree.fromstring(drawReport(asked, [usual("A"), usual("B")], verdict))
        words = texts(picture)
        self.assertIn("Verdictfailed", words)
        for check in verdict.checks[:-1]:
            self.assertIn(check.name, words)
            self.assertIn(check.text, words)
        self.assertLess(max(len(one) for one in words), 120)

    def test_data(self) -> None:
        """Every rollback is a bar as high as it was deep, every measurement a point, each
        path a band as long as it lasted."""
        picture = draw([usual("Ada"), usual("Grace")])
        rectangles = [element.attrib for element in picture.iter(f"{SVG}rect")]
        ada = [float(one["height"]) for one in rectangles if one["fill"] == "#2563b8"]
        self.assertEqual(len(ada), 2)
        self.assertEqual(round(ada[1] / ada[0], 2), 2.0)
        direct = [one for one in rectangles if one["fill"] == "#2fa67a"]
        relayed = [one for one in rectangles if one["fill"] == "#f0b429"]
        self.assertEqual((len(direct), len(relayed)), (3, 3))
        self.assertEqual(direct[1]["width"], relayed[1]["width"])
        curves = [element.attrib["points"] for element in picture.iter(f"{SVG}polyline")]
        self.assertEqual([len(points.split()) for points in curves], [101, 101])

    def test_lastMoment(self) -> None:
        """What happens at the very end is drawn within the axes as well."""
        ada = PlayerHistory("Ada", [RoundTrip(10.0, 600, 0.08)], [(10.0, 3)], [])
        picture = draw([ada, usual("Grace")])
        (bar,) = [one.attrib for one in picture.iter(f"{SVG}rect") if one.get("fill") == "#2563b8"]
        ends = [float(one.attrib["x2"]) for one in picture.iter(f"{SVG}line")]
        self.assertLessEqual(float(bar["x"]) + float(bar["width"]), max(ends))

    def test_firstDifference(self) -> None:
        """A corrupted game is marked at the frame in which it differs for the first time."""
        self.assertIn(
            "first difference: frame 200", texts(draw([usual("A"), usual("B")], spoiled=True))
        )
        self.assertFalse(
            [words for words in texts(draw([usual("A"), usual("B")])) if "difference" in words]
        )

    def test_nothingHappened(self) -> None:
        """A demo that failed before play has a picture as well."""
        words = texts(draw([PlayerHistory("Ada"), PlayerHistory("Grace")]))
        self.assertIn("0 rollbacks", words)

    @given(st.floats(1e-6, 1e9))
    @settings(deadline=None, max_examples=200)
    def test_ticks(self, highest: float) -> None:
        """Axes have three to thirteen evenly spaced marks, from 0 to at most the end."""
        marks = ticks(highest)
        self.assertEqual(marks[0], 0)
        self.assertLessEqual(marks[-1], highest * (1 + 1e-6) + 1e-9)
