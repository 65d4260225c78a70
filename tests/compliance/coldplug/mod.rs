//! `kmod coldplug` in a tree whose /sys has devices, with the shim standing in for the kernel. kmod has no
//! counterpart.

mod watch;

use std::collections::BTreeSet;
use std::fs;

use oxmod_test_support::{RELEASE, Root, Run, Shim, Side};
use serde_json::{Value, json};

use crate::json::{checked, list};
use crate::modprobe::depmod;

/// Builds a tree with a controller, driven by `bus`, which needs `core`; two disks; a card with two drivers; a
/// device with a built-in driver; and a device without a driver.
pub(crate) fn tree() -> Root {
    let root = Root::new();
    root.module("kernel/core.ko", |m| m.export("core", 1));
    root.module("kernel/bus.ko.xz", |m| m.need("core").alias("pci:bus*"));
    root.module("kernel/disk.ko", |m| m.alias("dev:disk*").alias("dev:*1"));
    root.module("kernel/card-a.ko", |m| m.need("core").alias("dev:card*"));
    root.module("kernel/card-b.ko", |m| m.alias("dev:card*"));
    root.module("kernel/hot.ko", |m| m.alias("late:*"));
    root.file(root.in_modules("modules.builtin"), "kernel/inside.ko\n");
    root.file(root.in_modules("modules.builtin.modinfo"), "inside.alias=acpi:in*\0");
    let order = ["core.ko", "bus.ko.xz", "disk.ko", "card-a.ko", "card-b.ko", "hot.ko"];
    root.file(root.in_modules("modules.order"), order.map(|file| format!("kernel/{file}\n")).concat());
    depmod(&root);
    root.file("proc/cmdline", "").file("proc/modules", "").dir("sys/module");
    device(&root, "pci0/bus", "pci:bus0");
    device(&root, "pci0/bus/disk1", "dev:disk1");
    device(&root, "pci0/bus/disk2", "dev:disk2");
    device(&root, "pci0/bus/disk3", "dev:disk2");
    device(&root, "pci0/card", "dev:card");
    device(&root, "acpi/in", "acpi:in:");
    device(&root, "acpi/none", "acpi:none[:");
    root.file("sys/devices/platform/uevent", "DRIVER=x\n");
    root
}

fn device(root: &Root, path: &str, modalias: &str) {
    root.file(format!("sys/devices/{path}/modalias"), format!("{modalias}\n"));
    root.file(format!("sys/devices/{path}/uevent"), format!("MODALIAS={modalias}\n"));
}

fn coldplug(args: &[&str]) -> Run {
    Run::new("kmod").args(["coldplug", "-k", RELEASE]).args(args)
}

/// Returns the exit code, output and messages, and the names of the modules that were inserted, each with its errno
/// if the kernel refused it.
fn run(root: &Root, shim: &Shim, args: &[&str]) -> ((i32, String, String), Vec<String>) {
    let shimmed = shim.run(root, &coldplug(args), Side::Ours);
    let calls = shimmed.calls.lines().map(|call| {
        let file = call.split(['/', '.']).nth(1).expect("a file");
        let errno = call.rsplit_once(" = ").expect("an errno").1;
        if errno == "0" { file.to_owned() } else { format!("{file} {errno}") }
    });
    (shimmed.answer.triple(), calls.collect())
}

fn living() -> Shim {
    Shim::new().living(500)
}

fn insmod(name: &str) -> String {
    format!("insmod /lib/modules/{RELEASE}/kernel/{name} \n")
}

#[test]
fn drivers_are_loaded_once_and_a_second_run_does_nothing() {
    let root = tree();
    let (answer, calls) = run(&root, &living(), &[]);
    assert_eq!(answer, (0, String::new(), String::new()));
    assert_eq!(calls, ["core", "bus", "disk", "card-a", "card-b"]);
    assert_eq!(run(&root, &living(), &[]), ((0, String::new(), String::new()), Vec::new()));
}

