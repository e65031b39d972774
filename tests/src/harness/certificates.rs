//! A certification authority of a test's own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// An authority, a certificate for a server, and one for a client, made with `openssl` when asked for.
#[derive(Debug)]
pub struct Certificates {
    dir: TempDir,
}

impl Certificates {
    /// The name in the server's certificate.
    pub const SERVER: &'static str = "mail.example.org";
    /// The name in the client's certificate.
    pub const CLIENT: &'static str = "client-7.example.org";

    /// Makes them.
    pub fn make() -> Self {
        let dir = tempfile::Builder::new().prefix("realpeer-").tempdir().unwrap();
        let at = dir.path();
        sign(at, "ca", "test authority", &["-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
        let alternative = format!("subjectAltName=DNS:{}", Self::SERVER);
        let by_ca = ["-CA", "ca.pem", "-CAkey", "ca.pem", "-addext", "basicConstraints=critical,CA:false"];
        sign(at, "server", Self::SERVER, &[&by_ca[..], &["-addext", &alternative]].concat());
        sign(at, "client", Self::CLIENT, &by_ca);
        Self { dir }
    }

    /// The authority's.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// The server's, with its key.
    pub fn server(&self) -> PathBuf {
        self.dir.path().join("server.pem")
    }

    /// The client's, with its key.
    pub fn client(&self) -> PathBuf {
        self.dir.path().join("client.pem")
    }
}

/// Writes NAME.pem: a new key and its certificate.
fn sign(dir: &Path, name: &str, common_name: &str, options: &[&str]) {
    let pem = format!("{name}.pem");
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-sha256"])
        .args(["-noenc", "-days", "2", "-subj", &format!("/CN={common_name}")])
        .args(["-keyout", &pem, "-out", "certificate.pem"])
        .args(options)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("openssl doesn't start: {error}; `./ci.sh interop` installs it"));
    assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    let read = |file: &str| std::fs::read_to_string(dir.join(file)).unwrap();
    std::fs::write(dir.join(&pem), read(&pem) + &read("certificate.pem")).unwrap();
}
