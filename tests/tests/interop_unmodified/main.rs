//! Programs that know nothing of PROXY headers see their clients' addresses: each is started under `realpeer run`, given
//! headers of both versions, whole and split, and asked who its client is.
//!
//! `the_page` then holds docs/interop.md against what they all said.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod databases;
mod languages;
mod launch;
mod mail;
mod page;
mod program;
mod ssh;
mod web;

/// A test for each program, which is started once for all tests; and the results of all of them.
macro_rules! programs {
    ($($test:ident => $program:expr),+ $(,)?) => {
        mod found {
            use std::sync::OnceLock;

            $(pub(crate) fn $test() -> &'static crate::program::Row {
                static FOUND: OnceLock<crate::program::Row> = OnceLock::new();
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
    pgbouncer => crate::databases::PGBOUNCER,
    pgbouncer_online_restart => crate::databases::PGBOUNCER_RESTARTED,
    postgresql => crate::databases::POSTGRESQL,
    redis => crate::databases::REDIS,
    memcached => crate::databases::MEMCACHED,
    mariadb => crate::databases::MARIADB,
    nginx => crate::web::NGINX,
    apache_prefork => crate::web::APACHE_PREFORK,
    apache_event => crate::web::APACHE_EVENT,
    php_fpm => crate::web::PHP_FPM,
    php_built_in => crate::web::PHP_BUILT_IN,
    sshd => crate::ssh::SSHD,
    dovecot => crate::mail::DOVECOT,
    exim => crate::mail::EXIM,
    java_blocking => crate::languages::JAVA_BLOCKING,
    java_nio => crate::languages::JAVA_NIO,
    node => crate::languages::NODE,
    node_cluster => crate::languages::NODE_CLUSTER,
    python_http_server => crate::languages::PYTHON_HTTP,
    python_asyncio => crate::languages::PYTHON_ASYNCIO,
    python_threads => crate::languages::PYTHON_THREADS,
    gunicorn => crate::languages::GUNICORN,
    puma => crate::languages::PUMA,
    puma_workers => crate::languages::PUMA_WORKERS,
}

#[test]
fn the_page() {
    page::check(&page::table(&all()));
}
