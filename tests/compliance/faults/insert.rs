//! modprobe and insmod: the kernel's errors for the module itself, for its dependencies and for its soft
//! dependencies.

use oxmod_test_support::{RELEASE, Run, Shim, Side};

use super::{Case, ERRNOS, FEW, all, failed, fine, modprobe, refused, strerror, tree};

/// If another process has loaded the module in the meantime, modprobe succeeds.
#[test]
fn the_kernel_refuses_the_module() {
    let root = tree();
    let cases = ERRNOS.into_iter().flat_map(|errno| {
        let shim = Shim::new().answer("finit", "*", errno);
        let calls = |flags: i32| format!("finit base.ko \"x=1\" {flags} = {errno}\n");
        let expected = |flags| match errno {
            libc::EEXIST => fine(&calls(flags)),
            errno => refused("base", errno, &calls(flags)),
        };
        let (code, _, _, _) = expected(0);
        let mut cases = vec![
            (vec!["base", "x=1"], expected(0)),
            (vec!["--first-time", "base", "x=1"], refused("base", errno, &calls(0))),
        ];
        let further = [
            (vec!["-q", "base", "x=1"], (code, String::new(), String::new(), calls(0))),
            (vec!["-f", "base", "x=1"], expected(3)),
            (vec!["--force-vermagic", "base", "x=1"], expected(2)),
            (vec!["--force-modversion", "base", "x=1"], expected(1)),
            (vec!["-i", "-b", "base", "x=1"], expected(0)),
        ];
        if FEW.contains(&errno) {
            cases.extend(further);
        }
        Case::of_modprobe(&shim, cases)
    });
    all(&root, cases);
}

#[test]
fn the_kernel_refuses_a_dependency() {
    let root = tree();
    let cases = ERRNOS.into_iter().flat_map(|errno| {
        let shim = Shim::new().answer("finit", "mid.ko", errno);
        let calls = format!("finit base.ko \"\" 0 = 0\nfinit mid.ko \"\" 0 = {errno}\n");
        let expected = match errno {
            libc::EEXIST => fine(&format!("{calls}finit top.ko \"\" 0 = 0\n")),
            errno => refused("top", errno, &calls),
        };
        let path = format!("/lib/modules/{RELEASE}/top.ko");
        let mut cases = vec![vec!["top"]];
        if FEW.contains(&errno) {
            cases.extend([vec!["--first-time", "top"], vec![path.as_str()]]);
        }
        cases.into_iter().map(|args| Case::same(&shim, modprobe(&args), expected.clone())).collect::<Vec<_>>()
    });
    all(&root, cases);
}

#[test]
fn the_kernel_refuses_soft_dependencies() {
    let root = tree();
    let calls = |pre: i32, post: i32| {
        fine(&format!(
            "finit base.ko \"\" 0 = 0\nfinit pre.ko \"\" 0 = {pre}\nfinit soft.ko \"\" 0 = 0\nfinit post.ko \"\" 0 = {post}\n"
        ))
    };
    let cases = FEW.into_iter().chain([libc::ENODEV]).flat_map(|errno| {
        [
            (Shim::new().answer("finit", "pre.ko", errno), calls(errno, 0)),
            (Shim::new().answer("finit", "post.ko", errno), calls(0, errno)),
            (Shim::new().answer("finit", "#2", errno).answer("finit", "#4", errno), calls(errno, errno)),
        ]
        .map(|(shim, expected)| Case::same(&shim, modprobe(&["soft"]), expected))
    });
    all(&root, cases);
}

#[test]
fn one_of_several_modules_is_refused() {
    let root = tree();
    let cases = [libc::EPERM, libc::ENOENT, libc::EINVAL, libc::ENODEV].map(|errno| {
        let shim = Shim::new().answer("finit", "mid.ko", errno);
        let (_, _, message, _) = refused("top", errno, "");
        let calls = format!(
            "finit base.ko \"\" 0 = 0\nfinit mid.ko \"\" 0 = {errno}\nfinit pre.ko \"\" 0 = 0\nfinit post.ko \"\" 0 = 0\n"
        );
        let absent = "modprobe: WARNING: Module nosuch not found in directory M\n";
        let expected = failed(&format!("{message}{absent}"), &calls);
        Case::same(&shim, modprobe(&["-a", "top", "nosuch", "pre", "post"]), expected)
    });
    all(&root, cases);
}

