//! `kmod coldplug --watch`, with a named pipe in place of the kernel's uevent socket.

use std::fs;

use oxmod_test_support::{RELEASE, Root, Run, Shim, Side};

use super::{living, run, tree};

/// Runs `--watch` while a shell script runs, and returns its messages and calls. In the script, `say` sends an event
/// and `wait_for` waits for a message. `--watch` is terminated at the end of the script and must exit successfully.
fn watched(root: &Root, shim: &Shim, args: &str, script: &str) -> (Vec<String>, Vec<String>) {
    let whole = format!(
        "mkfifo /events || exit; : >/err; sleep 0.05\n\
         say() {{ echo \"$1\" >/events; }}\n\
         wait_for() {{ for i in $(seq 600); do grep -q -- \"$1\" /err && return; sleep 0.05; done; cat /err; kill -9 $pid; exit 9; }}\n\
         kmod coldplug -v -k {RELEASE} --watch {args} 2>>/err & pid=$!\n\
         wait_for listening\n\
         {script}\n\
         [ -n \"$ended\" ] || kill -TERM $pid 2>/dev/null; wait $pid; code=$?; cat /err; exit $code"
    );
    let shimmed = shim.clone().events("/events").run(root, &Run::shell(&whole), Side::Ours);
    let (code, messages, stderr) = shimmed.answer.triple();
    assert_eq!((code, stderr.as_str()), (0, ""), "{messages}");
    let messages: Vec<String> = messages.lines().map(|line| line.replace("kmod: ", "")).collect();
    assert_eq!(messages[0], "NOTICE: listening for kernel events");
    assert!(messages.contains(&"NOTICE: shutting down".to_owned()), "{messages:?}");
    let messages: Vec<String> = messages.into_iter().filter(|line| !line.contains("shutting down")).collect();
    let calls =
        shimmed.calls.lines().map(|call| call.split(['/', '.']).nth(1).unwrap_or_default().to_owned());
    (messages[1..].to_vec(), calls.collect())
}

#[test]
fn new_devices_get_their_drivers() {
    let root = tree();
    let (messages, calls) = watched(
        &root,
        &living(),
        "",
        "wait_for \"'card_b' for\"\n\
         say 'add@/devices/new|ACTION=add|DEVPATH=/devices/new|MODALIAS=late:1|'\n\
         wait_for \"'hot' for /sys/devices/new\"\n\
         rm -r /sys/module/card_b\n\
         say 'unbind@/devices/pci0/card|MODALIAS=dev:card|'\n\
         say 'add@/devices/pci0/card|MODALIAS=none:|MODALIAS=dev:card|'\n\
         until test -e /sys/module/card_b; do sleep 0.05; done",
    );
    assert_eq!(calls, ["core", "bus", "disk", "card-a", "card-b", "hot", "card-b"]);
    assert!(messages.iter().all(|line| line.starts_with("NOTICE: inserted ")), "{messages:?}");
}

/// Events from other senders than the kernel, invalid events, and events that do not require a driver.
#[test]
fn other_events_are_ignored() {
    let root = tree();
    let (messages, calls) = watched(
        &root,
        &living(),
        "--jobs 3",
        "wait_for \"'card_b' for\"\n\
         say '!add@/devices/new|MODALIAS=late:forged|'\n\
         say 'libudev|x'\n\
         say 'add@/devices/x|nonsense|MODALIAS=late:2|'\n\
         say 'remove@/devices/x|MODALIAS=late:3|'\n\
         say 'add@/devices/x|MODALIAS=[late:4|'\n\
         say 'add@/devices/x|'\n\
         say 'add@/devices/late|MODALIAS=dev:disk9|'\n\
         say 'add@/devices/last'\n\
         wait_for 'without a name'\n\
         sleep 0.2",
    );
    let odd: Vec<&String> = messages.iter().filter(|line| line.starts_with("WARNING")).collect();
    assert_eq!(
        odd,
        [
            "WARNING: ignoring a malformed kernel event: missing header",
            "WARNING: ignoring a malformed kernel event: property without a name or a value"
        ]
    );
    let mut calls = calls;
    calls.sort();
    assert_eq!(calls, ["bus", "card-a", "card-b", "core", "disk"]);
}

