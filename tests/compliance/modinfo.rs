//! modinfo on generated files and trees: all kinds of modules and strings, lookup, failures.

use oxmod_test_support::{
    Answer, Compression, Module, RELEASE, Root, Run, Side, compress, differs_because, same,
};

/// All the kinds of output.
const REQUESTS: [&[&str]; 12] = [
    &[],
    &["-0"],
    &["-F", "parm"],
    &["-p", "-0"],
    &["-F", "parmtype"],
    &["-F", "name"],
    &["-n"],
    &["-a"],
    &["-d", "-l"],
    &["-F", ""],
    &["--field=alias"],
    &["-0", "-F", "no-such-field"],
];

fn modinfo(root: &Root, args: &[&str], side: Side) -> Answer {
    let dir = root.path("");
    Run::new("modinfo").args(["-k", RELEASE, "-b"]).arg(&dir).args(args).cwd(&dir).on(side)
}

/// Runs all the requests for these operands on both sides; returns the first answer.
#[track_caller]
fn same_in_every_format(root: &Root, operands: &[&str]) -> Answer {
    let mut answers =
        REQUESTS.map(|request| same(|side| modinfo(root, &[request, operands].concat(), side))).into_iter();
    answers.next().expect("an answer")
}

fn rich() -> Module {
    Module::new()
        .info("license", "GPL")
        .info("author", "A. Uthor <a@b.example>")
        .info("description", "does = nothing")
        .alias("pci:v00001234d*")
        .info("parmtype", "speed:int")
        .info("parm", "speed:How fast")
        .info("depends", "")
        .info("name", "rich")
}

#[test]
fn every_class_byte_order_and_compression() {
    for (bits, big, machine) in [(64, false, 62), (64, true, 22), (32, false, 3), (32, true, 20)] {
        let bytes = rich().format(bits, big, machine).need("printk").export("rich_do", 7).build();
        for (name, how) in
            [("m.ko", Compression::None), ("m.ko.xz", Compression::Xz), ("m.ko.zst", Compression::Zstd)]
        {
            let root = Root::new();
            root.file(name, compress(&bytes, how));
            let answer = same_in_every_format(&root, &[name]);
            assert_eq!(answer.code, 0, "{answer:?}");
            assert!(answer.stdout_text().ends_with("parm:           speed:How fast (int)\n"));
        }
    }
}

#[test]
fn all_kinds_of_parameters() {
    let strings = [
        "parm=a:first",
        "parmtype=a:int",
        "parmtype=b:charp",
        "parm=c:only described",
        "parm=a:second thoughts",
        "parm=nocolon",
        "parmtype=nocolon either",
        "parmtype=c:bool",
        "parmtype=c:bint",
        "parm=:nameless",
        "parm=d:",
        "parmtype=e:",
        "parm=f:with: colon (and brackets)",
        "parm=g-dash:x",
        "parm=g_dash:y",
        "parm",
        "parm=",
        "parmtype=:",
    ];
    let root = Root::new();
    let module = strings.iter().fold(Module::new(), |m, s| m.modinfo_bytes(format!("{s}\0").as_bytes()));
    root.file("p.ko", module.build());
    let answer = same_in_every_format(&root, &["p.ko"]);
    assert!(answer.stderr_text().contains("Found invalid \"parm=nocolon\": missing ':'"), "{answer:?}");
}

#[test]
fn all_kinds_of_strings() {
    let sections: [&[u8]; 9] = [
        b"\0\0\0license=GPL\0\0\0\0name=x\0\0",
        b"license=GPL\0unterminated=yes",
        b"bare\0license=GPL\0=empty key\0=\0key=\0a=b=c\0",
        b"a_key_of_15_byt=v\0a_key_of_16_byte=v\0a_key_that_is_much_longer_than_the_column=v\0",
        b"author=J\xc3\xbcrgen\0author=latin \xfc\0desc\xff=x\0",
        b"version=1\n2\ttab\0",
        b"Name=upper\0NAME=all upper\0name=lower\0",
        b"\0",
        b"filename=forged\0sig_id=forged\0parm=a:b\0",
    ];
    for section in sections {
        let root = Root::new();
        root.file("s.ko", Module::new().modinfo_bytes(section).build());
        same_in_every_format(&root, &["s.ko"]);
    }
}

