//! The program's behaviour when it runs out of memory.
//!
//! Rust's default is to abort, which looks like a bug and may leave a core dump. Here the program prints one message
//! and exits with code 1, except where the caller can handle a failed allocation. Must not cost anything while there is
//! enough memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::OnceLock;

use crate::memory;

/// The exit code when memory is exhausted.
const EXHAUSTED: libc::c_int = 1;

/// The message, in pieces, because there is no memory to join them.
static MESSAGE: OnceLock<[&str; 2]> = OnceLock::new();

/// The system's allocator, but one that ends the program when memory is exhausted. For `#[global_allocator]`.
#[derive(Debug)]
pub struct ExitingAllocator;

/// Sets the message, including its newline.
pub fn set_message(parts: [&'static str; 2]) {
    // The first message is kept: there is only one program in a process.
    let _ = MESSAGE.set(parts);
}

#[cold]
fn exhausted() {
    if memory::is_attempt() {
        return;
    }
    for part in MESSAGE.get().unwrap_or(&["out of memory", "\n"]) {
        // SAFETY: write reads `part.len()` bytes. A failure does not matter any more.
        #[allow(unsafe_code)]
        unsafe {
            libc::write(libc::STDERR_FILENO, part.as_ptr().cast(), part.len());
        }
    }
    // SAFETY: _exit takes a number and does not return, so nothing that could need memory runs after it.
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

// SAFETY: each method calls the system's with the same arguments and returns its result, or does not return.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for ExitingAllocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the contract is the same, and the caller upholds it.
        checked(unsafe { System.alloc(layout) })
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the contract is the same, and the caller upholds it.
        checked(unsafe { System.alloc_zeroed(layout) })
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the contract is the same, and the caller upholds it.
        unsafe { System.dealloc(memory, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the contract is the same, and the caller upholds it.
        checked(unsafe { System.realloc(memory, layout, size) })
    }
}
