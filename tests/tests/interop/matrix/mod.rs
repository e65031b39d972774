//! Who reads what our encoder writes, and whose headers we read: real servers, found out by asking them.
//!
//! Each test starts one server. `the_page` then holds docs/interop.md against what they all said.

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

use crate::page::check;

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
    stream_receivers of crate::matrix::receiver::Row:
    haproxy => crate::matrix::proxies::HAPROXY.try_all(),
    haproxy_2_8 => crate::matrix::proxies::HAPROXY_2_8.try_all(),
    nginx_http => crate::matrix::proxies::NGINX_HTTP.try_all(),
    nginx_http_1_31 => crate::matrix::proxies::NGINX_HTTP_1_31.try_all(),
    nginx_stream => crate::matrix::proxies::NGINX_STREAM.try_all(),
    nginx_stream_1_31 => crate::matrix::proxies::NGINX_STREAM_1_31.try_all(),
    envoy => crate::matrix::envoy::ENVOY.try_all(),
    varnish => crate::matrix::proxies::VARNISH.try_all(),
    caddy => crate::matrix::web::CADDY.try_all(),
    apache => crate::matrix::web::APACHE.try_all(),
    lighttpd => crate::matrix::web::LIGHTTPD.try_all(),
    h2o => crate::matrix::web::H2O.try_all(),
    squid => crate::matrix::web::SQUID.try_all(),
    gunicorn => crate::matrix::web::GUNICORN.try_all(),
    postfix => crate::matrix::mail::POSTFIX.try_all(),
    exim => crate::matrix::mail::EXIM.try_all(),
    dovecot => crate::matrix::mail::DOVECOT.try_all(),
    mariadb => crate::matrix::database::MARIADB.try_all(),
    dnsdist => crate::matrix::dns::DNSDIST_TCP.try_all(),
    pdns_recursor => crate::matrix::dns::RECURSOR_TCP.try_all(),
    unbound => crate::matrix::dns::UNBOUND_TCP.try_all(),
}

programs! {
    datagram_receivers of crate::matrix::receiver::Row:
    dnsdist => crate::matrix::dns::DNSDIST_UDP.try_all(),
    pdns_recursor => crate::matrix::dns::RECURSOR_UDP.try_all(),
    unbound => crate::matrix::dns::UNBOUND_UDP.try_all(),
    knot => crate::matrix::dns::KNOT.try_all(),
}

programs! {
    senders of crate::matrix::sender::Sender:
    haproxy => crate::matrix::forwarders::haproxy(crate::matrix::forwarders::HAPROXY),
    haproxy_2_8 => crate::matrix::forwarders::haproxy(crate::matrix::forwarders::HAPROXY_2_8),
    nginx => crate::matrix::forwarders::nginx(crate::matrix::forwarders::NGINX),
    nginx_1_31 => crate::matrix::forwarders::nginx(crate::matrix::forwarders::NGINX_1_31),
    envoy => crate::matrix::envoy::envoy(),
    hitch => crate::matrix::forwarders::hitch(),
    stunnel => crate::matrix::forwarders::stunnel(),
    varnish => crate::matrix::forwarders::varnish(),
    caddy => crate::matrix::forwarders::caddy(),
    curl => crate::matrix::clients::curl(),
    libcurl => crate::matrix::clients::libcurl(),
    swaks => crate::matrix::clients::swaks(),
    python => crate::matrix::clients::python(),
    kdig => crate::matrix::clients::kdig(),
    sdig => crate::matrix::clients::sdig(),
    dnsdist => crate::matrix::clients::dnsdist(),
}

#[test]
fn the_page() {
    check("senders", &page::senders(&senders::all()));
    check("receivers of streams", &page::receivers(&stream_receivers::all()));
    check("receivers of datagrams", &page::receivers(&datagram_receivers::all()));
}
