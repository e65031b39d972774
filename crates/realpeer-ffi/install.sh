#!/usr/bin/env bash
# Builds librealpeer and puts it, its header and its pkg-config file below PREFIX: `install.sh PREFIX`.
set -euo pipefail
prefix=$1
cd "$(dirname "${BASH_SOURCE[0]}")"
target=${CARGO_TARGET_DIR:-$PWD/../../target}
# Not what somebody has set for other builds, such as sanitizers.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
cargo build --quiet --locked --release --manifest-path library/Cargo.toml --target-dir "$target"

version=$(sed -n 's/^version = "\(.*\)"/\1/p' library/Cargo.toml)
install -D -m 644 include/realpeer.h "$prefix/include/realpeer.h"
install -D -m 644 "$target/release/librealpeer.a" "$prefix/lib/librealpeer.a"
install -m 644 "$target/release/librealpeer.so" "$prefix/lib/librealpeer.so.$version"
strip --strip-debug "$prefix/lib/librealpeer.a"
strip --strip-unneeded "$prefix/lib/librealpeer.so.$version"
ln -sf "librealpeer.so.$version" "$prefix/lib/librealpeer.so.0"
ln -sf librealpeer.so.0 "$prefix/lib/librealpeer.so"
install -d "$prefix/lib/pkgconfig"
sed "s|@PREFIX@|$prefix|; s|@VERSION@|$version|" realpeer.pc.in >"$prefix/lib/pkgconfig/realpeer.pc"
