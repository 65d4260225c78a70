//! Every module of the real kernels, with our modprobe and the reference.
//!
//! Skipped with a message if there is no kernel or no reference; `scripts/lab` downloads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use oxmod_test_support::{Answer, Kernel, Random, Run, Side, exhaustive, kernels, reference, same, sides};
use tempfile::TempDir;

use super::{plain_messages, with_softdep_blank, without_repetitions};

/// A kernel with indexes made by the reference if it is installed, otherwise by our depmod.
struct Indexed {
    dir: TempDir,
    release: String,
}

impl Indexed {
    fn new(kernel: &Kernel) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) =
            [&kernel.root, dir.path()].map(|root| root.join("lib/modules").join(&kernel.release)).into();
        fs::create_dir_all(&to).unwrap();
        symlink(from.join("kernel"), to.join("kernel")).unwrap();
        for name in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
        let side = if reference().is_some() { Side::Theirs } else { Side::Ours };
        let answer = Run::new("depmod").arg("-b").arg(dir.path()).arg(&kernel.release).on(side);
        assert_eq!(answer.code, 0, "{answer:?}");
        Self { dir, release: kernel.release.clone() }
    }

    fn modprobe(&self) -> Run {
        Run::new("modprobe").args(["-C", "/dev/null", "-S", &self.release, "-d"]).arg(self.dir.path())
    }

    /// Joins the lines of each module in modules.softdep into one line, which both sides interpret the way our
    /// modprobe interprets several lines. Returns the modules that had several lines.
    fn merge_softdeps(&self) -> Vec<String> {
        let text = self.text("modules.softdep");
        let mut merged: BTreeMap<&str, (usize, [Vec<&str>; 2])> = BTreeMap::new();
        for line in text.lines().filter_map(|line| line.strip_prefix("softdep ")) {
            let mut words = line.split_whitespace();
            let (lines, lists) = merged.entry(words.next().unwrap()).or_default();
            *lines += 1;
            let mut list = None;
            for word in words {
                match (word, list) {
                    ("pre:", _) => list = Some(0),
                    ("post:", _) => list = Some(1),
                    (name, Some(list)) => lists[list].push(name),
                    // Names before the first `pre:` or `post:` are ignored.
                    (_, None) => {}
                }
            }
        }
        let lines = merged.iter().map(|(module, (_, [pre, post]))| {
            format!("softdep {module} pre: {} post: {}\n", pre.join(" "), post.join(" "))
        });
        self.write("modules.softdep", &lines.collect::<String>());
        let several = merged.iter().filter(|(_, (lines, _))| *lines > 1);
        several.map(|(module, _)| (*module).to_owned()).collect()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join("lib/modules").join(&self.release).join(name), text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join("lib/modules").join(&self.release).join(name)).unwrap()
    }

    /// Returns the paths of all modules, relative to the module directory.
    fn modules(&self) -> Vec<String> {
        self.text("modules.dep").lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect()
    }
}

fn with_each_kernel(check: impl Fn(&Indexed)) {
    if sides().contains(&Side::Theirs) && reference().is_none() || kernels().is_empty() {
        eprintln!("skipped: no real kernels or no reference, run scripts/lab");
        return;
    }
    for kernel in kernels() {
        check(&Indexed::new(&kernel));
    }
}

