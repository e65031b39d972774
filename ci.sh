#!/usr/bin/env bash
# Every check of this repository. A person runs it, and so does CI, through .ci/run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
exec </dev/null # nothing here may wait for an answer

usage() {
    cat <<'TEXT'
usage: ./ci.sh [SUBCOMMAND]

  all               everything below, cheap to dear; what CI runs, and the default
  quick             the inner loop: rustfmt, clippy, the core's unit tests and the conformance vectors
  fmt               formats the source in place
  tidy              the rules of the house that no compiler checks
  lint              rustfmt, shellcheck, clippy with default and with all features, every feature alone
  nostd             the core depends on nothing; a program without std links and runs
  docs              rustdoc without a warning; examples that a reader can compile; no rule's number without a link
  preload           builds librealpeer_preload.so and checks what it needs and exports
  installed         installs into the target directory and tests what is there, the unit and the container file
  install PREFIX    puts the program, librealpeer_preload.so, librealpeer and realpeer.h in place; not part of all
  ffi               librealpeer from C: header, symbols, every vector at every split, the examples behind HAProxy
  test              unit, conformance, runtime and documentation tests
  benches           the benches' own lints and tests: what allocates nothing
  fuzz              each fuzz target for some seconds
  demo [--haproxy]  the demonstration; with --haproxy a real HAProxy stands between
  interop [ARG]...  tests against real servers, and every example behind one; ARGs are cargo test's
  load              10,000 silent connections, 1,000 dripping ones, 100,000 good and bad ones, on each runtime
  asan              the tests of the core and of all adapters under the address sanitizer, leaks included
  deny              licences, sources and doubles among the dependencies
  api [COMMIT]      what changed in the public API since that commit, or since main; fails if anything is gone or was
                    changed; not part of all
  package           packs the crates that are to be published, unpacks them, builds them and runs their doctests; not
                    part of all
  strace            the system calls of one accepted connection on each runtime; not part of all
  bench [PART]...   measures, and writes docs/performance.md, all or parts of it; not part of all
  fuzz-long SECONDS each fuzz target for so long, as many at a time as there are cores; not part of all
  fuzz-total        sums up all runs of fuzz and fuzz-long here
  mutants [CRATE]... whether the tests notice changes of the code, of these crates or of all that are published; takes
                    hours, not part of all

Debian packages that are missing are installed for lint, tidy, test, fuzz, bench and demo --haproxy (by sudo if you are
not root), and so are cargo-hack for lint, cargo-public-api, cargo-fuzz, cargo-deny and cargo-mutants. The servers of
interop are unpacked in the target directory, and nothing is installed. Servers listen on loopback only; no service is
started.
TEXT
}

CBINDGEN_VERSION=0.29.4
CARGO_DENY_VERSION=0.20.2
CARGO_HACK_VERSION=0.6.46
CARGO_PUBLIC_API_VERSION=0.52.0
BENCH_DEBS=(golang-go golang-github-pires-go-proxyproto-dev haproxy nginx strace util-linux valgrind)
FFI_DEBS=(binutils clang g++ gcc haproxy libclang-rt-dev make pkg-config python3 util-linux valgrind)
HAPROXY_DEBS=(haproxy)

# The programs of Debian's server packages are here, and not on everyone's PATH.
export PATH="$PATH:/usr/sbin:/sbin"
# One target directory, so that the probe's own workspace shares it.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
if [[ -n ${CI:-} ]]; then export CARGO_INCREMENTAL=0; fi

for part in steps install servers checks api package fuzz mutants; do
    # shellcheck source=/dev/null # each is checked by itself
    source "ci/$part.sh"
done

# --- the subcommands ---

ci_all() {
    ci_tidy
    ci_lint
    ci_nostd
    ci_docs
    ci_preload
    ci_test
    ci_ffi
    ci_installed
    ci_benches
    ci_fuzz
    ci_demo
    ci_demo --haproxy
    ci_interop
    ci_load
    ci_asan
    ci_deny
}

ci_quick() {
    step 'rustfmt' rustfmt_check
    step 'clippy, default features' cargo clippy --workspace --all-targets -- -D warnings
    step 'unit tests of the core' cargo_test -p realpeer-proto
    step 'conformance vectors' cargo_test -p realpeer-tests --test core conformance::
}

