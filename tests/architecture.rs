//! Fails on a wrong edge between the rooms of the library, and on what belongs to one room only:
//! unsafe code, standard streams, exit codes.
//!
//! The sources are read as text. Comments and string contents are not told from code, so a sentence
//! in a comment may not spell a forbidden path; lines that are nothing but a comment are skipped.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Formats: bytes in, values out. They share a vocabulary and know nothing of each other but names.
const FORMATS: [&str; 10] =
    ["name", "config", "index", "elf", "modinfo", "facts", "meta", "firmware", "graph", "uevent"];

/// The vocabulary that everybody may use.
const WORDS: [&str; 3] = ["error", "notice", "bytes"];

/// Which rooms a room may use; itself always. `None`: no such room, give it a place here first.
fn allowed(room: &str) -> Option<BTreeSet<&'static str>> {
    let mut may: BTreeSet<&str> = BTreeSet::new();
    match room {
        // The crate's root declares the rooms.
        "lib" | "error" => {}
        // A notice may carry an error.
        "notice" | "bytes" | "sys" => may.extend(["error"]),
        format if FORMATS.contains(&format) => may.extend(WORDS.iter().chain(&["name"])),
        "context" => may.extend(WORDS.iter().chain(&FORMATS).chain(&["sys"])),
        "ops" => may.extend(WORDS.iter().chain(&FORMATS).chain(&["sys", "context"])),
        _ => return None,
    }
    Some(may)
}

/// The modules that lead to a file of the library: `config/lex.rs` is `["config", "lex"]`.
fn module_path(file: &Path) -> Vec<String> {
    let mut path: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if path.last().is_some_and(|last| last == "mod") {
        path.pop();
    }
    path
}

/// Lines that are not comments.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The first names of what follows `crate::` or a `super::` that leads as far: `a` in `a::b`, `a` and
/// `c` in `{a::b, c}`.
fn rooms_used(file: &Path, text: &str) -> BTreeSet<String> {
    let code = code(text);
    let to_root = "super::".repeat(module_path(file).len());
    ["crate::", &to_root].into_iter().flat_map(|prefix| after(&code, prefix)).flat_map(first_names).collect()
}

/// What follows each occurrence of `prefix` that is a path's beginning.
fn after<'a>(code: &'a str, prefix: &str) -> Vec<&'a str> {
    code.match_indices(prefix)
        .filter(|(at, _)| {
            let before = code[..*at].chars().next_back();
            before.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == ':'))
        })
        .map(|(at, _)| &code[at + prefix.len()..])
        .collect()
}

fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(name(group[start..at].trim_start()));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(group[start..at].trim_start()));
                start = at + 1;
            }
            _ => {}
        }
    }
    names
}

/// The edges of one file of the library that should not be.
fn wrong_edges(file: &Path, text: &str, rooms: &BTreeSet<String>) -> Vec<String> {
    let room = module_path(file).into_iter().next().unwrap_or_default();
    let Some(may) = allowed(&room) else { return vec![format!("{room}: not a room of the design")] };
    rooms_used(file, text)
        .into_iter()
        .filter(|used| rooms.contains(used) && *used != room && !may.contains(used.as_str()))
        .map(|used| format!("{}: uses {used}", file.display()))
        .collect()
}

/// What only some files may spell: the text, whether only outside of tests, and who may.
const RESERVED: [(&str, &[&str]); 9] = [
    ("unsafe {", &["lib/sys/"]),
    ("unsafe fn", &["lib/sys/"]),
    ("unsafe(", &["lib/sys/"]),
    ("println!", &[]),
    ("print!(", &[]),
    ("dbg!", &[]),
    ("process::exit", &[]),
    // A child process may be given it.
    ("io::stderr()", &["bin/kmod/report.rs", "lib/sys/process.rs"]),
    ("io::stdout()", &[]),
];

