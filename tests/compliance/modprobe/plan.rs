//! The plan: which modules are loaded, in which order, with which parameters, as printed by `-D` and `-n -v`.

use oxmod_test_support::{Answer, RELEASE, Root, Run, Side, differs_because, same};

use super::{modprobe, tree, without_repetitions};

const CONF: &str = "options a p=1 q=\"x y\"\noptions dd z=9\noptions myal m=1\noptions pci:v1d1 al=3\n\
    options pci:v*d1 al=4\noptions h opth=1\nalias myal c\nalias my* b\nalias offal off\nalias a-shadow e\n\
    install h echo hi $CMDLINE_OPTS\ninstall nofile echo nofile\ninstall d-x echo inst\nremove remonly true\n\
    blacklist b\nsoftdep i pre: h\nsoftdep c post: i\nsoftdep f pre: g\n";

const SEVERAL: &str = "Several softdep or weakdep lines for a module";

fn configured() -> Root {
    let root = tree();
    root.file("etc/modprobe.d/t.conf", CONF);
    root
}

/// Returns the answer of both sides, without repeated lines, and with `K` for the directory of the modules.
#[track_caller]
fn plan(root: &Root, args: &[&str]) -> (i32, String, String) {
    short(&same(|side| without_repetitions(side, modprobe(root).args(args).on(side)).0))
}

fn short(answer: &Answer) -> (i32, String, String) {
    let (code, stdout, stderr) = answer.triple();
    (code, stdout.replace(&format!("/lib/modules/{RELEASE}/kernel"), "K"), stderr)
}

#[track_caller]
fn shows(root: &Root, args: &[&str], expected: &str) {
    assert_eq!(plan(root, args), (0, expected.to_owned(), String::new()), "{args:?}");
}

const A: &str = "insmod K/a.ko p=1 q=\"x y\" \n";
const B: &str = "insmod K/b.ko \n";
const C: &str = "insmod K/c.ko \n";
const H: &str = "install echo hi $CMDLINE_OPTS opth=1 \n";
const I: &str = "insmod K/i.ko \n";
const DX: &str = "install echo inst \n";
const E: &str = "insmod K/e.ko \n";

#[test]
fn dependencies_soft_dependencies_commands_and_options() {
    let root = configured();
    let whole_c = [A, B, C, H, I].concat();
    let whole_e = [&whole_c, DX, E].concat();
    for (name, expected) in [
        ("a", A.to_owned()),
        ("b", [A, B].concat()),
        ("c", whole_c.clone()),
        ("d-x", [A, DX].concat()),
        ("e", whole_e.clone()),
        ("f", ["insmod K/g.ko \n", &whole_e, "insmod K/f.ko \n"].concat()),
        ("g", ["insmod K/f.ko \n", "insmod K/g.ko \n", &whole_e].concat()),
        ("h", H.to_owned()),
        ("i", [H, I].concat()),
        ("bi", "builtin bi\n".to_owned()),
        ("b-jal", "builtin b_j\n".to_owned()),
        ("symbol:sb", String::new()),
        ("myal", [A, B, "insmod K/c.ko m=1 \n", H, I].concat()),
        ("my1", String::new()),
        ("offal", String::new()),
        ("nofile", "install echo nofile \n".to_owned()),
        ("remonly", String::new()),
        ("dd", [A, "install echo inst z=9 \n"].concat()),
    ] {
        shows(&root, &["-D", name], &expected);
        let not_shown_when_in_the_kernel = expected.starts_with("builtin");
        let expected = if not_shown_when_in_the_kernel { "" } else { &expected };
        shows(&root, &["-n", "-v", name], expected);
        shows(&root, &["-n", name], "");
    }
}

#[test]
fn parameters_of_the_command_line() {
    let root = configured();
    shows(&root, &["-D", "a", "r=2"], "insmod K/a.ko p=1 q=\"x y\" r=2\n");
    shows(&root, &["-D", "c", "r=2", "s"], &[A, B, "insmod K/c.ko r=2 s\n", H, I].concat());
    shows(&root, &["-D", "h", "x=1"], "install echo hi $CMDLINE_OPTS opth=1 x=1\n");
    shows(
        &root,
        &["-D", "b", "b=c d", "e=\"f g\"", "h='i j'", "k l=m", "n=", "o=p q=r s", "t=a\tb", "=", "u="],
        &[A, "insmod K/b.ko b=\"c d\" e=\"f g\" h='i j' k l=m n= o=\"p q=r s\" t=a\tb = u=\n"].concat(),
    );
    shows(&root, &["-D", "b", ""], &[A, B].concat());
    shows(&root, &["-D", "b", "--", "-x"], &[A, "insmod K/b.ko -x\n"].concat());
}

