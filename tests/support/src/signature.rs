//! The trailer of a signed module file: the signature, twelve bytes that describe it, and a marker.

/// The marker that ends a signed module.
const MARKER: &[u8] = b"~Module signature appended~\n";

/// The signature and the fields of the twelve bytes that describe it. All fields may be set to invalid
/// values.
#[derive(Debug, Clone, Default)]
pub struct Trailer {
    /// The public key algorithm; 0 with PKCS#7.
    pub algorithm: u8,
    /// The hash algorithm; 0 with PKCS#7.
    pub hash: u8,
    /// The ID type: 0 is PGP, 1 is X.509, 2 is PKCS#7.
    pub id_type: u8,
    /// The signer's name; empty with PKCS#7.
    pub signer: Vec<u8>,
    /// The key ID; empty with PKCS#7.
    pub key_id: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// The length to record instead of that of `signature`.
    pub claimed_length: Option<u32>,
}

impl Trailer {
    /// Creates a trailer with a PKCS#7 message in DER.
    pub fn pkcs7(der: impl Into<Vec<u8>>) -> Self {
        Self { id_type: 2, signature: der.into(), ..Self::default() }
    }

    /// Returns the bytes to append to a module.
    pub fn bytes(&self) -> Vec<u8> {
        let short = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap_or(u8::MAX);
        let length = self.claimed_length.unwrap_or(u32::try_from(self.signature.len()).unwrap_or(u32::MAX));
        let mut bytes = [&self.signer[..], &self.key_id[..], &self.signature[..]].concat();
        bytes.extend([self.algorithm, self.hash, self.id_type, short(&self.signer), short(&self.key_id)]);
        bytes.extend([0; 3]);
        bytes.extend(length.to_be_bytes());
        bytes.extend(MARKER);
        bytes
    }
}
