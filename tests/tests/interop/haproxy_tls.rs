//! HAProxy ends TLS in front of `realpeer echo`, and says in TLVs what it learned by it.

use realpeer_tests::harness::{
    Certificates, HaProxy, Program, PythonClient, Report, Runtime, SslTlv, python_client,
};
use realpeer_tests::on_each_runtime;

on_each_runtime!(
    ssl_cn_of_a_verified_certificate,
    ssl_cn_without_a_certificate,
    ssl_of_a_plain_client,
    authority,
    all_options_at_once,
);

const AUTHORITY: u8 = 0x02;
const CRC32C: u8 = 0x03;
const UNIQUE_ID: u8 = 0x05;
const SSL: u8 = 0x20;
const SSL_VERSION: u8 = 0x21;
const SSL_CN: u8 = 0x22;
const SSL_CIPHER: u8 = 0x23;
const SSL_SIG_ALG: u8 = 0x24;
const SSL_KEY_ALG: u8 = 0x25;

const WITH_CERTIFICATE: bool = true;
const WITHOUT_CERTIFICATE: bool = false;

fn ssl_cn_of_a_verified_certificate(runtime: Runtime) {
    let (client, report) =
        through_tls(runtime, "verify required", WITH_CERTIFICATE, &[], "send-proxy-v2-ssl-cn");
    assert_eq!(report.tlv_types(), [SSL]);
    let ssl = SslTlv::read(&report.tlv(SSL));
    assert_eq!(ssl.client, SslTlv::TLS | SslTlv::CERTIFICATE_ON_CONNECTION | SslTlv::CERTIFICATE_IN_SESSION);
    assert_eq!(ssl.verify, 0);
    assert!(is_verified(&report));
    assert_eq!(ssl.part(SSL_VERSION), client.tls.unwrap().0);
    assert_eq!(ssl.part(SSL_CN), Certificates::CLIENT);
    assert_eq!(ssl.parts.len(), 2);
}

/// HAProxy says `verify` 0 here as well; only the bits tell that nobody was verified.
fn ssl_cn_without_a_certificate(runtime: Runtime) {
    let (client, report) =
        through_tls(runtime, "verify optional", WITHOUT_CERTIFICATE, &[], "send-proxy-v2-ssl-cn");
    let ssl = SslTlv::read(&report.tlv(SSL));
    assert_eq!(ssl.client, SslTlv::TLS);
    assert_eq!(ssl.verify, 0);
    assert!(!is_verified(&report));
    assert_eq!(ssl.parts, [(SSL_VERSION, client.tls.unwrap().0)]);
}

fn ssl_of_a_plain_client(runtime: Runtime) {
    let program = Program::start(runtime);
    let haproxy = HaProxy::start(&program, "127.0.0.1", "", &[], "send-proxy-v2-ssl-cn");
    let client = python_client(haproxy.address(), "no TLS here", &[]);
    let report = check(program, haproxy, &client);
    let ssl = SslTlv::read(&report.tlv(SSL));
    assert_eq!(ssl, SslTlv { client: 0, verify: 0, parts: vec![] });
    assert!(!is_verified(&report));
}

fn authority(runtime: Runtime) {
    let (_, report) = through_tls(
        runtime,
        "verify none",
        WITHOUT_CERTIFICATE,
        &[],
        "send-proxy-v2 proxy-v2-options authority",
    );
    assert_eq!(report.tlv_types(), [AUTHORITY]);
    assert_eq!(report.tlv(AUTHORITY), Certificates::SERVER.as_bytes());
    let authority = &report.tlvs.unwrap()[0];
    assert_eq!(authority.name.as_deref(), Some("AUTHORITY"));
    assert_eq!(authority.more["text"], Certificates::SERVER);
}

fn all_options_at_once(runtime: Runtime) {
    let (client, report) = through_tls(
        runtime,
        "verify required",
        WITH_CERTIFICATE,
        &["unique-id-format %ci:%cp"],
        "send-proxy-v2 proxy-v2-options \
         ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c,unique-id",
    );
    let mut types = report.tlv_types();
    assert_eq!(types[0], CRC32C, "HAProxy puts it first");
    types.sort_unstable();
    assert_eq!(types, [AUTHORITY, CRC32C, UNIQUE_ID, SSL]);
    assert_eq!(report.tlv(CRC32C).len(), 4);
    assert_eq!(report.tlv(AUTHORITY), Certificates::SERVER.as_bytes());
    assert_eq!(report.tlv(UNIQUE_ID), client.address.as_bytes());
    let ssl = SslTlv::read(&report.tlv(SSL));
    assert_eq!(ssl.client, SslTlv::TLS | SslTlv::CERTIFICATE_ON_CONNECTION | SslTlv::CERTIFICATE_IN_SESSION);
    assert_eq!(ssl.verify, 0);
    assert!(is_verified(&report));
    let (version, cipher) = client.tls.unwrap();
    assert_eq!(ssl.part(SSL_VERSION), version);
    assert_eq!(ssl.part(SSL_CIPHER), cipher);
    assert_eq!(ssl.part(SSL_CN), Certificates::CLIENT);
    assert_eq!(ssl.part(SSL_SIG_ALG), "ecdsa-with-SHA256");
    assert_eq!(ssl.part(SSL_KEY_ALG), "EC256");
    assert_eq!(ssl.parts.len(), 5);
}

/// What the program makes of the bits and `verify`.
fn is_verified(report: &Report) -> bool {
    let ssl = report.tlvs.iter().flatten().find(|tlv| tlv.kind == SSL).unwrap();
    assert_eq!(ssl.name.as_deref(), Some("SSL"));
    ssl.more["verified"].as_bool().unwrap()
}

/// One TLS client through HAProxy; `verify` is what HAProxy does about its certificate.
fn through_tls(
    runtime: Runtime,
    verify: &str,
    with_certificate: bool,
    settings: &[&str],
    server: &str,
) -> (PythonClient, Report) {
    let certificates = Certificates::make();
    let program = Program::start(runtime);
    let (ca, own) = (certificates.ca(), certificates.server());
    let bind = format!("ssl crt {} ca-file {} {verify}", own.display(), ca.display());
    let haproxy = HaProxy::start(&program, "127.0.0.1", &bind, settings, server);
    let (ca, own) = (ca.display().to_string(), certificates.client().display().to_string());
    let mut options = vec!["--ca", &ca, "--name", Certificates::SERVER];
    if with_certificate {
        options.extend(["--cert", &own]);
    }
    let client = python_client(haproxy.address(), "said in confidence", &options);
    assert_eq!(client.echo, "said in confidence");
    let report = check(program, haproxy, &client);
    (client, report)
}

fn check(program: Program, haproxy: HaProxy, client: &PythonClient) -> Report {
    let report = program.report();
    report.assert_header(2, "PROXY");
    report.assert_served(&client.address, haproxy.address());
    let port = client.address.rsplit_once(':').unwrap().1.parse().unwrap();
    assert_eq!(Some(&report.proxy), haproxy.served(Some(port)).own_address.as_ref());
    haproxy.stop();
    program.stop();
    report
}
