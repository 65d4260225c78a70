//! Debian's firmware packages for Debian's kernels: exactly the existing files must be found, in each output format.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use oxmod_test_support::{Answer, Kernel, Run, Side, kernels};
use tempfile::TempDir;

use super::fsspec_fields;

/// A kernel, its firmware directory, and the files in it by the names that the kernel's modules request.
struct Real {
    kernel: Kernel,
    dir: PathBuf,
    /// A base directory with the kernel's modules, indexes and cache, so that the modules need not be read again.
    indexed: TempDir,
    expected: BTreeMap<String, BTreeSet<String>>,
}

fn real() -> &'static [Real] {
    static REAL: OnceLock<Vec<Real>> = OnceLock::new();
    REAL.get_or_init(|| {
        let kernels = kernels().into_iter().filter_map(|kernel| Some((kernel.firmware.clone()?, kernel)));
        let real: Vec<Real> = kernels
            .map(|(firmware, kernel)| {
                let dir = firmware.join("lib/firmware");
                let named = |name: String| (name.clone(), there(&dir, &name));
                let expected = wanted(&kernel).into_iter().map(named).collect();
                let indexed = index(&kernel);
                Real { kernel, dir, indexed, expected }
            })
            .collect();
        assert_eq!(real.len(), 2, "the real firmware is not here: run scripts/lab");
        real
    })
}

/// Indexes the modules of a kernel in a directory that depmod may write to.
fn index(kernel: &Kernel) -> TempDir {
    let top = tempfile::tempdir().unwrap();
    let below = Path::new("lib/modules").join(&kernel.release);
    let (from, to) = (kernel.root.join(&below), top.path().join(&below));
    fs::create_dir_all(&to).unwrap();
    symlink(from.join("kernel"), to.join("kernel")).unwrap();
    for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        fs::copy(from.join(list), to.join(list)).unwrap();
    }
    // depmod -b writes a cache only if there is one already.
    fs::write(to.join("modules.oxmod.bin"), "").unwrap();
    let answer = Run::new("depmod").arg("-b").arg(top.path()).arg(&kernel.release).on(Side::Ours);
    assert_eq!(answer.triple(), (0, String::new(), String::new()));
    assert!(fs::metadata(to.join("modules.oxmod.bin")).unwrap().len() > 1 << 20);
    top
}

fn firmware(real: &Real, args: &[&str]) -> Answer {
    let run = Run::new("kmod").arg("firmware").args(args).arg("-b").arg(real.indexed.path());
    let run = run.arg("--firmware-dir").arg(&real.dir).args(["-C", "/dev/null", "-k"]);
    run.arg(&real.kernel.release).on(Side::Ours)
}

