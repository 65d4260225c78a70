//! What firmware modules ask for, by their own word.
//!
//! Of a module file that word is read as modinfo reads it: from what depmod has left, else from the file. What is built in
//! has it in modules.builtin.modinfo.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bstr::BString;

use super::select::Chosen;
use crate::context::Context;
use crate::error::Error;
use crate::formats::modinfo;
use crate::name;
use crate::ops::info::Reader;
use crate::sys::{host, parallel};

/// What is asked for, as it is written - names and patterns -, and the modules that do, by name.
pub type Needs = BTreeMap<BString, Vec<BString>>;

/// What the chosen modules ask for, and which of them cannot be read.
pub fn needs(context: &Context, chosen: &Chosen) -> (Needs, Vec<Error>) {
    let files: Vec<(&BString, &PathBuf)> =
        chosen.iter().filter_map(|(name, path)| Some((name, path.as_ref()?))).collect();
    let (mut needs, unread) = needs_of_files(context.dir(), &files);
    let builtin = needs_of_builtin(context.builtin_modinfo());
    for (firmware, module) in builtin.filter(|(_, module)| chosen.get(module) == Some(&None)) {
        add(&mut needs, firmware, &module);
    }
    (needs, unread)
}

/// What module files ask for, each given with the module's name, and which of them cannot be read; `dir` may have a
/// side-car about them.
pub fn needs_of_files(dir: &Path, files: &[(&BString, &PathBuf)]) -> (Needs, Vec<Error>) {
    let answers = parallel::map(host::processors(), files, Reader::default, |reader, (_, path)| {
        let info = reader.read(dir, path, false)?;
        let asked = info.strings().filter(|entry| entry.key == b"firmware");
        Ok::<Vec<_>, Error>(asked.map(|entry| BString::from(entry.value)).collect())
    });
    let (mut needs, mut unread) = (Needs::new(), Vec::new());
    for ((module, _), answer) in files.iter().zip(answers) {
        match answer {
            Ok(asked) => asked.into_iter().for_each(|firmware| add(&mut needs, firmware, module)),
            Err(error) => unread.push(error),
        }
    }
    (needs, unread)
}

/// What is asked for in a modules.builtin.modinfo, and by which module.
pub fn needs_of_builtin(modinfo: &[u8]) -> impl Iterator<Item = (BString, BString)> {
    let asked = modinfo::builtin_modinfo(modinfo).filter(|info| info.key == b"firmware");
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
