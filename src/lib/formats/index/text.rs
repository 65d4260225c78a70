//! The text files of a module directory, line by line.
//!
//! They are written by depmod (modules.dep, .alias, .symbols, .softdep, .weakdep, .devname) or installed with the kernel
//! (modules.order, .builtin). All values borrow from the bytes of the file. Malformed lines are skipped, as by other tools
//! that read these files.

use bstr::ByteSlice;

use crate::name;
use crate::number;

/// One line of modules.dep: a module file and the files it needs, nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dep<'a> {
    /// Path relative to the module directory, or absolute.
    pub path: &'a [u8],
    rest: &'a [u8],
    line: &'a [u8],
}

impl<'a> Dep<'a> {
    /// Parses `path: dep dep ...`; `None` if there is no colon.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let colon = line.find_byte(b':')?;
        Some(Self { path: &line[..colon], rest: &line[colon + 1..], line })
    }

    /// The paths of the dependencies, the last one to be loaded first.
    pub fn dependencies(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        words(self.rest)
    }

    /// The whole line without its newline, which is the value in modules.dep.bin.
    pub fn line(&self) -> &'a [u8] {
        self.line
    }
}

/// The lines of modules.dep.
pub fn deps(text: &[u8]) -> impl Iterator<Item = Dep<'_>> {
    lines(text).filter_map(Dep::parse)
}

/// Returns `(KEY, REST)` of each line of the form `KEYWORD KEY REST`: modules.alias and modules.symbols
/// (`alias PATTERN MODULE`), modules.softdep and modules.weakdep (`softdep MODULE REST`).
pub fn entries<'a>(text: &'a [u8], keyword: &'static str) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    lines(text).filter_map(move |line| {
        let rest = line.strip_prefix(keyword.as_bytes())?.strip_prefix(b" ")?;
        rest.split_once_str(" ")
    })
}

/// Returns the module of every line of modules.alias or modules.symbols whose normalised pattern matches the normalised
/// `key`, in file order.
pub fn matching_aliases<'a>(text: &'a [u8], key: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    entries(text, "alias").filter_map(move |(pattern, module)| {
        let pattern = name::normalize_alias(pattern).ok()?;
        name::fnmatch(&pattern, key).then_some(module)
    })
}

/// The module names in modules.builtin or modules.order, which have one path per line.
pub fn names(text: &[u8]) -> impl Iterator<Item = std::borrow::Cow<'_, [u8]>> {
    lines(text).map(name::from_path)
}

/// One line of modules.devname: a device node that loads a module when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceNode<'a> {
    /// The module that provides the device.
    pub module: &'a [u8],
    /// The path relative to /dev.
    pub devname: &'a [u8],
    /// Whether it is a character device and not a block device.
    pub character: bool,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

impl<'a> DeviceNode<'a> {
    /// Parses `module devname cMAJOR:MINOR` (or `b`); `None` if the line has another form.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = words(line);
        let (module, devname, device) = (fields.next()?, fields.next()?, fields.next()?);
        let (&kind, numbers) = device.split_first()?;
        let (major, minor) = numbers.split_once_str(":")?;
        let number = |text| match number::unsigned_32(text)? {
            (value, b"") => Some(value),
            _ => None,
        };
        Some(Self {
            module,
            devname,
            character: match kind {
                b'c' => true,
                b'b' => false,
                _ => return None,
            },
            major: number(major)?,
            minor: number(minor)?,
        })
    }
}

/// The lines of a text without their newlines, except for empty lines and comments.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with(b"#"))
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.fields_with(|char| matches!(char, ' ' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dep_lines() {
        let dep = deps(b"# x\nkernel/a.ko: kernel/b.ko  kernel/c.ko\nbad\n").next().unwrap();
        assert_eq!(dep.path, b"kernel/a.ko");
        assert_eq!(dep.dependencies().collect::<Vec<_>>(), [b"kernel/b.ko", b"kernel/c.ko"]);
        assert_eq!(dep.line(), b"kernel/a.ko: kernel/b.ko  kernel/c.ko");
    }

    #[test]
    fn alias_lines() {
        let text = b"# header\nalias pci:v*d-[a-b] one-mod\nalias x two\nsoftdep x pre: y\n";
        assert_eq!(matching_aliases(text, b"pci:v1d_a").collect::<Vec<_>>(), [b"one-mod"]);
        assert_eq!(entries(text, "softdep").collect::<Vec<_>>(), [(&b"x"[..], &b"pre: y"[..])]);
    }

    #[test]
    fn device_nodes() {
        let node = DeviceNode::parse(b"tun net/tun c10:200").unwrap();
        assert_eq!((node.devname, node.character, node.major, node.minor), (&b"net/tun"[..], true, 10, 200));
        for bad in ["tun net/tun", "tun net/tun x1:2", "tun net/tun c1", "t n c1:99999999999"] {
            assert_eq!(DeviceNode::parse(bad.as_bytes()), None);
        }
    }
}
