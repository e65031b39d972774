#!/usr/bin/env bash
# Checks librealpeer from C: `check.sh`, as `./ci.sh ffi` runs it. With `header` it writes include/realpeer.h anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$PWD/../..
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
out=$CARGO_TARGET_DIR/ffi
prefix=$out/prefix
host=$(rustc -vV | sed -n 's/^host: //p')

# Of libc only; the compiler makes calls of those in the second line.
MAY_IMPORT='__errno_location abort clock_gettime getsockname recv strlen
    bcmp memcmp memcpy memmove memset'
WARNINGS=(-Wall -Wextra -Wpedantic -Werror)
C99=(-std=c99 -D_POSIX_C_SOURCE=200809L)
CPP17=(-std=c++17)
SANITIZE=(-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all)
UNDER_VALGRIND='valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite
    --show-leak-kinds=definite'

main() {
    if [[ ${1:-} == header ]]; then
        write_header include/realpeer.h
        return
    fi
    mkdir -p "$out"
    part 'the header is what cbindgen makes of the crate' same_header
    part 'the library is installed' ./install.sh "$prefix"
    part 'the library imports and exports what it may, and can not panic' symbols
    part 'the table of vectors' table
    part 'checks in C99 and C++17, by gcc and clang' checks
    part 'checks under valgrind' valgrind_checks
    part 'checks under the address and undefined behaviour sanitizers' sanitized_checks
    part 'the examples build by make, and as C++' examples
    part 'the examples behind HAProxy' interop plain ''
    part 'the examples under valgrind' interop plain "$UNDER_VALGRIND"
    part 'the examples under sanitizers' interop sanitized ''
    part 'what the library adds to a small program' size_of_library
}

part() {
    local began=$SECONDS
    printf -- '--- %s\n' "$1"
    "${@:2}"
    printf '    %d s\n' $((SECONDS - began))
}

die() {
    echo "error: $*" >&2
    exit 1
}

write_header() {
    cbindgen --quiet --config cbindgen.toml --output "$1" .
}

same_header() {
    write_header "$out/realpeer.h"
    diff -u include/realpeer.h "$out/realpeer.h" || die 'run crates/realpeer-ffi/check.sh header and commit the result'
}

symbols() {
    local library=$CARGO_TARGET_DIR/release/librealpeer.so symbol exports declared
    for symbol in $(nm -D --undefined-only "$library" | awk '$1 == "U" { sub(/@.*/, "", $2); print $2 }'); do
        grep -qw -- "$symbol" <<<"$MAY_IMPORT" || die "the library needs $symbol"
    done
    ! nm "$library" | grep -E 'panicking|unwrap_failed|slice_index' || die 'something in the library can panic'
    exports=$(nm -D --defined-only "$library" | awk '{ print $3 }' | sort)
    declared=$(grep -oE '^[a-z0-9_ ]*[ *]realpeer_[a-z0-9_]+\(' include/realpeer.h | grep -oE 'realpeer_[a-z0-9_]+\(' |
        tr -d '(' | sort)
    diff <(echo "$declared") <(echo "$exports") || die 'declared and exported are not the same'
    echo "    $(wc -l <<<"$exports") functions"
}

table() {
    cargo run --quiet --manifest-path "$root/Cargo.toml" -p realpeer-tests --bin c-vectors >"$out/vectors.h.new"
    mv "$out/vectors.h.new" "$out/vectors.h"
}

# compile COMPILER OUTPUT LIBRARY ARGUMENT...: by the compiler's name as C99 or as C++17.
compile() {
    local compiler=$1 output=$2 library=$3 language=(-x c "${C99[@]}")
    if [[ $compiler == *++ ]]; then language=(-x c++ "${CPP17[@]}"); fi
    "$compiler" "${language[@]}" "${WARNINGS[@]}" -g -O1 -Iinclude -I"$out" "${@:4}" -x none "$library" -pthread \
        -o "$output"
}

checks() {
    local compiler library
    for compiler in gcc g++ clang clang++; do
        compile "$compiler" "$out/check-$compiler" "$prefix/lib/librealpeer.a" tests/c/*.c
        "$out/check-$compiler" >"$out/check.log" || die "$compiler: $(cat "$out/check.log")"
    done
    compile gcc "$out/check-shared" "$prefix/lib/librealpeer.so" tests/c/*.c
    LD_LIBRARY_PATH=$prefix/lib "$out/check-shared"
}

valgrind_checks() {
    $UNDER_VALGRIND "$out/check-gcc"
}

# The library's own code is checked too: any compiler has the address sanitizer, if it is told that it is a nightly one.
sanitized_checks() {
    RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo build --quiet --locked --release \
        --manifest-path library/Cargo.toml --target "$host" --target-dir "$out/asan"
    local library=$out/asan/$host/release/librealpeer.a compiler example
    # nm fails for members that have no symbols.
    { nm "$library" 2>/dev/null || true; } | grep __asan_report >/dev/null ||
        die 'the library was built without the sanitizer'
    for compiler in gcc g++ clang clang++; do
        compile "$compiler" "$out/check-sanitized" "$library" "${SANITIZE[@]}" tests/c/*.c
        "$out/check-sanitized" >"$out/check.log" || die "$compiler: $(cat "$out/check.log")"
    done
    mkdir -p "$out/sanitized"
    for example in my_accept my_accept_blocking; do
        compile gcc "$out/sanitized/$example" "$library" "${SANITIZE[@]}" "$root/examples/c/$example.c"
    done
}

examples() {
    local compiler example
    rm -rf "$out/examples"
    cp -r "$root/examples/c" "$out/examples"
    PKG_CONFIG_PATH=$prefix/lib/pkgconfig make --silent -C "$out/examples"
    mkdir -p "$out/plain"
    for example in my_accept my_accept_blocking; do
        for compiler in g++ clang++ clang gcc; do
            compile "$compiler" "$out/plain/$example" "$prefix/lib/librealpeer.a" "$root/examples/c/$example.c"
        done
        LD_LIBRARY_PATH=$prefix/lib ldd "$out/examples/$example" | grep 'librealpeer.so.0 => /' >/dev/null ||
            die "$example is not linked to librealpeer.so.0"
    done
}

# interop DIRECTORY COMMAND: the tests, with the examples that are there, run under the command.
interop() {
    REALPEER_C_EXAMPLES=$out/$1 REALPEER_C_UNDER=$2 cargo test --quiet --manifest-path "$root/Cargo.toml" \
        -p realpeer-tests --features ffi --test interop c_examples::
}

size_of_library() {
    local example=$root/examples/c/my_accept.c with without
    gcc "${C99[@]}" -O2 -Iinclude "$example" -Wl,--gc-sections -s "$prefix/lib/librealpeer.a" -o "$out/static"
    gcc "${C99[@]}" -O2 -Iinclude "$example" -Wl,--gc-sections -s "$prefix/lib/librealpeer.so" -o "$out/shared"
    with=$(stat -c %s "$out/static") without=$(stat -c %s "$out/shared")
    echo "    my_accept, stripped: $with bytes with librealpeer.a within, $without without: $((with - without)) more"
    echo "    librealpeer.so, stripped: $(stat -Lc %s "$prefix/lib/librealpeer.so") bytes"
}

main "$@"
