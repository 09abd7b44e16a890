#!/usr/bin/env bash
# Builds the sdist and the wheel, checks what is in them, and installs gamenet into
# fresh environments, as a wheel and editable: each must show both plugins from
# another directory.  Argument: a folder to work in.
set -euo pipefail
work=$1
cd "$(dirname "$0")/.."
root=$PWD
# What the tests leave beside this under pytest is not of building and installing.
state() { git status --porcelain -- . ':!tests.*'; }
before=$(state)

.venv/bin/python -m build -q --outdir "$work/dist" . >"$work/build.log" 2>&1 \
    || { tail -n 30 "$work/build.log"; exit 1; }
.venv/bin/python .ci/check_contents.py "$work/dist"

lists_plugins() {
    (
        cd "$work"
        "$1/bin/twistd" --help >"$work/help.txt"
        for plugin in gamenet-lobby gamenet-relay; do
            grep -q "$plugin" "$work/help.txt" || { echo "$2: twistd lists no $plugin"; exit 1; }
            "$1/bin/twistd" "$plugin" --help >/dev/null
        done
        "$1/bin/gamenet" --version
    )
}

python3 -m venv "$work/wheel"
"$work/wheel/bin/pip" install -q "$work"/dist/*.whl
"$work/wheel/bin/pip" check
lists_plugins "$work/wheel" wheel
"$work/wheel/bin/pip" uninstall -qy gamenet
(cd "$work" && wheel/bin/twistd --help >"$work/help.txt")
if grep -q gamenet "$work/help.txt"; then
    echo "after the uninstall twistd still lists the plugins"
    exit 1
fi

"$work/wheel/bin/pip" install -q -e .
lists_plugins "$work/wheel" editable
(cd "$work" && wheel/bin/python -c "import gamenet, sys; sys.exit(not gamenet.__file__.startswith('$root'))")

after=$(state)
if [ "$before" != "$after" ]; then
    echo "building and installing left something behind:"
    diff <(echo "$before") <(echo "$after") || true
    exit 1
fi
