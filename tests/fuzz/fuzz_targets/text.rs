//! The text files of a module directory, System.map, Module.symvers and /proc/modules; names and patterns.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxmod::formats::index::text;
use oxmod::formats::proc_modules;
use oxmod::name;
use oxmod::ops::depmod::KernelSymbols;

fuzz_target!(|data: &[u8]| {
    for dep in text::deps(data) {
        assert!(dep.line().starts_with(dep.path));
        assert!(dep.dependencies().all(|path| !path.is_empty()));
    }
    for keyword in ["alias", "softdep", "weakdep"] {
        text::entries(data, keyword).for_each(drop);
    }
    let _ = text::names(data).count();
    for module in proc_modules::entries(data) {
        assert!(!module.name.is_empty());
        assert!(module.users().all(|user| !user.is_empty() && !user.contains(&b',')));
    }
    text::lines(data).for_each(|line| {
        let _ = text::DeviceNode::parse(line);
    });
    let _ = KernelSymbols::from_system_map(data, Some(b'_'), |bad| assert!(bad.line > 0));
    let _ = KernelSymbols::from_symvers(data, None, |bad| assert!(bad.line > 0));

    // A pattern and a string, separated by the first NUL.
    let cut = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (pattern, rest) = data.split_at(cut);
    let subject = rest.get(1..).unwrap_or_default();
    let _ = name::fnmatch(pattern, subject);
    let _ = text::matching_aliases(data, subject).count();
    if let Ok(normalized) = name::normalize_alias(pattern) {
        assert_eq!(name::normalize_alias(&normalized).as_deref(), Ok(&*normalized));
    }
});
