//! The rules of getopt and the order of each tool's option table, on both sides.
//!
//! The option tables are not copied here: they are taken from the tools' error message for an option that is a
//! prefix of all options. The tools run inside an empty root, so that they cannot do any harm.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use oxmod_test_support::{Random, Root, Run, Side, same};

/// The command lines that select each table.
const TOOLS: [&[&str]; 9] = [
    &["kmod"],
    &["modprobe"],
    &["depmod"],
    &["modinfo"],
    &["lsmod"],
    &["insmod"],
    &["rmmod"],
    &["kmod", "list"],
    &["kmod", "static-nodes"],
];

fn start(tool: &[&str]) -> Run {
    let (name, before) = tool.split_first().expect("a tool has a name");
    Run::new(name).args(before)
}

/// Returns the exit code, standard error, and whether there is output. The help texts of the two sides differ.
fn judge(run: &Run, side: Side) -> (i32, String, bool) {
    let answer = run.on(side);
    (answer.code, answer.stderr.escape_ascii().to_string(), answer.stdout.is_empty())
}

/// Returns the long options of a tool, in the order of its table.
fn long_options(tool: &[&str]) -> Vec<String> {
    let answer = same(|side| start(tool).arg("--=x").on(side));
    let message = answer.stderr_text();
    let (_, list) = message.split_once("possibilities: ").expect("a list of options");
    list.trim_end().split(' ').map(|name| name.trim_matches(['\'', '-']).to_owned()).collect()
}

/// `--=` is a prefix of every long option, so that the error message lists all of them in order.
#[test]
fn every_long_option_in_the_order_of_the_table() {
    for tool in TOOLS {
        let names = long_options(tool);
        assert!(names.contains(&"help".to_owned()), "{tool:?} {names:?}");
        assert!(names.len() >= 2);
    }
}

/// Tests each prefix of each long option alone, with a value, and with an empty value.
#[test]
fn every_prefix_of_every_long_option() {
    for tool in TOOLS {
        let mut seen = std::collections::BTreeSet::new();
        for name in long_options(tool) {
            for end in 1..=name.len() {
                seen.insert(name[..end].to_owned());
            }
        }
        for prefix in seen {
            // An option with a value consumes the first `-h`, and the second one takes effect.
            let plain = start(tool).args([&format!("--{prefix}"), "-h", "-h"]);
            let value = start(tool).args([&format!("--{prefix}=human"), "-h"]);
            for run in [plain, value] {
                same(|side| judge(&run, side));
            }
        }
    }
}

/// Tests every possible short option, alone and followed by another character.
#[test]
fn every_short_option() {
    for tool in TOOLS {
        for letter in (b'!'..=b'~').filter(|letter| *letter != b'-') {
            let letter = OsString::from_vec(vec![b'-', letter]);
            let run = start(tool).arg(letter).args(["-h", "-h"]);
            same(|side| judge(&run, side));
        }
    }
}

/// Unusual arguments, with all tools.
#[test]
fn odd_arguments() {
    let root = Root::new();
    let bytes = |bytes: &[u8]| vec![OsString::from_vec(bytes.to_vec())];
    let mut vectors: Vec<Vec<OsString>> = vec![
        bytes(b"--bogus"),
        bytes(b"--bogus=value"),
        bytes(b"--\xff\xfe"),
        bytes(b"-\xc3\xa9"),
        bytes(b"-\xff"),
        bytes(b"---"),
        bytes(b"---help"),
        bytes(b"--help=now"),
        bytes(b"--hel="),
        bytes(b"--Help"),
        bytes(b"-:"),
        bytes(b"-?"),
        bytes(b"-hbogus"),
        bytes(b"-Vbogus"),
        bytes(b"-\n"),
    ];
    for words in
        [&["-h", "--bogus"][..], &["--bogus", "-h"], &["operand", "--bogus"], &["operand", "-", "-?"]]
    {
        vectors.push(words.iter().map(OsString::from).collect());
    }
    for tool in TOOLS {
        for vector in &vectors {
            let run = start(tool).args(vector).inside(&root);
            same(|side| judge(&run, side));
        }
    }
}

