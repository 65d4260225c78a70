//! modinfo on signed modules: real PKCS#7 messages created by openssl, and the legacy layout.

use std::path::Path;
use std::process::Command;

use oxmod_test_support::{Module, Root, Run, Trailer, differs_because, same};

fn module() -> Module {
    Module::new().info("license", "GPL").info("parm", "a:b")
}

/// Checks that both sides print the same for a module with this tail. Returns the output after the license.
#[track_caller]
fn shown(tail: &[u8]) -> String {
    let root = Root::new();
    root.file("s.ko", module().append(tail).build());
    for args in [&["-0"][..], &["-F", "signature"], &["-F", "signer"], &["-F", "sig_key"], &["-F", "sig_id"]]
    {
        same(|side| Run::new("modinfo").args(args).arg("s.ko").cwd(root.path("")).on(side));
    }
    let answer = same(|side| Run::new("modinfo").arg("s.ko").cwd(root.path("")).on(side));
    assert_eq!(answer.code, 0);
    let text = answer.stdout_text();
    text.split_once("GPL\n").map(|(_, rest)| rest.to_owned()).unwrap_or_default()
}

#[test]
fn legacy_layout() {
    let names = ["md4", "md5", "sha1", "rmd160", "sha256", "sha384", "sha512", "sha224", "sm3"];
    for (hash, name) in (0..).zip(names) {
        let trailer = Trailer {
            algorithm: 1,
            hash,
            id_type: 1,
            signer: b"The Signer".to_vec(),
            key_id: b"\x01\xab\x00".to_vec(),
            signature: (0..41).collect(),
            claimed_length: None,
        };
        let text = shown(&trailer.bytes());
        assert!(
            text.starts_with("sig_id:         X509\nsigner:         The Signer\nsig_key:        01:AB:00\n")
        );
        assert!(text.contains(&format!("sig_hashalgo:   {name}\n")), "{text}");
        assert!(text.contains("12:13:\n\t\t14:15:"), "{text}");
    }
}

#[test]
fn invalid_trailers() {
    let good = Trailer { id_type: 1, signature: vec![1; 20], ..Trailer::default() };
    let variants = [
        Trailer { algorithm: 2, ..good.clone() },
        Trailer { hash: 9, ..good.clone() },
        Trailer { id_type: 3, ..good.clone() },
        Trailer { signature: Vec::new(), ..good.clone() },
        Trailer { claimed_length: Some(0), ..good.clone() },
        Trailer { claimed_length: Some(u32::MAX), ..good.clone() },
        Trailer { claimed_length: Some(1 << 16), ..good.clone() },
        Trailer::pkcs7(b"rubbish".to_vec()),
        Trailer::pkcs7(vec![0x30; 3000]),
        Trailer::pkcs7([0x30, 0x80].repeat(3000)),
    ];
    for trailer in variants {
        assert_eq!(shown(&trailer.bytes()), "parm:           a:b\n", "{trailer:?}");
    }
    for signer in [&b""[..], b"nul\0inside", b"not \xff UTF-8"] {
        shown(&Trailer { signer: signer.to_vec(), ..good.clone() }.bytes());
    }
    // Only the marker, and a signature that is as large as the file.
    shown(b"~Module signature appended~\n");
    let size = u32::try_from(module().build().len()).expect("a small module");
    for excess in 0..3 {
        let trailer =
            Trailer { claimed_length: Some(size + excess), signature: b"x".to_vec(), ..good.clone() };
        shown(&trailer.bytes());
    }
}

/// A temporary directory with keys, in which openssl runs.
struct OpenSsl(tempfile::TempDir);

impl OpenSsl {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn run(&self, args: &[&str]) {
        let output = Command::new("openssl").args(args).current_dir(self.0.path()).output();
        let output = output.expect("openssl, which these tests need: apt-get install openssl");
        assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Creates `NAME.key` and `NAME.pem`.
    fn certificate(&self, name: &str, subject: &str, more: &[&str]) {
        let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
        let args = ["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-days", "2", "-utf8", "-keyout", &key];
        self.run(&[&args[..], &["-out", &pem, "-subj", subject], more].concat());
    }

