//! meta.pb: the same facts as those of the indexes, as the protobuf `Meta`.

use std::collections::HashSet;

use bstr::ByteSlice;
use indexmap::IndexMap;

use crate::error::FormatError;
use crate::index::text;
use crate::meta::Tree;
use crate::meta::message::{Meta, Module, RadixNode};
use crate::name;
use crate::notice::DepmodNotice;

use super::Plan;
use super::image::{Heard, Output, Wanted};
use super::lists::{BUILTIN, BUILTIN_MODINFO};
use super::load::short_path;

impl Plan<'_> {
    /// The file: what is built in comes first, in the order of modules.builtin.modinfo, then the modules in theirs.
    ///
    /// Errors: a name that is no text, a file above 4 GiB.
    pub(super) fn meta_file(&self, heard: &Heard) -> Result<Output, FormatError> {
        let builtin = self.builtin_aliases(heard);
        let first = position(builtin.len())?;
        let release = self.release.to_str_lossy().into_owned();
        let mut seen = vec![u32::MAX; self.modules.len()];
        let mut modules = Vec::with_capacity(builtin.len() + self.modules.len());
        for module in builtin.keys() {
            modules.push(Module { name: utf8(module)?, ..Module::default() });
        }
        for (index, module) in (0_u32..).zip(self.modules) {
            let closure = self.resolved.graph.closure(index, &self.resolved.numbers, &mut seen);
            modules.push(Module {
                name: utf8(module.name)?,
                path: utf8(short_path(self.dir, module.path))?,
                depends: self.resolved.graph.direct(index).iter().map(|on| first + on).collect(),
                closure: closure.iter().map(|on| first + on).collect(),
                softdeps: texts(&module.softdeps),
                weakdeps: texts(&module.weakdeps),
            });
        }
        let of_builtin =
            (0_u32..).zip(&builtin).map(|(at, (module, aliases))| (at, &module[..], &aliases[..]));
        let of_files = (first..).zip(self.modules).map(|(at, module)| (at, module.name, &module.aliases[..]));
        let meta = Meta {
            modules,
            module_device_matches: Some(tree(&of_files.collect::<Vec<_>>(), heard)),
            builtin_device_matches: Some(tree(&of_builtin.collect::<Vec<_>>(), heard)),
            release,
        };
        Ok(Output { name: crate::meta::FILE_NAME, bytes: meta.into_file()? })
    }

    /// The modules of modules.builtin.modinfo, normalised, with their aliases.
    fn builtin_aliases(&self, heard: &Heard) -> IndexMap<Vec<u8>, Vec<&[u8]>> {
        let modinfo = match self.wanted {
            Wanted::Meta => self.list(BUILTIN_MODINFO, heard),
            // Its absence is told when the indexes are made.
            Wanted::All | Wanted::Texts => self.lists.text(BUILTIN_MODINFO).ok(),
        };
        let modinfo = modinfo.unwrap_or_default();
        let mut aliases: IndexMap<Vec<u8>, Vec<&[u8]>> = IndexMap::new();
        for info in text::builtin_modinfo(modinfo).filter(|info| !info.module.is_empty()) {
            aliases.entry(name::normalize(info.module).into_owned()).or_default();
        }
        for info in text::builtin_aliases(modinfo) {
            aliases.entry(name::normalize(info.module).into_owned()).or_default().push(info.value);
        }
        // Parts of the kernel that are no modules have records too, and there may be a module of such a name.
        let builtin = self.lists.text(BUILTIN).unwrap_or_default();
        let builtin: HashSet<_> = text::names(builtin).collect();
        let loadable: HashSet<&[u8]> = self.modules.iter().map(|module| module.name).collect();
        aliases.retain(|module, _| builtin.contains(&module[..]) || !loadable.contains(&module[..]));
        aliases
    }
}

/// A module's position, its name and its patterns.
type Patterns<'p> = (u32, &'p [u8], &'p [&'p [u8]]);

/// The tree of what the indexes hold too: patterns whose brackets do not pair up are in neither.
fn tree(modules: &[Patterns<'_>], heard: &Heard) -> RadixNode {
    let mut tree = Tree::default();
    let tell = |alias: &[u8], module: &[u8], why: String| {
        heard.tell(DepmodNotice::NotInTree { alias: alias.into(), module: module.into(), why });
    };
    for &(position, module, aliases) in modules {
        for alias in aliases.iter().filter(|alias| name::normalize_alias(alias).is_ok()) {
            if let Err(why) = tree.insert(alias, position) {
                tell(alias, module, why.to_string());
            }
        }
    }
    let (root, left_out) = tree.into_message();
    for (pattern, position) in left_out {
        let module =
            modules.iter().find(|(at, ..)| *at == position).map_or(&b""[..], |(_, module, _)| module);
        tell(&pattern, module, "it would be too deep in the tree".to_owned());
    }
    root
}

fn position(len: usize) -> Result<u32, FormatError> {
    u32::try_from(len).map_err(|_| FormatError::malformed("too many modules"))
}

fn utf8(name: &[u8]) -> Result<String, FormatError> {
    let text = name.to_str().map_err(|_| {
        FormatError::malformed(format!("'{}' is not UTF-8, which meta.pb has to be", name.escape_ascii()))
    });
    text.map(str::to_owned)
}

/// What is no text can be no name of a module, so nothing is lost.
fn texts(values: &[&[u8]]) -> Vec<String> {
    values.iter().filter_map(|value| value.to_str().ok()).map(str::to_owned).collect()
}
