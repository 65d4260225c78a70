//! Tests of which modules are tried again, and of how a watch ends. Loading a module whose file does not exist fails
//! without asking the kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::queue::Queue;
use super::{Coldplug, GroupReport, Watch, WatchError, WatchEvent};
use crate::context::{ConfigSource, Context};
use crate::formats::uevent::Event;
use crate::notice::Sink;
use crate::ops::manager::Manager;

/// A directory with indexes but no modules, and devices.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new(devices: &[&str]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        tree.put("modules/modules.dep", "kernel/lost_one.ko:\nkernel/lost_two.ko:\n");
        tree.put("modules/modules.alias", "alias x:* lost_one\nalias *:1 lost_two\n");
        tree.put("conf", "");
        for device in devices {
            tree.add(device);
        }
        tree
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Adds a device whose name is also its modalias.
    fn add(&self, device: &str) {
        self.put(&format!("devices/{device}/modalias"), device);
    }

    fn devices(&self) -> PathBuf {
        self.0.path().join("devices")
    }

    fn manager(&self) -> Manager {
        let top = self.0.path().to_path_buf();
        let source = ConfigSource::Paths(vec![top.join("conf")]);
        let manager = Manager::new(move || {
            crate::sys::file::exists(&top.join("modules")).map_err(|_| gone())?;
            Ok(Context::open(top.join("modules"), &source, &Sink::none()))
        });
        // The files are so new that they might still be changing; this makes the manager trust them.
        let manager = manager.unwrap();
        manager.refresh().unwrap();
        manager
    }
}

fn gone() -> crate::error::Error {
    crate::error::Error::new("all", std::io::Error::from_raw_os_error(libc::ENOENT))
}

/// Returns the modules that were tried, and those that were skipped because they had been tried before.
fn shown(result: &GroupReport) -> String {
    let failed: Vec<String> = result.report.failed.iter().map(|(name, _)| name.to_string()).collect();
    let repeated: Vec<String> = result.repeated.iter().map(ToString::to_string).collect();
    format!("{}; {}", failed.join(" "), repeated.join(" "))
}

fn scan_and_load(coldplug: &mut Coldplug<'_>, top: &Path) -> Vec<String> {
    let groups = coldplug.scan(top).unwrap();
    groups.iter().map(|group| shown(&coldplug.load(group))).collect()
}

#[test]
fn failed_modules_are_tried_again_for_later_devices() {
    let tree = Tree::new(&["x:1", "x:2"]);
    let manager = tree.manager();
    let mut coldplug = Coldplug::new(&manager);
    assert_eq!(scan_and_load(&mut coldplug, &tree.devices()), ["lost_one lost_two; ", "; lost_one"]);
    assert_eq!(scan_and_load(&mut coldplug, &tree.devices()), [""; 0]);
    // A further device of the same kind, and others.
    for device in ["late/x:1", "late/y:1"] {
        tree.put(&format!("devices/{device}/modalias"), device.trim_start_matches("late/"));
    }
    assert_eq!(scan_and_load(&mut coldplug, &tree.devices()), ["lost_one lost_two; ", "; lost_two"]);
    assert_eq!(scan_and_load(&mut coldplug, &tree.devices()), [""; 0]);
}

#[test]
fn forbidden_modules_are_not_tried_again() {
    let tree = Tree::new(&["x:2"]);
    tree.put("conf", "forbid lost_one\n");
    let manager = tree.manager();
    let mut coldplug = Coldplug::new(&manager);
    assert_eq!(scan_and_load(&mut coldplug, &tree.devices()), ["lost_one; "]);
    tree.add("x:3");
    assert_eq!(scan_and_load(&mut coldplug, &tree.devices()), ["; lost_one"]);
}

/// A queue, and the directory of the devices.
struct Tasks<'m>(Queue<'m>, PathBuf);

