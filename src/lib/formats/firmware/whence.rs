//! WHENCE: the contents of the linux-firmware repository, the drivers they are for, and the links among them.
//!
//! A section ends with a line of dashes. Within a section, `Driver: NAME - TEXT` names the driver that the files are
//! for; `File:`, `RawFile:` (a file that must not be compressed) and the older `Raw:` name files; `Link: NAME ->
//! TARGET` names a link. A name may be quoted, or have its blanks escaped as `\ `. All other lines are for human
//! readers.

use bstr::{BString, ByteSlice};

/// A file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhenceFile {
    /// Its name.
    pub name: BString,
    /// Whether the file must not be compressed.
    pub raw: bool,
    /// The number of the section that it is in, counted from 0.
    pub section: usize,
}

/// A link of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhenceLink {
    /// Its name.
    pub name: BString,
    /// Its target, relative to its own directory.
    pub target: BString,
    /// The number of the section that it is in, counted from 0.
    pub section: usize,
}

/// The contents of WHENCE.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Whence {
    /// The files, in order.
    pub files: Vec<WhenceFile>,
    /// The links, in order.
    pub links: Vec<WhenceLink>,
    /// The driver names of each section, as written.
    pub drivers: Vec<Vec<BString>>,
    /// The numbers, counted from 1, of lines that start with one of these keywords and are invalid.
    pub bad_lines: Vec<usize>,
}

impl Whence {
    /// Parses a WHENCE file.
    pub fn parse(text: &[u8]) -> Self {
        let mut whence = Self { drivers: vec![Vec::new()], ..Self::default() };
        for (line, number) in text.lines().zip(1..) {
            if is_rule(line) {
                whence.drivers.push(Vec::new());
            } else if let Some((keyword, rest)) = line.split_once_str(":") {
                let section = whence.drivers.len() - 1;
                if whence.line(keyword, rest, section).is_none() {
                    whence.bad_lines.push(number);
                }
            }
        }
        whence
    }

    /// Adds the entry of a line; `None` if it is incomplete.
    fn line(&mut self, keyword: &[u8], rest: &[u8], section: usize) -> Option<()> {
        match keyword {
            b"File" | b"RawFile" | b"Raw" => {
                let (name, after) = word(rest);
                let name = Some(name).filter(|name| !name.is_empty() && after.is_empty())?;
                self.files.push(WhenceFile { name, raw: keyword != b"File", section });
            }
            b"Link" => {
                let (name, after) = word(rest);
                let (target, after) = word(after.strip_prefix(b"->")?);
                let whole = !name.is_empty() && !target.is_empty() && after.is_empty();
                self.links.push(Some(WhenceLink { name, target, section }).filter(|_| whole)?);
            }
            b"Driver" => {
                let words = rest.fields_with(|char| char.is_whitespace() || char == ',');
                let names = words.take_while(|word| word.iter().any(|&byte| byte != b'-'));
                if let Some(drivers) = self.drivers.get_mut(section) {
                    drivers.extend(names.map(BString::from));
                }
            }
            _ => {}
        }
        Some(())
    }

    /// Returns the drivers for a file or a link, given its name.
    pub fn drivers_of<'w>(&'w self, name: &[u8]) -> Vec<&'w BString> {
        let files = self.files.iter().filter(|file| file.name == name).map(|file| file.section);
        let links = self.links.iter().filter(|link| link.name == name).map(|link| link.section);
        let mut sections: Vec<usize> = files.chain(links).collect();
        sections.sort_unstable();
        sections.dedup();
        sections.into_iter().filter_map(|section| self.drivers.get(section)).flatten().collect()
    }
}

fn is_rule(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.len() >= 3 && line.iter().all(|&byte| byte == b'-')
}

/// Takes the name at the start of a text, without quotes and backslashes. Returns it and the rest. The name ends before
/// `->` or at the end of the line, without the blanks around it; blanks inside it are kept.
fn word(text: &[u8]) -> (BString, &[u8]) {
    let mut rest = text.trim_ascii_start();
    let (mut name, mut solid, mut quoted) = (BString::default(), 0, false);
    while let Some((&byte, after)) = rest.split_first() {
        match (byte, after.first()) {
            (b'"', _) => quoted = !quoted,
            (b'\\', Some(&escaped)) if matches!(escaped, b' ' | b'"' | b'\\') => {
                name.push(escaped);
                rest = &after[1..];
                solid = name.len();
                continue;
            }
            (b'-', Some(b'>')) if !quoted => break,
            _ => {
                name.push(byte);
                if quoted || !byte.is_ascii_whitespace() {
                    solid = name.len();
                }
            }
        }
        rest = after;
    }
    name.truncate(solid);
    // A name with an unclosed quote is invalid.
    if quoted { (BString::default(), b"") } else { (name, rest) }
}
