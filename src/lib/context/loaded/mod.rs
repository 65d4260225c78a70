//! The modules that are loaded: their sizes, use counts and holders.
//!
//! The order is that of /proc/modules, newest first. The numbers come from /sys/module, which is read afterwards: the
//! module may have been removed in the meantime, so each number is a separate `Result`. If there is no /sys/module, they
//! come from /proc/modules. This module must not print. Contract: kmod's list of loaded modules, where a missing number
//! is not an error.

mod state;
mod table;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use bstr::{BString, ByteSlice};

use crate::error::{Error, FormatError, Result};
use crate::formats::proc_modules::{ProcModule, entries};
use crate::number;
use crate::sys::{file, module, proc, sysfs};

pub use crate::sys::module::ModuleState;
pub(crate) use state::{is_live, is_loadable, wait_until_settled};
pub use state::{is_present, state};

/// A loaded module.
#[derive(Debug)]
pub struct LoadedModule {
    /// The name, as the kernel spells it.
    pub name: BString,
    /// The size in memory, in bytes.
    pub size: Result<i64>,
    /// The use count.
    pub count: Result<i64>,
    /// The modules that use it, in the kernel's order.
    pub holders: Result<Vec<BString>>,
    /// Whether /proc/modules marks it as permanent: the kernel will never unload it.
    pub permanent: bool,
}

/// Further attributes of a loaded module, which lsmod does not show. Each is absent if the kernel does not
/// have it or does not let this process read it.
#[derive(Debug)]
pub struct LoadedDetails {
    /// Whether it is live, being loaded or being removed.
    pub state: Option<ModuleState>,
    /// The size of its initialisation code in bytes; zero after the initialisation.
    pub init_size: Option<i64>,
    /// The letters of the kernel taints that it causes; empty if it causes none.
    pub taint: Option<BString>,
    /// Its `MODULE_VERSION`.
    pub version: Option<BString>,
    /// The checksum of its sources (`srcversion`), for comparison with that of the file.
    pub source_version: Option<BString>,
    /// Its parameters, sorted by name.
    pub parameters: Vec<LoadedParameter>,
}

/// A parameter of a loaded module.
#[derive(Debug)]
pub struct LoadedParameter {
    /// Its name.
    pub name: BString,
    /// The current value, without the newline that the kernel appends.
    pub value: Option<BString>,
}

/// Returns all loaded modules, each once.
///
/// Errors: /proc/modules cannot be read.
pub fn list() -> Result<Vec<LoadedModule>> {
    let mut seen = BTreeSet::new();
    let table = proc::modules()?;
    let mut modules = Vec::with_capacity(table.lines().count());
    modules.extend(entries(&table).filter(|entry| seen.insert(entry.name)).map(inspect));
    Ok(modules)
}

fn inspect(entry: ProcModule<'_>) -> LoadedModule {
    let name = entry.name;
    let count = number(name, "refcnt").or_else(|error| without_sysfs(error, entry.count));
    let size = number(name, "coresize").or_else(|error| match entry.size {
        // Kernels before 3.3 have no such attribute.
        Some(size) if error.errno() == libc::ENOENT && file::is_dir(&sysfs::module_dir(name)) => Ok(size),
        listed => without_sysfs(error, listed),
    });
    LoadedModule {
        name: name.into(),
        size,
        count,
        holders: listed_holders(name).or_else(|error| without_sysfs(error, Some(users(&entry)))),
        permanent: entry.is_permanent(),
    }
}

/// Returns what /proc/modules has in place of an attribute that cannot be read, if there is no /sys/module.
fn without_sysfs<T>(error: Error, listed: Option<T>) -> Result<T> {
    listed.filter(|_| !module::is_sysfs_available()).ok_or(error)
}

fn users(entry: &ProcModule<'_>) -> Vec<BString> {
    entry.users().map(Into::into).collect()
}

