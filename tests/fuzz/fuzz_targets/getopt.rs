//! Our implementation of getopt, compared with the C library's `getopt_long` in the same process.
//!
//! The input is a byte that selects the ordering, followed by arguments separated by NUL. Both implementations must
//! return the same options with the same values, fail in the same cases, and leave the same operands.
#![no_main]

#[path = "../../../src/bin/kmod/cli/getopt.rs"]
#[allow(dead_code)]
mod getopt;

use std::ffi::{CStr, CString, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::ptr;

use clap::{Arg, ArgAction, Command};
use getopt::{Getopt, Ordering};
use libfuzzer_sys::fuzz_target;

/// `struct option` from `<getopt.h>`.
#[repr(C)]
struct LongOption {
    name: *const c_char,
    has_arg: c_int,
    flag: *mut c_int,
    value: c_int,
}

unsafe extern "C" {
    static mut optarg: *mut c_char;
    static mut optind: c_int;
    static mut opterr: c_int;
    fn getopt_long(
        argc: c_int,
        argv: *const *mut c_char,
        short: *const c_char,
        long: *const LongOption,
        index: *mut c_int,
    ) -> c_int;
}

/// ID, short option, old name, name, other name, whether the option takes a value.
type Row = (&'static str, char, Option<&'static CStr>, &'static CStr, Option<&'static CStr>, bool);

const TABLE: [Row; 7] = [
    ("all", 'a', None, c"all", None, false),
    ("remove", 'r', Some(c"remove-old"), c"remove-held", Some(c"re"), false),
    ("wait", 'w', None, c"wait", None, true),
    ("show", 's', Some(c"showconfig"), c"show-config", None, false),
    ("exports", 'e', None, c"show-exports", Some(c"show"), false),
    ("dir", 'd', None, c"dir", Some(c"directory"), true),
    ("zero", '0', None, c"z", None, false),
];

/// The result of a run: the options, then the operands, or `None` after an error.
type Walk = (Vec<(String, Option<Vec<u8>>)>, Option<Vec<Vec<u8>>>);

fn command() -> Command {
    let text = |name: &'static CStr| name.to_str().expect("ASCII");
    Command::new("t").args(TABLE.map(|(id, short, old, name, other, value)| {
        let action = if value { ArgAction::Set } else { ArgAction::SetTrue };
        let arg = Arg::new(id).short(short).long(text(name)).action(action);
        let arg = old.map_or(arg.clone(), |old| arg.alias(text(old)));
        other.map_or(arg.clone(), |other| arg.visible_alias(text(other)))
    }))
}

fn ours(command: &Command, args: &[OsString], ordering: Ordering) -> Walk {
    let mut walk = Getopt::new(command, OsStr::new("t"), args, ordering);
    let mut options = Vec::new();
    loop {
        match walk.next() {
            Ok(Some(option)) => options.push((option.id.to_owned(), option.value.map(OsString::into_vec))),
            Ok(None) => break,
            Err(error) => {
                assert!(error.0.starts_with(b"t: "));
                return (options, None);
            }
        }
    }
    (options, Some(walk.operands().into_iter().map(OsString::into_vec).collect()))
}

fn theirs(args: &[OsString], ordering: Ordering) -> Walk {
    let long: Vec<LongOption> = TABLE
        .iter()
        .flat_map(|&(_, short, old, name, other, value)| {
            [old, Some(name), other].into_iter().flatten().map(move |name| LongOption {
                name: name.as_ptr(),
                has_arg: c_int::from(value),
                flag: ptr::null_mut(),
                value: short as c_int,
            })
        })
        .chain([LongOption { name: ptr::null(), has_arg: 0, flag: ptr::null_mut(), value: 0 }])
        .collect();
    let short: String =
        TABLE.iter().map(|row| format!("{}{}", row.1, if row.5 { ":" } else { "" })).collect();
    let plus = if ordering == Ordering::RequireOrder { "+" } else { "" };
    let short = CString::new(format!("{plus}{short}")).expect("no NUL");
    let words = [OsString::from("t")].into_iter().chain(args.iter().cloned());
    let words: Vec<CString> = words.map(|word| CString::new(word.into_vec()).expect("no NUL")).collect();
    let mut argv: Vec<*mut c_char> = words.iter().map(|word| word.as_ptr().cast_mut()).collect();
    let argc = c_int::try_from(argv.len()).expect("few arguments");
    argv.push(ptr::null_mut());
    let mut options = Vec::new();
    // SAFETY: getopt_long permutes argv and reads strings and tables that outlive the loop; the target
    // runs in one thread, to which getopt's globals belong.
    unsafe {
        opterr = 0;
        optind = 0;
        loop {
            let code = getopt_long(argc, argv.as_ptr(), short.as_ptr(), long.as_ptr(), ptr::null_mut());
            if code == -1 {
                break;
            }
            let Some(row) = TABLE.iter().find(|row| row.1 as c_int == code) else { return (options, None) };
            let value = row.5.then(|| CStr::from_ptr(optarg).to_bytes().to_vec());
            options.push((row.0.to_owned(), value));
        }
        let first = usize::try_from(optind).expect("not negative");
        let left = &argv[first..words.len()];
        (options, Some(left.iter().map(|word| CStr::from_ptr(*word).to_bytes().to_vec()).collect()))
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let ordering = if choice & 1 == 0 { Ordering::Permute } else { Ordering::RequireOrder };
    let args: Vec<OsString> =
        rest.split(|byte| *byte == 0).map(|word| OsStr::from_bytes(word).into()).collect();
    assert_eq!(ours(&command(), &args, ordering), theirs(&args, ordering), "{args:?}");
});
