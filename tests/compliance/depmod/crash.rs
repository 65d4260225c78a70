//! Interrupted runs: depmod is killed at each call that changes the disk, runs out of space, or gets I/O errors.
//! After each the indexes must be consistent, readers must keep working, and the next run must repair everything.
//!
//! `cargo test --test compliance -- --nocapture depmod::crash` prints the counts.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use oxmod_test_support::{Answer, Fault, Root, Run, Side, kernels, on_faulty_disk, sides};

use super::cache::CACHE;

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// btrfs and its dependencies from a real kernel. The tree is indexed and then changed so that every index changes:
/// a module is replaced by another one, which has the alias of the first.
struct Scene {
    root: Root,
    old: Files,
    new: Files,
}

/// The questions that readers ask. Our tools must answer according to the old or the new set; the reference is asked
/// only the first one.
const QUESTIONS: [&[&str]; 4] = [
    &["modprobe", "-D", "btrfs"],
    &["modprobe", "-D", "test:moved"],
    &["modprobe", "-R", "test:moved"],
    &["modinfo", "-n", "btrfs"],
];

impl Scene {
    fn new() -> Self {
        let root = Root::new();
        let kernels = kernels();
        let kernel = kernels.first().expect("no real kernels here: run scripts/lab");
        let dir = kernel.root.join("lib/modules").join(&kernel.release);
        let listed = fs::read_to_string(dir.join("modules.dep")).unwrap();
        let line = listed.lines().find(|line| line.starts_with("kernel/fs/btrfs/btrfs.ko:")).unwrap();
        let paths: Vec<&str> = line.split([':', ' ']).filter(|path| !path.is_empty()).collect();
        assert!(paths.len() > 4, "{line}");
        for path in paths {
            root.file(root.in_modules(path), fs::read(dir.join(path)).unwrap());
        }
        root.file(root.in_modules("modules.order"), "kernel/fs/btrfs/btrfs.ko\n");
        let builtin = |name: &str| {
            root.file(root.in_modules("modules.builtin"), format!("kernel/{name}.ko\n"));
            root.file(root.in_modules("modules.builtin.modinfo"), format!("{name}.alias=of-{name}\0"));
        };
        builtin("ext4");
        root.module("updates/before.ko", |m| {
            m.alias("test:moved").alias("devname:before").alias("char-major-1-2")
        });
        let depmod = |out: &Path| {
            let run = Run::new("depmod").arg("-b").arg(root.path("")).arg("-o").arg(out).arg(root.release());
            assert_eq!(run.on(Side::Ours).triple(), (0, String::new(), String::new()));
        };
        depmod(&root.path(""));
        let old = made(&root);
        builtin("xfs");
        root.module("updates/after.ko", |m| {
            let m = m
                .alias("test:moved")
                .alias("devname:after")
                .alias("char-major-1-3")
                .export("after_symbol", 7);
            m.info("softdep", "pre: xor").info("weakdep", "xor")
        });
        fs::remove_file(root.path(root.in_modules("updates/before.ko"))).unwrap();
        // The output goes to another directory, so that the tree keeps the old set.
        let elsewhere = Root::new();
        depmod(&elsewhere.path(""));
        let new = made(&elsewhere);
        assert_eq!((old.len(), new.len()), (12, 12));
        assert!(old.iter().all(|(name, bytes)| new[name] != *bytes), "all files change");
        Self { root, old, new }
    }

    fn dir(&self) -> PathBuf {
        self.root.path(self.root.in_modules(""))
    }

    /// Restores the old set, with modification times an hour ago, and removes everything else.
    fn restore(&self) {
        let dir = self.dir();
        for name in hidden(&self.root) {
            fs::remove_dir_all(dir.join(&name)).or_else(|_| fs::remove_file(dir.join(name))).unwrap();
        }
        for (name, bytes) in &self.old {
            let path = dir.join(name);
            let _ = fs::remove_file(&path);
            fs::write(&path, bytes).unwrap();
            let time = SystemTime::now() - Duration::from_hours(1);
            File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        }
    }

    fn depmod(&self) -> Run {
        Run::new("depmod").arg("-b").arg(self.root.path("")).arg(self.root.release())
    }