/// The kernel's buffer is limited: after a loss of events, all devices are examined again.
#[test]
fn lost_events_cause_another_scan() {
    let root = tree();
    let (messages, calls) = watched(
        &root,
        &living(),
        "",
        "wait_for \"'card_b' for\"\n\
         mkdir -p /sys/devices/unnoticed; echo late:5 >/sys/devices/unnoticed/modalias\n\
         say lost\n\
         wait_for \"'hot' for /sys/devices/unnoticed\"",
    );
    assert_eq!(calls.last().map(String::as_str), Some("hot"));
    assert!(
        messages.iter().any(|line| line == "WARNING: the kernel dropped events: scanning all devices again"),
        "{messages:?}"
    );
}

/// A driver that has failed is tried once per device that appears, even if the kernel sends the event several times.
#[test]
fn a_failure_is_reported_once_per_device() {
    let root = tree();
    let shim = Shim::new().answer("finit", "kernel/hot.ko", libc::EINVAL).living(500);
    let (messages, calls) = watched(
        &root,
        &shim,
        "",
        "wait_for_failures() { for i in $(seq 600); do [ $(grep -c \"'hot' for\" /err) = $1 ] && return; sleep 0.05; done; cat /err; kill -9 $pid; exit 9; }\n\
         add() { say \"add@/devices/$1|MODALIAS=late:1|\"; }\n\
         wait_for \"'card_b' for\"\n\
         add one; wait_for_failures 1\n\
         add one; add one; add two; wait_for_failures 2\n\
         add two; say 'remove@/devices/one|MODALIAS=late:1|'; add one; wait_for_failures 3\n\
         add one; kill -HUP $pid; wait_for reloaded; add one; wait_for_failures 4; add one; add three; wait_for_failures 5",
    );
    assert_eq!(calls.iter().filter(|call| *call == "hot").count(), 5, "{calls:?}");
    let devices: Vec<&str> =
        messages.iter().filter_map(|line| line.strip_prefix("ERROR: could not insert 'hot' for ")).collect();
    assert_eq!(
        devices,
        ["one", "two", "one", "one", "three"].map(|name| format!("/sys/devices/{name}: Invalid argument"))
    );
}

/// The current indexes and configuration are used when a device appears, or the previous ones if they have been
/// removed.
#[test]
fn changed_files_are_reloaded() {
    let root = tree();
    let script = format!(
        "wait_for \"'card_b' for\"\n\
         mkdir -p /etc/modprobe.d; echo 'blacklist hot' >/etc/modprobe.d/new.conf\n\
         say 'add@/devices/a|MODALIAS=late:1|'; wait_for \"blacklisted 'hot'\"\n\
         cd /lib/modules/{RELEASE}; echo 'alias other:* hot' >modules.alias; rm modules.alias.bin\n\
         echo 'options hot x=1' >/etc/modprobe.d/new.conf\n\
         say 'add@/devices/b|MODALIAS=other:1|'; wait_for \"'hot' for /sys/devices/b\"\n\
         cd /; mv /lib/modules /lib/away; kill -HUP $pid; wait_for continuing; rm -r /sys/module/hot\n\
         say 'add@/devices/c|MODALIAS=other:1|'; wait_for \"'hot' for /sys/devices/c\"\n\
         mv /lib/away /lib/modules\n\
         say 'add@/devices/d|MODALIAS=other:1|'; wait_for \"'hot' for /sys/devices/d\""
    );
    let (messages, calls) = watched(&root, &living(), "", &script);
    assert_eq!(calls, ["core", "bus", "disk", "card-a", "card-b", "hot", "hot"]);
    let reloaded = "NOTICE: reloaded indexes and configuration";
    let lost = format!(
        "ERROR: could not insert 'hot' for /sys/devices/c: /lib/modules/{RELEASE}/kernel/hot.ko: No such file or directory"
    );
    let gone = format!("ERROR: could not read /lib/modules/{RELEASE}: No such file or directory");
    let messages: Vec<&str> =
        messages.iter().map(String::as_str).filter(|line| !line.contains("could not use")).collect();
    assert_eq!(
        messages[5..],
        [
            reloaded,
            "NOTICE: skipped the blacklisted 'hot' for /sys/devices/a",
            reloaded,
            "NOTICE: inserted 'hot' for /sys/devices/b",
            &gone,
            "WARNING: continuing with the previous indexes and configuration",
            &lost,
            reloaded,
            "NOTICE: inserted 'hot' for /sys/devices/d",
        ]
    );
}

