//! What firmware modules ask for, by their own word.
//!
//! Of a module file that word is read as modinfo reads it: from what depmod has left, else from the file. What is built in
//! has it in modules.builtin.modinfo.

use std::collections::BTreeMap;
use std::path::PathBuf;

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
    let dir = context.dir();
    let answers = parallel::map(host::processors(), &files, Reader::default, |reader, (_, path)| {
        let info = reader.read(dir, path, false)?;
        let asked = info.strings().filter(|entry| entry.key == b"firmware");
        Ok(asked.map(|entry| BString::from(entry.value)).collect::<Vec<_>>())
    });
    let mut needs = Needs::new();
    for ((module, _), answer) in files.iter().zip(answers) {
        answer?.into_iter().for_each(|firmware| add(&mut needs, firmware, module));
    }
    for info in text::builtin_modinfo(context.builtin_modinfo()).filter(|info| info.key == b"firmware") {
        let module = BString::from(name::normalize(info.module).into_owned());
        if chosen.get(&module) == Some(&None) {
            add(&mut needs, info.value.into(), &module);
        }
    }
    Ok(needs)
}

/// Notes that a module asks for a name.
pub(super) fn add(needs: &mut Needs, firmware: BString, module: &BString) {
    if firmware.is_empty() {
        return;
    }
    let modules = needs.entry(firmware).or_default();
    if !modules.contains(module) {
        modules.push(module.clone());
    }
}
