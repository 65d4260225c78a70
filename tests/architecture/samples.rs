//! Tests the checks themselves: violations are found in each spelling, and correct code passes.

use super::imports::Crate;
use super::{layers, restricted};

/// Returns a small library in which the file at `path` has the contents `text`.
fn library(path: &str, text: &str) -> Crate {
    let others = [
        ("lib.rs", "pub mod error; pub mod formats; pub mod sys; pub mod context; pub mod ops;"),
        ("error.rs", "pub struct Error;"),
        ("formats/mod.rs", "pub mod elf; pub mod index; pub mod source;"),
        ("formats/elf.rs", ""),
        ("formats/index.rs", ""),
        ("formats/source.rs", ""),
        ("sys/mod.rs", "pub mod file;"),
        ("sys/file.rs", "pub fn read() {}"),
        ("context/mod.rs", "mod lookup; pub use lookup::Module;"),
        ("context/lookup.rs", "pub struct Module;"),
        ("ops/mod.rs", "pub mod depmod; pub mod probe;"),
        ("ops/depmod.rs", ""),
        ("ops/probe.rs", ""),
    ];
    Crate::of(others.into_iter().filter(|(other, _)| *other != path).chain([(path, text)]))
}

fn program(path: &str, text: &str) -> Crate {
    let others = [
        (
            "main.rs",
            "mod applets; mod cli; mod output; mod registry; mod report; oxmod::entry!(registry::main);",
        ),
        ("registry.rs", "use crate::applets::{kmod, lsmod};"),
        ("applets/mod.rs", "pub mod kmod; pub mod lsmod;"),
        ("applets/kmod/mod.rs", "pub mod meta;"),
        ("applets/kmod/meta.rs", ""),
        ("applets/lsmod.rs", ""),
        ("cli/mod.rs", "pub mod options;"),
        ("cli/options.rs", "use crate::report::Report;"),
        ("output/mod.rs", ""),
        ("report/mod.rs", "pub struct Report;"),
    ];
    Crate::of(others.into_iter().filter(|(other, _)| *other != path).chain([(path, text)]))
}

#[test]
fn wrong_imports_of_the_library_are_found() {
    for (path, text) in [
        ("formats/elf.rs", "use crate::sys::file;"),
        ("formats/elf.rs", "use crate::{error::Error, sys::file};"),
        ("formats/elf.rs", "fn f() { crate::sys::file::read() }"),
        ("formats/elf.rs", "fn f() { let x = [1]; assert_eq!(crate::sys::file::read(), x); }"),
        ("formats/elf.rs", "use super::super::sys;"),
        ("formats/elf.rs", "mod inside { use super::super::super::sys; }"),
        ("formats/elf.rs", "use crate::formats::index;"),
        ("formats/elf.rs", "use super::index as other;"),
        ("formats/elf.rs", "#[cfg(not(test))] use crate::sys::file;"),
        ("sys/file.rs", "use crate::formats::source;"),
        ("sys/file.rs", "pub(crate) use crate::ops;"),
        ("context/lookup.rs", "use crate::ops::probe;"),
        ("error.rs", "use crate::sys;"),
        ("unknown.rs", "use crate::error::Error;"),
    ] {
        assert_eq!(layers::library(&library(path, text)).len(), 1, "{path}: {text}");
    }
    // A re-exported name belongs to the file that defines it.
    let reexported = library("formats/elf.rs", "use crate::context::Module;");
    assert_eq!(layers::library(&reexported), ["formats/elf.rs: context::lookup: it is not in a lower layer"]);
}

#[test]
fn correct_imports_of_the_library_pass() {
    for (path, text) in [
        ("formats/elf.rs", "use crate::error::Error; use crate::formats::source; // use crate::sys;"),
        ("formats/elf.rs", "#[cfg(test)] mod tests { use crate::sys::file; }"),
        ("formats/elf.rs", "const TEXT: &str = \"crate::sys::file\";"),
        ("sys/file.rs", "use super::file; use crate::error::Error;"),
        ("context/lookup.rs", "use crate::{formats::elf, sys::file}; use super::Module;"),
        ("ops/probe.rs", "use crate::context::Module; use crate::ops::depmod; use crate::{formats, sys};"),
    ] {
        assert_eq!(layers::library(&library(path, text)), [""; 0], "{path}: {text}");
    }
}

