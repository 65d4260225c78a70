//! `synthetic-tree DIR RELEASE COUNT`: writes COUNT small modules and their `modules.order` below
//! DIR/lib/modules/RELEASE, to measure how the tools scale with the number of modules. The modules form
//! groups of fifty; dependencies stay within a group and are about as deep as in a real tree, so the work
//! should grow linearly with COUNT.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests do to the system what they like"
)]

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use oxmod_test_support::Module;

/// The number of modules in a group, that is, in one directory.
const GROUP: usize = 50;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, release, count] = args.as_slice() else {
        eprintln!("usage: synthetic-tree DIR RELEASE COUNT");
        return ExitCode::FAILURE;
    };
    let Ok(count) = count.parse() else {
        eprintln!("synthetic-tree: '{count}' is no number");
        return ExitCode::FAILURE;
    };
    match write(&Path::new(dir).join("lib/modules").join(release), count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("synthetic-tree: {dir}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(dir: &Path, count: usize) -> io::Result<()> {
    let mut order = String::new();
    for n in 0..count {
        let path = format!("kernel/drivers/group{:04}/synthetic{n:05}.ko", n / GROUP);
        if n % GROUP == 0 {
            fs::create_dir_all(dir.join(&path).parent().unwrap_or(dir))?;
        }
        fs::write(dir.join(&path), module(n).build())?;
        order = order + &path + "\n";
    }
    fs::write(dir.join("modules.order"), order)?;
    fs::write(dir.join("modules.builtin"), "")?;
    fs::write(dir.join("modules.builtin.modinfo"), "")
}

/// Builds module `n`, with five symbols, seven aliases and dependencies that halve the distance to the first
/// module of its group.
fn module(n: usize) -> Module {
    let mut module = Module::new()
        .info("license", "GPL")
        .info("description", format!("Synthetic driver {n}"))
        .info("author", "The oxmod developers");
    for device in 0..7 {
        module = module.alias(&format!(
            "pci:v0000{:04X}d0000{:04X}sv*sd*bc*sc*i*",
            0x1000 + n / 100,
            n % 100 * 7 + device
        ));
    }
    for symbol in 0..5 {
        module = module.export(&symbol_name(n, symbol), u32::try_from(n * 5 + symbol).unwrap_or(0));
    }
    for (symbol, needed) in [n % GROUP / 2, n % GROUP / 3, n % GROUP / 7].into_iter().enumerate() {
        if needed < n % GROUP {
            module = module.need(&symbol_name(n - n % GROUP + needed, symbol));
        }
    }
    module
}

fn symbol_name(n: usize, symbol: usize) -> String {
    format!("synthetic{n:05}_operation{symbol}")
}
