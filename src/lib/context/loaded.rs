//! The modules that the kernel has loaded: their sizes, their use counts, who holds them.
//!
//! The order is that of /proc/modules, newest first; the figures are those of /sys/module, which is
//! read after it: a module may be gone by then, so each figure is a result of its own. Must not
//! print. Contract: kmod's list of loaded modules, where an absent figure is not an error.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};

use crate::error::{Error, FormatError, Result};
use crate::sys::module::state;
use crate::sys::{module, proc, sysfs};

pub use crate::sys::module::State;

/// A loaded module.
#[derive(Debug)]
pub struct Loaded {
    /// As the kernel spells it.
    pub name: BString,
    /// Bytes of memory.
    pub size: Result<i64>,
    /// Its use count.
    pub count: Result<i64>,
    /// The modules that use it, in the kernel's order.
    pub holders: Result<Vec<BString>>,
    /// The kernel will never unload it, as /proc/modules says.
    pub permanent: bool,
}

/// What the table of loaded modules does not need: further attributes. Each is absent where the kernel does not have it
/// or does not let this process read it.
#[derive(Debug)]
pub struct Details {
    /// Whether it works already, or still.
    pub state: Option<State>,
    /// Bytes of memory for its start, zero once that is over.
    pub init_size: Option<i64>,
    /// How it taints the kernel: the kernel's letters, none for a module that does not.
    pub taint: Option<BString>,
    /// Its `MODULE_VERSION`.
    pub version: Option<BString>,
    /// The checksum of its sources, for comparison with the file's.
    pub source_version: Option<BString>,
    /// Its parameters, sorted by name.
    pub parameters: Vec<Parameter>,
}

/// A parameter of a loaded module.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: BString,
    /// What it is now, without the newline that the kernel puts behind it.
    pub value: Option<BString>,
}

/// All loaded modules, each once.
///
/// Errors: when /proc/modules cannot be read.
pub fn list() -> Result<Vec<Loaded>> {
    Ok(entries(&proc::modules()?).into_iter().map(inspect).collect())
}

/// The kernel hands its table out a page at a time, and new modules come first: one that is loaded between two pages
/// moves the last ones of the former page into the latter.
fn entries(table: &[u8]) -> Vec<Entry<'_>> {
    let mut seen = HashSet::new();
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
    // Behind the use count come the users, and among them this word.
    let permanent =
        fields.nth(1).is_some_and(|users| users.split_str(",").any(|user| user == b"[permanent]"));
    Some(Entry { name, size, permanent })
}

fn inspect(Entry { name, size: listed, permanent }: Entry<'_>) -> Loaded {
    let count = count(name);
    let size = match (size(name), listed) {
        // Kernels before 3.3 have no such attribute.
        (Err(error), Some(listed)) if error.errno() == libc::ENOENT && sysfs::module_dir(name).is_dir() => {
            drop(error);
            Ok(listed)
        }
        (size, _) => size,
    };
    Loaded { name: name.into(), size, count, holders: holders(name), permanent }
}

/// Everything else that the kernel tells about a loaded module, be it already gone.
pub fn details(name: &[u8]) -> Details {
    let attribute = |path: &Path| sysfs::attribute(name, path).ok().map(line);
    let mut names = sysfs::list(name, "parameters").unwrap_or_default();
    names.sort_unstable();
    let parameter = |parameter: OsString| {
        let value = attribute(&Path::new("parameters").join(&parameter));
        Parameter { name: parameter.into_vec().into(), value }
    };
    Details {
        state: state(name),
        init_size: number(name, "initsize").ok(),
        taint: attribute(Path::new("taint")),
        version: attribute(Path::new("version")),
        source_version: attribute(Path::new("srcversion")),
        parameters: names.into_iter().map(parameter).collect(),
    }
}

/// Whether the kernel has the module of this normalised name, whatever state it is in.
pub fn is_present(name: &[u8]) -> bool {
    module::is_present(name)
}

/// An attribute without the newline at its end.
fn line(mut bytes: Vec<u8>) -> BString {
    if bytes.ends_with(b"\n") {
        bytes.pop();
    }
    bytes.into()
}

/// The size of a loaded module in memory, in bytes.
pub fn size(name: &[u8]) -> Result<i64> {
    number(name, "coresize")
}

/// The use count of a loaded module. Absent (`ENOENT`) in a kernel that cannot unload modules.
pub fn count(name: &[u8]) -> Result<i64> {
    number(name, "refcnt")
}

/// The modules that use a loaded module, in the kernel's order.
pub fn holders(name: &[u8]) -> Result<Vec<BString>> {
    let names = sysfs::list(name, "holders")?;
    Ok(names.into_iter().map(|name| name.into_vec().into()).collect())
}

/// An attribute that is a decimal number and a newline.
fn number(module: &[u8], attribute: &str) -> Result<i64> {
    let bytes = sysfs::attribute(module, attribute)?;
    let path = || sysfs::module_dir(module).join(attribute);
    parse_number(&bytes).ok_or_else(|| Error::new(path(), FormatError::malformed("not a number")))
}

/// Leading blanks, a sign, digits, and then a blank; what follows that does not matter. Numbers out of
/// range are cut to it.
fn parse_number(bytes: &[u8]) -> Option<i64> {
    let text = bytes.trim_ascii_start();
    let end = text.iter().position(u8::is_ascii_whitespace)?;
    let word = text.get(..end)?.to_str().ok()?;
    word.parse().map_or_else(
        |error: std::num::ParseIntError| match error.kind() {
            std::num::IntErrorKind::PosOverflow => Some(i64::MAX),
            std::num::IntErrorKind::NegOverflow => Some(i64::MIN),
            _ => None,
        },
        Some,
    )
}

/// Whether this result says that there is no such file, rather than that something is wrong with it.
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
    fn a_line_needs_no_more_than_a_name() {
        let read = |line| entry(line).map(|entry| (entry.name.to_string(), entry.size, entry.permanent));
        assert_eq!(read(b"a 100 1 b, Live 0x0"), Some(("a".into(), Some(100), false)));
        assert_eq!(read(b"a 100 1 b,[permanent], Live 0x0"), Some(("a".into(), Some(100), true)));
        assert_eq!(read(b"a 100 - - Live 0x0"), Some(("a".into(), Some(100), false)));
        assert_eq!(read(b"a"), Some(("a".into(), None, false)));
        assert_eq!(read(b"a x"), Some(("a".into(), None, false)));
        assert_eq!(read(b" "), None);
    }
}