    fn ask(&self, question: &[&str], side: Side) -> Answer {
        let dir = if question[0] == "modprobe" { "-d" } else { "-b" };
        let version = if question[0] == "modprobe" { "-S" } else { "-k" };
        let run = Run::new(question[0]).arg(dir).arg(self.root.path("")).args([version, self.root.release()]);
        // Use no configuration other than what depmod wrote.
        let run = if question[0] == "modprobe" { run.arg("-C").arg(self.root.path("none")) } else { run };
        run.args(&question[1..]).on(side)
    }

    /// Returns the answers of the readers, ours first.
    fn answers(&self) -> Vec<Answer> {
        let ours = QUESTIONS.iter().map(|question| self.ask(question, Side::Ours));
        let sides = sides().iter().filter(|&&side| side == Side::Theirs);
        ours.chain(sides.map(|&side| self.ask(QUESTIONS[0], side))).collect()
    }

    /// Checks that each file is either the old or the new one, and returns the number of new ones.
    fn whole(&self, what: &str) -> usize {
        let there = made(&self.root);
        for (name, bytes) in &there {
            let known = *bytes == self.old[name] || *bytes == self.new[name];
            // The cache may be incomplete, since its readers detect that.
            assert!(known || name == Path::new(CACHE), "{what}: {} is neither old nor new", name.display());
        }
        assert!(there.len() >= 11, "{what}: {:?}", there.keys());
        there.iter().filter(|(name, bytes)| **bytes == self.new[*name]).count()
    }
}

/// Returns the files that depmod wrote in a tree.
fn made(root: &Root) -> Files {
    let lists = ["modules.order", "modules.builtin", "modules.builtin.modinfo"].map(Path::new);
    let is_made = |name: &Path| name.to_string_lossy().starts_with("modules.") && !lists.contains(&name);
    let dir = root.path(root.in_modules(""));
    let names = fs::read_dir(&dir).unwrap().flatten().map(|entry| PathBuf::from(entry.file_name()));
    names.filter(|name| is_made(name)).map(|name| (name.clone(), fs::read(dir.join(name)).unwrap())).collect()
}

/// Returns the names in the module directory that begin with a dot.
fn hidden(root: &Root) -> Vec<String> {
    let entries = fs::read_dir(root.path(root.in_modules(""))).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('.')).collect()
}

/// The outcomes of the runs with one kind of fault.
#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    /// Runs after which all indexes were old, all were new, or some of each.
    old: usize,
    new: usize,
    mixed: usize,
    /// Runs that reported failure.
    failed: usize,
}

/// The two correct sets of answers, before and after.
struct Right([Vec<Answer>; 2]);

impl Right {
    fn of(scene: &Scene) -> Self {
        scene.restore();
        let before = scene.answers();
        let answer = scene.depmod().on(Side::Ours);
        assert_eq!(answer.code, 0, "{answer:?}");
        let after = scene.answers();
        assert!(before.iter().chain(&after).all(|answer| answer.code == 0 && answer.stderr.is_empty()));
        assert_ne!(before[1], after[1]);
        assert_eq!(before[0], after[0]);
        Self([before, after])
    }

    fn contains(&self, answers: &[Answer]) -> bool {
        self.0.iter().any(|right| right == answers)
    }
}

/// Runs depmod with `fault` and checks the result. Returns whether it was killed, and the calls that it made.
fn trial(scene: &Scene, right: &Right, fault: Fault, tally: &mut Tally) -> (bool, Vec<String>) {
    let (answer, calls) = on_faulty_disk(&scene.depmod(), Side::Ours, fault);
    let what = format!("{fault:?} after {:?}", calls.last());
    let new = scene.whole(&what);
    tally.runs += 1;
    tally.failed += usize::from(answer.code != 0);
    // The cache does not count as an index.
    let indexes = made(&scene.root)
        .iter()
        .filter(|(name, bytes)| *name != Path::new(CACHE) && **bytes == scene.new[*name])
        .count();
    match indexes {
        0 => tally.old += 1,
        11 => tally.new += 1,
        _ => tally.mixed += 1,
    }
    match fault {
        Fault::Kill(_) | Fault::Tear(_) => assert!([0, 137].contains(&answer.code), "{what}: {answer:?}"),
        _ => {
            let lines = answer.stderr_text().lines().count();
            assert!(answer.code == 0 && lines <= 1 || answer.code == 1 && lines == 1, "{what}: {answer:?}");
        }
    }
    // A run that reports success must have written all indexes; only the cache may be missing.
    assert!(answer.code != 0 || indexes == 11, "{what}: {new} new files, {answer:?}");
    let answers = scene.answers();
    assert!(right.contains(&answers), "{what}: {answers:?}");
    (answer.code == 137, calls)
}

