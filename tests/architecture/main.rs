//! Fails on a wrong import between the files of the library and of the program, on a cycle of imports, and on what belongs
//! to few files only, such as unsafe code. clippy.toml sees to the rest: who may use files, threads and the environment.

#![allow(clippy::disallowed_methods, reason = "a test does to the system what it likes")]

mod imports;
mod layers;
mod names;
mod samples;

use std::path::{Path, PathBuf};

use imports::{Crate, sources};

/// The most lines of a file: one that says more is two files.
const MAX_LINES: usize = 500;

/// The modules in which unsafe code cannot even be allowed.
const SAFE: [&str; 3] = ["formats", "context", "ops"];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn library() -> Crate {
    Crate::read(&src().join("lib"))
}

fn program() -> Crate {
    Crate::read(&src().join("bin/kmod"))
}

fn passes(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_library_imports_from_lower_layers() {
    passes(&layers::library(&library()));
}

#[test]
fn the_program_imports_from_lower_layers() {
    passes(&layers::program(&program()));
}

#[test]
fn modules_do_not_import_each_other() {
    passes(&layers::cycles(&library()));
    passes(&layers::cycles(&program()));
}

/// Unsafe code is for `sys` alone; standard output has one way out of the program, and messages another; an exit code is
/// returned; no hash table takes random bytes from the kernel.
#[test]
fn reserved_words_stay_where_they_belong() {
    passes(&reserved(&library(), &["sys"]));
    passes(&reserved(&program(), &[]));
}

fn reserved(of: &Crate, may_be_unsafe: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (module, file) in &of.files {
        let is_unsafe = module.first().is_some_and(|room| may_be_unsafe.contains(&room.as_str()));
        let words = file.reserved.iter().filter(|word| !(is_unsafe && **word == "unsafe"));
        wrong.extend(words.map(|word| format!("{}: {word}", file.path.display())));
    }
    wrong
}

#[test]
fn unsafe_code_is_forbidden_above_sys() {
    for (path, text) in sources(&src().join("lib")) {
        if SAFE.iter().any(|room| path == Path::new(room).join("mod.rs")) {
            assert!(text.contains("\n#![forbid(unsafe_code)]\n"), "{}", path.display());
        }
    }
}

#[test]
fn files_say_what_they_own_and_are_short() {
    let mut wrong = Vec::new();
    for (path, text) in sources(&src()) {
        let lines = text.lines().count();
        if !text.starts_with("//! ") {
            wrong.push(format!("{}: does not begin with //!", path.display()));
        }
        if lines > MAX_LINES {
            wrong.push(format!("{}: has {lines} lines", path.display()));
        }
    }
    passes(&wrong);
}

/// A reader who has learnt a name in one file may rely on it in the next.
#[test]
fn a_type_name_means_one_thing() {
    let mut repeated = names::repeated(&sources(&src().join("lib")));
    for (name, _) in names::SHARED {
        assert!(repeated.remove(name).is_some(), "{name} is not repeated: remove the exception");
    }
    assert!(repeated.is_empty(), "{repeated:#?}");
}

#[test]
fn repeated_names_are_found() {
    let of = |files: &[(&str, &str)]| {
        let sources: Vec<_> = files.iter().map(|(path, text)| (path.into(), (*text).to_owned())).collect();
        names::repeated(&sources).into_keys().collect::<Vec<_>>()
    };
    assert_eq!(of(&[("a.rs", "pub struct X;"), ("b.rs", "pub(crate) enum X {}")]), ["X"]);
    assert_eq!(of(&[("a.rs", "pub trait X {}"), ("b.rs", "pub type X = u8;")]), ["X"]);
    assert!(of(&[("a.rs", "pub struct X;"), ("b.rs", "struct X; pub struct Y;")]).is_empty());
    assert!(of(&[("a.rs", "pub struct X;"), ("a/tests.rs", "pub struct X;")]).is_empty());
}
