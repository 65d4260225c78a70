//! Checks that the console session in the README shows the real output on Debian 13's modules, and that the README's
//! example for the library is the same as in the library's own README, where `cargo test --doc` compiles it.

use std::os::unix::fs::symlink;
use std::path::Path;

use oxmod_test_support::{Kernel, Root, Run, Side, kernels, running_release};

/// Returns the first code block of `file` that opens with `fence`.
fn block(file: &str, fence: &str) -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let (_, rest) = text.split_once(&format!("```{fence}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Returns the commands of the session, each with the lines below it.
fn console() -> Vec<(String, Vec<String>)> {
    let block = block("README.md", "console");
    let mut shown: Vec<(String, Vec<String>)> = Vec::new();
    for line in block.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => shown.push((command.to_owned(), Vec::new())),
            None => shown.last_mut().expect("a command first").1.push(line.to_owned()),
        }
    }
    shown
}

/// Builds a system whose running kernel has the modules of a real one.
fn system(kernel: &Kernel) -> Root {
    let root = Root::for_release(&running_release());
    let dir = kernel.root.join("lib/modules").join(&kernel.release);
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let own = root.in_modules(&name);
        if entry.file_type().unwrap().is_dir() {
            root.dir(own.parent().unwrap());
            symlink(entry.path(), root.path(&own)).unwrap();
        } else {
            root.file(own, std::fs::read(entry.path()).unwrap());
        }
    }
    root.dir("etc/modprobe.d").dir("lib/firmware").dir("sys/devices");
    // Writes the cache, without which depmod --verify would read every module.
    assert_eq!(Run::new("depmod").inside(&root).on(Side::Ours).triple(), (0, String::new(), String::new()));
    root
}

/// Removes the kernel release, which changes with updates, and trailing blanks, which the README does not show.
fn neutral(text: &str) -> Vec<String> {
    let place = "/lib/modules/";
    let without_release = |part: &str| part.split_once('/').map(|(_, behind)| behind.to_owned());
    let neutral = text.lines().map(|line| {
        let mut parts = line.trim_end().split(place);
        let first = parts.next().unwrap_or_default().to_owned();
        parts
            .map(|part| without_release(part).expect("a path"))
            .fold(first, |line, part| line + place + &part)
    });
    neutral.collect()
}

#[test]
fn the_console_session() {
    let kernel = kernels().into_iter().find(|kernel| kernel.suite == "trixie");
    let kernel = kernel.expect("the kernel of trixie is not here: run scripts/lab");
    let root = system(&kernel);
    let shown = console();
    assert!(shown.len() >= 8, "{shown:?}");
    for (command, lines) in shown {
        let answer = Run::shell(&format!("{{ {command}; }} 2>&1")).inside(&root).on(Side::Ours);
        assert_eq!(neutral(&answer.stdout_text()), neutral(&lines.join("\n")), "{command}");
    }
}

#[test]
fn the_library_example() {
    assert_eq!(block("README.md", "rust,no_run"), block("src/lib/README.md", "rust,no_run"));
}
