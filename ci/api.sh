# shellcheck shell=bash
# Compares the public API with that of an earlier commit. Sourced by ci.sh.

# Rust libraries that others may depend on. The C API is realpeer.h, which ./ci.sh ffi checks.
API_CRATES=(realpeer-{proto,io,std,tokio,futures,smol,async-std} realpeer realpeer-{axum,tonic})

# api_since COMMIT: prints what was added to the public API since then, and fails if anything is gone or was changed.
api_since() {
    local commit=$1 dir=$CARGO_TARGET_DIR/api crate gone=0
    git rev-parse --verify --quiet "$commit^{commit}" >/dev/null || die "api: there is no commit $commit"
    rm -rf "$dir/source"
    mkdir -p "$dir/source" "$dir/lists"
    git archive "$commit" | tar -x -C "$dir/source"
    for crate in "${API_CRATES[@]}"; do
        list_api "$PWD" "$dir/new" "$crate" >"$dir/lists/$crate.new"
        : >"$dir/lists/$crate.old" # a crate that is new has had no API
        if [[ -d $dir/source/crates/$crate ]]; then
            list_api "$dir/source" "$dir/old" "$crate" >"$dir/lists/$crate.old"
        fi
        printf '%s: %d items\n' "$crate" "$(wc -l <"$dir/lists/$crate.new")"
        diff --unchanged-line-format='' --old-line-format='- %L' --new-line-format='+ %L' \
            "$dir/lists/$crate.old" "$dir/lists/$crate.new" | tee "$dir/lists/$crate.diff" || true
        gone=$((gone + $(grep -c '^-' "$dir/lists/$crate.diff" || true)))
    done
    [[ $gone -eq 0 ]] || die "public items that are gone or were changed since $commit: $gone; say so in CHANGELOG.md"
}

# list_api SOURCE TARGET-DIR CRATE: one item a line, from rustdoc's JSON, for which a stable compiler has to be told that it
# is an unstable one. Two target directories: the JSON of both sources has the same file name.
list_api() (
    export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$2
    cd "$1" || exit
    cargo rustdoc --quiet -p "$3" --lib --all-features -- -Zunstable-options --output-format json
    cargo public-api --rustdoc-json "$2/doc/${3//-/_}.json" --omit blanket-impls
)
