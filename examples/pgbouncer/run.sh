#!/usr/bin/env bash
# The whole stack on loopback: psql -> HAProxy (send-proxy-v2) -> two unmodified PgBouncers on one port, started by
# `realpeer run` -> PostgreSQL. Shows that PgBouncer's console, its log and PostgreSQL know the client's address.
#
# usage: run.sh [PREFIX]   where `./ci.sh install PREFIX` has put realpeer; /usr/local unless named
#
# As root, with Debian's haproxy, pgbouncer and postgresql. It touches nothing of theirs but the programs, and leaves
# nothing behind.
set -euo pipefail
realpeer=${1:-/usr/local}/bin/realpeer
postgres=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
PATH=$PATH:/usr/sbin
dir=$(mktemp -d)
pids=()

finish() {
    # PostgreSQL, the first, ends quickly only by SIGINT.
    for pid in "${pids[@]:1}"; do kill "$pid" 2>/dev/null || true; done
    kill -INT "${pids[0]:-$$}" 2>/dev/null || true
    wait
    rm -rf "$dir"
}
trap finish EXIT

start() {
    "$@" >>"$dir/output" 2>&1 &
    pids+=($!)
}

# waits until somebody listens on a port of 127.0.0.1
wait_for() {
    local tries=0
    until (: >"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
        tries=$((tries + 1))
        if [[ $tries -gt 100 ]]; then cat "$dir/output" >&2 && exit 1; fi
        sleep 0.1
    done
}

ask() {
    echo "$ psql -p 5000 ... -c \"$2\""
    "$postgres/psql" -X "postgres://postgres@127.0.0.1:5000/$1?application_name=demo" -c "$2"
}

chmod 755 "$dir"
install -d -o postgres "$dir/data" "$dir/0" "$dir/1"
as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups)
"${as_postgres[@]}" "$postgres/initdb" --no-sync --auth=trust -D "$dir/data" >"$dir/output" 2>&1
start "${as_postgres[@]}" "$postgres/postgres" -D "$dir/data" -h 127.0.0.1 -p 5001 -k "$dir/0" -c fsync=off
wait_for 5001

# Clients are let in by their own address, not by HAProxy's.
echo 'host all all 127.0.0.1/32 trust' >"$dir/hba"
echo '"postgres" ""' >"$dir/users"
# A request to cancel a query is lost if the other process accepts it. From PgBouncer 1.19 on they can pass it on to
# each other: add `peer_id = $((number + 1))` to [pgbouncer], and this section:
#   [peers]
#   1 = host=$dir/0 port=6432
#   2 = host=$dir/1 port=6432
for number in 0 1; do
    cat >"$dir/$number.ini" <<TEXT
[databases]
* = host=127.0.0.1 port=5001
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = 6432
so_reuseport = 1
unix_socket_dir = $dir/$number
logfile = $dir/$number/log
user = postgres
admin_users = postgres
auth_type = hba
auth_hba_file = $dir/hba
auth_file = $dir/users
application_name_add_host = 1
TEXT
    start "$realpeer" run --listen 6432 --trust 127.0.0.99 -- pgbouncer "$dir/$number.ini"
done
wait_for 6432

cat >"$dir/haproxy.cfg" <<TEXT
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen postgresql
    bind 127.0.0.1:5000
    # From an address of its own, so that it can be told from the client.
    server pgbouncer 127.0.0.1:6432 source 127.0.0.99 send-proxy-v2 check
TEXT
start haproxy -db -f "$dir/haproxy.cfg"
wait_for 5000

ask postgres "SELECT current_setting('application_name')"
ask pgbouncer 'SHOW CLIENTS' | cut -c -110
echo "\$ grep 'login attempt' */log"
grep -h 'login attempt' "$dir"/?/log
