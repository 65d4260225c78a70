//! modprobe.d: the parser, and every query on its result.
//!
//! Whatever is parsed must survive being written and parsed again, since users copy the output of `-c` into files.
//! This is not checked for lines with a backslash, `#`, NUL, vertical tab, form feed or carriage return, which would
//! have to be escaped.
#![no_main]

use std::collections::HashSet;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use oxmod::formats::config::Config;
use oxmod::notice::{Notice, Sink};

fuzz_target!(|data: &[u8]| {
    let config = parse(data);
    for name in [&b"a"[..], b"snd_hda_intel", b"pci:v00008086d*", b"", b"[x]"] {
        let _ = config.aliases_of(name).count();
        let _ = config.options_for(name, Some(b"alias"));
        let _ = (config.blacklisted(name), config.install_for(name), config.remove_for(name));
        let _ = config.forbidden(name);
        let softdeps = config.softdeps_of(name);
        for names in [softdeps.pre, softdeps.post, config.weakdeps_of(name)] {
            let distinct: HashSet<_> = names.iter().collect();
            assert_eq!(distinct.len(), names.len());
        }
    }
    if data.iter().any(|byte| b"\\#\0\x0b\x0c\r".contains(byte)) {
        return;
    }
    let again = parse(&written(&config));
    assert_eq!(texts(&config), texts(&again));
});

fn parse(data: &[u8]) -> Config {
    let mut config = Config::default();
    let sink = Sink::new(|notice| {
        let known = matches!(notice, Notice::BadConfigLine { .. } | Notice::DeprecatedDirective { .. });
        assert!(known, "{notice:?}");
    });
    config.parse(Path::new("/f.conf"), data, &sink);
    config
}

/// Returns each entry as a directive, with the lists in their order.
fn texts(config: &Config) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut line = |parts: &[&[u8]]| lines.push(parts.join(&b' '));
    config.blacklist.iter().for_each(|e| line(&[b"blacklist", &e.module]));
    config.installs.iter().for_each(|e| line(&[b"install", &e.pattern, &e.command]));
    config.removes.iter().for_each(|e| line(&[b"remove", &e.pattern, &e.command]));
    config.aliases.iter().for_each(|e| line(&[b"alias", &e.pattern, &e.module]));
    config.options.iter().for_each(|e| line(&[b"options", &e.module, &e.text]));
    for entry in &config.softdeps {
        let mut parts: Vec<&[u8]> = vec![b"softdep", &entry.pattern, b"", b"pre:"];
        parts.extend(entry.pre.iter().map(|name| name.as_slice()));
        parts.push(b"post:");
        parts.extend(entry.post.iter().map(|name| name.as_slice()));
        line(&parts);
    }
    for entry in &config.weakdeps {
        let mut parts: Vec<&[u8]> = vec![b"weakdep", &entry.pattern, b" "];
        parts.extend(entry.modules.iter().map(|name| name.as_slice()));
        line(&parts);
    }
    for entry in &config.forbids {
        let reason = entry.reason.as_ref().map_or(&b""[..], |reason| reason);
        line(&[b"forbid", &entry.pattern, reason]);
    }
    lines
}

fn written(config: &Config) -> Vec<u8> {
    texts(config)
        .into_iter()
        .flat_map(|mut line| {
            line.push(b'\n');
            line
        })
        .collect()
}
