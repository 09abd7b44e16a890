"""
Runs C{gamenet demo} and checks what it prints and how it ends.

C{check_demo.py direct|relay|corrupt|survive [options of the demo]}; to survive, the options
say who is killed and comes back.
"""

import json
import subprocess
import sys
from pathlib import Path

#: How many frames are played unless C{--frames} says otherwise.
FRAMES = 600


def value(options: list[str], name: str) -> int | None:
    """Return the value of an option, C{None} where it is not given."""
    return int(options[options.index(name) + 1]) if name in options else None


def healthy(wanted: str, options: list[str], report: dict) -> list[str]:
    """Return what is wrong with a match in which all was to be well."""
    complaints = []
    players, frames = report["players"], value(options, "--frames") or FRAMES
    gone = "--kill-host-at" in options and "--rejoin-at" not in options
    to_the_end = players[1:] if gone else players
    if report["frames"] != frames or len({one["checksum"] for one in to_the_end}) != 1:
        complaints.append("not every frame is the same")
    path = "relay" if "--relay-only" in options or wanted == "relay" else "direct"
    paths = {player["path"] for player in to_the_end}
    links = {link["kind"] for link in report["paths"] if not gone or link["to"] != 1}
    if paths != {path} or links != {path}:
        complaints.append(f"the paths are {sorted(paths)} and {sorted(links)}")
    if path == "relay" and report["relay_packets"] < frames:
        complaints.append("the relay carried too little")
    if not all(player["rollbacks"] for player in to_the_end):
        complaints.append("no rollbacks")
    return complaints


def survived(options: list[str], report: dict) -> list[str]:
    """Return what is wrong with a match in which somebody was killed."""
    complaints = []
    killed_at, back_at = value(options, "--kill-host-at"), value(options, "--rejoin-at")
    if killed_at is not None:
        if report["drop_frame"] is None or report["drop_frame"] < 1:
            complaints.append(f'"drop_frame": {report["drop_frame"]}')
        if report["new_host"] not in range(2, len(report["players"]) + 1):
            complaints.append(f'"new_host": {report["new_host"]}')
    if back_at is not None:
        rejoined = report["rejoined_at_frame"]
        if rejoined is None or rejoined <= back_at:
            complaints.append(f'"rejoined_at_frame": {rejoined}')
        if not report["state_bytes_received"]:
            complaints.append("no state was received")
    return complaints


def corrupted(options: list[str], report: dict, text: list[str]) -> list[str]:
    """Return what is wrong with a match in which a bit was flipped."""
    complaints = []
    frame = str(value(options, "--corrupt-at"))
    if not any(frame in line for line in text):
        complaints.append(f"frame {frame} is not reported")
    if report["desyncs"] < 1:
        complaints.append("no desync is counted")
    return complaints


def main() -> None:
    """Run, and exit non-zero with the reason if something is not as it should be."""
    wanted, *options = sys.argv[1:]
    command = [str(Path(sys.executable).parent / "gamenet"), "demo", "--json", *options]
    finished = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )
    print(finished.stdout)
    lines = finished.stdout.splitlines()
    report = json.loads(lines[-1])
    corrupt = wanted == "corrupt"
    complaints = []
    if finished.returncode != (1 if corrupt else 0):
        complaints.append(f"exit status {finished.returncode}")
    if report["identical"] is corrupt:
        complaints.append(f'"identical": {report["identical"]}')
    if corrupt:
        complaints += corrupted(options, report, lines[:-1])
    else:
        complaints += healthy(wanted, options, report)
    if wanted == "survive":
        complaints += survived(options, report)
    if complaints:
        print(finished.stderr[-4000:], file=sys.stderr)
        sys.exit("the demo is wrong: " + ", ".join(complaints))


main()
