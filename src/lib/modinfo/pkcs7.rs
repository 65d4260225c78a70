//! The PKCS#7 (CMS) message of a module signature: who signed, with which key and hash.
//!
//! Owns the walk down to the first `SignerInfo`, over the `der` crate's reader. Must not verify, and looks at nothing
//! that it does not report: certificates and attributes are stepped over unread. The walk has a fixed depth; DER is
//! never followed recursively.
//!
//! As in kmod the signer is the issuer's common name, or else the last attribute of the issuer, whatever that is, as the
//! bytes stand there; the key is the serial number. A signer named by a subject key identifier (which kmod answers with
//! empty fields) has that as its key and no name.

use std::borrow::Cow;

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Reader, SliceReader, Tag, TagNumber, Tagged};

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// The tag of a constructed field `[0]`.
const CONTEXT_0: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber::N0 };

/// Object identifiers of hash algorithms and OpenSSL's long names for them.
const HASHES: [(ObjectIdentifier, &str); 15] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.4"), "md4"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.5"), "md5"),
    (ObjectIdentifier::new_unwrap("1.3.14.3.2.26"), "sha1"),
    (ObjectIdentifier::new_unwrap("1.3.36.3.2.1"), "ripemd160"),
    (ObjectIdentifier::new_unwrap("1.2.156.10197.1.401"), "sm3"),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"), "sha256"),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"), "sha384"),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"), "sha512"),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.4"), "sha224"),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.5"), "sha512-224"),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.6"), "sha512-256"),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.7"), "sha3-224"),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.8"), "sha3-256"),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.9"), "sha3-384"),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.10"), "sha3-512"),
];

/// What the first signer of a message says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Signer {
    pub(super) issuer: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) hash: Option<Cow<'static, str>>,
    pub(super) signature: Vec<u8>,
}

/// Reads the first signer; `None` when the bytes are no such message.
pub(super) fn read(message: &[u8]) -> Option<Signer> {
    // ContentInfo { contentType, [0] EXPLICIT content }
    let mut info = inside(reader(message)?.decode::<AnyRef<'_>>().ok()?, Tag::Sequence)?;
    (info.decode::<ObjectIdentifier>().ok()? == SIGNED_DATA).then_some(())?;
    let mut content = inside(info.decode().ok()?, CONTEXT_0)?;
    // SignedData { version, digestAlgorithms, encapContentInfo, [0] certificates?, [1] crls?, signerInfos }
    let mut data = inside(content.decode().ok()?, Tag::Sequence)?;
    let mut skipped = 0;
    let infos = loop {
        let field: AnyRef<'_> = data.decode().ok()?;
        if skipped >= 3 && field.tag() == Tag::Set {
            break field;
        }
        skipped += 1;
    };
    signer(inside(inside(infos, Tag::Set)?.decode().ok()?, Tag::Sequence)?)
}

/// `SignerInfo` { version, sid, digestAlgorithm, [0] signedAttrs?, signatureAlgorithm, signature, ... }
fn signer(mut info: SliceReader<'_>) -> Option<Signer> {
    let _version: AnyRef<'_> = info.decode().ok()?;
    let id: AnyRef<'_> = info.decode().ok()?;
    let (issuer, key) = if id.tag() == Tag::Sequence {
        let mut id = inside(id, Tag::Sequence)?;
        let issuer = name(inside(id.decode().ok()?, Tag::Sequence)?)?;
        let serial: AnyRef<'_> = id.decode().ok()?;
        (issuer.to_vec(), magnitude(inside(serial, Tag::Integer).and(Some(serial.value()))?))
    } else {
        // [0] IMPLICIT SubjectKeyIdentifier, an octet string
        let implicit = Tag::ContextSpecific { constructed: false, number: TagNumber::N0 };
        (id.tag() == implicit).then(|| (Vec::new(), id.value().to_vec()))?
    };
    let mut algorithm = inside(info.decode().ok()?, Tag::Sequence)?;
    let hash = hash_name(&algorithm.decode::<ObjectIdentifier>().ok()?);
    let mut field: AnyRef<'_> = info.decode().ok()?;
    if field.tag() == CONTEXT_0 {
        field = info.decode().ok()?;
    }
    inside(field, Tag::Sequence)?;
    let signature: AnyRef<'_> = info.decode().ok()?;
    inside(signature, Tag::OctetString)?;
    Some(Signer { issuer, key, hash: Some(hash), signature: signature.value().to_vec() })
}

/// The common name of a `Name`, or the value of its last attribute; empty for an empty name.
fn name(mut sequence: SliceReader<'_>) -> Option<&[u8]> {
    let mut last: &[u8] = &[];
    while !sequence.is_finished() {
        let mut set = inside(sequence.decode().ok()?, Tag::Set)?;
        while !set.is_finished() {
            let mut attribute = inside(set.decode().ok()?, Tag::Sequence)?;
            let kind = attribute.decode::<ObjectIdentifier>().ok()?;
            let value: AnyRef<'_> = attribute.decode().ok()?;
            last = value.value();
            if kind == COMMON_NAME {
                return Some(last);
            }
        }
    }
    Some(last)
}

fn hash_name(id: &ObjectIdentifier) -> Cow<'static, str> {
    match HASHES.iter().find(|(known, _)| known == id) {
        Some(&(_, name)) => Cow::Borrowed(name),
        None => Cow::Owned(id.to_string()),
    }
}

/// The absolute value of an INTEGER's content, without leading zeros: OpenSSL's view of a serial number.
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
    bytes.drain(..zeros.min(bytes.len()));
    bytes
}

/// A reader over the value of `field` if that has the tag `tag`.
fn inside(field: AnyRef<'_>, tag: Tag) -> Option<SliceReader<'_>> {
    (field.tag() == tag).then(|| reader(field.value()))?
}

fn reader(bytes: &[u8]) -> Option<SliceReader<'_>> {
    SliceReader::new(bytes).ok()
}
