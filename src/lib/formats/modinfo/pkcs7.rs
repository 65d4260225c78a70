//! The PKCS#7 (CMS) message of a module signature: signer, key and hash algorithm.
//!
//! Owns the walk down to the first `SignerInfo`, with the `bcder` crate. It reads BER because a signer that streams
//! (`openssl cms -stream`) writes indefinite lengths, which DER readers reject and OpenSSL, hence kmod, accepts. Must
//! not verify signatures. Skips everything that it does not report, such as certificates and attributes. The walk has a
//! fixed depth; deeper nesting is skipped by a loop.
//!
//! As in kmod, the signer is the issuer's common name, or else the last attribute of the issuer of any type, verbatim,
//! and the key is the serial number. For a signer identified by a subject key identifier (whose signature kmod does not
//! show at all), the key is that identifier and the name is empty.

use std::borrow::Cow;

use bcder::decode::{Constructed, Content, DecodeError, SliceSource};
use bcder::{Integer, Mode, OctetString, Oid, Tag};

type Source<'a> = SliceSource<'a>;
type Error = DecodeError<std::convert::Infallible>;

/// 1.2.840.113549.1.7.2
const SIGNED_DATA: Oid<&[u8]> = Oid(&[42, 134, 72, 134, 247, 13, 1, 7, 2]);
/// 2.5.4.3
const COMMON_NAME: Oid<&[u8]> = Oid(&[85, 4, 3]);

/// The encoded object identifiers of hash algorithms, and OpenSSL's long names for them. Others are shown as numbers.
const HASHES: [(&[u8], &str); 20] = [
    (&[42, 134, 72, 134, 247, 13, 2, 2], "md2"),
    (&[42, 134, 72, 134, 247, 13, 2, 4], "md4"),
    (&[42, 134, 72, 134, 247, 13, 2, 5], "md5"),
    (&[43, 14, 3, 2, 26], "sha1"),
    (&[43, 36, 3, 2, 1], "ripemd160"),
    (&[40, 207, 6, 3, 0, 55], "whirlpool"),
    (&[42, 129, 28, 207, 85, 1, 131, 17], "sm3"),
    (&[96, 134, 72, 1, 101, 3, 4, 2, 1], "sha256"),
    (&[96, 134, 72, 1, 101, 3, 4, 2, 2], "sha384"),
    (&[96, 134, 72, 1, 101, 3, 4, 2, 3], "sha512"),
    (&[96, 134, 72, 1, 101, 3, 4, 2, 4], "sha224"),
    (&[96, 134, 72, 1, 101, 3, 4, 2, 5], "sha512-224"),
    (&[96, 134, 72, 1, 101, 3, 4, 2, 6], "sha512-256"),
    (&[96, 134, 72, 1, 101, 3, 4, 2, 7], "sha3-224"),
    (&[96, 134, 72, 1, 101, 3, 4, 2, 8], "sha3-256"),
    (&[96, 134, 72, 1, 101, 3, 4, 2, 9], "sha3-384"),
    (&[96, 134, 72, 1, 101, 3, 4, 2, 10], "sha3-512"),
    (&[96, 134, 72, 1, 101, 3, 4, 2, 11], "shake128"),
    (&[96, 134, 72, 1, 101, 3, 4, 2, 12], "shake256"),
    (&[43, 6, 1, 4, 1, 141, 58, 12, 2, 1, 16], "blake2b512"),
];

/// The first signer of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signer {
    pub(super) issuer: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) hash: Cow<'static, str>,
    pub(super) signature: Vec<u8>,
}

/// Reads the first signer; `None` if the bytes are not such a message or it does not have a signer.
pub(super) fn read(message: &[u8]) -> Option<Signer> {
    Mode::Ber.decode(message, |cons| cons.take_sequence(content_info)).ok()
}

