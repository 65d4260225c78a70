//! The output of `kmod meta` as text.

use std::ffi::OsStr;
use std::path::Path;

use oxmod::ops::meta_check::{DeviceModule, Flaw, ListedModule};

use super::View;
use crate::output::stdout::Out;
use crate::report::Outcome;
use crate::report::meta::flaw;

impl View for Out {
    fn begin(&mut self, _: &Path, _: Option<&[u8]>) {}

    fn module(&mut self, listed: &ListedModule<'_>) -> Outcome {
        self.bytes(&module(listed))
    }

    /// Prints one line per module.
    fn found(&mut self, _: &OsStr, modules: &[DeviceModule]) -> Outcome {
        modules.iter().try_for_each(|module| self.bytes(&[module.name.as_slice(), b"\n"].concat()))
    }

    fn flaw(&mut self, found: &Flaw) -> Outcome {
        self.bytes(&[flaw(found).as_slice(), b"\n"].concat())
    }
}

/// Returns the lines for a module: name, file and dependencies, followed by one indented line for each other item.
fn module(module: &ListedModule<'_>) -> Vec<u8> {
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
