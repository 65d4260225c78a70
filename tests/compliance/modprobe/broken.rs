//! Indexes that are missing, empty, truncated or damaged: modprobe uses the text files instead.

use std::fs;

use oxmod_test_support::{Answer, Random, Root, Side, differs_because, each, same};

use super::{modprobe, tree};

/// Each index and its text file with a question that only they can answer, and the answer.
const QUESTIONS: [(&str, &str, &[&str], &str); 5] = [
    ("modules.dep.bin", "modules.dep", &["-D", "b"], "insmod K/a.ko \ninsmod K/b.ko \n"),
    ("modules.alias.bin", "modules.alias", &["-R", "pci:v1d1"], "d_x\ne\n"),
    ("modules.symbols.bin", "modules.symbols", &["-R", "symbol:sc"], "c\n"),
    ("modules.builtin.bin", "modules.builtin", &["-R", "b-j"], "b_j\n"),
    ("modules.builtin.alias.bin", "modules.builtin.modinfo", &["-R", "bial7"], "bi\n"),
];

fn short(answer: &Answer) -> (i32, String, String) {
    let (code, stdout, stderr) = answer.triple();
    (code, stdout.replace("/lib/modules/6.1.0-test/kernel", "K"), stderr)
}

fn ours(root: &Root, args: &[&str]) -> (i32, String, String) {
    short(&modprobe(root).args(args).on(Side::Ours))
}

#[test]
fn the_text_replaces_an_unusable_index() {
    for (index, text, args, expected) in QUESTIONS {
        let root = tree();
        let path = root.in_modules(index);
        let sound = fs::read(root.path(&path)).unwrap();
        assert_eq!(ours(&root, args), (0, expected.to_owned(), String::new()), "{index}");
        let warning = |why: &str| {
            format!(
                "modprobe: WARNING: could not use /lib/modules/6.1.0-test/{index}: {why}; \
                 reading /lib/modules/6.1.0-test/{text} instead\n"
            )
        };
        root.file(&path, "");
        assert_eq!(ours(&root, args), (0, expected.to_owned(), warning("the file is empty")), "{index}");
        root.file(&path, b"not an index at all");
        let (code, stdout, stderr) = ours(&root, args);
        assert_eq!((code, stdout.as_str()), (0, expected), "{index}");
        assert_eq!(stderr, warning("magic is 6e6f7420 instead of b007f457"), "{index}");
        for len in [1, 11, 13, 20, sound.len() / 2] {
            root.file(&path, &sound[..len]);
            let (code, stdout, stderr) = ours(&root, args);
            assert_eq!((code, stdout.as_str()), (0, expected), "{index} cut to {len}");
            // The data before the cut may suffice to answer this question.
            assert!(
                stderr.is_empty() && len > 20 || stderr.lines().count() == 1,
                "{index} cut to {len}: {stderr}"
            );
            assert!(stderr.is_empty() || stderr.starts_with("modprobe: WARNING: could not use "), "{stderr}");
        }
        fs::remove_file(root.path(&path)).unwrap();
        let (code, stdout, stderr) = ours(&root, args);
        assert_eq!((code, stdout.as_str()), (0, expected), "{index} missing");
        // Trees of an older depmod lack this index, which is not an error.
        let message = if index == "modules.builtin.alias.bin" {
            String::new()
        } else {
            warning("No such file or directory")
        };
        assert_eq!(stderr, message);
        assert_eq!(ours(&root, &[args, &["-q"]].concat()), (0, expected.to_owned(), String::new()));
    }
}

#[test]
fn the_reference_finds_nothing_without_an_index() {
    let root = tree();
    fs::remove_file(root.path(root.in_modules("modules.dep.bin"))).unwrap();
    let run = modprobe(&root).args(["-D", "b", "-q"]);
    let found = (0, "insmod K/a.ko \ninsmod K/b.ko \n".to_owned(), String::new());
    let nothing = (1, String::new(), String::new());
    differs_because("modules.dep answers for modules.dep.bin", &found, &nothing, |side| short(&run.on(side)));
}

#[test]
fn a_directory_without_any_index() {
    let root = Root::new();
    root.dir(root.in_modules("")).file("proc/cmdline", "");
    let answer = same(|side| modprobe(&root).args(["-D", "b"]).on(side));
    let expected = "modprobe: FATAL: Module b not found in directory /lib/modules/6.1.0-test\n";
    assert_eq!(answer.triple(), (1, String::new(), expected.to_owned()));
    let answer = same(|side| modprobe(&root).args(["-D", "b", "-d", "/nowhere"]).on(side));
    assert_eq!(answer.code, 1);
}

#[test]
fn empty_builtin_indexes_without_a_list_are_normal() {
    let root = tree();
    for name in ["modules.builtin", "modules.builtin.modinfo"] {
        fs::remove_file(root.path(root.in_modules(name))).unwrap();
    }
    root.file(root.in_modules("modules.builtin.bin"), "")
        .file(root.in_modules("modules.builtin.alias.bin"), "");
    let (code, stdout, stderr) = ours(&root, &["-R", "nosuch"]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert_eq!(stderr, "modprobe: FATAL: Module nosuch not found in directory /lib/modules/6.1.0-test\n");
}

#[test]
fn the_text_replaces_a_truncated_index_in_dumps() {
    let root = tree();
    let path = root.in_modules("modules.alias.bin");
    let sound = fs::read(root.path(&path)).unwrap();
    let (_, whole, _) = ours(&root, &["-c"]);
    for len in (12..sound.len()).step_by(7) {
        root.file(&path, &sound[..len]);
        let (code, stdout, stderr) = ours(&root, &["-c"]);
        assert_eq!((code, stdout.as_str()), (0, whole.as_str()), "cut to {len}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

/// Bytes are changed and ends are cut off, the same way in each run. The reference maps the file and follows its
/// offsets, so it is sometimes killed by a signal.
#[test]
fn damaged_indexes_cause_no_crash() {
    let root = tree();
    root.module("kernel/many.ko", |module| {
        (0..3000).fold(module, |module, n| module.alias(&format!("pci:v{:08X}d{:04X}sv*", n * 7919, n % 97)))
    });
    super::depmod(&root);
    let path = root.in_modules("modules.alias.bin");
    let sound = fs::read(root.path(&path)).unwrap();
    let mut random = Random::new(0x2545_f491);
    let (mut ours, mut theirs) = (0, 0);
    for round in 0..120 {
        let mut bytes = sound.clone();
        for _ in 0..=random.below(20) {
            let at = random.below(bytes.len() - 4) + 4;
            bytes[at] = random.byte();
        }
        bytes.truncate(if round % 2 == 0 { bytes.len() } else { random.below(bytes.len()) });
        root.file(&path, &bytes);
        for args in [&["-c"][..], &["-R", "pci:v00001EEFd0001sv1"]] {
            for (side, answer) in each(|side| modprobe(&root).args(args).on(side)) {
                let killed = usize::from(answer.code >= 128);
                *(if side == Side::Ours { &mut ours } else { &mut theirs }) += killed;
                assert!(side == Side::Theirs || answer.code <= 1, "{answer:?}");
            }
        }
    }
    eprintln!("killed by a signal: ours {ours}, theirs {theirs} of 240 runs");
    assert_eq!(ours, 0);
    if oxmod_test_support::sides().contains(&Side::Theirs) {
        assert!(theirs > 0);
    }
}
