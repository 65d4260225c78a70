//! `forbid` lines in modprobe.d and `--ignore-forbid`, which kmod does not support.

use oxmod_test_support::{RELEASE, Root, Side, differs_because, same, sides};

use super::{config_of, modprobe, tree};

const WHY: &str = "Modules can be forbidden";
const FILE: &str = "/etc/modprobe.d/t.conf";

fn with(conf: &str) -> Root {
    let root = tree();
    root.file("etc/modprobe.d/t.conf", conf);
    root
}

/// Returns our answer, with `K` for the directory of the modules and `T` for the configuration file.
#[track_caller]
fn ours(root: &Root, args: &[&str]) -> (i32, String, String) {
    let (code, stdout, stderr) = modprobe(root).args(args).on(Side::Ours).triple();
    (code, stdout.replace(&format!("/lib/modules/{RELEASE}/kernel"), "K"), stderr.replace(FILE, "T"))
}

/// Checks that our modprobe prints only this refusal, for a dry run, -D and -q alike.
#[track_caller]
fn refuses(root: &Root, args: &[&str], message: &str) {
    for how in ["-D", "-n", "-nv"] {
        let answer = ours(root, &[&[how], args].concat());
        let expected = (1, String::new(), format!("modprobe: ERROR: could not insert {message}\n"));
        assert_eq!(answer, expected, "{how} {args:?}");
        let quiet = ours(root, &[&[how, "-q"], args].concat());
        assert_eq!(quiet, (1, String::new(), String::new()), "-q {how} {args:?}");
    }
}

#[track_caller]
fn shows(root: &Root, args: &[&str], stdout: &str, stderr: &str) {
    assert_eq!(ours(root, args), (0, stdout.to_owned(), stderr.to_owned()), "{args:?}");
}

fn ours_is_tested() -> bool {
    sides().contains(&Side::Ours)
}

#[test]
fn kmod_ignores_the_line() {
    let root = with("options a x=1\nforbid a CVE-2026-1, see the wiki\nblacklist b\n");
    let plan = format!("insmod /lib/modules/{RELEASE}/kernel/a.ko x=1 \n");
    let bad = format!(
        "libkmod: ERROR: kmod_config_parse: {FILE} line 2: ignoring bad line starting with 'forbid'\n"
    );
    let why = format!("could not insert 'a': forbidden by {FILE} line 2: CVE-2026-1, see the wiki\n");
    differs_because(
        WHY,
        &(1, String::new(), format!("modprobe: ERROR: {why}")),
        &(0, plan.clone(), bad.clone()),
        |side| modprobe(&root).args(["-D", "a"]).on(side).triple(),
    );
    let unknown = "unrecognized option '--ignore-forbid'";
    let run = modprobe(&root).args(["--ignore-forbid", "-D", "a"]);
    differs_because(WHY, &(0, plan, false), &(1, String::new(), true), |side| {
        let (code, stdout, stderr) = run.on(side).triple();
        (code, stdout, stderr.contains(unknown))
    });
    let config = "blacklist b\noptions a x=1\n";
    let ours = format!("{config}softdep e pre: a post: d_x\nsoftdep g pre: f nosuch post: e\n");
    let theirs = ours.clone();
    differs_because(
        "-c has the lines at its end",
        &(ours + "forbid a CVE-2026-1, see the wiki\n", 0),
        &(theirs, 1),
        |side| {
            let answer = super::with_softdep_blank(side, config_of(side, &modprobe(&root).arg("-c")));
            (answer.stdout_text(), answer.stderr_text().lines().count())
        },
    );
}

/// The advice of modprobe.d(5) for programs that use libkmod.
#[test]
fn an_install_line_stops_other_programs() {
    let root = with("forbid a why\ninstall a /bin/false\n");
    let bad = format!(
        "libkmod: ERROR: kmod_config_parse: {FILE} line 1: ignoring bad line starting with 'forbid'\n"
    );
    let why = format!("modprobe: ERROR: could not insert 'a': forbidden by {FILE} line 1: why\n");
    differs_because(WHY, &(1, String::new(), why), &(0, "install /bin/false \n".to_owned(), bad), |side| {
        modprobe(&root).args(["-D", "a"]).on(side).triple()
    });
}

