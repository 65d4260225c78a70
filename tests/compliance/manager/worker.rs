//! The process that runs the manager: this test program itself, started inside the tree.

use std::ffi::CStr;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use oxmod::ops::ModuleError;
use oxmod::ops::manager::{LoadReport, Manager};

/// The name of the test that runs the script.
pub(super) const NAME: &str = "manager::worker::runs_a_script";
/// The script, with one request per line, and the file for the answers.
pub(super) const SCRIPT: &str = "manager-script";
pub(super) const ANSWERS: &str = "manager-answers";

/// Does nothing by default; the other tests of this directory start it with a script.
#[test]
fn runs_a_script() {
    let Some(script) = std::env::var_os("OXMOD_MANAGER") else { return };
    let script = fs::read_to_string(script).expect("the script");
    let manager = match std::env::var_os("OXMOD_MANAGER_META").map(PathBuf::from) {
        Some(meta) => Manager::from_meta(&meta, meta.parent().expect("a directory")),
        None => Manager::from_root("/"),
    };
    let manager = manager.expect("a manager");
    let mut children = Vec::new();
    let answers: Vec<String> =
        script.lines().filter_map(|line| answer(&manager, line, &mut children)).collect();
    for mut child in children {
        assert!(child.wait().expect("a child").success());
    }
    fs::write(format!("/{ANSWERS}"), answers.join("\n")).expect("the answers");
}

fn answer(manager: &Manager, line: &str, children: &mut Vec<Child>) -> Option<String> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let shell = |line: &str| Command::new("/bin/sh").args(["-c", line]).env_remove("LD_PRELOAD").spawn();
    Some(match verb {
        "load" => load(manager, rest),
        "device" => report_text(&manager.load_for_device(rest)),
        "unload" => match manager.unload(rest) {
            Ok(names) => list("removed", &names),
            Err(incomplete) if incomplete.done.is_empty() => error(*incomplete.error),
            Err(incomplete) => format!("{}, but {}", incomplete.error, list("removed", &incomplete.done)),
        },
        "state" => manager.state(rest).map_or_else(|| "absent".into(), |state| format!("{state:?}")),
        "refresh" | "renew" => match renewed(manager, verb) {
            Ok(true) => "refreshed".into(),
            Ok(false) => "unchanged".into(),
            Err(error) => format!("no directory [{}]", error.errno()),
        },
        "together" => together(manager, rest),
        "at-once" => at_once(manager, rest),
        "sh" => {
            assert!(shell(rest).and_then(|mut child| child.wait()).expect("a shell").success());
            return None;
        }
        // Runs while the next requests are executed.
        "later" => {
            children.push(shell(&format!("sleep 0.3; {rest}")).expect("a shell"));
            return None;
        }
        _ => panic!("{line}"),
    })
}

fn renewed(manager: &Manager, verb: &str) -> oxmod::error::Result<bool> {
    if verb == "renew" { manager.refresh_if_changed() } else { manager.refresh().map(|()| true) }
}

fn load(manager: &Manager, name: &str) -> String {
    match manager.load(name) {
        Ok(report) => report_text(&report),
        Err(incomplete) => {
            let mut done = *incomplete.done;
            let others = done.failed.split_off(done.failed.len().min(1));
            // The error is the first of the reasons.
            assert_eq!(done.failed.pop().map(|(_, error)| error.errno()), reasons(&incomplete.error));
            done.failed = others;
            match report_text(&done).as_str() {
                "nothing" => error(*incomplete.error),
                done => format!("{}, but {done}", incomplete.error),
            }
        }
    }
}

/// Returns the errno of an error that also appears in the report; a name that cannot be resolved does not.
fn reasons(error: &ModuleError) -> Option<i32> {
    let in_no_report = matches!(error, ModuleError::NotFound { .. } | ModuleError::Malformed { .. });
    (!in_no_report).then(|| error.errno())
}

/// Loads the same name in several threads at the same time. Returns their answers, without duplicates.
fn at_once(manager: &Manager, arguments: &str) -> String {
    let (threads, name) = arguments.split_once(' ').expect("a number and a name");
    let threads: usize = threads.parse().expect("a number");
    let barrier = Barrier::new(threads);
    let mut answers: Vec<String> = thread::scope(|scope| {
        let work = || {
            barrier.wait();
            load(manager, name)
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    answers.sort();
    answers.dedup();
    answers.join(" / ")
}

/// Loads all the names in each of several threads, each of which starts with a different name. Returns the modules
/// that the reports list as loaded, with repetitions.
fn together(manager: &Manager, arguments: &str) -> String {
    let mut words = arguments.split(' ');
    let threads: usize = words.next().and_then(|word| word.parse().ok()).expect("a number");
    let names: Vec<&str> = words.collect();
    let (barrier, begin) = (Barrier::new(threads), Instant::now());
    let mut loaded: Vec<String> = thread::scope(|scope| {
        let work = |thread: usize| {
            let (names, barrier) = (&names, &barrier);
            move || {
                barrier.wait();
                let mine = (0..names.len()).map(|at| names[(at + thread * 7) % names.len()]);
                mine.flat_map(|name| {
                    let report = manager.load(name).unwrap_or_else(|error| panic!("{name}: {error}"));
                    report.loaded
                })
                .map(|name| name.to_string())
                .collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(work(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(begin.elapsed() < Duration::from_mins(1));
    loaded.sort();
    loaded.join(" ")
}

fn report_text(report: &LoadReport) -> String {
    let mut parts: Vec<String> = [
        ("loaded", &report.loaded),
        ("already", &report.already),
        ("builtin", &report.builtin),
        ("commands", &report.commands),
        ("blacklisted", &report.blacklisted),
    ]
    .into_iter()
    .filter(|(_, names)| !names.is_empty())
    .map(|(word, names)| list(word, names))
    .collect();
    parts.extend(report.failed.iter().map(|(name, error)| format!("failed {name}: {error}")));
    if parts.is_empty() { "nothing".into() } else { parts.join("; ") }
}

fn list(word: &str, names: &[impl std::fmt::Display]) -> String {
    names.iter().fold(word.to_owned(), |mut text, name| {
        let _ = write!(text, " {name}");
        text
    })
}

#[allow(clippy::needless_pass_by_value, reason = "it ends a chain")]
fn error(error: ModuleError) -> String {
    format!("{error} [{}]", error.errno())
}

/// Returns the description of an errno.
#[allow(unsafe_code)]
pub(super) fn words(errno: i32) -> String {
    // SAFETY: strerror returns a NUL-terminated string, which is valid until this thread's next call.
    unsafe { CStr::from_ptr(libc::strerror(errno)) }.to_string_lossy().into_owned()
}
