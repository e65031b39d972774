//! Looks at a program before it is started: can the library be loaded into it?

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::Error;

/// A program, and what was found out about it.
#[derive(Debug)]
pub(crate) struct Program {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The interpreters of scripts, up to the one that is a binary.
    pub(crate) interpreters: Vec<PathBuf>,
    /// The dynamic loader that will load the library.
    pub(crate) loader: PathBuf,
    /// Whether it calls `accept` or `accept4` itself. If not, one of its libraries may.
    pub(crate) accepts: bool,
}

/// What of an ELF file matters here.
struct Elf {
    loader: Option<PathBuf>,
    is_go: bool,
    accepts: bool,
}

const MAX_SCRIPTS: usize = 4;

impl Program {
    /// Finds `command` as a shell would, and checks it.
    ///
    /// # Errors
    ///
    /// Says why the library would not be loaded into it.
    pub(crate) fn look_at(command: &OsStr) -> Result<Self, Error> {
        let path = find(command)?;
        let mut interpreters: Vec<PathBuf> = Vec::new();
        loop {
            let file = interpreters.last().unwrap_or(&path);
            let shown = file.display();
            if interpreters.len() > MAX_SCRIPTS {
                return Err(Error::new(format!("{shown}: too many scripts that are interpreted by scripts")));
            }
            let opened = File::open(file).map_err(|error| Error::new(format!("{shown}: {error}")))?;
            check_privileges(file, &opened)?;
            if let Some(interpreter) = interpreter(&opened)? {
                interpreters.push(interpreter);
                continue;
            }
            let elf = Elf::read(&opened).ok_or_else(|| {
                Error::new(format!("{shown}: neither a script nor a 64-bit program for this processor"))
            })?;
            // Before the loader is looked for: many are linked statically, and what they need is another matter.
            if elf.is_go {
                return Err(Error::new(format!(
                    "{shown} is a Go program, which accepts connections without the C library: it needs a Go library \
                     for the PROXY protocol"
                )));
            }
            let Some(loader) = elf.loader else {
                return Err(Error::new(format!(
                    "{shown} is linked statically, so no library can be loaded into it: it needs a patch with the C \
                     library of realpeer-ffi"
                )));
            };
            return Ok(Self { path, interpreters, loader, accepts: elf.accepts });
        }
    }
}

/// Checks that a library is one for this process.
pub(crate) fn check_library(path: &Path) -> Result<(), Error> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| Error::new(format!("the library {shown}: {error}")))?;
    if Elf::read(&file).is_none() {
        return Err(Error::new(format!("the library {shown} is for another processor")));
    }
    Ok(())
}

fn find(command: &OsStr) -> Result<PathBuf, Error> {
    let is_program = |path: &Path| {
        path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o111 != 0)
    };
    if command.as_bytes().contains(&b'/') {
        let path = PathBuf::from(command);
        return if is_program(&path) {
            Ok(path)
        } else {
            Err(Error::new(format!("{}: no such program, or not executable", path.display())))
        };
    }
    let directories = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    std::env::split_paths(&directories)
        .map(|directory| directory.join(command))
        .find(|path| is_program(path))
        .ok_or_else(|| Error::new(format!("{}: no such program in PATH", command.to_string_lossy())))
}

/// The loader ignores `LD_PRELOAD` where a program has more rights than its user.
fn check_privileges(path: &Path, file: &File) -> Result<(), Error> {
    let shown = path.display();
    let metadata = file.metadata().map_err(|error| Error::new(format!("{shown}: {error}")))?;
    let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let gains = |bit: u32, owner: u32, own: u32| metadata.mode() & bit != 0 && owner != own;
    if gains(0o4000, metadata.uid(), user) || gains(0o2000, metadata.gid(), group) {
        return Err(Error::new(format!(
            "{shown} is setuid or setgid, and the loader ignores LD_PRELOAD for such programs: start it as the user \
             that it becomes"
        )));
    }
    let mut value = [0u8; 64];
    let capabilities = rustix::fs::fgetxattr(file, "security.capability", &mut value[..]);
    if user != 0 && capabilities.is_ok_and(|len| len > 0) {
        return Err(Error::new(format!(
            "{shown} has file capabilities, and the loader ignores LD_PRELOAD for such programs: remove them \
             (setcap -r {shown}) and grant what is needed by the unit (AmbientCapabilities=)"
        )));
    }
    Ok(())
}

