# shellcheck shell=bash
# Runs the fuzz targets and sums up the results. Sourced by ci.sh.

CARGO_FUZZ_VERSION=0.13.2
FUZZ_DEBS=(g++) # libFuzzer is C++

fuzz_for() {
    need_deb "${FUZZ_DEBS[@]}"
    need_cargo cargo-fuzz "$CARGO_FUZZ_VERSION"
    step 'seeds for the fuzz targets' cargo run -p realpeer-tests --bin seed-corpus
    # No unsafe code, so no address sanitizer; without it any compiler will do. Tracing comparisons would cost half the
    # speed, and the mutator and the dictionary know what is compared with.
    step 'fuzz targets' cargo fuzz build --sanitizer none --no-trace-compares
    step "fuzz each target for $1 s" fuzz_targets "$1"
}

# As many at a time as there are cores. What is found stays in fuzz/corpus, for the next run to begin with.
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
    cd fuzz || return
    mkdir -p "corpus/$target" "artifacts/$target"
    nice -n 10 "$CARGO_TARGET_DIR/$host/release/$target" "corpus/$target" "inputs/$target" "seeds/$target" \
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
