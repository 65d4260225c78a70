//! `MODPROBE_OPTIONS`: options that every modprobe of a process tree shares.
//!
//! Owns the splitting of the variable and what is appended to it for the children that install and
//! remove commands start. Contract: kmod 34's rules with their oddities: only single blanks separate
//! words, so that two in a row leave an empty word between them; quotes protect blanks and vanish;
//! a word quoted as a whole ends with its quote; a quote that is never closed stands for itself and
//! takes in all that follows.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The words of the variable followed by the arguments of the command line.
pub fn prepend(variable: Option<&OsStr>, args: &[OsString]) -> Vec<OsString> {
    let mut words = split(variable.unwrap_or_default().as_bytes());
    words.extend_from_slice(args);
    words
}

/// The value of the variable with another option behind it.
pub fn append(variable: &mut OsString, option: &OsStr) {
    if !variable.is_empty() {
        variable.push(" ");
    }
    variable.push(option);
}

fn split(text: &[u8]) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut word = Vec::new();
    let mut in_word = false;
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b' ' => {
                words.push(OsString::from_vec(std::mem::take(&mut word)));
                in_word = false;
            }
            b'"' | b'\'' => {
                let Some(len) = after.iter().position(|&other| other == byte) else {
                    word.push(byte);
                    word.extend_from_slice(after);
                    in_word = true;
                    break;
                };
                word.extend_from_slice(after.get(..len).unwrap_or_default());
                rest = after.get(len + 1..).unwrap_or_default();
                if !in_word {
                    words.push(OsString::from_vec(std::mem::take(&mut word)));
                }
            }
            _ => {
                word.push(byte);
                in_word = true;
            }
        }
    }
    if in_word {
        words.push(OsString::from_vec(word));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_as_kmod_does() {
        for (text, expected) in [
            ("x y", &["x", "y"][..]),
            ("x  y", &["x", "", "y"]),
            (" x", &["", "x"]),
            ("x ", &["x"]),
            ("  ", &["", ""]),
            (r#""x y" z"#, &["x y", "", "z"]),
            (r#"x"y z"w q"#, &["xy zw", "q"]),
            ("\"x\"\"y\"", &["x", "y"]),
            (r#""x"y"#, &["x", "y"]),
            (r#""x y"#, &["\"x y"]),
            (r#"a"b c"#, &["a\"b c"]),
            (r#"x"y"z"w""#, &["xyzw"]),
            (r#"x"a'b"'c d'"#, &["xa'bc d"]),
            (r#""" x"#, &["", "", "x"]),
            (r#"x """#, &["x", ""]),
            ("x\ty", &["x\ty"]),
            ("", &[]),
        ] {
            assert_eq!(split(text.as_bytes()), expected, "{text}");
        }
    }
}
