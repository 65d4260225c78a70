//! Command lines in the style of Go's `flag` package, whose long options begin with one dash or two.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use bstr::ByteSlice;
use clap::Command;

/// Translates arguments to getopt's syntax: `-name` becomes `--name`. Go does not combine short options into one argument,
/// so this is unambiguous.
pub fn go_flags(command: &Command, args: &[OsString]) -> Vec<OsString> {
    let mut out = Vec::with_capacity(args.len());
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let bytes = arg.as_bytes();
        let name = bytes.strip_prefix(b"--").or_else(|| bytes.strip_prefix(b"-")).unwrap_or_default();
        let (name, value) = name.split_once_str("=").map_or((name, false), |(name, _)| (name, true));
        let known = |arg: &&clap::Arg| arg.get_long().is_some_and(|long| long.as_bytes() == name);
        let known = command.get_arguments().find(known);
        // A single letter is a short option, a single dash an operand.
        let is_long = known.is_some() || name.len() > 1;
        let dashes: &[u8] = if bytes.starts_with(b"--") || !is_long { b"" } else { b"-" };
        out.push(OsString::from_vec([dashes, bytes].concat()));
        if known.is_some_and(|known| known.get_action().takes_values()) && !value {
            out.extend(rest.next().cloned());
        }
    }
    out
}
