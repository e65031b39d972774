# shellcheck shell=bash
# Checks that take more than one command line. Sourced by ci.sh.

rustfmt_check() {
    cargo fmt --all -- --check
    cargo fmt --manifest-path tests/no-std-probe/Cargo.toml -- --check
    cargo fmt --manifest-path crates/realpeer-preload/Cargo.toml -- --check
    cargo fmt --manifest-path crates/realpeer-ffi/library/Cargo.toml -- --check
    cargo fmt --manifest-path fuzz/Cargo.toml -- --check
    cargo fmt --manifest-path benches/Cargo.toml -- --check
}

# Sanitizers take a nightly compiler, or a stable one that is told to be one. The target is named so that the flags are
# not those of build scripts and macros too.
# Of the library for LD_PRELOAD the parts that are ordinary code. It can't be built with the sanitizer itself: it has no
# runtime, and the program's would have to be there before it. A sanitized server runs with it in `test`.
asan_tests() (
    if cargo +nightly --version >/dev/null 2>&1; then export RUSTUP_TOOLCHAIN=nightly; fi
    export RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address
    export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1
    local options=(--target-dir "$CARGO_TARGET_DIR/asan" --target "$(rustc -vV | sed -n 's/^host: //p')" --no-fail-fast)
    cargo_test "${options[@]}" -p realpeer-tests --test preload -- parts::
    cargo_test "${options[@]}" -p realpeer-proto -p realpeer-io -p realpeer-tests -p realpeer-runtime-tests --lib \
        --test core --test policy --test runtimes -- --skip exhaustive:: --skip differential::
)

core_stands_alone() {
    local tree
    tree=$(cargo tree -p realpeer-proto -e normal)
    printf '%s\n' "$tree"
    [[ $(wc -l <<<"$tree") -eq 1 ]] || die 'realpeer-proto must have no dependency without features'
}

# Each published crate with no feature, with each alone, and with all. Clippy's flags reach only our own crates, so
# the dependencies are not built again.
feature_matrix() {
    cargo hack clippy --quiet --workspace --exclude realpeer-tests --exclude realpeer-examples --each-feature \
        -- -D warnings
}

# A page of each feature that something depends on, and the feature.
docs_name_features() {
    local row page named='Available on <strong>crate features?( and|,| |<code>[a-z-]+</code>)*'
    for row in realpeer/blocking/index:std realpeer/tokio/index:tokio realpeer/smol/index:smol \
        realpeer/async_std/index:async-std realpeer/futures/index:futures-io \
        realpeer/futures/fn.recv_from:async-io \
        realpeer_futures/fn.handshake:async-io realpeer_axum/struct.Listener:tls-listener; do
        page=$CARGO_TARGET_DIR/doc/${row%:*}.html
        grep -qE "$named <code>${row#*:}</code>" "$page" ||
            die "$page does not name the feature ${row#*:}"
        echo "${row%:*}: ${row#*:}"
    done
}

# Readers of the facade's pages depend on the facade: no example there may name another of our crates.
docs_name_the_facade() {
    local named
    mapfile -t pages < <(find "$CARGO_TARGET_DIR/doc/realpeer" -name '*.html' | sort)
    named=$(perl -0777 -ne '
        for (/<pre class="rust rust-example-rendered">(.*?)<\/pre>/gs) {
            $examples++;
            s/<[^>]*>//g;
            print "$ARGV: an example names $1\n" if /\b(realpeer_\w+)(?:::|;| as )/;
        }
        END { print STDERR "$examples examples\n"; exit 1 unless $examples }' "${pages[@]}")
    [[ -z $named ]] || die "$named"
}

# R12 means nothing to a reader without the list: what is published links such numbers to it, or leaves them out.
docs_link_rules() {
    local bare
    mapfile -t pages < <(find "$CARGO_TARGET_DIR"/doc/realpeer{,_*} -name '*.html' -not -path '*/realpeer_tests/*' | sort)
    mapfile -t files < <(git ls-files --cached --others --exclude-standard -- '*.md' ':!docs/spec-checklist.md')
    bare=$(perl -0777 -ne '
        s/<script.*?<\/script>//gs;
        s/<a [^>]*spec-checklist[^>]*>.*?<\/a>//gs;
        s/\[R\d+\]\([^)]*spec-checklist\.md\)//g;
        s/<[^>]*>//g;
        print "$ARGV: $1 without a link to docs/spec-checklist.md\n" while /\b(R\d{1,2})\b/g;' "${pages[@]}" "${files[@]}")
    [[ -z $bare ]] || die "$bare"
    echo "${#pages[@]} pages, ${#files[@]} files"
}
