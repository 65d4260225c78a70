//! The ELF reader: each query on a module's bytes returns a result or an error, without exceeding its limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxmod::formats::elf::ElfModule;

fuzz_target!(|bytes: &[u8]| {
    let Ok(module) = ElfModule::parse(&bytes) else { return };
    if let Ok(section) = module.modinfo() {
        assert!(section.len() <= bytes.len());
    }
    if let Ok(links) = module.links() {
        let names = links.exports().map(|export| export.name).chain(links.needs().map(|need| need.name));
        for name in names {
            assert!(!name.contains(&0));
            assert!(
                name.is_empty() || bytes.windows(name.len()).any(|window| window == name),
                "a made-up name"
            );
        }
    }
    if let Ok(versions) = module.versions() {
        if let Ok(entries) = versions.entries() {
            assert!(entries.is_empty() || versions.is_present());
            assert!(entries.iter().all(|version| !version.name.contains(&0)));
        }
    }
    if let Ok(Some(id)) = module.build_id() {
        assert!(!id.is_empty() && id.len() <= bytes.len());
    }
    if let Ok(namespaces) = module.export_namespaces() {
        assert!(namespaces.iter().all(|(_, namespace)| !namespace.is_empty()));
    }
});
