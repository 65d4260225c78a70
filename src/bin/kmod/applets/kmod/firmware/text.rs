//! The output of `kmod firmware` in all formats except JSON.

use std::collections::BTreeSet;

use bstr::BString;
use oxmod::ops::firmware::ImageTree;

use super::request::{Form, Request};
use super::{Absent, Answer, Owner, Pruned};
use crate::output::stdout::Out;
use crate::report::{Outcome, Report};

/// Prints a result in any format except JSON.
pub fn print(request: &Request, answer: &Answer, out: &mut Out, report: &Report) -> Outcome {
    let end: &[u8] = if request.form == Form::Null { b"\0" } else { b"\n" };
    let names_only = request.form == Form::Null;
    match answer {
        Answer::List(listed) => {
            let paths: BTreeSet<&BString> =
                listed.iter().flat_map(|listed| &listed.places).map(|place| &place.path).collect();
            each(out, paths, end)
        }
        Answer::Prune(pruned) => {
            prune(request, pruned, out, end, report)?;
            if request.summary {
                report.sizes(pruned.all, pruned.image.sizes());
            }
            Ok(())
        }
        Answer::Missing(missing) if names_only => each(out, missing.iter().map(|one| &one.name), end),
        Answer::Missing(missing) => missing.iter().try_for_each(|one| out.bytes(&absent(one))),
        Answer::Owners(owners) if names_only => each(out, owners.iter().map(|one| &one.path), end),
        Answer::Owners(owners) => owners.iter().try_for_each(|one| out.bytes(&owner(one))),
    }
}

fn each<'n>(out: &mut Out, names: impl IntoIterator<Item = &'n BString>, end: &[u8]) -> Outcome {
    names.into_iter().try_for_each(|name| out.bytes(&[name, end].concat()))
}

/// Prints an image. With --copy-to, the default format prints nothing.
fn prune(request: &Request, pruned: &Pruned, out: &mut Out, end: &[u8], report: &Report) -> Outcome {
    let encode = |text: fn(&ImageTree) -> Result<Vec<u8>, oxmod::error::FormatError>| {
        text(&pruned.image).map_err(|error| report.unfit_image(&error))
    };
    match request.form {
        Form::Fsspec => out.bytes(&encode(ImageTree::fsspec)?),
        Form::Cpio => out.bytes(&encode(ImageTree::cpio)?),
        Form::Plain if request.copy_to.is_some() => Ok(()),
        _ => each(out, pruned.image.entries().map(|(path, _)| path), end),
    }
}

/// `NAME: MODULE... (DEVICE)`.
fn absent(absent: &Absent) -> Vec<u8> {
    let device: &[u8] = match absent.device {
        Some(true) => b" (device present)",
        Some(false) => b" (no device)",
        None => b"",
    };
    [&absent.name[..], b": ", &bstr::join(" ", &absent.modules), device, b"\n"].concat()
}

/// `FILE: MODULE... [DRIVER...]`, with a dash for an empty list.
fn owner(owner: &Owner) -> Vec<u8> {
    let list = |names: &[BString]| if names.is_empty() { b"-".to_vec() } else { bstr::join(" ", names) };
    let mut line = [&owner.path[..], b": ", &list(&owner.modules)].concat();
    if let Some(drivers) = &owner.drivers {
        line.extend_from_slice(&[b" [", &list(drivers)[..], b"]"].concat());
    }
    line.push(b'\n');
    line
}
