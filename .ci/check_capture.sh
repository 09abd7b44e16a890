#!/usr/bin/env bash
# Captures the demo on loopback, direct and relayed, and asks tshark whether anything
# in it is malformed.  Argument: a folder to work in.
set -euo pipefail
work=$1
cd "$(dirname "$0")/.."
capture=$work/demo.pcapng

tshark -q -i lo -f udp -w "$capture" >"$work/tshark.log" 2>&1 &
tshark=$!
trap 'kill $tshark 2>/dev/null || true' EXIT
# It captures once the file is there.
for _ in $(seq 100); do
    [ -s "$capture" ] && break
    kill -0 $tshark 2>/dev/null || { cat "$work/tshark.log"; exit 1; }
    sleep 0.1
done
.venv/bin/gamenet demo --frames 120 >"$work/capture-direct.log" 2>&1 \
    || { cat "$work/capture-direct.log"; exit 1; }
.venv/bin/gamenet demo --frames 120 --relay-only >"$work/capture-relay.log" 2>&1 \
    || { cat "$work/capture-relay.log"; exit 1; }
kill -INT $tshark
wait $tshark || true
trap - EXIT

count() {
    tshark -r "$capture" -Y "$1" -T fields -e frame.number 2>/dev/null | wc -l
}
malformed=$(count _ws.malformed)
stun=$(count 'stun.type')
allocations=$(count 'stun.type == 0x0103')
badly_signed=$(count 'stun.att.crc32.status == 0')
echo "$stun STUN messages, $allocations allocations, $malformed malformed packets," \
    "$badly_signed wrong fingerprints"
if [ "$malformed" -ne 0 ]; then
    tshark -r "$capture" -Y _ws.malformed 2>/dev/null | head -n 20
    exit 1
fi
[ "$stun" -gt 0 ] && [ "$allocations" -ge 2 ] && [ "$badly_signed" -eq 0 ]
