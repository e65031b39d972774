#!/usr/bin/env bash
# Instructions a call, by row and library: `benches/callgrind.sh [PROFILE] [ARGUMENTS OF micro]`, where PROFILE is
# release or lto. The figures repeat on a noisy machine. Needs valgrind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
profile=${1:-release}
shift || true
target=${CARGO_TARGET_DIR:-target}
times=1000
cargo build --quiet --profile "$profile" --bin micro
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# One dump for each case: the function `counted` runs it, and only what is within is counted.
valgrind --quiet --tool=callgrind --collect-atstart=no --toggle-collect=counted --dump-after=counted \
    --callgrind-out-file="$out/dump" "$target/$profile/micro" --counted "$times" "$@" >/dev/null 2>"$out/log" ||
    { cat "$out/log" >&2; exit 1; }
"$target/$profile/micro" --list "$@" >"$out/names"
number=0
while IFS= read -r name; do
    number=$((number + 1))
    counted=$(awk '/^totals:|^summary:/ { print $2; exit }' "$out/dump.$number")
    printf '%s\t%d.%d\n' "$name" $((counted / times)) $((counted % times * 10 / times))
done <"$out/names" >"$out/figures"
"$target/$profile/micro" --report "$out/figures"