/// Runs each command line on both sides, two in parallel, and asserts that the answers are equal after `tidy`.
/// Returns the number of lines of standard output.
fn all_same(runs: &[Run], tidy: impl Fn(Side, Answer) -> Answer + Sync) -> usize {
    let (next, lines) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(run) = runs.get(next.fetch_add(1, Relaxed)) {
                    let answers: Vec<Answer> = sides().iter().map(|&side| tidy(side, run.on(side))).collect();
                    let (first, rest) = answers.split_first().unwrap();
                    lines.fetch_add(first.stdout_text().lines().count(), Relaxed);
                    if let Some(other) = rest.iter().find(|other| *other != first) {
                        failures.lock().unwrap().push(format!("{run:?}\nours: {first:?}\ntheirs: {other:?}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} differ, such as {}", failures.len(), runs.len(), failures[0]);
    lines.into_inner()
}

#[test]
fn dependencies_of_every_module() {
    with_each_kernel(|kernel| {
        let modules = kernel.modules();
        let name = |path: &String| path.rsplit('/').next().unwrap().split('.').next().unwrap().to_owned();
        let step = if exhaustive() { 1 } else { 3 };
        let runs = modules.iter().step_by(step).map(|path| kernel.modprobe().args(["-D", &name(path)]));
        let runs: Vec<Run> = runs.collect();
        // Listed difference: the softdep lines of a module are joined.
        let lines = kernel.text("modules.softdep");
        let several = kernel.merge_softdeps();
        let plans = || -> Vec<Answer> {
            several.iter().map(|name| kernel.modprobe().args(["-D", name]).on(Side::Ours)).collect()
        };
        let merged = plans();
        kernel.write("modules.softdep", &lines);
        assert!(several.len() >= 3 && plans() == merged, "{several:?}");
        kernel.merge_softdeps();
        let repeated = Mutex::new(BTreeSet::new());
        let lines = all_same(&runs, |side, answer| {
            let (answer, dropped) = without_repetitions(side, answer);
            if dropped > 0 {
                repeated.lock().unwrap().insert(answer.stdout_text());
            }
            answer
        });
        let repeated = repeated.into_inner().unwrap().len();
        eprintln!(
            "{}: {} modules, {lines} lines, {repeated} with repetitions in theirs",
            kernel.release,
            runs.len()
        );
        assert!(runs.len() > 4000 / step && lines > 2 * runs.len());
        if sides().contains(&Side::Theirs) {
            // Few modules have a soft dependency that is also a dependency.
            assert!((1..runs.len() / 4).contains(&repeated), "{repeated}");
        }
    });
}

#[test]
fn modules_of_5000_aliases() {
    with_each_kernel(|kernel| {
        let text = kernel.text("modules.alias");
        let patterns: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("alias ")?.split(' ').next()).collect();
        let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
        let aliases: Vec<String> =
            (0..5000).map(|_| concrete(patterns[random.below(patterns.len())], &mut random)).collect();
        let runs: Vec<Run> =
            aliases.chunks(10).map(|chunk| kernel.modprobe().args(["-R", "-a"]).args(chunk)).collect();
        let lines = all_same(&runs, |_, answer| answer);
        eprintln!("{}: {} aliases, {lines} modules", kernel.release, aliases.len());
        assert!(lines > 4500, "{lines}");
    });
}

#[test]
fn the_whole_configuration() {
    with_each_kernel(|kernel| {
        let run = kernel.modprobe().arg("-c");
        let answer = same(|side| plain_messages(side, with_softdep_blank(side, run.on(side))));
        let lines = answer.stdout_text().lines().count();
        eprintln!("{}: {lines} lines", kernel.release);
        assert!(lines > 30_000, "{lines}");
    });
}

#[test]
fn the_text_files_give_the_same_answers() {
    with_each_kernel(|kernel| {
        let mut random = Random::new(1);
        let text = kernel.text("modules.alias");
        let patterns: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("alias ")?.split(' ').next()).collect();
        let mut args: Vec<Vec<String>> = vec![vec!["-c".into()], vec!["-D".into(), "btrfs".into()]];
        let aliases = (0..50).map(|_| concrete(patterns[random.below(patterns.len())], &mut random));
        args.push(
            ["-R", "-a", "bridge", "unix", "fs-ext4"].map(String::from).into_iter().chain(aliases).collect(),
        );
        let ask =
            || -> Vec<_> { args.iter().map(|args| kernel.modprobe().args(args).on(Side::Ours)).collect() };
        let with = ask();
        let dir = kernel.dir.path().join("lib/modules").join(&kernel.release);
        for entry in fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.extension().is_some_and(|extension| extension == "bin") {
                fs::remove_file(entry).unwrap();
            }
        }
        for (with, without) in with.iter().zip(ask()) {
            assert!(with.stdout == without.stdout && with.code == without.code);
            assert!(without.stderr_text().contains("could not use "), "{without:?}");
        }
    });
}

#[test]
fn symbols_of_every_module() {
    with_each_kernel(|kernel| {
        let dir = kernel.dir.path().join("lib/modules").join(&kernel.release);
        let step = if exhaustive() { 1 } else { 8 };
        let modules: Vec<String> = kernel.modules().into_iter().step_by(step).collect();
        let runs: Vec<Run> = modules
            .iter()
            .flat_map(|path| ["--show-exports", "--show-modversions"].map(|option| (option, dir.join(path))))
            .map(|(option, path)| kernel.modprobe().arg(option).arg(path))
            .collect();
        let lines = all_same(&runs, |_, answer| answer);
        eprintln!("{}: {} modules, {lines} symbols", kernel.release, modules.len());
        assert!(lines > 100_000 / step, "{lines}");
    });
}

/// Returns a string that the pattern matches, with wildcards and sets filled in.
fn concrete(pattern: &str, random: &mut Random) -> String {
    let mut bytes = pattern.bytes();
    let mut text = String::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b'*' => (0..random.below(5))
                .for_each(|_| text.push(char::from(*random.one_of(b"0123456789ABCDEFabz-_.")))),
            b'?' => text.push(char::from(*random.one_of(b"0123456789ABCDEF"))),
            b'[' => {
                let set: Vec<u8> = bytes.by_ref().take_while(|&byte| byte != b']').collect();
                let choices: Vec<u8> = match set[..] {
                    [low, b'-', high] => (low..=high).collect(),
                    _ => set.into_iter().filter(|&byte| byte != b'-').collect(),
                };
                text.push(char::from(*random.one_of(&choices)));
            }
            byte => text.push(char::from(byte)),
        }
    }
    text
}