#[test]
fn a_dry_run_shows_each_line_once() {
    let root = tree();
    root.file("etc/modprobe.d/x.conf", "options disk slow=1\ninstall card_b echo\n");
    let expected = [
        &insmod("core.ko")[..],
        &insmod("bus.ko.xz"),
        &insmod("disk.ko").replace(" \n", " slow=1 \n"),
        &insmod("card-a.ko"),
        "install echo \n",
    ]
    .concat();
    for args in [&["-n"][..], &["--dry-run", "--jobs=4"], &["-n", "--trigger"]] {
        let (answer, calls) = run(&root, &living(), args);
        assert_eq!((answer, calls), ((0, expected.clone(), String::new()), Vec::new()));
    }
    assert_eq!(fs::read(root.path("sys/devices/platform/uevent")).unwrap(), b"DRIVER=x\n");
    root.loaded("core", 1, 0, &[]);
    assert_eq!(run(&root, &living(), &["-n"]).0.1, expected.replace(&insmod("core.ko"), ""));
}

/// A driver creates new devices, which need drivers themselves.
#[test]
fn new_devices_get_their_drivers_too() {
    let root = tree();
    root.file(
        "etc/modprobe.d/x.conf",
        "install bus mkdir -p /sys/devices/pci0/bus/new && echo late:x >/sys/devices/pci0/bus/new/modalias\n",
    );
    let (answer, calls) = run(&root, &living(), &[]);
    assert_eq!((answer.0, answer.2.as_str()), (0, ""));
    assert_eq!(calls, ["core", "disk", "card-a", "card-b", "hot"]);
}

#[test]
fn a_failure_is_reported_and_the_others_are_loaded() {
    let at = "/sys/devices/pci0";
    for (failing, errno, code, message, left) in [
        (
            "kernel/core.ko",
            libc::EINVAL,
            1,
            format!(
                "kmod: ERROR: could not insert 'bus' for {at}/bus: core: Invalid argument\n\
                 kmod: ERROR: could not insert 'card_a' for {at}/card: core: Invalid argument\n"
            ),
            // `core` is tried again for the other driver that needs it.
            &["core 22", "disk", "core 22", "card-b"][..],
        ),
        (
            "kernel/disk.ko",
            libc::EIO,
            1,
            format!("kmod: ERROR: could not insert 'disk' for {at}/bus/disk1: Input/output error\n"),
            &["core", "bus", "disk 5", "card-a", "card-b"],
        ),
        // The driver did not find its hardware, which is not an error.
        ("kernel/disk.ko", libc::ENODEV, 0, String::new(), &["core", "bus", "disk 19", "card-a", "card-b"]),
    ] {
        let shim = Shim::new().answer("finit", failing, errno).living(500);
        let (answer, calls) = run(&tree(), &shim, &[]);
        assert_eq!(answer, (code, String::new(), message));
        assert_eq!(calls, left);
    }
}

/// A driver that has failed is tried once more for each device that appears later, even if a device with the same
/// modalias was handled before.
#[test]
fn a_failed_driver_is_retried_for_a_later_device() {
    let root = tree();
    root.file(
        "etc/modprobe.d/x.conf",
        "install card_b mkdir -p /sys/devices/z/1 /sys/devices/z/2; for n in 1 2; do \
         echo dev:disk2 >/sys/devices/z/$n/modalias; done\n",
    );
    let shim = Shim::new().answer("finit", "kernel/disk.ko", libc::EIO).living(500);
    let (answer, calls) = run(&root, &shim, &[]);
    let line = |device: &str| {
        format!("kmod: ERROR: could not insert 'disk' for /sys/devices/{device}: Input/output error\n")
    };
    assert_eq!(answer, (1, String::new(), line("pci0/bus/disk1") + &line("z/1 and 1 more")));
    assert_eq!(calls, ["core", "bus", "disk 5", "card-a", "disk 5"]);
}

