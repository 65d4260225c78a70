//! The modules that are loaded: their sizes, use counts and holders.
//!
//! The order is that of /proc/modules, newest first. The numbers come from /sys/module, which is read afterwards: the
//! module may have been removed in the meantime, so each number is a separate `Result`. This module must not print.
//! Contract: kmod's list of loaded modules, where a missing number is not an error.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};

use crate::error::{Error, FormatError, Result};
use crate::number;
use crate::sys::module::state;
use crate::sys::{file, module, proc, sysfs};

pub use crate::sys::module::ModuleState;

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
    Ok(entries(&proc::modules()?).into_iter().map(inspect).collect())
}

/// Returns the entries of /proc/modules without repetitions. The kernel returns the table one page at a time, newest
/// module first: if a module is loaded between two reads, the last entries of one page are repeated on the next.
fn entries(table: &[u8]) -> Vec<Entry<'_>> {
    let mut seen = BTreeSet::new();
    table.lines().filter_map(entry).filter(|entry| seen.insert(entry.name)).collect()
}

/// One line of /proc/modules.
struct Entry<'a> {
    name: &'a BStr,
    size: Option<i64>,
    permanent: bool,
}

fn entry(line: &[u8]) -> Option<Entry<'_>> {
    let mut fields = line.fields_with(|char| matches!(char, ' ' | '\t'));
    let name = fields.next()?.as_bstr();
    let size = fields.next().and_then(|size| size.to_str().ok()?.parse().ok());
    // The names of the users follow the use count; `[permanent]` is listed among them.
    let permanent =
        fields.nth(1).is_some_and(|users| users.split_str(",").any(|user| user == b"[permanent]"));
    Some(Entry { name, size, permanent })
}

fn inspect(Entry { name, size: listed, permanent }: Entry<'_>) -> LoadedModule {
    let count = count(name);
    let size = match (size(name), listed) {
        // Kernels before 3.3 have no such attribute.
        (Err(error), Some(listed))
            if error.errno() == libc::ENOENT && file::is_dir(&sysfs::module_dir(name)) =>
        {
            drop(error);
            Ok(listed)
        }
        (size, _) => size,
    };
    LoadedModule { name: name.into(), size, count, holders: holders(name), permanent }
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
    LoadedDetails {
        state: state(name),
        init_size: number(name, "initsize").ok(),
        taint: attribute(Path::new("taint")),
        version: attribute(Path::new("version")),
        source_version: attribute(Path::new("srcversion")),
        parameters: names.into_iter().map(parameter).collect(),
    }
}

/// Whether the module with this normalised name is in the kernel, in any state.
pub fn is_present(name: &[u8]) -> bool {
    module::is_present(name)
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
    number(name, "coresize")
}

/// Returns the use count of a loaded module. `ENOENT` on a kernel that cannot unload modules.
pub fn count(name: &[u8]) -> Result<i64> {
    number(name, "refcnt")
}

/// Returns the modules that use a loaded module, in the kernel's order.
pub fn holders(name: &[u8]) -> Result<Vec<BString>> {
    let names = sysfs::list(name, "holders")?;
    Ok(names.into_iter().map(|name| name.into_vec().into()).collect())
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
    use super::{entry, parse_number};

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

    #[test]
    fn lines_of_proc_modules_are_parsed() {
        let read = |line| entry(line).map(|entry| (entry.name.to_string(), entry.size, entry.permanent));
        assert_eq!(read(b"a 100 1 b, Live 0x0"), Some(("a".into(), Some(100), false)));
        assert_eq!(read(b"a 100 1 b,[permanent], Live 0x0"), Some(("a".into(), Some(100), true)));
        assert_eq!(read(b"a 100 - - Live 0x0"), Some(("a".into(), Some(100), false)));
        assert_eq!(read(b"a"), Some(("a".into(), None, false)));
        assert_eq!(read(b"a x"), Some(("a".into(), None, false)));
        assert_eq!(read(b" "), None);
    }
}
