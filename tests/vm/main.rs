//! Loading and removing modules in real kernels: each scenario runs with our tools and with the reference's in a
//! virtual machine, from the same start, and the answers, the loaded modules, their parameters and the kernel's log
//! are compared.
//!
//! Another machine has only our static binary and a meta.pb; see `no_indexes`.
//!
//! Needs what scripts/lab fetches, and qemu and busybox, which scripts/test installs; without them the
//! tests fail. `VM_SCENARIOS=word,word` runs only the scenarios whose names contain one of the words,
//! and prints them.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test does to the system what it likes"
)]

mod image;
mod machine;
mod no_indexes;
mod record;
mod scenarios;

use std::collections::BTreeSet;
use std::time::Instant;

use oxmod_test_support::{Kernel, kernels};

use record::{Record, Records};
use scenarios::Scenario;

/// The number of scenarios that may fail at first if they pass in a second boot. In some scenarios two processes
/// race, and which one the guest schedules first is random. More failures than this are not a coincidence.
const UNSTEADY: usize = 3;

#[test]
fn bookworm() {
    real_kernel("bookworm");
}

#[test]
fn trixie() {
    real_kernel("trixie");
}

#[test]
fn every_difference_is_in_the_manual() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/man/oxmod-differences.7");
    let manual = std::fs::read_to_string(manual).expect("manual");
    for scenario in scenarios::all() {
        if let Some(difference) = &scenario.differs {
            let line = format!(".It {}", difference.reason);
            assert!(manual.lines().any(|it| it == line), "{}: no line '{line}'", scenario.name);
        }
    }
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = scenarios::all().iter().map(|scenario| scenario.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

fn real_kernel(suite: &str) {
    let kernel = kernels().into_iter().find(|kernel| kernel.suite == suite);
    let kernel = kernel.unwrap_or_else(|| panic!("no kernel of Debian {suite} here: run scripts/lab"));
    let wanted = std::env::var("VM_SCENARIOS").unwrap_or_default();
    let all = scenarios::all();
    let scenarios: Vec<&Scenario> = all
        .iter()
        .filter(|scenario| {
            wanted.split(',').any(|word| scenario.name.contains(word))
                && scenario.only.is_none_or(|only| only == suite)
        })
        .collect();
    let start = Instant::now();
    let records = run(&kernel, &scenarios);
    let print = !wanted.is_empty();
    let mut faults = faults(&scenarios, &records, print);
    the_image_has_every_driver(&kernel, &records);
    if (1..=UNSTEADY).contains(&faults.len()) {
        let (again, first): (Vec<&Scenario>, Vec<String>) = faults.into_iter().unzip();
        println!("{suite}: run a second time, because of the first:\n{}", first.join("\n"));
        faults = self::faults(&again, &run(&kernel, &again), print);
    }
    println!("{suite}: {} scenarios in {:.1} s", scenarios.len(), start.elapsed().as_secs_f32());
    let texts: Vec<String> = faults.into_iter().map(|(_, text)| text).collect();
    assert!(texts.is_empty(), "{} of {} scenarios\n{}", texts.len(), scenarios.len(), texts.join("\n"));
}

/// Returns the scenarios that failed, each with the reason.
fn faults<'s>(scenarios: &[&'s Scenario], records: &Records, print: bool) -> Vec<(&'s Scenario, String)> {
    scenarios.iter().filter_map(|scenario| Some((*scenario, judge(scenario, records, print)?))).collect()
}

/// Checks that the image contains every module that a device needs: the sides would also agree if neither loaded
/// anything.
fn the_image_has_every_driver(kernel: &Kernel, records: &Records) {
    let Some(record) = records.get(&("coldplug".to_owned(), "ours".to_owned())) else { return };
    let aliases = record.section("stdout").lines().filter_map(|line| line.strip_prefix("alias "));
    let left_out = image::left_out(kernel, aliases);
    assert!(left_out.is_empty(), "the image lacks what devices ask for: {left_out:?}");
}

fn run(kernel: &Kernel, scenarios: &[&Scenario]) -> Records {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let initrd = image::build(dir.path(), kernel, scenarios);
    record::parse(&machine::boot(dir.path(), kernel, &initrd))
}

/// Describes what is wrong with a scenario's outcome, if anything.
fn judge(scenario: &Scenario, records: &Records, print: bool) -> Option<String> {
    let of = |side: &str| records.get(&(scenario.name.to_owned(), side.to_owned()));
    let (Some(ours), Some(theirs)) = (of("ours"), of("theirs")) else {
        return Some(format!("{}: no answer", scenario.name));
    };
    let sorted = (ours.sorted(), theirs.sorted());
    let (ours, theirs) = if scenario.any_order { (&sorted.0, &sorted.1) } else { (ours, theirs) };
    if print {
        println!(
            "==== {}\n{ours}---- theirs differs in {:?}\n{theirs}",
            scenario.name,
            ours.differing(theirs)
        );
    }
    let fault = fault(scenario, ours, theirs)?;
    Some(format!("==== {}: {fault}\n{}\n-- ours\n{ours}-- theirs\n{theirs}", scenario.name, scenario.script))
}

fn fault(scenario: &Scenario, ours: &Record, theirs: &Record) -> Option<String> {
    let (our_text, their_text) = (ours.to_string(), theirs.to_string());
    if !ours.section("start").is_empty() || !theirs.section("start").is_empty() {
        return Some("something was still loaded at its start".to_owned());
    }
    if let Some(text) = scenario.shows.iter().find(|text| !our_text.contains(**text)) {
        return Some(format!("ours does not show '{text}'"));
    }
    let differing = ours.differing(theirs);
    match &scenario.differs {
        None if differing.is_empty() => None,
        None => Some(format!("the sides differ in {}", differing.join(", "))),
        Some(difference) if BTreeSet::from_iter(&differing) != difference.sections.iter().collect() => {
            Some(format!("expected to differ in {:?}: {differing:?}", difference.sections))
        }
        Some(difference) if !their_text.contains(difference.theirs) => {
            Some(format!("theirs does not show '{}'", difference.theirs))
        }
        Some(difference) if !difference.theirs.is_empty() && our_text.contains(difference.theirs) => {
            Some(format!("ours shows '{}' too", difference.theirs))
        }
        Some(_) => None,
    }
}
