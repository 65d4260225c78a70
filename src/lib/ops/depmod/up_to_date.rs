//! `-A`: whether the existing files still describe the existing modules.
//!
//! kmod compares the modification times of module files with that of modules.dep. It therefore misses
//! modules that were removed, modules that were added with an old time, and changes to other inputs. Here
//! the modules, their order, and the contents of all other inputs and outputs must match what the previous
//! run recorded.

use std::path::Path;

use crate::context::cache::{self as side_car, identity};
use crate::formats::cache::{Cache, Digest, InputRole, Record};
use crate::notice::Sink;
use crate::sys::{file, host, parallel};

use super::lists::Lists;
use super::read::short_path;
use super::scan::FoundModule;
use super::{DepmodOptions, ModuleTree, cache, in_order};

/// Whether a run would change nothing. Anything that cannot be examined counts as changed.
pub(super) fn is_fresh(tree: &ModuleTree<'_>, files: &[FoundModule], config: &DepmodOptions) -> bool {
    let Some(bytes) = side_car::read(tree.out) else { return false };
    let Some(facts) = cache::open(&bytes) else { return false };
    let lists = Lists::read(tree.dir, config.builtin_modinfo.as_deref());
    let ordered = in_order(tree.dir, files, &lists, &Sink::none());
    facts.symbol_prefix() == config.symbol_prefix
        && same_modules(tree.dir, &facts, &ordered)
        && same_inputs(&facts, &lists)
        && same_outputs(&facts, tree.out, config.meta)
}

fn same_modules(dir: &Path, facts: &Cache<&[u8]>, ordered: &[&FoundModule]) -> bool {
    if facts.len() != ordered.len() {
        return false;
    }
    let records = facts.records();
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

fn same_inputs(facts: &Cache<&[u8]>, lists: &Lists) -> bool {
    let inputs = lists.inputs();
    let recorded = facts.files().filter(|(role, ..)| *role == InputRole::Input);
    recorded.eq(inputs.iter().map(|(role, name, digest)| (*role, name.as_bytes(), *digest)))
}

fn same_outputs(facts: &Cache<&[u8]>, out: &Path, meta: bool) -> bool {
    let made = |file: &str| {
        facts.files().any(|(role, name, _)| role == InputRole::Output && name == file.as_bytes())
    };
    if meta && !made(crate::formats::meta::FILE_NAME) {
        return false;
    }
    facts.files().filter(|(role, ..)| *role == InputRole::Output).all(|(_, name, digest)| {
        let name = std::str::from_utf8(name).unwrap_or_default();
        let there = file::read(&out.join(name)).ok();
        digest.is_some() && there.as_deref().map(Digest::of) == digest
    })
}
