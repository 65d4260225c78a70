//! Removes the kernel's version checks from a module image, for `init_module`, which has no flags for that.
//!
//! Without the version magic string and without an allocated `__versions` section, a module looks as if it was built
//! without either; the kernel loads it (and taints itself). Changes bytes in place and must not move any.

use goblin::container::Container;
use goblin::elf::section_header::SHF_ALLOC;

use super::module::ElfModule;
use super::{Result, malformed};

/// The offset of `sh_flags` in a section header and its width in bytes, for 32-bit and 64-bit objects.
const FLAGS: [(usize, usize); 2] = [(8, 4), (8, 8)];

/// Overwrites the `vermagic=` string of `.modinfo` with NULs, if there is one.
///
/// Errors: the image is not a valid ELF object.
pub fn without_vermagic(image: &mut [u8]) -> Result<()> {
    let range = {
        let bytes = &*image;
        let module = ElfModule::parse(&bytes)?;
        let Some((start, section)) = module.section_with_offset(".modinfo")? else { return Ok(()) };
        let mut at = 0;
        section.split_inclusive(|&byte| byte == 0).find_map(|string| {
            let from = at;
            at += string.len();
            string.starts_with(b"vermagic=").then_some(start + from..start + at)
        })
    };
    if let Some(range) = range {
        image.get_mut(range).ok_or_else(|| malformed(".modinfo is outside the file"))?.fill(0);
    }
    Ok(())
}

/// Clears the flag that makes the kernel load `__versions`, if there is such a section.
///
/// Errors: the image is not a valid ELF object.
pub fn without_versions(image: &mut [u8]) -> Result<()> {
    let (range, little) = {
        let bytes = &*image;
        let module = ElfModule::parse(&bytes)?;
        let Some(header) = module.section_header_offset("__versions") else { return Ok(()) };
        let (at, len) = FLAGS[usize::from(module.ctx.container == Container::Big)];
        let start = header + at;
        (start..start + len, module.ctx.is_little_endian())
    };
    let field = image.get_mut(range).ok_or_else(|| malformed("section headers are outside the file"))?;
    let flag = u8::try_from(SHF_ALLOC).unwrap_or_default();
    let lowest = if little { field.first_mut() } else { field.last_mut() };
    if let Some(byte) = lowest {
        *byte &= !flag;
    }
    Ok(())
}
