//! modprobe without a kernel: parsing, lookup and planning. Provides a small tree and normalizes the listed
//! differences that occur in many tests.

mod broken;
mod cmdline;
mod conf_files;
mod config;
mod environment;
mod forbid;
mod jobs;
mod kernels;
mod lookup;
mod plan;
mod show;

use oxmod_test_support::{Answer, RELEASE, Root, Run, Side};

/// Builds a tree with modules `a` to `i` with dependencies, aliases and soft dependencies, two built-in modules, and
/// indexes.
///
/// `b` needs `a`; `c` needs `b` and `a`; `d-x` needs `a`; `e` needs `c` and `d-x`.
pub(crate) fn tree() -> Root {
    let root = Root::new();
    root.module("kernel/a.ko", |m| m.export("sa", 1));
    root.module("kernel/b.ko", |m| m.export("sb", 2).need("sa"));
    root.module("kernel/c.ko", |m| m.export("sc", 3).need("sb").need("sa"));
    root.module("kernel/d-x.ko", |m| m.export("sd", 4).need("sa").alias("pci:v*d1").alias("dd"));
    root.module("kernel/e.ko", |m| {
        m.export("se", 5).need("sc").need("sd").alias("pci:v1d*").info("softdep", "pre: a post: d_x")
    });
    root.module("kernel/f.ko", |m| m);
    root.module("kernel/g.ko", |m| m.info("softdep", "pre: f nosuch post: e"));
    root.module("kernel/h.ko", |m| m);
    root.module("kernel/i.ko", |m| m);
    root.file(root.in_modules("modules.builtin"), "kernel/bi.ko\nkernel/b-j.ko\n");
    root.file(
        root.in_modules("modules.builtin.modinfo"),
        "bi.alias=bial*\0bi.license=GPL\0b_j.alias=b-jal\0",
    );
    let order: String =
        ["a", "b", "c", "d-x", "e", "f", "g", "h", "i"].map(|name| format!("kernel/{name}.ko\n")).concat();
    root.file(root.in_modules("modules.order"), order);
    depmod(&root);
    root.file("proc/cmdline", "quiet\n");
    root
}

/// Writes the indexes of a tree.
pub(crate) fn depmod(root: &Root) {
    let answer = Run::new("depmod").arg(RELEASE).inside(root).on(Side::Ours);
    assert_eq!(answer.code, 0, "{answer:?}");
}

/// Returns a modprobe command line that runs inside a tree, for the tree's kernel.
pub(crate) fn modprobe(root: &Root) -> Run {
    Run::new("modprobe").args(["-S", RELEASE]).inside(root)
}

/// Returns the part of the output of `-c` that comes from the configuration.
pub(crate) fn config_of(side: Side, run: &Run) -> Answer {
    let mut answer = plain_messages(side, run.on(side));
    if let Some(end) = find(&answer.stdout, b"\n# End of configuration files.") {
        answer.stdout.truncate(end);
    }
    answer
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

/// Listed difference: the reference's library reports configuration errors before the tool has set up its messages,
/// so the messages contain the name of a C function instead of the tool's name.
pub(crate) fn plain_messages(side: Side, mut answer: Answer) -> Answer {
    if side == Side::Theirs {
        let lines = answer.stderr.split_inclusive(|&byte| byte == b'\n').map(|line| {
            let text = line.strip_prefix(b"libkmod: ERROR: ").and_then(|rest| {
                let (function, text) = rest.split_at(find(rest, b": ")?);
                let named = function.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_');
                named.then(|| [b"modprobe: ERROR", text].concat())
            });
            text.unwrap_or_else(|| line.to_vec())
        });
        answer.stderr = lines.collect::<Vec<_>>().concat();
    }
    answer
}

/// Listed difference: our dry run does not print a line twice. Returns the number of lines removed from the
/// reference's output.
pub(crate) fn without_repetitions(side: Side, mut answer: Answer) -> (Answer, usize) {
    let mut dropped = 0;
    if side == Side::Theirs {
        let mut seen = std::collections::HashSet::new();
        let lines = answer.stdout.split_inclusive(|&byte| byte == b'\n');
        let mut keep = |line: &&[u8]| {
            let step = [&b"insmod "[..], b"install ", b"builtin "].iter().any(|word| line.starts_with(word));
            let first = !step || seen.insert(line.to_vec());
            dropped += usize::from(!first);
            first
        };
        let kept: Vec<&[u8]> = lines.filter(|line| keep(line)).collect();
        answer.stdout = kept.concat();
    }
    (answer, dropped)
}

/// Listed difference: our `-c` separates the two lists of a soft dependency with a blank.
pub(crate) fn with_softdep_blank(side: Side, mut answer: Answer) -> Answer {
    if side == Side::Theirs {
        let lines = answer.stdout.split_inclusive(|&byte| byte == b'\n').map(|line| {
            let at = find(line, b"post:")
                .filter(|_| line.starts_with(b"softdep ") && find(line, b" pre: ").is_some());
            match at {
                Some(at) => [&line[..at], b" ", &line[at..]].concat(),
                None => line.to_vec(),
            }
        });
        answer.stdout = lines.collect::<Vec<_>>().concat();
    }
    answer
}