#[test]
fn by_name_alias_dependency_and_path() {
    if !ours_is_tested() {
        return;
    }
    let root = with("alias mine c\n\nforbid b\t too old \nforbid [fg]\nforbid d-*\n");
    refuses(&root, &["b"], "'b': forbidden by T line 3: too old");
    refuses(&root, &["c"], "'c': b is forbidden by T line 3: too old");
    refuses(&root, &["mine"], "'c': b is forbidden by T line 3: too old");
    refuses(&root, &["symbol:sb"], "'b': forbidden by T line 3: too old");
    refuses(&root, &["g"], "'g': forbidden by T line 4");
    refuses(&root, &["d_x", "p=1"], "'d_x': forbidden by T line 5");
    refuses(&root, &["dd"], "'d_x': forbidden by T line 5");
    let path = format!("/lib/modules/{RELEASE}/kernel/b.ko");
    refuses(&root, &[&path], "'b': forbidden by T line 3: too old");
    shows(&root, &["-D", "a"], "insmod K/a.ko \n", "");
    // A forbidden module need not be installed. A name that does not exist at all is reported as not found, as
    // usual.
    let absent =
        ours(&with("forbid zz\nforbid off\ninstall ghost true\nforbid ghost\nalias al off\n"), &["-D", "zz"]);
    assert!(absent.2.starts_with("modprobe: FATAL: Module zz not found"), "{absent:?}");
}

#[test]
fn other_directives_do_not_override_forbid() {
    if !ours_is_tested() {
        return;
    }
    let root =
        with("install h echo hi\nblacklist d_x\nforbid h\nforbid d-x\ninstall ghost true\nforbid ghost\n");
    root.file("etc/modprobe.d/z.conf", "forbid h later\nforbid i\n");
    for args in [&["h"][..], &["-i", "h"], &["-b", "h"], &["-f", "h"], &["--first-time", "h"]] {
        refuses(&root, args, "'h': forbidden by T line 3");
    }
    refuses(&root, &["ghost"], "'ghost': forbidden by T line 6");
    refuses(&root, &["dd"], "'d_x': forbidden by T line 4");
    refuses(&root, &["i"], "'i': forbidden by /etc/modprobe.d/z.conf line 2");
    // The install command does not run, either.
    assert_eq!(
        ours(&root, &["-v", "h"]),
        (1, String::new(), "modprobe: ERROR: could not insert 'h': forbidden by T line 3\n".to_owned())
    );
}

#[test]
fn ignore_forbid_overrides_forbid() {
    if !ours_is_tested() {
        return;
    }
    let root = with("forbid * nothing at all\ninstall h echo hi\n");
    refuses(&root, &["b"], "'b': forbidden by T line 1: nothing at all");
    shows(&root, &["-D", "--ignore-forbid", "b"], "insmod K/a.ko \ninsmod K/b.ko \n", "");
    shows(&root, &["--ignore-forbid", "-D", "h"], "install echo hi \n", "");
    let run = modprobe(&root).args(["-D", "a"]).env("MODPROBE_OPTIONS", "--ignore-forbid");
    assert_eq!(run.on(Side::Ours).code, 0);
}

#[test]
fn ignore_forbid_applies_to_install_commands() {
    if !ours_is_tested() {
        return;
    }
    let root = with("forbid h\ninstall h echo $MODPROBE_OPTIONS\n");
    shows(&root, &["--ignore-forbid", "-q", "h"], "--ignore-forbid -q\n", "");
}

