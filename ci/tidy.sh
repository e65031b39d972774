# shellcheck shell=bash
# The rules of the house that no compiler checks. Sourced by ci.sh.

MAX_LINES=450 # of a source file under crates/

tidy_paths() {
    list_files .
    forbid 'a path that exists on one machine only' \
        '(^|[^[:alnum:]_.*/-])/(work|root|home/[a-z]+|Users/[A-Za-z]+)($|[^[:alnum:]_-])' "${files[@]}"
}

# The probe needs one attribute to export its entry point; the benches call a yardstick in C and count allocations.
tidy_unsafe() {
    list_files '*.rs' ':!crates/realpeer-ffi' ':!crates/realpeer-preload' ':!crates/realpeer-run' \
        ':!tests/no-std-probe' ':!benches'
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
    list_files '*Cargo.toml' ':!Cargo.toml' ':!tests/no-std-probe' ':!benches' ':!fuzz' ':!crates/realpeer-ffi' \
        ':!crates/realpeer-run'
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
    # Its programs are compiled as documentation tests. Rustdoc hides these lines, and a forge shows them.
    forbid 'a hidden line in a program of the README' '^# [^#]*[;{}]|^#\[?\]?$|^# (use|fn|async|let|Ok|\}|assert)' README.md
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
