//! The kernel's uevents.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxmod::formats::uevent::Event;

fuzz_target!(|data: &[u8]| {
    let Ok(event) = Event::parse(data) else { return };
    assert!(!event.action.is_empty() && event.path.starts_with(b"/"));
    assert!(data.starts_with(&[event.action, b"@", event.path].concat()));
    if event.wants_drivers() {
        let modalias = event.modaliases.first().expect("what drivers are found by");
        assert!(!modalias.is_empty() && !modalias.contains(&0));
    }
});
