"""Tests of L{gamenet.operation.reloadable}: how much an operator's files may hold."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from gamenet.operation import reloadable
from gamenet.operation.reloadable import ReloadableSources
from gamenet.relay.credentials import USERS_LIMIT


class LimitTests(SynchronousTestCase):
    """A23: files of operators are bounded, and a refusal names the option and the file."""

    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        self.path = folder / "file"
        self.path.touch(mode=0o600)

    def refusal(self, sources: ReloadableSources) -> str:
        """Return why the file is refused; it is named."""
        text = str(self.assertRaises(UsageError, sources.read, {}))
        self.assertIn(str(self.path), text)
        return text

    def test_users(self) -> None:
        """A23: USERS_LIMIT users are taken, and one more is refused."""
        sources = ReloadableSources(users_file=str(self.path))
        lines = [f"user{number}:password\n" for number in range(USERS_LIMIT + 1)]
        self.path.write_text("".join(lines[:-1]))
        self.assertEqual(len(sources.read({}).users), USERS_LIMIT)
        self.path.write_text("".join(lines))
        text = self.refusal(sources)
        self.assertTrue(text.startswith("--users-file: "), text)
        self.assertIn("more than 10000 users", text)

    def test_bytes(self) -> None:
        """A23: a file of _FILE_LIMIT bytes is taken, one of a byte more refused."""
        limit = reloadable._FILE_LIMIT
        self.assertEqual(limit, 4_194_304)
        rule = "192.0.2.0/24\n"
        sources = ReloadableSources(deny_file=str(self.path))
        self.path.write_text(rule + "#" * (limit - len(rule)))
        self.assertEqual(sources.read({}).deny_peer, ("192.0.2.0/24",))
        self.path.write_text(rule + "#" * (limit - len(rule) + 1))
        text = self.refusal(sources)
        self.assertTrue(text.startswith("--deny-peer-file: "), text)
        self.assertIn("more than 4194304 bytes", text)

    def test_withoutEnd(self) -> None:
        """A23: what has no end (a device) is not read to its end."""
        self.path = Path(os.devnull).with_name("zero")
        if not self.path.exists():
            self.skipTest("no /dev/zero")
        self.assertIn("more than", self.refusal(ReloadableSources(deny_file=str(self.path))))

    def test_longNames(self) -> None:
        """A23: 508 bytes of name (RFC 8489, 14.3) and 1024 of password, and no more."""
        sources = ReloadableSources(users_file=str(self.path))
        for name, password, good in [
            ("n" * 508, "p" * 1024, True),
            ("n" * 509, "p", False),
            ("n", "p" * 1025, False),
            ("\u00e9" * 254, "p", True),
            ("\u00e9" * 255, "p", False),
        ]:
            self.path.write_text(f"{name}:{password}\n")
            if good:
                self.assertEqual(sources.read({}).users, ((name, password),))
            else:
                self.assertIn("line 1", self.refusal(sources))
