//! The kernel's device hierarchy, /sys/devices, and the modaliases of the devices in it.
//!
//! A device is a directory. Symbolic links, which lead to other places in it, are not followed. Entries are sorted by
//! name, so that the same devices always have the same order. Entries that vanish during the walk are skipped, because
//! devices come and go.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use super::file;
use crate::error::{Error, Result};

/// Returns the modaliases of the devices below `top`, by which drivers are found, as pairs of device and modalias. A
/// device with several modaliases occurs several times; most devices have none.
///
/// A modalias is a line of the device's file `modalias`. If there is none, the kernel may have a modalias that it only
/// sends with the device's events; it is in the file `uevent`.
///
/// Errors: `top` cannot be listed.
pub fn modaliases(top: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    each(top, &mut |device, names| {
        let lines_of = |name: &str, prefix: &[u8]| -> Vec<Vec<u8>> {
            let text = file::read_text(&device.join(name)).unwrap_or_default();
            let lines = text.lines().filter_map(|line| line.strip_prefix(prefix));
            lines.filter(|alias| !alias.is_empty()).map(<[u8]>::to_vec).collect()
        };
        let mut aliases = if names.modalias { lines_of("modalias", b"") } else { Vec::new() };
        if aliases.is_empty() && names.uevent {
            aliases = lines_of("uevent", b"MODALIAS=");
        }
        found.extend(aliases.into_iter().map(|alias| (device.to_path_buf(), alias)));
    })?;
    Ok(found)
}

/// Checks that the devices are visible.
///
/// Errors: `top` cannot be listed, for example because sysfs is not mounted.
pub fn check(top: &Path) -> Result<()> {
    fs::read_dir(top).map(drop).map_err(Error::at(top))
}

/// Makes the kernel send the event of each device below `top` again, as if the device had just been added. A failure
/// does not keep the other devices from being tried.
///
/// Errors: `top` cannot be listed; else the first error from the kernel.
pub fn trigger(top: &Path) -> Result<()> {
    let mut outcome = Ok(());
    each(top, &mut |device, names| {
        let path = device.join("uevent");
        let write = || fs::OpenOptions::new().write(true).open(&path).and_then(|file| write_add(&file));
        match if names.uevent { write() } else { Ok(()) } {
            Err(error) if !is_gone(&error) && outcome.is_ok() => outcome = Err(Error::new(&path, error)),
            _ => {}
        }
    })?;
    outcome
}

fn write_add(mut file: &fs::File) -> io::Result<()> {
    io::Write::write_all(&mut file, b"add")
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV))
}

/// The relevant files that a directory has.
#[derive(Debug, Default)]
struct Names {
    modalias: bool,
    uevent: bool,
}

/// Visits `top` and every directory below it, each before its subdirectories.
fn each(top: &Path, visit: &mut dyn FnMut(&Path, &Names)) -> Result<()> {
    let mut pending = vec![top.to_path_buf()];
    while let Some(dir) = pending.pop() {
        match list(&dir) {
            Ok((names, mut below)) => {
                visit(&dir, &names);
                // Reversed, because the last one on the stack is visited first.
                below.sort_unstable_by(|one, other| other.cmp(one));
                pending.append(&mut below);
            }
            Err(error) if dir == top => return Err(Error::new(dir, error)),
            Err(_) => {}
        }
    }
    Ok(())
}

fn list(dir: &Path) -> io::Result<(Names, Vec<PathBuf>)> {
    let (mut names, mut below) = (Names::default(), Vec::new());
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            below.push(entry.path());
        } else if kind.is_fifo() {
            // The kernel has no FIFOs here, and opening one would block.
        } else if entry.file_name() == "modalias" {
            names.modalias = true;
        } else if entry.file_name() == "uevent" {
            names.uevent = true;
        }
    }
    Ok((names, below))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn devices_are_listed_in_order_with_all_aliases() {
        let dir = tree(&[
            ("pci0/b/modalias", "pci:b\n"),
            ("pci0/b/uevent", "MODALIAS=unused\n"),
            ("pci0/a/modalias", "acpi:a\nof:a"),
            ("pci0/a/deep/uevent", "X=1\nMODALIAS=tee:x\nMODALIAS_NOT=1\n"),
            ("pci0/c/uevent", "X=1\n"),
            ("pci0/d/modalias", "\n"),
            ("pci0/e/modalias", "\n\n"),
            ("pci0/e/uevent", "MODALIAS=usb:e\nMODALIAS=\n"),
            ("pci0/f/uevent", "MODALIAS=usb:f\n"),
            ("a-file", ""),
        ]);
        std::os::unix::fs::symlink("..", dir.path().join("pci0/a/link")).unwrap();
        for pipe in ["pci0/f/modalias", "pci0/c/modalias"] {
            nix::unistd::mkfifo(&dir.path().join(pipe), nix::sys::stat::Mode::S_IRWXU).unwrap();
        }
        let found = modaliases(dir.path()).unwrap();
        let shown: Vec<(&str, &str)> = found
            .iter()
            .map(|(path, alias)| {
                let path = path.strip_prefix(dir.path()).unwrap();
                (path.to_str().unwrap(), std::str::from_utf8(alias).unwrap())
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("pci0/a", "acpi:a"),
                ("pci0/a", "of:a"),
                ("pci0/a/deep", "tee:x"),
                ("pci0/b", "pci:b"),
                ("pci0/e", "usb:e"),
                ("pci0/f", "usb:f")
            ]
        );
        let error = modaliases(&dir.path().join("nothing")).unwrap_err();
        assert_eq!((error.errno(), error.path), (libc::ENOENT, dir.path().join("nothing")));
        assert!(check(dir.path()).is_ok());
        assert_eq!(check(&dir.path().join("nothing")).unwrap_err().errno(), libc::ENOENT);
    }

    #[test]
    fn a_failure_does_not_stop_the_trigger() {
        let dir = tree(&[("a/uevent", ""), ("b/uevent", ""), ("c/modalias", "x")]);
        trigger(dir.path()).unwrap();
        fs::remove_file(dir.path().join("a/uevent")).unwrap();
        fs::create_dir(dir.path().join("a/sub")).unwrap();
        std::os::unix::fs::symlink("/dev/full", dir.path().join("a/uevent")).unwrap();
        fs::write(dir.path().join("b/uevent"), "").unwrap();
        let error = trigger(dir.path()).unwrap_err();
        assert_eq!((error.errno(), error.path), (libc::ENOSPC, dir.path().join("a/uevent")));
        assert_eq!(fs::read(dir.path().join("b/uevent")).unwrap(), b"add");
        assert!(!dir.path().join("c/uevent").exists());
    }
}