/// Returns the further attributes of a loaded module. If the module is not loaded any more, they are absent.
pub fn details(name: &[u8]) -> LoadedDetails {
    let attribute = |path: &Path| sysfs::attribute(name, path).ok().map(line);
    let mut names = sysfs::list(name, "parameters").unwrap_or_default();
    names.sort_unstable();
    let parameter = |parameter: OsString| {
        let value = attribute(&Path::new("parameters").join(&parameter));
        LoadedParameter { name: parameter.into_vec().into(), value }
    };
    let taint = |entry: &ProcModule<'_>| entry.taint.map_or_else(BString::default, BString::from);
    LoadedDetails {
        state: state(name),
        init_size: number(name, "initsize").ok(),
        taint: attribute(Path::new("taint")).or_else(|| table::look_up(name, taint)),
        version: attribute(Path::new("version")),
        source_version: attribute(Path::new("srcversion")),
        parameters: names.into_iter().map(parameter).collect(),
    }
}

/// Removes the newline at the end of an attribute.
fn line(mut bytes: Vec<u8>) -> BString {
    if bytes.ends_with(b"\n") {
        bytes.pop();
    }
    bytes.into()
}

/// Returns the size of a loaded module in memory, in bytes.
pub fn size(name: &[u8]) -> Result<i64> {
    number(name, "coresize").or_else(|error| listed(name, error, |entry| entry.size))
}

/// Returns the use count of a loaded module. `ENOENT` on a kernel that cannot unload modules.
pub fn count(name: &[u8]) -> Result<i64> {
    number(name, "refcnt").or_else(|error| listed(name, error, |entry| entry.count))
}

/// Returns the modules that use a loaded module, in the kernel's order.
pub fn holders(name: &[u8]) -> Result<Vec<BString>> {
    listed_holders(name).or_else(|error| listed(name, error, |entry| Some(users(entry))))
}

fn listed_holders(name: &[u8]) -> Result<Vec<BString>> {
    let names = sysfs::list(name, "holders")?;
    Ok(names.into_iter().map(|name| name.into_vec().into()).collect())
}

/// Returns what /proc/modules has in place of an attribute that cannot be read.
fn listed<T>(name: &[u8], error: Error, read: impl FnOnce(&ProcModule<'_>) -> Option<T>) -> Result<T> {
    table::look_up(name, read).flatten().ok_or(error)
}

/// Reads an attribute that is a decimal number and a newline.
fn number(module: &[u8], attribute: &str) -> Result<i64> {
    let bytes = sysfs::attribute(module, attribute)?;
    let path = || sysfs::module_dir(module).join(attribute);
    parse_number(&bytes).ok_or_else(|| Error::new(path(), FormatError::malformed("not a number")))
}

/// Parses a number that is followed by white space. Anything after that is ignored.
fn parse_number(bytes: &[u8]) -> Option<i64> {
    let (value, rest) = number::signed(bytes)?;
    rest.first().is_some_and(u8::is_ascii_whitespace).then_some(value)
}

/// Whether this result means that the file does not exist, rather than that it is unreadable or malformed.
pub fn is_absent<T>(result: &Result<T>) -> bool {
    result.as_ref().is_err_and(|error| match &error.cause {
        crate::error::Cause::Io(cause) => cause.kind() == io::ErrorKind::NotFound,
        crate::error::Cause::Format(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::parse_number;

    #[test]
    fn numbers_end_with_a_blank() {
        for (text, number) in [
            ("12\n", Some(12)),
            (" 12\n", Some(12)),
            ("-5\n", Some(-5)),
            ("1 2\n", Some(1)),
            ("99999999999999999999\n", Some(i64::MAX)),
            ("12", None),
            ("", None),
            ("\n", None),
            ("0x10\n", None),
            ("12x\n", None),
        ] {
            assert_eq!(parse_number(text.as_bytes()), number, "{text:?}");
        }
    }
}
