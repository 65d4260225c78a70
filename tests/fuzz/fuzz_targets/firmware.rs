//! WHENCE and a firmware directory: no input may cause a panic, no name may resolve to a path outside of the
//! directory or to a file that does not exist, and no pattern may take long, whatever links the directory contains.
//! The part of the input before the first NUL is WHENCE. The rest consists of lines: `path`, `link -> target`, and
//! `?name` to look up.
#![no_main]

use bstr::BString;
use libfuzzer_sys::fuzz_target;
use oxmod::formats::firmware::whence::Whence;
use oxmod::formats::firmware::{Catalogue, CatalogueNode, Steps, cpio, fsspec, name};

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |&byte| byte == 0);
    let whence = Whence::parse(parts.next().unwrap_or_default());
    let (mut catalogue, mut files, mut names) = (Catalogue::default(), Vec::new(), Vec::new());
    for line in parts.next().unwrap_or_default().split(|&byte| byte == b'\n').take(200) {
        if let Some(name) = line.strip_prefix(b"?") {
            names.push(name);
        } else if let Some(at) = line.windows(4).position(|window| window == b" -> ") {
            if let Some(path) = name::tidy(&line[..at]) {
                catalogue.insert(path, CatalogueNode::Link(line[at + 4..].into()));
            }
        } else if let Some(path) = name::tidy(line) {
            files.push(path.clone());
            catalogue
                .insert(path, CatalogueNode::File { source: line.into(), size: 1, alternatives: Vec::new() });
        }
    }
    for link in &whence.links {
        let _ = whence.drivers_of(&link.name);
        if let Some(path) = name::tidy(&link.name) {
            let _ = catalogue.declare_link(path, link.target.clone());
        }
    }
    lead_outward(&mut catalogue, &mut files);
    let mut steps = Steps::default();
    for wanted in names.iter().take(8) {
        look_up(&catalogue, &files, wanted, &mut steps);
    }
    describe(data);
});

fn look_up(catalogue: &Catalogue, files: &[BString], wanted: &[u8], steps: &mut Steps) {
    let Some(tidy) = name::tidy(wanted) else { return };
    if let Ok(resolved) = catalogue.resolve(&tidy) {
        assert!(files.contains(&resolved.file), "does not exist: {:?}", resolved.file);
        assert!(resolved.links.len() <= 40);
    }
    for found in catalogue.expand(b"", &tidy, steps).unwrap_or_default() {
        assert!(name::tidy(&found).is_some_and(|tidy| tidy == found), "{found:?}");
        assert!(!name::is_pattern(&tidy) || name::matches(&tidy, &found), "{tidy:?} {found:?}");
    }
}

/// Resolves the links that lead out of the directory to a directory, another link, a file, or nothing. Afterwards
/// only links that lead upwards from such a directory still lead out.
fn lead_outward(catalogue: &mut Catalogue, files: &mut Vec<BString>) {
    for (number, link) in catalogue.outward_links().into_iter().enumerate() {
        let node = match number % 4 {
            0 => {
                let inside = BString::from([&link[..], b"/x"].concat());
                files.push(inside.clone());
                catalogue.insert(
                    inside,
                    CatalogueNode::File { source: "x".into(), size: 1, alternatives: Vec::new() },
                );
                None
            }
            1 => Some(CatalogueNode::Link("x".into())),
            2 => {
                files.push(link.clone());
                Some(CatalogueNode::File { source: "x".into(), size: 1, alternatives: Vec::new() })
            }
            _ => None,
        };
        catalogue.replace_outward(link.clone(), vec![(link.clone(), "/x".into())], node);
        assert!(catalogue.leads_out(&link) && catalogue.outward(&link).next().is_some());
    }
}

/// Checks that a name that the formats cannot represent is refused, and that the others have the expected number of
/// lines or blanks.
fn describe(text: &[u8]) {
    let mut list = cpio::CpioList::default();
    if list.file(text, b"/x", 0o644).is_ok() {
        let text = list.into_bytes();
        assert_eq!(text.iter().filter(|&&byte| byte == b' ').count() % 5, directories(&text));
    }
    let mut spec = fsspec::FsSpec::default();
    if spec.link(text, text).is_ok() {
        assert_eq!(spec.into_bytes().iter().filter(|&&byte| byte == b'\n').count(), 4);
    }
}

/// Lines for directories have four blanks.
fn directories(text: &[u8]) -> usize {
    text.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"dir ")).count() * 4 % 5
}
