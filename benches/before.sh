#!/usr/bin/env bash
# Times this realpeer and an older one in one process: `benches/before.sh COMMIT [ARGUMENTS OF micro]`, for instance
# `benches/before.sh HEAD~10 --used`. The same code calls both, as long as what it calls has kept its name. Everything is
# built under benches/target/before.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
[[ $# -gt 0 ]] || { sed -n '2,4s/^# //p' before.sh >&2; exit 2; }
commit=$1
shift
root=$(dirname "$PWD")
out=$PWD/target/before
rm -rf "$out/old" "$out/benches"
mkdir -p "$out/old" "$out/benches"
git -C "$root" archive "$commit" Cargo.toml crates/realpeer-proto | tar -x -C "$out/old"
# The workspace has one member, and that has another version: a lock file knows crates by name and version.
awk '/^members = \[/ { print "members = [\"crates/realpeer-proto\"]"; skip = 1 }
    !skip { print }
    /\]/ { skip = 0 }' "$out/old/Cargo.toml" >"$out/old/new"
mv "$out/old/new" "$out/old/Cargo.toml"
sed -i 's/^version.workspace = true/version = "0.0.0"/' "$out/old/crates/realpeer-proto/Cargo.toml"
cp -r src build.rs Cargo.lock "$out/benches"
ln -sfn "$root/crates" "$out/crates" # where build.rs finds realpeer.h
old="realpeer-proto-before = { package = \"realpeer-proto\", path = \"$out/old/crates/realpeer-proto\", features = [\"std\"] }"
awk -v old="$old" -v crates="\"$root/crates" '/^\[/ { skip = /^\[dev-dependencies\]|^\[\[bench\]\]/ }
    skip { next }
    { gsub(/"\.\.\/crates/, crates); print }
    /^\[dependencies\]/ { print old }' Cargo.toml >"$out/benches/Cargo.toml"
RUSTFLAGS='--cfg before' CARGO_TARGET_DIR=$out/target \
    cargo build --quiet --release --bin micro --manifest-path "$out/benches/Cargo.toml"
"$out/target/release/micro" "$@"
