//! `realpeer run --explain`: what would be done and why.

use std::io::{self, Write};

use rustix::process::{Pid, getpid};

use crate::plan::Plan;
use crate::{Error, Options};

/// Writes what [`run`](crate::run) would do, without doing it. Returns whether the program could be started.
///
/// # Errors
///
/// Those of `out`.
pub fn explain(options: &Options, out: &mut dyn Write) -> io::Result<Result<(), Error>> {
    let plan = match Plan::new(options) {
        Ok(plan) => plan,
        Err(error) => return Ok(Err(error)),
    };
    let program = &plan.program;
    writeln!(out, "program    {}", program.path.display())?;
    for interpreter in &program.interpreters {
        writeln!(out, "           a script, run by {}", interpreter.display())?;
    }
    writeln!(out, "           dynamically linked, loaded by {}", program.loader.display())?;
    if !program.accepts {
        writeln!(out, "           does not call accept itself; one of its libraries may")?;
    }
    writeln!(out, "library    {}", plan.library.display())?;
    writeln!(out, "label      stays with sockets here: 32 bytes as TCP_FASTOPEN_KEY")?;
    writeln!(out, "listens    on {}: connections to these begin with a header", options.listen.join(", "))?;
    let others = match options.untrusted.as_deref() {
        Some("bypass") => "all others are the program's, without a header",
        _ => "all others are closed",
    };
    writeln!(out, "trusts     {}: {others}", options.trust.join(", "))?;
    writeln!(out, "waits      {} ms for a whole header, in a process of its own", plan.settings.timeout_ms)?;
    if getpid() == Pid::INIT {
        writeln!(
            out,
            "process    this one is the first of a container: it stays, and starts the program as a child"
        )?;
    } else {
        writeln!(out, "process    this one becomes the program: same process id, same parent")?;
    }
    if plan.settings.has_ipv4_listener() {
        writeln!(
            out,
            "note       an IPv6 source is shown on an IPv4 listener only to programs with room for it; where they \
             have none, let them listen on [::]"
        )?;
    }
    for (name, value) in &plan.environment {
        if !value.is_empty() {
            writeln!(out, "sets       {name}={}", value.to_string_lossy())?;
        }
    }
    Ok(Ok(()))
}
