//! Standard streams that are closed, broken or full. No tool panics, and a reader that has gone away causes no
//! message.

use oxmod_test_support::{Answer, Root, Run, Stream, differs_because, each, same};

/// Returns command lines of all tools that print something.
fn printing_commands() -> Vec<Run> {
    let tools = ["kmod", "modprobe", "depmod", "modinfo", "lsmod", "insmod", "rmmod"];
    tools.into_iter().flat_map(|tool| [Run::new(tool).arg("-V"), Run::new(tool).arg("-h")]).collect()
}

#[test]
fn a_closed_pipe_causes_no_message() {
    for run in printing_commands() {
        let answer = same(|side| run.clone().stdout(Stream::Broken).on(side));
        assert_eq!((answer.code, answer.stderr_text()), (128 + 13, String::new()), "{run:?}");
    }
}

/// SIGPIPE is ignored, for example, in processes started from Python or by a systemd unit.
#[test]
fn a_closed_pipe_while_sigpipe_is_ignored() {
    for run in printing_commands() {
        let answer = same(|side| run.clone().stdout(Stream::Broken).ignore_sigpipe().on(side));
        assert_eq!((answer.code, answer.stderr_text()), (0, String::new()), "{run:?}");
    }
}

#[test]
fn a_full_device_is_an_error() {
    let why = "output that cannot be written is an error";
    for tool in ["kmod", "modprobe", "lsmod"] {
        let message = format!("{tool}: ERROR: could not write to standard output: No space left on device\n");
        let answer = |code, stderr: &str| Answer { code, stdout: Vec::new(), stderr: stderr.into() };
        differs_because(why, &answer(1, &message), &answer(0, ""), |side| {
            Run::new(tool).arg("-V").stdout(Stream::Full).on(side)
        });
    }
}

#[test]
fn closed_streams() {
    let root = Root::new();
    root.loaded("loop", 1, 0, &[]);
    for run in printing_commands().into_iter().chain([Run::new("lsmod").inside(&root)]) {
        let answer = same(|side| run.clone().stdout(Stream::Closed).on(side));
        assert_eq!((answer.code, answer.stderr_text()), (0, String::new()), "{run:?}");
        for (_, answer) in each(|side| run.clone().stderr(Stream::Closed).on(side)) {
            assert!(answer.code == 0 && !answer.stdout.is_empty(), "{run:?} {answer:?}");
        }
    }
    for tool in ["lsmod", "insmod", "rmmod", "modinfo"] {
        for stream in [Stream::Closed, Stream::Full] {
            let code = same(|side| Run::new(tool).arg("--bogus").stderr(stream).on(side).code);
            assert_eq!(code, 1);
        }
    }
}

#[test]
fn messages_to_a_closed_pipe() {
    let why = "a closed pipe on standard error does not end the program";
    differs_because(why, &1, &(128 + 13), |side| {
        Run::new("rmmod").arg("--bogus").stderr(Stream::Broken).on(side).code
    });
}
