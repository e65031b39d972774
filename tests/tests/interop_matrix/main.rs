//! Who reads what our encoder writes, and whose headers we read: real servers, found out by asking them.
//!
//! Each test starts one server. `the_page` then holds docs/interop.md against what they all said.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod cases;
mod clients;
mod database;
mod dns;
mod envoy;
mod forwarders;
mod mail;
mod page;
mod proxies;
mod receiver;
mod sender;
mod web;

/// A test for each program, which is started once for all tests; and the results of all of them.
macro_rules! programs {
    ($role:ident of $result:ty: $($test:ident => $found:expr),+ $(,)?) => {
        mod $role {
            use std::sync::OnceLock;

            $(pub(crate) fn $test() -> &'static $result {
                static FOUND: OnceLock<$result> = OnceLock::new();
                FOUND.get_or_init(|| $found)
            })+

            mod tests {$(
                #[test]
                fn $test() {
                    super::$test();
                }
            )+}

            pub(crate) fn all() -> Vec<&'static $result> {
                vec![$($test()),+]
            }
        }
    };
}

programs! {
    stream_receivers of crate::receiver::Row:
    haproxy => crate::proxies::HAPROXY.try_all(),
    haproxy_2_8 => crate::proxies::HAPROXY_2_8.try_all(),
    nginx_http => crate::proxies::NGINX_HTTP.try_all(),
    nginx_http_1_31 => crate::proxies::NGINX_HTTP_1_31.try_all(),
    nginx_stream => crate::proxies::NGINX_STREAM.try_all(),
    nginx_stream_1_31 => crate::proxies::NGINX_STREAM_1_31.try_all(),
    envoy => crate::envoy::ENVOY.try_all(),
    varnish => crate::proxies::VARNISH.try_all(),
    caddy => crate::web::CADDY.try_all(),
    apache => crate::web::APACHE.try_all(),
    lighttpd => crate::web::LIGHTTPD.try_all(),
    h2o => crate::web::H2O.try_all(),
    squid => crate::web::SQUID.try_all(),
    gunicorn => crate::web::GUNICORN.try_all(),
    postfix => crate::mail::POSTFIX.try_all(),
    exim => crate::mail::EXIM.try_all(),
    dovecot => crate::mail::DOVECOT.try_all(),
    mariadb => crate::database::MARIADB.try_all(),
    dnsdist => crate::dns::DNSDIST_TCP.try_all(),
    pdns_recursor => crate::dns::RECURSOR_TCP.try_all(),
    unbound => crate::dns::UNBOUND_TCP.try_all(),
}

programs! {
    datagram_receivers of crate::receiver::Row:
    dnsdist => crate::dns::DNSDIST_UDP.try_all(),
    pdns_recursor => crate::dns::RECURSOR_UDP.try_all(),
    unbound => crate::dns::UNBOUND_UDP.try_all(),
    knot => crate::dns::KNOT.try_all(),
}

programs! {
    senders of crate::sender::Sender:
    haproxy => crate::forwarders::haproxy(crate::forwarders::HAPROXY),
    haproxy_2_8 => crate::forwarders::haproxy(crate::forwarders::HAPROXY_2_8),
    nginx => crate::forwarders::nginx(crate::forwarders::NGINX),
    nginx_1_31 => crate::forwarders::nginx(crate::forwarders::NGINX_1_31),
    envoy => crate::envoy::envoy(),
    hitch => crate::forwarders::hitch(),
    stunnel => crate::forwarders::stunnel(),
    varnish => crate::forwarders::varnish(),
    caddy => crate::forwarders::caddy(),
    curl => crate::clients::curl(),
    libcurl => crate::clients::libcurl(),
    swaks => crate::clients::swaks(),
    python => crate::clients::python(),
    kdig => crate::clients::kdig(),
    sdig => crate::clients::sdig(),
    dnsdist => crate::clients::dnsdist(),
}

#[test]
fn the_page() {
    page::check("senders", &page::senders(&senders::all()));
    page::check("receivers of streams", &page::receivers(&stream_receivers::all()));
    page::check("receivers of datagrams", &page::receivers(&datagram_receivers::all()));
}