fn reserved_words(file: &Path, text: &str) -> Vec<String> {
    let name = file.to_string_lossy();
    // Test code may compare with the C library.
    let code = if name.ends_with("tests.rs") { String::new() } else { code(text) };
    let code = code.split("#[cfg(test)]").next().unwrap_or_default();
    RESERVED
        .iter()
        .filter(|(word, owners)| code.contains(word) && !owners.iter().any(|owner| name.starts_with(owner)))
        .map(|(word, owners)| format!("{name}: {word} belongs to {owners:?}"))
        .collect()
}

/// Every Rust file below `src`, by path relative to it.
fn sources() -> Vec<(PathBuf, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut files, mut pending) = (Vec::new(), vec![top.clone()]);
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir).expect("a directory of sources").flatten() {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                files.push((path.strip_prefix(&top).expect("below src").to_owned(), text));
            }
        }
    }
    files.sort();
    files
}

fn library() -> Vec<(PathBuf, String)> {
    let files = sources().into_iter();
    files.filter_map(|(path, text)| Some((path.strip_prefix("lib").ok()?.to_owned(), text))).collect()
}

fn rooms() -> BTreeSet<String> {
    library().iter().filter_map(|(path, _)| module_path(path).into_iter().next()).collect()
}

#[test]
fn rooms_use_only_those_below() {
    let rooms = rooms();
    let wrong: Vec<String> =
        library().iter().flat_map(|(path, text)| wrong_edges(path, text, &rooms)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn reserved_words_stay_where_they_belong() {
    let wrong: Vec<String> = sources().iter().flat_map(|(path, text)| reserved_words(path, text)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a file owns is said first; and a file that says too much is two files.
#[test]
fn files_say_what_they_own_and_are_short() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{} does not open with //!", path.display());
        let lines = text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines", path.display());
    }
}

/// The test itself is tested: a wrong edge in any spelling is found, a right one is not.
#[test]
fn wrong_edges_would_be_found() {
    let rooms = rooms();
    let wrong = |file: &str, text: &str| wrong_edges(Path::new(file), text, &rooms).len();
    for text in [
        "use crate::sys::file;",
        "use crate::{error::Error, sys::file};",
        "use crate::{error::{Cause, Error}, context};",
        "fn f() { crate::sys::file::read(p) }",
        "use super::sys;",
        "pub(crate) use crate::ops;",
    ] {
        assert_eq!(wrong("index/mod.rs", text), 1, "{text}");
    }
    assert_eq!(wrong("index/read.rs", "use super::super::sys;"), 1);
    assert_eq!(wrong("sys/file.rs", "use crate::name;"), 1);
    assert_eq!(wrong("context/mod.rs", "use crate::ops;"), 1);
    assert_eq!(wrong("error.rs", "use crate::sys;"), 1);
    assert_eq!(wrong("parlour/mod.rs", ""), 1);
    for text in ["use crate::error::Error;", "// use crate::sys;", "use xcrate::sys;", "use super::read;"] {
        assert_eq!(wrong("index/mod.rs", text), 0, "{text}");
    }
    assert_eq!(wrong("ops/info.rs", "use crate::{context, elf, sys};"), 0);
}

#[test]
fn reserved_words_would_be_found() {
    let wrong = |file: &str, text: &str| reserved_words(Path::new(file), text).len();
    assert_eq!(wrong("lib/index/read.rs", "let x = unsafe { y };"), 1);
    assert_eq!(wrong("lib/sys/file.rs", "let x = unsafe { y };"), 0);
    assert_eq!(wrong("lib/name.rs", "fn a() {}\n#[cfg(test)]\nmod tests { unsafe { y } }"), 0);
    assert_eq!(wrong("lib/ops/info.rs", "eprintln!(\"x\");"), 1);
    assert_eq!(wrong("bin/kmod/lsmod.rs", "io::stderr().write_all(b)"), 1);
    assert_eq!(wrong("bin/kmod/report.rs", "io::stderr().write_all(b)"), 0);
}
