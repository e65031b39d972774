//! What is going to be started and how, once everything has been checked.

use std::ffi::OsString;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use realpeer_preload::Settings;
use realpeer_preload::label::Label;

use crate::program::{Program, check_library};
use crate::{Error, Options};

/// Variables and their values.
type Environment = Vec<(&'static str, OsString)>;

/// A program that can be started.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) program: Program,
    pub(crate) library: PathBuf,
    /// What is added to the environment, but for the lot.
    pub(crate) environment: Environment,
    pub(crate) settings: Settings,
}

const NAME: &str = "librealpeer_preload.so";

impl Plan {
    /// Checks everything that can be checked.
    ///
    /// # Errors
    ///
    /// Says what would not work.
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let Some(command) = options.command.first() else {
            return Err(Error::new("which program? Name it after `--`"));
        };
        let (settings, mut environment) = settings(options)?;
        let program = Program::look_at(command)?;
        let library = find_library(options.library.as_deref())?;
        environment.push(("LD_PRELOAD", preload(&library)?));
        label_sticks()?;
        Ok(Self { program, library, environment, settings })
    }
}

/// Translates the options into variables, and has the library's own parser check them.
fn settings(options: &Options) -> Result<(Settings, Environment), Error> {
    let mut variables = vec![
        ("REALPEER_LISTEN", options.listen.join(",")),
        ("REALPEER_TRUST", options.trust.join(",")),
        // Not set, they must not be inherited.
        ("REALPEER_TIMEOUT", options.timeout.clone().unwrap_or_default()),
        ("REALPEER_UNTRUSTED", options.untrusted.clone().unwrap_or_default()),
        ("REALPEER_DESTINATION", if options.destination { "header".into() } else { String::new() }),
        ("REALPEER_LOG", if options.quiet { "off".into() } else { String::new() }),
    ];
    let lookup =
        |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_bytes());
    let settings = Settings::from_env(lookup).map_err(|error| {
        let option = error.variable.trim_start_matches("REALPEER_").to_lowercase();
        let value = String::from_utf8_lossy(error.value);
        let value = if value.is_empty() { String::new() } else { format!(": {value:?}") };
        Error::new(format!("--{option}{value} {}", error.problem))
    })?;
    Ok((settings, variables.drain(..).map(|(name, value)| (name, value.into())).collect()))
}

fn find_library(named: Option<&Path>) -> Result<PathBuf, Error> {
    let path = if let Some(path) = named {
        std::path::absolute(path).map_err(|error| Error::new(format!("{}: {error}", path.display())))?
    } else {
        let program = std::env::current_exe().unwrap_or_default();
        let directory = program.parent().unwrap_or(Path::new("/"));
        let places = [directory.join(NAME), directory.join("../lib/realpeer").join(NAME)];
        let found = places.iter().find(|place| place.is_file());
        let found = found.ok_or_else(|| {
            let [beside, lib] = places.each_ref().map(|place| place.display());
            Error::new(format!(
                "the library is neither in {beside} nor in {lib}: name it with --library, or install it with \
                 `./ci.sh install PREFIX`"
            ))
        })?;
        // Without the dots, since it goes into the environment.
        found.canonicalize().map_err(|error| Error::new(format!("{}: {error}", found.display())))?
    };
    check_library(&path)?;
    Ok(path)
}

/// Ours is the last: an address sanitizer wants to be the first, and others that wrap `accept` find ours after them.
fn preload(library: &Path) -> Result<OsString, Error> {
    let text = library.as_os_str().as_encoded_bytes();
    if text.iter().any(|byte| matches!(byte, b' ' | b':')) {
        return Err(Error::new(format!(
            "the library's path {} has a space or a colon in it, which end a path in LD_PRELOAD",
            library.display()
        )));
    }
    let mut value = std::env::var_os("LD_PRELOAD").filter(|value| !value.is_empty()).unwrap_or_default();
    if !value.is_empty() {
        value.push(":");
    }
    value.push(library);
    Ok(value)
}

/// Tries the label on a connection.
fn label_sticks() -> Result<(), Error> {
    let pair = || {
        let listener = TcpListener::bind("127.0.0.1:0").or_else(|_| TcpListener::bind("[::1]:0"))?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        Ok::<_, std::io::Error>((listener.accept()?.0, client))
    };
    let (server, _client) = pair().map_err(|error| {
        Error::new(format!(
            "a connection over loopback fails ({error}): is `lo` up? Headers that come in pieces need it"
        ))
    })?;
    let label = Label::new(([203, 0, 113, 7], 40000).into(), None);
    let written = label.write(server.as_raw_fd(), false);
    if written.is_err() || Label::read(server.as_raw_fd()) != Some(label) {
        return Err(Error::new(
            "a TCP_FASTOPEN_KEY of 32 bytes does not stay with a socket here, so there is nowhere to keep addresses: \
             that takes Linux 5.3 or newer, and no sandbox with a network of its own, such as gVisor",
        ));
    }
    Ok(())
}
