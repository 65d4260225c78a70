//! The texts and names that the C library has for errno values.
//!
//! This is the only place that turns an errno into text. Neither the standard library's ` (os error 2)` nor another
//! crate's wording is used, because scripts match the texts of the C library.

use std::io;

use nix::errno::Errno;

/// Returns the errno value of an I/O error; `EIO` if it does not come from the system.
pub fn of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

/// Returns the C library's text for an errno value, such as `No such file or directory`.
pub fn strerror(errno: i32) -> String {
    // The standard library calls strerror_r, and appends the number.
    let mut text = io::Error::from_raw_os_error(errno).to_string();
    if let Some(words) = text.strip_suffix(&format!(" (os error {errno})")) {
        text.truncate(words.len());
    }
    text
}

/// Returns the name of an errno value in C, such as `ENOENT`; `None` if it has no name.
pub fn name(errno: i32) -> Option<String> {
    let known = Errno::from_raw(errno);
    (known != Errno::UnknownErrno).then(|| format!("{known:?}"))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{name, of, strerror};

    #[test]
    fn texts_are_those_of_the_c_library() {
        assert_eq!(strerror(libc::ENOENT), "No such file or directory");
        assert_eq!(strerror(libc::ENOEXEC), "Exec format error");
        assert_eq!(strerror(-7), "Unknown error -7");
        assert_eq!(name(libc::ENOENT).as_deref(), Some("ENOENT"));
        assert_eq!(name(libc::EAGAIN).as_deref(), Some("EAGAIN"));
        assert_eq!((name(0), name(-7), name(524)), (None, None, None));
    }

    #[test]
    fn errors_without_errno_are_eio() {
        assert_eq!(of(&io::Error::from_raw_os_error(libc::EACCES)), libc::EACCES);
        assert_eq!(of(&io::Error::from(io::ErrorKind::UnexpectedEof)), libc::EIO);
    }
}
