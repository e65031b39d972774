#!/usr/bin/env bash
# Builds librealpeer_preload.so, checks what it needs of the process that loads it, and prints its path.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

MAX_BYTES=61440
# All of them are in glibc and in musl. The compiler makes calls of those after the second.
MAY_IMPORT='__errno_location environ bcmp memcmp memcpy memmove memset strlen'
EXPORTS='accept accept4 getpeername getsockname'

die() {
    rm -f "${library:-}" # so that nobody uses it
    echo "error: $*" >&2
    exit 1
}

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/../../target}/preload"
# Not what somebody has set for other builds: a library for LD_PRELOAD can't have an address sanitizer in it.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
cargo rustc --quiet --locked --release --features hooks --crate-type cdylib -- \
    -D warnings -C link-arg=-nostartfiles -C link-arg=-nostdlib
library=$CARGO_TARGET_DIR/release/librealpeer_preload.so

for symbol in $(nm -D --undefined-only "$library" | awk '{ print $2 }'); do
    [[ " $MAY_IMPORT " == *" $symbol "* ]] || die "the library needs $symbol (if that is a_panic_path_is_left, something can panic)"
done
exports=$(nm -D --defined-only "$library" | awk '{ print $3 }' | sort | xargs)
[[ $exports == "$EXPORTS" ]] || die "the library exports $exports, and not $EXPORTS"
! readelf -d "$library" | grep NEEDED || die 'the library needs another one'
size=$(stat -c %s "$library")
[[ $size -le $MAX_BYTES ]] || die "the library has $size bytes, more than $MAX_BYTES"
realpath "$library"