    /// Signs the module and returns the tail to append.
    fn sign(&self, name: &str, options: &[&str]) -> Vec<u8> {
        let path = |file: &str| self.0.path().join(file);
        std::fs::write(path("m.ko"), module().build()).expect("a file");
        let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
        let args =
            ["cms", "-sign", "-binary", "-in", "m.ko", "-outform", "DER", "-out", "m.p7", "-signer", &pem];
        self.run(&[&args[..], &["-inkey", &key], options].concat());
        Trailer::pkcs7(read(&path("m.p7"))).bytes()
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("what openssl wrote")
}

/// The options that correspond to the kernel's sign-file.
const AS_SIGN_FILE: [&str; 2] = ["-nocerts", "-noattr"];

#[test]
fn issuers_and_serial_numbers() {
    let openssl = OpenSsl::new();
    let cases: [(&str, &str, &[&str]); 10] = [
        ("/O=Org/CN=My Name/OU=Unit", "My Name", &[]),
        ("/O=Org/OU=Unit", "Unit", &[]),
        ("/CN=First/CN=Second", "First", &[]),
        ("/O=Org+CN=In a set/OU=z", "In a set", &["-multivalue-rdn"]),
        ("/CN=Ünï", "Ünï", &[]),
        ("/CN=zero", "zero", &["-set_serial", "0"]),
        ("/CN=negative", "negative", &["-set_serial", "-5"]),
        ("/CN=top bit", "top bit", &["-set_serial", "0x00ff00000000000000000000000000000000000001"]),
        ("/CN=long", "long", &["-set_serial", "0x7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f"]),
        ("/", "", &[]),
    ];
    for (subject, signer, more) in cases {
        openssl.certificate("k", subject, more);
        let text = shown(&openssl.sign("k", &AS_SIGN_FILE));
        assert!(text.starts_with(&format!("sig_id:         PKCS#7\nsigner:         {signer}\n")), "{text}");
    }
}

#[test]
fn hashes_and_forms_of_messages() {
    let openssl = OpenSsl::new();
    openssl.certificate("k", "/CN=Signer", &[]);
    openssl.certificate("other", "/CN=Other", &[]);
    let hashes = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha512-224", "sha512-256"];
    for hash in hashes.into_iter().chain(["sha3-224", "sha3-256", "sha3-384", "sha3-512"]) {
        let text = shown(&openssl.sign("k", &[&AS_SIGN_FILE[..], &["-md", hash]].concat()));
        assert!(text.contains(&format!("sig_hashalgo:   {hash}\n")), "{text}");
    }
    // With certificates, with attributes, with the contents, of indefinite length, by two signers.
    for options in [&[][..], &["-noattr"], &["-nodetach"], &["-stream"], &["-stream", "-nodetach"]] {
        assert!(shown(&openssl.sign("k", options)).contains("signer:         Signer\n"), "{options:?}");
    }
    for (first, second) in [("k", "other"), ("other", "k")] {
        let (pem, key) = (format!("{second}.pem"), format!("{second}.key"));
        shown(&openssl.sign(first, &["-signer", &pem, "-inkey", &key]));
    }
    // Truncated messages, and messages with trailing data.
    let tail = openssl.sign("k", &AS_SIGN_FILE);
    let message = tail.get(..tail.len() - 40).expect("a message");
    shown(&Trailer::pkcs7(message.get(..message.len() - 10).expect("a message")).bytes());
    shown(&Trailer::pkcs7([message, b"xx"].concat()).bytes());
}

#[test]
fn a_signer_named_by_key_id() {
    let openssl = OpenSsl::new();
    openssl.certificate("k", "/CN=Signer", &[]);
    let root = Root::new();
    let tail = openssl.sign("k", &["-nocerts", "-noattr", "-keyid"]);
    root.file("s.ko", module().append(&tail).build());
    let why = "modinfo shows signatures whose signer is named by a key id";
    let ask = |field: &str, side| {
        Run::new("modinfo").args(["-F", field, "s.ko"]).cwd(root.path("")).on(side).stdout_text()
    };
    differs_because(why, &"PKCS#7\n".to_owned(), &String::new(), |side| ask("sig_id", side));
    differs_because(why, &"sha256\n".to_owned(), &String::new(), |side| ask("sig_hashalgo", side));
    differs_because(why, &"\n".to_owned(), &String::new(), |side| ask("signer", side));
    // A SHA-1 key ID is printed as 20 bytes `AA:BB:...`, an RSA signature of 128 bytes on 7 lines.
    differs_because(why, &(60, 1), &(0, 0), |side| {
        (ask("sig_key", side).len(), ask("sig_key", side).lines().count())
    });
    differs_because(why, &7, &0, |side| ask("signature", side).lines().count());
}
