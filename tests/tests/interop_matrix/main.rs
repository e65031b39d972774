//! Who reads what our encoder writes, and whose headers we read: real servers, found out by asking them.
//!
//! Each test starts one server. `the_page` then holds docs/interop.md against what they all said.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod cases;
mod database;
mod dns;
mod mail;
mod page;
mod proxies;
mod receiver;
mod server;
mod web;

/// A test for each receiver, which is started once for all tests; and all of them.
macro_rules! receivers {
    ($over:ident: $($test:ident => $receiver:expr),+ $(,)?) => {
        mod $over {
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
    stream:
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
    dnsdist => crate::dns::DNSDIST_TCP,
    pdns_recursor => crate::dns::RECURSOR_TCP,
    unbound => crate::dns::UNBOUND_TCP,
}

receivers! {
    datagram:
    dnsdist => crate::dns::DNSDIST_UDP,
    pdns_recursor => crate::dns::RECURSOR_UDP,
    unbound => crate::dns::UNBOUND_UDP,
    knot => crate::dns::KNOT,
}

#[test]
fn the_page() {
    page::check("receivers of streams", &page::receivers(&stream::all()));
    page::check("receivers of datagrams", &page::receivers(&datagram::all()));
}