#[test]
fn wrong_imports_of_the_program_are_found() {
    for (path, text) in [
        ("applets/lsmod.rs", "use crate::applets::kmod;"),
        ("applets/lsmod.rs", "use super::kmod::meta;"),
        ("applets/kmod/meta.rs", "use crate::applets::lsmod;"),
        ("applets/lsmod.rs", "use crate::registry;"),
        ("applets/lsmod.rs", "use oxmod::sys;"),
        ("applets/lsmod.rs", "use oxmod::{context, sys::stdio};"),
        ("applets/lsmod.rs", "fn f() { oxmod::formats::elf::parse() }"),
        ("output/mod.rs", "use oxmod::sys::file;"),
        ("output/mod.rs", "use oxmod::sys::syslog;"),
        ("report/mod.rs", "use crate::cli::options;"),
    ] {
        assert_eq!(layers::program(&program(path, text)).len(), 1, "{path}: {text}");
    }
}

#[test]
fn correct_imports_of_the_program_pass() {
    for (path, text) in [
        (
            "applets/lsmod.rs",
            "use crate::cli::options; use crate::report::Report; use oxmod::{context, ops::probe};",
        ),
        ("applets/kmod/mod.rs", "pub mod meta; pub use meta::run;"),
        ("report/mod.rs", "use oxmod::sys::{memory, stdio}; use oxmod::formats::meta;"),
        ("registry.rs", "use crate::applets::kmod::meta; use crate::report;"),
    ] {
        assert_eq!(layers::program(&program(path, text)), [""; 0], "{path}: {text}");
    }
}

#[test]
fn cycles_are_found() {
    let cycles = |path, text| layers::cycles(&library(path, text)).len();
    // Between two files, through a third one, and through a re-export.
    let two = [("ops/probe.rs", "use super::depmod::X;"), ("ops/depmod.rs", "use super::probe::Y;")];
    assert_eq!(layers::cycles(&Crate::of(two)).len(), 2);
    let three = [
        ("a.rs", "use crate::b::X;"),
        ("b/mod.rs", "mod c; pub use c::Z;"),
        ("b/c.rs", "use crate::d;"),
        ("d.rs", "use crate::a;"),
    ];
    assert_eq!(layers::cycles(&Crate::of(three)).len(), 3);
    let reexported = [
        ("ops/mod.rs", "mod probe; mod depmod; pub use probe::X; pub use depmod::Y;"),
        ("ops/probe.rs", "use super::Y;"),
        ("ops/depmod.rs", "use crate::ops::X;"),
    ];
    assert_eq!(layers::cycles(&Crate::of(reexported)).len(), 2);
    // A module and the one that declares it may use each other.
    assert_eq!(cycles("context/lookup.rs", "use super::Context; pub struct Module;"), 0);
    assert_eq!(cycles("ops/depmod.rs", "use crate::ops::probe;"), 0);
}

#[test]
fn restricted_code_is_found() {
    for text in [
        "fn f() { unsafe { g() } }",
        "unsafe fn f() {}",
        "unsafe impl Send for X {}",
        "macro_rules! m { () => { unsafe { f() } } }",
        "fn f() { eprintln!(\"x\"); }",
        "fn f() { std::process::exit(1) }",
        "use std::process; fn f() { process::exit(1) }",
        "use std::collections::{BTreeMap, HashMap};",
        "use std::collections; fn f() { collections::HashSet::new(); }",
        "fn f() -> std::hash::RandomState { g() }",
    ] {
        assert_eq!(restricted(&library("ops/probe.rs", text), &["sys"]).len(), 1, "{text}");
    }
    for text in [
        "#[cfg(test)] mod tests { fn f() { unsafe { g() } } }",
        "// unsafe { x }",
        "const X: &str = \"println!\";",
        "use crate::hash::HashMap;",
    ] {
        assert_eq!(restricted(&library("ops/probe.rs", text), &["sys"]), [""; 0], "{text}");
    }
    assert_eq!(restricted(&library("sys/file.rs", "fn f() { unsafe { g() } }"), &["sys"]), [""; 0]);
}
