//! The firmware that modules request.
//!
//! For a module file, the requests are read in the same way as by modinfo: from the cache if depmod has
//! left a record, otherwise from the file. For built-in modules, they are in modules.builtin.modinfo.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bstr::BString;

use super::select::SelectedModules;
use crate::context::Context;
use crate::error::Error;
use crate::formats::modinfo;
use crate::name;
use crate::ops::info::{Extras, InfoReader};
use crate::sys::{host, parallel};

/// The requested names and patterns, as written in the modules, with the names of the modules that request
/// them.
pub type Needs = BTreeMap<BString, Vec<BString>>;

/// Returns the requests of the selected modules, and the errors for modules that cannot be read.
pub fn needs(context: &Context, selected: &SelectedModules) -> (Needs, Vec<Error>) {
    let files: Vec<(&BString, &PathBuf)> =
        selected.iter().filter_map(|(name, path)| Some((name, path.as_ref()?))).collect();
    let (mut needs, unread) = needs_of_files(context.dir(), &files);
    let builtin = needs_of_builtin(context.builtin_modinfo());
    for (firmware, module) in builtin.filter(|(_, module)| selected.get(module) == Some(&None)) {
        add(&mut needs, firmware, &module);
    }
    (needs, unread)
}

/// Returns the requests of module files, each given with its module name, and the errors for files that
/// cannot be read. `dir` is the module directory, whose cache is used.
pub fn needs_of_files(dir: &Path, files: &[(&BString, &PathBuf)]) -> (Needs, Vec<Error>) {
    let answers = parallel::map(host::processors(), files, InfoReader::default, |reader, (_, path)| {
        let info = reader.read(dir, path, Extras::default())?;
        let requests = info.strings().filter(|entry| entry.key == b"firmware");
        Ok::<Vec<_>, Error>(requests.map(|entry| BString::from(entry.value)).collect())
    });
    let (mut needs, mut unread) = (Needs::new(), Vec::new());
    for ((module, _), answer) in files.iter().zip(answers) {
        match answer {
            Ok(requests) => requests.into_iter().for_each(|firmware| add(&mut needs, firmware, module)),
            Err(error) => unread.push(error),
        }
    }
    (needs, unread)
}

/// Returns the requests in modules.builtin.modinfo, each with the module that makes it.
pub fn needs_of_builtin(modinfo: &[u8]) -> impl Iterator<Item = (BString, BString)> {
    let requests = modinfo::builtin_modinfo(modinfo).filter(|info| info.key == b"firmware");
    requests.map(|info| (info.value.into(), name::normalize(info.module).into_owned().into()))
}

/// Adds a module's request for a name.
fn add(needs: &mut Needs, firmware: BString, module: &BString) {
    if firmware.is_empty() {
        return;
    }
    let modules = needs.entry(firmware).or_default();
    if !modules.contains(module) {
        modules.push(module.clone());
    }
}
