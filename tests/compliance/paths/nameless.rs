//! Paths that leave no name for a module: those that end in a slash, `.` and `..`, and files whose names begin with a
//! dot. None of them may become a step.

use oxmod_test_support::{RELEASE, Root, Run, Shim, Side, differs_because, each, same};

use crate::modprobe::{modprobe, tree};

const NO_FILE: &str = "No such file or directory";

/// Paths that end in a slash. All of them exist.
const SLASHES: [&str; 7] = ["/", "//", "/etc/", "./", "./etc/", "/lib/modules/6.1.0-test/kernel/", "./x.ko/"];

/// Directories without a name of their own.
const DOTS: [&str; 5] = ["/.", "/..", "./.", "./etc/..", "/etc/."];

fn root() -> Root {
    let root = tree();
    root.dir("x.ko").dir("etc");
    root
}

/// Returns the exit code and the messages of a run in the top directory of the tree, which must not call the kernel.
fn stderr(root: &Root, run: &Run, side: Side) -> (i32, String, String) {
    let shimmed = Shim::new().run(root, &run.clone().cwd("/"), side);
    assert_eq!(shimmed.calls, "", "{shimmed:?}");
    shimmed.answer.triple()
}

fn failed(stderr: String) -> (i32, String, String) {
    (1, String::new(), stderr)
}

#[test]
fn a_slash_at_the_end() {
    let root = root();
    for path in SLASHES {
        for options in [&[][..], &["-D"], &["-n", "-v"], &["-R"], &["-i"], &["-f"]] {
            let run = modprobe(&root).args(options).arg(path);
            let message = format!("modprobe: FATAL: Failed to get module from path {path}: {NO_FILE}\n");
            assert_eq!(same(|side| stderr(&root, &run, side)), failed(message), "{options:?}");
        }
        for option in ["--show-exports", "--show-modversions"] {
            let run = modprobe(&root).args([option, path]);
            let message = format!("modprobe: FATAL: Module {path} not found.\n");
            assert_eq!(same(|side| stderr(&root, &run, side)), failed(message), "{option}");
        }
        let all = modprobe(&root).args(["-a", "-D", path, "a"]);
        let message = format!("modprobe: WARNING: Failed to get module from path {path}: {NO_FILE}\n");
        let step = format!("insmod /lib/modules/{RELEASE}/kernel/a.ko \n");
        assert_eq!(same(|side| stderr(&root, &all, side)), (1, step, message));
        let remove = modprobe(&root).args(["-r", path]);
        let message = format!("modprobe: FATAL: Module {path} not found.\n");
        assert_eq!(same(|side| stderr(&root, &remove, side)), failed(message));
        let message = format!("insmod: ERROR: could not load module {path}: {NO_FILE}\n");
        assert_eq!(same(|side| stderr(&root, &Run::new("insmod").arg(path), side)), failed(message));
        let message = format!("rmmod: ERROR: could not use module {path}: {NO_FILE}\n");
        assert_eq!(same(|side| stderr(&root, &Run::new("rmmod").arg(path), side)), failed(message));
        let modinfo = Run::new("modinfo").args(["-k", RELEASE, path]);
        let message = format!("modinfo: ERROR: Module {path} not found.\n");
        assert_eq!(same(|side| stderr(&root, &modinfo, side)), failed(message));
        if path.starts_with('/') {
            let message = format!("depmod: FATAL: could not create module {path}: {NO_FILE}\n");
            let run = Run::new("depmod").args(["-n", RELEASE, path]);
            assert_eq!(same(|side| stderr(&root, &run, side)), failed(message));
        }
    }
}

/// Listed difference: the reference makes a step, or an entry of modules.dep, of a directory without a name.
#[test]
fn the_directory_itself_and_the_one_above() {
    let why = "Directories without a name are not modules";
    let root = root();
    for path in DOTS {
        let shown = if path.starts_with('/') { path.into() } else { format!("//{path}") };
        let message = format!("modprobe: FATAL: Failed to get module from path {path}: Is a directory\n");
        for (options, stdout, stderr_of_theirs) in [
            (&["-D"][..], format!("insmod {shown} \n"), ""),
            (&["-R"], "\n".into(), ""),
            (&[], String::new(), "modprobe: ERROR: could not insert '': Is a directory\n"),
        ] {
            let run = modprobe(&root).args(options).arg(path);
            let code = i32::from(!stderr_of_theirs.is_empty());
            let theirs = (code, stdout, stderr_of_theirs.into());
            differs_because(why, &failed(message.clone()), &theirs, |side| stderr(&root, &run, side));
        }
        let insmod = Run::new("insmod").arg(path);
        let message = format!("insmod: ERROR: could not insert module {path}: Is a directory\n");
        assert_eq!(same(|side| stderr(&root, &insmod, side)), failed(message));
        if path.starts_with('/') {
            let run = Run::new("depmod").args(["-n", RELEASE, path]);
            let ours = failed(format!("depmod: FATAL: could not create module {path}: Is a directory\n"));
            for (side, answer) in each(|side| stderr(&root, &run, side)) {
                match side {
                    Side::Ours => assert_eq!(answer, ours),
                    Side::Theirs => {
                        assert!(answer.1.starts_with(&format!("{path}:\n")), "{answer:?}");
                    }
                }
            }
        }
    }
}

/// The kernel finds the name of a module in the file itself. Files of less than six bytes are refused before it is asked.
#[test]
fn hidden_files_are_files() {
    let root = root();
    root.module("kernel/.hidden.ko", |m| m);
    let kernel = format!("/lib/modules/{RELEASE}/kernel");
    let path = format!("{kernel}/.hidden.ko");
    let answer = same(|side| modprobe(&root).args(["-D", &path, "x=1"]).on(side));
    assert_eq!(answer.triple(), (0, format!("insmod {path} x=1\n"), String::new()));
    for run in [modprobe(&root).arg(&path), Run::new("insmod").arg(&path)] {
        let shimmed = same(|side| Shim::new().run(&root, &run, side));
        assert_eq!(
            (shimmed.answer.code, shimmed.calls.as_str()),
            (0, "finit kernel/.hidden.ko \"\" 0 = 0\n")
        );
    }
}

#[test]
fn files_of_less_than_six_bytes() {
    let root = root();
    for bytes in [&b""[..], b"\x7fELF", b"\x7fELF\x02"] {
        root.file("etc/x.ko", bytes);
        let why = "Why a module file cannot be used";
        let reason = "file is too small for a module";
        let modprobe = modprobe(&root).arg("/etc/x.ko");
        let message = |text: &str| failed(format!("modprobe: ERROR: could not insert 'x': {text}\n"));
        let ours = message(&format!("Invalid argument (/etc/x.ko: {reason})"));
        differs_because(why, &ours, &message("Invalid argument"), |side| stderr(&root, &modprobe, side));
        let insmod = Run::new("insmod").arg("/etc/x.ko");
        let message =
            |text: &str| failed(format!("insmod: ERROR: could not insert module /etc/x.ko: {text}\n"));
        let ours = message(&format!("Invalid argument ({reason})"));
        differs_because(why, &ours, &message("Invalid parameters"), |side| stderr(&root, &insmod, side));
    }
}