#[test]
fn a_forbidden_soft_dependency_is_skipped() {
    if !ours_is_tested() {
        return;
    }
    let passed =
        |name: &str, why: &str| format!("modprobe: WARNING: ignoring soft dependency '{name}': {why}\n");
    let root = with("forbid f broken\n");
    let e = "insmod K/a.ko \ninsmod K/b.ko \ninsmod K/c.ko \ninsmod K/d-x.ko \ninsmod K/e.ko \n";
    let warning = passed("f", "forbidden by T line 1: broken");
    shows(&root, &["-D", "g"], &format!("insmod K/g.ko \n{e}"), &warning);
    shows(&root, &["-nv", "g"], &format!("insmod K/g.ko \n{e}"), &warning);
    shows(&root, &["-Dq", "g"], &format!("insmod K/g.ko \n{e}"), "");
    shows(&root, &["-D", "-i", "g"], "insmod K/g.ko \n", "");
    // A soft dependency is also skipped if one of its dependencies is forbidden, together with its own soft
    // dependencies.
    let root = with("forbid c\nsoftdep h pre: e i\nsoftdep e pre: f\n");
    shows(
        &root,
        &["-D", "h"],
        "insmod K/i.ko \ninsmod K/h.ko \n",
        &passed("e", "c is forbidden by T line 1"),
    );
    // A module that is both a dependency and a soft dependency is treated as a dependency.
    let root = with("forbid d_x\n");
    refuses(&root, &["e"], "'e': d_x is forbidden by T line 1");
    // The message appears once for a module and its aliases.
    let root = with("forbid d_x\nsoftdep h pre: dd d-x d_x\n");
    shows(&root, &["-D", "h"], "insmod K/h.ko \n", &passed("d_x", "forbidden by T line 1"));
}

#[test]
fn loaded_and_built_in_modules_are_not_refused() {
    if !ours_is_tested() {
        return;
    }
    let root = with("forbid b\nforbid bi\nforbid a\nsoftdep i pre: b bi\n");
    root.loaded("a", 1000, 1, &["b"]).loaded("b", 1000, 0, &[]);
    shows(&root, &["b"], "", "");
    shows(&root, &["bi"], "", "");
    shows(&root, &["-D", "bi"], "builtin bi\n", "");
    shows(&root, &["-nv", "c"], "insmod K/c.ko \n", "");
    shows(&root, &["-nv", "i"], "insmod K/i.ko \n", "");
    let there = "modprobe: ERROR: could not insert 'b': Module already in kernel\n";
    assert_eq!(ours(&root, &["--first-time", "b"]), (1, String::new(), there.to_owned()));
    // -D plans for a kernel in which nothing is loaded yet.
    let (code, stdout, stderr) = ours(&root, &["-D", "c"]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert_eq!(stderr, "modprobe: ERROR: could not insert 'c': b is forbidden by T line 1\n");
}

#[test]
fn other_operands_and_modules_are_loaded() {
    if !ours_is_tested() {
        return;
    }
    let root = with("forbid b\nalias two b\nalias two h\n");
    let message = |name: &str| format!("modprobe: ERROR: could not insert {name}forbidden by T line 1\n");
    let both = message("'b': ") + &message("'c': b is ");
    root.file("etc/modprobe.d/u.conf", "install i echo hi\n");
    for how in [&["-a"][..], &["--jobs", "2", "-a"]] {
        let answer = ours(&root, &[how, &["b", "c", "i"]].concat());
        assert_eq!(answer, (1, "hi\n".to_owned(), both.clone()), "{how:?}");
    }
    let answer = ours(&root, &["-D", "-a", "b", "c", "a"]);
    assert_eq!(answer, (1, "insmod K/a.ko \n".to_owned(), both));
    assert_eq!(ours(&root, &["-D", "two"]), (1, "insmod K/h.ko \n".to_owned(), message("'b': ")));
}

#[test]
fn queries_and_removal_ignore_forbid() {
    let root = tree();
    root.file("etc/o.conf", "forbid *\n");
    root.loaded("h", 1000, 0, &[]);
    let path = format!("/lib/modules/{RELEASE}/kernel/a.ko");
    for args in [
        &["-R", "b", "dd"][..],
        &["--show-exports", &path],
        &["--show-modversions", &path],
        &["-r", "-n", "-v", "h"],
    ] {
        let free = same(|side| modprobe(&root).args(args).on(side));
        if ours_is_tested() {
            let bound = modprobe(&root).args(["-C", "/etc/o.conf"]).args(args).on(Side::Ours);
            assert_eq!(bound, free, "{args:?}");
        }
    }
}

#[test]
fn abbreviations_of_kmods_options_still_work() {
    let root = tree();
    root.file("etc/modprobe.d/t.conf", "install h false\n");
    let answer = same(|side| modprobe(&root).args(["--ignore", "--i", "-D", "h"]).on(side));
    assert_eq!(answer.stdout_text(), format!("insmod /lib/modules/{RELEASE}/kernel/h.ko \n"));
}
