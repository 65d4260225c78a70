//! Binary indexes with one wrong byte, at every offset: each result is right, or there is none.
//!
//! The bytes of keys, values and priorities are exempt, because changes of them cannot be detected. A separate reader in
//! this file finds them.

#[path = "random_tests.rs"]
mod random;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::*;
use crate::formats::index::IndexBuilder;
use crate::notice::testing::Recorder;

const DEP: &str = "kernel/alpha.ko:\nkernel/bravo.ko: kernel/alpha.ko\nextra/charlie-x.ko.xz: kernel/bravo.ko kernel/alpha.ko\n\
    kernel/delta.ko: extra/charlie-x.ko.xz kernel/bravo.ko kernel/alpha.ko\nkernel/alphabet.ko: kernel/delta.ko\nkernel/foxtrot.ko:\n";

const ALIAS: &str = "alias pci:v00008086d000010D3sv*sd*bc* alpha\nalias pci:v00008086d000010F5sv*sd*bc* bravo\n\
    alias pci:v000010ECd00008168sv*sd*bc* charlie_x\nalias pci:v*d*sv*sd*bc0C* delta\nalias fs-first foxtrot\nalias fs-first-second delta\n\
    alias net-pf-10 alphabet\nalias net-pf-1? foxtrot\nalias usb:v1D6Bp* alpha\n";

const SYMBOLS: &str = "alias symbol:alpha_one alpha\nalias symbol:alpha_one_more alphabet\nalias symbol:bravo_two bravo\n\
    alias symbol:charlie_three charlie_x\n";

const BUILTIN: &str = "kernel/india.ko\nkernel/juliett.ko\nkernel/indian-summer.ko\n";

/// A group of lookups; returns the results, which are names of modules, or paths.
type Query = fn(&Context) -> Vec<String>;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn lines_of(context: &Context) -> Vec<String> {
    let names = ["alpha", "bravo", "charlie_x", "delta", "alphabet", "foxtrot", "alph", "alphabeta", "zulu"];
    let line = |name: &str| context.checked_dep(name.as_bytes()).map(|dep| text(dep.line()));
    names.iter().filter_map(|name| line(name)).collect()
}

/// Returns the names of the modules in a line, without directories.
fn names(line: &str) -> Vec<&str> {
    let path = |word: &'_ str| word.rfind('/').map_or(0, |slash| slash + 1);
    line.split(' ').map(|word| word[path(word)..].split('.').next().unwrap_or_default()).collect()
}

fn looked_up(context: &Context, keys: &[&str]) -> Vec<String> {
    let found = |key: &&str| {
        let found = context.lookup(key.as_bytes()).unwrap().into_iter();
        found
            .map(|module| format!("{key} {}{}", module.name, if module.builtin { " built in" } else { "" }))
            .collect::<Vec<_>>()
    };
    keys.iter().flat_map(found).collect()
}

const ALIASES: Query = |context| {
    looked_up(
        context,
        &[
            "pci:v00008086d000010D3sv00001028sd00000000bc0Csc03i30",
            "pci:v00008086d000010F5sv00001028sd00000000bc02sc00i00",
            "pci:v000010ECd00008168sv00001028sd00000000bc02sc00i00",
            "pci:v00001111d00008168sv00001028sd00000000bc02sc00i00",
            "fs-first",
            "fs-first-second",
            "net-pf-10",
            "net-pf-19",
            "usb:v1D6Bp0002",
            "usb:v1D6C",
        ],
    )
};

const SYMBOL_NAMES: Query = |context| {
    looked_up(
        context,
        &[
            "symbol:alpha_one",
            "symbol:alpha_one_more",
            "symbol:bravo_two",
            "symbol:charlie_three",
            "symbol:x",
        ],
    )
};

/// Modules that have a file must never be found to be built in.
const BUILTIN_NAMES: Query = |context| {
    let names =
        ["india", "juliett", "indian_summer", "indian", "alpha", "bravo", "charlie_x", "delta", "foxtrot"];
    names.iter().filter(|name| context.is_builtin(name.as_bytes())).map(|name| (*name).to_owned()).collect()
};

struct Trial {
    file: &'static str,
    query: Query,
    /// Whether keys contain wildcards: strings after a wildcard are checked less strictly.
    wild: bool,
}

const TRIALS: [Trial; 4] = [
    Trial { file: "modules.dep.bin", query: lines_of, wild: false },
    Trial { file: "modules.alias.bin", query: ALIASES, wild: true },
    Trial { file: "modules.symbols.bin", query: SYMBOL_NAMES, wild: false },
    Trial { file: "modules.builtin.bin", query: BUILTIN_NAMES, wild: false },
];

/// Writes the four texts and indexes, and an empty index of built-in aliases.
fn fill(dir: &Path) {
    for (name, kind, text) in [
        ("modules.dep", IndexKind::Dep, DEP),
        ("modules.alias", IndexKind::Alias, ALIAS),
        ("modules.symbols", IndexKind::Symbol, SYMBOLS),
        ("modules.builtin", IndexKind::Builtin, BUILTIN),
    ] {
        fs::write(dir.join(name), text).unwrap();
        fs::write(dir.join(format!("{name}.bin")), index_of_text(kind, text.as_bytes()).unwrap()).unwrap();
    }
    fs::write(dir.join("modules.builtin.alias.bin"), IndexBuilder::default().write().unwrap()).unwrap();
}