/// Checks that the next run results in exactly the new set.
fn repair(scene: &Scene, what: &str) {
    let answer = scene.depmod().on(Side::Ours);
    assert_eq!(answer.triple(), (0, String::new(), String::new()), "{what}");
    let mut there = made(&scene.root);
    assert!(there.remove(Path::new(CACHE)).is_some());
    assert!(there.iter().all(|(name, bytes)| *bytes == scene.new[name]) && there.len() == 11, "{what}");
    assert_eq!(hidden(&scene.root), [""; 0], "{what}");
}

fn counts(calls: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.split(' ').next().unwrap()).or_default() += 1;
    }
    counts
}

fn on_ours(test: impl FnOnce(&Scene, &Right, &[String])) {
    if !sides().contains(&Side::Ours) {
        return;
    }
    let scene = Scene::new();
    let right = Right::of(&scene);
    scene.restore();
    let (_, calls) = trial(&scene, &right, Fault::None, &mut Tally::default());
    assert!(calls.len() > 50 && counts(&calls)["fsync"] > 12, "{calls:?}");
    test(&scene, &right, &calls);
}

/// Injects each of these faults into a run that starts from the old set.
fn each_from_the_old_set(
    name: &str,
    scene: &Scene,
    right: &Right,
    faults: impl Iterator<Item = Fault>,
) -> Tally {
    let mut tally = Tally::default();
    for fault in faults {
        scene.restore();
        trial(scene, right, fault, &mut tally);
        repair(scene, &format!("{fault:?}"));
    }
    println!("{name}: {tally:?}");
    tally
}

#[test]
fn killed_at_every_call() {
    on_ours(|scene, right, calls| {
        println!("calls of a run: {:?}", counts(calls));
        let tally = each_from_the_old_set("killed", scene, right, (1..=calls.len()).map(Fault::Kill));
        assert!(tally.old > 20 && tally.mixed >= 10 && tally.new > 2, "{tally:?}");
        let writes = (1..=calls.len()).filter(|&at| calls[at - 1].starts_with("write"));
        let tally = each_from_the_old_set("killed within a write", scene, right, writes.map(Fault::Tear));
        assert!(tally.runs >= 12 && tally.old >= 11, "{tally:?}");
    });
}

/// A run that finds a partly published set is killed, too, at each call.
#[test]
fn killed_during_a_repair() {
    on_ours(|scene, right, calls| {
        let renames: Vec<usize> =
            (1..=calls.len()).filter(|&at| calls[at - 1].starts_with("rename modules.")).collect();
        let mut tally = Tally::default();
        for first in [renames[0], renames[5]] {
            for at in 1.. {
                scene.restore();
                trial(scene, right, Fault::Kill(first), &mut Tally::default());
                let killed = trial(scene, right, Fault::Kill(at), &mut tally).0;
                repair(scene, &format!("killed at {first}, then at {at}"));
                if !killed {
                    break;
                }
            }
        }
        println!("killed in a repair: {tally:?}");
        assert!(tally.runs > 20 && tally.mixed > 10, "{tally:?}");
    });
}

#[test]
fn no_room_from_any_call_on() {
    on_ours(|scene, right, calls| {
        for (name, errno) in
            [("no room", libc::ENOSPC), ("over quota", libc::EDQUOT), ("too large", libc::EFBIG)]
        {
            let faults = (1..=calls.len()).map(|at| Fault::Full(at, errno));
            let tally = each_from_the_old_set(name, scene, right, faults);
            assert!(tally.failed > 20 && tally.failed == tally.old && tally.mixed == 0, "{tally:?}");
        }
    });
}