/// After SIGTERM, running operations are completed and no others are started; earlier failures do not affect the
/// exit code.
#[test]
fn a_signal_ends_the_watch_cleanly() {
    let root = tree();
    root.file(
        "etc/modprobe.d/x.conf",
        "install core touch /began; until test -e /go; do sleep 0.05; done; touch /done; false\n",
    );
    let (messages, calls) = watched(
        &root,
        &living(),
        "",
        "until test -e /began; do sleep 0.02; done; kill -TERM $pid; ended=yes; wait_for shutting; touch /go",
    );
    assert!(root.path("done").exists());
    let refused = "ERROR: could not insert 'bus' for /sys/devices/pci0/bus: core: install command \
                   'touch /began; until test -e /go; do sleep 0.05; done; touch /done; false': retcode 1";
    assert_eq!(messages, [refused]);
    assert!(calls.is_empty(), "{calls:?}");
}

/// A second signal ends the program even if a driver never finishes loading.
#[test]
fn a_second_signal_ends_the_watch_at_once() {
    let root = tree();
    // The command must end before the tree is removed.
    let command = "touch /began; while test -e /began; do sleep 0.05; done";
    root.file("etc/modprobe.d/x.conf", format!("install core {command}\n"));
    let script = format!(
        "mkfifo /events; : >/err; kmod coldplug -v -k {RELEASE} --watch 2>>/err & pid=$!\n\
         until test -e /began; do sleep 0.02; done; kill -TERM $pid\n\
         until grep -q shutting /err; do sleep 0.02; done; kill -TERM $pid; wait $pid; code=$?; rm /began; exit $code"
    );
    let answer = living().events("/events").run(&root, &Run::shell(&script), Side::Ours).answer;
    assert_eq!(answer.code, 143, "{answer:?}");
}

#[test]
fn conflicting_options_are_rejected() {
    for other in ["-n", "--json"] {
        let (answer, _) = run(&tree(), &living(), &["--watch", other]);
        let message = "kmod: ERROR: --watch cannot be used with --dry-run or --json\n";
        assert_eq!(answer, (1, String::new(), message.into()));
    }
    // The error occurs before anything is loaded.
    let root = tree();
    let (answer, calls) = run(&root, &living().events("/nosuch"), &["--watch"]);
    let message = "kmod: ERROR: could not listen for kernel events: No such file or directory\n";
    assert_eq!((answer, calls.len()), ((1, String::new(), message.into()), 0));
}

/// Tests the kernel's real socket, without the shim. Any user may listen to it.
#[test]
fn the_real_socket_can_be_opened() {
    let root = tree();
    fs::remove_dir_all(root.path("sys/devices")).unwrap();
    root.dir("sys/devices");
    let script = format!(
        ": >/err; kmod coldplug -v -k {RELEASE} --watch 2>>/err & pid=$!\n\
         until grep -q listening /err; do sleep 0.02; done; kill -INT $pid; wait $pid"
    );
    assert_eq!(Run::shell(&script).inside(&root).on(Side::Ours).triple(), (0, String::new(), String::new()));
}