#[test]
fn ignore_install_applies_to_the_module_itself() {
    let root = configured();
    shows(&root, &["-D", "-i", "h"], "insmod K/h.ko opth=1 \n");
    shows(&root, &["-D", "--ignore-remove", "d-x"], &[A, "insmod K/d-x.ko \n"].concat());
    shows(&root, &["-D", "-i", "e", "x=1"], &[A, B, C, H, I, DX, "insmod K/e.ko x=1\n"].concat());
    shows(&root, &["-D", "-i", "f"], "insmod K/f.ko \n");
    shows(&root, &["-D", "-i", "nofile"], "");
}

#[test]
fn blacklists() {
    let root = configured();
    shows(&root, &["-D", "-b", "b"], "");
    shows(&root, &["-D", "my1"], "");
    shows(&root, &["-D", "-b", "c"], &[A, B, C, H, I].concat());
    shows(&root, &["-R", "-b", "my1"], "b\n");
    shows(&root, &["-D", "-a", "-b", "b", "my1", "a"], A);
}

#[test]
fn several_modules() {
    let root = configured();
    shows(
        &root,
        &["-D", "-a", "c", "b", "dd", "d-x"],
        &[A, B, C, H, I, "install echo inst z=9 \n", DX].concat(),
    );
    let (code, stdout, stderr) = plan(&root, &["-D", "-a", "zz", "a", "./zz"]);
    assert_eq!((code, stdout.as_str()), (1, A));
    assert_eq!(
        stderr,
        format!(
            "modprobe: WARNING: Module zz not found in directory /lib/modules/{RELEASE}\n\
             modprobe: WARNING: Failed to get module from path ./zz: No such file or directory\n"
        )
    );
}

#[test]
fn one_alias_of_several_modules() {
    let root = configured();
    let e = [A, B, C, H, I, DX, "insmod K/e.ko al=3 \n"].concat();
    let expected = [A, "install echo inst al=3 \n", &e[A.len()..]].concat();
    shows(&root, &["-D", "pci:v1d1"], &expected);
}

#[test]
fn loaded_modules_are_left_out_except_with_show_depends() {
    let root = configured();
    root.loaded("a", 1000, 1, &["b"]).loaded("b", 1000, 0, &[]);
    root.file("sys/module/h/initstate", "coming\n").file("sys/module/i/parameters/x", "1\n");
    shows(&root, &["-n", "-v", "c"], &[C, H, I].concat());
    shows(&root, &["-n", "-v", "b"], "");
    shows(&root, &["-D", "b"], &[A, B].concat());
    let (code, _, stderr) = plan(&root, &["-n", "--first-time", "b"]);
    assert_eq!(
        (code, stderr.as_str()),
        (1, "modprobe: ERROR: could not insert 'b': Module already in kernel\n")
    );
    let (code, _, stderr) = plan(&root, &["-n", "--first-time", "bi"]);
    assert_eq!(
        (code, stderr.as_str()),
        (1, "modprobe: ERROR: could not insert 'bi': Module already in kernel\n")
    );
    shows(&root, &["-D", "--first-time", "bi"], "builtin bi\n");
    // If the module itself is loaded, its dependencies are not loaded, either.
    root.loaded("c", 1000, 0, &[]);
    shows(&root, &["-n", "-v", "c"], "");
    shows(&root, &["-n", "-v", "myal"], "");
}

/// The list of built-in modules does not matter if a file is requested.
#[test]
fn a_file_with_the_name_of_a_built_in_module() {
    let root = tree();
    root.module("extra/bi.ko", |m| m);
    let file = root.path(root.in_modules("extra/bi.ko"));
    let file = file.to_str().unwrap();
    for args in [&["-n", "-v", file][..], &["-D", file], &["-n", "-v", "--first-time", file]] {
        let answer = same(|side| modprobe(&root).args(args).on(side));
        assert_eq!(answer.stdout_text(), format!("insmod {file} \n"), "{args:?}");
    }
    shows(&root, &["-n", "-v", "bi"], "");
    root.file("etc/modprobe.d/t.conf", "forbid bi\n");
    let forbidden = modprobe(&root).args(["-n", "-v", file]).on(Side::Ours);
    assert_eq!((forbidden.code, forbidden.stdout_text()), (1, String::new()));
}

