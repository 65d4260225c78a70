//! Loading a module with its dependencies: first a plan is made, then it is executed.
//!
//! This module owns the order of steps, the rules about blacklists, forbidden modules, install commands and
//! options, and the decision which steps may run in parallel. A dry run, `-D`, `-v`, `--json`, the manager
//! and a real insertion all read the same [`Plan`] and observe the same [`Executor`]. It must not print,
//! and making a plan must not change the system.
//!
//! Contract: kmod's `kmod_module_probe_insert_module`, with these differences: an install command also
//! takes effect for a module that has soft dependencies, all softdep lines of a module take effect,
//! `forbid` lines are supported, and no step is repeated.
//!
//! # Examples
//!
//! Plan the insertion of a module without loading it:
//!
//! ```
//! use std::fs;
//!
//! use oxmod::context::{ConfigSource, Context};
//! use oxmod::notice::Sink;
//! use oxmod::ops::probe::{Action, Plan, Request};
//!
//! let root = tempfile::tempdir()?;
//! let dir = root.path().join("lib/modules/6.12.0");
//! fs::create_dir_all(&dir)?;
//! fs::write(dir.join("modules.dep"), "net/acmenet.ko: lib/acme_mdio.ko\nlib/acme_mdio.ko:\n")?;
//!
//! let context = Context::open(dir.clone(), &ConfigSource::Nothing, &Sink::none());
//! let request = Request::new().options("debug=1");
//! let module = context.lookup(b"acmenet")?.remove(0);
//! let plan = Plan::new(&context, module, &request);
//! let [first, second] = plan.steps() else { panic!("{plan:?}") };
//! assert_eq!(first.action, Action::Insert(dir.join("lib/acme_mdio.ko")));
//! assert_eq!(second.action, Action::Insert(dir.join("net/acmenet.ko")));
//! assert_eq!(second.options, "debug=1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Load a module and its dependencies, which requires `CAP_SYS_MODULE`:
//!
//! ```no_run
//! use oxmod::context::{ConfigSource, Context, module_dir};
//! use oxmod::notice::Sink;
//! use oxmod::ops::probe::{ExecuteOptions, Executor, Plan, Request};
//!
//! let context = Context::open(module_dir(None, None)?, &ConfigSource::System, &Sink::none());
//! let executor = Executor::new(ExecuteOptions::default());
//! for module in context.lookup(b"snd-hda-intel")? {
//!     let plan = Plan::new(&context, module, &Request::new());
//!     match plan.refusal() {
//!         Some(error) => eprintln!("{error}"),
//!         // `()` is an observer that ignores all events.
//!         None => executor.load(&plan, &mut ())?,
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod execute;
mod forbid;
mod insertions;
mod observer;
mod order;
mod parallel;
mod plan;
mod request;
mod result;
mod wait;

pub(in crate::ops) use execute::wait_until_settled;
pub use execute::{ExecuteOptions, Executor};
pub use observer::{Finished, Observer, Removal};
pub use plan::{Action, Decision, Plan, Step};
pub use request::Request;
pub use result::{StepOutcome, StepResult};

#[cfg(test)]
mod tests;