/// Returns what interprets a script; None if it isn't one. Of `env NAME` it is NAME.
fn interpreter(file: &File) -> Result<Option<PathBuf>, Error> {
    let mut start = [0; 2];
    if file.read_exact_at(&mut start, 0).is_err() || start != *b"#!" {
        return Ok(None);
    }
    let mut line = Vec::new();
    let read = BufReader::new(file).take_line(&mut line);
    let words: Vec<&[u8]> = match read {
        Ok(()) => line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect(),
        Err(error) => return Err(Error::new(error.to_string())),
    };
    let [interpreter, arguments @ ..] = &*words else {
        return Err(Error::new("a script without an interpreter in its first line"));
    };
    let name = interpreter.rsplit(|&byte| byte == b'/').next();
    let found = arguments.iter().find(|word| !word.starts_with(b"-") && !word.contains(&b'='));
    match (name, found) {
        (Some(b"env"), Some(name)) => find(OsStr::from_bytes(name)).map(Some),
        _ => find(OsStr::from_bytes(interpreter)).map(Some),
    }
}

trait TakeLine {
    fn take_line(self, line: &mut Vec<u8>) -> std::io::Result<()>;
}

impl<R: BufRead> TakeLine for R {
    /// Reads the first line without its `#!`, as far as the kernel would read it.
    fn take_line(self, line: &mut Vec<u8>) -> std::io::Result<()> {
        self.take(256).read_until(b'\n', line)?;
        line.drain(..2.min(line.len()));
        Ok(())
    }
}

impl Elf {
    /// Reads the headers; None if it is no 64-bit ELF file for this processor.
    fn read(file: &File) -> Option<Self> {
        const PT_INTERP: u32 = 3;
        let own = if cfg!(target_arch = "x86_64") { 62u16 } else { 183 };
        let mut header = [0; 64];
        file.read_exact_at(&mut header, 0).ok()?;
        let little_64 = header.starts_with(b"\x7fELF\x02\x01");
        if !little_64 || number::<2>(&header, 18)? != u64::from(own) {
            return None;
        }
        let (segments, sections) = (number::<8>(&header, 32)?, number::<8>(&header, 40)?);
        let (segment_count, names) = (number::<2>(&header, 56)?, number::<2>(&header, 62)?);
        let mut loader = None;
        for index in 0..segment_count {
            let mut segment = [0; 56];
            file.read_exact_at(&mut segment, segments.checked_add(index * 56)?).ok()?;
            if number::<4>(&segment, 0)? == u64::from(PT_INTERP) {
                let text = piece(file, number::<8>(&segment, 8)?, number::<8>(&segment, 32)?.min(4096))?;
                let text = text.split(|&byte| byte == 0).next()?;
                loader = Some(PathBuf::from(OsStr::from_bytes(text)));
            }
        }
        // A program whose section headers were stripped is one of which less is known.
        let section = |index: u64| {
            let mut section = [0; 64];
            file.read_exact_at(&mut section, sections.checked_add(index.checked_mul(64)?)?).ok()?;
            piece(file, number::<8>(&section, 24)?, number::<8>(&section, 32)?.min(1 << 24))
        };
        let names = section(names).unwrap_or_default();
        let is_go = contains(&names, b"\0.go.buildinfo\0");
        let count = number::<2>(&header, 60)?;
        let strings = || (0..count).filter_map(|index| dynamic_strings(file, sections, index));
        let accepts = strings().any(|text| contains(&text, b"\0accept\0") || contains(&text, b"\0accept4\0"));
        Some(Self { loader, is_go, accepts })
    }
}

/// Returns a section of strings, unless it is of another kind.
fn dynamic_strings(file: &File, sections: u64, index: u64) -> Option<Vec<u8>> {
    const SHT_STRTAB: u64 = 3;
    const SHF_ALLOC: u64 = 2;
    let mut section = [0; 64];
    file.read_exact_at(&mut section, sections.checked_add(index.checked_mul(64)?)?).ok()?;
    let wanted = number::<4>(&section, 4)? == SHT_STRTAB && number::<8>(&section, 8)? & SHF_ALLOC != 0;
    if !wanted {
        return None;
    }
    piece(file, number::<8>(&section, 24)?, number::<8>(&section, 32)?.min(1 << 24))
}

fn number<const LEN: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let mut value = [0; 8];
    value.get_mut(..LEN)?.copy_from_slice(bytes.get(at..at.checked_add(LEN)?)?);
    Some(u64::from_le_bytes(value))
}

fn piece(file: &File, at: u64, len: u64) -> Option<Vec<u8>> {
    if len > file.metadata().ok()?.len() {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    file.read_exact_at(&mut bytes, at).ok()?;
    Some(bytes)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
