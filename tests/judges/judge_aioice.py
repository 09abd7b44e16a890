"""
aioice as the judge: its own test-suite, from its source distribution, pointed at our
relay.

The suite is fetched when this runs.  Of its files one is ours: the server that it
starts is replaced by the one that is judged.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from tests.judges.captures import capture
from tests.judges.programs import Said, missing, run
from tests.judges.relays import PASSWORD, USER, Judged, judged, startRelay

_VERSION = "0.13.0"
_HERE = Path(__file__).parent

#: How it is split, to run at the same time, and how many tests there are in each.
_PARTS = {"test_udp": 8, "test_tcp": 5, "test_tls": 5, "test_connect or test_gather": 6}


async def _fetch(folder: Path) -> Path:
    """
    Fetch aioice, with what it needs, and its suite.

    @return: The folder that has C{tests/}.
    """
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
    commands = [
        (*pip, "download", "--no-deps", "--no-binary", ":all:", "-d", ".", f"aioice=={_VERSION}"),
        (*pip, "install", "--target", "site", f"aioice=={_VERSION}"),
    ]
    for said in await gatherResults(
        [Deferred.fromCoroutine(run(120, *command, folder=str(folder))) for command in commands],
        consumeErrors=True,
    ):
        if said.code != 0:
            raise missing(f"aioice {_VERSION} ({said.text[-500:]})")
    shutil.unpack_archive(folder / f"aioice-{_VERSION}.tar.gz", folder, filter="data")
    suite = folder / f"aioice-{_VERSION}"
    shutil.rmtree(suite / "src")
    shutil.copy(_HERE / "aioice_turnserver.py", suite / "tests" / "turnserver.py")
    shutil.copy(_HERE / "aioice_external.py", suite / "tests" / "test_external.py")
    return suite


class AioiceTests(TestCase):
    """Done when: aioice's own suite passes against our relay, over UDP, TCP and TLS."""

    timeout = 240

    async def test_suite(self) -> None:
        """
        Allocations, refreshes, channels, Data indications, refused names and passwords,
        and ICE through them: as many tests as there are, and all pass.
        """
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        suite = await _fetch(folder)
        relay = await startRelay(judged(), self.addCleanup, user=True)
        capturing = await capture(relay.places.folder, self.addCleanup, relay.port)
        parts = await gatherResults(
            [Deferred.fromCoroutine(self.part(suite, relay, part)) for part in _PARTS],
            consumeErrors=True,
        )
        for (part, wanted), said in zip(_PARTS.items(), parts, strict=True):
            passed = re.findall(r"^(\d+) passed(?:, \d+ deselected)? in ", said.text, re.MULTILINE)
            self.assertEqual(passed, [str(wanted)], f"{part}: {said.text}")
        verdict = await capturing.end()
        self.assertEqual(verdict.troubles, [])
        for each in (
            *("Binding success", "Allocate success", "Allocate error", "Refresh success"),
            *("ChannelBind success", "Data indication"),
        ):
            self.assertGreater(verdict.messages[each], 0, (each, verdict))
        self.assertGreater(verdict.channel_data, 10)

    async def part(self, suite: Path, relay: Judged, part: str) -> Said:
        """Run a part of the suite."""
        return await run(
            120,
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no"),
            *("-k", part, "tests/test_external.py"),
            folder=str(suite),
            PYTHONPATH=f"{suite.parent / 'site'}:{suite}",
            JUDGED_PORT=str(relay.port),
            JUDGED_TLS_PORT=str(relay.tls_port),
            JUDGED_CERTIFICATE=str(relay.places.certificate),
            JUDGED_USER=USER,
            JUDGED_PASSWORD=PASSWORD,
        )