/// kmod passes the file of a built-in dependency to the kernel, which rejects it, and fails.
#[test]
fn a_dependency_that_is_built_in_and_has_a_file() {
    let root = Root::new();
    root.module("kernel/both.ko", |m| m.export("both_symbol", 1));
    root.module("kernel/top.ko", |m| m.need("both_symbol"));
    for (list, text) in
        [("modules.builtin", "kernel/both.ko\n"), ("modules.builtin.modinfo", ""), ("modules.order", "")]
    {
        root.file(root.in_modules(list), text);
    }
    assert_eq!(Run::new("depmod").arg("-b").arg(root.path("")).arg(root.release()).on(Side::Ours).code, 0);
    differs_because(
        "what is built in need not be loaded",
        &(0, "insmod K/top.ko \n".to_owned(), String::new()),
        &(0, "insmod K/both.ko \ninsmod K/top.ko \n".to_owned(), String::new()),
        |side| short(&modprobe(&root).args(["-n", "-v", "top"]).on(side)),
    );
    shows(&root, &["-D", "top"], "insmod K/both.ko \ninsmod K/top.ko \n");
    shows(&root, &["-n", "-v", "both"], "");
}

#[test]
fn soft_dependencies_are_looked_up_and_cycles_end() {
    let root = tree();
    let conf = "softdep h pre: i bi nosuch off-al\nsoftdep i pre: h\nalias off-al off\nalias multi f\nalias multi h\n\
        softdep f pre: multi dd d-x\noptions dd o=1\nsoftdep a post: g*\n";
    root.file("etc/modprobe.d/t.conf", conf);
    shows(&root, &["-D", "h"], "insmod K/i.ko \nbuiltin bi\ninsmod K/h.ko \n");
    shows(&root, &["-D", "i"], "builtin bi\ninsmod K/h.ko \ninsmod K/i.ko \n");
    shows(
        &root,
        &["-D", "f"],
        "builtin bi\ninsmod K/h.ko \ninsmod K/i.ko \ninsmod K/a.ko \n\
         insmod K/d-x.ko o=1 \ninsmod K/d-x.ko \ninsmod K/f.ko \n",
    );
    let (code, stdout, stderr) = {
        root.file("etc/modprobe.d/t.conf", "softdep a pre: [ b] c[x]\n");
        plan(&root, &["-D", "a"])
    };
    assert_eq!((code, stdout.as_str()), (0, "insmod K/a.ko \n"));
    assert_eq!(
        stderr,
        "modprobe: ERROR: failed to lookup dependency '[', continuing anyway.\n\
         modprobe: ERROR: failed to lookup dependency 'b]', continuing anyway.\n"
    );
}

#[test]
fn keys_of_commands_are_patterns_and_the_first_counts() {
    let root = tree();
    let conf = "install h* first\ninstall h second\nsoftdep [ab] pre: h\nsoftdep i pre: f\n\
        options * x=1\noptions i y=2\ninstall d-* third\n";
    root.file("etc/modprobe.d/t.conf", conf);
    shows(&root, &["-D", "a"], "install first \ninsmod K/a.ko \n");
    shows(&root, &["-D", "i"], "insmod K/f.ko \ninsmod K/i.ko y=2 \n");
    shows(&root, &["-D", "d-x"], "install first \ninsmod K/a.ko \ninstall third \n");
}

#[test]
fn several_soft_dependency_lines_are_combined() {
    let root = tree();
    root.file(
        "etc/modprobe.d/t.conf",
        "softdep [hz] pre: i\nsoftdep h pre: f i post: a\nsoftdep h post: b\n",
    );
    let steps = |names: &[&str]| {
        let line = |name: &&str| format!("insmod /lib/modules/{RELEASE}/kernel/{name}.ko \n");
        names.iter().map(line).collect::<String>()
    };
    let plan = |side| modprobe(&root).args(["-D", "h"]).on(side).stdout_text();
    differs_because(SEVERAL, &steps(&["i", "f", "h", "a", "b"]), &steps(&["i", "h"]), plan);
    // A single line with all the names has the same effect on both sides.
    root.file("etc/modprobe.d/t.conf", "softdep h pre: i f post: a b\n");
    assert_eq!(
        same(|side| without_repetitions(side, modprobe(&root).args(["-D", "h"]).on(side)).0).stdout_text(),
        steps(&["i", "f", "h", "a", "b"])
    );
}

#[test]
fn the_administrators_soft_dependencies_come_before_the_modules_own() {
    let root = tree();
    let line = |name: &str| format!("insmod /lib/modules/{RELEASE}/kernel/{name}.ko \n");
    let (with, own) = (["h", "f", "i"].map(line).concat(), ["f", "i"].map(line).concat());
    root.file(root.in_modules("modules.softdep"), "softdep i pre: f\n");
    // kmod orders the lines by file name, and this name sorts after `modules.softdep`.
    root.file("etc/modprobe.d/z.conf", "softdep i pre: h\n");
    let plan = |side| modprobe(&root).args(["-D", "i"]).on(side).stdout_text();
    differs_because(SEVERAL, &with, &own, plan);
    std::fs::rename(root.path("etc/modprobe.d/z.conf"), root.path("etc/modprobe.d/a.conf")).unwrap();
    differs_because(SEVERAL, &with, &["h", "i"].map(line).concat(), plan);
    // A configuration file that has the name of one of depmod's files is not one of them.
    root.file("etc/modules.weakdep", "softdep i pre: g\n");
    std::fs::remove_file(root.path(root.in_modules("modules.weakdep"))).unwrap();
    let plan = |side| modprobe(&root).args(["-C", "/etc/modules.weakdep", "-D", "i"]).on(side).stdout_text();
    differs_because(SEVERAL, &["g", "f", "i"].map(line).concat(), &own, plan);
}

