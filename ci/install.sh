# shellcheck shell=bash
# Installs what a subcommand needs and this machine lacks. Sourced by ci.sh.

# need_deb PACKAGE...: installs those that are missing.
need_deb() {
    local package missing=()
    if ! command -v dpkg-query >/dev/null; then
        echo "note: not a Debian system; assuming that what Debian calls $* is installed"
        return
    fi
    for package in "$@"; do
        if [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) != 'install ok installed' ]]; then
            missing+=("$package")
        fi
    done
    if [[ ${#missing[@]} -gt 0 ]]; then step "install ${missing[*]}" install_debs "${missing[@]}"; fi
}

# need_cargo PROGRAM VERSION: installs a program from the registry if it is missing.
need_cargo() {
    if ! cargo "${1#cargo-}" --version >/dev/null 2>&1; then
        step "install $1" env -u CARGO_TARGET_DIR cargo install --locked "$1" --version "$2"
    fi
}

# need_cbindgen VERSION: Debian's is too old for this edition of Rust.
need_cbindgen() {
    if [[ $(cbindgen --version 2>/dev/null) != "cbindgen $1" ]]; then
        step 'install cbindgen' env -u CARGO_TARGET_DIR cargo install --locked cbindgen --version "$1"
    fi
}

# Debian starts a server when its package is installed, unless this file says no. Ours is there only meanwhile.
apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
policy=/usr/sbin/policy-rc.d
policy_is_ours=

install_debs() {
    update_lists
    if [[ ! -e $policy ]]; then
        policy_is_ours=1
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    as_root "${apt[@]}" install --no-install-recommends --no-remove "$@"
    remove_policy
}

update_lists() {
    if [[ -z ${lists_are_fresh:-} ]]; then as_root "${apt[@]}" update; fi
    lists_are_fresh=1
}

remove_policy() {
    if [[ -n $policy_is_ours ]]; then as_root rm -f "$policy"; fi
    policy_is_ours=
}

as_root() {
    if [[ $(id -u) -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

# install_files PREFIX: the program and the library, as ./ci.sh install built them.
install_files() {
    install -D -m 755 "$CARGO_TARGET_DIR/release/realpeer" "$1/bin/realpeer"
    install -D -m 644 "$CARGO_TARGET_DIR/preload/release/librealpeer_preload.so" \
        "$1/lib/realpeer/librealpeer_preload.so"
}