#[test]
fn the_number_of_scans_is_limited() {
    let root = tree();
    root.file(
        "etc/modprobe.d/x.conf",
        "install card_b echo >>/ran; d=$(mktemp -d /sys/devices/XXXXXX); echo dev:card >$d/modalias; false\n",
    );
    let (answer, calls) = run(&root, &living(), &[]);
    assert_eq!((answer.0, answer.1.as_str(), answer.2.lines().count()), (1, "", 101));
    let last = "kmod: ERROR: new devices keep appearing: stopped after 100 scans\n";
    assert!(answer.2.ends_with(last), "{answer:?}");
    assert_eq!(fs::read(root.path("ran")).unwrap().len(), 100);
    assert_eq!(calls, ["core", "bus", "disk", "card-a"]);
}

/// While one driver hangs, messages about the others appear.
#[test]
fn a_hanging_driver_does_not_delay_messages() {
    let root = tree();
    root.file("etc/modprobe.d/x.conf", "install bus until test -e /go; do sleep 0.05; done\n");
    let script = format!(
        ": >/err; kmod coldplug -v -k {RELEASE} --jobs 2 2>>/err & pid=$!\n\
         for i in $(seq 600); do grep -q \"'card_b' for\" /err && break; sleep 0.05; done\n\
         grep -c \"'bus' for\" /err; touch /go; wait $pid; code=$?; grep -c \"'bus' for\" /err; exit $code"
    );
    let answer = living().run(&root, &Run::shell(&script), Side::Ours).answer;
    assert_eq!(answer.triple(), (0, "0\n1\n".to_owned(), String::new()));
}

/// Device names are not trusted: control characters in them must not reach the terminal.
#[test]
fn control_characters_in_device_names_are_escaped() {
    let root = tree();
    device(&root, "odd\n\u{1b}[2J\u{e9}", "late:x");
    let (answer, _) = run(&root, &living(), &["-v"]);
    let line = "kmod: NOTICE: inserted 'hot' for /sys/devices/odd\\x0a\\x1b[2J\u{e9}\n";
    assert!(answer.2.contains(line), "{answer:?}");
}

/// The configuration applies to drivers that are found through devices.
#[test]
fn the_configuration_can_exclude_drivers() {
    let root = tree();
    root.file("etc/own.conf", "blacklist disk\nforbid card_a not this one\nalias acpi:none off\n");
    let warning = "kmod: WARNING: could not insert 'card_a' for /sys/devices/pci0/card: forbidden by /etc/own.conf line 2: \
                   not this one\n";
    let (answer, calls) = run(&root, &living(), &["-C", "/etc/own.conf"]);
    assert_eq!(answer, (0, String::new(), warning.into()));
    assert_eq!(calls, ["core", "bus", "card-b"]);
    let (answer, _) = run(&root, &living(), &["-C", "/etc/own.conf", "-v", "-n"]);
    let notice = "kmod: NOTICE: would skip the blacklisted 'disk' for /sys/devices/pci0/bus/disk1\n";
    assert_eq!(answer, (0, String::new(), format!("{notice}{warning}")));
}

#[test]
fn verbose_reports_each_driver() {
    let root = tree();
    fs::remove_dir_all(root.path("sys/devices/pci0/card")).unwrap();
    let (answer, _) = run(&root, &living(), &["-v"]);
    let line = |name: &str, device: &str| {
        format!("kmod: NOTICE: inserted '{name}' for /sys/devices/pci0/bus{device}\n")
    };
    let expected = [line("core", ""), line("bus", ""), line("disk", "/disk1")].concat();
    assert_eq!(answer, (0, String::new(), expected));
}

/// With many threads, there is one manager, and each module is inserted once.
#[test]
fn parallel_jobs_have_the_same_result() {
    let made = || {
        let root = Root::new();
        for number in 0..40 {
            root.module(&format!("m{number}.ko"), |module| {
                let needs: BTreeSet<i32> =
                    [number / 2, number - 1].into_iter().filter(|need| (0..number).contains(need)).collect();
                let module = module.export(&format!("s{number}"), 1).alias(&format!("dev:{number}"));
                needs.into_iter().fold(module, |module, need| module.need(&format!("s{need}")))
            });
            device(&root, &format!("d{}", 99 - number), &format!("dev:{number}"));
        }
        depmod(&root);
        root.file("proc/cmdline", "").file("proc/modules", "");
        root
    };
    let sorted = |jobs: &str| {
        let root = made();
        let (answer, mut calls) = run(&root, &living(), &["--jobs", jobs]);
        assert_eq!(answer, (0, String::new(), String::new()));
        calls.sort();
        calls
    };
    let alone = sorted("1");
    assert_eq!(alone.len(), 40);
    assert_eq!(sorted("32"), alone);
}

