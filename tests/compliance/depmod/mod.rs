//! depmod: every output file, every option, its messages, and its handling of errors.

pub(crate) mod cache;
mod command_line;
mod concurrent;
mod configuration;
mod crash;
mod damaged;
mod defects;
pub(crate) mod incremental;
mod progress;
mod publication;
mod quick;
mod real;
mod trees;
mod verify;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use oxmod_test_support::{Answer, Root, Run, Side};

/// The files that depmod wrote, keyed by name.
#[derive(PartialEq, Eq)]
struct Files(BTreeMap<PathBuf, Vec<u8>>);

/// Prints text files as text but only the size of binary indexes, to keep the output of failing tests readable.
impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, bytes) in &self.0 {
            match name.extension() {
                Some(bin) if bin == "bin" => writeln!(f, "{}: {} bytes", name.display(), bytes.len())?,
                _ if bytes.len() < 5000 => writeln!(f, "{}: {}", name.display(), bytes.as_bstr())?,
                _ => writeln!(f, "{}: {} bytes of text", name.display(), bytes.len())?,
            }
        }
        Ok(())
    }
}

impl std::ops::Index<&str> for Files {
    type Output = [u8];

    fn index(&self, name: &str) -> &[u8] {
        self.0.get(Path::new(name)).unwrap_or_else(|| panic!("{name} was not written"))
    }
}

/// Runs `depmod -b root -o elsewhere ARGS RELEASE` and returns the answer and the files written.
fn run(root: &Path, release: &str, args: &[&str], side: Side) -> (Answer, Files) {
    let out = Root::for_release(release);
    let answer =
        Run::new("depmod").arg("-b").arg(root).arg("-o").arg(out.path("")).args(args).arg(release).on(side);
    let mut files = out.snapshot(Path::new("lib/modules").join(release));
    // Only our depmod writes the cache; the module `cache` tests it.
    files.remove(Path::new("modules.oxmod.bin"));
    let files = Files(files);
    (answer, files)
}

/// Does the same as [`run`] with a tree built by a test.
fn depmod(root: &Root, args: &[&str], side: Side) -> (Answer, Files) {
    run(&root.path(""), root.release(), args, side)
}

/// Creates a root with the kernel's lists, empty, so that no warnings about missing lists are printed.
fn root() -> Root {
    let root = Root::new();
    for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        root.file(root.in_modules(list), "");
    }
    root
}

/// Returns the lines of a text file, without its header.
fn lines(files: &Files, name: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(&files[name]).into_owned();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}
