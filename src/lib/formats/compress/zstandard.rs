//! zstd, decoded by libzstd's streaming decoder, which needs only one call if all input is available and the output buffer
//! is large enough.
//!
//! This module owns the loop over frames. Working memory is limited by the decoder's own limit of 128 MiB for a window,
//! which is the limit of `zstd -d` without `--long`.

use zstd::zstd_safe::{self, DCtx, InBuffer, OutBuffer, ResetDirective};

use super::{Output, out_of_memory};
use crate::error::{FormatError, FormatKind};

/// A decoding context, created for the first file and reused for the others.
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
            let needed = context.decompress_stream(&mut buffer, &mut input).map_err(reason)?;
            output.check()?;
            let exhausted = input.pos() == input.src.len();
            if needed == 0 && exhausted {
                return Ok(());
            }
            // The decoder needs more input, but there is none, and it has no more output.
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
        "Unknown frame descriptor" => FormatError::malformed("garbage after the zstd data"),
        _ => FormatError::malformed("zstd data is corrupt"),
    }
}
