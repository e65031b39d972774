# shellcheck shell=bash
# Packs every crate that is to be published, and tests what is in the packages. Sourced by ci.sh.

package_dir=$CARGO_TARGET_DIR/package

# cargo packs them in the order in which they can be published. realpeer-preload is a workspace of its own.
pack_crates() {
    local name exclude=()
    for name in $(package_names '!= null'); do exclude+=(--exclude "$name"); done
    rm -rf "$package_dir"
    cargo package --no-verify --allow-dirty --manifest-path crates/realpeer-preload/Cargo.toml \
        --config 'patch.crates-io.realpeer-proto.path="crates/realpeer-proto"'
    cargo package --workspace "${exclude[@]}" --no-verify --allow-dirty \
        --config 'patch.crates-io.realpeer-preload.path="crates/realpeer-preload"'
}

# Side by side, in a workspace where each finds the others as if they came from the registry.
unpack_crates() {
    local crate manifest=$package_dir/unpacked/Cargo.toml
    mkdir -p "$package_dir/unpacked"
    for crate in "$package_dir"/*.crate; do tar -xf "$crate" -C "$package_dir/unpacked"; done
    {
        printf '[workspace]\nresolver = "3"\nmembers = ["*"]\nexclude = ["realpeer-preload-*"]\n\n[patch.crates-io]\n'
        for crate in "$package_dir"/*.crate; do
            crate=$(basename "$crate" .crate)
            printf '%s = { path = "%s" }\n' "${crate%-*}" "$crate"
        done
    } >"$manifest"
    # Left out by cargo, see the manifests: the facade, which the examples of the adapters use.
    grep -l '^realpeer = { path = ' crates/*/Cargo.toml | while read -r crate; do
        crate=$(basename "${crate%/Cargo.toml}")
        printf '\n[dev-dependencies.realpeer]\nversion = "*"\n' >>"$(echo "$package_dir/unpacked/$crate"-[0-9]*/Cargo.toml)"
    done
    cp Cargo.lock "$package_dir/unpacked/"
}

# What people and the registry want to see.
look_into_packages() {
    local dir file key
    for dir in "$package_dir"/unpacked/*/; do
        for file in README.md LICENSE-MIT LICENSE-APACHE; do
            [[ -s $dir$file ]] || die "$(basename "$dir") has no $file"
        done
        for key in description license repository keywords categories readme rust-version; do
            grep -q "^$key = " "$dir/Cargo.toml" || die "$(basename "$dir") doesn't say its $key"
        done
        printf '%-28s %4d files\n' "$(basename "$dir")" "$(find "$dir" -type f | wc -l)"
    done
    for file in $(package_names '== null'); do
        [[ -d $(echo "$package_dir/unpacked/$file"-[0-9]*) ]] || die "$file was not packed"
    done
}

# package_names CONDITION: of the workspace's packages whose `publish` is so.
package_names() {
    cargo metadata --no-deps --format-version 1 | jq -r ".packages[] | select(.publish $1) | .name"
}
