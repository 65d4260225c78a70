//! What firmware modules ask for, by their own word.
//!
//! Of a module file that word is read as modinfo reads it: from what depmod has left, else from the file. What is built in
//! has it in modules.builtin.modinfo.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bstr::BString;

use super::select::Chosen;
use crate::context::Context;
use crate::error::Result;
use crate::index::text;
use crate::name;
use crate::ops::info::Reader;
use crate::sys::{host, parallel};

/// What is asked for, as it is written - names and patterns -, and the modules that do, by name.
pub type Needs = BTreeMap<BString, Vec<BString>>;

/// What the chosen modules ask for.
///
/// Errors: a module cannot be read.
pub fn needs(context: &Context<'_>, chosen: &Chosen) -> Result<Needs> {
    let files: Vec<(&BString, &PathBuf)> =
        chosen.iter().filter_map(|(name, path)| Some((name, path.as_ref()?))).collect();
    let mut needs = needs_of_files(context.dir(), &files)?;
    let builtin = needs_of_builtin(context.builtin_modinfo());
    for (firmware, module) in builtin.filter(|(_, module)| chosen.get(module) == Some(&None)) {
        add(&mut needs, firmware, &module);
    }
    Ok(needs)
}

/// What module files ask for, each given with the module's name; `dir` may have a side-car about them.
///
/// Errors: one of them cannot be read.
pub fn needs_of_files(dir: &Path, files: &[(&BString, &PathBuf)]) -> Result<Needs> {
    let answers = parallel::map(host::processors(), files, Reader::default, |reader, (_, path)| {
        let info = reader.read(dir, path, false)?;
        let asked = info.strings().filter(|entry| entry.key == b"firmware");
        Ok(asked.map(|entry| BString::from(entry.value)).collect::<Vec<_>>())
    });
    let mut needs = Needs::new();
    for ((module, _), answer) in files.iter().zip(answers) {
        answer?.into_iter().for_each(|firmware| add(&mut needs, firmware, module));
    }
    Ok(needs)
}

/// What is asked for in a modules.builtin.modinfo, and by which module.
pub fn needs_of_builtin(modinfo: &[u8]) -> impl Iterator<Item = (BString, BString)> {
    let asked = text::builtin_modinfo(modinfo).filter(|info| info.key == b"firmware");
    asked.map(|info| (info.value.into(), name::normalize(info.module).into_owned().into()))
}

/// Notes that a module asks for a name.
fn add(needs: &mut Needs, firmware: BString, module: &BString) {
    if firmware.is_empty() {
        return;
    }
    let modules = needs.entry(firmware).or_default();
    if !modules.contains(module) {
        modules.push(module.clone());
    }
}
