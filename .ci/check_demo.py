"""
Runs C{gamenet demo} and checks what it prints and how it ends.

C{check_demo.py direct|relay|corrupt [options of the demo]}
"""

import json
import subprocess
import sys
from pathlib import Path

FRAMES = 600


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
        frame = options[options.index("--corrupt-at") + 1]
        if not any(frame in line for line in lines[:-1]):
            complaints.append(f"frame {frame} is not reported")
        if report["desyncs"] < 1:
            complaints.append("no desync is counted")
    else:
        checksums = {player["checksum"] for player in report["players"]}
        paths = {player["path"] for player in report["players"]}
        if report["frames"] != FRAMES or len(checksums) != 1:
            complaints.append("not every frame is the same")
        if paths != {wanted}:
            complaints.append(f"the paths are {sorted(paths)}")
        if wanted == "relay" and report["relay_packets"] < FRAMES:
            complaints.append("the relay carried too little")
        if not all(player["rollbacks"] for player in report["players"]):
            complaints.append("no rollbacks")
    if complaints:
        print(finished.stderr[-4000:], file=sys.stderr)
        sys.exit("the demo is wrong: " + ", ".join(complaints))


main()
