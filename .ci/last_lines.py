"""Passes on what is worth reading of a long test run: what failed, and the end."""

import sys
from collections import deque

lines = deque(sys.stdin, maxlen=400)
failing = [number for number, line in enumerate(lines) if line.startswith("=====")]
shown = list(lines)[failing[0] :] if failing else list(lines)[-6:]
sys.stdout.writelines(shown)
