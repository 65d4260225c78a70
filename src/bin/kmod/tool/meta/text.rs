//! The form in which `kmod meta show` prints modules.

use oxmod::ops::meta::Listed;

/// A module: name, file, what it needs; below it the rest, a line each.
pub fn module(module: &Listed<'_>) -> Vec<u8> {
    let path = if module.path.is_empty() { &b"(built in)"[..] } else { module.path };
    let mut out = [&module.name[..], b" ", path].concat();
    if !module.depends.is_empty() {
        out.extend_from_slice(b": ");
        out.extend_from_slice(&bstr::join(" ", &module.depends));
    }
    out.push(b'\n');
    let lists = [("alias", &module.aliases), ("softdep", &module.softdeps), ("weakdep", &module.weakdeps)];
    for (keyword, values) in lists {
        for value in values {
            out.extend_from_slice(&[b"  ", keyword.as_bytes(), b" ", value, b"\n"].concat());
        }
    }
    out
}
