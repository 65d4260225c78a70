//! Locates the programs and kernels under test. `scripts/lab` downloads the reference and the kernels into a
//! cache and describes them in a file of shell assignments; environment variables override that file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The module tree of a real kernel.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The Debian suite that the kernel is from.
    pub suite: &'static str,
    /// The argument for `-d` or `-b`.
    pub root: PathBuf,
    /// The argument for `-S`, or depmod's operand.
    pub release: String,
    /// The headers for this kernel, which include its Module.symvers.
    pub headers: Option<PathBuf>,
    /// Debian's firmware: the root of the unpacked packages.
    pub firmware: Option<PathBuf>,
    /// Our small test modules, built for this kernel.
    pub kbuild: Option<PathBuf>,
}

/// Returns the path of our multi-call binary: `OXMOD_KMOD`, or else the one in the build directory of the
/// running test.
pub fn ours() -> PathBuf {
    if let Some(path) = std::env::var_os("OXMOD_KMOD") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap_or_default();
    let build = test.parent().and_then(Path::parent).unwrap_or(Path::new("target/debug"));
    build.join("kmod")
}

/// Returns the path of the reference's multi-call binary, or `None` if it is not installed.
pub fn reference() -> Option<PathBuf> {
    setting("OXMOD_REFERENCE").map(|dir| PathBuf::from(dir).join("kmod")).filter(|path| path.exists())
}

/// Returns the real kernels that are installed in the lab: bookworm's, trixie's, both, or none.
pub fn kernels() -> Vec<Kernel> {
    ["bookworm", "trixie"]
        .into_iter()
        .filter_map(|suite| {
            let name = format!("OXMOD_{}", suite.to_uppercase());
            let root = setting(&format!("{name}_ROOT"))?.into();
            let release = setting(&format!("{name}_RELEASE"))?.into_string().ok()?;
            let headers = setting(&format!("{name}_HEADERS")).map(PathBuf::from);
            let firmware = setting(&format!("{name}_FIRMWARE")).map(PathBuf::from);
            let kbuild = setting(&format!("{name}_KBUILD")).map(PathBuf::from);
            Some(Kernel { suite, root, release, headers, firmware, kbuild })
        })
        .collect()
}

/// Returns whether tests that take minutes must check everything (`OXMOD_EXHAUSTIVE=1`) rather than a sample.
pub fn exhaustive() -> bool {
    std::env::var_os("OXMOD_EXHAUSTIVE").is_some()
}

/// Returns the release of the running kernel, as `uname -r` prints it.
pub fn running_release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim_end().to_owned()
}

/// Returns a directory next to the binary with links named after the tools, for `PATH`.
pub(crate) fn links(binary: &Path) -> PathBuf {
    static MADE: OnceLock<()> = OnceLock::new();
    let parent = binary.parent().unwrap_or(Path::new("/"));
    if parent.join("modprobe").exists() {
        return parent.to_owned();
    }
    let dir = parent.join("kmod-links");
    MADE.get_or_init(|| {
        let _ = std::fs::create_dir_all(&dir);
        // The link is relative, so that a copied build directory does not refer to the original.
        let target = Path::new("..").join(binary.file_name().unwrap_or_default());
        for name in ["kmod", "modprobe", "depmod", "modinfo", "lsmod", "insmod", "rmmod"] {
            let link = dir.join(name);
            if std::fs::read_link(&link).ok().as_ref() != Some(&target) {
                // Another process may have created the link already, with the same target.
                let _ = std::fs::remove_file(&link);
                let _ = symlink(&target, &link);
            }
        }
    });
    dir
}

fn setting(name: &str) -> Option<OsString> {
    static FILE: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    std::env::var_os(name).or_else(|| FILE.get_or_init(read_file).get(name).map(OsString::from))
}

/// Parses `NAME=value` lines; the values are paths and versions without quotes or blanks.
fn read_file() -> BTreeMap<String, String> {
    let cache = || {
        std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
            .map(|dir| dir.join("oxmod/lab"))
    };
    let lab = std::env::var_os("OXMOD_LAB").map(PathBuf::from).or_else(cache);
    let text = lab.and_then(|lab| std::fs::read_to_string(lab.join("env")).ok()).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim_matches(['"', '\'']).to_owned()))
        .collect()
}
