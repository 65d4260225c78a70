//! Resolving symbols: from the symbols of all modules to a sorted dependency graph.

use crate::graph::{Cycles, Graph};
use crate::hash::IndexMap;
use crate::notice::{DepmodNotice, Sink};

use super::read::{ReadModule, WEAK};
use super::{DepmodOptions, notify};
use crate::formats::symvers::{bare, skip_prefix};

/// The owner of a symbol.
#[derive(Debug, Clone, Copy)]
struct Owner {
    /// The index of the module; `None` for the kernel.
    module: Option<u32>,
    crc: u64,
}

/// The resolved dependencies.
pub(super) struct Resolved {
    /// The edges of a module are in the order in which it first needs them.
    pub(super) graph: Graph,
    /// The topological number of each module, see [`Graph::topological_numbers`].
    pub(super) numbers: Vec<u32>,
}

/// Returns every exported symbol with the module that provides it: the last module in order that exports
/// it.
pub(super) fn exported_symbols<'a>(
    modules: &[ReadModule<'a>],
    prefix: Option<u8>,
) -> IndexMap<&'a [u8], (u32, u64)> {
    let mut owners = IndexMap::default();
    owners.reserve(modules.len() * 8);
    for (index, module) in (0_u32..).zip(modules) {
        for export in module.record.exports() {
            owners.insert(skip_prefix(export.name, prefix), (index, export.crc.unwrap_or(0)));
        }
    }
    owners
}

/// Builds the graph. Unknown symbols and version mismatches are reported to `sink` if the options say so.
///
/// Errors: modules depend on each other in a cycle.
pub(super) fn resolve(
    modules: &[ReadModule<'_>],
    symbols: &IndexMap<&[u8], (u32, u64)>,
    options: &DepmodOptions,
    sink: &Sink,
) -> Result<Resolved, Cycles> {
    let mut graph = Graph::new(modules.len());
    for (index, module) in (0_u32..).zip(modules) {
        for need in module.record.needs() {
            let name = bare(need.name, options.symbol_prefix);
            let own = symbols.get(name).map(|&(module, crc)| Owner { module: Some(module), crc });
            let kernel = || options.kernel_symbols.as_ref()?.crc(name).map(|crc| Owner { module: None, crc });
            let Some(owner) = own.or_else(kernel) else {
                if options.report_unknown && need.bind != WEAK {
                    notify(
                        sink,
                        DepmodNotice::UnknownSymbol { path: module.path.into(), symbol: need.name.into() },
                    );
                }
                continue;
            };
            if options.checks_versions() && need.bind != WEAK && need.crc.unwrap_or(0) != owner.crc {
                notify(
                    sink,
                    DepmodNotice::VersionMismatch { path: module.path.into(), symbol: need.name.into() },
                );
            }
            let Some(on) = owner.module else { continue };
            if graph.add(index, on) && options.verbose {
                notify(
                    sink,
                    DepmodNotice::Dependency {
                        path: module.path.into(),
                        symbol: name.into(),
                        on: modules[on as usize].path.into(),
                    },
                );
            }
        }
    }
    let numbers = graph.topological_numbers()?;
    Ok(Resolved { graph, numbers })
}
