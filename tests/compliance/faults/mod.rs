//! Error handling of the tools when the kernel refuses a call, files cannot be read, or resources are exhausted. A
//! preloaded library stands in for the kernel; see `oxmod_test_support::Shim`.

mod commands;
mod compressed;
mod environment;
mod indexes;
mod insert;
mod limits;
mod output;
mod randomness;
mod remove;
mod several;
mod special_files;
mod without_sysfs;

use std::ffi::CStr;

use oxmod_test_support::{RELEASE, Root, Run, Shim, Shimmed, Side, sides};

use crate::modprobe::depmod;

/// The errnos that `init_module(2)`, `finit_module(2)` and `delete_module(2)` document, and others that kernels
/// return: a module's init function may return any errno. `ENOSYS` and `EINTR` are missing, since they do not mean
/// refusal.
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

/// A few of them, one for each case that the tools distinguish.
const FEW: [i32; 6] =
    [libc::EPERM, libc::ENOENT, libc::ENOMEM, libc::EEXIST, libc::EINVAL, libc::EKEYREJECTED];

/// Builds a tree in which `top` needs `mid`, which needs `base`; `soft` needs `base` and has the soft dependencies
/// `pre` and `post`. There is also a module for each compression.
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

/// Returns the description of an errno.
#[allow(unsafe_code)]
fn strerror(errno: i32) -> String {
    // SAFETY: strerror returns a NUL-terminated string, which is valid until this thread's next call.
    let text = unsafe { CStr::from_ptr(libc::strerror(errno)) };
    text.to_string_lossy().into_owned()
}

/// The exit code, standard output, standard error and calls; `M` stands for the directory of the modules.
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

/// Returns what modprobe prints if the kernel refuses a module.
fn refused(name: &str, errno: i32, calls: &str) -> Seen {
    let words = match errno {
        libc::EEXIST => "Module already in kernel".into(),
        libc::ENOENT => "Unknown symbol in module, or unknown parameter (see dmesg)".into(),
        errno => strerror(errno),
    };
    failed(&format!("modprobe: ERROR: could not insert '{name}': {words}\n"), calls)
}

/// A kernel, a command, and the expected results of our tool and of the reference.
struct Case(Shim, Run, Seen, Seen);

impl Case {
    fn same(shim: &Shim, run: Run, expected: Seen) -> Self {
        Self(shim.clone(), run, expected.clone(), expected)
    }

    /// Creates cases with the same kernel for several modprobe command lines.
    fn of_modprobe(shim: &Shim, cases: Vec<(Vec<&str>, Seen)>) -> Vec<Self> {
        cases.into_iter().map(|(args, expected)| Self::same(shim, modprobe(&args), expected)).collect()
    }
}

/// Runs each case on each side, and reports all mismatches together.
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
