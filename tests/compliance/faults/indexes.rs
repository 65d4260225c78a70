//! Damaged indexes: which modules are loaded.

use std::fs;

use oxmod_test_support::{Random, Root, Shim, Side, sides};

use super::{Seen, modprobe, seen};
use crate::modprobe::depmod;

/// Builds a tree in which `delta` needs `bravo`. For each name there is another one that differs in one letter.
fn tree() -> Root {
    let root = Root::new();
    root.module("alpha.ko", |m| m);
    root.module("bravo.ko", |m| m.export("sym_bravo", 1).alias("pci:v1d*"));
    root.module("delta.ko", |m| m.need("sym_bravo").alias("pci:v2d*"));
    root.file(root.in_modules("modules.builtin"), "kernel/brava.ko\n");
    root.file(root.in_modules("modules.builtin.modinfo"), "brava.alias=pci:v3d*\0");
    depmod(&root);
    root.file("proc/cmdline", "quiet\n").file("proc/modules", "");
    root
}

/// Old bytes and their replacement.
type Change<'b> = [&'b [u8]; 2];

/// Replaces `old` by `new`, which has the same length, in an index.
#[track_caller]
fn change(root: &Root, index: &str, old: &[u8], new: &[u8]) {
    let path = root.in_modules(index);
    let mut bytes = fs::read(root.path(&path)).unwrap();
    assert_eq!(old.len(), new.len());
    let at = bytes.windows(old.len()).position(|window| window == old).expect("the old bytes");
    bytes[at..at + old.len()].copy_from_slice(new);
    root.file(path, bytes);
}

fn warned(index: &str, text: &str, why: &str, calls: &str) -> Seen {
    let warning = format!("modprobe: WARNING: could not use M/{index}: {why}; reading M/{text} instead\n");
    (0, String::new(), warning, calls.into())
}

/// Only the exit code and the calls of the reference are compared, since it prints addresses.
#[track_caller]
fn damaged(text: &str, [old, new]: Change<'_>, [module, why, calls]: [&str; 3], theirs: (i32, &str)) {
    let root = tree();
    let index = format!("{text}.bin");
    change(&root, &index, old, new);
    for &side in sides() {
        let answer = seen(&Shim::new().run(&root, &modprobe(&[module]), side));
        if side == Side::Ours {
            assert_eq!(answer, warned(&index, text, why, calls));
        } else {
            assert_eq!((answer.0, answer.3.as_str()), theirs, "{index} {answer:?}");
        }
    }
}

/// The contents of an index are checked against the key and against the other indexes.
#[test]
fn impossible_entries_are_not_used() {
    let alpha = "finit alpha.ko \"\" 0 = 0\n";
    let bravo = "finit bravo.ko \"\" 0 = 0\n";
    let delta = "finit delta.ko \"\" 0 = 0\n";
    let both = format!("{bravo}{delta}");
    let (dep, alias, builtin) = ("modules.dep", "modules.alias", "modules.builtin");
    let (other, nothing) = ("wrong entry for bravo", "no entry for bruvo.ko");
    let (astray, wrongly) = ("refers to unknown module brave", "wrongly lists bravo");
    damaged(dep, [b"bravo.ko:\0", b"alpha.ko:\0"], ["bravo", other, bravo], (0, alpha));
    damaged(dep, [b": bravo.ko", b": bruvo.ko"], ["delta", nothing, &both], (0, delta));
    damaged(alias, [b"bravo\0", b"brave\0"], ["pci:v1d1", astray, bravo], (1, ""));
    damaged(builtin, [b"a\0\0\0", b"o\0\0\0"], ["bravo", wrongly, bravo], (0, ""));
}

/// The results of the runs of one side.
#[derive(Debug, Default)]
struct Tally {
    right: usize,
    refused: usize,
    /// Loaded or printed a wrong module.
    wrong: usize,
    killed: usize,
}

impl Tally {
    fn count(&mut self, seen: &Seen, right: &Seen) {
        let (code, stdout, stderr, calls) = seen;
        let among = |lines: &str, right: &str| lines.lines().all(|line| right.lines().any(|one| one == line));
        match *code {
            128.. => self.killed += 1,
            _ if !among(stdout, &right.1) || !among(calls, &right.3) => self.wrong += 1,
            0 if (stdout, calls) == (&right.1, &right.3) => self.right += 1,
            1 if stderr.lines().count() > 0 => self.refused += 1,
            _ => self.wrong += 1,
        }
    }
}

/// Truncates or changes each index and runs each command that reads it. The library's tests do the same to thousands
/// of indexes of real kernels; this test checks which calls to the kernel result.
#[test]
fn random_damage() {
    let root = tree();
    let mut random = Random::new(0x2545_f491);
    let (mut ours, mut theirs) = (Tally::default(), Tally::default());
    for (index, operand) in [
        ("modules.dep.bin", "delta"),
        ("modules.alias.bin", "pci:v2d1"),
        ("modules.symbols.bin", "symbol:sym_bravo"),
        ("modules.builtin.bin", "brava"),
        ("modules.builtin.alias.bin", "pci:v3d1"),
    ] {
        let path = root.in_modules(index);
        let sound = fs::read(root.path(&path)).unwrap();
        let commands = [&["-D", operand][..], &["-n", "-v", operand], &["-R", operand], &[operand]];
        let rights = commands.map(|args| seen(&Shim::new().run(&root, &modprobe(args), Side::Ours)));
        assert!(rights.iter().all(|right| (right.0, right.2.as_str()) == (0, "")), "{rights:?}");
        for round in 0..6 {
            let mut bytes = sound.clone();
            match round % 3 {
                0 => bytes.truncate(random.below(sound.len())),
                1 => bytes[random.below(sound.len())] ^= 1 << random.below(8),
                _ => {
                    for _ in 0..4 {
                        bytes[random.below(sound.len())] = random.byte();
                    }
                }
            }
            root.file(&path, &bytes);
            for (args, right) in commands.iter().zip(&rights) {
                for &side in sides() {
                    let answer = seen(&Shim::new().run(&root, &modprobe(args), side));
                    let tally = if side == Side::Ours { &mut ours } else { &mut theirs };
                    tally.count(&answer, right);
                    assert!(
                        side == Side::Theirs || ours.wrong + ours.killed == 0,
                        "{index} {args:?} {answer:?}"
                    );
                }
            }
        }
        root.file(&path, &sound);
    }
    println!("ours {ours:?}\ntheirs {theirs:?}");
    assert!(!sides().contains(&Side::Ours) || (ours.right > 80 && ours.refused < 30), "{ours:?}");
    assert!(
        !sides().contains(&Side::Theirs) || theirs.refused + theirs.wrong + theirs.killed > 40,
        "{theirs:?}"
    );
}
