//! The exported functions, and the constructor that reads the environment before the program can change it.

use core::cell::UnsafeCell;
use core::ffi::{CStr, c_char, c_int};
use core::mem::MaybeUninit;
use core::net::SocketAddr;
use core::panic::PanicInfo;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::addr::Family;
use crate::admit::{self, Admitted, Room};
use crate::label::Label;
use crate::log::{Line, log};
use crate::lot;
use crate::settings::Settings;
use crate::sys::{self, EINVAL, Errno};

/// `EX_CONFIG` of sysexits.h.
const MISCONFIGURED: i32 = 78;

unsafe extern "C" {
    fn __errno_location() -> *mut c_int;
    static mut environ: *const *const c_char;
    /// Undefined on purpose: if something can panic, this name is in the library, and build.sh refuses it.
    fn a_panic_path_is_left() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: nothing gets here.
    unsafe { a_panic_path_is_left() }
}

/// The settings that the constructor has read. Until it has run, the hooks call the kernel and change nothing.
struct Store(UnsafeCell<MaybeUninit<Settings>>);

// SAFETY: it is written once, by the constructor, before `READY` is set, and only read after that.
unsafe impl Sync for Store {}

static STORE: Store = Store(UnsafeCell::new(MaybeUninit::uninit()));
static READY: AtomicBool = AtomicBool::new(false);
/// The user at the start of the process. Workers may have become another user since.
static FIRST_UID: AtomicU32 = AtomicU32::new(0);

fn settings() -> Option<&'static Settings> {
    // SAFETY: `READY` is set after the settings were written.
    READY.load(Ordering::Acquire).then(|| unsafe { (*STORE.0.get()).assume_init_ref() })
}

/// Returns whether a lot that runs as this user can be ours.
pub(crate) fn is_ours(uid: u32) -> bool {
    uid == 0 || uid == FIRST_UID.load(Ordering::Relaxed) || Some(uid) == sys::effective_uid()
}

/// The constructor. glibc passes the environment as an argument; musl has set `environ` by now.
extern "C" fn start(_: c_int, _: *const *const c_char, third: *const *const c_char) {
    // SAFETY: constructors run one after the other, and before `main`.
    let set = unsafe { environ };
    let environment = if set.is_null() { third } else { set };
    let lookup = |name: &str| variable(environment, name);
    let settings = match Settings::from_env(lookup) {
        Ok(settings) => settings,
        Err(error) => {
            let mut line = Line::new();
            line.text(error.variable.as_bytes());
            if !error.value.is_empty() {
                line.text(b": ").quoted(error.value);
            }
            line.text(b" ").text(error.problem.as_bytes());
            give_up(&line);
        }
    };
    FIRST_UID.store(sys::effective_uid().unwrap_or(0), Ordering::Relaxed);
    if !labels_stick(&settings) {
        let mut line = Line::new();
        line.text(b"a TCP_FASTOPEN_KEY of 32 bytes does not stick to sockets here, so there is nowhere to keep addresses; ")
            .text(b"it takes Linux 5.3 or newer, and no sandbox in between that has its own network");
        give_up(&line);
    }
    if settings.log {
        crate::log::begin();
    }
    if let Some((name, token)) = settings.lot {
        lot::hello(&name, token);
    }
    // SAFETY: nobody reads before `READY` is set, and this function runs once.
    unsafe { (*STORE.0.get()).write(settings) };
    READY.store(true, Ordering::Release);
}

#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = start;

fn give_up(line: &Line) -> ! {
    line.print();
    sys::exit(MISCONFIGURED)
}

/// Returns the value of an environment variable.
fn variable(environment: *const *const c_char, name: &str) -> Option<&'static [u8]> {
    let mut entry = environment;
    if entry.is_null() {
        return None;
    }
    loop {
        // SAFETY: the environment is an array of pointers to strings, and ends with a null pointer.
        let text = unsafe { *entry };
        if text.is_null() {
            return None;
        }
        // SAFETY: as above. The string may be overwritten once the program runs, but not while constructors do.
        let text = unsafe { CStr::from_ptr(text) }.to_bytes();
        if let Some([b'=', value @ ..]) = text.strip_prefix(name.as_bytes()) {
            return Some(value);
        }
        // SAFETY: this was not the last entry.
        entry = unsafe { entry.add(1) };
    }
}

/// Tries the label on sockets made for that.
fn labels_stick(settings: &Settings) -> bool {
    const SOCK_STREAM: i32 = 1;
    let source = SocketAddr::from(([203, 0, 113, 7], 40000));
    let v6 = SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7], 40000));
    let label = Label::new(source, settings.destination.then_some(v6));
    let try_on = |family: u16, unix: bool| {
        let Ok(socket) = sys::socket(family, SOCK_STREAM) else { return None };
        let filter = || Label::read_filter(socket) == Some(label);
        let sticks = label.write(socket, unix).is_ok()
            && (unix || Label::read(socket).map(|label| label.source) == Some(source))
            && (!(unix || settings.destination) || filter());
        sys::close(socket);
        Some(sticks)
    };
    let tcp = try_on(crate::addr::AF_INET, false).or_else(|| try_on(crate::addr::AF_INET6, false));
    let unix = !settings.has_unix_listener() || try_on(crate::addr::AF_UNIX, true) == Some(true);
    tcp != Some(false) && unix
}

