//! Modules in .xz files with several blocks: the answers are the same as for the whole file, but only some blocks
//! are read.

use oxmod_test_support::{Crcs, Module, Root, Run, Side, differs_because, each, same, xz_in_blocks};

const BLOCK: usize = 100_000;

/// Builds a module of several megabytes that does not compress well. Its data is at both ends and crosses block
/// boundaries.
fn large() -> Vec<u8> {
    let mut state = 1_u32;
    let noise: Vec<u8> = (0..1_000_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24).to_le_bytes()[0]
        })
        .collect();
    let module = Module::new().crcs(Crcs::InSection).info("name", "large").info("license", "GPL");
    let module = (0..4000).fold(module.alias("pci:v0*").section(".text.noise", &noise), |module, index| {
        module
            .export(&format!("large_exported_symbol_{index}"), index)
            .need(&format!("needed_symbol_{index}"))
    });
    module.version("needed_symbol_3", 3).build()
}

/// Builds a root with this file as its only module.
fn root(file: &[u8]) -> Root {
    let root = Root::new();
    for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        root.file(root.in_modules(list), "");
    }
    root.file(root.in_modules("kernel/large.ko.xz"), file);
    root
}

fn file_of(root: &Root) -> std::path::PathBuf {
    root.path(root.in_modules("kernel/large.ko.xz"))
}

fn depmod(root: &Root, side: Side) -> (i32, String, String) {
    Run::new("depmod").args(["-n", "-b"]).arg(root.path("")).arg(root.release()).on(side).triple()
}

#[test]
fn results_equal_those_of_the_whole_file() {
    let object = large();
    for size in [BLOCK, 12_345, object.len() / 2 + 1] {
        let root = root(&xz_in_blocks(&object, size));
        let (code, out, err) = same(|side| depmod(&root, side));
        assert_eq!((code, err.as_str(), out.matches("alias symbol:").count()), (0, "", 4000));
        let answer = same(|side| Run::new("modinfo").arg(file_of(&root)).on(side));
        assert!(answer.stdout_text().contains("pci:v0*"));
        for option in ["--show-exports", "--show-modversions"] {
            same(|side| Run::new("modprobe").arg(option).arg(file_of(&root)).on(side));
        }
    }
}

/// Damage to a block is an error only if the block is needed.
#[test]
fn damage_is_an_error_only_in_the_needed_blocks() {
    let object = large();
    let file = xz_in_blocks(&object, BLOCK);
    assert!(object.len() > 12 * BLOCK);
    let damaged = |at: usize| {
        let mut file = file.clone();
        file[at] ^= 0x10;
        root(&file)
    };
    let middle = damaged(file.len() / 3);
    let found = |code, lines| (code, lines);
    differs_because("only the blocks that are needed", &found(0, 4000), &found(0, 0), |side| {
        let (code, out, err) = depmod(&middle, side);
        assert_eq!(err.is_empty(), side == Side::Ours, "{err}");
        (code, out.matches("alias symbol:").count())
    });
    let license = |root: &Root, side| Run::new("modinfo").args(["-F", "license"]).arg(file_of(root)).on(side);
    differs_because("only the blocks that are needed", &0, &1, |side| license(&middle, side).code);
    // The positions are in the first block, the last block, the index and the footer.
    for at in [200, file.len() - 400, file.len() - 30, file.len() - 8] {
        let root = damaged(at);
        for (side, answer) in each(|side| license(&root, side)) {
            assert_eq!((answer.code, answer.stdout_text()), (1, String::new()), "{side:?} {at}");
        }
        for (side, (code, out, err)) in each(|side| depmod(&root, side)) {
            assert_eq!((code, out.matches("alias symbol:").count()), (0, 0), "{side:?}");
            assert!(err.contains("large.ko.xz: Invalid argument") || side == Side::Theirs, "{err}");
        }
    }
}
