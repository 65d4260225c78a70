//! modinfo with depmod's cache: used if it is valid for the file, and otherwise ignored.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use oxmod_test_support::{Answer, Root, Run, Side, same, sides};

use crate::depmod::cache::{CACHE, depmod, forge, path, settled};
use crate::depmod::incremental::pool;
use crate::modinfo_real::REQUESTS;

/// Builds a tree whose cache has `alias-by-lie` for top.ko.xz, while the file itself has `alias-of-top`.
fn with_a_wrong_record() -> Root {
    let root = settled();
    depmod(&root, &[], Side::Ours);
    forge(&root, "alias-of-top", "alias-by-lie");
    root
}

fn modinfo(root: &Root, args: &[&str], module: impl AsRef<Path>, side: Side) -> Answer {
    let run = Run::new("modinfo").arg("-b").arg(root.path("")).args(["-k", root.release()]).args(args);
    run.arg(module.as_ref()).on(side)
}

/// Returns whether our modinfo uses the cache of [`with_a_wrong_record`], both by name and by path.
fn uses_the_cache(root: &Root) -> bool {
    let file = path(root, "kernel/top.ko.xz");
    let aliases = [Path::new("top"), &file].map(|module| {
        let answer = modinfo(root, &["-F", "alias"], module, Side::Ours);
        assert_eq!((answer.code, answer.stderr_text().as_str()), (0, ""));
        answer.stdout_text()
    });
    assert_eq!(aliases[0], aliases[1]);
    assert!(["alias-by-lie\n", "alias-of-top\n"].contains(&aliases[0].as_str()), "{aliases:?}");
    aliases[0] == "alias-by-lie\n"
}

fn has_ours() -> bool {
    sides().contains(&Side::Ours)
}

#[test]
fn the_cache_is_used_for_an_unchanged_file() {
    if !has_ours() {
        return;
    }
    let root = with_a_wrong_record();
    assert!(uses_the_cache(&root));
    // The modification time has changed, so the file may have changed.
    let file = File::options().append(true).open(path(&root, "kernel/top.ko.xz")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert!(!uses_the_cache(&root));
    // A renamed tree still has the same files; a copy does not.
    for (command, believed) in [(["mv", "-T"], true), (["cp", "-aT"], false)] {
        let (root, other) = (with_a_wrong_record(), Root::new());
        other.dir("lib/modules");
        let status = Command::new(command[0])
            .arg(command[1])
            .arg(path(&root, ""))
            .arg(path(&other, "").parent().unwrap().join(other.release()))
            .status();
        assert!(status.unwrap().success());
        assert_eq!(uses_the_cache(&other), believed, "{command:?}");
    }
}

/// A user who can write the cache could forge the data of any module, so only the owner of the modules and root may.
#[test]
fn a_cache_that_others_can_write_is_ignored() {
    if !has_ours() {
        return;
    }
    let root = with_a_wrong_record();
    let file = path(&root, CACHE);
    for (mode, believed) in [(0o664, false), (0o646, false), (0o600, true), (0o644, true)] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        assert_eq!(uses_the_cache(&root), believed, "{mode:o}");
    }
    // The cache belongs to another user; only root can set this up.
    if chown(&file, Some(12345), None).is_ok() {
        assert!(!uses_the_cache(&root));
        // A run of depmod that does not trust the cache reads all modules and writes a new cache.
        depmod(&root, &[], Side::Ours);
        assert!(!uses_the_cache(&root));
        assert_eq!(fs::metadata(&file).map(|stat| std::os::unix::fs::MetadataExt::uid(&stat)).unwrap(), 0);
        // Even if the module belongs to the same other user, the cache is not trusted, and remains unchanged.
        let root = with_a_wrong_record();
        chown(path(&root, CACHE), Some(12345), None).unwrap();
        let record = fs::read(path(&root, CACHE)).unwrap();
        chown(path(&root, "kernel/top.ko.xz"), Some(12345), None).unwrap();
        assert!(!uses_the_cache(&root));
        assert!(fs::read(path(&root, CACHE)).unwrap() == record);
    }
}

/// Another module with the same name, size and modification time: a new file, or the same file overwritten.
#[test]
fn replaced_with_the_same_size_and_time() {
    for in_place in [true, false] {
        let root = settled();
        if has_ours() {
            depmod(&root, &[], Side::Ours);
        }
        let file = path(&root, "kernel/base.ko");
        let time = fs::metadata(&file).unwrap().modified().unwrap();
        let mut bytes = fs::read(&file).unwrap();
        let at = bytes.windows(13).position(|window| window == b"alias-of-base").unwrap();
        bytes[at..at + 13].copy_from_slice(b"alias-of-fake");
        if !in_place {
            fs::rename(&file, root.path("old")).unwrap();
        }
        fs::write(&file, bytes).unwrap();
        File::options().append(true).open(&file).unwrap().set_modified(time).unwrap();
        let answer = same(|side| modinfo(&root, &[], &file, side).triple());
        assert!(answer.1.contains("alias-of-fake"), "{answer:?}");
    }
}

