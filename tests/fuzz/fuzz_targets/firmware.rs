//! WHENCE and a firmware directory: no text may panic, no name lead out of the directory or to what is not there, and no
//! pattern, however its directory is linked, may take long. The first part up to a NUL is WHENCE; then paths and names,
//! one a line: `path`, `link -> target`, and `?name` to look up.
#![no_main]

use bstr::BString;
use libfuzzer_sys::fuzz_target;
use oxmod::formats::firmware::whence::Whence;
use oxmod::formats::firmware::{Catalogue, Node, Steps, cpio, fsspec, name};

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |&byte| byte == 0);
    let whence = Whence::parse(parts.next().unwrap_or_default());
    let (mut catalogue, mut files, mut names) = (Catalogue::default(), Vec::new(), Vec::new());
    for line in parts.next().unwrap_or_default().split(|&byte| byte == b'\n').take(200) {
        if let Some(name) = line.strip_prefix(b"?") {
            names.push(name);
        } else if let Some(at) = line.windows(4).position(|window| window == b" -> ") {
            if let Some(path) = name::tidy(&line[..at]) {
                catalogue.insert(path, Node::Link(line[at + 4..].into()));
            }
        } else if let Some(path) = name::tidy(line) {
            files.push(path.clone());
            catalogue.insert(path, Node::File { source: line.into(), size: 1, rivals: Vec::new() });
        }
    }
    for link in &whence.links {
        let _ = whence.drivers_of(&link.name);
        if let Some(path) = name::tidy(&link.name) {
            let _ = catalogue.say(path, link.target.clone());
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
    if let Ok(chased) = catalogue.chase(&tidy) {
        assert!(files.contains(&chased.file), "not there: {:?}", chased.file);
        assert!(chased.links.len() <= 40);
    }
    for found in catalogue.expand(b"", &tidy, steps).unwrap_or_default() {
        assert!(name::tidy(&found).is_some_and(|tidy| tidy == found), "{found:?}");
        assert!(!name::is_pattern(&tidy) || name::matches(&tidy, &found), "{tidy:?} {found:?}");
    }
}

/// What leads out of the directory is found to be a directory, a link, a file or nothing; then nothing leads out any
/// more but what goes up again from such a directory.
fn lead_outward(catalogue: &mut Catalogue, files: &mut Vec<BString>) {
    for (number, link) in catalogue.leaving().into_iter().enumerate() {
        let node = match number % 4 {
            0 => {
                let inside = BString::from([&link[..], b"/x"].concat());
                files.push(inside.clone());
                catalogue.insert(inside, Node::File { source: "x".into(), size: 1, rivals: Vec::new() });
                None
            }
            1 => Some(Node::Link("x".into())),
            2 => {
                files.push(link.clone());
                Some(Node::File { source: "x".into(), size: 1, rivals: Vec::new() })
            }
            _ => None,
        };
        catalogue.lead(link.clone(), vec![(link.clone(), "/x".into())], node);
        assert!(catalogue.leads_out(&link) && catalogue.outward(&link).next().is_some());
    }
}

/// What cannot be described is refused, and what is described is on as many lines as it should be.
fn describe(text: &[u8]) {
    let mut list = cpio::List::default();
    if list.file(text, b"/x", 0o644).is_ok() {
        let text = list.into_bytes();
        assert_eq!(text.iter().filter(|&&byte| byte == b' ').count() % 5, directories(&text));
    }
    let mut spec = fsspec::Spec::default();
    if spec.link(text, text).is_ok() {
        assert_eq!(spec.into_bytes().iter().filter(|&&byte| byte == b'\n').count(), 4);
    }
}

/// Lines of directories have four blanks.
fn directories(text: &[u8]) -> usize {
    text.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"dir ")).count() * 4 % 5
}
