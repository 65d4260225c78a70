//! Finds and loads the modules for devices with the library's module manager.
//!
//! ```text
//! cargo run --example manager                      prints what would be loaded for this machine's devices
//! cargo run --example manager -- MODALIAS...       prints what would be loaded for these devices
//! cargo run --example manager -- --dir DIR ...     uses modules other than those in /lib/modules/RELEASE
//! sudo target/debug/examples/manager --load ...    loads the modules, with one thread per device
//! ```

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the rule is that of the library and the program"
)]

use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, thread};

use oxmod::context::{ConfigSource, Context};
use oxmod::notice::{Notice, Sink};
use oxmod::ops::manager::Manager;
use oxmod::ops::probe::Decision;

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode, Box<dyn Error>> {
    let (mut load, mut dir, mut modaliases) = (false, None, BTreeSet::new());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--load" => load = true,
            "--dir" => dir = Some(PathBuf::from(arguments.next().ok_or("--dir needs a directory")?)),
            _ => drop(modaliases.insert(argument)),
        }
    }
    if modaliases.is_empty() {
        collect(Path::new("/sys/devices"), &mut modaliases);
    }
    let manager = match dir {
        None => Manager::from_root("/")?,
        Some(dir) => {
            let sink = Sink::new(tell);
            Manager::new(move || Ok(Context::open(dir.clone(), &ConfigSource::System, &sink)))?
        }
    };
    let fine = if load { load_all(&manager, &modaliases) } else { show_all(&manager, &modaliases) };
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints a notice of the library, such as a configuration line that it cannot parse.
fn tell(notice: &Notice) {
    eprintln!("{notice:?}");
}

/// Prints what would be loaded. Loads nothing, and so always succeeds.
fn show_all(manager: &Manager, modaliases: &BTreeSet<String>) -> bool {
    for modalias in modaliases {
        for plan in manager.plan_for_device(modalias) {
            let decision = match &plan.decision {
                Decision::Load(steps) => {
                    let names: Vec<String> = steps.iter().map(|step| step.module.to_string()).collect();
                    format!("would load {}", names.join(", "))
                }
                Decision::Loaded => "loaded".into(),
                Decision::BuiltIn => "built in".into(),
                Decision::Blacklisted(line) => format!("blacklisted by {}", line.path.display()),
                Decision::Forbidden(forbidden) => forbidden.to_string(),
            };
            println!("{}: {decision}, for {modalias:.50}", plan.module.name);
        }
    }
    true
}

/// Loads the modules for all devices in parallel. A module that several devices need is inserted by one thread.
fn load_all(manager: &Manager, modaliases: &BTreeSet<String>) -> bool {
    let reports = thread::scope(|scope| {
        let load = |modalias| scope.spawn(move || manager.load_for_device(modalias));
        let threads: Vec<_> = modaliases.iter().map(load).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).collect::<Vec<_>>()
    });
    for (modalias, report) in modaliases.iter().zip(&reports) {
        println!("{modalias}: loaded {:?}, already {:?}", report.loaded, report.already);
        for (driver, error) in &report.failed {
            println!("{modalias}: {driver} failed: {error}");
        }
    }
    reports.iter().all(|report| report.failed.is_empty())
}

/// Collects the contents of each file named `modalias` below a directory.
fn collect(directory: &Path, modaliases: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), modaliases);
        } else if entry.file_name() == "modalias" {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            modaliases.extend(Some(text.trim_end().to_owned()).filter(|text| !text.is_empty()));
        }
    }
}
