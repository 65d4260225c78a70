//! modprobe -r and rmmod: the kernel's errors for the module itself and for modules that are removed with it.

use std::fmt::Write as _;

use oxmod_test_support::{Root, Run, Shim, Side};

use super::{Case, ERRNOS, Seen, all, failed, fine, modprobe, seen, strerror, tree};

/// The errnos that `delete_module(2)` documents, and some others.
const OF_REMOVAL: [i32; 8] = [
    libc::EBUSY,
    libc::EFAULT,
    libc::ENOENT,
    libc::EPERM,
    libc::EAGAIN,
    libc::EINVAL,
    libc::ENOSYS,
    libc::EBADMSG,
];

/// Builds a tree in which all modules are loaded.
fn loaded() -> Root {
    let root = tree();
    for name in ["top", "mid", "base", "pre", "soft", "post"] {
        root.loaded(name, 1, 0, &[]);
    }
    root
}

fn kept(names: &[&str], errno: i32) -> String {
    let line = |name| format!("modprobe: ERROR: could not remove '{name}': {}\n", strerror(errno));
    names.iter().map(line).collect()
}

fn calls(flags: &str, answers: &[(&str, i32)]) -> String {
    answers.iter().fold(String::new(), |mut calls, (name, errno)| {
        writeln!(calls, "delete {name} {flags} = {errno}").unwrap();
        calls
    })
}

#[test]
fn the_kernel_refuses_the_module() {
    let root = loaded();
    // No kernel returns EEXIST here, and the reference treats it as success.
    let errnos = ERRNOS.into_iter().filter(|&errno| errno != libc::EEXIST);
    let cases = errnos.chain([libc::ENOSYS]).flat_map(|errno| {
        let shim = Shim::new().answer("delete", "top", errno);
        let message = kept(&["top"], errno);
        let once = |flags| failed(&message, &calls(flags, &[("top", errno)]));
        let both = |message: &str| failed(message, &calls("04000", &[("top", errno), ("pre", 0)]));
        let mut cases = vec![(vec!["-r", "top"], once("04000"))];
        let further = [
            (vec!["-r", "--first-time", "top"], once("04000")),
            (vec!["-r", "-i", "top"], once("04000")),
            (vec!["-rf", "top"], once("05000")),
            (vec!["-r", "--force-vermagic", "top"], once("04000")),
            (vec!["-r", "top", "pre"], both(&message)),
            (vec!["-rq", "top", "pre"], both("")),
        ];
        if OF_REMOVAL.contains(&errno) {
            cases.extend(further);
        }
        Case::of_modprobe(&shim, cases)
    });
    all(&root, cases);
}

/// If a module that should be removed as well cannot be removed, this is reported but is not a failure.
#[test]
fn the_kernel_refuses_a_dependency() {
    let root = loaded();
    let cases = OF_REMOVAL.into_iter().flat_map(|errno| {
        let expected = |names: &[(&str, i32)]| -> Seen {
            let stay: Vec<&str> = names.iter().filter(|name| name.1 != 0).map(|name| name.0).collect();
            (0, String::new(), kept(&stay, errno), calls("04000", names))
        };
        let shim =
            |names: &[&str]| names.iter().fold(Shim::new(), |shim, name| shim.answer("delete", name, errno));
        let (top, soft) = (modprobe(&["-r", "top"]), modprobe(&["-r", "soft"]));
        [
            (shim(&["mid"]), &top, expected(&[("top", 0), ("base", 0), ("mid", errno)])),
            (shim(&["mid", "base"]), &top, expected(&[("top", 0), ("base", errno), ("mid", errno)])),
            (shim(&["post"]), &soft, expected(&[("post", errno), ("soft", 0), ("base", 0), ("pre", 0)])),
            (
                shim(&["post", "base", "pre"]),
                &soft,
                expected(&[("post", errno), ("soft", 0), ("base", errno), ("pre", errno)]),
            ),
        ]
        .map(|(shim, run, expected)| Case::same(&shim, run.clone(), expected))
    });
    all(&root, cases);
    let cases = OF_REMOVAL.map(|errno| {
        let shim = Shim::new().answer("delete", "*", errno);
        let expected =
            failed(&kept(&["post", "soft"], errno), &calls("04000", &[("post", errno), ("soft", errno)]));
        Case::same(&shim, modprobe(&["-r", "soft"]), expected)
    });
    all(&root, cases);
}

