//! Reading the modules: what each offers, needs and calls itself.
//!
//! On all processors, since decoding compressed modules is nearly all of depmod's work; results come
//! back in the order of the list, so that scheduling never shows in the output.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bstr::BString;

use crate::elf::{Links, Module};
use crate::error::{Error, FormatKind, Result};
use crate::modinfo;
use crate::ops::module_file::Opener;

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
pub(super) fn load_all(files: &[&ModuleFile]) -> Vec<Facts> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(files.len());
    if threads < 2 {
        let mut opener = Opener::default();
        return files.iter().map(|file| load(file, &mut opener)).collect();
    }
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(files.len()));
    let work = || {
        let mut opener = Opener::default();
        let mut mine = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(at) else { break };
            mine.push((at, load(file, &mut opener)));
        }
        results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(mine);
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // Where no more threads are to be had, those that there are do all the work.
            if thread::Builder::new().spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
    let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_unstable_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, facts)| facts).collect()
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