#[test]
fn a_kernel_without_finit_module() {
    let root = tree();
    let cases = ERRNOS.into_iter().chain([0]).map(|errno| {
        let shim = Shim::new().answer("finit", "*", libc::ENOSYS).answer("init", "*", errno);
        let calls = format!("finit base.ko \"a=1\" 0 = 38\ninit base.ko \"a=1\" = {errno}\n");
        let expected = match errno {
            0 | libc::EEXIST => fine(&calls),
            errno => refused("base", errno, &calls),
        };
        Case::same(&shim, modprobe(&["base", "a=1"]), expected)
    });
    all(&root, cases);
    let neither = Shim::new().answer("finit", "*", libc::ENOSYS).answer("init", "*", libc::ENOSYS);
    let expected = refused("base", libc::ENOSYS, "finit base.ko \"\" 0 = 38\ninit base.ko \"\" = 38\n");
    all(&root, [Case::same(&neither, modprobe(&["base"]), expected)]);
}

#[test]
fn messages_of_insmod() {
    let root = tree();
    let file = format!("/lib/modules/{RELEASE}/base.ko");
    let cases = ERRNOS.into_iter().flat_map(|errno| {
        let words = match errno {
            libc::ENOEXEC => "Invalid module format".into(),
            libc::ENOENT => "Unknown symbol in module".into(),
            libc::ESRCH => "Module has wrong symbol version".into(),
            libc::EINVAL => "Invalid parameters".into(),
            errno => strerror(errno),
        };
        let shim = Shim::new().answer("finit", "*", errno);
        let expected = |flags: i32| {
            failed(
                &format!("insmod: ERROR: could not insert module M/base.ko: {words}\n"),
                &format!("finit base.ko \"a=1 b=\"c d\"\" {flags} = {errno}\n"),
            )
        };
        let run = |option: &[&str]| Run::new("insmod").args(option).args([&file, "a=1", "b=c d"]);
        [(&[][..], 0), (&["-f"], 3)].map(|(option, flags)| Case::same(&shim, run(option), expected(flags)))
    });
    all(&root, cases);
}

/// A call that is interrupted by a signal is repeated; if it is interrupted every time, loading fails.
#[test]
fn interrupted_calls() {
    let root = tree();
    let call = |errno: i32| format!("finit base.ko \"\" 0 = {errno}\n");
    let theirs = refused("base", libc::EINTR, &call(libc::EINTR));
    let once = Shim::new().answer("finit", "#1", libc::EINTR);
    let then_there = once.clone().answer("finit", "*", libc::EEXIST);
    let then_refused = once.clone().answer("finit", "*", libc::ENODEV);
    let always = Shim::new().answer("finit", "*", libc::EINTR);
    let run = || modprobe(&["base"]);
    let interrupted = call(libc::EINTR);
    let ours = [
        (once, fine(&(interrupted.clone() + &call(0)))),
        (then_there, fine(&(interrupted.clone() + &call(libc::EEXIST)))),
        (then_refused, refused("base", libc::ENODEV, &(interrupted.clone() + &call(libc::ENODEV)))),
        (always, refused("base", libc::EINTR, &interrupted.repeat(3))),
    ];
    all(&root, ours.map(|(shim, ours)| Case(shim, run(), ours, theirs.clone())));
    let shim = Shim::new().answer("finit", "*", libc::ENOSYS).answer("init", "#1", libc::EINTR);
    let calls = |rest| format!("finit base.ko \"\" 0 = 38\ninit base.ko \"\" = 4\n{rest}");
    let ours = fine(&calls("init base.ko \"\" = 0\n"));
    all(&root, [Case(shim, run(), ours, refused("base", libc::EINTR, &calls("")))]);
}

/// insmod's options to skip single checks are from versions of kmod after 34.2, which knows `--force` and its
/// abbreviations only.
#[test]
fn insmod_skips_checks() {
    let root = tree();
    let path = format!("/lib/modules/{RELEASE}/base.ko");
    for (options, flags) in [
        (&["--force-modversion"][..], 1),
        (&["--force-vermagic"], 2),
        (&["--force-vermagic", "--force-modversion"], 3),
    ] {
        let run = Run::new("insmod").args(options).arg(&path).arg("x=1");
        let answer = super::seen(&Shim::new().run(&root, &run, Side::Ours));
        assert_eq!(answer, fine(&format!("finit base.ko \"x=1\" {flags} = 0\n")));
    }
    let cases = ["-f", "--force", "--forc", "--f"].map(|option| {
        Case::same(&Shim::new(), Run::new("insmod").args([option, &path]), fine("finit base.ko \"\" 3 = 0\n"))
    });
    all(&root, cases);
}
