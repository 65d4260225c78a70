//! Lays out an ELF file: header, section contents, section headers. Does not know about modules.

/// The class, byte order and machine of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    pub(crate) wide: bool,
    pub(crate) big_endian: bool,
    pub(crate) machine: u16,
}

/// A section to write.
#[derive(Debug)]
pub(crate) struct Section {
    name: String,
    bytes: Vec<u8>,
    kind: u32,
    flags: u64,
    align: u64,
    link: u32,
    info: u32,
    entry: u64,
}

impl Section {
    pub(crate) fn data(name: &str, bytes: Vec<u8>, align: u64) -> Self {
        let kind = if name.starts_with(".note") { 7 } else { 1 };
        Self { name: name.into(), bytes, kind, flags: 2, align, link: 0, info: 0, entry: 0 }
    }

    pub(crate) fn code(name: &str, bytes: &[u8]) -> Self {
        Self { flags: 6, align: 16, ..Self::data(name, bytes.to_vec(), 16) }
    }
}

/// Where a symbol is defined.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Where {
    Undefined,
    Absolute,
    Section(usize),
}

/// A global symbol to write.
#[derive(Debug)]
pub(crate) struct Symbol {
    name: String,
    place: Where,
    value: u64,
    pub(crate) weak: bool,
}

impl Symbol {
    pub(crate) fn new(name: String, place: Where, value: u64) -> Self {
        Self { name, place, value, weak: false }
    }
}

/// A string table, which starts with an empty string.
struct Strings(Vec<u8>);

impl Strings {
    fn add(&mut self, text: &str) -> u32 {
        let at = self.0.len();
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        u32::try_from(at).unwrap_or(0)
    }
}

impl Format {
    pub(crate) fn put16(self, out: &mut Vec<u8>, value: u16) {
        out.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    pub(crate) fn put32(self, out: &mut Vec<u8>, value: u32) {
        out.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    /// Appends a word of the file's class: 4 or 8 bytes.
    pub(crate) fn put_word(self, out: &mut Vec<u8>, value: u64) {
        if self.wide {
            out.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
        } else {
            self.put32(out, u32::try_from(value & 0xffff_ffff).unwrap_or(0));
        }
    }

    /// Returns the contents of the file.
    pub(crate) fn file(self, mut sections: Vec<Section>, symbols: Option<Vec<Symbol>>) -> Vec<u8> {
        if let Some(symbols) = symbols {
            // The sections are preceded by the null section and .symtab is followed by .strtab.
            let strtab = u32::try_from(sections.len() + 2).unwrap_or(0);
            let mut strings = Strings(vec![0]);
            let bytes = self.symbol_table(&symbols, &mut strings);
            let entry = if self.wide { 24 } else { 16 };
            let table = Section::data(".symtab", bytes, 8);
            sections.push(Section { kind: 2, flags: 0, link: strtab, info: 1, entry, ..table });
            sections.push(Section { kind: 3, flags: 0, ..Section::data(".strtab", strings.0, 1) });
        }
        let mut names = Strings(vec![0]);
        let mut name_at: Vec<u32> = sections.iter().map(|section| names.add(&section.name)).collect();
        name_at.push(names.add(".shstrtab"));
        sections.push(Section { kind: 3, flags: 0, ..Section::data(".shstrtab", names.0, 1) });

        let head = if self.wide { 64 } else { 52 };
        let mut body = vec![0; head];
        let mut offsets = Vec::new();
        for section in &sections {
            let align = usize::try_from(section.align).unwrap_or(1);
            body.resize(body.len().next_multiple_of(align), 0);
            offsets.push(body.len() as u64);
            body.extend_from_slice(&section.bytes);
        }
        body.resize(body.len().next_multiple_of(8), 0);
        let header = self.header(body.len() as u64, sections.len());
        body.splice(..head, header);
        self.section_header(
            &mut body,
            &Section { kind: 0, flags: 0, ..Section::data("", Vec::new(), 0) },
            0,
            0,
        );
        for ((section, name), offset) in sections.iter().zip(name_at).zip(offsets) {
            self.section_header(&mut body, section, name, offset);
        }
        body
    }

    fn header(self, sections_at: u64, count: usize) -> Vec<u8> {
        let count = u16::try_from(count).unwrap_or(0);
        let mut out = vec![0x7f, b'E', b'L', b'F', 1 + u8::from(self.wide), 1 + u8::from(self.big_endian), 1];
        out.resize(16, 0);
        self.put16(&mut out, 1); // ET_REL
        self.put16(&mut out, self.machine);
        self.put32(&mut out, 1);
        self.put_word(&mut out, 0);
        self.put_word(&mut out, 0);
        self.put_word(&mut out, sections_at);
        self.put32(&mut out, 0);
        let sizes = if self.wide { [64, 0, 0, 64] } else { [52, 0, 0, 40] };
        for size in sizes {
            self.put16(&mut out, size);
        }
        self.put16(&mut out, count + 1);
        self.put16(&mut out, count);
        out
    }

    fn section_header(self, out: &mut Vec<u8>, section: &Section, name: u32, offset: u64) {
        self.put32(out, name);
        self.put32(out, section.kind);
        self.put_word(out, section.flags);
        self.put_word(out, 0);
        self.put_word(out, offset);
        self.put_word(out, section.bytes.len() as u64);
        self.put32(out, section.link);
        self.put32(out, section.info);
        self.put_word(out, section.align);
        self.put_word(out, section.entry);
    }

    fn symbol_table(self, symbols: &[Symbol], strings: &mut Strings) -> Vec<u8> {
        let mut out = vec![0; if self.wide { 24 } else { 16 }];
        for symbol in symbols {
            let name = strings.add(&symbol.name);
            let binding = if symbol.weak { 0x20 } else { 0x10 };
            let place = match symbol.place {
                Where::Undefined => 0,
                Where::Absolute => 0xfff1,
                Where::Section(index) => u16::try_from(index).unwrap_or(0),
            };
            self.put32(&mut out, name);
            if self.wide {
                out.extend([binding, 0]);
                self.put16(&mut out, place);
                self.put_word(&mut out, symbol.value);
                self.put_word(&mut out, 0);
            } else {
                self.put_word(&mut out, symbol.value);
                self.put_word(&mut out, 0);
                out.extend([binding, 0]);
                self.put16(&mut out, place);
            }
        }
        out
    }
}
