//! The kernel refuses, files cannot be read, resources run out: what the tools say and do then. A preloaded
//! library stands in for the kernel, see `oxmod_test_support::Shim`.

mod commands;
mod compressed;
mod indexes;
mod insert;
mod limits;
mod remove;
mod surroundings;

use std::ffi::CStr;

use oxmod_test_support::{RELEASE, Root, Run, Shim, Shimmed, Side, sides};

use crate::modprobe::depmod;

/// What `init_module(2)`, `finit_module(2)` and `delete_module(2)` document, and what else kernels answer: a
/// module's own start may return anything. Without `ENOSYS` and `EINTR`, which stand for no refusal.
const ERRNOS: [i32; 29] = [
    libc::EPERM,
    libc::ENOENT,
    libc::ESRCH,
    libc::EIO,
    libc::ENXIO,
    libc::ENOEXEC,
    libc::EBADF,
    libc::EAGAIN,
    libc::ENOMEM,
    libc::EACCES,
    libc::EFAULT,
    libc::EBUSY,
    libc::EEXIST,
    libc::ENODEV,
    libc::EINVAL,
    libc::ENFILE,
    libc::ETXTBSY,
    libc::EFBIG,
    libc::ENOSPC,
    libc::ERANGE,
    libc::ENODATA,
    libc::EBADMSG,
    libc::EOPNOTSUPP,
    libc::ETIMEDOUT,
    libc::ENOKEY,
    libc::EKEYEXPIRED,
    libc::EKEYREVOKED,
    libc::EKEYREJECTED,
    libc::EHWPOISON,
];

/// A few of them, one for each way in which they are told apart.
const FEW: [i32; 6] =
    [libc::EPERM, libc::ENOENT, libc::ENOMEM, libc::EEXIST, libc::EINVAL, libc::EKEYREJECTED];

/// `top` needs `mid` needs `base`; `soft` needs `base` and stands between `pre` and `post`. One module for each
/// compression.
fn tree() -> Root {
    let root = Root::new();
    root.module("base.ko", |m| m.export("sym_base", 1));
    root.module("mid.ko", |m| m.export("sym_mid", 2).need("sym_base"));
    root.module("top.ko", |m| m.need("sym_mid"));
    root.module("soft.ko", |m| m.need("sym_base").info("softdep", "pre: pre post: post"));
    for name in ["pre.ko", "post.ko", "zstd.ko.zst", "xz.ko.xz", "gzip.ko.gz"] {
        root.module(name, |m| m.info("description", name));
    }
    root.file(root.in_modules("modules.builtin"), "kernel/inside.ko\n");
    depmod(&root);
    root.file("proc/cmdline", "quiet\n").file("proc/modules", "");
    root
}

fn modprobe(args: &[&str]) -> Run {
    Run::new("modprobe").args(["-S", RELEASE]).args(args)
}

/// An errno in words.
#[allow(unsafe_code)]
fn strerror(errno: i32) -> String {
    // SAFETY: the text is the C library's, ends in NUL and lasts until the next call by this thread.
    let text = unsafe { CStr::from_ptr(libc::strerror(errno)) };
    text.to_string_lossy().into_owned()
}

/// Exit code, standard output, standard error, calls; `M` is the directory of the modules.
type Seen = (i32, String, String, String);

fn seen(shimmed: &Shimmed) -> Seen {
    let (code, stdout, stderr) = shimmed.answer.triple();
    let short = |text: String| text.replace(&format!("/lib/modules/{RELEASE}"), "M");
    (code, short(stdout), short(stderr), shimmed.calls.clone())
}

fn fine(calls: &str) -> Seen {
    (0, String::new(), String::new(), calls.into())
}

fn failed(stderr: &str, calls: &str) -> Seen {
    (1, String::new(), stderr.into(), calls.into())
}

/// What modprobe says when the kernel refuses a module.
fn refused(name: &str, errno: i32, calls: &str) -> Seen {
    let words = match errno {
        libc::EEXIST => "Module already in kernel".into(),
        libc::ENOENT => "Unknown symbol in module, or unknown parameter (see dmesg)".into(),
        errno => strerror(errno),
    };
    failed(&format!("modprobe: ERROR: could not insert '{name}': {words}\n"), calls)
}

/// One command, what the kernel answers it, and what is expected of ours and theirs.
struct Case(Shim, Run, Seen, Seen);

impl Case {
    fn same(shim: &Shim, run: Run, expected: Seen) -> Self {
        Self(shim.clone(), run, expected.clone(), expected)
    }

    /// One kernel for several command lines of modprobe.
    fn of_modprobe(shim: &Shim, cases: Vec<(Vec<&str>, Seen)>) -> Vec<Self> {
        cases.into_iter().map(|(args, expected)| Self::same(shim, modprobe(&args), expected)).collect()
    }
}

/// Runs each case on each side. All that is not as expected is told at once.
#[track_caller]
fn all(root: &Root, cases: impl IntoIterator<Item = Case>) {
    let mut wrong = Vec::new();
    let mut answers = 0;
    for Case(shim, run, ours, theirs) in cases {
        for &side in sides() {
            let expected = if side == Side::Ours { &ours } else { &theirs };
            let answer = seen(&shim.run(root, &run, side));
            answers += 1;
            if answer != *expected {
                wrong.push(format!(
                    "{side:?} {run:?}\n{shim:?}\nexpected: {expected:?}\nanswered: {answer:?}\n"
                ));
            }
        }
    }
    assert!(answers > 0, "no case");
    assert!(
        wrong.is_empty(),
        "{} of {answers} answers\n{}",
        wrong.len(),
        wrong[..wrong.len().min(8)].concat()
    );
}
