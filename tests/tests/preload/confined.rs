//! Servers with few rights, little memory, a filter for system calls, or a network of their own.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::geteuid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::hostile::serves;
use super::server::{Client, LIBRARY, REALPEER, SERVER, Server, compile, copy, eventually, port};

const V1: &[u8] = b"PROXY TCP4 203.0.113.7 192.0.2.1 40000 443\r\n";
const NO_CAPABILITIES: &str = "--no-new-privs --bounding-set -all --inh-caps -all";

/// The program, the library and the server, where every user can read them.
struct Installed(tempfile::TempDir);

impl Installed {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let confined = compile("confined");
        let files = [
            (&*REALPEER, "realpeer"),
            (&*LIBRARY, "library.so"),
            (&*SERVER, "server"),
            (&confined, "confined"),
        ];
        for (from, to) in files {
            copy(from, &directory.path().join(to));
        }
        Self(directory)
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// A shell in namespaces of its own runs `script`, in which `$@` is `realpeer run` and the server.
    fn start(&self, namespaces: &[&str], script: &str, trust: &str, address: &str) -> Server {
        let mut command = Command::new("unshare");
        command.args(namespaces).args(["sh", "-ec", script, "sh", &self.at("realpeer"), "run"]);
        command.args(["--library", &self.at("library.so"), "--listen", address.trim_start_matches("6:")]);
        command.args(["--trust", trust, "--", &self.at("server"), "lt+n", address]);
        Server::spawn(command)
    }
}

fn root() -> bool {
    let root = geteuid().is_root();
    if !root {
        println!("not root: there are no rights to give away, and no namespaces to make");
    }
    root
}

fn status_of(pid: u32, name: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().to_owned()
}

#[test]
fn a_user_without_rights_or_a_root_that_can_not_be_written_is_served() {
    if !root() {
        return;
    }
    let installed = Installed::new();
    let nobody = format!("exec setpriv --reuid 65534 --regid 65534 --clear-groups {NO_CAPABILITIES} \"$@\"");
    let read_only = "mount -o remount,bind,ro /; ! touch /realpeer-test 2>/dev/null;";
    for (what, script) in [
        ("nobody", nobody.clone()),
        ("without /proc", "umount -l /proc; exec \"$@\"".to_owned()),
        ("nobody, without /proc", format!("umount -l /proc; {nobody}")),
        ("nobody, a read-only root, without /proc", format!("{read_only} umount -l /proc; {nobody}")),
        ("a small address space", "ulimit -v 300000; exec \"$@\"".to_owned()),
    ] {
        let server = installed.start(&["--mount"], &script, "127.0.0.1", &port().to_string());
        serves(&server, what);
        assert_eq!(server.unread_lines(), [""; 0], "{what}");
    }
}

#[test]
fn dockers_filter_for_system_calls_without_capabilities_is_enough() {
    if !root() {
        return;
    }
    let installed = Installed::new();
    let confined = installed.at("confined");
    for (what, user) in [("root", ""), ("nobody", "--reuid 65534 --regid 65534 --clear-groups")] {
        let script = format!(
            "setpriv=$(command -v setpriv); exec $setpriv {user} {NO_CAPABILITIES} {confined} \"$@\""
        );
        let server = installed.start(&["--mount"], &script, "127.0.0.1", &port().to_string());
        serves(&server, what);
        assert_eq!(server.unread_lines(), [""; 0], "{what}");
        for pid in [server.child.id(), server.lot().pid] {
            let status = ["Seccomp", "NoNewPrivs", "CapEff", "CapBnd"].map(|name| status_of(pid, name));
            assert_eq!(status, ["2", "1", "0000000000000000", "0000000000000000"], "{what}");
        }
    }
}