#[test]
fn the_kernel_refuses_a_holder() {
    let root = loaded();
    root.link("sys/module/base/holders/mid", "../../mid");
    let run = || modprobe(&["-r", "--remove-holders", "base"]);
    let cases = OF_REMOVAL.into_iter().flat_map(|errno| {
        // Removing the holder also tries to remove its dependency, which is the requested module.
        let taken = [("mid", 0), ("base", errno), ("base", errno)];
        [
            (
                Shim::new().answer("delete", "mid", errno),
                failed(&kept(&["mid"], errno), &calls("04000", &[("mid", errno)])),
            ),
            (
                Shim::new().answer("delete", "base", errno),
                failed(&kept(&["base", "base"], errno), &calls("04000", &taken)),
            ),
        ]
        .map(|(shim, expected)| Case::same(&shim, run(), expected))
    });
    all(&root, cases);
}

/// The module goes with its holder, because nothing else uses it; kmod 34.2 then tries to remove it again.
#[test]
fn a_module_is_removed_once() {
    let root = loaded();
    root.link("sys/module/base/holders/mid", "../../mid");
    let gone = Shim::new().answer("delete", "#3", libc::ENOENT);
    let once = [("mid", 0), ("base", 0)];
    let again = [once[0], once[1], ("base", libc::ENOENT)];
    let theirs = failed(&kept(&["base"], libc::ENOENT), &calls("04000", &again));
    all(
        &root,
        [Case(
            gone.clone(),
            modprobe(&["-r", "--remove-holders", "base"]),
            fine(&calls("04000", &once)),
            theirs,
        )],
    );
    // The option alone says what to do. kmod 34.2 loads the module.
    let alone = gone.run(&root, &modprobe(&["--remove-holders", "base"]), Side::Ours);
    assert_eq!(seen(&alone), fine(&calls("04000", &once)));
}

#[test]
fn waiting_times_out_of_range() {
    let root = loaded();
    for time in ["18446744073709551616", "-99999999999999999999"] {
        let words = format!("modprobe: ERROR: unexpected wait value '{time}'.\n");
        let run = modprobe(&["-r", "-w", time, "pre"]);
        all(&root, [Case(Shim::new(), run, failed(&words, ""), fine(&calls("04000", &[("pre", 0)])))]);
    }
}

#[test]
fn waiting_for_a_module_in_use() {
    let root = loaded();
    let busy = Shim::new().answer("delete", "#1", libc::EAGAIN).answer("delete", "#2", libc::EAGAIN);
    let run = || modprobe(&["-r", "-w", "10000", "pre"]);
    let answers = [("pre", libc::EAGAIN), ("pre", libc::EAGAIN), ("pre", 0)];
    all(&root, [Case::same(&busy, run(), fine(&calls("04000", &answers)))]);
    // Any other errno ends the waiting.
    let refused = busy.answer("delete", "#3", libc::EPERM);
    let answers = [("pre", libc::EAGAIN), ("pre", libc::EAGAIN), ("pre", libc::EPERM)];
    let expected = failed(&kept(&["pre"], libc::EPERM), &calls("04000", &answers));
    all(&root, [Case::same(&refused, run(), expected)]);
    // The reference may wait forever here.
    let always = Shim::new().answer("delete", "*", libc::EAGAIN);
    let (code, _, stderr, log) = seen(&always.run(&root, &modprobe(&["-r", "-w", "500", "pre"]), Side::Ours));
    assert_eq!((code, stderr), (1, kept(&["pre"], libc::EAGAIN)));
    assert!(log.lines().count() >= 3, "{log}");
}

#[test]
fn messages_of_rmmod() {
    let root = loaded();
    let cases = OF_REMOVAL.into_iter().flat_map(|errno| {
        let shim = Shim::new().answer("delete", "top", errno);
        let words = strerror(errno);
        let message = format!(
            "rmmod: ERROR: could not remove 'top': {words}\nrmmod: ERROR: could not remove module top: {words}\n"
        );
        let answers = [("top", errno), ("pre", 0)];
        [(vec!["top", "pre"], "04000"), (vec!["-f", "top", "pre"], "05000"), (vec!["-v", "top", "pre"], "04000")]
            .map(|(args, flags)| Case::same(&shim, Run::new("rmmod").args(args), failed(&message, &calls(flags, &answers))))
    });
    all(&root, cases);
}

/// The first message has the name of the module, the second one what was typed.
#[test]
fn rmmod_names_the_operand() {
    let root = loaded();
    root.loaded("d_x", 1, 0, &[]).file("etc/d-x.ko.xz", "");
    let shim = Shim::new().answer("delete", "*", libc::EPERM);
    let words = strerror(libc::EPERM);
    let cases = ["d-x", "d-x.ko", "d_x.anything", "/etc/d-x.ko.xz", "/etc/./d-x.ko.xz"].into_iter();
    let cases = cases.flat_map(|operand| {
        let message = format!(
            "rmmod: ERROR: could not remove 'd_x': {words}\nrmmod: ERROR: could not remove module {operand}: {words}\n"
        );
        [(vec![operand], "04000"), (vec!["-f", operand], "05000")].map(|(args, flags)| {
            let expected = failed(&message, &calls(flags, &[("d_x", libc::EPERM)]));
            Case::same(&shim, Run::new("rmmod").args(args), expected)
        })
    });
    all(&root, cases);
}

