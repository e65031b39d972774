#!/usr/bin/env bash
# What `realpeer run` costs PgBouncer: pgbench through HAProxy and PgBouncer to PostgreSQL, without a header, with one and
# the library, and with one and go-mmproxy. Writes tables on stdout, progress on stderr. It takes some six minutes.
#
# usage: pgbouncer.sh REALPEER LIBRARY MMPROXY, as root, with Debian's haproxy, pgbouncer and postgresql. ROUNDS, SECONDS_EACH
# and CLIENTS in the environment change what they say. Everything runs in two network namespaces of its own.
set -euo pipefail

if [[ ${1:-} != --inside ]]; then exec unshare --net "$0" --inside "$@"; fi
shift
realpeer=$1 library=$2 mmproxy=$3
rounds=${ROUNDS:-9} seconds=${SECONDS_EACH:-3} clients=${CLIENTS:-16}
postgres=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
dir=$(mktemp -d)
pids=()

main() {
    trap finish EXIT
    chmod 755 "$dir"
    install -d -o postgres "$dir/data" "$dir/run"
    network
    database
    servers
    compare '-S: the connections stay' "$seconds"
    compare '-S -C: each transaction connects anew' "$seconds" -C
    two_processes
}

finish() {
    local pid
    # PostgreSQL ends quickly only by SIGINT.
    for pid in "${pids[@]}"; do
        if [[ $pid == "${server:-}" ]]; then kill -INT "$pid"; else kill "$pid"; fi 2>/dev/null || true
    done
    wait
    sleep 1.5 # each lot ends a second after its program
    rmdir "${groups[@]}" 2>/dev/null || true
    rm -rf "$dir"
}

# The clients are at 10.9.0.2, in a namespace of their own. go-mmproxy takes their addresses for its connections, and the
# second table brings the answers back to it.
network() {
    ip link set lo up
    unshare --net sleep 3600 &
    client=$!
    pids+=("$client")
    sleep 0.2
    # With each transaction on a connection of its own, ports in TIME-WAIT run out, and looking for others takes longer
    # than the transaction.
    echo 100 >/proc/sys/net/ipv4/tcp_max_tw_buckets
    nsenter --target "$client" --net bash -c 'echo 100 >/proc/sys/net/ipv4/tcp_max_tw_buckets'
    ip link add server type veth peer name client netns "$client"
    ip address add 10.9.0.1/24 dev server
    ip link set server up
    nsenter --target "$client" --net ip address add 10.9.0.2/24 dev client
    nsenter --target "$client" --net ip link set client up
    ip rule add from 127.0.0.1/8 iif lo table 123
    ip route add local 0.0.0.0/0 dev lo table 123
}

# start COMMAND...: in the background, its output in a file.
start() {
    "$@" >>"$dir/log" 2>&1 &
    pids+=($!)
}

as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups)

database() {
    "${as_postgres[@]}" "$postgres/initdb" --no-sync --auth=trust --pgdata "$dir/data" >"$dir/log"
    start "${as_postgres[@]}" "$postgres/postgres" -D "$dir/data" -h 127.0.0.1 -p 5432 -k "$dir/run" \
        -c fsync=off -c max_connections=300
    server=${pids[-1]}
    wait_for 127.0.0.1 5432
    until "${as_postgres[@]}" "$postgres/pgbench" -q -i -s 10 -h 127.0.0.1 -U postgres postgres >>"$dir/log" 2>&1; do sleep 0.2; done
}

# bouncer PORT [NUMBER]: the configuration of a PgBouncer.
bouncer() {
    local file=$dir/$1-${2:-0}.ini
    install -d -o postgres "$dir/$1-${2:-0}"
    cat >"$file" <<TEXT
[databases]
postgres = host=127.0.0.1 port=5432
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $1
unix_socket_dir = $dir/$1-${2:-0}
user = postgres
auth_type = any
auth_file = $dir/users
pool_mode = transaction
default_pool_size = 20
max_client_conn = 500
so_reuseport = 1
log_stats = 0
log_connections = 0
log_disconnections = 0
TEXT
    sed -i 's/^postgres = .*/& user=postgres/' "$file"
    echo "$file"
}

# What goes before a PgBouncer with the library.
by_realpeer() { by=("$realpeer" run --quiet --library "$library" --listen "$1" --trust 127.0.0.1 --); }

servers() {
    echo '"postgres" ""' >"$dir/users"
    start pgbouncer "$(bouncer 6001)"
    by_realpeer 6002
    start "${by[@]}" pgbouncer "$(bouncer 6002)"
    start "$mmproxy" -l 127.0.0.1:6003 -4 127.0.0.1:6001 -v 0
    wait_for 127.0.0.1 6001 6002 6003
    # Each PgBouncer of these has a tenth of a CPU.
    limited 6011 pgbouncer "$(bouncer 6011)"
    limited 6012 pgbouncer "$(bouncer 6012 0)"
    limited 6012 pgbouncer "$(bouncer 6012 1)"
    by_realpeer 6013
    limited 6013 "${by[@]}" pgbouncer "$(bouncer 6013)"
    by_realpeer 6014
    limited 6014 "${by[@]}" pgbouncer "$(bouncer 6014 0)"
    limited 6014 "${by[@]}" pgbouncer "$(bouncer 6014 1)"
    {
        printf 'defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n'
        # name, frontend, PgBouncer or go-mmproxy, what is sent
        while read -r name from to how; do
            printf 'listen %s\n bind 10.9.0.1:%s\n server s 127.0.0.1:%s %s\n' "$name" "$from" "$to" "$how"
        done <<TEXT
none 7001 6001
realpeer 7002 6002 send-proxy-v2
mmproxy 7003 6003 send-proxy-v2
one 7011 6011
two 7012 6012
one-realpeer 7013 6013 send-proxy-v2
two-realpeer 7014 6014 send-proxy-v2
TEXT
    } >"$dir/haproxy.cfg"
    start haproxy -db -f "$dir/haproxy.cfg"
    wait_for 10.9.0.1 7001
}

