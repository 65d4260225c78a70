//! `kmod static-nodes`: the device nodes in modules.devname, in one of three formats.
//!
//! At boot, systemd creates the nodes from the tmpfiles format. Contract: the exact output of kmod.

use std::fmt::Write as _;
use std::path::PathBuf;

use bstr::ByteSlice;
use clap::Command;
use oxmod::context;
use oxmod::ops::static_nodes::{self as op, DeviceNode, StaticNodes, WriteError};

use crate::cli::invocation::Invocation;
use crate::cli::options::{self, Options, help_text, value};
use crate::output::stdout::Out;
use crate::report::{Exit, Outcome, static_nodes as words};

/// The output format.
#[derive(Clone, Copy)]
enum Format {
    Human,
    Tmpfiles,
    Devname,
}

/// The table of options.
pub fn command() -> Command {
    let usage = "kmod static-nodes [OPTIONS]";
    options::table("static-nodes", "Print the device nodes that load a module when opened", usage)
        .args([
            value(Some('o'), "output", "FILE", "Write to FILE, and create its directory if necessary"),
            value(Some('f'), "format", "FORMAT", "Output format, see below [default: human]"),
            options::help(),
        ])
        .after_help(
            "Formats:\n  human     text for people\n  tmpfiles  lines of a tmpfiles.d file\n  \
             devname   lines of modules.devname",
        )
}

/// Runs `kmod static-nodes`.
pub fn run(invocation: &Invocation) -> Outcome {
    let (mut format, mut output) = (Format::Human, None);
    let mut argv = Options::new(invocation);
    while let Some(option) = argv.next()? {
        let value = option.value.unwrap_or_default();
        match (option.id, value.to_str()) {
            ("output", _) => output = Some(PathBuf::from(value)),
            (_, Some("human")) => format = Format::Human,
            (_, Some("tmpfiles")) => format = Format::Tmpfiles,
            (_, Some("devname")) => format = Format::Devname,
            _ => {
                words::unknown_format(&value);
                print(help_text(&invocation.command).as_bytes())?;
                return Err(Exit::Failure);
            }
        }
    }
    let Some(nodes) = read()? else { return Ok(()) };
    let (text, complete) = render(&nodes, format);
    match output {
        None => print(&text)?,
        Some(path) => op::write(&path, &text).map_err(|error| match error {
            WriteError::Parent(error) => words::no_parent(&path, &error),
            WriteError::Create(error) => words::not_created(&path, &error),
            WriteError::Write(error) => words::not_written(&path, &error),
        })?,
    }
    if complete { Ok(()) } else { Err(Exit::Failure) }
}

/// Reads modules.devname of the running kernel. If it does not exist, prints a warning and returns `None`.
fn read() -> Result<Option<StaticNodes>, Exit> {
    let dir = context::module_dir(None, None).unwrap_or_default();
    let path = dir.join(op::FILE_NAME);
    let nodes = StaticNodes::read(&dir).map_err(|error| words::unreadable_devname(&path, &error))?;
    if nodes.is_none() {
        words::no_devname(&path);
    }
    Ok(nodes)
}

/// Returns the output, and whether all lines were valid.
fn render(nodes: &StaticNodes, format: Format) -> (Vec<u8>, bool) {
    let (mut text, mut complete) = (Vec::new(), true);
    for node in nodes.iter() {
        match node {
            Ok(node) => render_node(&node, format, &mut text),
            Err(line) => {
                words::bad_devname(line);
                complete = false;
            }
        }
    }
    (text, complete)
}

fn render_node(node: &DeviceNode<'_>, format: Format, text: &mut Vec<u8>) {
    let (letter, kind) = if node.character { ('c', "character") } else { ('b', "block") };
    let mut numbers = String::new();
    let DeviceNode { major, minor, .. } = node;
    match format {
        Format::Human => {
            let _ = write!(numbers, "\n\t\tType: {kind} device\n\t\tMajor: {major}\n\t\tMinor: {minor}\n");
            push(text, &[b"Module: ", node.module, b"\n\tDevice node: /dev/", node.devname]);
        }
        Format::Tmpfiles => {
            if let Some(slash) = node.devname.rfind_byte(b'/') {
                let dir = node.devname.get(..slash).unwrap_or_default();
                push(text, &[b"d /dev/", dir, b" 0755 - - -\n"]);
            }
            let _ = writeln!(numbers, " 0600 - - - {major}:{minor}");
            push(text, &[letter.to_string().as_bytes(), b"! /dev/", node.devname]);
        }
        Format::Devname => {
            let _ = writeln!(numbers, " {letter}{major}:{minor}");
            push(text, &[node.module, b" ", node.devname]);
        }
    }
    text.extend_from_slice(numbers.as_bytes());
}

fn push(text: &mut Vec<u8>, parts: &[&[u8]]) {
    text.extend(parts.iter().flat_map(|part| part.iter()));
}

fn print(text: &[u8]) -> Outcome {
    let mut out = Out::open();
    out.bytes(text)?;
    out.finish()
}