/// Whatever is wrong with the cache, the answers are those of kmod.
#[test]
fn damaged_caches_are_ignored() {
    let root = settled();
    depmod(&root, &[], Side::Ours);
    let good = fs::read(path(&root, CACHE)).unwrap();
    let modules =
        ["kernel/base.ko", "kernel/top.ko.xz", "updates/other.ko.zst"].map(|name| path(&root, name));
    let answer = |side: Side| Run::new("modinfo").args(&modules).on(side).triple();
    let expected = same(answer);
    let mut cases: Vec<Vec<u8>> = vec![Vec::new(), vec![0xff; 5000], good.repeat(2)];
    cases.extend((0..good.len()).step_by(17).map(|len| good[..len].to_vec()));
    cases.extend((0..good.len()).step_by(7).map(|at| {
        let mut damaged = good.clone();
        damaged[at] ^= 0x10;
        damaged
    }));
    assert!(cases.len() > 200);
    for case in cases.iter().filter(|_| has_ours()) {
        root.file(root.in_modules(CACHE), case);
        assert_eq!(answer(Side::Ours), expected);
    }
    // The cache is not a regular file.
    fs::remove_file(path(&root, CACHE)).unwrap();
    nix::unistd::mkfifo(&path(&root, CACHE), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(same(answer), expected);
    fs::remove_file(path(&root, CACHE)).unwrap();
    root.dir(root.in_modules(CACHE));
    assert_eq!(same(answer), expected);
}

/// Hundreds of real modules, compressed and uncompressed, signed and unsigned: the cache gives the same answers as
/// the files.
#[test]
fn real_modules() {
    let root = Root::new();
    for (relative, source) in pool() {
        root.file(root.in_modules(relative.to_str().unwrap()), fs::read(source).unwrap());
    }
    root.file(root.in_modules(CACHE), "");
    std::thread::sleep(std::time::Duration::from_millis(80));
    depmod(&root, &[], Side::Ours);
    let files: Vec<_> =
        pool().into_iter().map(|(relative, _)| path(&root, relative.to_str().unwrap())).collect();
    for request in REQUESTS {
        for chunk in files.chunks(200) {
            let answer = same(|side| Run::new("modinfo").args(request).args(chunk).on(side));
            assert_eq!((answer.code, answer.stderr_text()), (0, String::new()), "{request:?}");
        }
    }
    // Our modinfo answered without reading the files.
    if has_ours() {
        forge(&root, "vermagic=6", "vermagic=?");
        let run = Run::new("modinfo").args(["-F", "vermagic"]).args(&files).on(Side::Ours);
        assert_eq!(run.stdout_text().matches('?').count(), 1);
    }
}

/// `--all` prints the same as a command that names each module, whether the data comes from the cache or from the
/// files.
#[test]
fn all_modules() {
    if !has_ours() {
        return;
    }
    let root = settled();
    let refused = |root: &Root, args: &[&str]| {
        let run = Run::new("modinfo").arg("-b").arg(root.path("")).args(["-k", root.release()]).args(args);
        let answer = run.on(Side::Ours);
        assert_eq!((answer.code, answer.stdout_text().as_str()), (1, ""), "{answer:?}");
        answer.stderr_text()
    };
    let none = refused(&root, &["--all"]);
    assert!(
        none.starts_with("modinfo: ERROR: no index of modules in /")
            && none.ends_with("/6.1.0-test (run depmod to create it)\n"),
        "{none}"
    );
    depmod(&root, &[], Side::Ours);
    assert!(refused(&root, &["--all", "base"]).contains("cannot be used with operands"));
    for args in [&[][..], &["-F", "alias"], &["-n"], &["-0"], &["-m", "-F", "NAME"], &["--json"]] {
        let each = |modules: &[&str]| {
            let run = Run::new("modinfo").arg("-b").arg(root.path("")).args(["-k", root.release()]);
            run.args(args).args(modules).on(Side::Ours).triple()
        };
        let all = each(&["--all"]);
        assert_eq!((all.0, all.2.as_str()), (0, ""));
        assert_eq!(all, each(&["base", "other", "top"]), "{args:?}");
    }
    // A module that cannot be read does not prevent the others from being printed.
    fs::remove_file(path(&root, "updates/other.ko.zst")).unwrap();
    let run =
        Run::new("modinfo").arg("-b").arg(root.path("")).args(["-k", root.release(), "--all", "-F", "alias"]);
    let answer = run.on(Side::Ours).triple();
    assert_eq!((answer.0, answer.1.as_str()), (1, "alias-of-base\nalias-of-top\n"), "{answer:?}");
    assert!(answer.2.contains("'other'"), "{answer:?}");
}

/// An index without modules is not an error.
#[test]
fn all_of_an_empty_directory() {
    if !has_ours() {
        return;
    }
    let root = Root::new();
    root.file(root.in_modules(CACHE), "");
    depmod(&root, &[], Side::Ours);
    let run = Run::new("modinfo").arg("-b").arg(root.path("")).args(["-k", root.release(), "--all"]);
    assert_eq!(run.on(Side::Ours).triple(), (0, String::new(), String::new()));
}
