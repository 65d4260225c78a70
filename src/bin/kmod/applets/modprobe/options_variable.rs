//! `MODPROBE_OPTIONS`: options that are shared by all modprobe processes of a process tree.
//!
//! This module splits the variable, and appends options to it for the modprobe processes that install and remove commands
//! start. Contract: kmod 34's rules, including the unusual ones: words are separated by single blanks, so that there is an
//! empty word between two blanks; quotes protect blanks and are removed; a word that begins with a quote ends at the
//! closing quote; a quote that is never closed is kept, and everything after it belongs to the word.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Returns the words of the variable followed by the arguments of the command line.
pub fn prepend(variable: Option<&OsStr>, args: &[OsString]) -> Vec<OsString> {
    let mut words = split(variable.unwrap_or_default().as_bytes());
    words.extend_from_slice(args);
    words
}

/// Appends an option to the value of the variable.
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
    fn words_are_split_as_by_kmod() {
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