/// Accepts as `accept(2)` does. On the configured listeners it consumes the header and returns the header's
/// source as the peer.
///
/// # Safety
///
/// As with the function of the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn accept(listener: c_int, name: *mut u8, len: *mut u32) -> c_int {
    // SAFETY: by the caller's word.
    unsafe { accept4(listener, name, len, 0) }
}

/// Accepts as `accept4(2)` does; see [`accept`].
///
/// # Safety
///
/// As with the function of the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn accept4(listener: c_int, name: *mut u8, len: *mut u32, flags: c_int) -> c_int {
    let room = if name.is_null() {
        Some(Room::NotAsked)
    } else {
        // SAFETY: by the caller's word `len` can be read if it is not null.
        let len = unsafe { len.as_ref() };
        // The kernel refuses a negative length.
        len.filter(|&&len| i32::try_from(len).is_ok()).map(|&len| Room::Bytes(len as usize))
    };
    let (Some(settings), Some(room)) = (settings(), room) else {
        // SAFETY: by the caller's word.
        return or_errno(unsafe { sys::accept4_raw(listener, name, len, flags) });
    };
    match admit::accept(settings, listener, room, flags) {
        Ok(Admitted { socket, peer }) => {
            if let Room::Bytes(room) = room {
                // SAFETY: `name` has the room that `len` said, by the caller's word.
                unsafe { copy_name(peer.bytes(), name, room, len) };
            }
            socket
        }
        Err(error) => or_errno(Err(error)),
    }
}

/// Returns the peer as `getpeername(2)` does; it is the source in the header, if there was one.
///
/// # Safety
///
/// As with the function of the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getpeername(socket: c_int, name: *mut u8, len: *mut u32) -> c_int {
    // SAFETY: by the caller's word.
    unsafe { show(socket, name, len, sys::getpeername_raw, |label| Some(label.source)) }
}

/// Returns the socket's own address as `getsockname(2)` does, or the header's destination with
/// `REALPEER_DESTINATION=header`.
///
/// # Safety
///
/// As with the function of the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getsockname(socket: c_int, name: *mut u8, len: *mut u32) -> c_int {
    if settings().is_some_and(|settings| settings.destination) {
        // SAFETY: by the caller's word.
        return unsafe { show(socket, name, len, sys::getsockname_raw, |label| label.destination) };
    }
    // SAFETY: by the caller's word.
    or_errno(unsafe { sys::getsockname_raw(socket, name, len) }.map(|()| 0))
}

type Ask = unsafe fn(i32, *mut u8, *mut u32) -> Result<(), Errno>;
type Pick = fn(&Label) -> Option<SocketAddr>;

/// Makes the system call with the program's own arguments, so that errors stay the same, and then replaces the address
/// with the one in the label.
///
/// # Safety
///
/// As with the functions of the C library.
#[inline(never)] // one copy for both callers
unsafe fn show(socket: i32, name: *mut u8, len: *mut u32, ask: Ask, pick: Pick) -> c_int {
    // SAFETY: by the caller's word `len` can be read if it is not null.
    let room = unsafe { len.as_ref() }.map_or(0, |&len| len as usize);
    // SAFETY: by the caller's word.
    if let Err(error) = unsafe { ask(socket, name, len) } {
        return or_errno(Err(error));
    }
    let Some(address) = label(socket).as_ref().and_then(pick) else { return 0 };
    let family = match sys::family(socket) {
        Some(crate::addr::AF_INET) => Family::Inet,
        Some(crate::addr::AF_INET6) => Family::Inet6,
        _ => Family::Unix,
    };
    let mut bytes = [0; 28];
    let needed = family.sockaddr(address, &mut bytes);
    if !Room::Bytes(room).holds(family, needed) {
        log(|line| {
            line.text(b"the program has no room for an IPv6 address; let it listen on [::] to be told of it");
        });
        return or_errno(Err(EINVAL));
    }
    // SAFETY: `name` has the room that `len` said, by the caller's word; the kernel has just written to both.
    unsafe { copy_name(bytes.get(..needed).unwrap_or_default(), name, room, len) };
    0
}

fn label(socket: i32) -> Option<Label> {
    let settings = settings()?;
    let label = Label::read(socket);
    let complete = label.is_some_and(|label| label.destination.is_some() || !settings.destination);
    if complete || !(settings.destination || settings.has_unix_listener()) {
        return label;
    }
    Label::read_filter(socket).or(label)
}

/// Writes an address to the program's buffer as the kernel does: as much as fits, and the length of the whole.
///
/// # Safety
///
/// `name` must have `room` bytes, and `len` must be writable.
unsafe fn copy_name(bytes: &[u8], name: *mut u8, room: usize, len: *mut u32) {
    // SAFETY: by the caller's word.
    unsafe {
        ptr::copy_nonoverlapping(bytes.as_ptr(), name, bytes.len().min(room));
        *len = bytes.len() as u32;
    }
}

/// Returns a result as the C library does: an error as -1 with `errno` set. `errno` stays unchanged otherwise.
fn or_errno(answer: Result<i32, Errno>) -> c_int {
    answer.unwrap_or_else(|error| {
        // SAFETY: the C library returns where this thread's `errno` is.
        unsafe { *__errno_location() = error };
        -1
    })
}
