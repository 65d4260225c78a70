//! The signature appended to a module file.
//!
//! Owns the kernel's `struct module_signature` and the layouts that it describes. Counted from the end, the file has:
//! the magic string, the trailer `{u8 algorithm, hash, id type, signer length, key id length; u8 pad[3]; be32 signature
//! length}`, the signature, the key id, the signer. Since Linux 4.3, the id type is PKCS#7, and the signature is a
//! PKCS#7 message that contains everything else. Must not verify signatures; the values are unverified claims of the
//! file.

use std::borrow::Cow;

use super::pkcs7::{self, Signer};

const MAGIC: &[u8] = b"~Module signature appended~\n";
const ID_TYPES: [&str; 3] = ["PGP", "X509", "PKCS#7"];
/// The index of PKCS#7 in [`ID_TYPES`].
const PKCS7: usize = 2;
const HASHES: [&str; 9] = ["md4", "md5", "sha1", "rmd160", "sha256", "sha384", "sha512", "sha224", "sm3"];
/// The number of known algorithms, DSA and RSA.
const ALGORITHMS: u8 = 2;

/// The last bytes of a signed file: trailer and magic string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    id_type: usize,
    hash: usize,
    signer: usize,
    key_id: usize,
    signature: usize,
}

/// A decoded signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The type of the key identifier: `PGP`, `X509` or `PKCS#7`.
    pub id: &'static str,
    /// The name of the signer; empty if the message does not contain it.
    pub signer: Vec<u8>,
    /// The key: a key id, or the serial number of the key's certificate.
    pub key: Vec<u8>,
    /// The name of the hash algorithm.
    pub hash: Cow<'static, str>,
    /// The signature itself.
    pub signature: Vec<u8>,
}

impl Signature {
    /// Decodes a signature from its data and the trailer, which follow one another in `bytes`; `None` if it is invalid.
    pub fn of_end(bytes: &[u8]) -> Option<Self> {
        let (data, tail) = bytes.split_at_checked(bytes.len().checked_sub(Trailer::SIZE)?)?;
        Trailer::parse(tail, bytes.len() as u64)?.read(data)
    }
}

impl Trailer {
    /// The number of bytes at the end of the file that [`Trailer::parse`] needs.
    pub const SIZE: usize = MAGIC.len() + 12;

    /// Parses the last [`Trailer::SIZE`] bytes of a file of `size` bytes; `None` if the file is not signed or the
    /// trailer is invalid.
    pub fn parse(tail: &[u8], size: u64) -> Option<Self> {
        let &[algorithm, hash, id_type, signer, key_id, _, _, _, a, b, c, d] =
            tail.strip_suffix(MAGIC)?.last_chunk()?;
        let trailer = Self {
            id_type: usize::from(id_type),
            hash: usize::from(hash),
            signer: usize::from(signer),
            key_id: usize::from(key_id),
            signature: usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?,
        };
        let known = algorithm < ALGORITHMS && trailer.hash < HASHES.len() && trailer.id_type < ID_TYPES.len();
        let fits = trailer.data_size()? <= size.checked_sub(Self::SIZE as u64)?;
        (known && fits && trailer.signature > 0).then_some(trailer)
    }

    /// The number of bytes before the trailer that belong to the signature; `None` only on overflow.
    pub fn data_size(&self) -> Option<u64> {
        u64::try_from(self.signer.checked_add(self.key_id)?.checked_add(self.signature)?).ok()
    }

    /// Decodes the signature from the [`Trailer::data_size`] bytes before the trailer; `None` if it is invalid.
    pub fn read(&self, data: &[u8]) -> Option<Signature> {
        let id = ID_TYPES.get(self.id_type).copied()?;
        let (names, signature) = data.split_at_checked(data.len().checked_sub(self.signature)?)?;
        if self.id_type == PKCS7 {
            let Signer { issuer, key, hash, signature } = pkcs7::read(signature)?;
            return Some(Signature { id, signer: until_nul(&issuer), key, hash, signature });
        }
        let (signer, key) = names.split_at_checked(self.signer)?;
        let hash = Cow::Borrowed(HASHES.get(self.hash).copied()?);
        Some(Signature {
            id,
            signer: until_nul(signer),
            key: key.to_vec(),
            hash,
            signature: signature.to_vec(),
        })
    }
}

/// Returns the name up to the first NUL. kmod handles names as C strings.
fn until_nul(name: &[u8]) -> Vec<u8> {
    name.split(|&byte| byte == 0).next().unwrap_or_default().to_vec()
}

/// Formats bytes as modinfo shows keys and signatures: upper-case hexadecimal with colons between the bytes, and a
/// newline and two tabs after every 20 bytes.
pub fn hex(bytes: &[u8]) -> Vec<u8> {
    const LINE: usize = 20;
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'A' + (nibble - 10) };
    let mut text = Vec::with_capacity(bytes.len().saturating_mul(4));
    for (at, &byte) in bytes.iter().enumerate() {
        if at > 0 {
            text.extend_from_slice(if at % LINE == 0 { b":\n\t\t" } else { b":" });
        }
        text.extend([digit(byte >> 4), digit(byte & 0xf)]);
    }
    text
}
