//! Where in the file the modules and the trees are, found without looking into them.

use crate::error::{FormatError, FormatKind};

use super::wire::{self, Fields, LONGEST_HEAD, Layout, Value};

type Result<T> = std::result::Result<T, FormatError>;

/// Bytes of the file, from `start` to before `end`.
pub type Range = std::ops::Range<usize>;

/// The parts of a file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Each module.
    pub modules: Vec<Range>,
    /// The tree of the aliases of modules that have a file. More than one are one with all their branches.
    pub device_trees: Vec<Range>,
    /// That of the modules that are built in.
    pub builtin_trees: Vec<Range>,
    /// The kernel's version.
    pub release: Option<Range>,
}

/// How much is asked for at once, in bytes.
const PORTION: usize = 16 << 10;

impl Outline {
    /// Of a file in memory.
    ///
    /// Errors: malformed when the bytes are no such file.
    pub fn of(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes.len(), |range, portion| {
            portion.clear();
            portion.extend_from_slice(bytes.get(range).unwrap_or_default());
            Ok(())
        })
    }

    /// Of a file of `len` bytes, of which `read` gets what is asked for; most of the trees is never asked for.
    ///
    /// Errors: malformed when the bytes are no such file, and those of `read`.
    pub fn read(len: usize, mut read: impl FnMut(Range, &mut Vec<u8>) -> Result<()>) -> Result<Self> {
        let mut outline = Self::default();
        let mut portion = Vec::new();
        // What `portion` holds begins here.
        let (mut start, mut at) = (0, 0_usize);
        while at < len {
            let known = start + portion.len();
            if at < start || known < len.min(at + LONGEST_HEAD) {
                start = at;
                read(at..len.min(at + PORTION), &mut portion)?;
                if portion.len() < len.min(at + PORTION) - at {
                    return Err(wire::truncated());
                }
            }
            at = outline.field(&portion, start, at, len)?;
        }
        if outline.modules.len() > u32::MAX as usize {
            return Err(FormatError::new(FormatKind::Limit, "too many modules"));
        }
        Ok(outline)
    }

    /// Takes note of the field at `at`: where the next one is.
    fn field(&mut self, portion: &[u8], start: usize, at: usize, len: usize) -> Result<usize> {
        let mut inner = at - start;
        let (number, layout) = wire::key(portion, &mut inner)?;
        let size = match layout {
            Layout::Number => {
                wire::varint(portion, &mut inner)?;
                0
            }
            Layout::Bytes => {
                usize::try_from(wire::varint(portion, &mut inner)?).map_err(|_| wire::truncated())?
            }
            Layout::Fixed(size) => size,
        };
        let begin = start + inner;
        let end = begin.checked_add(size).filter(|&end| end <= len).ok_or_else(wire::truncated)?;
        match (number, layout) {
            (1, Layout::Bytes) => self.modules.push(begin..end),
            (2, Layout::Bytes) => self.device_trees.push(begin..end),
            (100, Layout::Bytes) => self.builtin_trees.push(begin..end),
            (101, Layout::Bytes) => self.release = Some(begin..end),
            (1 | 2 | 100 | 101, _) => {
                return Err(FormatError::malformed("a field is not what its number says"));
            }
            _ => {}
        }
        Ok(end)
    }
}

/// One module, in place.
#[derive(Debug, Default, Clone, Copy)]
pub struct Module<'a> {
    /// Its name, as the file spells it.
    pub name: &'a [u8],
    /// Its file below the module directory; empty for one that is built in.
    pub path: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Module<'a> {
    /// Decodes name and path.
    ///
    /// Errors: malformed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut module = Self { rest: bytes, ..Self::default() };
        let mut fields = Fields::of(bytes);
        while let Some((number, value)) = fields.next()? {
            match (number, value) {
                (1, Value::Bytes(name)) => module.name = name,
                (2, Value::Bytes(path)) => module.path = path,
                _ => {}
            }
        }
        Ok(module)
    }

    /// Whether it is part of the kernel itself.
    pub fn is_builtin(&self) -> bool {
        self.path.is_empty()
    }

    /// The positions of the modules that it needs itself.
    ///
    /// Errors: malformed.
    pub fn depends(&self) -> Result<Vec<u32>> {
        self.positions(3).map(Option::unwrap_or_default)
    }

    /// The positions of everything that is to be loaded before it, what comes last first. `None` in a file of others,
    /// and where there is nothing.
    ///
    /// Errors: malformed.
    pub fn closure(&self) -> Result<Option<Vec<u32>>> {
        self.positions(100)
    }

    /// The soft dependencies, as the module spells them.
    ///
    /// Errors: malformed.
    pub fn softdeps(&self) -> Result<Vec<&'a [u8]>> {
        self.strings(101)
    }

    /// The weak dependencies.
    ///
    /// Errors: malformed.
    pub fn weakdeps(&self) -> Result<Vec<&'a [u8]>> {
        self.strings(102)
    }

    fn positions(&self, wanted: u32) -> Result<Option<Vec<u32>>> {
        let mut positions = None;
        let mut fields = Fields::of(self.rest);
        while let Some((number, value)) = fields.next()? {
            if number == wanted {
                let positions = positions.get_or_insert_with(Vec::new);
                wire::numbers(value, |position| positions.push(position))?;
            }
        }
        Ok(positions)
    }

    fn strings(&self, wanted: u32) -> Result<Vec<&'a [u8]>> {
        let mut strings = Vec::new();
        let mut fields = Fields::of(self.rest);
        while let Some((number, value)) = fields.next()? {
            if let (true, Value::Bytes(string)) = (number == wanted, value) {
                strings.push(string);
            }
        }
        Ok(strings)
    }
}