#[test]
fn removal_follows_all_soft_dependency_lines() {
    let root = tree();
    root.file("etc/modprobe.d/t.conf", "softdep h pre: f\nsoftdep h pre: i post: a\n");
    for name in ["f", "i", "h", "a"] {
        root.loaded(name, 1000, 0, &[]);
    }
    let steps = |names: &[&str]| names.iter().map(|name| ["rmmod ", name, "\n"].concat()).collect::<String>();
    differs_because(SEVERAL, &steps(&["a", "h", "i", "f"]), &steps(&["h", "f"]), |side| {
        modprobe(&root).args(["-r", "-n", "-v", "h"]).on(side).stdout_text()
    });
}

#[test]
fn no_line_is_repeated() {
    let root = configured();
    let kernel = format!("/lib/modules/{RELEASE}/kernel");
    let ours = [A, B, C, H, I, DX, E].concat().replace("K/", &format!("{kernel}/"));
    let theirs = [A, B, C, H, I, DX, A, E, A, DX].concat().replace("K/", &format!("{kernel}/"));
    differs_because("modprobe -D prints no line twice", &ours, &theirs, |side| {
        modprobe(&root).args(["-D", "e"]).on(side).stdout_text()
    });
}

#[test]
fn an_install_command_overrides_soft_dependencies() {
    let root = tree();
    root.file("etc/modprobe.d/t.conf", "install h /bin/false\nsoftdep h pre: i\ninstall g /bin/false\n");
    let kernel = format!("/lib/modules/{RELEASE}/kernel");
    let ours = format!("insmod {kernel}/i.ko \ninstall /bin/false \n");
    let theirs = format!("insmod {kernel}/i.ko \ninsmod {kernel}/h.ko \n");
    differs_because("install command of a module with soft dependencies", &ours, &theirs, |side| {
        modprobe(&root).args(["-D", "h"]).on(side).stdout_text()
    });
    // If the names do not exist, there are no soft dependencies, and both sides agree.
    root.file("etc/modprobe.d/t.conf", "install h /bin/false\nsoftdep h pre: nosuch\n");
    shows(&root, &["-D", "h"], "install /bin/false \n");
}

#[test]
fn nothing_to_do_is_success_without_a_dry_run_too() {
    let root = configured();
    root.loaded("a", 1000, 1, &["b"]).loaded("b", 1000, 0, &[]);
    shows(&root, &["-v", "b"], "");
    shows(&root, &["bi"], "");
    shows(&root, &["my1"], "");
    shows(&root, &["-a", "a", "b-jal", "my1"], "");
    let (code, _, stderr) = plan(&root, &["--first-time", "-a", "a", "bi"]);
    let line = |name| format!("modprobe: ERROR: could not insert '{name}': Module already in kernel\n");
    assert_eq!((code, stderr), (1, [line("a"), line("bi")].concat()));
}

/// A module's line in modules.dep lists the paths of its dependencies; the lines of the dependencies are not
/// consulted.
#[test]
fn paths_of_dependencies_come_from_the_line_of_the_module() {
    let root = tree();
    let mut index = oxmod::formats::index::IndexBuilder::default();
    for (name, line) in [
        ("b", "kernel/b.ko: kernel/a.ko kernel/f.ko"),
        ("a", "elsewhere/a.ko:"),
        ("d_x", "kernel/d-x.ko: /etc/a.ko"),
    ] {
        index.insert(name.as_bytes(), line.as_bytes(), 0).unwrap();
    }
    root.file(root.in_modules("modules.dep.bin"), index.write().unwrap());
    // The reference ignores dependencies whose files do not exist.
    root.file("etc/a.ko", "");
    shows(&root, &["-D", "b"], "insmod K/f.ko \ninsmod K/a.ko \ninsmod K/b.ko \n");
    shows(&root, &["-D", "d_x"], "insmod /etc/a.ko \ninsmod K/d-x.ko \n");
    let elsewhere = format!("insmod /{} \n", root.in_modules("elsewhere/a.ko").display());
    shows(&root, &["-D", "a"], &elsewhere);
}
