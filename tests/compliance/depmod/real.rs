//! Both real kernels, as installed and rearranged: every file is compared byte for byte.
//!
//! The trees consist of links to the kernels' files, so that variants are cheap.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use oxmod_test_support::{Kernel, Root, kernels, same};

use super::{Files, lines, run};

/// Returns the kernels. Panics if there are none, since no other test covers the same.
fn real_kernels() -> Vec<Kernel> {
    let kernels = kernels();
    assert_eq!(kernels.len(), 2, "the real kernels are not here: run scripts/lab");
    kernels
}

fn compare(root: &Path, kernel: &Kernel, args: &[&str]) -> (String, String, Files) {
    let (answer, files) = same(|side| run(root, &kernel.release, args, side));
    assert_eq!(answer.code, 0);
    (answer.stdout_text(), answer.stderr_text(), files)
}

/// Returns the paths of the kernel's symbol files: Module.symvers from the headers, and a System.map derived from it
/// in `root`, since Debian ships a stub. The map lacks every thirtieth symbol, so that some needs are unknown.
fn symbols(kernel: &Kernel, root: &Root) -> (String, String) {
    let headers = kernel.headers.as_ref().expect("kernel headers: run scripts/lab");
    let symvers = headers.join("Module.symvers");
    let text = fs::read_to_string(&symvers).unwrap();
    let exported = text.lines().filter(|line| line.split('\t').nth(2) == Some("vmlinux"));
    let names = exported.filter_map(|line| line.split('\t').nth(1)).enumerate();
    let mut map = Vec::new();
    for (index, name) in names.filter(|(index, _)| index % 30 != 0) {
        writeln!(map, "ffffffff{index:08x} r __ksymtab_{name}\nffffffff{index:08x} T {name}").unwrap();
    }
    assert!(map.len() > 500_000);
    root.file("System.map", map);
    (root.path("System.map").display().to_string(), symvers.display().to_string())
}

#[test]
fn as_installed() {
    for kernel in real_kernels() {
        let (out, err, files) = compare(&kernel.root, &kernel, &[]);
        assert_eq!((out.as_str(), err.as_str(), files.0.len()), ("", "", 11));
        assert!(lines(&files, "modules.dep").len() > 4000);
        assert!(lines(&files, "modules.alias").len() > 20_000);
    }
}

#[test]
fn dry_run_with_every_report() {
    for kernel in real_kernels() {
        let root = Root::new();
        let (map, symvers) = symbols(&kernel, &root);
        let (out, err, _) = compare(&kernel.root, &kernel, &["-n", "-v", "-e", "-w", "-F", &map]);
        assert!(out.lines().count() > 50_000);
        let unknown = err.matches("needs unknown symbol").count();
        assert!((1000..20_000).contains(&unknown), "{unknown}");
        compare(&kernel.root, &kernel, &["-n", "-e", "-E", &symvers]);
    }
}

#[test]
fn duplicates_are_reported() {
    let kernel = &real_kernels()[0];
    let (_, err, _) = compare(&kernel.root, kernel, &["-w"]);
    assert!(err.contains("duplicate module alias"));
}

/// Every third module is moved to updates/, every ninth of these exists in both directories; others are in extra/,
/// some are excluded, some are external, one is overridden.
#[test]
fn rearranged() {
    for kernel in real_kernels() {
        let root = Root::for_release(&kernel.release);
        let (kept, moved) = rearrange(&kernel, &root);
        assert!(kept > 1000 && moved > 1000);
        let external = root.path("external");
        let excluded = "exclude btrfs.ko btrfs.ko.xz isdn\n";
        for (name, text) in [
            ("updates", "search updates built-in\n".to_owned()),
            ("default", String::new()),
            ("extra", "search extra updates built-in\n".into()),
            ("built-in", format!("search built-in extra updates\n{excluded}")),
            (
                "override",
                "override xfs * extra\noverride nfs ^6 kernel/fs/nfs\nsearch updates extra\n".into(),
            ),
            ("external", format!("external * {}\nsearch external updates\n{excluded}", external.display())),
        ] {
            // Decompressing this tree takes seconds per run, so only two variants are tested.
            if kernel.release.contains("deb13") && !["updates", "external"].contains(&name) {
                continue;
            }
            root.file("conf/x.conf", &text);
            let conf = root.path("conf").display().to_string();
            let (_, err, files) = compare(&root.path(""), &kernel, &["-C", &conf]);
            assert_eq!(err, "", "{name}");
            let deps = lines(&files, "modules.dep");
            assert!(deps.len() > 3000, "{name}: {}", deps.len());
            assert_eq!(
                deps.iter().any(|line| line.contains("/btrfs.ko")),
                !text.contains(excluded),
                "{name}"
            );
            assert_eq!(deps.iter().any(|line| line.starts_with('/')), name == "external");
        }
    }
}

/// Links the kernel's modules into `root`. Returns the number of modules below kernel/ and elsewhere.
fn rearrange(kernel: &Kernel, root: &Root) -> (usize, usize) {
    let from = kernel.root.join("lib/modules").join(&kernel.release).canonicalize().unwrap();
    for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        root.file(root.in_modules(list), fs::read(from.join(list)).unwrap());
    }
    let (mut kept, mut moved) = (0, 0);
    for (index, path) in modules(&from.join("kernel")).iter().enumerate() {
        let relative = path.strip_prefix(&from).unwrap();
        let name = path.file_name().unwrap();
        if index % 3 != 0 || index % 9 == 0 {
            link(path, &root.path(root.in_modules("")).join(relative));
            kept += 1;
        }
        if index % 3 == 0 {
            link(path, &root.path(root.in_modules("updates/dkms")).join(name));
            moved += 1;
        }
        if index % 5 == 0 {
            link(path, &root.path(root.in_modules("extra")).join(name));
        }
        if index % 11 == 0 {
            link(path, &root.path("external").join(name));
        }
    }
    (kept, moved)
}

fn link(target: &Path, link: &Path) {
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink(target, link).unwrap();
}

/// Returns all module files below `top`, sorted.
pub(super) fn modules(top: &Path) -> Vec<PathBuf> {
    let (mut found, mut pending) = (Vec::new(), vec![top.to_path_buf()]);
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                pending.push(path);
            } else if path.to_string_lossy().contains(".ko") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
