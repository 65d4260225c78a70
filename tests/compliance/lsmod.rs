//! lsmod and `kmod list`, with generated tables of loaded modules and /sys trees.

use oxmod_test_support::{Root, Run, Side, same};

const HEADER: &str = "Module                  Size  Used by\n";

fn three() -> Root {
    let root = Root::new();
    root.loaded("snd_pcm", 192_512, 2, &["snd_hda_intel", "snd_hda_codec"])
        .loaded("loop", 40_960, 0, &[])
        .loaded("a_name_longer_than_nineteen", 123_456_789, 1, &["snd_pcm"]);
    root
}

#[test]
fn table() {
    let root = three();
    for run in [Run::new("lsmod"), Run::new("kmod").arg("list"), Run::new("lsmod").arg("-v")] {
        let answer = same(|side| run.clone().inside(&root).on(side));
        let text = answer.stdout_text();
        assert_eq!(answer.code, 0, "{answer:?}");
        assert!(text.starts_with(HEADER) && answer.stderr.is_empty(), "{answer:?}");
        assert!(text.contains("\nloop                   40960  0\n"), "{answer:?}");
        assert!(text.contains("\na_name_longer_than_nineteen 123456789  1 snd_pcm\n"), "{answer:?}");
    }
}

#[test]
fn nothing_loaded_and_no_table() {
    let root = Root::new();
    let answer = same(|side| Run::new("lsmod").inside(&root).on(side));
    let messages = "lsmod: ERROR: could not open /proc/modules: No such file or directory\n\
                    lsmod: ERROR: could not get list of modules: No such file or directory\n";
    assert_eq!(answer.triple(), (1, String::new(), messages.into()));
    root.file("proc/modules", "");
    let answer = same(|side| Run::new("lsmod").inside(&root).on(side));
    assert_eq!(answer.triple(), (0, HEADER.into(), String::new()));
}

/// A module may disappear after the table has been read and before /sys is read.
#[test]
fn missing_data() {
    let root = Root::new();
    root.file("proc/modules", "a 100 1 b,c, Live 0x0\nb 5 0 - Live 0x0\n").dir("sys/module");
    let look = || same(|side| Run::new("lsmod").inside(&root).on(side));
    let holders = "lsmod: ERROR: could not open '/sys/module/a/holders': No such file or directory\n\
                   lsmod: ERROR: could not open '/sys/module/b/holders': No such file or directory\n";
    let rows = |a: &str| format!("{HEADER}{a}b                         -2  -2\n");
    assert_eq!(look().triple(), (0, rows("a                         -2  -2\n"), holders.into()));
    root.file("sys/module/a/initstate", "live\n");
    assert_eq!(look().triple(), (0, rows("a                        100  -2\n"), holders.into()));
    root.file("sys/module/a/refcnt", "7\n").dir("sys/module/a/holders");
    assert_eq!(look().stdout_text(), rows("a                        100  7\n"));
    root.file("sys/module/a/coresize", "55\n");
    assert_eq!(look().stdout_text(), rows("a                         55  7\n"));
}

#[test]
fn data_that_is_not_a_number() {
    for bad in ["", "x\n", "12x\n", "12", "0x10\n"] {
        let root = three();
        root.file("sys/module/loop/coresize", bad).file("sys/module/loop/refcnt", bad);
        let answer = same(|side| Run::new("lsmod").inside(&root).on(side));
        assert!(answer.stdout_text().contains("\nloop                       0  -22\n"), "{bad:?} {answer:?}");
        assert_eq!(answer.code, 0);
    }
    for odd in [" 12\n", "-5\n", "1 2\n"] {
        let root = three();
        root.file("sys/module/loop/coresize", odd).file("sys/module/loop/refcnt", odd);
        same(|side| Run::new("lsmod").inside(&root).on(side));
    }
}

/// The other columns of the table are ignored, and so are missing columns and other separators.
#[test]
fn odd_tables() {
    let root = three();
    for table in ["loop", "loop \n", "loop x y\n", "loop 100", " loop 100\n", "loop\t100 1 -\n"] {
        root.file("proc/modules", table);
        let answer = same(|side| Run::new("lsmod").inside(&root).on(side));
        assert_eq!(answer.triple(), (0, format!("{HEADER}loop                   40960  0\n"), String::new()));
    }
}

/// The table can contain a module twice if another one was loaded while the table was read page by page.
#[test]
fn a_module_that_the_table_repeats() {
    let root = three();
    let row = |name: &str| format!("{name} 1 0 - Live 0x0\n");
    root.file("proc/modules", ["snd_pcm", "loop", "loop", "snd_pcm"].map(row).concat());
    let rows = |side| {
        let answer = Run::new("lsmod").inside(&root).on(side);
        assert_eq!((answer.code, answer.stderr.len()), (0, 0), "{answer:?}");
        let table = answer.stdout_text();
        let name = |row: &str| row.split(' ').next().unwrap_or_default().to_owned();
        table.lines().skip(1).map(name).collect::<Vec<_>>()
    };
    assert_eq!(rows(Side::Theirs), ["snd_pcm", "loop", "loop", "snd_pcm"]);
    assert_eq!(rows(Side::Ours), ["snd_pcm", "loop"]);
}

#[test]
fn operands_are_rejected() {
    for (run, tool) in [(Run::new("lsmod"), "lsmod"), (Run::new("kmod").arg("list"), "kmod")] {
        let answer = same(|side| run.clone().arg("x").on(side));
        assert_eq!(answer.triple().2, format!("{tool}: ERROR: too many arguments provided.\n"));
        assert_eq!(answer.code, 1);
    }
}
