//! A preloaded library that stands in for the kernel: a script answers module calls, the calls are logged,
//! and opening or reading chosen files fails. The library consists of the files in `shim/`; `cc` compiles it
//! once per test run.
//!
//! Works only for dynamically linked programs: our default build, and the reference.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::compress::expand;
use crate::lab;
use crate::root::Root;
use crate::run::{Answer, Run, Side};

/// The source of the library.
const SOURCE: &str = concat!(
    include_str!("../shim/real.h"),
    include_str!("../shim/shim.c"),
    include_str!("../shim/state.c"),
    include_str!("../shim/uevent.c")
);

/// The script that the library reads and the log that it writes, both at the top of the tree.
const SCRIPT: &str = "shim-script";
const CALLS: &str = "shim-calls";

/// The kernel's scripted answers. Calls without an answer succeed.
#[derive(Debug, Clone, Default)]
pub struct Shim {
    script: String,
}

/// The answer of a command, and the calls that it made to the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shimmed {
    /// Exit code and output.
    pub answer: Answer,
    /// One line per call, such as `finit kernel/a.ko "x=1" 0 = 0`: the call, the module file whose contents
    /// were passed (after `<`: whose decompressed contents were passed), the parameters, the flags, the
    /// errno. An image that is not the contents of a file in the tree is identified by its size and hash.
    pub calls: String,
}

impl Shim {
    /// Creates a kernel for which every call succeeds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the errno for `call` (`finit`, `init` or `delete`) with `subject`: the module as it is named in
    /// the log, `#2` for the second such call of a process, or `*`. The first match applies; 0 is success.
    #[must_use]
    pub fn answer(self, call: &str, subject: &str, errno: i32) -> Self {
        self.line(format_args!("answer {call} {subject} {errno}"))
    }

    /// Makes opening this path fail. The path must be spelled as the program spells it.
    #[must_use]
    pub fn open(self, path: impl AsRef<Path>, errno: i32) -> Self {
        self.line(format_args!("open {} {errno}", path.as_ref().display()))
    }

    /// Makes reading from this file fail.
    #[must_use]
    pub fn read(self, path: impl AsRef<Path>, errno: i32) -> Self {
        self.line(format_args!("read {} {errno}", path.as_ref().display()))
    }

    /// Makes modules appear in and disappear from /sys/module, each after this many microseconds, with the
    /// dependencies in the tree's modules.dep. In a tree that must not have indexes, that file is at the top
    /// of the tree. Loading a module that is already loaded fails, as in the kernel.
    #[must_use]
    pub fn living(self, microseconds: u32) -> Self {
        self.line(format_args!("state {microseconds}"))
    }

    /// Delivers the lines of this named pipe as the kernel's uevents; see `shim/uevent.c`.
    #[must_use]
    pub fn events(self, path: impl AsRef<Path>) -> Self {
        self.line(format_args!("events {}", path.as_ref().display()))
    }

    fn line(mut self, line: std::fmt::Arguments<'_>) -> Self {
        writeln!(self.script, "{line}").expect("memory");
        self
    }

    /// Runs the command inside the tree on this kernel.
    ///
    /// # Panics
    /// If the library cannot be compiled, or the tree cannot be written to.
    pub fn run(&self, root: &Root, run: &Run, side: Side) -> Shimmed {
        let mut script = format!("log /{CALLS}\n{}", self.script);
        for (hash, name) in images(root) {
            writeln!(script, "module {hash:016x} {name}").expect("memory");
        }
        if script.contains("\nstate ") {
            root.dir("sys/module");
            script.push_str(&needs(root));
        }
        root.file(SCRIPT, script).file(CALLS, "");
        let run = run
            .clone()
            .inside(root)
            .env("OXMOD_SHIM", format!("/{SCRIPT}"))
            .env("LD_PRELOAD", library("shim", SOURCE));
        let answer = run.on(side);
        Shimmed { answer, calls: fs::read_to_string(root.path(CALLS)).expect("the calls") }
    }
}

/// Returns the contents of modules.dep as lines for the library.
fn needs(root: &Root) -> String {
    let name = |path: &str| {
        let base = path.rsplit('/').next().unwrap_or_default();
        base.split('.').next().unwrap_or_default().replace('-', "_")
    };
    let places = [root.in_modules("modules.dep"), "modules.dep".into()];
    let listed =
        places.iter().find_map(|place| fs::read_to_string(root.path(place)).ok()).unwrap_or_default();
    let mut script = String::new();
    for (path, needs) in listed.lines().filter_map(|line| line.split_once(':')) {
        for need in needs.split_whitespace() {
            writeln!(script, "needs {} {}", name(path), name(need)).expect("memory");
        }
    }
    script
}

/// Returns the hashes of the tree's module files, compressed and decompressed, each with the name of the
/// file.
fn images(root: &Root) -> BTreeMap<u64, String> {
    let mut images = BTreeMap::new();
    // Modules may also be outside of the module directory.
    let tops = [root.in_modules(""), "lib/modules".into()];
    for (path, bytes) in tops.iter().flat_map(|top| root.snapshot(top)) {
        let name = path.display().to_string();
        if !name.contains(".ko") {
            continue;
        }
        if let Some(image) = expand(&bytes) {
            images.entry(fnv1a(&image)).or_insert(format!("<{name}"));
        }
        images.entry(fnv1a(&bytes)).or_insert(name);
    }
    images
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Returns the library compiled from this source. Each test run compiles it again, so that it is never
/// outdated.
pub(crate) fn library(name: &'static str, text: &str) -> PathBuf {
    static MADE: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let made = made.entry(name).or_insert_with(|| {
        let dir = lab::ours().parent().unwrap_or(Path::new("/")).join("shim");
        fs::create_dir_all(&dir).expect("a directory for the shim");
        let ours = format!("{name}.{}", std::process::id());
        let (library, made) = (dir.join(format!("{name}.so")), dir.join(format!("{ours}.so")));
        let source = dir.join(format!("{ours}.c"));
        fs::write(&source, text).expect("the shim's source");
        let cc = env::var_os("CC").unwrap_or_else(|| "cc".into());
        let status = Command::new(cc)
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-o"])
            .args([&made, &source])
            .arg("-ldl")
            .stdin(Stdio::null())
            .status();
        assert!(status.is_ok_and(|status| status.success()), "no C compiler (cc), or it refuses the shim");
        fs::remove_file(&source).expect("the shim's source");
        // Renaming leaves a library of this name that another process has open unchanged.
        fs::rename(&made, &library).expect("the shim");
        library
    });
    made.clone()
}