#[test]
fn events_are_triggered_only_on_request() {
    let root = tree();
    run(&root, &living(), &[]);
    let uevent = |path: &str| fs::read_to_string(root.path(format!("sys/devices/{path}/uevent"))).unwrap();
    assert_eq!(uevent("platform"), "DRIVER=x\n");
    run(&root, &living(), &["--trigger"]);
    // A write to the kernel's uevent file is a command; in this regular file it overwrites the beginning.
    assert_eq!((uevent("platform").as_str(), &uevent("pci0/bus/disk3")[..3]), ("addVER=x\n", "add"));
}

#[test]
fn invalid_options_and_directories() {
    let root = tree();
    let fails = |root: &Root, args: &[&str]| {
        let (answer, calls) = run(root, &living(), args);
        assert_eq!((answer.0, answer.1.as_str(), calls.len()), (1, "", 0), "{args:?}");
        answer.2
    };
    assert_eq!(
        fails(&root, &["-b", "/nowhere"]),
        format!("kmod: ERROR: could not read /nowhere/lib/modules/{RELEASE}: No such file or directory\n")
    );
    assert_eq!(fails(&root, &["x"]), "kmod: ERROR: unexpected operand 'x'\n");
    assert_eq!(
        fails(&root, &["--jobs=x"]),
        "kmod: ERROR: invalid value 'x' for --jobs (expected a number)\n"
    );
    assert_eq!(fails(&root, &["--no"]), "coldplug: unrecognized option '--no'\n");
    fs::remove_dir_all(root.path("sys/devices")).unwrap();
    let nothing = "kmod: ERROR: could not open /sys/devices: No such file or directory\n";
    for args in [&[][..], &["-n"], &["--watch"], &["--watch", "--trigger"]] {
        assert_eq!(fails(&root, args), nothing);
    }
    let help = coldplug(&["--help"]).on(Side::Ours);
    assert!(help.code == 0 && help.stdout_text().contains("--trigger"), "{help:?}");
}

/// Returns the document of a run, and a function that returns the need with a given modalias.
fn document(root: &Root, shim: &Shim, args: &[&str]) -> (Value, impl Fn(&str) -> Value + use<>) {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    let document = checked(&shim.run(root, &coldplug(&args), Side::Ours).answer);
    let needs = list(&document["needs"]).clone();
    (document, move |modalias: &str| {
        needs.iter().find(|need| need["modalias"] == modalias).cloned().unwrap_or_default()
    })
}

#[test]
fn documents() {
    let root = tree();
    root.file("etc/modprobe.d/x.conf", "blacklist card_b\ninstall hot false\n");
    device(&root, "x", "late:1");
    let shim = Shim::new().answer("finit", "kernel/core.ko", libc::EPERM).living(500);
    let (document, need) = document(&root, &shim, &[]);
    assert_eq!(
        (&document["oxmod"], &document["dry_run"], &document["exit"]),
        (&json!({"format": "coldplug", "version": 1}), &json!(false), &json!(1))
    );
    assert_eq!(document["meta"], Value::Null);
    assert_eq!(list(&document["needs"]).len(), 7);
    let disks = ["/sys/devices/pci0/bus/disk2", "/sys/devices/pci0/bus/disk3"];
    assert_eq!(need("dev:disk2")["devices"], json!(disks));
    assert_eq!(
        (&need("dev:disk1")["loaded"], &need("dev:disk2")["repeated"]),
        (&json!(["disk"]), &json!(["disk"]))
    );
    assert_eq!(need("acpi:in:")["builtin"], json!(["inside"]));
    let card = need("dev:card");
    assert_eq!(card["blacklisted"], json!(["card_b"]));
    let error = &card["failed"][0]["error"];
    assert!(error["path"].as_str().is_some_and(|path| path.ends_with("/kernel/core.ko")), "{error}");
    assert_eq!((&error["kind"], &error["code"]), (&json!("refused"), &json!("EPERM")));
    assert_eq!((&card["failed"][0]["name"], &error["module"]), (&json!("card_a"), &json!("core")));
    assert_eq!(need("late:1")["failed"][0]["error"]["kind"], "command");
    assert_eq!(need("acpi:none[:")["failed"], json!([]));
}

