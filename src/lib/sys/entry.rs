//! The program's way in, instead of the standard library's.
//!
//! Rust's own `main` begins by looking for the guard page of the stack in /proc/self/maps and by setting up a second
//! stack on which an overflow of the first could be told from other faults: a tenth of modprobe's instructions and a
//! fifth of its system calls, thousands of times in a boot. This way in keeps what the tools rely on: streams that are
//! open, SIGPIPE as an error of the write, and an exit code when a panic ends the program. Must not know the tools.

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;

use super::stdio;

/// The exit code of a program that a panic ends, as the standard library has it.
const PANICKED: c_int = 101;

/// Makes a function from `argv` to the exit code the program's `main`. The crate needs
/// `#![cfg_attr(not(test), no_main)]`.
#[macro_export]
macro_rules! entry {
    ($program:path) => {
        const _: () = {
            use std::ffi::{c_char, c_int};

            // SAFETY: the C library calls this symbol, with arguments of these types, and nobody else defines it: the
            // test harness, which does, is left alone.
            #[allow(unsafe_code)]
            #[cfg_attr(not(test), unsafe(no_mangle))]
            unsafe extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
                // SAFETY: these are the arguments of the C library's call.
                unsafe { $crate::sys::entry::start(argc, argv, $program) }
            }

            // In tests, where nobody calls it.
            const _: unsafe extern "C" fn(c_int, *const *const c_char) -> c_int = main;
        };
    };
}

/// Runs `program` on the arguments of C's `main`: its exit code.
///
/// # Safety
///
/// `words` must point to `count` pointers to strings that end in NUL and are not changed while this runs.
#[doc(hidden)]
#[allow(unsafe_code)]
pub unsafe fn start(count: c_int, words: *const *const c_char, program: fn(Vec<OsString>) -> u8) -> c_int {
    stdio::take_over();
    leave_on_panic();
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: the caller vouches for `count` pointers to strings that end in NUL.
    let words = (0..count).map(|at| unsafe { CStr::from_ptr(*words.add(at)) });
    let argv = words.map(|word| OsStr::from_bytes(word.to_bytes()).to_owned()).collect();
    std::panic::catch_unwind(|| program(argv)).map_or(PANICKED, c_int::from)
}

/// Where a panic would abort, it leaves with its exit code as soon as the message is out: an error, no core dump.
fn leave_on_panic() {
    if cfg!(panic = "abort") {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            tell(panic);
            // SAFETY: _exit takes a number and does not return.
            #[allow(unsafe_code)]
            unsafe {
                libc::_exit(PANICKED)
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&CStr], program: fn(Vec<OsString>) -> u8) -> c_int {
        let argv: Vec<*const c_char> = words.iter().map(|word| word.as_ptr()).collect();
        // SAFETY: as many pointers as are counted, to strings that live as long as `words`.
        #[allow(unsafe_code)]
        unsafe {
            start(c_int::try_from(argv.len()).unwrap(), argv.as_ptr(), program)
        }
    }

    #[test]
    fn arguments_come_as_they_are_and_the_answer_is_the_exit_code() {
        let answer = run(&[c"a", c"\xff", c""], |argv| {
            if argv == [OsStr::new("a"), OsStr::from_bytes(b"\xff"), OsStr::new("")] { 7 } else { 0 }
        });
        assert_eq!(answer, 7);
        assert_eq!(run(&[], |argv| u8::from(argv.is_empty())), 1);
    }

    #[test]
    fn a_panic_is_an_exit_code() {
        assert_eq!(run(&[], |_| panic!("as it should")), PANICKED);
    }
}
