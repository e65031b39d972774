#!/usr/bin/env bash
# enter.sh COMMAND...: runs a command where target/interop/root is the root directory. This repository, the target
# directory, /tmp and the network are those of the machine. cargo calls it for each test program of `./ci.sh interop`.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
root=$target/interop/root

if [[ ${1:-} != --inside ]]; then
    # A mount namespace of its own: what is mounted here is gone with the command. Some servers only start as root, and
    # then do their work as others.
    namespaces=(--mount --propagation private)
    if [[ $(id -u) -ne 0 ]]; then namespaces+=(--user --map-root-user --map-auto); fi
    unshare "${namespaces[@]}" true || {
        echo 'error: the interop tests need namespaces: be root, or have user namespaces, newuidmap and /etc/subuid' >&2
        exit 1
    }
    exec unshare "${namespaces[@]}" "${BASH_SOURCE[0]}" --inside "$@"
fi
shift

here=$PWD
tmp=${TMPDIR:-/tmp}
cargo=${CARGO_HOME:-$HOME/.cargo}
rustup=${RUSTUP_HOME:-$HOME/.rustup}
mount --bind "$root" "$root"
for dir in /dev /proc /sys; do
    mkdir -p "$root$dir"
    mount --rbind "$dir" "$root$dir"
done
for dir in /tmp "$tmp" "$cargo" "$rustup" "$repository" "$target"; do
    if [[ -d $dir ]]; then
        mkdir -p "$root$dir"
        mount --bind "$dir" "$root$dir"
    fi
done
for file in /etc/hosts /etc/resolv.conf /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
    if [[ -f $file ]]; then
        mkdir -p "$root${file%/*}"
        [[ -e $root$file ]] || : >"$root$file"
        mount --bind "$file" "$root$file"
    fi
done
cd "$root"
pivot_root . .
umount -l .
cd "$here"
export PATH=$cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
exec "$@"
