# shellcheck shell=bash
# Runs steps under headings, and sums them up at the end. Sourced by ci.sh.

# step NAME COMMAND...: runs it under a heading and notes how long it took. Never call it in a condition: that
# would switch `set -e` off inside.
step() {
    current=$1
    began=$SECONDS
    shift
    printf '\n==> %s\n' "$current"
    if [[ $(type -t "$1") != function ]]; then echo "    $ $*"; fi
    "$@"
    note ok
    current=
}

# Runs cargo test, its output also kept for the count at the end.
cargo_test() {
    cargo test "$@" 2>&1 | tee -a "$test_log"
}

note() { summary+=("$(printf '  %-44s %-6s %5d s' "$current" "$1" $((SECONDS - began)))"); }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Runs at every end: the table, the count of tests, and the name of what failed.
finish() {
    local status=$?
    remove_policy
    if [[ -n $current ]]; then note FAILED; fi
    if [[ ${#summary[@]} -gt 0 ]]; then
        printf '\n==> summary\n'
        printf '%s\n' "${summary[@]}"
        printf '  %-44s %-6s %5d s\n' 'in all' '' "$SECONDS"
    fi
    awk '/^test result: / { passed += $4; failed += $6; skipped += $8; any = 1 }
        END { if (any) printf "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$test_log"
    rm -f "$test_log"
    if [[ $status -ne 0 ]]; then printf '\nfailed: %s\n' "${current:-the command line}" >&2; fi
}

current=
began=0
summary=()
test_log=$(mktemp)
trap finish EXIT
