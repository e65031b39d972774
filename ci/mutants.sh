# shellcheck shell=bash
# Changes the code in one place at a time, to see whether a test notices. Sourced by ci.sh.

CARGO_MUTANTS_VERSION=27.1.0

need_cargo_mutants() {
    need_cargo cargo-mutants "$CARGO_MUTANTS_VERSION"
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
