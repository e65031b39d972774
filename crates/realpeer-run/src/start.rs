//! Starts the lot, and becomes the program.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use realpeer_preload::wire::{LotName, Secret, lot_address};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use rustix::process::{Pid, getpid, setsid};

use crate::log::Log;
use crate::lot::{Life, Lot};
use crate::plan::Plan;
use crate::process::{self, Forked, close_all_but, exit_now, wait_for};
use crate::{Error, Options, init};

/// How many connections may wait for the lot to look at them. The kernel's own limit is mostly the same.
const BACKLOG: i32 = 4096;

/// Starts the program: this process becomes it, and nothing is returned. As process 1, which has children to reap, it
/// stays, and returns the program's status when that has ended.
///
/// # Errors
///
/// Says why the program can't be started.
pub fn run(options: &Options) -> Result<ExitCode, Error> {
    let plan = Plan::new(options)?;
    let lot = LotSocket::new()?;
    let mut command = Command::new(&plan.program.path);
    let (name, arguments) = options.command.split_first().ok_or_else(|| Error::new("which program?"))?;
    command.arg0(name).args(arguments).envs(plan.environment.iter().map(|(name, value)| (name, value)));
    command.env("REALPEER_LOT", text(&lot.name)).env("REALPEER_TOKEN", hex(&lot.token));
    if getpid() == Pid::INIT {
        return init::run(command, |program| lot.start(program, &plan, options));
    }
    lot.start(getpid(), &plan, options)?;
    let error = command.exec();
    Err(Error::new(format!("{}: {error}", plan.program.path.display())))
}

/// The lot's socket, which listens before the lot runs, so that nothing that comes early is lost.
struct LotSocket {
    name: LotName,
    token: Secret,
    socket: std::os::fd::OwnedFd,
}

impl LotSocket {
    fn new() -> Result<Self, Error> {
        let make = || -> io::Result<Self> {
            let mut name = LotName::default();
            let digits = hex(&process::random()?);
            name.copy_from_slice(digits.as_encoded_bytes().get(..16).ok_or(io::ErrorKind::InvalidData)?);
            let mut address = [0; 32];
            let len = lot_address(&name, &mut address);
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
            bind(&socket, &SocketAddrUnix::new_abstract_name(address.get(1..len).unwrap_or_default())?)?;
            listen(&socket, BACKLOG)?;
            Ok(Self { name, token: process::random()?, socket })
        };
        make().map_err(|error| helper_error(&error))
    }

    /// Starts the lot as a process that belongs to nobody, so that the program has no child it does not know.
    fn start(self, program: Pid, plan: &Plan, options: &Options) -> Result<(), Error> {
        let lot = || -> io::Result<Lot> {
            let life = Life::new(program)?;
            Ok(Lot {
                name: self.name,
                token: self.token,
                listener: self.socket,
                timeout: Duration::from_millis(plan.settings.timeout_ms.into()),
                life,
                log: Log::new(!options.quiet),
            })
        };
        let lot = lot().map_err(|error| helper_error(&error))?;
        match process::fork().map_err(|error| helper_error(&error))? {
            Forked::Parent(child) => {
                wait_for(child);
                Ok(())
            }
            Forked::Child => {
                let status = match setsid().map_err(io::Error::from).and_then(|_| process::fork()) {
                    Ok(Forked::Parent(_)) => 0,
                    Ok(Forked::Child) => become_lot(lot),
                    Err(_) => 1,
                };
                exit_now(status)
            }
        }
    }
}

fn become_lot(lot: Lot) -> i32 {
    process::set_name(c"realpeer-lot");
    let [first_process, file] = lot.life.fds();
    close_all_but(vec![lot.listener.as_raw_fd(), first_process, file]);
    // What else it has of the program's: the directory, and its output. Whoever reads that waits for its end.
    let _ = std::env::set_current_dir("/");
    process::replace_stdin_and_stdout();
    let outcome = lot.life.note_signals().and_then(|()| lot.run());
    i32::from(outcome.is_err())
}

fn helper_error(error: &io::Error) -> Error {
    Error::new(format!("can't start the process that waits for headers in pieces: {error}"))
}

fn text(name: &LotName) -> OsString {
    String::from_utf8_lossy(name).into_owned().into()
}

fn hex(bytes: &[u8]) -> OsString {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect::<String>().into()
}
