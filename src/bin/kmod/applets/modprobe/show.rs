//! The questions that modprobe answers without touching any module: `-c`, `--show-modversions`,
//! `--show-exports`.
//!
//! Owns the form of the answers, which is kmod's.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BStr, ByteSlice};
use oxmod::context::module_file::Opener;
use oxmod::context::{Context, IndexKind, Module};
use oxmod::error::{Cause, Error, FormatError, FormatKind};
use oxmod::formats::config::{Command, Config};
use oxmod::formats::elf;
use oxmod::sys::file;

use super::args::Job;
use crate::output::stdout::Out;
use crate::report::{Exit, Outcome, Report};

/// How much of a long answer is collected before it is handed on, in bytes: more than the buffer of standard
/// output holds, so that it passes by that.
const CHUNK: usize = 64 << 10;

/// What a line of an index begins with.
const ALIAS: &[u8] = b"alias ";

/// Answers the question that a job is; the others are none.
pub fn answer(context: &Context<'_>, job: &Job, out: &mut Out, report: &Report) -> Outcome {
    match job {
        Job::ShowConfig => config(context, out),
        Job::ShowModversions(operand) => modversions(context, operand, out, report),
        Job::ShowExports(operand) => exports(context, operand, out, report),
        Job::Remove(_) | Job::Insert(..) => Ok(()),
    }
}

/// `-c`: the configuration by directive, then the indexes.
fn config(context: &Context<'_>, out: &mut Out) -> Outcome {
    directives(context.config(), out)?;
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

/// Fills a line that is as long as it need be.
fn alias(line: &mut [u8], key: &[u8], value: &[u8]) {
    // Forty thousand times: piece by piece, so that the constant ones cost no call, and without a look at the room
    // for each.
    let (keyword, line) = line.split_at_mut(ALIAS.len());
    keyword.copy_from_slice(ALIAS);
    let (room, line) = line.split_at_mut(key.len());
    room.copy_from_slice(key);
    line[0] = b' ';
    line[1..=value.len()].copy_from_slice(value);
    line[1 + value.len()] = b'\n';
}

fn directives(config: &Config, out: &mut Out) -> Outcome {
    for entry in &config.blacklist {
        line(out, "blacklist", entry.module.as_bstr(), &[])?;
    }
    for (keyword, commands) in [("install", &config.installs), ("remove", &config.removes)] {
        for Command { pattern, command, .. } in commands {
            line(out, keyword, pattern.as_bstr(), &[command])?;
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
    // Last: kmod's sections stay where readers of this output look for them.
    for entry in &config.forbids {
        let reason = entry.reason.as_ref().map(|reason| reason.as_slice());
        line(out, "forbid", entry.pattern.as_bstr(), reason.as_slice())?;
    }
    Ok(())
}

/// `keyword key value`, without the last blank where there is no value at all.
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

/// Like [`fn@line`], but with the blank behind the key even where nothing follows, as kmod has it.
fn spaced(out: &mut Out, keyword: &str, key: &BStr, values: &[&[u8]]) -> Outcome {
    line(out, keyword, key, if values.is_empty() { &[b""] } else { values })
}

/// `--show-modversions`: the version of each symbol that a module needs, in the file's order.
fn modversions(context: &Context<'_>, operand: &OsStr, out: &mut Out, report: &Report) -> Outcome {
    let Some(path) = file_of(context, operand, report)? else { return Err(Exit::Failure) };
    let print = |out: &mut Out, module: &elf::Module<'_>| -> Result<Outcome, Cause> {
        let versions = module.versions()?;
        if !versions.is_present() {
            return Err(FormatError::new(FormatKind::Absent, "no symbol versions").into());
        }
        let entries = versions.entries()?;
        Ok(entries.iter().try_for_each(|entry| {
            symbol(out, entry.crc, entry.name.strip_prefix(b".").unwrap_or(entry.name))
        }))
    };
    with_module(&path, operand, "modversions", out, report, print)
}

/// `--show-exports`: the version of each symbol that a module exports, in the file's order.
fn exports(context: &Context<'_>, operand: &OsStr, out: &mut Out, report: &Report) -> Outcome {
    let Some(path) = file_of(context, operand, report)? else { return Err(Exit::Failure) };
    let print = |out: &mut Out, module: &elf::Module<'_>| -> Result<Outcome, Cause> {
        let links = module.links()?;
        if links.exports().len() == 0 {
            return Err(FormatError::new(FormatKind::Absent, "no exported symbols").into());
        }
        Ok(links.exports().try_for_each(|export| symbol(out, export.crc, export.name)))
    };
    with_module(&path, operand, "symbols", out, report, print)
}

fn symbol(out: &mut Out, crc: u64, name: &[u8]) -> Outcome {
    out.print(format_args!("0x{crc:08x}\t"))?;
    out.bytes(name)?;
    out.bytes(b"\n")
}

fn with_module(
    path: &Path,
    operand: &OsStr,
    what: &str,
    out: &mut Out,
    report: &Report,
    print: impl Fn(&mut Out, &elf::Module<'_>) -> Result<Outcome, Cause>,
) -> Outcome {
    let mut opener = Opener::default();
    let printed = opener.open(path).and_then(|file| {
        elf::Module::parse(file.source()).and_then(|module| print(out, &module)).map_err(Error::at(path))
    });
    match printed {
        Ok(outcome) => outcome,
        Err(error) => report.cannot_show(what, operand, &error).and(Err(Exit::Failure)),
    }
}

/// The file that an operand means: one of this path, else that of a module or alias of this name.
/// (kmod 34.2 takes files only, later ones names too.)
fn file_of(context: &Context<'_>, operand: &OsStr, report: &Report) -> Result<Option<PathBuf>, Exit> {
    let path = Path::new(operand);
    if file::exists(path).is_ok() {
        return Ok(Some(path.to_path_buf()));
    }
    let file = |module: Module| context.path_of(&module.name);
    let found = context.lookup(operand.as_bytes()).unwrap_or_default().into_iter().find_map(file);
    if found.is_none() {
        report.not_found(operand)?;
    }
    Ok(found)
}
