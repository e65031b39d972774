#!/usr/bin/env bash
# Measures everything and puts the tables and charts into docs/performance.md: `benches/run.sh`, about five minutes on
# an idle machine with two CPUs. Needs valgrind, strace, taskset, haproxy, nginx, golang-go and Debian's
# golang-github-pires-go-proxyproto-dev. Servers listen on loopback only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export PATH="$PATH:/usr/sbin:/sbin"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
page=../docs/performance.md
charts=../docs/performance
mkdir -p "$charts"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# Puts what it is given between the two lines of the page that name it.
put() {
    awk -v name="$1" -v file="$2" '
        $0 == "<!-- end " name " -->" { inside = 0 }
        !inside { print }
        $0 == "<!-- " name " -->" {
            inside = 1
            while ((getline line < file) > 0) print line
        }' "$page" >"$out/page"
    cat "$out/page" >"$page"
}

cargo test --quiet --release --test allocations
cargo build --quiet --release --bins
cargo build --quiet --profile lto --bin micro
(cd go && GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$CARGO_TARGET_DIR/go-cache" GOFLAGS='' \
    go build -o "$CARGO_TARGET_DIR/go-server" .)
bin=$CARGO_TARGET_DIR/release

{
    printf -- '- CPU: %s, %s of them\n' "$(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)" "$(nproc)"
    printf -- '- memory: %s GiB\n' "$(awk '/^MemTotal/ { printf "%d", $2 / 1048576 }' /proc/meminfo)"
    printf -- '- Linux %s, %s, %s\n' "$(uname -r)" "$(rustc --version)" "$(cc --version | head -1)"
    printf -- '- load average when it began: %s\n' "$(cut -d' ' -f1-3 /proc/loadavg)"
} >"$out/machine"
put machine "$out/machine"
"$bin/micro" --svg "$charts/core.svg" >"$out/core"
put core "$out/core"
"$CARGO_TARGET_DIR/lto/micro" >"$out/core-lto"
put core-lto "$out/core-lto"
./callgrind.sh release >"$out/instructions"
put instructions "$out/instructions"
"$bin/crc" --svg "$charts/crc32c.svg" >"$out/crc32c"
put crc32c "$out/crc32c"
"$bin/growth" --svg "$charts" >"$out/growth"
put growth "$out/growth"
"$bin/accept" --go "$CARGO_TARGET_DIR/go-server" --svg "$charts/accept.svg" >"$out/accept"
put accept "$out/accept"