/// A memory cgroup, by version 2 or 1. Removed when dropped.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(bytes: u64) -> Option<Self> {
        let roots = [("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")];
        roots.iter().find_map(|(root, limit)| {
            let group = Self(Path::new(root).join(format!("realpeer-test-{}", std::process::id())));
            std::fs::create_dir(&group.0).ok()?;
            // Where the root is no cgroup, the directory has no such file.
            let file = std::fs::File::options().write(true).open(group.0.join(limit));
            std::io::Write::write_all(&mut file.ok()?, bytes.to_string().as_bytes()).ok()?;
            Some(group)
        })
    }

    fn is_empty(&self) -> bool {
        std::fs::read_to_string(self.0.join("cgroup.procs")).is_ok_and(|pids| pids.is_empty())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn eight_megabytes_of_memory_are_enough() {
    if !root() {
        return;
    }
    let Some(group) = Cgroup::new(8 << 20) else {
        println!("no memory cgroup can be made here: a small address space, in another test, is the nearest");
        return;
    };
    let installed = Installed::new();
    let script = format!("echo $$ >{}/cgroup.procs; exec \"$@\"", group.0.display());
    let server = installed.start(&["--mount"], &script, "127.0.0.1", &port().to_string());
    serves(&server, "8 MiB");
    let silent: Vec<_> = (0..100)
        .map(|_| {
            let mut client = server.connect();
            client.send(&V1[..10]);
            client
        })
        .collect();
    serves(&server, "8 MiB and a hundred silent peers");
    assert_eq!(server.unread_lines(), [""; 0]);
    drop((silent, server));
    eventually("all have ended", || group.is_empty());
}

/// A process that keeps a network namespace. Its end is the end of the namespace.
struct Network(Child);

impl Network {
    fn new() -> Self {
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", "ip link set lo up; echo ready; read line"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }

    /// Calls `act` in a thread that is in the namespace.
    fn enter<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let namespace = std::fs::File::open(format!("/proc/{}/ns/net", self.0.id())).unwrap();
        thread::scope(|scope| {
            let act = || {
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), kind).unwrap();
                act()
            };
            scope.spawn(act).join().unwrap()
        })
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

#[test]
fn a_proxy_in_another_network_namespace_is_served() {
    if !root() {
        return;
    }
    if Command::new("ip").arg("-V").output().is_err() {
        println!("no ip here; ./ci.sh preload installs it");
        return;
    }
    let installed = Installed::new();
    let proxy = Network::new();
    let script = format!(
        "ip link set lo up; ip link add rp0 type veth peer name rp1 netns {}; ip addr add 192.0.2.1/24 dev rp0; \
         ip -6 addr add 2001:db8::1/64 dev rp0 nodad; ip link set rp0 up; exec \"$@\"",
        proxy.0.id()
    );
    let server = installed.start(&["--net"], &script, "192.0.2.2,2001:db8::2", "6:6432");
    proxy.enter(|| {
        let set_up = "ip addr add 192.0.2.2/24 dev rp1; ip -6 addr add 2001:db8::2/64 dev rp1 nodad; ip link set rp1 up";
        assert!(Command::new("sh").args(["-ec", set_up]).status().unwrap().success());
        for (address, own) in [("192.0.2.1:6432", "[::ffff:192.0.2.1]"), ("[2001:db8::1]:6432", "[2001:db8::1]")] {
            eventually("the link is up", || TcpStream::connect(address).is_ok());
            for cut in [0, 10, 27] {
                let mut client = Client::new(TcpStream::connect(address).unwrap());
                client.stream.set_nodelay(true).unwrap();
                client.send(&V1[..cut]);
                thread::sleep(Duration::from_millis(3));
                let seen = client.send(&V1[cut..]).seen().unwrap();
                assert_eq!(seen.accept, "[::ffff:203.0.113.7]:40000/28");
                assert_eq!(seen.getsockname, format!("{own}:6432/28"));
                client.echo(b"", b"payload");
            }
        }
    });
    assert_eq!(server.unread_lines(), [""; 0]);
}
