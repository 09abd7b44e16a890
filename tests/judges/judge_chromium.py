"""
A browser as the judge: headless Chromium opens data channels that may use nothing but
the relay.

It loads a page of ours from a web server of this process, and the page posts back what
became of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from twisted.web.static import Data

from tests.judges.captures import capture
from tests.judges.programs import Running, program
from tests.judges.relays import OURS, SECRET, judged, startRelay

_PAGE = Path(__file__).with_name("webrtc.html")
_MESSAGES = 100

#: Without them it asks the network for updates, needs a GPU and user namespaces, or
#: refuses a certificate that we signed ourselves.
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--ignore-certificate-errors",
)


class _Told(Resource):
    """Where the page posts what became of it."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.result: Deferred[Any] = Deferred()

    def render_POST(self, request: Request) -> bytes:
        """Take it."""
        assert request.content is not None
        self.result.callback(json.loads(request.content.read()))
        return b""


def _credentials(seconds: int, secret: str = SECRET) -> dict[str, str]:
    """Return ephemeral credentials that expire some seconds from now, made here by hand."""
    username = f"{int(time.time()) + seconds}:player7"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return {"username": username, "credential": base64.b64encode(digest).decode()}


class ChromiumTests(TestCase):
    """
    Done when: headless Chromium opens a data channel through our relay over UDP, TCP and
    TLS with ephemeral credentials, and gets 401 for expired ones.
    """

    timeout = 120

    async def play(self, *cases: Mapping[str, object]) -> list[dict[str, Any]]:
        """Let the browser play the cases, one after the other; return what became of each."""
        chromium = program("chromium", "chromium")
        told = _Told()
        root = Resource()
        root.putChild(b"", Data(_PAGE.read_bytes(), "text/html; charset=utf-8"))
        root.putChild(b"cases", Data(json.dumps(cases).encode(), "application/json"))
        root.putChild(b"result", told)
        site = Site(root)
        port = reactor.listenTCP(0, site, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        browser = Running(
            chromium,
            *(*_OPTIONS, f"--user-data-dir={folder}"),
            f"http://127.0.0.1:{port.getHost().port}/",
            folder=str(folder),
            HOME=str(folder),
        )
        try:
            told.result.addTimeout(90, reactor)  # type: ignore[arg-type]
            return await told.result  # type: ignore[no-any-return]
        except Exception:
            print(browser.output.decode(errors="replace")[-4000:])
            raise
        finally:
            await browser.stop("TERM")

    async def test_dataChannel(self) -> None:
        """
        Over UDP, TCP and TLS all messages come back, the browser's statistics name the
        relay and its transport, and the relay counted what went through; expired
        credentials, and such of another secret, get 401.
        """
        program("chromium", "chromium")
        relay = await startRelay(judged(), self.addCleanup)
        capturing = await capture(relay.places.folder, self.addCleanup, relay.port)
        urls = {
            "udp": f"turn:127.0.0.1:{relay.port}?transport=udp",
            "tcp": f"turn:127.0.0.1:{relay.port}?transport=tcp",
            "tls": f"turns:localhost:{relay.tls_port}?transport=tcp",
        }
        cases = [
            {
                "ice": [{"urls": url, **_credentials(3600)}],
                "messages": _MESSAGES,
                "patience": 15,
            }
            for url in urls.values()
        ]
        refused = [
            {"ice": [{"urls": urls[transport], **credentials}], "messages": 0, "patience": 8}
            for transport in ("udp", "tcp", "tls")
            for credentials in (_credentials(-60), _credentials(3600, "another secret"))
        ]
        results = await self.play(*cases, *refused)
        self.assertIsInstance(results, list, results)
        for transport, result in zip(urls, results, strict=False):
            self.assertTrue(result["open"], (transport, result))
            self.assertGreaterEqual(result["echoed"], _MESSAGES * 0.99, (transport, result))
            self.assertGreaterEqual(len(result["pairs"]), 2, result)
            for pair in result["pairs"]:
                self.assertEqual(
                    (pair["type"], pair["relayProtocol"]), ("relay", transport), result
                )
                self.assertGreater(pair["bytesReceived"], 0, result)
        for result in results[len(cases) :]:
            self.assertFalse(result["open"], result)
            codes = [error["code"] for error in result["errors"]]
            self.assertEqual(codes, [401] * len(codes), result)
            self.assertGreaterEqual(len(codes), 2, result)
        verdict = await capturing.end()
        self.assertEqual(verdict.troubles, [])
        self.assertGreater(verdict.messages["Allocate success"], 2)
        self.assertGreater(verdict.messages["CreatePermission success"], 2)
        if relay.kind == OURS:
            await self.assertCounted(await relay.counters(), len(urls))

    async def assertCounted(self, counters: dict[str, Any], transports: int) -> None:
        """Assert that our counters say the same as the browser."""
        self.assertGreaterEqual(counters["allocations_total"], 2 * transports)
        least = 2 * _MESSAGES * transports
        self.assertGreaterEqual(counters["packets_from_clients"], least)
        self.assertGreaterEqual(counters["packets_to_clients"], least)
        self.assertGreater(counters["refused"]["401"], 0)
