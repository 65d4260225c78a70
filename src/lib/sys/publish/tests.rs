//! Unit tests: the state of the directory after writers that finish and writers that are killed.

use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use super::*;

fn publish(dir: &Path, files: &[(&str, &str)]) -> Result<()> {
    let files: Vec<NewFile<'_>> = files.iter().map(new).collect();
    Writer::open(dir)?.publish(&files)
}

fn new<'a>(&(name, text): &(&'a str, &'a str)) -> NewFile<'a> {
    NewFile { name, pieces: text.as_bytes().chunks(3).collect() }
}

fn listing(dir: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = names(dir).collect();
    names.sort();
    names
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap()
}

#[test]
fn a_failed_publication_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("modules.a"), "old").unwrap();
    publish(dir, &[("modules.a", "new"), ("modules.b", ""), ("modules.x", "1")]).unwrap();
    assert_eq!((read(dir, "modules.a"), read(dir, "modules.x")), ("new".into(), "1".into()));
    let mode = fs::metadata(dir.join("modules.b")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, FILE_MODE);
    // A directory has the name of the second file: the first one is not changed, and no temporary files remain.
    fs::create_dir(dir.join("modules.c")).unwrap();
    let error = publish(dir, &[("modules.a", "x"), ("modules.c", ""), ("modules.x", "2")]).unwrap_err();
    assert!(error.path.ends_with("modules.c"));
    assert_eq!(error.errno(), libc::EISDIR);
    assert_eq!((read(dir, "modules.a"), read(dir, "modules.x")), ("new".into(), "1".into()));
    assert_eq!(listing(dir), ["modules.a", "modules.b", "modules.c", "modules.x"]);
}

#[test]
fn unchanged_files_are_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let big = "0123456789".repeat(100_000);
    let set = |big: &str, small: &str| {
        publish(dir, &[("modules.big", big), ("modules.small", small), ("modules.x", "")])
    };
    set(&big, "same").unwrap();
    let inodes = || {
        ["modules.big", "modules.small", "modules.x"].map(|name| fs::metadata(dir.join(name)).unwrap().ino())
    };
    let before = inodes();
    set(&big, "same").unwrap();
    assert_eq!(inodes(), before);
    set(&big, "else").unwrap();
    assert_eq!(inodes().map(|inode| before.contains(&inode)), [true, false, true]);
    let mut other = big.into_bytes();
    other[777_777] = b'x';
    let other = String::from_utf8(other).unwrap();
    set(&other, "else").unwrap();
    assert_eq!(read(dir, "modules.big"), other);
    assert_eq!(fs::metadata(dir.join("modules.x")).unwrap().ino(), before[2]);
}

#[test]
fn files_outside_a_set() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let write = |text| Writer::open(dir)?.write_unsynced(&new(&("modules.x", text)));
    write("1").unwrap();
    let inode = || fs::metadata(dir.join("modules.x")).unwrap().ino();
    let before = inode();
    write("1").unwrap();
    assert_eq!((inode(), read(dir, "modules.x")), (before, "1".into()));
    write("2").unwrap();
    assert_eq!((read(dir, "modules.x"), listing(dir)), ("2".into(), vec!["modules.x".into()]));
    fs::remove_file(dir.join("modules.x")).unwrap();
    fs::create_dir(dir.join("modules.x")).unwrap();
    assert_eq!(write("3").unwrap_err().errno(), libc::EISDIR);
    let remove = |name| Writer::open(dir)?.remove(name);
    assert_eq!(remove("modules.x").unwrap_err().errno(), libc::EISDIR);
    remove("modules.y").unwrap();
    assert_eq!(listing(dir), ["modules.x"]);
}

#[test]
fn interrupted_publications_are_completed_or_removed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    publish(dir, &[("modules.a", "old"), ("modules.b", "old"), ("modules.x", "old")]).unwrap();
    fs::write(dir.join(".modules-new-file"), "x").unwrap();
    fs::create_dir(dir.join(".modules-new-dir")).unwrap();
    fs::write(dir.join(".modules-new-dir/modules.a"), "half").unwrap();
    assert!(!is_staged(dir));
    fs::create_dir(dir.join(STAGED)).unwrap();
    fs::write(dir.join(STAGED).join("modules.b"), "new").unwrap();
    assert!(is_staged(dir));
    assert_eq!(staged(&dir.join("modules.a")), None);
    assert_eq!(staged(&dir.join("modules.b")), Some(dir.join(STAGED).join("modules.b")));
    // Another program has written this file since.
    fs::write(dir.join(STAGED).join("modules.x"), "new").unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(9);
    File::options().write(true).open(dir.join("modules.x")).unwrap().set_modified(later).unwrap();
    assert_eq!(staged(&dir.join("modules.x")), None);
    Writer::open(dir).unwrap();
    assert_eq!(read(dir, "modules.x"), "old");
    assert_eq!((read(dir, "modules.a"), read(dir, "modules.b")), ("old".into(), "new".into()));
    assert_eq!(listing(dir), ["modules.a", "modules.b", "modules.x"]);
}

#[test]
fn links_in_the_directory_are_not_followed() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (dir, other) = (dir.path(), other.path());
    publish(dir, &[("modules.a", "old")]).unwrap();
    fs::write(other.join("modules.a"), "other").unwrap();
    std::os::unix::fs::symlink(other, dir.join(STAGED)).unwrap();
    std::os::unix::fs::symlink(other, dir.join(".modules-new-link")).unwrap();
    assert!(!is_staged(dir));
    Writer::open(dir).unwrap();
    assert_eq!((read(dir, "modules.a"), read(other, "modules.a")), ("old".into(), "other".into()));
    assert_eq!(listing(dir), ["modules.a"]);
    // Entries that cannot be part of a set do not stop the next run.
    fs::create_dir_all(dir.join(STAGED).join("modules.a/b")).unwrap();
    std::os::unix::fs::symlink(other, dir.join(STAGED).join("modules.b")).unwrap();
    publish(dir, &[("modules.a", "new")]).unwrap();
    assert_eq!((read(dir, "modules.a"), listing(dir)), ("new".into(), vec!["modules.a".into()]));
}

#[test]
fn files_with_wrong_permissions_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mode = || fs::metadata(dir.join("modules.a")).unwrap().permissions().mode() & 0o777;
    for wrong in [0o600, 0o666, 0o664] {
        publish(dir, &[("modules.a", "same")]).unwrap();
        fs::set_permissions(dir.join("modules.a"), fs::Permissions::from_mode(wrong)).unwrap();
        publish(dir, &[("modules.a", "same")]).unwrap();
        assert_eq!(mode(), FILE_MODE);
    }
}

#[test]
fn waiting_for_a_lock_is_limited() {
    let dir = tempfile::tempdir().unwrap();
    let (held, other) = (File::open(dir.path()).unwrap(), File::open(dir.path()).unwrap());
    let took = |dir: &File, patience| {
        let start = Instant::now();
        lock(dir, patience);
        start.elapsed()
    };
    assert!(took(&held, PATIENCE) < PATIENCE);
    let patience = Duration::from_millis(60);
    assert!((patience..PATIENCE).contains(&took(&other, patience)));
    drop(held);
    assert!(took(&other, PATIENCE) < PATIENCE);
}

#[test]
fn a_missing_directory_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("x/y");
    assert_eq!(Writer::open(&missing).unwrap_err().errno(), libc::ENOENT);
    create_dir(&missing).unwrap();
    Writer::open(&missing).unwrap();
}
