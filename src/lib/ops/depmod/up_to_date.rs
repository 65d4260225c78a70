//! `-A`: the check whether the existing files are still correct for the existing modules.
//!
//! kmod compares the modification times of module files with that of modules.dep. It therefore misses modules that were
//! removed, modules that were added with an old time, and changes to other inputs. Here, the modules, their order, and
//! the contents of all other inputs and outputs must match those that the previous run recorded in the cache.

use std::path::Path;

use crate::context::cache::{self as context_cache, identity};
use crate::formats::cache::{Cache, Digest, InputRole, Record};
use crate::notice::Sink;
use crate::sys::{file, host, parallel};

use super::lists::Lists;
use super::read::short_path;
use super::scan::FoundModule;
use super::{DepmodOptions, ModuleTree, cache, in_order};

/// Whether a run would change nothing. Anything that cannot be examined counts as changed.
pub(super) fn is_current(tree: &ModuleTree<'_>, files: &[FoundModule], options: &DepmodOptions) -> bool {
    let Some(bytes) = context_cache::read(tree.out) else { return false };
    let Some(cache) = cache::open(&bytes) else { return false };
    let lists = Lists::read(tree.dir, options.builtin_modinfo.as_deref());
    let ordered = in_order(tree.dir, files, &lists, &Sink::none());
    cache.symbol_prefix() == options.symbol_prefix
        && same_modules(tree.dir, &cache, &ordered)
        && same_inputs(&cache, &lists)
        && same_outputs(&cache, tree.out, options.meta)
}

fn same_modules(dir: &Path, cache: &Cache<&[u8]>, ordered: &[&FoundModule]) -> bool {
    if cache.len() != ordered.len() {
        return false;
    }
    let records = cache.records();
    let pairs: Vec<_> = ordered.iter().zip(records).collect();
    let same = parallel::map(
        host::processors(),
        &pairs,
        || (),
        |(), (file, bytes)| {
            let record = Record::view(bytes);
            record.is_some_and(|record| {
                record.path() == short_path(dir, &file.path)
                    && Some(record.identity()) == identity(&file.path)
            })
        },
    );
    same.len() == ordered.len() && same.into_iter().all(|same| same)
}

fn same_inputs(cache: &Cache<&[u8]>, lists: &Lists) -> bool {
    let inputs = lists.inputs();
    let recorded = cache.files().filter(|(role, ..)| *role == InputRole::Input);
    recorded.eq(inputs.iter().map(|(role, name, digest)| (*role, name.as_bytes(), *digest)))
}

fn same_outputs(cache: &Cache<&[u8]>, out: &Path, meta: bool) -> bool {
    let is_recorded = |file: &str| {
        cache.files().any(|(role, name, _)| role == InputRole::Output && name == file.as_bytes())
    };
    if meta && !is_recorded(crate::formats::meta::FILE_NAME) {
        return false;
    }
    cache.files().filter(|(role, ..)| *role == InputRole::Output).all(|(_, name, digest)| {
        let name = std::str::from_utf8(name).unwrap_or_default();
        let existing = file::read(&out.join(name)).ok();
        digest.is_some() && existing.as_deref().map(Digest::of) == digest
    })
}
