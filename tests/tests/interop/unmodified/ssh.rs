//! A login by SSH.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use realpeer_tests::harness::{Server, Setup};

use crate::unmodified::program::{Program, Seen, at_once};

/// The shell of the login says who the client is.
pub(crate) const SSHD: Program = Program {
    name: "sshd, a login",
    setup: Setup {
        version: &["ssh", "-V"],
        files: &[
            (
                "sshd.conf",
                "ListenAddress {address}
HostKey {dir}/host
AuthorizedKeysFile {dir}/user.pub
PidFile none
StrictModes no
UseDNS no
UsePAM no
MaxStartups 100
",
            ),
            (
                "start.sh",
                "ssh-keygen -q -t ed25519 -N '' -f host && ssh-keygen -q -t ed25519 -N '' -f user &&
exec /usr/sbin/sshd -D -e -f {dir}/sshd.conf
",
            ),
        ],
        command: &["sh", "start.sh"],
    },
    ready: at_once,
    ask: |server, stream| {
        let said = log_in(server, stream.try_clone().unwrap());
        // SSH_CLIENT: its address, its port, and ours.
        let mut words = said.split_whitespace();
        let (ip, port) = (words.next()?, words.next()?);
        Some(Seen::with_port(&format!("{ip}:{port}")))
    },
    otherwise: &[],
};

/// Logs in over this connection, and returns what the shell says. Nothing if the server closes the connection.
fn log_in(server: &Server, stream: TcpStream) -> String {
    // ssh connects by itself, so it is given a listener that passes everything on.
    let front = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = front.local_addr().unwrap().port().to_string();
    let relay = thread::spawn(move || {
        let (ssh, _) = front.accept().unwrap();
        let (ssh_reader, server_reader) = (ssh.try_clone().unwrap(), stream.try_clone().unwrap());
        let up = thread::spawn(move || copy(ssh_reader, stream));
        copy(server_reader, ssh);
        up.join().unwrap();
    });
    let output = Command::new("ssh")
        .args(["-F", "none", "-T", "-p", &port, "-i", &server.path("user"), "-l", "root"])
        .args(["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
        .args(["-o", "LogLevel=ERROR", "127.0.0.1", "echo $SSH_CLIENT"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    relay.join().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Passes on what is read, until there is no more. Either side may be gone.
fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
