"""
The page of the shared session says what the code does.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from gamenet.wire import log_values
from gamenet.wire.log_commands import COMMANDS
from gamenet.wire.log_election import REPLICA_MESSAGES
from gamenet.wire.log_events import BODIES
from gamenet.wire.log_messages import BATCH_LIMIT, MESSAGE_LIMIT, SNAPSHOT_LIMIT
from gamenet.wire.log_values import LeaveReason, RefusalCode


class SessionPageTests(SynchronousTestCase):
    """Done when: the wire protocol is complete enough to write a client in another language."""

    def setUp(self) -> None:
        """Read the page."""
        self.page = (Path(__file__).parents[1] / "docs" / "session_log.rst").read_text()

    def test_messages(self) -> None:
        """Every message stands in the table with its number."""
        for number, kind in REPLICA_MESSAGES.items():
            self.assertRegex(self.page, rf"(?m)^{number} +``{kind.__name__}`` ")

    def test_bodiesAndCommands(self) -> None:
        """Every body and every command stands in the tables, with its number."""
        for number, kind in BODIES.items():
            self.assertRegex(self.page, rf"(?m)^{number} +{kind.__name__}:")
            self.assertRegex(self.page, rf"(?m)^``{kind.__name__}`` ")
        for number, kind in COMMANDS.items():
            self.assertRegex(self.page, rf"(?m)^{number} .* {kind.__name__}(:|$)")
            self.assertRegex(self.page, rf"(?m)^``{kind.__name__}`` ")

    def test_codes(self) -> None:
        """Every refusal and every reason stands there with its number."""
        for code in (*RefusalCode, *LeaveReason):
            self.assertRegex(self.page, rf"\b{code.value}\s+{code.name}\b")

    def test_limits(self) -> None:
        """The limits are those of the code."""
        for what, limit in (
            ("participants, player numbers", log_values.PARTICIPANTS_LIMIT),
            ("settings", log_values.SETTINGS_LIMIT),
            ("a name", log_values.NAME_LIMIT),
            ("a session's or activity's name", log_values.SESSION_NAME_LIMIT),
            ("a session's or activity's name", log_values.ACTIVITY_NAME_LIMIT),
            ("what is said", log_values.CHAT_LIMIT),
            ("an activity's or custom content", log_values.CONTENT_LIMIT),
            ("a custom event's kind", log_values.KIND_LIMIT),
            ("a setting's key", log_values.KEY_LIMIT),
            ("a setting's value", log_values.VALUE_LIMIT),
            ("epochs in a state", log_values.EPOCHS_LIMIT),
            ("events in a message", BATCH_LIMIT),
        ):
            self.assertRegex(self.page, rf"(?m)^{what} +{limit}\b")
        self.assertIn(f"characters, {log_values.KEY_OCTETS} bytes", self.page)
        self.assertIn(f"characters, {log_values.VALUE_OCTETS} bytes", self.page)
        self.assertRegex(self.page, rf"a message +{MESSAGE_LIMIT // 1000} {MESSAGE_LIMIT % 1000}")
        self.assertRegex(self.page, rf"a snapshot +{SNAPSHOT_LIMIT // 1000} 000 bytes")
