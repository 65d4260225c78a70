//! The progress bar: shown on a terminal while a long run reads modules, removed afterwards, and never shown
//! elsewhere.

use std::time::Instant;

use oxmod_test_support::{Answer, Kernel, Root, Run, Side, kernels};

/// Runs depmod for trixie's kernel on one processor, which takes seconds. If `terminal`, standard error is a
/// terminal of 80 columns. `environment` is for env(1).
fn depmod(options: &str, terminal: bool, environment: &str) -> Answer {
    let kernels = kernels();
    let Kernel { root, release, .. } = kernels.last().expect("a real kernel: run scripts/lab");
    let out = Root::for_release(release);
    let (root, out) = (root.display(), out.path("").display().to_string());
    let command = format!("env {environment} taskset -c 0 depmod {options} -b {root} -o {out} {release}");
    let whole = format!("script -qec 'stty cols 80 && {command}' /dev/null </dev/null");
    let run = Run::shell(if terminal { &whole } else { &command }).env("TERM", "linux");
    run.on(Side::Ours)
}

#[test]
fn the_bar_is_shown_on_a_terminal() {
    let started = Instant::now();
    let answer = depmod("--full", true, "");
    assert_eq!(answer.code, 0, "{answer:?}");
    let screen = answer.stdout_text();
    assert!(screen.contains("depmod: reading modules [="), "{screen}");
    let bars = screen.matches("reading modules").count();
    let most = 2 * started.elapsed().as_secs() + 2;
    assert!(u64::try_from(bars).unwrap() <= most, "{bars} bars, at most {most} expected: {screen}");
    // The bar has been cleared: the last line is empty.
    let last = screen.rsplit('\r').next().unwrap_or_default();
    assert!(!last.contains("reading"), "{last}");

    let answer = depmod("--full", false, "");
    assert_eq!(answer.triple(), (0, String::new(), String::new()));
    for environment in ["TERM=", "NO_COLOR=1", "CI=true"] {
        let answer = depmod("--full", true, environment);
        assert_eq!(answer.triple(), (0, String::new(), String::new()), "{environment}");
    }
    // A short run shows no bar.
    let root = Root::new();
    for name in ["one", "two", "three"] {
        root.module(&format!("kernel/{name}.ko"), |m| m);
    }
    let script = format!(
        "script -qec 'depmod -b {} {}' /dev/null </dev/null",
        root.path("").display(),
        root.release()
    );
    assert!(!Run::shell(&script).on(Side::Ours).stdout_text().contains("reading modules"));
}
