//! modinfo from depmod's side-car: used where it is true of the file, and never anywhere else.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use oxmod_test_support::{Answer, Root, Run, Side, same, sides};

use crate::depmod::facts::{FACTS, depmod, forge, path, settled};
use crate::depmod::incremental::pool;
use crate::modinfo_real::REQUESTS;

/// A settled tree whose side-car says `alias-by-lie` of top.ko.xz, which says `alias-of-top` itself.
fn with_a_lie() -> Root {
    let root = settled();
    depmod(&root, &[], Side::Ours);
    forge(&root, "alias-of-top", "alias-by-lie");
    root
}

fn modinfo(root: &Root, args: &[&str], module: impl AsRef<Path>, side: Side) -> Answer {
    let run = Run::new("modinfo").arg("-b").arg(root.path("")).args(["-k", root.release()]).args(args);
    run.arg(module.as_ref()).on(side)
}

/// Whether ours answers from the side-car of [`with_a_lie`], by name and by path alike.
fn believes(root: &Root) -> bool {
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
fn it_answers_for_the_file_that_was_read() {
    if !has_ours() {
        return;
    }
    let root = with_a_lie();
    assert!(believes(&root));
    // Touched: another file, as far as anybody can know.
    let file = File::options().append(true).open(path(&root, "kernel/top.ko.xz")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert!(!believes(&root));
    // A tree under another name is the same tree; a copy of it is not.
    for (command, believed) in [(["mv", "-T"], true), (["cp", "-aT"], false)] {
        let (root, other) = (with_a_lie(), Root::new());
        other.dir("lib/modules");
        let status = Command::new(command[0])
            .arg(command[1])
            .arg(path(&root, ""))
            .arg(path(&other, "").parent().unwrap().join(other.release()))
            .status();
        assert!(status.unwrap().success());
        assert_eq!(believes(&other), believed, "{command:?}");
    }
}

/// Whoever may write to the side-car may put words into the mouths of modules: only their owner and root may.
#[test]
fn it_is_not_believed_when_others_can_write_it() {
    if !has_ours() {
        return;
    }
    let root = with_a_lie();
    let file = path(&root, FACTS);
    for (mode, believed) in [(0o664, false), (0o646, false), (0o600, true), (0o644, true)] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        assert_eq!(believes(&root), believed, "{mode:o}");
    }
    // Somebody else's: only root can make it so.
    if chown(&file, Some(12345), None).is_ok() {
        assert!(!believes(&root));
        // A run that does not believe it reads everything, and writes its own.
        depmod(&root, &[], Side::Ours);
        assert!(!believes(&root));
        assert_eq!(fs::metadata(&file).map(|stat| std::os::unix::fs::MetadataExt::uid(&stat)).unwrap(), 0);
        // Theirs, for a module that is theirs: what they say of it is as good as what it says.
        let root = with_a_lie();
        chown(path(&root, FACTS), Some(12345), None).unwrap();
        let record = fs::read(path(&root, FACTS)).unwrap();
        chown(path(&root, "kernel/top.ko.xz"), Some(12345), None).unwrap();
        assert!(!believes(&root));
        assert!(fs::read(path(&root, FACTS)).unwrap() == record);
    }
}

/// Another module under the name, with the size and the time of the old one: in its place, or in its bytes.
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

/// Whatever is wrong with the side-car, the answers are those of kmod.
#[test]
fn damaged_ones_change_no_answer() {
    let root = settled();
    depmod(&root, &[], Side::Ours);
    let good = fs::read(path(&root, FACTS)).unwrap();
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
        root.file(root.in_modules(FACTS), case);
        assert_eq!(answer(Side::Ours), expected);
    }
    // In its place something that is no file.
    fs::remove_file(path(&root, FACTS)).unwrap();
    nix::unistd::mkfifo(&path(&root, FACTS), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(same(answer), expected);
    fs::remove_file(path(&root, FACTS)).unwrap();
    root.dir(root.in_modules(FACTS));
    assert_eq!(same(answer), expected);
}

/// Hundreds of real modules, plain and compressed, signed and unsigned: from the side-car as from the file.
#[test]
fn real_modules() {
    let root = Root::new();
    for (relative, source) in pool() {
        root.file(root.in_modules(relative.to_str().unwrap()), fs::read(source).unwrap());
    }
    root.file(root.in_modules(FACTS), "");
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
    // Ours had no need of the files.
    if has_ours() {
        forge(&root, "vermagic=6", "vermagic=?");
        let run = Run::new("modinfo").args(["-F", "vermagic"]).args(&files).on(Side::Ours);
        assert_eq!(run.stdout_text().matches('?').count(), 1);
    }
}

/// `--all`: what a command gives that names every module, be it from the side-car or from the files.
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
            && none.ends_with("/6.1.0-test: depmod makes it.\n"),
        "{none}"
    );
    depmod(&root, &[], Side::Ours);
    assert!(refused(&root, &["--all", "base"]).contains("takes no operand"));
    for args in [&[][..], &["-F", "alias"], &["-n"], &["-0"], &["-m", "-F", "NAME"], &["--json"]] {
        let each = |modules: &[&str]| {
            let run = Run::new("modinfo").arg("-b").arg(root.path("")).args(["-k", root.release()]);
            run.args(args).args(modules).on(Side::Ours).triple()
        };
        let all = each(&["--all"]);
        assert_eq!((all.0, all.2.as_str()), (0, ""));
        assert_eq!(all, each(&["base", "other", "top"]), "{args:?}");
    }
    // One that cannot be read does not keep the others back.
    fs::remove_file(path(&root, "updates/other.ko.zst")).unwrap();
    let run =
        Run::new("modinfo").arg("-b").arg(root.path("")).args(["-k", root.release(), "--all", "-F", "alias"]);
    let answer = run.on(Side::Ours).triple();
    assert_eq!((answer.0, answer.1.as_str()), (1, "alias-of-base\nalias-of-top\n"), "{answer:?}");
    assert!(answer.2.contains("'other'"), "{answer:?}");
}

/// An index of no modules is no failure.
#[test]
fn all_of_nothing() {
    if !has_ours() {
        return;
    }
    let root = Root::new();
    root.file(root.in_modules(FACTS), "");
    depmod(&root, &[], Side::Ours);
    let run = Run::new("modinfo").arg("-b").arg(root.path("")).args(["-k", root.release(), "--all"]);
    assert_eq!(run.on(Side::Ours).triple(), (0, String::new(), String::new()));
}
