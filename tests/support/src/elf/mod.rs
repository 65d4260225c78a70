//! Builds kernel modules: relocatable ELF files with the sections that module tools read, but without code.
//! The output is reproducible: the same calls result in the same bytes.

mod write;

use write::{Format, Section, Symbol, Where};

/// How symbol versions (CRCs) of exports are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crcs {
    /// Four bytes in a section that `__crc_name` points to: kernels since 5.19.
    InSection,
    /// The value of an absolute symbol `__crc_name`: kernels before 5.19.
    Absolute,
    /// No `__crc_` symbols: a kernel without `CONFIG_MODVERSIONS`.
    None,
}

#[derive(Debug, Clone)]
struct Export {
    name: String,
    crc: u32,
    namespace: String,
}

/// A module to build, by default a 64-bit little-endian x86 one.
#[derive(Debug, Clone)]
pub struct Module {
    format: Format,
    crcs: Crcs,
    modinfo: Vec<u8>,
    exports: Vec<Export>,
    needs: Vec<(String, bool)>,
    versions: Vec<(String, u64)>,
    extended: Vec<(String, u32)>,
    build_id: Vec<u8>,
    sections: Vec<(String, Vec<u8>)>,
    symtab: bool,
    tail: Vec<u8>,
}

impl Default for Module {
    fn default() -> Self {
        Self::new()
    }
}

impl Module {
    /// Creates an empty module, without `.modinfo` and symbols.
    pub fn new() -> Self {
        Self {
            format: Format { wide: true, big_endian: false, machine: 62 },
            crcs: Crcs::InSection,
            modinfo: Vec::new(),
            exports: Vec::new(),
            needs: Vec::new(),
            versions: Vec::new(),
            extended: Vec::new(),
            build_id: Vec::new(),
            sections: Vec::new(),
            symtab: true,
            tail: Vec::new(),
        }
    }

    /// Sets the class, byte order and machine (`e_machine`).
    #[must_use]
    pub fn format(mut self, bits: u8, big_endian: bool, machine: u16) -> Self {
        self.format = Format { wide: bits == 64, big_endian, machine };
        self
    }

    /// Sets how the CRCs of exports are stored.
    #[must_use]
    pub fn crcs(mut self, crcs: Crcs) -> Self {
        self.crcs = crcs;
        self
    }

    /// Adds `key=value` to `.modinfo`.
    #[must_use]
    pub fn info(self, key: &str, value: impl AsRef<[u8]>) -> Self {
        let text = [key.as_bytes(), b"=", value.as_ref(), b"\0"].concat();
        self.modinfo_bytes(&text)
    }

    /// Adds raw bytes to `.modinfo`.
    #[must_use]
    pub fn modinfo_bytes(mut self, bytes: &[u8]) -> Self {
        self.modinfo.extend_from_slice(bytes);
        self
    }

    /// Adds an `alias` to `.modinfo`.
    #[must_use]
    pub fn alias(self, pattern: &str) -> Self {
        self.info("alias", pattern)
    }

    /// Exports a symbol.
    #[must_use]
    pub fn export(self, name: &str, crc: u32) -> Self {
        self.export_in(name, crc, "")
    }

    /// Exports a symbol in a namespace.
    #[must_use]
    pub fn export_in(mut self, name: &str, crc: u32, namespace: &str) -> Self {
        self.exports.push(Export { name: name.into(), crc, namespace: namespace.into() });
        self
    }

    /// Adds an undefined symbol.
    #[must_use]
    pub fn need(mut self, name: &str) -> Self {
        self.needs.push((name.into(), false));
        self
    }

    /// Adds a weak undefined symbol.
    #[must_use]
    pub fn need_weak(mut self, name: &str) -> Self {
        self.needs.push((name.into(), true));
        self
    }

    /// Adds an entry to `__versions`. A name that is too long is truncated to the size of the field, without
    /// a final NUL.
    #[must_use]
    pub fn version(mut self, name: &str, crc: u64) -> Self {
        self.versions.push((name.into(), crc));
        self
    }

    /// Adds an entry to the extended version sections.
    #[must_use]
    pub fn extended_version(mut self, name: &str, crc: u32) -> Self {
        self.extended.push((name.into(), crc));
        self
    }

    /// Adds a GNU build ID note.
    #[must_use]
    pub fn build_id(mut self, id: &[u8]) -> Self {
        self.build_id = id.to_vec();
        self
    }

