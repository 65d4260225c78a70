//! The list of applets and subcommands, and the dispatch on `argv[0]`.

use std::ffi::{OsStr, OsString};
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;

use clap::Command;

#[cfg(feature = "depmod")]
use crate::applets::depmod;
use crate::applets::{insmod, kmod, lsmod, modinfo, modprobe, rmmod};
use crate::cli::environment;
use crate::cli::getopt::Ordering::{Permute, RequireOrder};
use crate::cli::invocation::{Applet, Invocation, Registry, Subcommand};
use crate::report;

/// The applets and subcommands of this binary.
static REGISTRY: Registry = Registry {
    applets: &[
        Applet { name: "kmod", ordering: RequireOrder, command: kmod_table, run: kmod::run },
        Applet { name: "modprobe", ordering: Permute, command: modprobe::command, run: modprobe::run },
        #[cfg(feature = "depmod")]
        Applet { name: "depmod", ordering: Permute, command: depmod::command, run: depmod::run },
        Applet { name: "modinfo", ordering: Permute, command: modinfo::command, run: modinfo::run },
        Applet { name: "lsmod", ordering: Permute, command: lsmod::command, run: lsmod::run },
        Applet { name: "insmod", ordering: Permute, command: insmod::command, run: insmod::run },
        Applet { name: "rmmod", ordering: Permute, command: rmmod::command, run: rmmod::run },
    ],
    subcommands: &[
        #[cfg(feature = "coldplug")]
        Subcommand {
            name: "coldplug",
            about: "Load the drivers of the devices that are present",
            command: kmod::coldplug::command,
            run: kmod::coldplug::run,
        },
        #[cfg(feature = "complete")]
        Subcommand {
            name: "complete",
            about: "Print completions of a command line, for shells",
            command: kmod::complete::command,
            run: kmod::complete::run,
        },
        #[cfg(feature = "firmware")]
        Subcommand {
            name: "firmware",
            about: "Find the firmware that modules request",
            command: kmod::firmware::command,
            run: kmod::firmware::run,
        },
        #[cfg(feature = "firmware")]
        Subcommand {
            name: "fwprune",
            about: "Write meta.pb and fsspec for Monogon's image builder",
            command: kmod::fwprune::command,
            run: kmod::fwprune::run,
        },
        Subcommand { name: "help", about: "Print this help", command: kmod_table, run: kmod::help },
        Subcommand {
            name: "list",
            about: "List the loaded kernel modules",
            command: lsmod::command,
            run: lsmod::run,
        },
        #[cfg(feature = "meta")]
        Subcommand {
            name: "meta",
            about: "Build, show, search and check a meta.pb",
            command: kmod::meta::command,
            run: kmod::meta::run,
        },
        Subcommand {
            name: "static-nodes",
            about: "Print the device nodes that load a module when opened",
            command: kmod::static_nodes::command,
            run: kmod::static_nodes::run,
        },
    ],
};

fn kmod_table() -> Command {
    kmod::command(&REGISTRY)
}

/// Returns the part after the last slash, which may be empty.
fn short_name(argv0: &OsStr) -> &OsStr {
    OsStr::from_bytes(argv0.as_bytes().rsplit(|&byte| byte == b'/').next().unwrap_or_default())
}

/// Runs the applet that `argv[0]` names. If there is no such applet, prints nothing and returns 1, as kmod does.
pub fn main(argv: Vec<OsString>) -> u8 {
    let mut argv = argv.into_iter();
    let argv0 = argv.next().unwrap_or_default();
    let Some(applet) = REGISTRY.applet(short_name(&argv0)) else {
        return 1;
    };
    report::out_of_memory(applet.name);
    let ordering = if environment::is_posixly_correct() { RequireOrder } else { applet.ordering };
    let command = (applet.command)();
    let invocation =
        Invocation { argv0, tool: applet.name, args: argv.collect(), command, ordering, registry: &REGISTRY };
    // Not dropped, because that takes time and the program ends now.
    let invocation = ManuallyDrop::new(invocation);
    report::conclude(invocation.tool, (applet.run)(&invocation))
}

#[cfg(test)]
mod tests {
    use super::{REGISTRY, short_name};

    #[test]
    fn clap_accepts_all_tables() {
        for applet in REGISTRY.applets {
            (applet.command)().debug_assert();
        }
        for subcommand in REGISTRY.subcommands {
            (subcommand.command)().debug_assert();
        }
    }

    /// Each option of our own commands has the same letter and value in all of them.
    #[test]
    fn our_commands_have_consistent_options() {
        let letters = [
            ("basedir", 'b'),
            ("set-version", 'k'),
            ("config", 'C'),
            ("dry-run", 'n'),
            ("syslog", 's'),
            ("verbose", 'v'),
            ("help", 'h'),
            ("format", 'f'),
            ("output", 'o'),
        ];
        let mut values = std::collections::HashMap::new();
        for name in ["coldplug", "firmware", "meta", "static-nodes"] {
            let Some(subcommand) = REGISTRY.subcommand(name.as_ref()) else { continue };
            for arg in (subcommand.command)().get_arguments() {
                let id = arg.get_id().as_str().to_owned();
                let letter = letters.iter().find(|(long, _)| *long == id).map(|(_, letter)| *letter);
                assert_eq!(arg.get_short(), letter, "{name} --{id}");
                let value = arg.get_value_names().map(|names| names.join(" "));
                let first = values.entry(id.clone()).or_insert_with(|| value.clone());
                assert_eq!(*first, value, "{name} --{id}");
            }
        }
    }

    #[test]
    fn directories_are_removed_from_argv0() {
        for (argv0, name) in [("/sbin/lsmod", "lsmod"), ("lsmod", "lsmod"), ("lsmod/", ""), ("", "")] {
            assert_eq!(short_name(argv0.as_ref()), name);
        }
    }
}
