//! POSIX extended regular expressions, implemented by the C library.
//!
//! The kernel version patterns of depmod.d are defined by regcomp(3), so the exact dialect matters more than speed.
//! Only depmod uses this module; it is never used to load a module.

use std::ffi::CString;
use std::mem::MaybeUninit;

/// Whether `pattern` (POSIX ERE, unanchored) matches anywhere in `text`.
///
/// `None` if the pattern does not compile or either argument contains a NUL.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8]) -> Option<bool> {
    let pattern = CString::new(pattern).ok()?;
    let text = CString::new(text).ok()?;
    let mut compiled = MaybeUninit::<libc::regex_t>::uninit();
    // SAFETY: `compiled` is writable memory for one regex_t, and `pattern` is NUL-terminated.
    let status = unsafe {
        libc::regcomp(compiled.as_mut_ptr(), pattern.as_ptr(), libc::REG_EXTENDED | libc::REG_NOSUB)
    };
    if status != 0 {
        return None;
    }
    // SAFETY: regcomp returned 0, so `compiled` is initialised. With REG_NOSUB there is no match array. `compiled` is
    // freed exactly once, here, and not used afterwards.
    let found = unsafe {
        let found = libc::regexec(compiled.as_ptr(), text.as_ptr(), 0, std::ptr::null_mut(), 0);
        libc::regfree(compiled.as_mut_ptr());
        found
    };
    Some(found == 0)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn unanchored_extended_expressions() {
        assert_eq!(matches(b"1.2", b"6.1.2-x"), Some(true));
        assert_eq!(matches(b"^1.2", b"6.1.2-x"), Some(false));
        assert_eq!(matches(b"^(5|6)[.]1.*x$", b"6.1.2-x"), Some(true));
        assert_eq!(matches(b"[", b"6"), None);
        assert_eq!(matches(b"a\0", b"6"), None);
    }
}
