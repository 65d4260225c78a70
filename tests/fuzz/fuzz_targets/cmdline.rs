//! The kernel command line, compared with a second implementation of the rules: a state machine over bytes.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use oxmod::formats::config::Config;
use oxmod::notice::Sink;

fuzz_target!(|data: &[u8]| {
    let mut config = Config::default();
    config.parse_command_line(Path::new("/proc/cmdline"), data, &Sink::none());
    let found: Vec<Vec<u8>> =
        config.options.iter().map(|entry| [&entry.module[..], b" ", &entry.text].concat()).collect();
    let expected: Vec<Vec<u8>> = reference(data);
    if config.blacklist.is_empty() && !data.iter().any(|byte| b"[]".contains(byte)) {
        assert_eq!(found, expected);
    }
});

#[derive(PartialEq, Clone, Copy)]
enum In {
    Module,
    Parameter,
    Value,
    Nothing,
}

fn reference(data: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let (mut state, mut quoted, mut swapped, mut fresh) = (In::Module, false, false, true);
    let (mut module, mut parameter) = (Vec::new(), Vec::new());
    let text = data.iter().copied().take(4095).take_while(|&byte| byte != 0).chain([b' ', 0]);
    let end = data.iter().take(4095).take_while(|&&byte| byte != 0).count();
    for (at, byte) in text.enumerate() {
        let space = b" \t\n\x0b\x0c\r".contains(&byte);
        if byte == b'"' {
            quoted = !quoted;
            if state == In::Module && fresh {
                swapped = true;
            } else if state == In::Value {
                parameter.push(byte);
            } else {
                state = In::Nothing;
            }
        } else if (space && !quoted) || at == end {
            if !quoted && (state == In::Parameter || state == In::Value) {
                let name: Vec<u8> = module.iter().map(|&b| if b == b'-' { b'_' } else { b }).collect();
                words.push([&name[..], b" ", &parameter].concat());
            }
            (state, quoted, swapped, fresh) = (In::Module, false, false, true);
            (module, parameter) = (Vec::new(), Vec::new());
            continue;
        } else if space && state != In::Value {
            state = In::Nothing;
        } else if byte == b'.' && state == In::Module {
            state = In::Parameter;
        } else if byte == b'=' && state == In::Parameter {
            state = In::Value;
            parameter.push(byte);
            if swapped {
                parameter.push(b'"');
            }
        } else if state == In::Value || (state == In::Parameter && byte != b'.') {
            parameter.push(byte);
        } else if state == In::Module && byte != b'=' {
            module.push(byte);
        } else {
            state = In::Nothing;
        }
        fresh = false;
        if at >= end {
            break;
        }
    }
    words
}