    /// Adds a section after the standard ones.
    #[must_use]
    pub fn section(mut self, name: &str, bytes: &[u8]) -> Self {
        self.sections.push((name.into(), bytes.to_vec()));
        self
    }

    /// Omits `.symtab` and `.strtab`.
    #[must_use]
    pub fn without_symtab(mut self) -> Self {
        self.symtab = false;
        self
    }

    /// Appends bytes to the ELF file, such as a [`crate::Trailer`].
    #[must_use]
    pub fn append(mut self, bytes: &[u8]) -> Self {
        self.tail.extend_from_slice(bytes);
        self
    }

    /// Returns the contents of the file.
    pub fn build(&self) -> Vec<u8> {
        let mut sections = vec![Section::code(".text", &[0xc3; 16])];
        let mut add = |name: &str, bytes: Vec<u8>, align: u64| {
            if !bytes.is_empty() {
                sections.push(Section::data(name, bytes, align));
            }
        };
        add(".modinfo", self.modinfo.clone(), 1);
        add("__ksymtab_strings", self.export_strings(), 1);
        let (mut crcs, mut ext_crcs) = (Vec::new(), Vec::new());
        if self.crcs == Crcs::InSection {
            self.exports.iter().for_each(|export| self.format.put32(&mut crcs, export.crc));
        }
        self.extended.iter().for_each(|(_, crc)| self.format.put32(&mut ext_crcs, *crc));
        let names: Vec<u8> =
            self.extended.iter().flat_map(|(name, _)| [name.as_bytes(), b"\0"].concat()).collect();
        add("__versions", self.version_records(), 8);
        add("__version_ext_crcs", ext_crcs, 4);
        add("__version_ext_names", names, 1);
        add(".note.gnu.build-id", self.note(), 4);
        for (name, bytes) in &self.sections {
            add(name, bytes.clone(), 1);
        }
        // This section comes last, because the symbols refer to its index.
        add("__kcrctab", crcs, 4);
        let symbols = self.symbols(sections.len());
        let mut file = self.format.file(sections, self.symtab.then_some(symbols));
        file.extend_from_slice(&self.tail);
        file
    }

    /// Returns the name of each export, followed by its namespace if it has one.
    fn export_strings(&self) -> Vec<u8> {
        let mut strings = Vec::new();
        for export in &self.exports {
            strings.extend([export.name.as_bytes(), b"\0"].concat());
            if !export.namespace.is_empty() {
                strings.extend([export.namespace.as_bytes(), b"\0"].concat());
            }
        }
        strings
    }

    fn version_records(&self) -> Vec<u8> {
        let mut records = Vec::new();
        for (name, crc) in &self.versions {
            let end = records.len() + 64;
            self.format.put_word(&mut records, *crc);
            records.extend_from_slice(name.as_bytes());
            records.resize(end, 0);
        }
        records
    }

    fn note(&self) -> Vec<u8> {
        let mut note = Vec::new();
        if let (Ok(size), false) = (u32::try_from(self.build_id.len()), self.build_id.is_empty()) {
            for word in [4, size, 3] {
                self.format.put32(&mut note, word);
            }
            note.extend_from_slice(b"GNU\0");
            note.extend_from_slice(&self.build_id);
            note.resize(note.len().next_multiple_of(4), 0);
        }
        note
    }

    /// `last` is the index of the last section, which holds the CRCs if there are any.
    fn symbols(&self, last: usize) -> Vec<Symbol> {
        let mut symbols = Vec::new();
        for (index, export) in self.exports.iter().enumerate() {
            let at = u64::try_from(index).unwrap_or(0);
            let name = format!("__crc_{}", export.name);
            match self.crcs {
                Crcs::InSection => symbols.push(Symbol::new(name, Where::Section(last), at * 4)),
                Crcs::Absolute => symbols.push(Symbol::new(name, Where::Absolute, u64::from(export.crc))),
                Crcs::None => {}
            }
            symbols.push(Symbol::new(export.name.clone(), Where::Section(1), at));
            // The label that the compiler gives the entry in the export table.
            symbols.push(Symbol::new(format!("__ksymtab_{}", export.name), Where::Section(1), at));
        }
        for (name, weak) in &self.needs {
            let mut symbol = Symbol::new(name.clone(), Where::Undefined, 0);
            symbol.weak = *weak;
            symbols.push(symbol);
        }
        symbols
    }
}
