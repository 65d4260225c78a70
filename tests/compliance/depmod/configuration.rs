//! depmod.d: search, override, external, exclude, and the directories that are read.

use oxmod_test_support::{Module, Root, Run, same};

use super::{depmod, lines, root};

/// Two modules in every directory: one with a plain name, one with a dash.
fn populated() -> Root {
    let root = root();
    for dir in ["kernel", "updates", "extra", "weak-updates/sub"] {
        for name in ["k", "j-j"] {
            root.module(&format!("{dir}/{name}.ko"), |m| m.alias(&format!("{dir}-{name}")));
        }
    }
    for external in ["ext1", "ext2"] {
        root.file(format!("{external}/k.ko"), Module::new().alias(external).build());
        root.file(format!("{external}/own-{external}.ko"), Module::new().alias(external).build());
    }
    root
}

#[test]
fn search_order_and_overrides() {
    let root = populated();
    let (ext1, ext2) = (root.path("ext1"), root.path("ext2"));
    let (ext1, ext2) = (ext1.display(), ext2.display());
    let cases = [
        String::new(),
        "search extra".into(),
        "search extra\n".into(),
        "search weak-updates extra built-in updates\n".into(),
        "search weak-updates/sub built-in\n".into(),
        "search built-in extra\n".into(),
        "search built-in\n".into(),
        "search upd\n".into(),
        "search updates/\n".into(),
        "search kernel\nsearch extra\n".into(),
        "search extra extra kernel\n".into(),
        format!("external * {ext1}\nexternal * {ext2}\n"),
        format!("external * {ext1}/\nexternal * {ext2}//\nsearch external\n"),
        format!("external * {ext1}\nexternal * {ext2}\nsearch updates external built-in\n"),
        format!("external * {ext2}\nexternal * {ext1}\nsearch external updates built-in\n"),
        format!("search built-in external\nexternal 6.1 {ext1}\n"),
        format!("external ^5 {ext1}\nsearch external\n"),
        format!("external 6\\.1 {ext1}\nsearch external\n"),
        "override k * weak-updates/sub\n".into(),
        "override j_j * extra\n".into(),
        "override j-j * extra\n".into(),
        "override k 6.1 extra\noverride k 5 kernel\n".into(),
        "override k * extra\noverride k * kernel\n".into(),
        "override k ^6\\.[0-9]+\\.0-test$ extra\n".into(),
        "override k ^6.1$ extra\n".into(),
        "override k ( extra\n".into(),
        "override k * none\nsearch extra\n".into(),
        "exclude updates\n".into(),
        "exclude updates k.ko\nexclude j-j.ko\n".into(),
        "exclude sub\nsearch weak-updates extra\n".into(),
        format!("exclude k.ko\nexternal * {ext1}\n"),
    ];
    for case in cases {
        root.file("conf/a.conf", &case);
        let conf = root.path("conf");
        let (answer, files) = same(|side| depmod(&root, &["-C", conf.to_str().unwrap()], side));
        assert_eq!(answer.triple(), (0, String::new(), String::new()), "{case}");
        assert!(case.starts_with("exclude") || lines(&files, "modules.dep").len() >= 2, "{case}");
    }
}

#[test]
fn a_missing_external_directory_is_reported() {
    let root = populated();
    root.file("conf/a.conf", "external * /nonexistent/dir\n");
    let conf = root.path("conf");
    let (answer, _) = same(|side| depmod(&root, &["-C", conf.to_str().unwrap()], side));
    let expected = "depmod: ERROR: could not open directory /nonexistent/dir: No such file or directory\n";
    assert_eq!(answer.triple(), (0, String::new(), expected.into()));
}

#[test]
fn bad_lines() {
    let root = populated();
    root.file(
        "conf/a.conf",
        "nonsense x\nsearch\noverride a\nexternal *\n# fine\n\ninclude /x\nmake_map_files no\nsearch extra\n",
    );
    let conf = root.path("conf");
    let (answer, files) = same(|side| depmod(&root, &["-C", conf.to_str().unwrap()], side));
    assert!(answer.stderr_text().contains("ignoring bad line starting with 'nonsense'"), "{answer:?}");
    assert!(lines(&files, "modules.dep").contains(&"extra/k.ko:".to_owned()));
}

/// The five default directories, masking, and the order by name. The sandbox makes these directories the tree's own.
#[test]
fn the_default_directories() {
    let root = populated();
    root.file("etc/depmod.d/b.conf", "search extra\n")
        .file("etc/depmod.d/masked.conf", "")
        .file("etc/depmod.d/ignored.cfg", "search kernel\n")
        .file("run/depmod.d/b.conf", "search kernel\n")
        .file("usr/lib/depmod.d/masked.conf", "search kernel\n")
        .file("usr/local/lib/depmod.d/a.conf", "override j-j * weak-updates/sub\n");
    let answer = same(|side| Run::new("depmod").args(["-n", root.release()]).inside(&root).on(side));
    let text = answer.stdout_text();
    assert!(text.contains("extra/k.ko:\n") && text.contains("weak-updates/sub/j-j.ko:\n"), "{answer:?}");
}