#[test]
fn operands_that_are_files() {
    let root = Root::new();
    let bytes = rich().build();
    root.file("a-b.c.ko", &bytes).file("plain", &bytes).file("x.ko.old", &bytes).file(".ko", &bytes);
    root.file("sub/..ko", &bytes)
        .file("named.ko.xz", &bytes)
        .file("packed.ko", compress(&bytes, Compression::Xz));
    root.dir("dir.ko").link("link.ko", "plain").link("dangling.ko", "nowhere").file("upper.KO", &bytes);
    let dir = root.path("");
    let absolute = dir.join("a-b.c.ko").display().to_string();
    let operands = [
        "a-b.c.ko",
        "./a-b.c.ko",
        "sub/../a-b.c.ko",
        &absolute,
        "plain",
        "./plain",
        "x.ko.old",
        ".ko",
        "./.ko",
        "sub/..ko",
        "named.ko.xz",
        "packed.ko",
        "dir.ko",
        "link.ko",
        "dangling.ko",
        "upper.KO",
        "absent.ko",
        "",
        "/",
        "a-b.c.ko/",
        "//",
        "a b",
        "[",
        "a]",
        "a[b]",
    ];
    for operand in operands {
        same_in_every_format(&root, &[operand]);
        same(|side| modinfo(&root, &["-m", operand], side));
    }
    same_in_every_format(&root, &["a-b.c.ko", "absent.ko", "named.ko.xz", "a-b.c.ko"]);
}

/// Builds a tree with indexes written by the reference.
fn indexed() -> Root {
    let root = Root::new();
    root.module("kernel/eth-drv.ko", |m| m.alias("pci:v1d*").alias("net-[a-c]*").export("eth_up", 1));
    root.module("kernel/eth_new.ko", |m| m.alias("pci:v1d2*").need("eth_up"));
    root.module("kernel/deep/gone.ko", |m| m.alias("gone-alias"));
    root.file(root.in_modules("modules.builtin"), "kernel/fs/inside.ko\nkernel/fs/quiet-one.ko\n");
    let info = "inside.license=GPL\0inside.file=fs/inside\0inside.alias=in-alias\0inside.parm=p:text\0\
                inside.parmtype=p:int\0inside.parm=bad\0insider.license=other\0";
    root.file(root.in_modules("modules.builtin.modinfo"), info);
    root.file(root.in_modules("modules.order"), "kernel/eth-drv.ko\nkernel/eth_new.ko\n");
    let answer = Run::new("depmod").arg("-b").arg(root.path("")).arg(RELEASE).on(Side::Theirs);
    assert_eq!(answer.code, 0, "{answer:?}");
    std::fs::remove_file(root.path(root.in_modules("kernel/deep/gone.ko"))).expect("gone.ko was there");
    root
}

#[test]
fn names_aliases_and_built_in_modules() {
    let root = indexed();
    let operands = [
        "eth-drv",
        "eth_drv",
        "eth_drv.ko",
        "pci:v1d2",
        "pci:v1d3",
        "net-b1",
        "net-d",
        "inside",
        "in-alias",
        "in_alias",
        "quiet-one",
        "quiet_one",
        "insider",
        "symbol:eth_up",
        "symbol:nothing",
        "gone",
        "gone-alias",
        "off",
        "net-[a-c]*",
        "eth*",
        "inside.foo",
    ];
    for operand in operands {
        same_in_every_format(&root, &[operand]);
        same(|side| modinfo(&root, &["-m", operand], side));
        same(|side| modinfo(&root, &["-F", "filename", operand], side));
    }
    let answer = same_in_every_format(&root, &["inside", "nothing", "eth_new", "pci:v1d2"]);
    assert_eq!(answer.code, 1);
    assert!(answer.stdout_text().starts_with("name:           inside\nfilename:       (builtin)\n"));
}

#[test]
fn missing_operands_and_invalid_options() {
    let root = Root::new();
    for args in
        [&[][..], &["-F"], &["-0", "-F", "x"], &["-x"], &["--fie"], &["--field"], &["--n", "x"], &["-k"]]
    {
        same(|side| modinfo(&root, args, side));
    }
}

#[test]
fn the_running_kernel_is_the_default() {
    let release = oxmod_test_support::running_release();
    let root = Root::for_release(&release);
    root.module("kernel/here.ko", |m| m);
    let run = Run::new("depmod").inside(&root).arg(&release).on(Side::Theirs);
    assert_eq!(run.code, 0, "{run:?}");
    let answer = same(|side| Run::new("modinfo").args(["-n", "here"]).inside(&root).on(side));
    assert_eq!(answer.stdout_text(), format!("/lib/modules/{release}/kernel/here.ko\n"));
    for base in ["/", "", ".", "//"] {
        same(|side| Run::new("modinfo").args(["-b", base, "-n", "here"]).inside(&root).cwd("/").on(side));
    }
}

/// Checks the message for an invalid file: ours is kmod's message followed by the reason.
fn refused(bytes: &[u8], strerror: &str, reason: &str) {
    let root = Root::new();
    root.file("bad-one.ko", bytes);
    let line = format!("modinfo: ERROR: could not get modinfo from 'bad_one': {strerror}");
    let ours = (1, true, format!("{line} ({reason})\n"));
    let theirs = (1, true, format!("{line}\n"));
    differs_because("modinfo gives the reason for which a file cannot be read", &ours, &theirs, |side| {
        let answer = modinfo(&root, &["bad-one.ko"], side);
        // The reference's library prints its own lines, with function names, before the tool's message.
        let said: Vec<_> = answer
            .stderr_text()
            .lines()
            .filter(|line| !line.starts_with("libkmod: "))
            .map(|l| format!("{l}\n"))
            .collect();
        (answer.code, answer.stdout_text().starts_with("filename: "), said.concat())
    });
}

