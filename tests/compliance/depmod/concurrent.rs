//! Several depmods in parallel on a tree that changes, with concurrent readers: none of them may fail.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use oxmod_test_support::{Answer, Fault, Root, Run, Side, on_faulty_disk, sides};

use super::root;

/// The number of changes to the tree, for each number of depmods.
const ROUNDS: usize = 25;

/// A tree in which two modules, only one of which exists at any time, take turns in having an alias.
struct Tree {
    root: Root,
    /// The number of other modules.
    others: usize,
}

impl Tree {
    fn new() -> Self {
        let tree = Self { root: root(), others: 120 };
        tree.root.module("kernel/base.ko", |m| m.export("base_symbol", 7));
        tree.root.module("kernel/top.ko", |m| m.need("base_symbol"));
        for index in 0..tree.others {
            tree.root.module(&format!("kernel/other-{index}.ko"), |m| m.alias(&format!("test:{index}:*")));
        }
        tree.turn(0);
        assert_eq!(tree.depmod().code, 0);
        tree
    }

    fn turn(&self, round: usize) {
        let names = ["left", "right"].map(|side| format!("updates/{side}.ko"));
        let (new, old) = (&names[round % 2], &names[(round + 1) % 2]);
        self.root.module(new, |m| m.alias("test:moved").info("description", "x".repeat(round)));
        let _ = fs::remove_file(self.root.path(self.root.in_modules(old)));
    }

    /// Delays renames, so that readers run in between.
    fn depmod(&self) -> Answer {
        let run = Run::new("depmod").arg("-b").arg(self.root.path("")).arg(self.root.release());
        on_faulty_disk(&run, Side::Ours, Fault::Slow(3)).0
    }

    fn modprobe(&self, args: &[&str], side: Side) -> Answer {
        let run =
            Run::new("modprobe").arg("-d").arg(self.root.path("")).args(["-S", self.root.release(), "-C"]);
        run.arg(self.root.path("none")).args(args).on(side)
    }

    /// Asks one of the questions, and describes what is wrong with the answer, if anything.
    fn read(&self, number: usize, side: Side) -> Option<String> {
        let index = format!("test:{}:x", number % self.others);
        let (args, right) = match number % 3 {
            // The reference cannot read a set consistently, and so may not find the module that has the alias.
            0 if side == Side::Ours => {
                (["-R", "test:moved"], vec!["left\n".to_owned(), "right\n".to_owned()])
            }
            1 => (["-R", &index], vec![format!("other_{}\n", number % self.others)]),
            _ => {
                let dir = format!("{}/lib/modules/{}", self.root.path("").display(), self.root.release());
                let lines = ["base", "top"].map(|name| format!("insmod {dir}/kernel/{name}.ko \n"));
                (["-D", "top"], vec![lines.concat()])
            }
        };
        let answer = self.modprobe(&args, side);
        let fine = answer.code == 0 && answer.stderr.is_empty() && right.contains(&answer.stdout_text());
        (!fine).then(|| format!("{side:?} {args:?}: {answer:?}"))
    }
}

fn run_concurrently(depmods: usize) {
    if !sides().contains(&Side::Ours) {
        return;
    }
    let tree = Tree::new();
    let (over, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
    let reader = |side: Side| {
        let mut wrong = Vec::new();
        while !over.load(Ordering::Relaxed) {
            wrong.extend(tree.read(reads.fetch_add(1, Ordering::Relaxed), side));
        }
        wrong
    };
    let wrong: Vec<String> = thread::scope(|scope| {
        let readers =
            [Side::Ours, Side::Ours, Side::Theirs].into_iter().filter(|side| sides().contains(side));
        let readers: Vec<_> = readers.map(|side| scope.spawn(move || reader(side))).collect();
        let mut wrong = Vec::new();
        for round in 1..=ROUNDS {
            tree.turn(round);
            let writers: Vec<_> = (0..depmods).map(|_| scope.spawn(|| tree.depmod())).collect();
            let answers = writers.into_iter().map(|writer| writer.join().unwrap());
            wrong.extend(
                answers
                    .filter(|answer| answer.triple() != (0, String::new(), String::new()))
                    .map(|answer| format!("{answer:?}")),
            );
        }
        over.store(true, Ordering::Relaxed);
        wrong.extend(readers.into_iter().flat_map(|reader| reader.join().unwrap()));
        wrong
    });
    let reads = reads.into_inner();
    println!("{depmods} depmods, {ROUNDS} times: {reads} reads, {} failures", wrong.len());
    assert!(wrong.is_empty(), "{} of {reads}: {}", wrong.len(), wrong[0]);
    assert!(reads > 200, "{reads}");
    // In the end, the indexes must correspond to the tree.
    let fresh = Root::new();
    let run =
        Run::new("depmod").arg("--full").arg("-b").arg(tree.root.path("")).arg("-o").arg(fresh.path(""));
    assert_eq!(run.arg(tree.root.release()).on(Side::Ours).code, 0);
    for (name, bytes) in fresh.snapshot(fresh.in_modules("")) {
        let there = fs::read(tree.root.path(tree.root.in_modules("")).join(&name)).unwrap();
        assert!(there == bytes || name.ends_with("modules.oxmod.bin"), "{}", name.display());
    }
}

#[test]
fn two_depmods_with_readers() {
    run_concurrently(2);
}

#[test]
fn eight_depmods_with_readers() {
    run_concurrently(8);
}
