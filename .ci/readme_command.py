"""Prints one of the README's two commands, exactly as it stands there: 1 or 2."""

import sys
from pathlib import Path

text = Path(__file__).parent.parent.joinpath("README.rst").read_text(encoding="utf-8")
commands = [line.strip() for line in text.splitlines() if line.startswith("    python3 -m venv ")]
if len(commands) != 2:
    sys.exit(f"the README should print two commands, and prints {len(commands)}")
print(commands[int(sys.argv[1]) - 1])
