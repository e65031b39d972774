//! How each server is started.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{GO, HTTP, Server, process};

impl Server {
    /// How it is started, in a directory for its files, and its port if that is not to be read from its output.
    pub(super) fn command(&self, go: &Path, files: &Path) -> (Command, Option<u16>) {
        let program =
            if self.group == HTTP { self.what.split(',').next().unwrap_or_default() } else { self.group };
        match program {
            GO => {
                let mut command = Command::new(go);
                command.env("GOMAXPROCS", "1");
                command.arg(if self.group == HTTP { "http" } else { "echo" });
                if self.reads_header() {
                    command.arg("proxy");
                }
                (command, None)
            }
            "HAProxy" => {
                let port = process::free_port();
                let mut command = Command::new("haproxy");
                command.args(["-db", "-q", "-f"]).arg(self.write(files, &haproxy(port, self.reads_header())));
                (command, Some(port))
            }
            "nginx" => {
                let port = process::free_port();
                let text = nginx(port, self.reads_header(), files);
                let mut command = Command::new("nginx");
                command.args(["-e", "stderr", "-p"]).arg(files).arg("-c").arg(self.write(files, &text));
                (command, Some(port))
            }
            _ => {
                let itself = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("accept"));
                let mut command = Command::new(itself);
                command.args(["serve", &self.name()]).env("ASYNC_STD_THREAD_COUNT", "1");
                (command, None)
            }
        }
    }

    /// Its configuration, as a file.
    fn write(&self, files: &Path, text: &str) -> PathBuf {
        let file = files.join(format!("{}.conf", self.what));
        std::fs::write(&file, text).expect("a file of configuration");
        file
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

fn nginx(port: u16, header: bool, files: &Path) -> String {
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