/// Runs a query. Returns the results and the number of notices.
fn run(dir: &Path, query: Query) -> (Vec<String>, usize) {
    let (notices, sink) = Recorder::new(|_| ());
    let answer = query(&Context::with_config(dir.to_path_buf(), Config::default(), &sink));
    (answer, notices.take().len())
}

/// Returns the offsets of the letters of keys and values, and of the bytes of priorities.
fn contents(index: &[u8]) -> BTreeSet<usize> {
    let be32 = |at: usize| u32::from_be_bytes(index[at..at + 4].try_into().unwrap());
    let string = |at: usize| at..at + index[at..].iter().position(|&byte| byte == 0).unwrap();
    let (mut found, mut pending) = (BTreeSet::new(), vec![be32(8)]);
    while let Some(reference) = pending.pop() {
        let mut at = (reference & 0x0fff_ffff) as usize;
        if reference & 0x8000_0000 != 0 {
            found.extend(string(at));
            at = string(at).end + 1;
        }
        if reference & 0x2000_0000 != 0 {
            let width = usize::from(index[at + 1] - index[at]) + 1;
            pending.extend((0..width).map(|child| be32(at + 2 + 4 * child)).filter(|&child| child != 0));
            at += 2 + 4 * width;
        }
        if reference & 0x4000_0000 != 0 {
            let count = be32(at);
            at += 4;
            for _ in 0..count {
                found.extend(at..at + 4);
                found.extend(string(at + 4));
                at = string(at + 4).end + 1;
            }
        }
    }
    found
}

#[test]
fn one_wrong_byte() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    fill(dir);
    for Trial { file, query, wild } in TRIALS {
        let path = dir.join(file);
        let sound = fs::read(&path).unwrap();
        let contents = contents(&sound);
        let (right, notices) = run(dir, query);
        assert_eq!(notices, 0);
        let index = fs::File::options().write(true).open(&path).unwrap();
        let (mut total_notices, mut different) = (0, 0);
        for (at, &old) in sound.iter().enumerate() {
            for change in [0x01, 0x02, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff, old]
                .into_iter()
                .filter(|&change| change != 0)
            {
                let new = old ^ change;
                index.write_all_at(&[new], at as u64).unwrap();
                let (answer, notices) = run(dir, query);
                let case = || format!("{file}: byte {at:#x} changed from {old:#x} to {new:#x}");
                assert!(notices <= 1, "{}: {notices} notices", case());
                total_notices += notices;
                let is_content = contents.contains(&at);
                if is_content && file != "modules.alias.bin" && file != "modules.symbols.bin" {
                    let right: Vec<_> = right.iter().map(|item| names(item)).collect();
                    let wrong: Vec<_> = answer.iter().filter(|item| !right.contains(&names(item))).collect();
                    assert!(wrong.is_empty(), "{}: {wrong:?}", case());
                }
                if !is_content {
                    let string = wild && (old == 0 || new == 0);
                    let complete =
                        answer == right || (string && answer.iter().all(|item| right.contains(item)));
                    assert!(complete, "{}: {answer:?} instead of {right:?}", case());
                }
                different += usize::from(answer != right);
            }
            index.write_all_at(&[old], at as u64).unwrap();
        }
        println!("{file}: {} bytes, {total_notices} notices, {different} different results", sound.len());
        assert!(total_notices > sound.len());
    }
}

#[test]
fn every_truncation() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    fill(dir);
    for Trial { file, query, .. } in TRIALS {
        let path = dir.join(file);
        let sound = fs::read(&path).unwrap();
        let (right, _) = run(dir, query);
        let index = fs::File::options().write(true).open(&path).unwrap();
        for len in (0..sound.len()).rev() {
            index.set_len(len as u64).unwrap();
            assert_eq!(run(dir, query), (right.clone(), 1), "{file} truncated to {len} bytes");
        }
        fs::write(&path, &sound).unwrap();
    }
}

/// If a lookup finds that open files are from different sets, all files are opened again.
#[test]
fn a_new_set_is_published_between_two_lookups() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    fill(dir);
    let (notices, sink) = Recorder::new(|_| ());
    let context = Context::with_config(dir.to_path_buf(), Config::default(), &sink);
    let replace = |name: &str| {
        for (file, kind, text) in
            [("modules.dep", IndexKind::Dep, DEP), ("modules.alias", IndexKind::Alias, ALIAS)]
        {
            let text = text.replace("foxtrot", name);
            fs::write(dir.join("new"), index_of_text(kind, text.as_bytes()).unwrap()).unwrap();
            fs::rename(dir.join("new"), dir.join(format!("{file}.bin"))).unwrap();
            fs::write(dir.join(file), text).unwrap();
        }
    };
    assert_eq!(looked_up(&context, &["foxtrot"]), ["foxtrot foxtrot"]);
    replace("golf");
    assert_eq!(looked_up(&context, &["fs-first", "golf", "foxtrot"]), ["fs-first golf", "golf golf"]);
    // Now both files are open and consistent, so a newer set does not matter.
    replace("hotel");
    assert_eq!(looked_up(&context, &["fs-first", "golf", "hotel"]), ["fs-first golf", "golf golf"]);
    assert!(notices.take().is_empty());
}