impl Tasks<'_> {
    /// Passes a message of the kernel to the queue, and executes the tasks that it causes.
    fn after(&self, message: &str) -> Vec<String> {
        let message = message.replace('|', "\0");
        self.0.push_event(&Event::parse(message.as_bytes()).unwrap());
        self.run()
    }

    /// Executes all queued tasks; returns the events that they report.
    fn run(&self) -> Vec<String> {
        let events = Mutex::new(Vec::new());
        let on_event = |event: WatchEvent<'_>| {
            events.lock().unwrap().push(match event {
                WatchEvent::Finished(_, result) => shown(result),
                other => format!("{other:?}").split(['(', ' ']).next().unwrap_or_default().to_owned(),
            });
        };
        while self.0.is_busy() {
            assert!(self.0.run_next(&self.1, &on_event));
        }
        events.into_inner().unwrap()
    }
}

#[test]
fn a_repeated_event_does_not_make_a_device_new() {
    let tree = Tree::new(&["x:2"]);
    let manager = tree.manager();
    let tasks = Tasks(Queue::new(&manager, false), tree.devices());
    assert_eq!(tasks.run(), ["lost_one; "]);
    let add = "add@/devices/a|MODALIAS=x:5|";
    assert_eq!(tasks.after(add), ["lost_one; "]);
    assert_eq!(tasks.after(add), ["; lost_one"]);
    // A module that has not failed before is tried.
    assert_eq!(tasks.after("add@/devices/a|MODALIAS=x:1|"), ["lost_two; lost_one"]);
    assert_eq!(tasks.after("add@/devices/b|MODALIAS=x:1|"), ["lost_one lost_two; "]);
    assert_eq!(tasks.after("remove@/devices/a|MODALIAS=x:5|"), [""; 0]);
    assert_eq!(tasks.after(add), ["lost_one; "]);
    assert_eq!(tasks.after(add), ["; lost_one"]);
    tasks.0.refresh();
    assert_eq!(tasks.run(), ["Refreshed"]);
    assert_eq!(tasks.after(add), ["lost_one; "]);
    assert_eq!(tasks.after(add), ["; lost_one"]);
    tasks.0.scan_again();
    assert_eq!(tasks.run(), ["lost_one; "]);
    assert_eq!(tasks.after(add), ["lost_one; "]);
}

#[test]
fn changed_files_are_reloaded_before_the_next_device() {
    let tree = Tree::new(&[]);
    fs::create_dir(tree.devices()).unwrap();
    let manager = tree.manager();
    let tasks = Tasks(Queue::new(&manager, false), tree.devices());
    assert_eq!(tasks.run(), [""; 0]);
    assert_eq!(tasks.after("add@/devices/a|MODALIAS=z:5|"), ["; "]);
    tree.put("modules/modules.alias", "alias z:* lost_one\n");
    assert_eq!(tasks.after("add@/devices/a|MODALIAS=z:5|"), ["Refreshed", "lost_one; "]);
    // If the modules disappear, the previous state is used, which is reported once.
    fs::rename(tree.0.path().join("modules"), tree.0.path().join("away")).unwrap();
    assert_eq!(tasks.after("add@/devices/b|MODALIAS=z:5|"), ["NotRefreshed", "lost_one; "]);
    assert_eq!(tasks.after("add@/devices/c|MODALIAS=z:5|"), ["lost_one; "]);
    fs::rename(tree.0.path().join("away"), tree.0.path().join("modules")).unwrap();
    tree.put("conf", "blacklist lost_one\n");
    assert_eq!(tasks.after("add@/devices/d|MODALIAS=z:5|"), ["Refreshed", "; "]);
}

/// A panic does not leave the listener waiting forever.
#[test]
fn a_panic_ends_the_watch() {
    let tree = Tree::new(&["x:1", "x:2", "x:3"]);
    let manager = tree.manager();
    for jobs in [1, 3] {
        let watch = Watch { top: &tree.devices(), jobs, trigger: false };
        let on_event =
            |event: WatchEvent<'_>| assert!(!matches!(event, WatchEvent::Finished(..)), "on purpose");
        assert!(matches!(watch.run(&manager, &on_event), Err(WatchError::Panicked)));
    }
}

#[test]
fn a_watch_needs_a_directory_of_devices() {
    let tree = Tree::new(&[]);
    let manager = tree.manager();
    let watch = Watch { top: &tree.devices(), jobs: 1, trigger: false };
    match watch.run(&manager, &|event| panic!("{event:?}")) {
        Err(WatchError::NoDevices(error)) => assert_eq!(error.path, tree.devices()),
        other => panic!("{other:?}"),
    }
}
