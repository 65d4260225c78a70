//! Many threads that use one manager.

use std::collections::BTreeSet;

use oxmod_test_support::{Root, Run, Shim, Side, running_release};

use super::asked;

const MODULES: usize = 50;
const THREADS: usize = 32;

/// Builds a tree of fifty modules, each of which needs up to three earlier ones, so that many dependencies are
/// shared.
fn tree() -> Root {
    let root = Root::for_release(&running_release());
    for number in 0..MODULES {
        root.module(&format!("m-{number}.ko"), |module| {
            let needs: BTreeSet<usize> = [number / 2, number * 2 / 3, number * 7 / 8]
                .into_iter()
                .filter(|need| *need < number)
                .collect();
            let module = module.export(&format!("s{number}"), 1);
            needs.into_iter().fold(module, |module, need| module.need(&format!("s{need}")))
        });
    }
    let answer = Run::new("depmod").inside(&root).on(Side::Ours);
    assert_eq!(answer.code, 0, "{answer:?}");
    root.file("proc/cmdline", "").file("proc/modules", "");
    root
}

/// Returns the modules that are loaded in the end, those in the reports, and the calls.
fn end(threads: usize) -> (BTreeSet<String>, Vec<String>, Vec<String>) {
    let root = tree();
    let names: Vec<String> = (0..MODULES).map(|number| format!("m-{number}")).collect();
    let script = format!("together {threads} {}", names.join(" "));
    let (answers, calls) = asked(&root, &Shim::new().living(2000), &script);
    let present = std::fs::read_dir(root.path("sys/module")).expect("modules").flatten();
    let present = present.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let reported = answers[0].split(' ').map(str::to_owned).collect();
    (present, reported, calls)
}

/// There is one call to the kernel per module, and each module is in one report.
#[test]
fn threads_have_the_same_result_as_one() {
    let (alone, reported, calls) = end(1);
    assert_eq!((alone.len(), reported.len(), calls.len()), (MODULES, MODULES, MODULES));
    let (present, reported_together, calls) = end(THREADS);
    assert_eq!(present, alone);
    assert_eq!(reported_together, reported);
    assert_eq!(calls.len(), MODULES, "{calls:#?}");
    assert_eq!(calls.iter().collect::<BTreeSet<_>>().len(), MODULES, "{calls:#?}");
    assert!(calls.iter().all(|call| !call.contains('=')), "{calls:#?}");
}
