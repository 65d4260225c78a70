//! The program's entry point, which replaces that of the standard library.
//!
//! Rust's own `main` first looks for the guard page of the stack in /proc/self/maps, and sets up a second stack, on which
//! it reports overflows of the first. This takes a tenth of modprobe's instructions and a fifth of its system calls, and
//! modprobe runs thousands of times during a boot. This entry point only does what the tools rely on: the standard streams
//! are open, SIGPIPE results in a write error, and a panic ends the program with an exit code. It must not know the tools.

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;

use super::stdio;

/// The exit code after a panic, the same as in the standard library.
const PANICKED: c_int = 101;

/// Defines the program's `main`, which calls a function from `argv` to the exit code. The crate needs
/// `#![cfg_attr(not(test), no_main)]`.
#[macro_export]
macro_rules! entry {
    ($program:path) => {
        const _: () = {
            use std::ffi::{c_char, c_int};

            // SAFETY: the C library calls this symbol with arguments of these types. Nothing else defines it; in tests,
            // where the test harness does, it is not exported.
            #[allow(unsafe_code)]
            #[cfg_attr(not(test), unsafe(no_mangle))]
            unsafe extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
                // SAFETY: these are the arguments that the C library passed.
                unsafe { $crate::sys::entry::start(argc, argv, $program) }
            }

            // Keeps `main` from being unused in tests.
            const _: unsafe extern "C" fn(c_int, *const *const c_char) -> c_int = main;
        };
    };
}

/// Runs `program` with the arguments of C's `main` and returns its exit code.
///
/// # Safety
///
/// `words` must point to `count` pointers to NUL-terminated strings, which must not change while this runs.
#[doc(hidden)]
#[allow(unsafe_code)]
pub unsafe fn start(count: c_int, words: *const *const c_char, program: fn(Vec<OsString>) -> u8) -> c_int {
    stdio::take_over();
    exit_on_panic();
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: the caller guarantees `count` pointers to NUL-terminated strings.
    let words = (0..count).map(|at| unsafe { CStr::from_ptr(*words.add(at)) });
    let argv = words.map(|word| OsStr::from_bytes(word.to_bytes()).to_owned()).collect();
    std::panic::catch_unwind(|| program(argv)).map_or(PANICKED, c_int::from)
}

/// If panics abort in this build, makes the program exit after the message instead, so that there is no core dump.
fn exit_on_panic() {
    if cfg!(panic = "abort") {
        let print_message = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            print_message(panic);
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
        // SAFETY: there are `argv.len()` pointers to strings that live as long as `words`.
        #[allow(unsafe_code)]
        unsafe {
            start(c_int::try_from(argv.len()).unwrap(), argv.as_ptr(), program)
        }
    }

    #[test]
    fn arguments_and_exit_code_are_passed_unchanged() {
        let answer = run(&[c"a", c"\xff", c""], |argv| {
            if argv == [OsStr::new("a"), OsStr::from_bytes(b"\xff"), OsStr::new("")] { 7 } else { 0 }
        });
        assert_eq!(answer, 7);
        assert_eq!(run(&[], |argv| u8::from(argv.is_empty())), 1);
    }

    #[test]
    fn a_panic_sets_the_exit_code() {
        assert_eq!(run(&[], |_| panic!("on purpose")), PANICKED);
    }
}