/// A single error, and a disk on which all further calls fail or that becomes read-only.
#[test]
fn errors_of_the_disk() {
    on_ours(|scene, right, calls| {
        let all = || 1..=calls.len();
        let tally =
            each_from_the_old_set("one error", scene, right, all().map(|at| Fault::Once(at, libc::EIO)));
        assert!(tally.failed > 35 && tally.mixed > 8, "{tally:?}");
        for (name, errno) in [("dead", libc::EIO), ("read-only", libc::EROFS)] {
            let tally = each_from_the_old_set(name, scene, right, all().map(|at| Fault::Dead(at, errno)));
            assert!(tally.failed > 45 && tally.mixed > 8, "{tally:?}");
        }
    });
}

/// Without locks, depmod continues and also completes an interrupted publication.
#[test]
fn on_a_file_system_without_locks() {
    on_ours(|scene, right, calls| {
        let lock = calls.iter().position(|call| call.starts_with("flock")).unwrap() + 1;
        let last = calls.iter().rposition(|call| call.starts_with("rename modules.devname")).unwrap() + 1;
        for at in [1, last] {
            scene.restore();
            trial(scene, right, Fault::Kill(at), &mut Tally::default());
            let mut tally = Tally::default();
            trial(scene, right, Fault::Once(lock, libc::ENOLCK), &mut tally);
            assert_eq!((tally.new, tally.failed), (1, 0));
            assert_eq!(hidden(&scene.root), [""; 0]);
        }
    });
}

/// In a tree without indexes, a killed run leaves either no indexes or new ones.
#[test]
fn killed_in_the_first_run() {
    on_ours(|scene, _, _| {
        let mut tally = Tally::default();
        for at in 1.. {
            scene.restore();
            for name in scene.old.keys() {
                fs::remove_file(scene.dir().join(name)).unwrap();
            }
            // An empty cache makes depmod write one.
            fs::write(scene.dir().join(CACHE), "").unwrap();
            let (answer, calls) = on_faulty_disk(&scene.depmod(), Side::Ours, Fault::Kill(at));
            let mut there = made(&scene.root);
            there.remove(Path::new(CACHE));
            let what = format!("{at}: {:?}", calls.last());
            assert!(there.iter().all(|(name, bytes)| *bytes == scene.new[name]), "{what}");
            tally.runs += 1;
            tally.old += usize::from(there.is_empty());
            tally.mixed += usize::from((1..11).contains(&there.len()));
            // Our reader sees the set as soon as it is complete.
            let counts = !there.is_empty() || scene.dir().join(".modules-new").exists();
            assert_eq!(scene.ask(QUESTIONS[0], Side::Ours).code == 0, counts, "{what}");
            repair(scene, &what);
            if answer.code != 137 {
                break;
            }
        }
        println!("killed in the first run: {tally:?}");
        assert!(tally.old > 30 && tally.mixed > 8, "{tally:?}");
    });
}

/// If kmod runs after one of our runs was killed halfway, the indexes written by kmod take precedence.
#[test]
fn kmod_after_a_crash() {
    on_ours(|scene, right, calls| {
        let middle = calls.iter().position(|call| call == "rename modules.symbols.bin").unwrap() + 1;
        scene.restore();
        trial(scene, right, Fault::Kill(middle), &mut Tally::default());
        assert_eq!(hidden(&scene.root), [".modules-new"]);
        let renamed = |from: &str, to: &str| {
            let [from, to] = [from, to].map(|name| scene.dir().join(name));
            fs::rename(from, to).unwrap();
        };
        renamed("updates/after.ko", "updates/third.ko");
        let theirs = sides().contains(&Side::Theirs);
        let answer = scene.depmod().on(if theirs { Side::Theirs } else { Side::Ours });
        assert_eq!(answer.code, 0, "{answer:?}");
        assert_eq!(hidden(&scene.root).is_empty(), !theirs);
        let answer = scene.ask(QUESTIONS[2], Side::Ours);
        assert_eq!(answer.triple(), (0, "third\n".into(), String::new()));
        renamed("updates/third.ko", "updates/after.ko");
        repair(scene, "after kmod");
    });
}
