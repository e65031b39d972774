#!/usr/bin/env bash
# Prints the system calls that `realpeer echo` makes for one accepted connection, on each runtime: a header of
# either version, one line there and back, and the end. Needs strace.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=
scratch=$(mktemp -d)
cleanup() {
    if [[ -n $program ]]; then kill "$program" 2>/dev/null || true; fi
    rm -rf "$scratch"
}
trap cleanup EXIT

main() {
    command -v strace >/dev/null || {
        echo 'error: strace is not installed: apt-get install strace' >&2
        exit 1
    }
    local executable runtime
    executable=$(build)
    for runtime in std tokio smol async-std; do
        trace "$executable" "$runtime" 'version 1' 'PROXY TCP4 192.0.2.10 192.0.2.20 51000 443\r\n'
        trace "$executable" "$runtime" 'version 2' \
            '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x0a\xc0\0\x02\x14\xc7\x38\x01\xbb'
    done
}

# Prints where the program is.
build() {
    cargo build --quiet --package realpeer-cli --message-format json |
        sed -n 's/.*"executable":"\([^"]*\/realpeer\)".*/\1/p'
}

# trace EXECUTABLE RUNTIME NAME HEADER: HEADER is printf's.
trace() {
    local executable=$1 runtime=$2 name=$3 header=$4 strace port before line
    : >"$scratch/stderr" # for grep, which may be quicker than strace
    strace -f -o "$scratch/trace" "$executable" echo --listen 127.0.0.1:0 --trust 127.0.0.1/32 \
        --runtime "$runtime" >"$scratch/stdout" 2>"$scratch/stderr" &
    strace=$!
    wait_for 'the program' grep -q '^listening on ' "$scratch/stderr"
    program=$(<"/proc/$strace/task/$strace/children")
    program=${program%% *}
    port=$(sed -n 's/^listening on .*://p' "$scratch/stderr")
    settle
    before=$(wc -l <"$scratch/trace")

    exec 3<>"/dev/tcp/127.0.0.1/$port"
    # One write, so that it is one segment.
    # shellcheck disable=SC2059 # it is a format on purpose
    printf "$header" >"$scratch/header"
    cat "$scratch/header" >&3
    wait_for 'the report' test -s "$scratch/stdout"
    echo hello >&3
    read -r -t 10 line <&3
    [[ $line == hello ]] || { echo "error: the echo is '$line'" >&2 && exit 1; }
    exec 3>&-
    settle

    echo "=== $runtime, $name: $(<"$scratch/stdout")"
    # The last line may be a call that has not returned yet.
    tail -n "+$((before + 1))" "$scratch/trace" | awk 1 >"$scratch/connection"
    cat "$scratch/connection"
    echo "--- calls:" "$(sed -nE 's/^[0-9]+ +([a-z_0-9]+)\(.*/\1/p' "$scratch/connection" |
        sort | uniq -c | sort -rn | awk '{ printf "%s%d %s", comma, $1, $2; comma = ", " }')"
    echo
    kill -TERM "$program"
    program=
    wait "$strace"
    rm -f "$scratch"/*
}

# Until the trace has not grown for a while.
settle() {
    local last=-1 now=0
    while [[ $now -ne $last ]]; do
        last=$now
        sleep 0.3
        now=$(wc -l <"$scratch/trace")
    done
}

# wait_for WHAT COMMAND...: up to 10 seconds, until the command succeeds.
wait_for() {
    local what=$1 i
    shift
    for ((i = 0; i < 100; i++)); do
        if "$@"; then return; fi
        sleep 0.1
    done
    echo "error: waited in vain for $what" >&2
    cat "$scratch/stderr" >&2
    exit 1
}

main
