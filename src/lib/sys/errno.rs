//! The C library's words for errno values.

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

#[cfg(test)]
mod tests {
    use super::strerror;

    #[test]
    fn words_are_those_of_the_c_library() {
        assert_eq!(strerror(libc::ENOENT), "No such file or directory");
        assert_eq!(strerror(libc::ENOEXEC), "Exec format error");
        assert_eq!(strerror(-7), "Unknown error -7");
    }
}
