//! Resolving names and aliases to modules: `-R`, and names that are not found.

use oxmod_test_support::{Answer, RELEASE, Root, Run, same};

use super::{modprobe, tree};

const CONF: &str = "alias myal c\nalias my* b\nalias offal off\nalias a-shadow e\nalias h a\n\
    install nofile echo nofile\ninstall glob* echo glob\nremove remonly true\nblacklist b\n";

fn resolves(root: &Root, name: &str) -> Answer {
    same(|side| modprobe(root).args(["-R", name]).on(side))
}

#[test]
fn stages_of_the_lookup() {
    let root = tree();
    root.file("etc/modprobe.d/t.conf", CONF);
    for (name, expected) in [
        // Aliases in the configuration (all that match) hide a module of the same name.
        ("myal", "c\nb\n"),
        ("my1", "b\n"),
        ("offal", "off\n"),
        ("a-shadow", "e\n"),
        ("h", "a\n"),
        // Module names, in either spelling.
        ("d-x", "d_x\n"),
        ("d_x", "d_x\n"),
        ("symbol:sc", "c\n"),
        // Install and remove commands, by exact key.
        ("nofile", "nofile\n"),
        ("glob*", "glob*\n"),
        ("remonly", "remonly\n"),
        // Aliases of modules, in the order of depmod's index.
        ("pci:v1d1", "d_x\ne\n"),
        ("pci:v2d1", "d_x\n"),
        ("dd", "d_x\n"),
        // Built-in modules and their aliases.
        ("bi", "bi\n"),
        ("b-j", "b_j\n"),
        ("bial7", "bi\n"),
        ("b_jal", "b_j\n"),
    ] {
        let answer = resolves(&root, name);
        assert_eq!(answer.triple(), (0, expected.to_owned(), String::new()), "{name}");
    }
}

#[test]
fn names_that_are_not_found() {
    let root = tree();
    root.file("etc/modprobe.d/t.conf", CONF);
    for name in [
        "zz",
        "x[",
        "foo]",
        "",
        "c.ko",
        "globx",
        "symbol:nosuch",
        "kernel/c.ko",
        "pci:",
        "C",
        "a b",
        "\u{e9}",
    ] {
        let answer = resolves(&root, name);
        let text = format!("modprobe: FATAL: Module {name} not found in directory /lib/modules/{RELEASE}\n");
        assert_eq!(answer.triple(), (1, String::new(), text), "{name}");
        let answer = same(|side| modprobe(&root).args(["-R", "-q", name]).on(side));
        assert_eq!(answer.triple(), (1, String::new(), String::new()), "{name}");
    }
    let answer = same(|side| modprobe(&root).args(["-R", "-a", "zz", "a", "x[", "dd"]).on(side));
    assert_eq!((answer.code, answer.stdout_text().as_str()), (1, "a\nd_x\n"));
    let line =
        |name| format!("modprobe: WARNING: Module {name} not found in directory /lib/modules/{RELEASE}\n");
    assert_eq!(answer.stderr_text(), [line("zz"), line("x[")].concat());
}

#[test]
fn further_operands_are_parameters_without_all() {
    let root = tree();
    let answer = same(|side| modprobe(&root).args(["-R", "a", "dd"]).on(side));
    assert_eq!(answer.stdout_text(), "a\n");
    let answer = same(|side| modprobe(&root).args(["-Ra", "a", "dd", "a"]).on(side));
    assert_eq!(answer.stdout_text(), "a\nd_x\na\n");
}

#[test]
fn paths() {
    let root = tree();
    let kernel = format!("/lib/modules/{RELEASE}/kernel");
    for (path, code) in [("/dev/null", 0), ("/proc", 0), ("./nosuch", 1), ("/nosuch", 1), ("/dev/null/x", 1)]
    {
        let answer = same(|side| modprobe(&root).args(["-D", path]).cwd("/").on(side));
        assert_eq!(answer.code, code, "{path}: {answer:?}");
    }
    root.file("etc/work/c.ko", "").file("etc/work/zz.ko", "");
    let relative = |path: &str| {
        let answer = same(|side| modprobe(&root).args(["-D", path]).cwd("/").on(side));
        answer.stdout_text()
    };
    assert_eq!(relative("/etc/work/zz.ko"), "insmod /etc/work/zz.ko \n");
    let expected = format!("insmod {kernel}/a.ko \ninsmod {kernel}/b.ko \ninsmod /etc/work/c.ko \n");
    assert_eq!(relative("/etc/work/c.ko"), expected);
    assert_eq!(relative("./etc/work/zz.ko"), "insmod //./etc/work/zz.ko \n");
    assert_eq!(relative("etc/work/zz.ko"), "");
}

#[test]
fn the_module_directory_is_a_plain_concatenation() {
    let root = tree();
    root.file("proc/sys/kernel/osrelease", "1.0\n");
    for (dirname, shown) in
        [("/", "//lib"), ("", "/lib"), (".", "//./lib"), ("/usr/..", "/usr/../lib"), ("//", "///lib")]
    {
        let answer = same(|side| {
            let run = Run::new("modprobe").args(["-d", dirname, "-S", RELEASE, "-D", "a"]);
            run.cwd("/").inside(&root).on(side)
        });
        let expected = format!("insmod {shown}/modules/{RELEASE}/kernel/a.ko \n");
        assert_eq!(answer.stdout_text(), expected, "{dirname}");
    }
    let answer = same(|side| Run::new("modprobe").args(["-S", "9.9", "-D", "a"]).inside(&root).on(side));
    assert_eq!(answer.stderr_text(), "modprobe: FATAL: Module a not found in directory /lib/modules/9.9\n");
}