/// Returns the names that the modules request according to modinfo, which reads each module.
fn wanted(kernel: &Kernel) -> BTreeSet<String> {
    let run = Run::new("modinfo").args(["--all", "-F", "firmware", "-b"]).arg(&kernel.root);
    let answer = run.args(["-k", &kernel.release]).on(Side::Ours);
    assert_eq!((answer.code, answer.stderr_text()), (0, String::new()));
    answer.stdout_text().lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Returns the files in a directory that a name stands for: the name itself, or its expansion by the shell.
fn there(dir: &Path, name: &str) -> BTreeSet<String> {
    if dir.join(name).is_file() {
        return BTreeSet::from([name.to_owned()]);
    }
    if !name.contains(['*', '?', '[']) {
        return BTreeSet::new();
    }
    let script =
        "shopt -s nullglob; IFS=; for path in $1; do [ -f \"$path\" ] && printf '%s\\n' \"$path\"; done; :";
    let output = Command::new("bash").args(["-c", script, "bash", name]).current_dir(dir).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn every_existing_file_is_found() {
    for real in real() {
        let Real { kernel, dir, expected, .. } = real;
        let is_pattern = |name: &str| name.contains(['*', '?', '[']);
        let (found, missing): (Vec<_>, Vec<_>) = expected.iter().partition(|(_, there)| !there.is_empty());
        assert!(found.len() > 250 && missing.len() > 250, "{} {}", found.len(), missing.len());
        assert!(found.iter().filter(|(name, _)| is_pattern(name)).count() >= 2, "no pattern is tried");
        let answer = firmware(real, &["missing", "-f", "null"]);
        let listed: BTreeSet<String> =
            answer.stdout_text().split_terminator('\0').map(str::to_owned).collect();
        assert_eq!(listed, missing.iter().map(|(name, _)| (*name).clone()).collect(), "{}", kernel.suite);
        let answer = firmware(real, &["list", "--json"]);
        let document: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
        let listed = document["firmware"].as_array().unwrap();
        assert_eq!(listed.len(), found.len());
        // Of the names that are not patterns, exactly those that exist are found.
        let plain = |name: &str| !is_pattern(name) && dir.join(name).is_file();
        let exact = listed.iter().filter(|one| plain(one["name"].as_str().unwrap())).count();
        assert_eq!(exact, expected.keys().filter(|name| plain(name)).count());
        assert!(exact > 250, "{exact}");
        for one in listed {
            let name = one["name"].as_str().unwrap();
            let places = one["places"].as_array().unwrap();
            let files = places.iter().filter(|place| place["size"].is_u64());
            // The files are the same, possibly reached through links.
            let real = |path: &Path| fs::canonicalize(path).unwrap();
            let files: BTreeSet<PathBuf> =
                files.map(|file| real(Path::new(file["path"].as_str().unwrap()))).collect();
            let there: BTreeSet<PathBuf> = expected[name].iter().map(|file| real(&dir.join(file))).collect();
            assert_eq!(files, there, "{name}");
        }
    }
}

#[test]
fn copied_files_are_found_by_every_name() {
    for real in real() {
        let Real { dir, expected, .. } = real;
        let to = tempfile::tempdir().unwrap();
        let copy = to.path().display().to_string();
        let answer = firmware(real, &["prune", "--copy-to", &copy, "--summary"]);
        assert_eq!((answer.code, answer.stdout_text()), (0, String::new()), "{answer:?}");
        let mut names = 0;
        for name in expected.values().flatten() {
            let path = to.path().join("lib/firmware").join(name);
            let copied = fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(copied == fs::read(dir.join(name)).unwrap(), "{name}");
            names += 1;
        }
        assert!(names > 250, "{names}");
        // The sizes agree with the directory trees.
        let count = |dir: &Path| {
            let script = "find . -type f -printf '%s\\n' | awk '{ n++; s += $1 } END { print n \" files, \" s \" bytes\" }'";
            let output = Command::new("sh").args(["-c", script]).current_dir(dir).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let err = answer.stderr_text();
        let figures = format!("all: {}taken: {}saved: ", count(dir), count(&to.path().join("lib/firmware")));
        assert!(err.contains(&figures), "{err}\n{figures}");
    }
}

/// Lays out the image that a description specifies: files are links to their sources.
fn extracted(spec: &[Vec<String>]) -> TempDir {
    let top = tempfile::tempdir().unwrap();
    for fields in spec {
        let place = top.path().join(fields[1].trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        symlink(&fields[2], &place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
    }
    top
}

#[test]
fn fwprune_on_real_kernels() {
    for Real { kernel, dir, indexed, expected } in real() {
        let out = tempfile::tempdir().unwrap();
        // Modules that need no decompression are read from the kernel's own directory.
        let below = Path::new("lib/modules").join(&kernel.release);
        let lists = indexed.path().join(&below);
        let plain = kernel.suite == "bookworm";
        let modules = if plain { kernel.root.join(&below).join("kernel") } else { lists.clone() };
        // Debian does not ship WHENCE, so one is generated from the links that Debian made from it.
        let find = |arguments: &str| {
            let script = format!("find . {arguments} | LC_ALL=C sort");
            let output = Command::new("sh").args(["-c", &script]).current_dir(dir).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let path = |line: &str| format!("{}/{line}\n", dir.display());
        let list: String = find("-type f").lines().map(path).collect();
        fs::write(out.path().join("list"), list).unwrap();
        fs::write(out.path().join("WHENCE"), find("-type l -printf 'Link: %P -> %l\n'")).unwrap();
        let run = Run::new("kmod").cwd(out.path()).args(["fwprune", "-firmware-file-list", "list"]);
        let run = run.args(["-firmware-whence", "WHENCE", "-out-meta", "meta.pb", "-out-fsspec", "out"]);
        let run = run.arg("-modinfo").arg(lists.join("modules.builtin.modinfo"));
        let answer = run.arg("-modules").arg(&modules).on(Side::Ours);
        assert_eq!((answer.code, answer.stdout_text()), (0, String::new()), "{}", answer.stderr_text());
        let missing = expected.values().filter(|there| there.is_empty()).count();
        let lines: Vec<String> = answer.stderr_text().lines().map(str::to_owned).collect();
        let (lines, strays): (Vec<_>, Vec<_>) =
            lines.into_iter().partition(|line| line.starts_with("kmod: WARNING: could not find firmware "));
        assert_eq!(lines.len(), missing);
        let is_list = |line: &String| line.contains("/modules.") && line.ends_with(": not a module");
        assert!(strays.iter().all(is_list), "{strays:#?}");
        let spec = fsspec_fields(&fs::read_to_string(out.path().join("out")).unwrap());
        let places: BTreeSet<&str> = spec.iter().map(|fields| fields[1].as_str()).collect();
        assert_eq!(places.len(), spec.len(), "a place is there twice");
        let image = extracted(&spec);
        for name in expected.values().flatten() {
            let real = |path: PathBuf| {
                fs::canonicalize(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
            };
            assert_eq!(real(image.path().join("lib/firmware").join(name)), real(dir.join(name)));
        }
        let count =
            places.iter().filter(|place| place.starts_with("/lib/modules/") && place.contains(".ko")).count();
        assert!(count > 4000, "{count}");
        let verify = Run::new("kmod").args(["meta", "verify", "--meta"]).arg(out.path().join("meta.pb"));
        let verified = verify.arg("--dir").arg(&modules).on(Side::Ours);
        // The lists of built-in modules are not in these directories.
        assert!(!verified.stdout_text().lines().any(|line| line.ends_with("missing")), "{verified:?}");
    }
}
