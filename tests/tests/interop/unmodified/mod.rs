//! Programs that know nothing of PROXY headers see their clients' addresses: each is started under `realpeer run`, given
//! headers of both versions, whole and split, and asked who its client is.
//!
//! `the_page` then holds docs/interop.md against what they all said.

mod databases;
mod languages;
mod launch;
mod mail;
mod page;
mod program;
mod ssh;
mod web;

use crate::page::check;

/// A test for each program, which is started once for all tests; and the results of all of them.
macro_rules! programs {
    ($($test:ident => $program:expr),+ $(,)?) => {
        mod found {
            use std::sync::OnceLock;

            $(pub(crate) fn $test() -> &'static crate::unmodified::program::Row {
                static FOUND: OnceLock<crate::unmodified::program::Row> = OnceLock::new();
                FOUND.get_or_init(|| $program.try_all())
            })+
        }

        $(#[test]
        fn $test() {
            found::$test();
        })+

        fn all() -> Vec<&'static program::Row> {
            vec![$(found::$test()),+]
        }
    };
}

programs! {
    pgbouncer => crate::unmodified::databases::PGBOUNCER,
    pgbouncer_online_restart => crate::unmodified::databases::PGBOUNCER_RESTARTED,
    pgbouncer_trixie => crate::unmodified::databases::PGBOUNCER_TRIXIE,
    postgresql => crate::unmodified::databases::POSTGRESQL,
    redis => crate::unmodified::databases::REDIS,
    memcached => crate::unmodified::databases::MEMCACHED,
    mariadb => crate::unmodified::databases::MARIADB,
    nginx => crate::unmodified::web::NGINX,
    apache_prefork => crate::unmodified::web::APACHE_PREFORK,
    apache_event => crate::unmodified::web::APACHE_EVENT,
    php_fpm => crate::unmodified::web::PHP_FPM,
    php_built_in => crate::unmodified::web::PHP_BUILT_IN,
    sshd => crate::unmodified::ssh::SSHD,
    dovecot => crate::unmodified::mail::DOVECOT,
    exim => crate::unmodified::mail::EXIM,
    java_blocking => crate::unmodified::languages::JAVA_BLOCKING,
    java_nio => crate::unmodified::languages::JAVA_NIO,
    node => crate::unmodified::languages::NODE,
    node_cluster => crate::unmodified::languages::NODE_CLUSTER,
    python_http_server => crate::unmodified::languages::PYTHON_HTTP,
    python_asyncio => crate::unmodified::languages::PYTHON_ASYNCIO,
    python_threads => crate::unmodified::languages::PYTHON_THREADS,
    gunicorn => crate::unmodified::languages::GUNICORN,
    puma => crate::unmodified::languages::PUMA,
    puma_workers => crate::unmodified::languages::PUMA_WORKERS,
}

#[test]
fn the_page() {
    check("unmodified programs", &page::table(&all()));
}
