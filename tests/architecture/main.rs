//! Checks the imports between the files of the library and of the program, that there are no cycles, and that restricted
//! code, such as unsafe code, is only where it is allowed. clippy.toml restricts the use of files, threads and the
//! environment.

#![allow(clippy::disallowed_methods, reason = "tests may use the system directly")]

mod imports;
mod layers;
mod names;
mod samples;

use std::path::{Path, PathBuf};

use imports::{Crate, sources};

/// The maximum number of lines of a file. A longer file has to be split.
const MAX_LINES: usize = 500;

/// The modules that must forbid unsafe code.
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

fn passes(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
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

/// Only `sys` may contain unsafe code. All output and messages use the modules for them, and exit codes are returned. No
/// hash table takes random bytes from the kernel.
#[test]
fn restricted_code_is_only_where_allowed() {
    passes(&restricted(&library(), &["sys"]));
    passes(&restricted(&program(), &[]));
}

fn restricted(krate: &Crate, may_be_unsafe: &[&str]) -> Vec<String> {
    let mut violations = Vec::new();
    for (module, file) in &krate.files {
        let is_unsafe = module.first().is_some_and(|top| may_be_unsafe.contains(&top.as_str()));
        let found = file.restricted.iter().filter(|code| !(is_unsafe && **code == "unsafe"));
        violations.extend(found.map(|code| format!("{}: {code}", file.path.display())));
    }
    violations
}

#[test]
fn unsafe_code_is_forbidden_above_sys() {
    for (path, text) in sources(&src().join("lib")) {
        if SAFE.iter().any(|module| path == Path::new(module).join("mod.rs")) {
            assert!(text.contains("\n#![forbid(unsafe_code)]\n"), "{}", path.display());
        }
    }
}

#[test]
fn files_are_documented_and_short() {
    let mut violations = Vec::new();
    for (path, text) in sources(&src()) {
        let lines = text.lines().count();
        if !text.starts_with("//! ") {
            violations.push(format!("{}: does not begin with //!", path.display()));
        }
        if lines > MAX_LINES {
            violations.push(format!("{}: has {lines} lines", path.display()));
        }
    }
    passes(&violations);
}

/// A type name must not mean different things in different files.
#[test]
fn type_names_are_unique() {
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
