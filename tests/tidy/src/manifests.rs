//! What manifests and the lock file have to say.

use std::process::Command;

use serde_json::Value;

use crate::{File, files, none, root};

#[test]
fn every_package_has_the_workspaces_lints() {
    let manifests = files(&[
        "*Cargo.toml",
        ":!Cargo.toml",
        ":!tests/no-std-probe",
        ":!benches",
        ":!fuzz",
        ":!crates/realpeer-ffi",
        ":!crates/realpeer-run",
    ]);
    let lacks = |file: &&File| !file.text.contains("\n[lints]\nworkspace = true");
    none("without `[lints] workspace = true`", manifests.iter().filter(lacks).map(|file| file.path.clone()));
}

/// There is often no compiler as old as `rust-version` at hand, so here is asked what would not build on it. Clippy knows
/// newer functions of std.
#[test]
fn the_lock_file_fits_the_manifests_and_the_oldest_compiler() {
    let cargo = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["metadata", "--locked", "--all-features", "--format-version", "1"])
        .output()
        .unwrap();
    assert!(
        cargo.status.success(),
        "Cargo.lock does not fit the manifests: run cargo check and commit it\n{}",
        String::from_utf8_lossy(&cargo.stderr)
    );
    let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let ours = packages.iter().find(|package| package["name"] == "realpeer-proto").unwrap();
    let ours = version(&ours["rust_version"]).unwrap();
    let newer =
        packages.iter().filter(|package| version(&package["rust_version"]).is_some_and(|needs| needs > ours));
    let named = newer.map(|package| format!("{} {}", package["name"], package["rust_version"]));
    none("packages that need a newer Rust", named);
}

fn version(value: &Value) -> Option<[u32; 3]> {
    let mut parts = value.as_str()?.split('.').map(|part| part.parse().unwrap());
    Some([(); 3].map(|()| parts.next().unwrap_or(0)))
}
