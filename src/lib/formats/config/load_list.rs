//! Lists of modules to load, as in modules-load.d(5): one name per line.
//!
//! Blanks around a name are ignored, as are empty lines and lines that begin with `#` or `;`.

/// The names as written, in the order of the lines.
pub fn names(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !matches!(line.first(), None | Some(b'#' | b';')))
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn comments_and_blanks_are_skipped() {
        let text = b"# first\n\n  loop \n\tdm-mod\r\n;x\n #y\nlast \xff";
        assert_eq!(names(text).collect::<Vec<_>>(), [&b"loop"[..], b"dm-mod", b"last \xff"]);
    }
}
