//! The jobs of modprobe that only print something: `-c`, `--show-modversions`, `--show-exports`.
//!
//! Contract: the output formats of kmod.

use std::ffi::OsStr;

use bstr::{BStr, ByteSlice};
use oxmod::context::{Context, IndexKind};
use oxmod::ops::symbols::{self, Symbol};

use super::args::Job;
use crate::output::stdout::Out;
use crate::report::{Exit, Outcome, Report};

/// The number of bytes of a long output that are collected before they are written: more than the buffer of standard
/// output, so that they are not copied into it.
const CHUNK: usize = 64 << 10;

/// The start of the line for an entry of an index.
const ALIAS: &[u8] = b"alias ";

/// Runs one of these jobs; does nothing for the others.
pub fn run(context: &Context, job: &Job, out: &mut Out, report: &Report) -> Outcome {
    match job {
        Job::ShowConfig => config(context, out),
        Job::ShowModversions(operand) => modversions(context, operand, out, report),
        Job::ShowExports(operand) => exports(context, operand, out, report),
        Job::Remove(_) | Job::Insert(..) => Ok(()),
    }
}

/// `-c`: the configuration by directive, then the indexes.
fn config(context: &Context, out: &mut Out) -> Outcome {
    directives(context, out)?;
    out.bytes(b"\n# End of configuration files. Dumping indexes now:\n\n")?;
    for kind in [IndexKind::Alias, IndexKind::Symbol] {
        let mut outcome = Ok(());
        let mut lines = vec![0; CHUNK];
        let mut filled = 0;
        context.dump(kind, |key, value| {
            let len = ALIAS.len() + 2 + key.len() + value.len();
            if lines.len() - filled < len {
                if outcome.is_ok() {
                    outcome = out.bytes(&lines[..filled]);
                }
                filled = 0;
                lines.resize(len.max(CHUNK), 0);
            }
            alias(&mut lines[filled..filled + len], key, value);
            filled += len;
        });
        outcome?;
        out.bytes(&lines[..filled])?;
    }
    Ok(())
}

/// Fills `line`, which has exactly the required length.
fn alias(line: &mut [u8], key: &[u8], value: &[u8]) {
    // This is called forty thousand times, so the parts are copied into a slice of known length instead of being appended
    // to a vector, which would check its capacity for each part.
    let (keyword, line) = line.split_at_mut(ALIAS.len());
    keyword.copy_from_slice(ALIAS);
    let (start, line) = line.split_at_mut(key.len());
    start.copy_from_slice(key);
    line[0] = b' ';
    line[1..=value.len()].copy_from_slice(value);
    line[1 + value.len()] = b'\n';
}

fn directives(context: &Context, out: &mut Out) -> Outcome {
    let config = context.config();
    for entry in &config.blacklist {
        line(out, "blacklist", entry.module.as_bstr(), &[])?;
    }
    for (keyword, commands) in [("install", &config.installs), ("remove", &config.removes)] {
        for entry in commands {
            line(out, keyword, entry.pattern.as_bstr(), &[&entry.command])?;
        }
    }
    for entry in &config.aliases {
        line(out, "alias", entry.pattern.as_bstr(), &[&entry.module])?;
    }
    for entry in &config.options {
        line(out, "options", entry.module.as_bstr(), &[&entry.text])?;
    }
    for entry in &config.softdeps {
        let mut lists: Vec<&[u8]> = Vec::new();
        for (switch, names) in [("pre:", &entry.pre), ("post:", &entry.post)] {
            if !names.is_empty() {
                lists.push(switch.as_bytes());
                lists.extend(names.iter().map(|name| name.as_bytes()));
            }
        }
        spaced(out, "softdep", entry.pattern.as_bstr(), &lists)?;
    }
    for entry in &config.weakdeps {
        let names: Vec<&[u8]> = entry.modules.iter().map(|name| name.as_slice()).collect();
        spaced(out, "weakdep", entry.pattern.as_bstr(), &names)?;
    }
    // At the end, so that the sections that kmod prints are where other programs expect them.
    for entry in &config.forbids {
        let reason = entry.reason.as_ref().map(|reason| reason.as_slice());
        line(out, "forbid", entry.pattern.as_bstr(), reason.as_slice())?;
    }
    Ok(())
}

/// Writes `keyword key value`, without a trailing blank if there is no value.
fn line(out: &mut Out, keyword: &str, key: &BStr, values: &[&[u8]]) -> Outcome {
    out.bytes(keyword.as_bytes())?;
    out.bytes(b" ")?;
    out.bytes(key)?;
    for value in values {
        out.bytes(b" ")?;
        out.bytes(value)?;
    }
    out.bytes(b"\n")
}

/// Like [`fn@line`], but with a blank after the key even if there is no value, as kmod does.
fn spaced(out: &mut Out, keyword: &str, key: &BStr, values: &[&[u8]]) -> Outcome {
    line(out, keyword, key, if values.is_empty() { &[b""] } else { values })
}

/// `--show-modversions`: prints the symbols that a module needs with their versions, in the order of the file.
fn modversions(context: &Context, operand: &OsStr, out: &mut Out, report: &Report) -> Outcome {
    let Some(path) = context.file_of(operand) else { return not_found(operand, report) };
    match symbols::needed(&path) {
        Ok(symbols) => print(&symbols, out),
        Err(error) => report.no_modversions(operand, &error).and(Err(Exit::Failure)),
    }
}

/// `--show-exports`: prints the symbols that a module exports with their versions, in the order of the file.
fn exports(context: &Context, operand: &OsStr, out: &mut Out, report: &Report) -> Outcome {
    let Some(path) = context.file_of(operand) else { return not_found(operand, report) };
    match symbols::exported(&path) {
        Ok(symbols) => print(&symbols, out),
        Err(error) => report.no_exports(operand, &error).and(Err(Exit::Failure)),
    }
}

/// Reports an operand that is neither a file nor a module. (kmod 34.2 accepts only files, later versions also names.)
fn not_found(operand: &OsStr, report: &Report) -> Outcome {
    report.not_found(operand).and(Err(Exit::Failure))
}

fn print(symbols: &[Symbol], out: &mut Out) -> Outcome {
    symbols.iter().try_for_each(|symbol| {
        out.print(format_args!("0x{:08x}\t", symbol.crc))?;
        out.bytes(&symbol.name)?;
        out.bytes(b"\n")
    })
}
