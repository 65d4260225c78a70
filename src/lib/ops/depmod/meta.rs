//! meta.pb: the contents of the indexes as the protobuf message `Meta`.

use std::collections::BTreeMap;

use bstr::ByteSlice;

use crate::error::FormatError;
use crate::formats::index::text;
use crate::formats::meta::message::{Meta, Module, RadixNode};
use crate::formats::meta::{LONGEST_NAME, LONGEST_PATH, RadixTree, UNFIT_FOR_PATHS};
use crate::formats::modinfo;
use crate::hash::IndexMap;
use crate::name;
use crate::notice::DepmodNotice;

use super::Plan;
use super::image::{NoticeBuffer, OutputFile, Wanted};
use super::lists::{BUILTIN, BUILTIN_MODINFO};
use super::read::{ReadModule, short_path};

impl Plan<'_> {
    /// Builds the file: first the built-in modules in the order of modules.builtin.modinfo, then the
    /// modules in their order.
    ///
    /// Errors: the file exceeds 4 GiB.
    pub(super) fn meta_file(&self, notices: &NoticeBuffer) -> Result<OutputFile, FormatError> {
        let builtin = self.builtin(notices);
        let mut modules: Vec<Module> = builtin
            .iter()
            .filter(|(_, record)| !record.has_file)
            .map(|(name, record)| record.module(name))
            .collect();
        let places = self.places(position(modules.len())?, notices);
        let place = |index: u32| places.get(index as usize).copied().flatten();
        let mut seen = vec![u32::MAX; self.modules.len()];
        for (index, module) in (0_u32..).zip(self.modules).filter(|&(index, _)| place(index).is_some()) {
            let closure = self.resolved.graph.closure(index, &self.resolved.numbers, &mut seen);
            modules.push(Module {
                name: text_of(module.name),
                path: text_of(short_path(self.dir, module.path)),
                depends: self.resolved.graph.direct(index).iter().filter_map(|&on| place(on)).collect(),
                closure: closure.iter().filter_map(|&on| place(on)).collect(),
                softdeps: module.softdeps.iter().map(|value| text_of(value)).collect(),
                weakdeps: module.weakdeps.iter().map(|value| text_of(value)).collect(),
                part: false,
            });
        }
        let by_name: BTreeMap<&str, u32> =
            (0_u32..).zip(&modules).map(|(at, module)| (&*module.name, at)).collect();
        let builtin_aliases = builtin.iter().filter_map(|(name, record)| {
            Some((*by_name.get(name.to_str().ok()?)?, &name[..], &record.aliases[..]))
        });
        let module_aliases = (0_u32..)
            .zip(self.modules)
            .filter_map(|(index, module)| Some((place(index)?, module.name, &module.aliases[..])));
        let meta = Meta {
            module_device_matches: Some(tree(&module_aliases.collect::<Vec<_>>(), notices)),
            builtin_device_matches: Some(tree(&builtin_aliases.collect::<Vec<_>>(), notices)),
            release: text_of(self.release),
            modules,
        };
        Ok(OutputFile { name: crate::formats::meta::FILE_NAME, bytes: meta.into_file()? })
    }

    /// Returns the positions of the modules in the file, beginning with `first`; `None` for a module that
    /// cannot be stored.
    fn places(&self, first: u32, notices: &NoticeBuffer) -> Vec<Option<u32>> {
        let mut next = first;
        let place = |module: &ReadModule<'_>| {
            let path = short_path(self.dir, module.path);
            if let Some(why) = unfit(module.name, path) {
                notices.push(DepmodNotice::NotInMeta { path: path.into(), why });
                return None;
            }
            next += 1;
            Some(next - 1)
        };
        self.modules.iter().map(place).collect()
    }

    /// Returns what is built in, by normalised name: the modules in modules.builtin, and the parts of the
    /// kernel that are not modules but have strings in modules.builtin.modinfo.
    fn builtin(&self, notices: &NoticeBuffer) -> IndexMap<Vec<u8>, BuiltIn<'_>> {
        let modinfo = match self.wanted {
            Wanted::Meta => self.list(BUILTIN_MODINFO, notices),
            // Its absence is reported when the indexes are built.
            Wanted::All | Wanted::Texts => self.lists.text(BUILTIN_MODINFO).ok(),
        };
        let modinfo = modinfo.unwrap_or_default();
        let mut found: IndexMap<Vec<u8>, BuiltIn<'_>> = IndexMap::default();
        for info in modinfo::builtin_modinfo(modinfo) {
            found.entry(name::normalize(info.module).into_owned()).or_default();
        }
        for info in modinfo::builtin_aliases(modinfo) {
            found.entry(name::normalize(info.module).into_owned()).or_default().aliases.push(info.value);
        }
        for module in text::names(self.lists.text(BUILTIN).unwrap_or_default()) {
            found.entry(module.into_owned()).or_default().is_module = true;
        }
        for module in self.modules {
            if let Some(record) = found.get_mut(module.name) {
                record.has_file = true;
            }
        }
        found.retain(|name, _| unfit(name, b"").is_none());
        found
    }
}

/// A module or another part of the kernel that is built in.
#[derive(Default)]
struct BuiltIn<'p> {
    aliases: Vec<&'p [u8]>,
    /// Whether modules.builtin lists it.
    is_module: bool,
    /// Whether there is a module file of the same name, which takes precedence.
    has_file: bool,
}

impl BuiltIn<'_> {
    fn module(&self, name: &[u8]) -> Module {
        Module { name: text_of(name), part: !self.is_module, ..Module::default() }
    }
}

/// Returns why a module cannot be stored in the file, if it cannot: strings there are UTF-8, and
/// modules.dep does not support such paths either.
fn unfit(name: &[u8], path: &[u8]) -> Option<&'static str> {
    match () {
        () if name.is_empty() => Some("name is empty"),
        () if name.to_str().is_err() || path.to_str().is_err() => Some("path is not valid UTF-8"),
        () if path.find_byteset(UNFIT_FOR_PATHS).is_some() => Some("path contains a blank or a colon"),
        () if name.len() > LONGEST_NAME || path.len() > LONGEST_PATH => Some("path is too long"),
        () => None,
    }
}

/// A module's position, its name and its patterns.
type Patterns<'p> = (u32, &'p [u8], &'p [&'p [u8]]);

/// Builds the tree of the same patterns as in the indexes: patterns with unmatched brackets are in neither.
fn tree(modules: &[Patterns<'_>], notices: &NoticeBuffer) -> RadixNode {
    let mut tree = RadixTree::default();
    let report = |alias: &[u8], module: &[u8], why: String| {
        notices.push(DepmodNotice::NotInTree { alias: alias.into(), module: module.into(), why });
    };
    for &(position, module, aliases) in modules {
        for alias in aliases.iter().filter(|alias| name::normalize_alias(alias).is_ok()) {
            if let Err(why) = tree.insert(alias, position) {
                report(alias, module, why.to_string());
            }
        }
    }
    let (root, left_out) = tree.into_message();
    for (pattern, position) in left_out {
        let module =
            modules.iter().find(|(at, ..)| *at == position).map_or(&b""[..], |(_, module, _)| module);
        report(&pattern, module, "too deep in the tree".to_owned());
    }
    root
}

fn position(len: usize) -> Result<u32, FormatError> {
    u32::try_from(len).map_err(|_| FormatError::malformed("too many modules"))
}

/// Converts to UTF-8. Invalid bytes are replaced, which is harmless: they do not occur in strings that are looked up.
fn text_of(bytes: &[u8]) -> String {
    bytes.to_str_lossy().into_owned()
}
