//! `.modinfo` strings, modules.builtin.modinfo and the merging of parameters.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxmod::formats::modinfo::{Parameters, builtin, strings};

fuzz_target!(|bytes: &[u8]| {
    let mut parameters = Parameters::default();
    let (mut total, mut taken) = (0, 0);
    for entry in strings(bytes) {
        assert!(!entry.key.contains(&b'=') && !entry.key.contains(&0) && !entry.value.contains(&0));
        total += entry.key.len() + entry.value.len();
        taken += usize::from(parameters.take(entry) == Ok(true));
    }
    assert!(total <= bytes.len());
    let list: Vec<_> = parameters.iter().collect();
    assert!(list.len() <= taken);
    assert!(list.iter().all(|one| one.description.is_some() || one.kind.is_some()));
    // The first byte is the length of the module's name, which is followed by the file.
    let Some((&at, rest)) = bytes.split_first() else { return };
    let (name, file) = rest.split_at(usize::from(at).min(rest.len()));
    for entry in builtin(file, name) {
        assert!(name.len() + entry.key.len() + entry.value.len() < file.len());
    }
});
