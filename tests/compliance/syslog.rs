//! -s, and messages when standard error is closed: checks the datagrams that a log daemon would receive.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;

use oxmod_test_support::{Root, Run, Stream, same};

/// Returns the exit code, standard error, and the logged messages without timestamps.
fn logged(run: &Run, side: oxmod_test_support::Side) -> (i32, String, Vec<String>) {
    let root = Root::new();
    root.dir("dev").loaded("held", 1, 1, &["snd"]);
    let socket = UnixDatagram::bind(root.path("dev/log")).expect("a socket");
    socket.set_nonblocking(true).expect("a socket that does not wait");
    let answer = run.clone().inside(&root).on(side);
    let (mut messages, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match socket.recv(&mut buffer) {
            Ok(length) => messages.push(without_time(&String::from_utf8_lossy(&buffer[..length]))),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    (answer.code, answer.stderr_text(), messages)
}

/// Removes the timestamp from `<27>Jan  2 03:04:05 tool: text`.
fn without_time(message: &str) -> String {
    let (priority, rest) = message.split_once('>').unwrap_or_default();
    format!("{priority}>{}", rest.get(16..).unwrap_or(rest))
}

#[test]
fn messages_go_to_the_log() {
    let run = Run::new("rmmod").args(["-s", "absent", "held"]);
    let (code, stderr, messages) = same(|side| logged(&run, side));
    assert_eq!((code, stderr.as_str()), (1, ""));
    let expected = [
        "<27>rmmod: ERROR: Module absent is not currently loaded\n",
        "<27>rmmod: ERROR: Module held is in use by: snd\n",
    ];
    assert_eq!(messages, expected);
    for run in [
        Run::new("lsmod").args(["-s", "x"]),
        Run::new("insmod").arg("-s"),
        Run::new("kmod").args(["list", "-s", "x"]),
    ] {
        let (code, stderr, messages) = same(|side| logged(&run, side));
        assert_eq!((code, stderr.as_str(), messages.len()), (1, "", 1), "{run:?}");
    }
}

#[test]
fn messages_of_getopt_do_not_go_to_the_log() {
    let run = Run::new("rmmod").args(["-s", "--bogus"]);
    let answer = same(|side| logged(&run, side));
    assert_eq!(answer, (1, "/sbin/rmmod: unrecognized option '--bogus'\n".into(), vec![]));
}

/// Only modprobe checks whether standard error is open.
#[test]
fn modprobe_without_standard_error() {
    for run in [Run::new("modprobe").arg("absent"), Run::new("modprobe").args(["-s", "absent"])] {
        let (code, _, messages) = same(|side| logged(&run.clone().stderr(Stream::Closed), side));
        assert_eq!((code, messages.len()), (1, 1), "{messages:?}");
        assert!(messages[0].starts_with("<26>modprobe: FATAL: Module absent not found"), "{messages:?}");
    }
    for tool in ["rmmod", "lsmod"] {
        let run = Run::new(tool).arg("absent").stderr(Stream::Closed);
        assert_eq!(same(|side| logged(&run, side)), (1, String::new(), vec![]));
    }
}
