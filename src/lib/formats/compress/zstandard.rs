//! zstd, over libzstd's streaming decoder, which with all input at hand and room enough decodes in a single pass.
//!
//! Owns the loop over frames. The decoder's own limit of 128 MiB for a window holds (what `zstd -d` accepts without
//! `--long`); working memory needs no other.

use zstd::zstd_safe::{self, DCtx, InBuffer, OutBuffer, ResetDirective};

use super::{Output, out_of_memory};
use crate::error::{FormatError, FormatKind};

/// A decoding context, made for the first file and kept from file to file.
#[derive(Default)]
pub(super) struct Decoder {
    context: Option<DCtx<'static>>,
}

impl Decoder {
    pub(super) fn decode(&mut self, input: &[u8], output: &mut Output<'_>) -> Result<(), FormatError> {
        if self.context.is_none() {
            self.context = DCtx::try_create();
        }
        let context = self.context.as_mut().ok_or_else(out_of_memory)?;
        context.reset(ResetDirective::SessionOnly).map_err(reason)?;
        if let Ok(Some(size)) = zstd_safe::get_frame_content_size(input) {
            output.expect(size)?;
        }
        let mut input = InBuffer::around(input);
        loop {
            output.make_room()?;
            let filled = output.bytes.len();
            let mut buffer = OutBuffer::around_pos(&mut *output.bytes, filled);
            let consumed = input.pos();
            let wanted = context.decompress_stream(&mut buffer, &mut input).map_err(reason)?;
            output.check()?;
            let exhausted = input.pos() == input.src.len();
            if wanted == 0 && exhausted {
                return Ok(());
            }
            // Wants more input but there is none, and has nothing left to hand out.
            if exhausted && input.pos() == consumed && output.bytes.len() == filled {
                return Err(FormatError::malformed("zstd data is truncated"));
            }
        }
    }
}

fn reason(code: usize) -> FormatError {
    match zstd_safe::get_error_name(code) {
        "Allocation error : not enough memory" => out_of_memory(),
        "Frame requires too much memory for decoding" => {
            FormatError::new(FormatKind::Limit, "zstd data needs more than 128 MiB of memory")
        }
        "Unsupported parameter" | "Version not supported" | "Dictionary mismatch" => {
            FormatError::new(FormatKind::Unsupported, "zstd data uses an unknown option or a dictionary")
        }
        "Unknown frame descriptor" => FormatError::malformed("rubbish behind the zstd data"),
        _ => FormatError::malformed("zstd data is corrupt"),
    }
}