#[test]
fn damaged_files() {
    let whole = rich().build();
    refused(b"", "Invalid argument", "file is too small for a module");
    refused(b"\x7fELF", "Invalid argument", "file is too small for a module");
    refused(b"#!/bin/sh\n", "Exec format error", "not an ELF object");
    refused(whole.get(..40).unwrap_or_default(), "Invalid argument", "truncated ELF header");
    refused(
        whole.get(..whole.len() - 1).unwrap_or_default(),
        "Invalid argument",
        "section headers reach beyond the end of the file",
    );
    refused(&Module::new().build(), "No data available", "no .modinfo section");
    let xz = compress(&whole, Compression::Xz);
    refused(xz.get(..xz.len() - 20).unwrap_or_default(), "Invalid argument", "xz data is truncated");
    refused(&[&xz[..], b"rubbish"].concat(), "Invalid argument", "xz data is truncated");
    refused(&[&xz[..], b"rubbish of some length"].concat(), "Invalid argument", "xz data is corrupt");
    let zstd = compress(&whole, Compression::Zstd);
    refused(zstd.get(..zstd.len() - 5).unwrap_or_default(), "Invalid argument", "zstd data is truncated");
    refused(&[&zstd[..], b"rubbish"].concat(), "Invalid argument", "garbage after the zstd data");
}

#[test]
fn gzip_is_read() {
    let root = Root::new();
    root.file("z.ko.gz", compress(&rich().build(), Compression::Gzip));
    let ours = (0, "GPL\n".to_owned(), String::new());
    let theirs = (1, String::new(), "modinfo: ERROR: Module z.ko.gz not found.\n".to_owned());
    differs_because("gzip is always built in, Debian's kmod lacks it", &ours, &theirs, |side| {
        modinfo(&root, &["-l", "z.ko.gz"], side).triple()
    });
}

#[test]
fn zstd_without_content_size_is_read() {
    use std::io::Write;
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).expect("zstd");
    encoder.write_all(&rich().build()).expect("zstd");
    let root = Root::new();
    root.file("z.ko.zst", encoder.finish().expect("zstd"));
    differs_because(
        "zstd files need not state their size",
        &(0, "GPL\n".into()),
        &(1, String::new()),
        |side| {
            let answer = modinfo(&root, &["-l", "z.ko.zst"], side);
            (answer.code, answer.stdout_text())
        },
    );
}

#[test]
fn an_invalid_section_name_table() {
    let mut bytes = rich().build();
    // The offset of e_shstrndx.
    bytes.get_mut(62..64).expect("a header").copy_from_slice(&[0xff, 0xfe]);
    let root = Root::new();
    root.file("odd.ko", bytes);
    differs_because("no file makes modinfo abort", &1, &134, |side| modinfo(&root, &["odd.ko"], side).code);
}

#[test]
fn a_file_that_is_also_built_in() {
    let root = Root::new();
    root.module("kernel/both.ko", |m| m.info("description", "of the file"));
    root.file(root.in_modules("modules.builtin"), "kernel/both.ko\n");
    root.file(root.in_modules("modules.builtin.modinfo"), "both.description=of the kernel\0");
    let answer = Run::new("depmod").arg("-b").arg(root.path("")).arg(RELEASE).on(Side::Theirs);
    assert_eq!(answer.code, 0, "{answer:?}");
    same(|side| modinfo(&root, &["-n", "both"], side));
    let (ours, theirs) = ("of the file\n".to_owned(), "of the kernel\n".to_owned());
    differs_because("what is said is said of the file that is named", &ours, &theirs, |side| {
        modinfo(&root, &["-d", "both"], side).stdout_text()
    });
}

#[test]
fn field_names_ignore_case() {
    let root = Root::new();
    root.file("r.ko", rich().build())
        .file("both.ko", Module::new().modinfo_bytes(b"Note=upper\0note=lower\0").build());
    for (field, found) in [("License", "GPL\n"), ("PARM", "speed:How fast (int)\n"), ("DEPENDS", "\n")] {
        differs_because("-F does not mind case", &found.to_owned(), &String::new(), |side| {
            modinfo(&root, &["-F", field, "r.ko"], side).stdout_text()
        });
    }
    // If a field with exactly this spelling exists, only that field is printed.
    for field in ["Note", "note"] {
        same(|side| modinfo(&root, &["-F", field, "both.ko"], side));
    }
}
