//! depmod.d: parsing never fails, no word is empty, and the words are together no longer than the input.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use oxmod::formats::config::depmod::{DepmodConfig, KernelPattern, SearchPlace};
use oxmod::notice::Sink;

fuzz_target!(|data: &[u8]| {
    let mut config = DepmodConfig::default();
    config.parse(Path::new("/f.conf"), data, &Sink::none());
    let pattern = |kernel: &KernelPattern| match kernel {
        KernelPattern::Any => 1,
        KernelPattern::Expression(text) => text.len(),
    };
    let place = |place: &SearchPlace| match place {
        SearchPlace::BuiltIn | SearchPlace::External => 8,
        SearchPlace::Dir(dir) => dir.len(),
    };
    let sizes = config
        .search
        .iter()
        .map(|entry| place(&entry.place))
        .chain(config.excludes.iter().map(|entry| entry.name.len()))
        .chain(config.externals.iter().flat_map(|entry| [pattern(&entry.kernel), entry.dir.len()]))
        .chain(
            config
                .overrides
                .iter()
                .flat_map(|entry| [entry.module.len(), pattern(&entry.kernel), entry.subdir.len()]),
        );
    let mut total = 0;
    for size in sizes {
        assert!(size > 0);
        total += size;
    }
    assert!(total <= data.len());
});
