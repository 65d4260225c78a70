//! Modules in the kernel: their state in /sys/module, and the system calls that load and remove them.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use super::file::OpenFile;
use super::retry::Retry;
use super::{file, sysfs};
use crate::error::Result;

/// The state of a module in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModuleState {
    /// Loaded and working.
    Live,
    /// Being loaded.
    Coming,
    /// Being removed.
    Going,
}

/// Returns the state of the module with this normalised name; `None` if it is not loaded, or if it is built in.
pub fn state(name: &[u8]) -> Option<ModuleState> {
    let dir = dir(name)?;
    match initstate(&dir).ok()?.as_deref() {
        Some(LIVE) => Some(ModuleState::Live),
        Some(b"coming\n") => Some(ModuleState::Coming),
        Some(b"going\n") => Some(ModuleState::Going),
        Some(_) => None,
        // The kernel creates the directory before its files.
        None => file::exists(&dir).is_ok().then_some(ModuleState::Coming),
    }
}

/// Whether the module with this normalised name is in the kernel, in any state.
pub fn is_present(name: &[u8]) -> bool {
    state(name).is_some() || dir(name).is_some_and(|dir| dir.is_dir())
}

/// Whether the module with this normalised name is in [`ModuleState::Live`]. Needs one lookup where [`fn@state`] may need
/// two.
pub fn is_live(name: &[u8]) -> bool {
    dir(name).is_some_and(|dir| initstate(&dir).is_ok_and(|word| word.as_deref() == Some(LIVE)))
}

/// Whether /sys/module exists, which it does not before /sys is mounted. Asked for every module, so the answer is kept
/// once it is yes.
pub fn is_sysfs_available() -> bool {
    static SEEN: AtomicBool = AtomicBool::new(false);
    if !SEEN.load(Relaxed) && file::exists(Path::new("/sys/module")).is_ok() {
        SEEN.store(true, Relaxed);
    }
    SEEN.load(Relaxed)
}

/// Whether /sys/module has a directory with this name that lacks the state, as for built-in modules.
pub fn is_stateless(name: &[u8]) -> bool {
    dir(name)
        .is_some_and(|dir| initstate(&dir).is_ok_and(|word| word.is_none()) && file::exists(&dir).is_ok())
}

const LIVE: &[u8] = b"live\n";

/// Returns the contents of a module's attribute `initstate`; `None` if it does not exist.
fn initstate(dir: &Path) -> Result<Option<Vec<u8>>> {
    file::unless_absent(file::read_text(&dir.join("initstate")))
}

/// Returns the directory of a module in /sys/module.
fn dir(name: &[u8]) -> Option<PathBuf> {
    // A name is a single path component; anything else cannot be the name of a module.
    (!name.is_empty() && !name.contains(&b'/')).then(|| sysfs::module_dir(name))
}

// The C library's functions rather than syscall(2), so that the tools can be tested under preloaded shims. There is
// none for finit_module.
#[allow(unsafe_code)]
unsafe extern "C" {
    fn init_module(
        image: *const libc::c_void,
        len: libc::c_ulong,
        parameters: *const libc::c_char,
    ) -> libc::c_int;
    fn delete_module(name: *const libc::c_char, flags: libc::c_uint) -> libc::c_int;
}

/// `finit_module` flag: do not check symbol versions.
pub const IGNORE_MODVERSIONS: libc::c_int = 1;
/// `finit_module` flag: do not check the version magic.
pub const IGNORE_VERMAGIC: libc::c_int = 2;
/// `finit_module` flag: the file is compressed and the kernel decompresses it.
pub const COMPRESSED_FILE: libc::c_int = 4;

/// The number of times to make a call that is interrupted each time.
const TRIES: u32 = 3;

/// Repeats a call that was interrupted by a signal. This program does not install signal handlers. So the signal either
/// was a stop and continue, or all processes were frozen for a suspend, while the call was waiting for a lock or for
/// another process that loads the same module. The call has not changed anything then, unless the error comes from a
/// module's own init function, hence the limit.
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

/// Loads the module in `file` with `finit_module(2)`.
///
/// Errors: those in the manual page; `ENOSYS` before Linux 3.8.
#[allow(unsafe_code)]
pub fn insert_file(file: &OpenFile, parameters: &CStr, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open while `file` is borrowed. The parameters are NUL-terminated, and the kernel copies
    // them.
    uninterrupted(|| unsafe {
        libc::syscall(libc::SYS_finit_module, file.as_fd().as_raw_fd(), parameters.as_ptr(), flags)
    })
}

/// Loads the module with the ELF object `image` with `init_module(2)`.
#[allow(unsafe_code)]
pub fn insert_image(image: &[u8], parameters: &CStr) -> io::Result<()> {
    // SAFETY: the kernel reads `image.len()` bytes of the image, and the parameters up to their NUL.
    uninterrupted(|| unsafe {
        init_module(image.as_ptr().cast(), image.len() as libc::c_ulong, parameters.as_ptr()).into()
    })
}

/// Removes a module with `delete_module(2)` without waiting. `force` removes it even if it is in use, if the kernel
/// permits.
#[allow(unsafe_code)]
pub fn remove(name: &CStr, force: bool) -> io::Result<()> {
    let flags = libc::O_NONBLOCK | if force { libc::O_TRUNC } else { 0 };
    // SAFETY: the name is NUL-terminated, and the kernel copies it.
    uninterrupted(|| unsafe { delete_module(name.as_ptr(), flags.cast_unsigned()).into() })
}

/// The first pause of [`remove_within`]. Each further pause is twice as long as the previous one.
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// Does the same as [`remove`], but while the module is in use, tries again with growing pauses until `time` has
/// passed.
pub fn remove_within(name: &CStr, force: bool, time: Duration) -> io::Result<()> {
    let mut retry = Retry::new(time, FIRST_PAUSE, Duration::MAX);
    loop {
        match remove(name, force) {
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) && retry.pause() => {}
            answer => return answer,
        }
    }
}

/// Returns the compression format that the kernel supports, such as `xz`, from /sys/module/compression.
pub fn kernel_compression() -> Option<Vec<u8>> {
    let mut word = file::read_if_exists(Path::new("/sys/module/compression")).ok()??;
    word.truncate(word.trim_ascii_end().len());
    Some(word)
}
