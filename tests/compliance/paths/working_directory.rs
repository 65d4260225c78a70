//! Relative paths: before them stands the working directory, by the path in `PWD` if that names it. Scripts compare the
//! results with lists of packages, in which a merged /usr does not appear.

use oxmod_test_support::{RELEASE, Root, Run, differs_because, same};

use crate::modprobe::tree;

/// `/link` and `/way/dir` lead to `/real/dir`, which has modules of its own.
fn root() -> Root {
    let root = tree();
    root.file("real/dir/zz.ko", "").file("real/other/x", "");
    for name in ["modules.dep", "modules.dep.bin"] {
        let index = std::fs::read(root.path(root.in_modules(name))).unwrap();
        root.file(format!("real/dir/lib/modules/{RELEASE}/{name}"), index);
    }
    root.link("link", "real/dir").link("way", "real");
    root
}

/// Returns what a command prints on both streams in `/real/dir` with this value of `PWD`.
fn shown(root: &Root, command: &str, pwd: Option<&str>) -> String {
    let answer = same(|side| in_dir(command, pwd).inside(root).on(side));
    answer.stdout_text() + &answer.stderr_text()
}

fn in_dir(command: &str, pwd: Option<&str>) -> Run {
    let variable = pwd.map_or_else(|| "-u PWD".into(), |pwd| format!("PWD='{pwd}'"));
    Run::shell(&format!("cd /real/dir; exec env {variable} {command}"))
}

/// Command lines, and what each prints in the directory `W`; `V` stands for the release.
const CASES: [(&str, &str); 8] = [
    ("modprobe -S V -D ./zz.ko", "insmod W/./zz.ko \n"),
    ("modprobe -d . -S V -D a", "insmod W/./lib/modules/V/kernel/a.ko \n"),
    (
        "modprobe -d ../dir -S V nosuch",
        "modprobe: FATAL: Module nosuch not found in directory W/../dir/lib/modules/V\n",
    ),
    ("modinfo -k V -n zz.ko", "W/zz.ko\n"),
    ("modinfo -k V -n ./zz.ko", "W/./zz.ko\n"),
    ("modinfo -b . -k V -n a", "W/./lib/modules/V/kernel/a.ko\n"),
    (
        "depmod -b none V",
        "depmod: ERROR: could not open directory W/none/lib/modules/V: No such file or directory\n\
         depmod: FATAL: could not search modules: No such file or directory\n",
    ),
    (
        "depmod -o zz.ko V",
        "depmod: FATAL: could not create directory W/zz.ko/lib/modules/V: Not a directory\n",
    ),
];

#[test]
fn by_the_path_in_the_environment() {
    let root = root();
    root.file(root.in_modules("modules.order"), "");
    for (command, line) in CASES {
        let (command, line) = (command.replace('V', RELEASE), line.replace('V', RELEASE));
        for pwd in ["/link", "/way/dir", "/real/dir", "/link/", "//link", "/link/.", "/way/../link"] {
            assert_eq!(shown(&root, &command, Some(pwd)), line.replace('W', pwd), "{command} {pwd}");
        }
        // It names another directory, or none.
        for pwd in
            [None, Some(""), Some("/"), Some("/real/other"), Some("/nowhere"), Some("link"), Some("dir")]
        {
            assert_eq!(shown(&root, &command, pwd), line.replace('W', "/real/dir"), "{command} {pwd:?}");
        }
    }
}

#[test]
fn a_shell_that_went_through_a_link() {
    let root = root();
    root.link("usr-lib", "lib");
    let script = format!("cd /usr-lib/modules/{RELEASE} && modinfo -k {RELEASE} -n kernel/a.ko");
    let answer = same(|side| Run::shell(&script).inside(&root).on(side));
    assert_eq!(answer.triple(), (0, format!("/usr-lib/modules/{RELEASE}/kernel/a.ko\n"), String::new()));
}

/// Listed difference: the reference also takes a relative path from `PWD`.
#[test]
fn a_relative_path_in_the_environment() {
    let root = root();
    let run = in_dir(&format!("modprobe -S {RELEASE} -D ./zz.ko"), Some("."));
    differs_because(
        "The working directory",
        &"insmod /real/dir/./zz.ko \n".to_owned(),
        &"insmod ././zz.ko \n".to_owned(),
        |side| run.clone().inside(&root).on(side).stdout_text(),
    );
}

/// Listed difference: the reference does not say what is wrong.
#[test]
fn no_working_directory() {
    let root = root();
    for (args, ours, theirs) in [
        (
            "modprobe -S V -D ./a.ko",
            "modprobe: FATAL: Failed to get module from path ./a.ko: No such file or directory\n",
            "modprobe: FATAL: Failed to get module from path ./a.ko: Cannot allocate memory\n",
        ),
        (
            "modprobe -d . -S V -D a",
            "modprobe: ERROR: could not determine the module directory: No such file or directory\n",
            "libkmod: ERROR: kmod_new: could not retrieve directory\nmodprobe: ERROR: kmod_new() failed!\n",
        ),
        (
            "depmod -b . V",
            "depmod: FATAL: could not determine the working directory: No such file or directory\n",
            "depmod: ERROR: invalid image path .\n",
        ),
    ] {
        let script = format!("mkdir /gone; cd /gone; rmdir /gone; exec {}", args.replace('V', RELEASE));
        let failed = |stderr: &str| (1, String::new(), stderr.to_owned());
        differs_because("The working directory", &failed(ours), &failed(theirs), |side| {
            Run::shell(&script).inside(&root).on(side).triple()
        });
    }
}
