//! modprobe with several operands: what the failure of one does to the others, and the level of its message. With -a
//! each failure is a warning, and every other operand has its turn; without it, it is fatal.

use oxmod_test_support::{RELEASE, Root, Shim};

use super::{Case, Seen, all, fine, modprobe, tree};

/// `top`, `mid`, `base` and `pre` are loaded, `mid` is in use, the remove command of `cmd` fails, and `soft` has soft
/// dependencies that cannot be removed.
fn root() -> Root {
    let root = tree();
    for (name, count) in [("top", 0), ("mid", 1), ("base", 0), ("pre", 0), ("soft", 0), ("post", 2)] {
        root.loaded(name, 1, count, &[]);
    }
    root.link("sys/module/base/holders/mid", "../../mid");
    root.file("etc/modprobe.d/x.conf", "remove cmd false\n");
    root
}

fn answer(code: i32, stderr: &[&str], calls: &[&str]) -> Seen {
    let lines = stderr.iter().flat_map(|line| ["modprobe: ", line, "\n"]).collect();
    (code, String::new(), lines, calls.iter().flat_map(|name| ["delete ", name, " 04000 = 0\n"]).collect())
}

/// The operands that cannot be removed, and why.
const KEPT: [(&[&str], &str); 6] = [
    (&["nosuch"], "Module nosuch not found."),
    (&[""], "Module  not found."),
    (&["inside"], "Module inside is builtin."),
    (&["mid"], "Module mid is in use."),
    (&["cmd"], "Error running remove command for cmd"),
    (&["--first-time", "zstd"], "Module zstd is not in kernel."),
];

#[test]
fn removal_goes_on_only_with_all() {
    let root = root();
    let cases = KEPT.into_iter().flat_map(|(args, why)| {
        let with = |options: &[&'static str]| [options, args, &["pre"]].concat();
        let (fatal, warning) = (format!("FATAL: {why}"), format!("WARNING: {why}"));
        Case::of_modprobe(
            &Shim::new(),
            vec![
                (with(&["-r"]), answer(1, &[&fatal], &[])),
                (with(&["-a", "-r"]), answer(1, &[&warning], &["pre"])),
                (with(&["-r", "--all"]), answer(1, &[&warning], &["pre"])),
                (with(&["-arq"]), answer(1, &[], &["pre"])),
                (with(&["-rq"]), answer(1, &[], &["pre"])),
                ([&["-ar", "pre"], args].concat(), answer(1, &[&warning], &["pre"])),
            ],
        )
    });
    all(&root, cases);
}

/// What `-r` removes beside an operand: a soft dependency that stays is only a warning too.
#[test]
fn soft_dependencies_and_holders_that_stay() {
    let root = root();
    let in_use = |level: &str, name: &str| format!("{level}: Module {name} is in use.");
    let (post, mid) = (in_use("WARNING", "post"), in_use("WARNING", "mid"));
    let cases = vec![
        (vec!["-r", "soft", "pre"], answer(1, &[&in_use("FATAL", "post")], &[])),
        (vec!["-ar", "soft", "top"], answer(0, &[&post], &["soft", "base", "pre", "top", "base"])),
        (vec!["-arq", "soft"], answer(0, &[], &["soft", "base", "pre"])),
        (vec!["-r", "--remove-holders", "base", "pre"], answer(1, &[&in_use("FATAL", "mid")], &[])),
        (vec!["-ar", "--remove-holders", "base", "pre"], answer(1, &[&mid], &["pre"])),
    ];
    all(&root, Case::of_modprobe(&Shim::new(), cases));
    root.file("etc/modprobe.d/x.conf", "remove post false\n");
    let failed = "WARNING: Error running remove command for post";
    all(
        &root,
        Case::of_modprobe(
            &Shim::new(),
            vec![(vec!["-ar", "soft"], answer(0, &[failed], &["soft", "base", "pre"]))],
        ),
    );
}

/// Listed difference: the reference fails without a message, and continues.
#[test]
fn brackets_that_do_not_match() {
    let root = root();
    let case = |args: &[&str], ours, theirs| Case(Shim::new(), modprobe(args), ours, theirs);
    let message = |level: &str| format!("{level}: Module [ not found.");
    all(
        &root,
        [
            case(&["-r", "[", "pre"], answer(1, &[&message("FATAL")], &[]), answer(1, &[], &["pre"])),
            case(&["-ar", "[", "pre"], answer(1, &[&message("WARNING")], &["pre"]), answer(1, &[], &["pre"])),
        ],
    );
}

#[test]
fn loading_goes_on() {
    let root = tree();
    let not_found = format!("Module nosuch not found in directory /lib/modules/{RELEASE}")
        .replace(&format!("/lib/modules/{RELEASE}"), "M");
    let no_file = "Failed to get module from path /nosuch.ko: No such file or directory";
    let cases =
        [("nosuch", not_found.as_str()), ("/nosuch.ko", no_file)].into_iter().flat_map(|(operand, why)| {
            let failed = |level: &str, calls: &str| -> Seen {
                (1, String::new(), format!("modprobe: {level}: {why}\n"), calls.into())
            };
            Case::of_modprobe(
                &Shim::new(),
                vec![
                    (vec![operand, "pre"], failed("FATAL", "")),
                    (vec!["-a", operand, "pre"], failed("WARNING", "finit pre.ko \"\" 0 = 0\n")),
                    (vec!["-D", operand], failed("FATAL", "")),
                    (vec!["-R", operand], failed("FATAL", "")),
                    (vec!["-aD", operand], failed("WARNING", "")),
                    (vec!["-aR", operand], failed("WARNING", "")),
                ],
            )
        });
    all(&root, cases);
    all(
        &root,
        Case::of_modprobe(
            &Shim::new(),
            vec![
                (
                    vec!["-a"],
                    (
                        1,
                        String::new(),
                        "modprobe: ERROR: missing parameters. See -h.\n".into(),
                        String::new(),
                    ),
                ),
                (vec!["-a", "pre"], fine("finit pre.ko \"\" 0 = 0\n")),
            ],
        ),
    );
}

/// These questions are about the first operand only, but -a changes the level of their messages.
#[test]
fn symbols_that_cannot_be_shown() {
    let root = tree();
    let file = root.in_modules("pre.ko");
    let file = format!("/{}", file.display());
    let dir = format!("/lib/modules/{RELEASE}");
    let cases = [("--show-modversions", "modversions"), ("--show-exports", "symbols")].into_iter().flat_map(
        |(option, what)| {
            let no_data = format!("could not get {what} of {file}: No data available").replace(&dir, "M");
            let text = format!("could not get {what} of /proc/cmdline: Exec format error");
            let none = "Module nosuch not found.".to_owned();
            [("nosuch", none), (file.as_str(), no_data), ("/proc/cmdline", text)]
                .into_iter()
                .flat_map(move |(operand, why)| {
                    [
                        (vec![option], "FATAL"),
                        (vec!["-a", option], "WARNING"),
                        (vec![option, "--all", "-v"], "WARNING"),
                    ]
                    .map(|(args, level)| {
                        let message = format!("{level}: {why}");
                        Case::same(&Shim::new(), modprobe(&args).arg(operand), answer(1, &[&message], &[]))
                    })
                })
                .collect::<Vec<_>>()
        },
    );
    all(&root, cases);
}
