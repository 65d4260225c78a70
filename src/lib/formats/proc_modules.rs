//! The kernel's table of loaded modules, /proc/modules: one line for each, newest first.
//!
//! A line is `name size count users state address taint`. The users are a list in which every item ends in a comma, or
//! `-` if there are none; the kernel adds words in brackets such as `[permanent]`. A kernel that cannot unload modules
//! has `-` for the count. Everything after the name may be missing. Contract: the kernel's `kernel/module/procfs.c`.

use bstr::{BStr, ByteSlice};

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcModule<'a> {
    /// The name, as the kernel spells it.
    pub name: &'a BStr,
    /// The size in memory, in bytes.
    pub size: Option<i64>,
    /// The use count.
    pub count: Option<i64>,
    /// The state: `Live`, `Loading` or `Unloading`.
    pub state: Option<&'a [u8]>,
    /// The letters of the kernel taints that the module causes; `None` if it causes none.
    pub taint: Option<&'a [u8]>,
    users: &'a [u8],
}

impl<'a> ProcModule<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|field| !field.is_empty());
        let name = fields.next()?.as_bstr();
        let number = |field: Option<&[u8]>| field.and_then(|field| field.to_str().ok()?.parse().ok());
        let (size, count) = (number(fields.next()), number(fields.next()));
        let (users, state) = (fields.next().unwrap_or_default(), fields.next());
        let taint = fields.nth(1).and_then(|taint| taint.strip_prefix(b"(")?.strip_suffix(b")"));
        Some(Self { name, size, count, state, taint, users })
    }

    /// The modules that use it.
    pub fn users(&self) -> impl Iterator<Item = &'a BStr> {
        let items = self.users.split(|&byte| byte == b',').filter(|item| !item.is_empty() && *item != b"-");
        items.filter(|item| !item.starts_with(b"[")).map(ByteSlice::as_bstr)
    }

    /// Whether the kernel will never unload it.
    pub fn is_permanent(&self) -> bool {
        self.users.split(|&byte| byte == b',').any(|item| item == b"[permanent]")
    }
}

/// The lines of the table. The kernel returns it one page at a time, newest module first: if a module is loaded between two
/// reads, the last lines of one page are repeated in the next.
pub fn entries(table: &[u8]) -> impl Iterator<Item = ProcModule<'_>> {
    table.lines().filter_map(ProcModule::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users<'a>(entry: &ProcModule<'a>) -> Vec<&'a [u8]> {
        entry.users().map(|user| user.as_bytes()).collect()
    }

    #[test]
    fn every_column() {
        let table = b"a 100 2 b,c_d,[permanent], Live 0xffffffffc0000000 (POE)\nb 5 0 - Loading 0x0\n\nc 7 - - Unloading 0x0\n";
        let [a, b, c] = entries(table).collect::<Vec<_>>()[..] else { panic!() };
        assert_eq!((a.name, a.size, a.count), (BStr::new("a"), Some(100), Some(2)));
        assert_eq!((a.state, a.taint, a.is_permanent()), (Some(&b"Live"[..]), Some(&b"POE"[..]), true));
        assert_eq!(users(&a), [&b"b"[..], b"c_d"]);
        assert_eq!((b.state, b.taint, b.is_permanent()), (Some(&b"Loading"[..]), None, false));
        assert!(users(&b).is_empty() && users(&c).is_empty());
        assert_eq!((c.size, c.count, c.state), (Some(7), None, Some(&b"Unloading"[..])));
    }

    #[test]
    fn a_line_needs_no_more_than_a_name() {
        for (line, size) in
            [(&b"a"[..], None), (b"a x", None), (b" a\t100", Some(100)), (b"a 100 - -", Some(100))]
        {
            let entry = ProcModule::parse(line).unwrap();
            assert_eq!((entry.name, entry.size, entry.state), (BStr::new("a"), size, None));
            assert!(users(&entry).is_empty());
        }
        assert_eq!(ProcModule::parse(b" "), None);
    }
}
