//! The C library's words for errno values.

use nix::errno::Errno;

/// What the C library says about an errno value, such as `No such file or directory`. Neither the
/// standard library's ` (os error 2)` nor another crate's wording: scripts match these texts.
pub fn strerror(errno: i32) -> String {
    let mut text = [0; 256];
    // SAFETY: the buffer is writable and its length is passed; the XSI strerror_r that libc binds
    // writes at most that many bytes, with a NUL.
    #[allow(unsafe_code)]
    unsafe {
        libc::strerror_r(errno, text.as_mut_ptr().cast(), text.len());
    }
    std::ffi::CStr::from_bytes_until_nul(&text)
        .map_or_else(|_| format!("error {errno}"), |text| text.to_string_lossy().into_owned())
}

/// What C calls an errno value, such as `ENOENT`; `None` for one that it has no name for.
pub fn name(errno: i32) -> Option<String> {
    let known = Errno::from_raw(errno);
    (known != Errno::UnknownErrno).then(|| format!("{known:?}"))
}

#[cfg(test)]
mod tests {
    use super::{name, strerror};

    #[test]
    fn words_are_those_of_the_c_library() {
        assert_eq!(strerror(libc::ENOENT), "No such file or directory");
        assert_eq!(strerror(libc::ENOEXEC), "Exec format error");
        assert_eq!(strerror(-7), "Unknown error -7");
        assert_eq!(name(libc::ENOENT).as_deref(), Some("ENOENT"));
        assert_eq!(name(libc::EAGAIN).as_deref(), Some("EAGAIN"));
        assert_eq!((name(0), name(-7), name(524)), (None, None, None));
    }
}