#[test]
fn documents_of_dry_runs() {
    let root = tree();
    root.loaded("core", 1, 0, &[]);
    let (document, need) = document(&root, &living(), &["-n"]);
    assert_eq!((&document["dry_run"], &document["exit"]), (&json!(true), &json!(0)));
    let steps = need("pci:bus0")["steps"].clone();
    let outcomes: Vec<(&Value, &Value)> =
        list(&steps).iter().map(|step| (&step["module"], &step["outcome"])).collect();
    assert_eq!(outcomes, [(&json!("core"), &json!("loaded")), (&json!("bus"), &json!("planned"))]);
    assert_eq!(need("dev:disk2")["steps"], json!([]));
}

/// A failed lookup must not be taken for a device that needs no module.
#[test]
fn missing_indexes_are_an_error() {
    let root = tree();
    let index = |name: &str| root.path(root.in_modules(name));
    fs::write(index("modules.alias.bin"), "no index").unwrap();
    fs::remove_file(index("modules.alias")).unwrap();
    let (answer, _) = run(&root, &living(), &[]);
    assert_eq!(answer.0, 1);
    assert!(answer.2.contains("modules.alias.bin: the file is shorter than the header\n"), "{answer:?}");
    for name in ["modules.dep", "modules.dep.bin"] {
        fs::remove_file(index(name)).unwrap();
    }
    let (answer, _) = run(&root, &living(), &[]);
    let message = format!(
        "kmod: ERROR: could not read /lib/modules/{RELEASE}/modules.dep.bin: No such file or directory\n"
    );
    assert_eq!(answer, (1, String::new(), message));
}

/// Image-based systems have a meta.pb and no indexes.
#[test]
fn a_meta_replaces_the_indexes() {
    let root = tree();
    let dir = root.path(root.in_modules(""));
    let made = Run::new("kmod").args(["meta", "build", "--dir"]).arg(&dir).arg("-o").arg(root.path("own.pb"));
    assert_eq!(made.on(Side::Ours).triple(), (0, String::new(), String::new()));
    let expected = run(&root, &living(), &["-n"]);
    assert_eq!(run(&root, &living(), &["-n", "--meta", "/own.pb"]), expected);
    for entry in fs::read_dir(&dir).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("modules.") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    assert_eq!(run(&root, &living(), &["-n", "--meta=/own.pb"]), expected);
    assert_eq!(document(&root, &living(), &["-n", "--meta=/own.pb"]).0["meta"], json!("/own.pb"));
    fs::rename(root.path("own.pb"), dir.join("meta.pb")).unwrap();
    assert_eq!(run(&root, &living(), &["-n"]), expected);
    let found = format!("/{}", root.in_modules("meta.pb").display());
    assert_eq!(document(&root, &living(), &["-n"]).0["meta"], json!(found));
    let (answer, calls) = run(&root, &living(), &[]);
    assert_eq!((answer.0, calls.join(" ").as_str()), (0, "core bus disk card-a card-b"));

    root.file("bad.pb", "\x0a");
    for (file, message) in [
        ("/bad.pb", "could not read /bad.pb: "),
        ("/nosuch.pb", "could not read /nosuch.pb: No such file or directory\n"),
    ] {
        let (answer, calls) = run(&root, &living(), &["--meta", file]);
        assert_eq!((answer.0, answer.2.lines().count(), calls.len()), (1, 1, 0), "{answer:?}");
        assert!(answer.2.starts_with(&format!("kmod: ERROR: {message}")), "{answer:?}");
    }
}