# wait_for HOST PORT...
wait_for() {
    local host=$1 port tries
    shift
    for port in "$@"; do
        tries=0
        until (: >"/dev/tcp/$host/$port") 2>/dev/null; do
            tries=$((tries + 1))
            [[ $tries -lt 150 ]] || { cat "$dir/log" >&2 && echo "error: nobody listens on $host:$port" >&2 && exit 1; }
            sleep 0.1
        done
    done
}

groups=()
# limited PORT COMMAND...: with at most a tenth of a CPU. Without a control group that can be made, that series is left out.
limited() {
    local port=$1 group
    shift
    if [[ -w /sys/fs/cgroup/cpu/tasks ]]; then
        group=/sys/fs/cgroup/cpu/realpeer-$$-${#groups[@]}
        mkdir "$group"
        echo 20000 >"$group/cpu.cfs_period_us"
        echo 2000 >"$group/cpu.cfs_quota_us"
        groups+=("$group")
        start "${in_group[@]}" "$group/tasks" "$@"
    elif grep -qw cpu /sys/fs/cgroup/cgroup.subtree_control 2>/dev/null && [[ -w /sys/fs/cgroup/cgroup.procs ]]; then
        group=/sys/fs/cgroup/realpeer-$$-${#groups[@]}
        mkdir "$group"
        echo '2000 20000' >"$group/cpu.max"
        groups+=("$group")
        start "${in_group[@]}" "$group/cgroup.procs" "$@"
    else
        return 0
    fi
    wait_for 127.0.0.1 "$port"
}

# shellcheck disable=SC2016 # the inner shell's
in_group=(bash -c 'echo 0 >"$0" && exec "$@"')

# The time that all CPUs together have worked, in ticks of 10 ms.
busy() { awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 }' /proc/stat; }

# measure NAME PORT SECONDS CLIENTS [-C]: a line NAME, transactions a second, microseconds of CPU a transaction.
measure() {
    local name=$1 port=$2 time=$3 count=$4 before after output
    shift 4
    before=$(busy)
    output=$(nsenter --target "$client" --net "$postgres/pgbench" -n -S -c "$count" -j 2 -T "$time" "$@" \
        -h 10.9.0.1 -p "$port" -U postgres postgres 2>>"$dir/log") || { cat "$dir/log" >&2; exit 1; }
    after=$(busy)
    awk -v name="$name" -v ticks=$((after - before)) '
        /^number of transactions actually processed/ { done = $NF }
        /^tps = / { tps = $3 }
        END { printf "%s %.0f %.2f\n", name, tps, ticks * 10000 / done }' <<<"$output"
}

# compare TITLE SECONDS [-C]: all three ways in turn, round after round, every second one backwards: who comes after whom
# makes a difference of its own.
compare() {
    local title=$1 time=$2 ways=(none:7001 realpeer:7002 mmproxy:7003) round n way
    shift 2
    for ((round = 0; round < rounds; round++)); do
        echo "$title: round $((round + 1)) of $rounds" >&2
        for n in 0 1 2; do
            way=${ways[round % 2 ? 2 - n : n]}
            measure "${way%:*}" "${way#*:}" "$time" "$clients" "$@"
        done
    done >"$dir/results"
    printf '\n**pgbench %s, %s clients, %s rounds of %s s**\n\n' "$title" "$clients" "$rounds" "$time"
    echo '| | transactions a second | CPU a transaction, us | CPU against none, by round: median (quartiles) |'
    echo '|---|--:|--:|--:|'
    row none 'no header, no library'
    row realpeer "header, \`realpeer run\`"
    row mmproxy 'header, go-mmproxy'
}

row() {
    local name=$1 ratios
    ratios=$(awk -v name="$name" '$1 == "none" { base[++bases] = $3 } $1 == name { value[++values] = $3 }
        END { for (round in value) print 100 * value[round] / base[round] - 100 }' "$dir/results" | sort -g |
        awk '{ v[NR] = $1 } END { printf "%+.1f %% (%+.1f to %+.1f)", at(.5), at(.25), at(.75) }
            function at(q) { return v[int(1 + q * (NR - 1) + .5)] }')
    [[ $name != none ]] || ratios=
    printf '| %s | %s | %s | %s |\n' "$2" "$(median "$name" 2)" "$(median "$name" 3)" "$ratios"
}

median() {
    awk -v name="$1" -v field="$2" '$1 == name { print $field }' "$dir/results" | sort -g |
        awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

two_processes() {
    local round
    if [[ ${#groups[@]} -eq 0 ]]; then
        printf '\nOne PgBouncer against two is not measured: no control group could be made here.\n'
        return
    fi
    for ((round = 0; round < 5; round++)); do
        echo "one against two: round $((round + 1)) of 5" >&2
        measure one 7011 "$seconds" 32
        measure two 7012 "$seconds" 32
        measure one-realpeer 7013 "$seconds" 32
        measure two-realpeer 7014 "$seconds" 32
    done >"$dir/results"
    printf '\n**One PgBouncer against two on one port, each with a tenth of a CPU: pgbench -S, 32 clients, 5 rounds of %s s**\n\n' "$seconds"
    echo '| transactions a second | one | two |'
    echo '|---|--:|--:|'
    echo "| no header, no library | $(median one 2) | $(median two 2) |"
    echo "| header, \`realpeer run\` | $(median one-realpeer 2) | $(median two-realpeer 2) |"
}

main
