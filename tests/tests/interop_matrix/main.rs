//! Who reads what our encoder writes, and whose headers we read: real servers, found out by asking them.
//!
//! Each test starts one server. `the_page` then holds docs/interop.md against what they all said.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod cases;
mod database;
mod mail;
mod page;
mod proxies;
mod receiver;
mod server;
mod web;

/// A test for each receiver, which is started once for all tests; and all of them.
macro_rules! receivers {
    ($($test:ident => $receiver:expr),+ $(,)?) => {
        mod receivers {
            use std::sync::OnceLock;

            use crate::receiver::Row;

            $(pub(crate) fn $test() -> &'static Row {
                static ROW: OnceLock<Row> = OnceLock::new();
                let row = ROW.get_or_init(|| $receiver.try_all());
                row.assert_expected();
                row
            })+

            mod tests {$(
                #[test]
                fn $test() {
                    super::$test();
                }
            )+}

            pub(crate) fn all() -> Vec<&'static Row> {
                vec![$($test()),+]
            }
        }
    };
}

receivers! {
    haproxy => crate::proxies::HAPROXY,
    nginx_http => crate::proxies::NGINX_HTTP,
    nginx_stream => crate::proxies::NGINX_STREAM,
    varnish => crate::proxies::VARNISH,
    apache => crate::web::APACHE,
    lighttpd => crate::web::LIGHTTPD,
    squid => crate::web::SQUID,
    gunicorn => crate::web::GUNICORN,
    postfix => crate::mail::POSTFIX,
    exim => crate::mail::EXIM,
    dovecot => crate::mail::DOVECOT,
    mariadb => crate::database::MARIADB,
}

#[test]
fn the_page() {
    page::check("receivers", &page::receivers(&receivers::all()));
}
