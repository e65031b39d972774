#!/usr/bin/env bash
# Does what the packages' own scripts would have done, as far as the interop tests need it. ci/servers.sh runs it in
# the root of the servers.
set -euo pipefail

cp /usr/share/base-passwd/passwd.master /etc/passwd
cp /usr/share/base-passwd/group.master /etc/group
number=100
for user in Debian-exim dovecot dovenull haproxy messagebus mysql postgres redis sshd vcache; do
    number=$((number + 1))
    echo "$user:x:$number:$number::/nonexistent:/bin/sh" >>/etc/passwd
    echo "$user:x:$number:" >>/etc/group
done
printf 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n' >/etc/nsswitch.conf

# link NAME PROGRAM...: names a program as update-alternatives would, the newest if there are several.
link() {
    [[ -e ${*: -1} ]] || { echo "error: no ${*: -1}" >&2; exit 1; }
    ln -sf "${*: -1}" "/usr/bin/$1"
}
link awk /usr/bin/mawk
link which /usr/bin/which.debianutils
link cc /usr/bin/gcc
link php /usr/bin/php[0-9]*
link php-fpm /usr/sbin/php-fpm[0-9]*
link java /usr/lib/jvm/java-*-openjdk-*/bin/java

# Debian 13's PgBouncer is to load the C library and the others of Debian 13.
link pgbouncer-trixie /opt/trixie/usr/sbin/pgbouncer
interpreter=/opt/trixie$(patchelf --print-interpreter /opt/trixie/usr/sbin/pgbouncer)
libraries=$(dirname "$(realpath "$interpreter")")
patchelf --set-interpreter "$interpreter" --force-rpath --set-rpath "$libraries" /opt/trixie/usr/sbin/pgbouncer

mkdir -p /run/sshd /var/tmp /etc/ssl/certs
ln -sfn /run /var/run
ldconfig