ci_fmt() {
    step 'format' cargo fmt --all
    step 'format the probe' cargo fmt --manifest-path tests/no-std-probe/Cargo.toml
    step 'format the library for LD_PRELOAD' cargo fmt --manifest-path crates/realpeer-preload/Cargo.toml
    step 'format librealpeer' cargo fmt --manifest-path crates/realpeer-ffi/library/Cargo.toml
    step 'format the fuzz targets' cargo fmt --manifest-path fuzz/Cargo.toml
    step 'format the benches' cargo fmt --manifest-path benches/Cargo.toml
}

ci_tidy() {
    need_deb git
    step 'tidy' cargo_test --quiet -p realpeer-tidy --lib -- --nocapture
}

ci_lint() {
    step 'rustfmt' rustfmt_check
    need_deb shellcheck jq
    step 'shellcheck' shellcheck ci.sh ci/*.sh .ci/run benches/*.sh crates/realpeer-ffi/*.sh crates/realpeer-preload/build.sh \
        examples/pgbouncer/run.sh tests/rustdoc.sh tests/strace.sh
    step 'clippy, default features' cargo clippy --workspace --all-targets -- -D warnings
    step 'clippy, all features' cargo clippy --workspace --all-targets --all-features -- -D warnings
    need_cargo cargo-hack "$CARGO_HACK_VERSION"
    step 'clippy, features one by one' feature_matrix
}

ci_nostd() {
    step 'the core depends on nothing' core_stands_alone
    step 'a program without std links and runs' \
        cargo run --manifest-path tests/no-std-probe/Cargo.toml
}

ci_preload() {
    need_deb binutils gcc iproute2 strace util-linux valgrind # from iproute2 on they are for its tests
    local manifest=(--manifest-path crates/realpeer-preload/Cargo.toml)
    step 'preload: clippy' cargo clippy --quiet --target-dir "$CARGO_TARGET_DIR/preload" "${manifest[@]}" \
        --features hooks --lib -- -D warnings
    step 'preload: the library, and what it needs' crates/realpeer-preload/build.sh
}

ci_ffi() {
    need_deb "${FFI_DEBS[@]}"
    need_cbindgen "$CBINDGEN_VERSION"
    step 'ffi: clippy of the library' cargo clippy --quiet --manifest-path crates/realpeer-ffi/library/Cargo.toml \
        --target-dir "$CARGO_TARGET_DIR/ffi/clippy" -- -D warnings
    step 'ffi: librealpeer from C' crates/realpeer-ffi/check.sh
}

ci_install() {
    [[ $# -eq 1 && $1 == /* ]] || die 'install: to which directory? For example: ./ci.sh install /usr/local'
    step 'the program' cargo build --release -p realpeer-cli
    step 'the library' crates/realpeer-preload/build.sh
    step "install in $1" install_files "$1"
    step 'librealpeer' crates/realpeer-ffi/install.sh "$1"
}

# With the examples that take it from there. No container engine is needed, and systemd only reads the unit.
ci_installed() {
    need_deb gcc systemd util-linux
    local prefix=$CARGO_TARGET_DIR/installed
    rm -rf "$prefix"
    ci_install "$prefix"
    REALPEER_PREFIX="$prefix" step 'tests of what is installed' cargo_test -p realpeer-tests \
        --features installed --test preload -- installed::
}

ci_docs() {
    # Pages of items that are gone stay otherwise; cargo notices that the others are missing.
    rm -rf "$CARGO_TARGET_DIR"/doc/realpeer{,_*}
    # As docs.rs makes it.
    step 'documentation' env RUSTDOC="$PWD/tests/rustdoc.sh" RUSTDOCFLAGS='-Dwarnings --cfg docsrs' \
        cargo doc --workspace --no-deps --all-features
    step 'pages say which feature an item needs' docs_name_features
    step 'examples name what their reader has' docs_name_the_facade
    step 'rules of the specification have a link' docs_link_rules
}

ci_test() {
    step 'tests of the core without std' cargo_test -p realpeer-proto
    step 'tests' cargo_test --workspace --no-fail-fast
    need_deb gcc musl-tools
    # gcc's address sanitizer is for glibc. musl has none of the kernel's headers.
    PRELOAD_CC="musl-gcc -idirafter /usr/include -idirafter /usr/include/$(gcc -print-multiarch)" \
        step 'preload: its tests, with musl' cargo_test --workspace --test preload -- --skip address_sanitizer
    step 'tests of optional features' cargo_test -p realpeer-tokio -p realpeer-axum -p realpeer-cli --all-features
}

ci_demo() {
    case "$*" in
        '') step 'demo' cargo run -p realpeer-cli -- demo ;;
        --haproxy)
            need_deb "${HAPROXY_DEBS[@]}"
            step 'demo behind HAProxy' cargo run -p realpeer-cli -- demo --haproxy
            ;;
        *) die "demo: unknown argument '$*'" ;;
    esac
}

ci_interop() {
    need_servers
    step 'the program for the interop tests' cargo build -p realpeer-cli --features runtimes
    step 'the library for the interop tests' crates/realpeer-preload/build.sh
    step 'examples for the interop tests' cargo build -p realpeer-examples --bins --features frameworks
    # The other tests are those of `test`.
    [[ $# -gt 0 ]] || set -- --lib --test interop
    step 'interop tests' cargo_test -p realpeer-tests --features interop --no-fail-fast "$@"
}

# One after the other: each of them takes the whole machine, and up to 10,000 descriptors a process.
ci_load() {
    step 'load' cargo_test -p realpeer-runtime-tests --features load --test runtimes \
        -- --test-threads=1 --nocapture load::
    step 'load before an unmodified server' cargo_test -p realpeer-tests --features load --test preload \
        -- --nocapture thousands_of_unfinished_headers
}

ci_asan() {
    step 'tests under the address sanitizer' asan_tests
}

ci_deny() {
    need_cargo cargo-deny "$CARGO_DENY_VERSION"
    step 'dependencies' cargo deny --all-features check bans licenses sources
}

ci_api() {
    [[ $# -le 1 ]] || die 'api: since which commit?'
    need_cargo cargo-public-api "$CARGO_PUBLIC_API_VERSION"
    step "the public API since ${1:-main}" api_since "${1:-main}"
}

ci_bench() {
    need_deb "${BENCH_DEBS[@]}"
    if [[ " $* " == *' pgbouncer '* ]]; then
        need_servers
        step 'unpack go-mmproxy' unpack_go_mmproxy
    fi
    step 'measure' benches/run.sh "$@"
}

ci_package() {
    need_deb jq
    step 'pack' pack_crates
    step 'unpack' unpack_crates
    step 'packages are complete' look_into_packages
    step 'build what was packed' cargo check --manifest-path "$CARGO_TARGET_DIR/package/unpacked/Cargo.toml" --workspace
    step 'doctests of what was packed' cargo_test --manifest-path "$CARGO_TARGET_DIR/package/unpacked/Cargo.toml" \
        --workspace --exclude realpeer-preload --all-features --doc
}

unpack_go_mmproxy() {
    local dir=$CARGO_TARGET_DIR/bench-debs
    if [[ -x $dir/usr/bin/go-mmproxy ]]; then return; fi
    mkdir -p "$dir"
    (cd "$dir" && apt-get -q download go-mmproxy && dpkg -x go-mmproxy_*.deb .)
}

ci_strace() {
    need_deb strace
    tests/strace.sh
}

ci_benches() {
    local manifest=(--manifest-path benches/Cargo.toml)
    step 'benches: clippy' cargo clippy "${manifest[@]}" --all-targets -- -D warnings
    step 'benches: tests' cargo_test "${manifest[@]}"
}

ci_fuzz() {
    fuzz_for 10
}

ci_fuzz_long() {
    [[ ${1:-} =~ ^[1-9][0-9]*$ ]] || die 'fuzz-long: how many seconds?'
    fuzz_for "$1"
}

ci_fuzz_total() {
    [[ -f fuzz/totals.tsv ]] || die 'nothing has been fuzzed here'
    fuzz_table fuzz/totals.tsv
}

ci_mutants() {
    mutants_of_each "$@"
}

subcommand=${1:-all}
shift || true
case $subcommand in
    all | quick | fmt | tidy | lint | nostd | ffi | docs | preload | installed | test | benches | fuzz | load | asan | deny \
        | package | strace | fuzz-total)
        [[ $# -eq 0 ]] || die "$subcommand takes no argument"
        "ci_${subcommand//-/_}"
        ;;
    api) ci_api "$@" ;;
    bench) ci_bench "$@" ;;
    install) ci_install "$@" ;;
    interop) ci_interop "$@" ;;
    fuzz-long) ci_fuzz_long "$@" ;;
    mutants) ci_mutants "$@" ;;
    demo) ci_demo "$@" ;;
    help | -h | --help) usage ;;
    *)
        usage >&2
        die "unknown subcommand '$subcommand'"
        ;;
esac
