//! The type names of the library.
//!
//! This module owns the rule that each name has one meaning. It must not know the layers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::{Ident, Item, Visibility};

use super::imports::is_test;

/// The names that two files may declare, each with the reason. CONTRIBUTING.md lists them too.
pub(crate) const SHARED: [(&str, &str); 3] = [
    ("Index", "a message of the Meta schema, used as message::Index only"),
    ("Module", "a message of the Meta schema, used as message::Module only"),
    ("Result", "an alias of the module's own error type, as is usual in Rust"),
];

/// Returns the names of types that are visible outside of their file and that several files declare.
pub(crate) fn repeated(sources: &[(PathBuf, String)]) -> BTreeMap<String, Vec<PathBuf>> {
    let mut names: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (path, text) in sources.iter().filter(|(path, _)| !is_test(path)) {
        for name in declared(path, text) {
            names.entry(name).or_default().push(path.clone());
        }
    }
    names.retain(|_, paths| paths.len() > 1);
    names
}

fn declared(path: &Path, text: &str) -> Vec<String> {
    let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let visible = |visibility: &Visibility, name: &Ident| {
        (!matches!(visibility, Visibility::Inherited)).then(|| name.to_string())
    };
    let names = syntax.items.iter().filter_map(|item| match item {
        Item::Enum(item) => visible(&item.vis, &item.ident),
        Item::Struct(item) => visible(&item.vis, &item.ident),
        Item::Trait(item) => visible(&item.vis, &item.ident),
        Item::Type(item) => visible(&item.vis, &item.ident),
        Item::Union(item) => visible(&item.vis, &item.ident),
        _ => None,
    });
    names.collect()
}
