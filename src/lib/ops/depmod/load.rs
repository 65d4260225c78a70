//! Reading the modules: what each offers, needs and calls itself.
//!
//! On all processors, since decoding compressed modules is nearly all of depmod's work; results come
//! back in the order of the list, so that scheduling never shows in the output.

use std::cmp::Reverse;

use bstr::BString;

use crate::elf::{LINK_SECTIONS, Links, Module};
use crate::error::{Error, FormatKind, Result};
use crate::modinfo;
use crate::ops::module_file::Opener;
use crate::sys::{file, host, parallel};

use super::scan::ModuleFile;

/// What depmod wants to know of one module.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Exported and needed symbols.
    pub(super) links: Links,
    /// The raw values of `alias=`, in order.
    pub(super) aliases: Vec<BString>,
    /// The raw values of `softdep=`, in order.
    pub(super) softdeps: Vec<BString>,
    /// The raw values of `weakdep=`, in order.
    pub(super) weakdeps: Vec<BString>,
    /// Why something above is missing: the first thing that could not be read.
    pub(super) flaw: Option<Error>,
}

/// Reads every module of `files`; the answers stand in the order of `files`.
///
/// The largest are read first, so that no thread is left alone with one at the end, and one that makes up more than a
/// thread's share is read by several.
pub(super) fn load_all(files: &[&ModuleFile]) -> Vec<Facts> {
    let processors = host::processors();
    // What cannot be examined is not going to take long.
    let sizes = parallel::map(processors, files, || (), |(), file| file::size(&file.path).unwrap_or(0));
    let total: u64 = sizes.iter().sum();
    let mut largest_first: Vec<(usize, u64)> = sizes.into_iter().enumerate().collect();
    largest_first.sort_by_key(|&(_, size)| Reverse(size));
    let loaded = parallel::map(processors, &largest_first, Opener::default, |opener, &(at, size)| {
        opener.use_threads(threads_for(size, total, processors));
        (at, files.get(at).map(|file| load(file, opener)).unwrap_or_default())
    });
    let mut facts: Vec<Facts> = files.iter().map(|_| Facts::default()).collect();
    for (at, of) in loaded {
        facts[at] = of;
    }
    facts
}

/// How many threads a file of `size` bytes may have when there are `total` bytes to be read.
fn threads_for(size: u64, total: u64, processors: usize) -> usize {
    let share = u128::from(size) * processors as u128;
    usize::try_from(share.div_ceil(u128::from(total.max(1)))).unwrap_or(processors).clamp(1, processors)
}

fn load(file: &ModuleFile, opener: &mut Opener) -> Facts {
    let mut facts = Facts::default();
    facts.flaw = facts.read(file, opener).err();
    facts
}

impl Facts {
    /// Fills in what can be read. Symbols and strings are independent: one may be damaged, the other fine.
    fn read(&mut self, file: &ModuleFile, opener: &mut Opener) -> Result<()> {
        let source = opener.open(&file.path)?;
        let module = Module::parse(&source).map_err(Error::at(&file.path))?;
        module.announce(&[&[".modinfo"][..], &LINK_SECTIONS].concat());
        let links = module.links();
        match module.modinfo() {
            Ok(section) => self.take_strings(&section),
            // A module without strings is odd but whole.
            Err(crate::error::Cause::Format(error)) if error.kind == FormatKind::Absent => {}
            Err(error) => return Err(Error::new(&file.path, error)),
        }
        self.links = links.map_err(Error::at(&file.path))?;
        Ok(())
    }

    fn take_strings(&mut self, section: &[u8]) {
        for info in modinfo::strings(section) {
            match info.key {
                b"alias" => self.aliases.push(info.value.into()),
                b"softdep" => self.softdeps.push(info.value.into()),
                b"weakdep" => self.weakdeps.push(info.value.into()),
                _ => {}
            }
        }
    }
}