/// rmmod reports its operands in order, which shows the order after permutation.
#[test]
fn order_of_operands() {
    let root = Root::new();
    let operands = |args: &[&str], posix: bool| {
        let mut run = Run::new("rmmod").args(args).inside(&root);
        if posix {
            run = run.env("POSIXLY_CORRECT", "");
        }
        let answer = same(|side| run.on(side));
        assert_eq!(answer.code, 1);
        let names = answer.stderr_text();
        names
            .lines()
            .filter_map(|line| {
                line.strip_prefix("rmmod: ERROR: Module ")?.strip_suffix(" is not currently loaded")
            })
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(operands(&["a", "-v", "b", "--verbose", "c"], false), "a b c");
    assert_eq!(operands(&["a", "-v", "b", "--", "c", "-s"], false), "a b c _s");
    assert_eq!(operands(&["--", "--", "-h"], false), "__ _h");
    assert_eq!(operands(&["-", "a"], false), "_ a");
    assert_eq!(operands(&["-v", "a", "-v", "-h"], true), "a _v _h");
    assert_eq!(operands(&["-v", "--", "a", "-h"], true), "a _h");
}

/// The value of an option may look like an option.
#[test]
fn values() {
    let root = Root::new();
    for args in [
        &["-S=6.1", "-d/x", "-q", "m"][..],
        &["-S", "-d", "m"],
        &["-S", "--", "m"],
        &["--set-version", "--", "m"],
        &["--set-version=", "m"],
        &["--set=a=b", "m"],
        &["-vS6.1", "m"],
        &["m", "-S"],
        &["m", "--set-version"],
        &["-w", "junk", "--bogus"],
        &["--bogus", "-w", "junk"],
    ] {
        let run = Run::new("modprobe").args(args).inside(&root);
        same(|side| judge(&run, side));
    }
    let value = OsStr::from_bytes(b"\xff\xfe");
    let run = Run::new("modprobe").arg("-S").arg(value).arg("m").inside(&root);
    let (code, message, _) = same(|side| judge(&run, side));
    assert_eq!(code, 1);
    assert!(message.contains("/lib/modules/\\xff\\xfe"), "{message}");
}

/// Returns a random argument of the kind that a user might type.
fn argument(random: &mut Random, names: &[String]) -> OsString {
    const LETTERS: &[u8] = b"aAbBcCdDeEfFhiIklmnoprRsSuvVwx0:?=-";
    const WORDS: [&str; 9] = ["operand", "", "-", "x=y", "human", "devname", "5", "--bogus", "---"];
    let name = random.one_of(names).clone();
    let prefix = name[..=random.below(name.len())].to_owned();
    match random.below(8) {
        0 => format!("--{name}").into(),
        1 => format!("--{prefix}").into(),
        2 => format!("--{prefix}={}", random.one_of(&WORDS)).into(),
        3 => format!("-{}{}", char::from(*random.one_of(LETTERS)), random.one_of(&WORDS)).into(),
        4 | 5 => {
            // The cluster must not be `--`, after which the tool would run.
            let mut cluster = vec![b'-', *random.one_of(&LETTERS[..LETTERS.len() - 1])];
            (0..random.below(3)).for_each(|_| cluster.push(*random.one_of(LETTERS)));
            OsString::from_vec(cluster)
        }
        6 => OsString::from_vec(vec![b'-', *random.one_of(b"\xff\x80av")]),
        _ => random.one_of(&WORDS).into(),
    }
}

/// A few hundred random command lines for each tool, the same ones in each run. They end with two `-h`, the first of
/// which may be consumed as an option's value.
#[test]
fn random_command_lines() {
    for tool in TOOLS {
        let names = long_options(tool);
        let mut random = Random::new(0x05ee_d0f0_c0de);
        for _ in 0..200 {
            let mut run = start(tool);
            for _ in 0..=random.below(4) {
                run = run.arg(argument(&mut random, &names));
            }
            let run = run.args(["-h", "-h"]);
            same(|side| judge(&run, side));
        }
    }
}
