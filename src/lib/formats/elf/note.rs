//! The build id: an identifier of the object that the linker stores in an ELF note.
//!
//! Owns the reading of `.note.gnu.build-id`. A note is `{u32 name size; u32 descriptor size; u32 type; name;
//! descriptor}`, with name and descriptor padded to 4 bytes. The build id is the descriptor of the note of type 3 whose
//! name is `GNU`.

use super::module::ElfModule;
use super::versions::number;
use super::{Result, range};

const NT_GNU_BUILD_ID: u64 = 3;

impl ElfModule<'_> {
    /// Returns the build id (usually 20 bytes); `None` if the object does not have one or the note is malformed.
    ///
    /// Errors: those of [`ElfModule::section`].
    pub fn build_id(&self) -> Result<Option<Vec<u8>>> {
        let Some(notes) = self.section(".note.gnu.build-id")? else { return Ok(None) };
        let mut offset = 0;
        while let Some(note) = self.note(notes, offset) {
            if note.kind == NT_GNU_BUILD_ID && note.name == b"GNU\0" && !note.descriptor.is_empty() {
                return Ok(Some(note.descriptor.to_vec()));
            }
            offset = note.end;
        }
        Ok(None)
    }

    fn note<'a>(&self, notes: &'a [u8], offset: u64) -> Option<Note<'a>> {
        let word = |at: u64| range(notes, offset.checked_add(at)?, 4).map(|bytes| number(bytes, self.ctx.le));
        let (name_size, size, kind) = (word(0)?, word(4)?, word(8)?);
        let name_at = offset.checked_add(12)?;
        let at = name_at.checked_add(name_size.checked_next_multiple_of(4)?)?;
        let end = at.checked_add(size.checked_next_multiple_of(4)?)?;
        Some(Note { kind, name: range(notes, name_at, name_size)?, descriptor: range(notes, at, size)?, end })
    }
}

struct Note<'a> {
    kind: u64,
    name: &'a [u8],
    descriptor: &'a [u8],
    /// The offset of the next note. It is always greater than that of this note, so a walk terminates.
    end: u64,
}
