//! What `./ci.sh install` puts in place, and what examples/pgbouncer make of it: the unit, and the container file.
//! `./ci.sh installed` installs and runs these.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::geteuid;

use super::hostile::serves;
use super::server::{SERVER, Server, port};

/// Where the container file and the unit have it.
const PREFIX: &str = "/usr/local";

fn installed(name: &str) -> PathBuf {
    Path::new(&std::env::var_os("REALPEER_PREFIX").unwrap()).join(name)
}

fn example(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join("examples/pgbouncer").join(name)).unwrap()
}

#[test]
fn the_installed_program_finds_the_installed_library() {
    for name in ["lib/librealpeer.so", "lib/librealpeer.a", "include/realpeer.h", "lib/pkgconfig/realpeer.pc"]
    {
        assert!(installed(name).is_file(), "{name}");
    }
    let port = port().to_string();
    let mut command = Command::new(installed("bin/realpeer"));
    command
        .args(["run", "--listen", &port, "--trust", "127.0.0.1", "--"])
        .arg(&*SERVER)
        .args(["lt+n", &port]);
    // Neither where the source is, nor by anything of cargo's.
    command.current_dir("/").env_remove("CARGO_TARGET_DIR").env_remove("REALPEER_PREFIX");
    let server = Server::spawn(command);
    let library = installed("lib/realpeer/librealpeer_preload.so").canonicalize().unwrap();
    assert_eq!(super::server::variable_of(server.child.id(), "LD_PRELOAD="), library.to_str().unwrap());
    serves(&server, "installed");
}

/// No service is started: systemd's own check reads the unit.
#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let unit = example("pgbouncer.service");
    let program = format!("{PREFIX}/bin/realpeer");
    assert_eq!(unit.matches(&program).count(), 1);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pgbouncer.service");
    fs::write(&path, unit.replace(&program, installed("bin/realpeer").to_str().unwrap())).unwrap();
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && said.is_empty(), "{said}");
}

/// No container is made. Its second stage is laid out as its COPY lines say, and started by its ENTRYPOINT as process 1,
/// with our server in PgBouncer's place.
#[test]
fn the_container_file_copies_and_starts_what_is_installed() {
    let file = example("Containerfile");
    let lines: Vec<&str> = file.lines().collect();
    let built = format!("RUN apt-get update && ./ci.sh install {PREFIX}");
    assert!(lines.contains(&&*built), "{file}");
    let image = tempfile::tempdir().unwrap();
    let inside = |path: &str| image.path().join(path.trim_start_matches('/'));
    let copies: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("COPY --from=build ")).collect();
    assert_eq!(copies.len(), 2);
    for copy in copies {
        let (from, to) = copy.split_once(' ').unwrap();
        fs::create_dir_all(inside(to).parent().unwrap()).unwrap();
        let from = installed(from.strip_prefix(PREFIX).unwrap().trim_start_matches('/'));
        assert!(Command::new("cp").arg("-r").arg(from).arg(inside(to)).status().unwrap().success());
    }
    let line = lines.iter().find_map(|line| line.strip_prefix("ENTRYPOINT ")).unwrap();
    let words: Vec<&str> =
        line.trim_matches(['[', ']']).split(", ").map(|word| word.trim_matches('"')).collect();
    let ["/usr/local/bin/realpeer", "run", "--listen", "6432", "--trust", "10.0.0.0/8", "--"] = *words else {
        panic!("{words:?}");
    };
    if !geteuid().is_root() {
        println!("not root: no process 1 to be");
        return;
    }
    let port = port().to_string();
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child=KILL"]).arg(inside(words[0]));
    command
        .args(["run", "--listen", &port, "--trust", "127.0.0.1", "--"])
        .arg(&*SERVER)
        .args(["lt+n", &port]);
    serves(&Server::spawn(command), "as in a container");
}
