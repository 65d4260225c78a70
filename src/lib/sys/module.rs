//! The kernel's side of modules: their state in /sys/module, and the calls that load and remove them.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::retry::Retry;
use super::{file, sysfs};
use crate::error::Result;

/// What the kernel says about a loaded module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Working.
    Live,
    /// Being loaded.
    Coming,
    /// Being removed.
    Going,
}

/// The state of the module of this normalised name; `None` when the kernel does not know it, or
/// knows it as built in.
pub fn state(name: &[u8]) -> Option<State> {
    let dir = dir(name)?;
    match initstate(&dir).ok()?.as_deref() {
        Some(LIVE) => Some(State::Live),
        Some(b"coming\n") => Some(State::Coming),
        Some(b"going\n") => Some(State::Going),
        Some(_) => None,
        // The directory comes into being before its files do.
        None => file::exists(&dir).is_ok().then_some(State::Coming),
    }
}

/// Whether the kernel has the module of this normalised name, be its state none of those that are known.
pub fn is_present(name: &[u8]) -> bool {
    state(name).is_some() || dir(name).is_some_and(|dir| dir.is_dir())
}

/// Whether the module of this normalised name is in [`State::Live`]: one question where
/// [`fn@state`] may need two.
pub fn is_live(name: &[u8]) -> bool {
    dir(name).is_some_and(|dir| initstate(&dir).is_ok_and(|word| word.as_deref() == Some(LIVE)))
}

/// Whether the kernel shows modules at all: not before /sys is mounted.
pub fn are_shown() -> bool {
    file::exists(Path::new("/sys/module")).is_ok()
}

/// How long to wait before the state is looked at again, at first and at last.
const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(32)];

/// The state of the module of this normalised name once it is not [`State::Coming`] or [`State::Going`] any
/// more, or after `patience` whatever it is then.
pub fn settled(name: &[u8], patience: Duration) -> Option<State> {
    let [first, longest] = PAUSES;
    let mut retry = Retry::new(patience, first, longest);
    loop {
        let state = state(name);
        if matches!(state, None | Some(State::Live)) {
            return state;
        }
        // What is built in has a directory and no state, for ever.
        if retry.elapsed() >= BARE && is_bare(name) {
            return None;
        }
        if !retry.pause() {
            return state;
        }
    }
}

/// How long a module may have a directory and nothing in it.
const BARE: Duration = Duration::from_millis(100);

/// Whether the kernel shows something of this name that has no state, as it does of what is built in.
pub fn is_bare(name: &[u8]) -> bool {
    dir(name)
        .is_some_and(|dir| initstate(&dir).is_ok_and(|word| word.is_none()) && file::exists(&dir).is_ok())
}

const LIVE: &[u8] = b"live\n";

/// The contents of a module's attribute `initstate`; `None` where there is none.
fn initstate(dir: &Path) -> Result<Option<Vec<u8>>> {
    file::unless_absent(file::read_text(&dir.join("initstate")))
}

/// Where the kernel shows a module.
fn dir(name: &[u8]) -> Option<PathBuf> {
    // A name is one component of a path; anything else names no module.
    (!name.is_empty() && !name.contains(&b'/')).then(|| sysfs::module_dir(name))
}

// The C library's own symbols rather than syscall(2): tools can then be tested under preloaded shims.
// It has none for finit_module.
#[allow(unsafe_code)]
unsafe extern "C" {
    fn init_module(
        image: *const libc::c_void,
        len: libc::c_ulong,
        parameters: *const libc::c_char,
    ) -> libc::c_int;
    fn delete_module(name: *const libc::c_char, flags: libc::c_uint) -> libc::c_int;
}

/// `finit_module` flag: do not compare symbol versions.
pub const IGNORE_MODVERSIONS: libc::c_int = 1;
/// `finit_module` flag: do not compare the version magic.
pub const IGNORE_VERMAGIC: libc::c_int = 2;
/// `finit_module` flag: the kernel decompresses.
pub const COMPRESSED_FILE: libc::c_int = 4;

/// How often a call is made that is interrupted each time.
const TRIES: u32 = 3;

/// Calls again where a signal interrupted the call. No signal has a handler here: one that does not end the
/// process is a stop and its end, or the freezing of all processes for a suspend, and the call was waiting for
/// a lock or for another process that loads the same module. It has changed nothing, unless a module's own
/// start answers so: hence the bound.
fn uninterrupted(call: impl Fn() -> libc::c_long) -> io::Result<()> {
    let mut tries = 1;
    loop {
        if call() == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted || tries == TRIES {
            return Err(error);
        }
        tries += 1;
    }
}

/// `finit_module(2)`: loads the module that `file` holds.
///
/// Errors: the kernel's, see the manual page; `ENOSYS` before Linux 3.8.
#[allow(unsafe_code)]
pub fn insert_file(file: &File, parameters: &CStr, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open as long as `file` is borrowed; the parameters end in NUL and the
    // kernel copies them.
    uninterrupted(|| unsafe {
        libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), parameters.as_ptr(), flags)
    })
}

/// `init_module(2)`: loads the module whose ELF object is `image`.
#[allow(unsafe_code)]
pub fn insert_image(image: &[u8], parameters: &CStr) -> io::Result<()> {
    // SAFETY: the kernel reads `image.len()` bytes of the image and the parameters up to their NUL.
    uninterrupted(|| unsafe {
        init_module(image.as_ptr().cast(), image.len() as libc::c_ulong, parameters.as_ptr()).into()
    })
}

/// `delete_module(2)`, never waiting; `force` removes a module that is in use, if the kernel permits.
#[allow(unsafe_code)]
pub fn remove(name: &CStr, force: bool) -> io::Result<()> {
    let flags = libc::O_NONBLOCK | if force { libc::O_TRUNC } else { 0 };
    // SAFETY: the name ends in NUL and the kernel copies it.
    uninterrupted(|| unsafe { delete_module(name.as_ptr(), flags.cast_unsigned()).into() })
}

/// How long [`remove_within`] pauses before its second try; each pause is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// The same, but a module in use is tried again, with growing pauses, until `time` has passed.
pub fn remove_within(name: &CStr, force: bool, time: Duration) -> io::Result<()> {
    let mut retry = Retry::new(time, FIRST_PAUSE, Duration::MAX);
    loop {
        match remove(name, force) {
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) && retry.pause() => {}
            answer => return answer,
        }
    }
}

/// What the kernel can decompress by itself: the word in /sys/module/compression, such as `xz`.
pub fn kernel_compression() -> Option<Vec<u8>> {
    let mut word = file::read_if_exists(Path::new("/sys/module/compression")).ok()??;
    word.truncate(word.trim_ascii_end().len());
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `kernel` has parameters in every kernel, and so a directory; were it waited for, this would take an hour.
    #[test]
    fn what_is_built_in_is_not_waited_for() {
        assert_eq!(settled(b"kernel", Duration::from_hours(1)), None);
    }
}
