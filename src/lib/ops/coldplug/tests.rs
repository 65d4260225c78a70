//! Tests of what is tried again, and of how a watch ends. Modules whose files do not exist fail without a
//! kernel.

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

/// What was tried, and what was skipped because it had been tried.
fn shown(served: &GroupReport) -> String {
    let failed: Vec<String> = served.report.failed.iter().map(|(name, _)| name.to_string()).collect();
    let repeated: Vec<String> = served.repeated.iter().map(ToString::to_string).collect();
    format!("{}; {}", failed.join(" "), repeated.join(" "))
}

fn look(coldplug: &mut Coldplug<'_>, top: &Path) -> Vec<String> {
    let needs = coldplug.survey(top).unwrap();
    let shown = |need| shown(&coldplug.serve(need));
    needs.iter().map(shown).collect()
}

#[test]
fn what_failed_is_tried_again_for_devices_that_come_later() {
    let tree = Tree::new(&["x:1", "x:2"]);
    let manager = tree.manager();
    let mut coldplug = Coldplug::new(&manager);
    assert_eq!(look(&mut coldplug, &tree.devices()), ["lost_one lost_two; ", "; lost_one"]);
    assert_eq!(look(&mut coldplug, &tree.devices()), [""; 0]);
    // A further device of the same kind, and others.
    for device in ["late/x:1", "late/y:1"] {
        tree.put(&format!("devices/{device}/modalias"), device.trim_start_matches("late/"));
    }
    assert_eq!(look(&mut coldplug, &tree.devices()), ["lost_one lost_two; ", "; lost_two"]);
    assert_eq!(look(&mut coldplug, &tree.devices()), [""; 0]);
}

#[test]
fn what_is_forbidden_stays_so() {
    let tree = Tree::new(&["x:2"]);
    tree.put("conf", "forbid lost_one\n");
    let manager = tree.manager();
    let mut coldplug = Coldplug::new(&manager);
    assert_eq!(look(&mut coldplug, &tree.devices()), ["lost_one; "]);
    tree.add("x:3");
    assert_eq!(look(&mut coldplug, &tree.devices()), ["; lost_one"]);
}

/// The events reported for the tasks that kernel events cause.
struct Heard<'m>(Queue<'m>, PathBuf);

impl Heard<'_> {
    fn says(&self, message: &str) -> Vec<String> {
        let message = message.replace('|', "\0");
        self.0.take(&Event::parse(message.as_bytes()).unwrap());
        self.does()
    }

    /// Executes all queued tasks.
    fn does(&self) -> Vec<String> {
        let told = Mutex::new(Vec::new());
        let tell = |one: WatchEvent<'_>| {
            told.lock().unwrap().push(match one {
                WatchEvent::Finished(_, served) => shown(served),
                other => format!("{other:?}").split(['(', ' ']).next().unwrap_or_default().to_owned(),
            });
        };
        while self.0.is_busy() {
            assert!(self.0.do_one(&self.1, &tell));
        }
        told.into_inner().unwrap()
    }
}

#[test]
fn an_event_that_is_sent_again_is_no_new_device() {
    let tree = Tree::new(&["x:2"]);
    let manager = tree.manager();
    let heard = Heard(Queue::new(&manager, false), tree.devices());
    assert_eq!(heard.does(), ["lost_one; "]);
    let add = "add@/devices/a|MODALIAS=x:5|";
    assert_eq!(heard.says(add), ["lost_one; "]);
    assert_eq!(heard.says(add), ["; lost_one"]);
    // A module that has not failed before is tried.
    assert_eq!(heard.says("add@/devices/a|MODALIAS=x:1|"), ["lost_two; lost_one"]);
    assert_eq!(heard.says("add@/devices/b|MODALIAS=x:1|"), ["lost_one lost_two; "]);
    assert_eq!(heard.says("remove@/devices/a|MODALIAS=x:5|"), [""; 0]);
    assert_eq!(heard.says(add), ["lost_one; "]);
    assert_eq!(heard.says(add), ["; lost_one"]);
    heard.0.refresh();
    assert_eq!(heard.does(), ["Refreshed"]);
    assert_eq!(heard.says(add), ["lost_one; "]);
    assert_eq!(heard.says(add), ["; lost_one"]);
    heard.0.look_again();
    assert_eq!(heard.does(), ["lost_one; "]);
    assert_eq!(heard.says(add), ["lost_one; "]);
}

#[test]
fn what_changes_is_read_before_the_next_device() {
    let tree = Tree::new(&[]);
    fs::create_dir(tree.devices()).unwrap();
    let manager = tree.manager();
    let heard = Heard(Queue::new(&manager, false), tree.devices());
    assert_eq!(heard.does(), [""; 0]);
    assert_eq!(heard.says("add@/devices/a|MODALIAS=z:5|"), ["; "]);
    tree.put("modules/modules.alias", "alias z:* lost_one\n");
    assert_eq!(heard.says("add@/devices/a|MODALIAS=z:5|"), ["Refreshed", "lost_one; "]);
    // If the modules disappear, the previous state is used, which is reported once.
    fs::rename(tree.0.path().join("modules"), tree.0.path().join("away")).unwrap();
    assert_eq!(heard.says("add@/devices/b|MODALIAS=z:5|"), ["NotRefreshed", "lost_one; "]);
    assert_eq!(heard.says("add@/devices/c|MODALIAS=z:5|"), ["lost_one; "]);
    fs::rename(tree.0.path().join("away"), tree.0.path().join("modules")).unwrap();
    tree.put("conf", "blacklist lost_one\n");
    assert_eq!(heard.says("add@/devices/d|MODALIAS=z:5|"), ["Refreshed", "; "]);
}

/// A panic does not leave the listener waiting forever.
#[test]
fn a_panic_ends_the_watch() {
    let tree = Tree::new(&["x:1", "x:2", "x:3"]);
    let manager = tree.manager();
    for jobs in [1, 3] {
        let watch = Watch { top: &tree.devices(), jobs, trigger: false };
        let tell = |told: WatchEvent<'_>| assert!(!matches!(told, WatchEvent::Finished(..)), "on purpose");
        assert!(matches!(watch.run(&manager, &tell), Err(WatchError::Panicked)));
    }
}

#[test]
fn without_devices_there_is_nothing_to_watch() {
    let tree = Tree::new(&[]);
    let manager = tree.manager();
    let watch = Watch { top: &tree.devices(), jobs: 1, trigger: false };
    match watch.run(&manager, &|told| panic!("{told:?}")) {
        Err(WatchError::NoDevices(error)) => assert_eq!(error.path, tree.devices()),
        other => panic!("{other:?}"),
    }
}
