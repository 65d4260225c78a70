//! What `kmod meta` prints: modules and what is wrong with them.

use bstr::{BString, ByteSlice};
use oxmod::meta::Aliases;
use oxmod::ops::meta::{Flaw, Listed};

/// A module: name, file, what it needs; below it the rest, a line each.
pub fn module(module: &Listed<'_>) -> Vec<u8> {
    let path = if module.path.is_empty() { &b"(built in)"[..] } else { module.path };
    let mut out = [&module.name[..], b" ", path].concat();
    if !module.depends.is_empty() {
        out.extend_from_slice(b": ");
        out.extend_from_slice(&bstr::join(" ", &module.depends));
    }
    out.push(b'\n');
    let lists = [("alias", &module.aliases), ("softdep", &module.softdeps), ("weakdep", &module.weakdeps)];
    for (keyword, values) in lists {
        for value in values {
            out.extend_from_slice(&[b"  ", keyword.as_bytes(), b" ", value, b"\n"].concat());
        }
    }
    out
}

/// A line for something that is wrong.
pub fn flaw(flaw: &Flaw) -> Vec<u8> {
    let names = |names: &[BString]| match names {
        [] => "nothing".into(),
        names => bstr::join(" ", names).as_bstr().to_string(),
    };
    let text = match flaw {
        Flaw::Nameless(at) => format!("module {at}: without a name"),
        Flaw::Twice(name) => format!("{name}: listed twice"),
        Flaw::NoSuchModule { module, position } => {
            format!("{module}: depends on module {position}, which there is not")
        }
        Flaw::Cycle(cycle) => format!("modules that depend on each other: {}", names(cycle)),
        Flaw::Tree(Aliases::Loadable, error) => format!("aliases: {error}"),
        Flaw::Tree(Aliases::Builtin, error) => format!("aliases of built-in modules: {error}"),
        Flaw::NoSuchOwner { pattern, position } => {
            format!("alias {pattern}: of module {position}, which there is not")
        }
        Flaw::Missing(name) => format!("{name}: missing"),
        Flaw::Surplus(name) => format!("{name}: no such module in the directory"),
        Flaw::Path { module, there, expected } => {
            format!("{module}: has its file at {}, not {}", place(expected), place(there))
        }
        Flaw::Depends { module, there, expected } => {
            format!("{module}: depends on {}, not on {}", names(expected), names(there))
        }
        Flaw::Unanswered { module, modalias } => format!("{module}: not found for {modalias}"),
    };
    text.into_bytes().into_iter().chain(*b"\n").collect()
}

fn place(path: &BString) -> String {
    if path.is_empty() { "none (built in)".into() } else { path.to_string() }
}
