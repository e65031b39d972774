//! Accepting, whole: servers of every kind on loopback, and the load they are put under.
//!
//! A server reads one byte, writes it back and closes; with a header before it where it reads one. HAProxy and nginx
//! answer a request by HTTP instead, and are to be compared with themselves.

pub mod load;
pub mod ours;
mod process;
pub mod serve;

pub use process::{Process, free_port, stay_on_first_cpu};

use std::path::PathBuf;
use std::process::Command;

use crate::micro::inputs;

/// One kind of server.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    pub name: &'static str,
    /// The same without a header, with which it is compared.
    pub bare: Option<&'static str>,
    /// Whether a peer of ours reads the header.
    pub peer: bool,
    pub speaks: Speaks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    Byte,
    Http,
}

const fn bare(name: &'static str, speaks: Speaks) -> Server {
    Server { name, bare: None, peer: false, speaks }
}

const fn ours(name: &'static str, bare: &'static str) -> Server {
    Server { name, bare: Some(bare), peer: false, speaks: Speaks::Byte }
}

const fn peer(name: &'static str, bare: &'static str, speaks: Speaks) -> Server {
    Server { name, bare: Some(bare), peer: true, speaks }
}

/// Every bare server stands before those that are compared with it.
pub const SERVERS: [Server; 17] = [
    bare("tokio, bare", Speaks::Byte),
    ours("tokio, realpeer", "tokio, bare"),
    ours("tokio, realpeer, ready listener", "tokio, bare"),
    ours("tokio, realpeer core, over-reading", "tokio, bare"),
    peer("tokio, proxy-protocol-rs", "tokio, bare", Speaks::Byte),
    bare("std threads, bare", Speaks::Byte),
    ours("std threads, realpeer", "std threads, bare"),
    bare("smol, bare", Speaks::Byte),
    ours("smol, realpeer", "smol, bare"),
    bare("async-std, bare", Speaks::Byte),
    ours("async-std, realpeer", "async-std, bare"),
    bare("Go, bare", Speaks::Byte),
    peer("Go, go-proxyproto", "Go, bare", Speaks::Byte),
    bare("HAProxy, bare", Speaks::Http),
    peer("HAProxy, accept-proxy", "HAProxy, bare", Speaks::Http),
    bare("nginx, bare", Speaks::Http),
    peer("nginx, proxy_protocol", "nginx, bare", Speaks::Http),
];

impl Server {
    /// What a client sends.
    pub fn payload(&self, header: &[u8]) -> Vec<u8> {
        let request: &[u8] = match self.speaks {
            Speaks::Byte => b"x",
            Speaks::Http => b"GET / HTTP/1.0\r\n\r\n",
        };
        let header = if self.bare.is_some() { header } else { b"" };
        [header, request].concat()
    }

    /// How it is started, in a directory for its files, and its port if that is not to be read from its output.
    pub fn command(&self, go: &std::path::Path, files: &std::path::Path) -> (Command, Option<u16>) {
        let header = self.bare.is_some();
        let itself = || std::env::current_exe().unwrap_or_else(|_| PathBuf::from("accept"));
        let program = self.name.split(',').next().unwrap_or_default();
        match program {
            "Go" => {
                let mut command = Command::new(go);
                command.env("GOMAXPROCS", "1");
                if header {
                    command.arg("proxy");
                }
                (command, None)
            }
            "HAProxy" | "nginx" => {
                let port = free_port();
                let file = files.join(format!("{program}-{header}.conf"));
                let (text, mut command) = if program == "nginx" {
                    let mut command = Command::new("nginx");
                    command.args(["-e", "stderr", "-p"]).arg(files).arg("-c").arg(&file);
                    (nginx(port, header, files), command)
                } else {
                    let mut command = Command::new("haproxy");
                    command.args(["-db", "-q", "-f"]).arg(&file);
                    (haproxy(port, header), command)
                };
                std::fs::write(&file, text).expect("a file of configuration");
                command.env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()));
                (command, Some(port))
            }
            _ => {
                let mut command = Command::new(itself());
                command.args(["serve", self.name]).env("ASYNC_STD_THREAD_COUNT", "1");
                (command, None)
            }
        }
    }
}

fn haproxy(port: u16, header: bool) -> String {
    let accept = if header { " accept-proxy" } else { "" };
    format!(
        "global\n  nbthread 1\n  maxconn 2000\n\
         defaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 5s\n\
         frontend all\n  bind 127.0.0.1:{port}{accept}\n  \
         http-request return status 200 content-type text/plain string x\n"
    )
}

fn nginx(port: u16, header: bool, files: &std::path::Path) -> String {
    let accept = if header { " proxy_protocol" } else { "" };
    let files = files.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("  {name}_temp_path {files}/{name};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\nerror_log stderr crit;\npid {files}/nginx-{header}.pid;\n\
         events {{ worker_connections 2000; }}\nhttp {{\n  access_log off;\n{temporary}  \
         server {{ listen 127.0.0.1:{port}{accept}; location / {{ return 200 x; }} }}\n}}\n"
    )
}

/// The headers that are sent: both versions in their usual shape.
pub fn header(version: u8) -> &'static [u8] {
    if version == 1 { inputs::v1_tcp4() } else { inputs::v2_tcp4() }
}
