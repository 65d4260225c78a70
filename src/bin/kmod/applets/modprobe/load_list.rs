//! --load-list: operands from files.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use oxmod::formats::config::load_list;
use oxmod::sys::file;

use crate::report::{Exit, Report};

/// The names in all these files, in order. A file that cannot be read is the end: half a list may be
/// worse than none.
pub fn read_all(lists: &[OsString], report: &Report) -> Result<Vec<OsString>, Exit> {
    let mut names = Vec::new();
    for list in lists {
        let bytes = if list == "-" { file::read_standard_input() } else { file::read(Path::new(list)) };
        let bytes = bytes.map_err(|error| report.unreadable(&error))?;
        names.extend(load_list::names(&bytes).map(|name| OsStr::from_bytes(name).to_owned()));
    }
    Ok(names)
}
