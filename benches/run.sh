#!/usr/bin/env bash
# Measures and puts the tables and charts into docs/performance.md: `benches/run.sh [PART]...`, where the parts are core,
# crc32c, growth, accept and pgbouncer, and all but the last if none is named. That takes some eight minutes on an idle
# machine with two CPUs, five of them for accept; pgbouncer takes five more. Installs nothing: `./ci.sh bench` does, and
# then runs this. Servers listen on loopback only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export PATH="$PATH:/usr/sbin:/sbin"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
proxyproto=/usr/share/gocode/src/github.com/pires/go-proxyproto
page=../docs/performance.md
charts=../docs/performance
bin=$CARGO_TARGET_DIR/release

main() {
    local part
    if [[ $# -eq 0 ]]; then set -- core crc32c growth accept; fi
    for part in "$@"; do
        case $part in
            core) need cc valgrind ;;
            crc32c | growth) need cc ;;
            accept) need cc valgrind strace taskset haproxy nginx go ;;
            pgbouncer) need unshare ;;
            *) die "no part $part: core, crc32c, growth, accept, pgbouncer" ;;
        esac
    done
    mkdir -p "$charts"
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
    cargo build --quiet --release --bins
    machine >"$out/machine"
    put machine
    for part in "$@"; do "$part"; done
}

machine() {
    printf -- '- CPU: %s, %s of them\n' "$(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)" "$(nproc)"
    printf -- '- memory: %s GiB\n' "$(awk '/^MemTotal/ { printf "%d", $2 / 1048576 }' /proc/meminfo)"
    printf -- '- Linux %s, %s, %s\n' "$(uname -r)" "$(rustc --version)" "$(cc --version | head -1)"
}

core() {
    cargo build --quiet --profile lto --bin micro
    { load && "$bin/micro" --svg "$charts/core.svg" --in-place "$out/core-in-place" \
        --from-c "$out/from-c"; } >"$out/core"
    put core
    put core-in-place
    put from-c
    { load && "$CARGO_TARGET_DIR/lto/micro" --used; } >"$out/core-lto"
    put core-lto
    ./callgrind.sh release --used >"$out/instructions"
    put instructions
    ./callgrind.sh release --row 'from C' >"$out/from-c-instructions"
    put from-c-instructions
}

crc32c() {
    { load && "$bin/crc" --svg "$charts/crc32c.svg"; } >"$out/crc32c"
    put crc32c
}

growth() {
    { load && "$bin/growth" --svg "$charts"; } >"$out/growth"
    put growth
}

accept() {
    [[ -d $proxyproto ]] || die "there is no $proxyproto: Debian's golang-github-pires-go-proxyproto-dev has it"
    (cd go && GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$CARGO_TARGET_DIR/go-cache" GOFLAGS='' \
        go build -o "$CARGO_TARGET_DIR/go-server" .)
    { load && "$bin/accept" --go "$CARGO_TARGET_DIR/go-server" --svg "$charts/accept.svg"; } >"$out/accept"
    put accept
}

# What it needs is in the root that ./ci.sh makes, and in the directory that it names.
pgbouncer() {
    local library
    cargo build --quiet --release --manifest-path ../Cargo.toml -p realpeer-cli
    library=$(../crates/realpeer-preload/build.sh)
    { load && ../ci/enter.sh "$PWD/pgbouncer.sh" "$bin/realpeer" "$library" "$CARGO_TARGET_DIR/bench-debs/usr/bin/go-mmproxy"; } \
        >"$out/pgbouncer"
    put pgbouncer
}

load() {
    printf 'Load average when it began: %s.\n\n' "$(cut -d' ' -f1-3 /proc/loadavg)"
}

# Puts the file of that name between the two lines of the page that name it.
put() {
    awk -v name="$1" -v file="$out/$1" '
        $0 == "<!-- end " name " -->" { inside = 0 }
        !inside { print }
        $0 == "<!-- " name " -->" {
            inside = 1
            while ((getline line < file) > 0) print line
        }' "$page" >"$out/page"
    cat "$out/page" >"$page"
}

need() {
    local program missing=()
    for program in "$@"; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    [[ ${#missing[@]} -eq 0 ]] || die "not installed: ${missing[*]}; ./ci.sh bench installs what is needed"
}

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

main "$@"
