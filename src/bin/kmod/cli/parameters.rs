//! Module parameters on the command line of modprobe and insmod.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use bstr::{BString, ByteSlice};

/// Joins the parameters with blanks. The kernel splits them at blanks outside double quotes, so a value that contains a
/// blank is quoted, unless it already begins with a quote.
pub fn parameters(operands: &[OsString]) -> BString {
    let mut joined = BString::default();
    for (index, operand) in operands.iter().enumerate() {
        if index > 0 {
            joined.push(b' ');
        }
        let operand = operand.as_bytes();
        match operand.split_once_str("=") {
            Some((name, value)) if value.contains(&b' ') && !matches!(value.first(), Some(b'"' | b'\'')) => {
                for part in [name, b"=\"", value, b"\""] {
                    joined.extend_from_slice(part);
                }
            }
            _ => joined.extend_from_slice(operand),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_blanks_are_quoted() {
        let words = ["b=c d", "e=\"f g\"", "h='i j'", "k l=m", "n=", "o=p q=r s"];
        let words: Vec<OsString> = words.iter().map(Into::into).collect();
        assert_eq!(parameters(&words), r#"b="c d" e="f g" h='i j' k l=m n= o="p q=r s""#);
    }
}
