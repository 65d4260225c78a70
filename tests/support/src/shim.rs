//! A preloaded library in the kernel's place: module calls are answered by a script and written down, and chosen
//! files cannot be opened or read. The files of `shim/` are the library; it is compiled here, once a run, by `cc`.
//!
//! Only for dynamically linked programs, which ours is by default and the reference always.

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

/// The library's source.
const SOURCE: &str = concat!(
    include_str!("../shim/real.h"),
    include_str!("../shim/shim.c"),
    include_str!("../shim/state.c"),
    include_str!("../shim/uevent.c")
);

/// The script that the library reads, and the calls that it writes down, both at the top of the tree.
const SCRIPT: &str = "shim-script";
const CALLS: &str = "shim-calls";

/// What the kernel is to answer. Whatever is not said succeeds.
#[derive(Debug, Clone, Default)]
pub struct Shim {
    script: String,
}

/// What a command answered, and what it asked of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shimmed {
    /// Exit code and output.
    pub answer: Answer,
    /// A line a call, such as `finit kernel/a.ko "x=1" 0 = 0`: the call, the module file whose contents (or, behind
    /// `<`, whose decompressed contents) were handed over, parameters, flags, errno. An image that is in no file
    /// is called by size and hash.
    pub calls: String,
}

impl Shim {
    /// A kernel that agrees to everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// The errno for `call` (`finit`, `init` or `delete`) with `subject`: what the log calls the module, `#2` for the
    /// second such call of a process, or `*`. The first that fits counts; 0 is success.
    #[must_use]
    pub fn answer(self, call: &str, subject: &str, errno: i32) -> Self {
        self.line(format_args!("answer {call} {subject} {errno}"))
    }

    /// Opening this path, as the program spells it, fails.
    #[must_use]
    pub fn open(self, path: impl AsRef<Path>, errno: i32) -> Self {
        self.line(format_args!("open {} {errno}", path.as_ref().display()))
    }

    /// Reading from this file fails.
    #[must_use]
    pub fn read(self, path: impl AsRef<Path>, errno: i32) -> Self {
        self.line(format_args!("read {} {errno}", path.as_ref().display()))
    }

    /// Modules come and go in /sys/module, each after this many microseconds, and need each other as modules.dep
    /// of the tree says; that at its top, in a tree that is to have no indexes. What is there is refused, as a kernel
    /// does.
    #[must_use]
    pub fn living(self, microseconds: u32) -> Self {
        self.line(format_args!("state {microseconds}"))
    }

    /// The lines of this named pipe are what the kernel tells of its devices, see `shim/uevent.c`.
    #[must_use]
    pub fn events(self, path: impl AsRef<Path>) -> Self {
        self.line(format_args!("events {}", path.as_ref().display()))
    }

    fn line(mut self, line: std::fmt::Arguments<'_>) -> Self {
        writeln!(self.script, "{line}").expect("memory");
        self
    }

    /// Runs the command inside the tree with this kernel.
    ///
    /// # Panics
    /// When the library cannot be made, or the tree not be written to.
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

/// What modules.dep says, for the library.
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

/// The hashes of the module files of a tree, as they are and decompressed, each with the file's name.
fn images(root: &Root) -> BTreeMap<u64, String> {
    let mut images = BTreeMap::new();
    // Modules need not be in the directory of the kernel.
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

/// The library compiled from this source. Made anew by each run of the tests, so that it is never an old one.
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
        // Another process may have one of the same name open: it keeps what it has.
        fs::rename(&made, &library).expect("the shim");
        library
    });
    made.clone()
}
