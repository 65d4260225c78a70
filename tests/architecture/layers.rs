//! The layers of the library and of the program: which files may import each other.
//!
//! This module owns the rules about imports in CONTRIBUTING.md. It must not read files.

use std::collections::BTreeSet;

use super::imports::{Crate, Import};

/// The library's vocabulary, which all other modules may use.
const VOCABULARY: [&str; 12] = [
    "errno",
    "error",
    "graph",
    "hash",
    "lock",
    "memory",
    "name",
    "notice",
    "number",
    "path_walk",
    "setters",
    "text",
];
/// The part of the vocabulary that is not about kernel modules.
const BASICS: [&str; 4] = ["error", "lock", "memory", "path_walk"];
/// The formats that other formats may use.
const SHARED_FORMATS: [&str; 2] = ["source", "varint"];
/// The parts of `sys` that concern the process itself, by the modules of the program that may use them.
const OF_PROCESS: [(&str, &[&str]); 3] = [
    ("report", &["environment", "memory", "stdio", "stopwatch", "syslog"]),
    ("output", &["stdio"]),
    ("cli", &["environment", "host", "stdio"]),
];

/// Returns the forbidden imports in the library.
pub(crate) fn library(library: &Crate) -> Vec<String> {
    let mut violations = Vec::new();
    for (module, file) in &library.files {
        for import in &file.imports {
            let Import::Inside(target) = import else { continue };
            if let Some(why) = of_library(&strs(module), &strs(target)) {
                violations.push(format!("{}: {}: {why}", file.path.display(), target.join("::")));
            }
        }
    }
    violations
}

fn strs(module: &[String]) -> Vec<&str> {
    module.iter().map(String::as_str).collect()
}

/// Returns why a module of the library may not use another one.
fn of_library(from: &[&str], to: &[&str]) -> Option<&'static str> {
    // The root of the crate declares the other modules.
    let (Some(top), Some(target)) = (from.first(), to.first()) else { return None };
    let is_vocabulary = VOCABULARY.contains(target);
    let allowed = match *top {
        "formats" if *target == "formats" => match (from.get(1), to.get(1)) {
            (Some(own), Some(other)) => own == other || SHARED_FORMATS.contains(other),
            // formats/mod.rs declares the formats and the items that they share.
            _ => true,
        },
        "formats" => is_vocabulary,
        "sys" => *target == "sys" || BASICS.contains(target),
        "context" => is_vocabulary || ["context", "formats", "sys"].contains(target),
        "ops" => is_vocabulary || ["ops", "context", "formats", "sys"].contains(target),
        top if VOCABULARY.contains(&top) => is_vocabulary,
        _ => return Some("its top-level module is in no layer"),
    };
    (!allowed).then_some("it is not in a lower layer")
}

/// Returns the forbidden imports in the program.
pub(crate) fn program(program: &Crate) -> Vec<String> {
    let mut violations = Vec::new();
    for (module, file) in &program.files {
        for import in &file.imports {
            let (shown, why) = match import {
                Import::Inside(target) => (target.join("::"), inside_program(&strs(module), &strs(target))),
                Import::Library(path) => {
                    (format!("oxmod::{}", path.join("::")), of_program(&strs(module), &strs(path)))
                }
            };
            violations.extend(why.map(|why| format!("{}: {shown}: {why}", file.path.display())));
        }
    }
    violations
}

/// Returns the number of a module's layer in the program; the lowest one is 0.
fn layer(module: &[&str]) -> Option<usize> {
    let layers = ["report", "output", "cli", "applets", "registry"];
    match module.first() {
        Some(top) => layers.iter().position(|layer| layer == top),
        None => Some(layers.len()),
    }
}

/// Returns the applet that a module belongs to: `modprobe`, or `kmod/firmware` for a subcommand.
fn applet<'m>(module: &'m [&str]) -> &'m [&'m str] {
    match module {
        ["applets", "kmod", _, ..] => &module[1..3],
        ["applets", _, ..] => &module[1..2],
        _ => &[],
    }
}

/// Returns why a module of the program may not use another one.
fn inside_program(from: &[&str], to: &[&str]) -> Option<&'static str> {
    let (Some(own), Some(other)) = (layer(from), layer(to)) else {
        return Some("its top-level module is in no layer");
    };
    if own < other {
        return Some("it is not in a lower layer");
    }
    let is_applets = |module: &[&str]| module.first() == Some(&"applets");
    // A module may use the submodules that it declares, such as the subcommands.
    let declares = is_applets(from) && to.starts_with(from);
    let another = is_applets(from) && is_applets(to) && applet(from) != applet(to) && !declares;
    another.then_some("it is another applet")
}

/// Returns why a module of the program may not use a path of the library.
fn of_program(from: &[&str], path: &[&str]) -> Option<&'static str> {
    let in_applet = from.first() == Some(&"applets");
    match path {
        _ if from.is_empty() => None,
        ["sys", part, ..]
            if OF_PROCESS.iter().any(|(user, parts)| from[0] == *user && parts.contains(part)) =>
        {
            None
        }
        ["sys", ..] => Some("only the library uses sys"),
        ["formats", ..] if in_applet => Some("applets use the context and the operations"),
        _ => None,
    }
}

/// Returns the cycles between modules with the same parent, where each module includes its submodules. A module and its
/// submodules may use each other.
pub(crate) fn cycles(krate: &Crate) -> Vec<String> {
    let mut found = Vec::new();
    let parents: BTreeSet<&[String]> =
        krate.files.keys().filter_map(|module| Some(module.split_last()?.1)).collect();
    for parent in parents {
        let child = |module: &[String]| module.strip_prefix(parent).and_then(|rest| rest.first()).cloned();
        let mut edges: BTreeSet<(String, String)> = BTreeSet::new();
        for (module, file) in &krate.files {
            for import in &file.imports {
                let Import::Inside(target) = import else { continue };
                match (child(module), child(target)) {
                    (Some(from), Some(to)) if from != to => _ = edges.insert((from, to)),
                    _ => {}
                }
            }
        }
        // Remove the modules that are not used or use no others, until only cycles remain.
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
