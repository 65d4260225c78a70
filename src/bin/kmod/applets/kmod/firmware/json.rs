//! `kmod firmware --json`: names with their files, missing names, files with the modules that request them, or an image.

use bstr::BString;
use oxmod::ops::firmware::{ImageEntry, NeededPath, Sizes};

use super::{Absent, Answer, Listed, Owner};
use crate::output::json::{self, Format, List, Object};
use crate::report::{Outcome, Report};

const FORMAT: Format = Format { name: "firmware", list: "firmware" };

/// Writes the document; `fill` adds the items of the list.
pub fn write(report: &Report, fill: impl FnOnce(&mut List) -> Outcome) -> Outcome {
    json::write(FORMAT, report, fill)
}

/// Writes a result into the list.
pub fn fill(list: &mut List, answer: &Answer) -> Outcome {
    match answer {
        Answer::List(listed) => listed.iter().try_for_each(|one| list.push(present(one))),
        Answer::Missing(missing) => missing.iter().try_for_each(|one| list.push(absent(one))),
        Answer::Owners(owners) => owners.iter().try_for_each(|one| list.push(owner(one))),
        Answer::Prune(pruned) => {
            let taken = pruned.image.sizes();
            let sizes = Object::new()
                .object("all", figures(pruned.all))
                .object("taken", figures(taken))
                .object("saved", figures(pruned.all.less(taken)));
            list.add_members(Object::new().object("sizes", sizes));
            pruned.image.entries().try_for_each(|(path, entry)| list.push(part(path, entry)))
        }
    }
}

fn figures(sizes: Sizes) -> Object {
    Object::new().set("files", sizes.files).set("bytes", sizes.bytes)
}

fn present(listed: &Listed) -> Object {
    let places = listed.places.iter().map(place);
    Object::new().text("name", &listed.name).texts("modules", &listed.modules).objects("places", places)
}

fn place(place: &NeededPath) -> Object {
    let object = Object::new().text("path", &place.path);
    match (&place.target, place.size) {
        (Some(target), _) => object.text("target", target),
        (None, size) => object.set("size", size),
    }
}

fn absent(absent: &Absent) -> Object {
    Object::new().text("name", &absent.name).texts("modules", &absent.modules).set("device", absent.device)
}

fn owner(owner: &Owner) -> Object {
    let object = Object::new().text("path", &owner.path).texts("modules", &owner.modules);
    match &owner.drivers {
        Some(drivers) => object.texts("drivers", drivers),
        None => object,
    }
}

fn part(path: &BString, entry: &ImageEntry) -> Object {
    let object = Object::new().text("path", path);
    match entry {
        ImageEntry::File { source, size, mode, .. } => {
            object.text("source", source).set("size", *size).set("mode", *mode)
        }
        ImageEntry::Link(target) => object.text("target", target),
    }
}
