# shellcheck shell=bash
# Changes the code in one place at a time, to see whether a test notices. Sourced by ci.sh.

CARGO_MUTANTS_VERSION=27.1.0
# The facade has no code, and what the other crates have is tested in other ways; realpeer-cli is for those with a night.
MUTATED=(realpeer-proto realpeer-io realpeer-std realpeer-tokio realpeer-futures realpeer-smol realpeer-async-std
    realpeer-axum realpeer-tonic)

# mutants_of_each [PACKAGE]...: of all, if none is named.
mutants_of_each() {
    local package
    [[ $# -gt 0 ]] || set -- "${MUTATED[@]}"
    for package in "$@"; do step "mutants of $package" mutants_of "$package"; done
}

# mutants_of PACKAGE: which tests should notice. The quick ones come first, and the others see what is left. The exhaustive
# tests take too long, and the proof of the grammar does without optimization.
mutants_of() {
    need_cargo cargo-mutants "$CARGO_MUTANTS_VERSION"
    case $1 in
        realpeer-proto)
            mutants "$1" \
                '15 --no-default-features core -- values:: taken:: decisions:: encode:: handshake:: errors:: invariants:: conformance::
                    --skip any_split --skip byte_by_byte_and --skip buffers --skip read_slots --skip to_what_was
                    --skip decoded_encodes --skip each_number --skip r35_to --skip r23_ports --skip point_at --skip r36_r47
                    --skip given_out' \
                '20 lib -- tests:: --skip grammar::' \
                '60 core -- values:: taken:: allocations:: conformance:: corpus:: decisions:: differential::any encode::
                    errors:: invariants:: known_faults:: nothing_lost::an_async --skip byte_by_byte_and' \
                '120 lib --config=profile.mutants.package.realpeer-proto.opt-level=2 -- grammar::' \
                '90 core policy -- --skip grammar:: --skip exhaustive:: --skip nothing_lost::every'
            ;;
        realpeer-io)
            mutants "$1" \
                '15 --no-default-features policy -- --skip unix_names_are_read --skip r13_ --skip trusts_combine --skip host_bits
                    --skip no_text_makes --skip network_of_one' \
                '15 --all-features lib -- tests::' \
                '60 runtimes -- on_tokio_current' \
                '60 policy -- ::' \
                '90 runtimes -- on_compio on_smol on_std std_only tokio_only'
            ;;
        realpeer-std) mutants "$1" '60 runtimes -- on_std std_only' ;;
        realpeer-tokio) mutants "$1" '15 lib -- tests::' '60 runtimes -- on_tokio tokio_only' ;;
        realpeer-futures) mutants "$1" '60 runtimes -- on_futures_io on_smol on_async_std' ;;
        realpeer-smol) mutants "$1" '60 runtimes -- on_smol' ;;
        realpeer-async-std) mutants "$1" '60 runtimes -- on_async_std' ;;
        *) mutants "$1" ;;
    esac
}

# mutants PACKAGE ['SECONDS WHAT... -- FILTER...']...: changes the package's code in one place at a time. Each further
# argument is a pass over what is left: WHAT are test programs of `tests/`, the package's unit tests where it says lib, and
# options of cargo; the filters choose from the tests. Who needs more than so many seconds has been made endless. Without
# any there is one pass, with all of the package's own tests. A change that nobody notices is an error, unless
# .cargo/mutants.toml says why nothing could.
mutants() {
    local package=$1 out=target/mutants-$1 again=() packages seconds what words which
    shift
    rm -rf "$out"
    if [[ $# -eq 0 ]]; then mutants_pass "$package" "$package" --all-features '' --timeout 60; fi
    while [[ $# -gt 0 ]]; do
        read -ra words <<<"${1%% -- *}"
        packages=$package seconds=${words[0]} which=''
        for what in "${words[@]:1}"; do
            case $what in
                --*) which+=" $what" ;;
                lib) which+=' --lib' ;;
                runtimes) packages+=,realpeer-runtime-tests which+=' --test=runtimes' ;;
                *) packages+=,realpeer-tests which+=" --test=$what" ;;
            esac
        done
        mutants_pass "$package" "$packages" "$which" "${1#* -- }" \
            --timeout "$seconds" "${again[@]}"
        # Who never ended has been noticed, and is not waited for again.
        cat "$out/mutants.out/timeout.txt" >>"$out/mutants.out/caught.txt"
        again=(--iterate)
        shift
    done
    [[ ! -s $out/mutants.out/missed.txt ]] || die "see $out/mutants.out/missed.txt"
}

# mutants_pass PACKAGE TESTED WHICH FILTERS ARGUMENT...: WHICH are options of cargo test, FILTERS those of its tests,
# ARGUMENTs those of cargo mutants.
mutants_pass() {
    local package=$1 which filters packages status=0
    IFS=, read -ra packages <<<"$2"
    read -ra which <<<"$3"
    read -rd "" -a filters <<<"$4" || true
    # Without a change they pass.
    cargo test --profile mutants "${packages[@]/#/--package=}" "${which[@]}" -- --test-threads 16 "${filters[@]}"
    # In copies of the tree, as many as there are cores, with target directories of their own.
    env -u CARGO_TARGET_DIR cargo mutants --package "$package" --test-package "$2" --jobs "$(nproc)" \
        --profile mutants --baseline skip --build-timeout 600 --output "target/mutants-$package" "${@:5}" \
        "${which[@]/#/--cargo-arg=}" -- -- --test-threads 16 "${filters[@]}" || status=$?
    # 2: some were missed. 3: some made the tests run forever, which is noticing them, too.
    [[ $status =~ ^[023]$ ]] || die "cargo mutants: $status"
}
