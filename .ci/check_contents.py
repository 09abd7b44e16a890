"""Checks what is in the sdist and in the wheel: C{check_contents.py DIST_FOLDER}."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def tracked(*folders: str) -> list[str]:
    """Return the project's own files under C{folders}: tracked, or new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def main() -> None:
    """Check, and exit non-zero with everything that is wrong."""
    folder = Path(sys.argv[1])
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    in_wheel = zipfile.ZipFile(wheel).namelist()
    with tarfile.open(sdist) as archive:
        in_sdist = [name.partition("/")[2] for name in archive.getnames()]
    plugin = "twisted/plugins/gamenet_plugins.py"
    code = [*tracked("gamenet"), plugin]
    wrong = [f"{name} is not in the wheel" for name in code if name not in in_wheel]
    wrong += [
        f"{name} is in the wheel"
        for name in in_wheel
        if name not in code and ".dist-info/" not in name
    ]
    wanted = tracked("gamenet", "tests", "docs", "examples", "newsfragments", "twisted")
    wanted += ["README.rst", "NEWS.rst", "LICENSE", "MANIFEST.in", "pyproject.toml", "setup.cfg"]
    wrong += [f"{name} is not in the sdist" for name in wanted if name not in in_sdist]
    wrong += [
        f"{name} is in a package"
        for name in (*in_wheel, *in_sdist)
        if name.endswith((".pyc", "dropin.cache"))
        or name in ("twisted/__init__.py", "twisted/plugins/__init__.py")
    ]
    for needed in ("gamenet/py.typed", plugin):
        if needed not in in_wheel:
            wrong.append(f"{needed} is not in the wheel")
    if not any(name.endswith("/licenses/LICENSE") for name in in_wheel):
        wrong.append("the license is not in the wheel")
    print(f"{wheel.name}: {len(in_wheel)} files; {sdist.name}: {len(in_sdist)} files")
    if wrong:
        sys.exit("\n".join(wrong))


main()