/// `ContentInfo` { contentType, [0] EXPLICIT content }
fn content_info(cons: &mut Constructed<'_, Source<'_>>) -> Result<Signer, Error> {
    if Oid::take_from(cons)? != SIGNED_DATA {
        return Err(cons.content_err("not signed data"));
    }
    cons.take_constructed_if(Tag::CTX_0, |cons| cons.take_sequence(signed_data))
}

/// `SignedData` { version, digestAlgorithms, encapContentInfo, [0] certificates?, [1] crls?, signerInfos }
fn signed_data(cons: &mut Constructed<'_, Source<'_>>) -> Result<Signer, Error> {
    for _ in 0..3 {
        cons.skip_one()?;
    }
    for optional in [Tag::CTX_0, Tag::CTX_1] {
        cons.take_opt_constructed_if(optional, skip_rest)?;
    }
    cons.take_set(|cons| {
        let first = cons.take_sequence(signer_info)?;
        cons.skip_all()?;
        Ok(first)
    })
}

/// `SignerInfo` { version, sid, digestAlgorithm, [0] signedAttrs?, signatureAlgorithm, signature, [1] unsignedAttrs? }
fn signer_info(cons: &mut Constructed<'_, Source<'_>>) -> Result<Signer, Error> {
    cons.skip_one()?;
    let (issuer, key) = cons.take_value(|tag, content| match (tag, content) {
        (Tag::SEQUENCE, Content::Constructed(cons)) => {
            let issuer = cons.take_sequence(name)?;
            Ok((issuer, magnitude(Integer::take_from(cons)?.as_slice())))
        }
        (Tag::CTX_0, content) => Ok((Vec::new(), OctetString::from_content(content)?.to_bytes().to_vec())),
        (_, content) => Err(content.content_err("unknown kind of signer identifier")),
    })?;
    let hash = cons.take_sequence(|cons| {
        let hash = Oid::take_from(cons)?;
        cons.skip_all()?;
        Ok(hash_name(&hash))
    })?;
    cons.take_opt_constructed_if(Tag::CTX_0, skip_rest)?;
    cons.take_sequence(skip_rest)?;
    let signature = OctetString::take_from(cons)?.to_bytes().to_vec();
    cons.skip_all()?;
    Ok(Signer { issuer, key, hash, signature })
}

/// Reads the first common name of a `Name`, or else the value of its last attribute; empty for an empty name.
fn name(cons: &mut Constructed<'_, Source<'_>>) -> Result<Vec<u8>, Error> {
    let (mut last, mut found) = (Vec::new(), false);
    while cons
        .take_opt_set(|set| {
            while let Some((kind, value)) = set.take_opt_sequence(attribute)? {
                if !found {
                    found = kind == COMMON_NAME;
                    last = value;
                }
            }
            Ok(())
        })?
        .is_some()
    {}
    Ok(last)
}

/// `AttributeTypeAndValue` { type, value }
fn attribute(cons: &mut Constructed<'_, Source<'_>>) -> Result<(Oid, Vec<u8>), Error> {
    let kind = Oid::take_from(cons)?;
    let value = cons.take_primitive(|_, value| value.take_all())?;
    Ok((kind, value.to_vec()))
}

/// Skips the rest of a structure.
fn skip_rest(cons: &mut Constructed<'_, Source<'_>>) -> Result<(), Error> {
    cons.skip_all()
}

fn hash_name(id: &Oid) -> Cow<'static, str> {
    match HASHES.iter().find(|(known, _)| *known == id.0.as_ref()) {
        Some(&(_, name)) => Cow::Borrowed(name),
        None => Cow::Owned(id.to_string()),
    }
}

/// Returns the absolute value of an INTEGER's content without leading zeros, which is how OpenSSL shows serial numbers.
fn magnitude(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    if content.first().is_some_and(|&first| first & 0x80 != 0) {
        // Two's complement: invert and add one.
        let mut carry = true;
        for byte in bytes.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    bytes.drain(..zeros);
    bytes
}
