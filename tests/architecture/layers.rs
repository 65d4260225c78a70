//! Which file may import which: the layers of the library and of the program.
//!
//! Owns the rules of CONTRIBUTING.md about imports. Must not read files.

use std::collections::BTreeSet;

use super::imports::{Crate, Import};

/// The vocabulary of the library, which everything above it may use.
const VOCABULARY: [&str; 11] =
    ["errno", "error", "graph", "hash", "lock", "memory", "name", "notice", "number", "path_walk", "text"];
/// The part of it that does without any knowledge of modules.
const BASICS: [&str; 4] = ["error", "lock", "memory", "path_walk"];
/// The formats that other formats may use.
const SHARED_FORMATS: [&str; 2] = ["source", "varint"];
/// The parts of `sys` that have to do with the process itself, and who uses them.
const OF_PROCESS: [(&str, &[&str]); 3] = [
    ("report", &["memory", "stdio", "stopwatch", "syslog"]),
    ("output", &["stdio"]),
    ("cli", &["environment", "host", "stdio"]),
];

/// The wrong imports of the library's files.
pub(crate) fn library(library: &Crate) -> Vec<String> {
    let mut wrong = Vec::new();
    for (module, file) in &library.files {
        for import in &file.imports {
            let Import::Inside(target) = import else { continue };
            if let Some(why) = of_library(&strs(module), &strs(target)) {
                wrong.push(format!("{}: {}: {why}", file.path.display(), target.join("::")));
            }
        }
    }
    wrong
}

fn strs(module: &[String]) -> Vec<&str> {
    module.iter().map(String::as_str).collect()
}

/// Why a module of the library may not use another one.
fn of_library(from: &[&str], to: &[&str]) -> Option<&'static str> {
    // The crate's root declares the rooms.
    let (Some(room), Some(target)) = (from.first(), to.first()) else { return None };
    let is_vocabulary = VOCABULARY.contains(target);
    let allowed = match *room {
        "formats" if *target == "formats" => match (from.get(1), to.get(1)) {
            (Some(own), Some(other)) => own == other || SHARED_FORMATS.contains(other),
            // What declares them, and what all of them have.
            _ => true,
        },
        "formats" => is_vocabulary,
        "sys" => *target == "sys" || BASICS.contains(target),
        "context" => is_vocabulary || ["context", "formats", "sys"].contains(target),
        "ops" => is_vocabulary || ["ops", "context", "formats", "sys"].contains(target),
        room if VOCABULARY.contains(&room) => is_vocabulary,
        _ => return Some("its top module has no place in the design"),
    };
    (!allowed).then_some("it is in no layer below")
}

/// The wrong imports of the program's files.
pub(crate) fn program(program: &Crate) -> Vec<String> {
    let mut wrong = Vec::new();
    for (module, file) in &program.files {
        for import in &file.imports {
            let (shown, why) = match import {
                Import::Inside(target) => (target.join("::"), inside_program(&strs(module), &strs(target))),
                Import::Library(path) => {
                    (format!("oxmod::{}", path.join("::")), of_program(&strs(module), &strs(path)))
                }
            };
            wrong.extend(why.map(|why| format!("{}: {shown}: {why}", file.path.display())));
        }
    }
    wrong
}

/// The layer of a module of the program, counted from below.
fn layer(module: &[&str]) -> Option<usize> {
    let layers = ["report", "output", "cli", "applets", "registry"];
    match module.first() {
        Some(room) => layers.iter().position(|layer| layer == room),
        None => Some(layers.len()),
    }
}

/// The applet that a module belongs to: `modprobe`, or `kmod/firmware` for a subcommand.
fn applet<'m>(module: &'m [&str]) -> &'m [&'m str] {
    match module {
        ["applets", "kmod", _, ..] => &module[1..3],
        ["applets", _, ..] => &module[1..2],
        _ => &[],
    }
}

/// Why a module of the program may not use another one.
fn inside_program(from: &[&str], to: &[&str]) -> Option<&'static str> {
    let (Some(own), Some(other)) = (layer(from), layer(to)) else {
        return Some("its top module has no place in the design");
    };
    if own < other {
        return Some("it is in no layer below");
    }
    let is_applets = |module: &[&str]| module.first() == Some(&"applets");
    // The module that declares a subcommand is not that of the subcommand.
    let declares = is_applets(from) && to.starts_with(from);
    let another = is_applets(from) && is_applets(to) && applet(from) != applet(to) && !declares;
    another.then_some("it is another applet")
}

/// Why a module of the program may not use a path of the library.
fn of_program(from: &[&str], path: &[&str]) -> Option<&'static str> {
    let in_applet = from.first() == Some(&"applets");
    match path {
        _ if from.is_empty() => None,
        ["sys", part, ..]
            if OF_PROCESS.iter().any(|(room, parts)| from[0] == *room && parts.contains(part)) =>
        {
            None
        }
        ["sys", ..] => Some("only the library uses sys"),
        ["formats", ..] if in_applet => Some("applets use the context and the operations"),
        _ => None,
    }
}

/// The cycles between modules of one parent, each with everything below it. A module and those below it may use each
/// other; that does not count.
pub(crate) fn cycles(of: &Crate) -> Vec<String> {
    let mut found = Vec::new();
    let parents: BTreeSet<&[String]> =
        of.files.keys().filter_map(|module| Some(module.split_last()?.1)).collect();
    for parent in parents {
        let child = |module: &[String]| module.strip_prefix(parent).and_then(|rest| rest.first()).cloned();
        let mut edges: BTreeSet<(String, String)> = BTreeSet::new();
        for (module, file) in &of.files {
            for import in &file.imports {
                let Import::Inside(target) = import else { continue };
                match (child(module), child(target)) {
                    (Some(from), Some(to)) if from != to => _ = edges.insert((from, to)),
                    _ => {}
                }
            }
        }
        // What nothing uses, or what uses nothing, is in no cycle.
        loop {
            let before = edges.len();
            let users: BTreeSet<String> = edges.iter().map(|(from, _)| from.clone()).collect();
            let used: BTreeSet<String> = edges.iter().map(|(_, to)| to.clone()).collect();
            edges.retain(|(from, to)| used.contains(from) && users.contains(to));
            if edges.len() == before {
                break;
            }
        }
        let place = if parent.is_empty() { "the crate".to_owned() } else { parent.join("::") };
        found.extend(edges.iter().map(|(from, to)| format!("{place}: cycle through {from} -> {to}")));
    }
    found
}
