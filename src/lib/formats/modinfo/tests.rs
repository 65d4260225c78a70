//! Unit tests of strings, parameters and signatures. The compliance tests compare real signatures with kmod.

use super::{Parameter, Parameters, Trailer, builtin, hex, strings};

fn pairs(section: &[u8]) -> Vec<(&[u8], &[u8])> {
    strings(section).map(|entry| (entry.key, entry.value)).collect()
}

#[test]
fn strings_split_at_nul_and_first_equals_sign() {
    let section = b"\0\0a=b=c\0bare\0\0=v\0last=unterminated";
    let expected: [(&[u8], &[u8]); 4] =
        [(b"a", b"b=c"), (b"bare", b""), (b"", b"v"), (b"last", b"unterminated")];
    assert_eq!(pairs(section), expected);
    assert!(pairs(b"").is_empty());
    assert!(pairs(b"\0\0").is_empty());
}

#[test]
fn built_in_strings_of_one_module() {
    let file = b"ab.x=1\0abc.x=2\0ab.y=3\0abx=4\0ab.z=5";
    let found: Vec<_> = builtin(file, b"ab").map(|entry| (entry.key, entry.value)).collect();
    let expected: [(&[u8], &[u8]); 3] = [(b"x", b"1"), (b"y", b"3"), (b"z", b"5")];
    assert_eq!(found, expected);
}

#[test]
fn parameters_merge_by_name_in_reverse_order() {
    let section = b"parm=a:old\0parmtype=b:int\0license=GPL\0parmtype=a:bool\0parm=a:new\0parm=bad\0";
    let mut parameters = Parameters::default();
    let results: Vec<_> =
        strings(section).map(|entry| parameters.take(entry).map_err(|bad| bad.0.value)).collect();
    assert_eq!(results, [Ok(true), Ok(true), Ok(false), Ok(true), Ok(true), Err(&b"bad"[..])]);
    let list: Vec<_> = parameters.iter().collect();
    let expected = [
        Parameter { name: b"b", description: None, kind: Some(b"int") },
        Parameter { name: b"a", description: Some(b"new"), kind: Some(b"bool") },
    ];
    assert_eq!(list, expected);
}

#[test]
fn hex_breaks_lines_after_twenty_bytes() {
    assert_eq!(hex(b""), b"");
    assert_eq!(hex(b"\x00\xab\x5F"), b"00:AB:5F");
    let text = hex(&[1; 41]);
    assert_eq!(text.split(|&byte| byte == b'\n').count(), 3);
    assert!(hex(&[1; 20]).ends_with(b":01"));
}

/// The twelve bytes of the trailer and the magic string.
fn tail(fields: [u8; 5], length: u32) -> Vec<u8> {
    [&fields[..], &[0; 3], &length.to_be_bytes(), b"~Module signature appended~\n"].concat()
}

#[test]
fn legacy_signature() {
    let trailer = Trailer::parse(&tail([1, 4, 1, 3, 2], 4), 100).unwrap();
    assert_eq!(trailer.data_size(), Some(9));
    let signature = trailer.read(b"BobKKsig!").unwrap();
    assert_eq!((signature.id, &*signature.hash), ("X509", "sha256"));
    assert_eq!(
        (&*signature.signer, &*signature.key, &*signature.signature),
        (&b"Bob"[..], &b"KK"[..], &b"sig!"[..])
    );
    // Neither the file nor the caller's slice is as large as the trailer claims.
    assert_eq!(Trailer::parse(&tail([1, 4, 1, 3, 2], 4), 48), None);
    assert_eq!(trailer.read(b"Bob"), None);
    assert_eq!(trailer.read(b""), None);
    assert_eq!(Trailer::parse(b"", 0), None);
    assert_eq!(Trailer::parse(b"~Module signature appended~\n", 28), None);
}

/// Encodes BER: tag, length in the short form or with one byte, contents.
fn ber(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let length = u8::try_from(contents.len()).unwrap();
    let mut bytes = vec![tag];
    bytes.extend(if length < 0x80 { vec![length] } else { vec![0x81, length] });
    bytes.extend(contents);
    bytes
}

/// Builds a message with a signer identifier and a hash algorithm (the last byte of its object identifier).
fn message(id: &[u8], hash: u8) -> Vec<u8> {
    let sha = ber(0x30, &[&ber(6, &[&[96, 134, 72, 1, 101, 3, 4, 2, hash]])]);
    let rsa = ber(0x30, &[&ber(6, &[&[42, 134, 72, 134, 247, 13, 1, 1, 1]]), &[5, 0]]);
    let signer = ber(0x30, &[&[2, 1, 1], id, &sha, &rsa, &ber(4, &[b"the signature"])]);
    let data = ber(6, &[&[42, 134, 72, 134, 247, 13, 1, 7, 1]]);
    let body = ber(0x30, &[&[2, 1, 1], &ber(0x31, &[&sha]), &ber(0x30, &[&data]), &ber(0x31, &[&signer])]);
    ber(0x30, &[&ber(6, &[&[42, 134, 72, 134, 247, 13, 1, 7, 2]]), &ber(0xa0, &[&body])])
}

fn read(message: &[u8]) -> Option<super::Signature> {
    let length = u32::try_from(message.len()).unwrap();
    Trailer::parse(&tail([0, 0, 2, 0, 0], length), 1 << 20)?.read(message)
}

fn by_issuer() -> Vec<u8> {
    let attribute =
        |kind: u8, text: &[u8]| ber(0x31, &[&ber(0x30, &[&ber(6, &[&[85, 4, kind]]), &ber(12, &[text])])]);
    let name = ber(0x30, &[&attribute(10, b"Org"), &attribute(3, b"Name"), &attribute(11, b"Unit")]);
    ber(0x30, &[&name, &ber(2, &[&[0, 0x80, 7]])])
}

#[test]
fn pkcs7_by_issuer_and_by_key_id() {
    let signature = read(&message(&by_issuer(), 1)).unwrap();
    assert_eq!((signature.id, &*signature.signer, &*signature.hash), ("PKCS#7", &b"Name"[..], "sha256"));
    assert_eq!((&*signature.key, &*signature.signature), (&[0x80, 7][..], &b"the signature"[..]));
    let signature = read(&message(&ber(0x80, &[b"key id"]), 77)).unwrap();
    assert_eq!((&*signature.signer, &*signature.key), (&b""[..], &b"key id"[..]));
    assert_eq!(signature.hash, "2.16.840.1.101.3.4.2.77");
}

#[test]
fn damaged_messages_are_rejected() {
    let whole = message(&by_issuer(), 1);
    for len in 0..whole.len() {
        assert_eq!(read(&whole[..len]), None, "cut to {len}");
    }
    for at in 0..whole.len() {
        for value in [0, 0x7f, 0x80, 0x84, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            let _ = read(&damaged);
        }
    }
    assert_eq!(read(&[0x30, 0x80].repeat(100_000)), None);
}