/// Listed difference: the kernel is asked to remove a module that is loaded although no index has it any more.
#[test]
fn a_module_that_only_the_kernel_knows() {
    let root = loaded();
    root.loaded("gone_x", 1, 0, &[]).loaded("busy", 1, 1, &[]).dir("sys/module/kernel/parameters");
    let missing = |name: &str| failed(&format!("modprobe: FATAL: Module {name} not found.\n"), "");
    let case = |args: &[&str], ours, name: &str| Case(Shim::new(), modprobe(args), ours, missing(name));
    let in_use = |level: &str| failed(&format!("modprobe: {level}: Module busy is in use.\n"), "");
    let kept = kept(&["gone_x"], libc::EPERM);
    let refused = Case(
        Shim::new().answer("delete", "gone_x", libc::EPERM),
        modprobe(&["-r", "gone_x"]),
        failed(&kept, &calls("04000", &[("gone_x", libc::EPERM)])),
        missing("gone_x"),
    );
    let printed = (0, "rmmod gone_x\n".into(), String::new(), String::new());
    all(
        &root,
        [
            case(&["-r", "gone-x"], fine(&calls("04000", &[("gone_x", 0)])), "gone-x"),
            case(&["-r", "gone_x", "pre"], fine(&calls("04000", &[("gone_x", 0), ("pre", 0)])), "gone_x"),
            case(&["-rf", "gone_x"], fine(&calls("05000", &[("gone_x", 0)])), "gone_x"),
            case(&["-r", "-n", "-v", "gone_x"], printed, "gone_x"),
            case(&["-r", "busy"], in_use("FATAL"), "busy"),
            refused,
        ],
    );
    // What has a directory there and no state is built in, and paths are not names.
    for operand in ["kernel", "nosuch", "gone_x/", "../module/gone_x", ".", ""] {
        all(&root, [Case::same(&Shim::new(), modprobe(&["-r", operand]), missing(operand))]);
    }
}

/// A call that is interrupted by a signal is repeated.
#[test]
fn interrupted_calls() {
    let root = loaded();
    let once = Shim::new().answer("delete", "#1", libc::EINTR);
    let always = Shim::new().answer("delete", "*", libc::EINTR);
    let interrupted = ("pre", libc::EINTR);
    let theirs = failed(&kept(&["pre"], libc::EINTR), &calls("04000", &[interrupted]));
    let run = || modprobe(&["-r", "pre"]);
    let words = strerror(libc::EINTR);
    let rmmod = format!(
        "rmmod: ERROR: could not remove 'pre': {words}\nrmmod: ERROR: could not remove module pre: {words}\n"
    );
    let again = calls("04000", &[interrupted, ("pre", 0)]);
    all(
        &root,
        [
            Case(once.clone(), run(), fine(&again), theirs.clone()),
            Case(
                always,
                run(),
                failed(&kept(&["pre"], libc::EINTR), &calls("04000", &[interrupted; 3])),
                theirs,
            ),
            Case(
                once,
                Run::new("rmmod").arg("pre"),
                fine(&again),
                failed(&rmmod, &calls("04000", &[interrupted])),
            ),
        ],
    );
}

/// A chain of soft dependencies that is too long for a recursive function with a small stack. The commands are only
/// printed.
#[test]
fn a_long_chain_of_soft_dependencies() {
    const LENGTH: usize = 10_000;
    let root = tree();
    let conf = (0..LENGTH).fold("remove m* true\n".to_owned(), |mut conf, n| {
        writeln!(conf, "remove m{n} never\nsoftdep m{n} post: m{}", n + 1).unwrap();
        conf
    });
    root.file("etc/modprobe.d/x.conf", conf);
    let run = Run::shell("ulimit -s 256; exec modprobe -S 6.1.0-test -r -n -v m0").inside(&root);
    let answer = run.on(Side::Ours);
    assert_eq!((answer.code, answer.stderr_text().as_str()), (0, ""));
    assert_eq!(answer.stdout_text(), "remove true\n".repeat(LENGTH));
    if oxmod_test_support::sides().contains(&Side::Theirs) {
        assert_eq!(run.on(Side::Theirs).code, 128 + libc::SIGSEGV);
    }
}
