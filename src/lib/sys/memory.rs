//! What becomes of the program when it gets no more memory.
//!
//! Rust's own answer is an abort, which looks like a defect and may leave a core dump. Here it is one message and exit
//! code 1, except where somebody asked for memory that may be denied. Must not cost anything while there is memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::OnceLock;

use crate::memory;

/// The exit code of a program that has no memory left.
const EXHAUSTED: libc::c_int = 1;

/// What to say then, in pieces: there is no memory to join them.
static LAST_WORDS: OnceLock<[&str; 2]> = OnceLock::new();

/// The system's allocator, which ends the program where it has nothing left. For `#[global_allocator]`.
#[derive(Debug)]
pub struct Finite;

/// Chooses the message, up to its newline.
pub fn last_words(words: [&'static str; 2]) {
    // The first choice stands: there is one program in a process.
    let _ = LAST_WORDS.set(words);
}

#[cold]
fn exhausted() {
    if memory::is_attempt() {
        return;
    }
    for words in LAST_WORDS.get().unwrap_or(&["out of memory", "\n"]) {
        // SAFETY: write reads as many bytes as there are. That it may fail changes nothing any more.
        #[allow(unsafe_code)]
        unsafe {
            libc::write(libc::STDERR_FILENO, words.as_ptr().cast(), words.len());
        }
    }
    // SAFETY: _exit takes a number and does not return: nothing that could need memory runs any more.
    #[allow(unsafe_code)]
    unsafe {
        libc::_exit(EXHAUSTED)
    }
}

#[inline]
fn checked(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        exhausted();
    }
    memory
}

// SAFETY: each method is the system's, with the same arguments and answer; a null pointer is passed on, or nothing is.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Finite {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract, which is the same.
        checked(unsafe { System.alloc(layout) })
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract, which is the same.
        checked(unsafe { System.alloc_zeroed(layout) })
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.dealloc(memory, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract, which is the same.
        checked(unsafe { System.realloc(memory, layout, size) })
    }
}
