//! Managers that use a meta.pb because there are no indexes.

use std::fs;
use std::path::Path;

use oxmod::ops::manager::Manager;
use oxmod_test_support::{Root, Run, Shim, Side, running_release};

use super::{asked_with_meta, tree};

/// Removes the indexes of a tree, and writes a meta.pb and the modules it refers to into `place`. Returns the path
/// of meta.pb.
fn meta_only(root: &Root, place: &Path) -> String {
    let dir = root.path(root.in_modules(""));
    let path = dir.join("meta.pb");
    let run = Run::new("kmod").args(["meta", "build", "--dir"]).arg(&dir).arg("-o").arg(&path);
    assert_eq!(run.on(Side::Ours).triple(), (0, String::new(), String::new()));
    // The shim reads this file, too.
    fs::copy(dir.join("modules.dep"), root.path("modules.dep")).unwrap();
    let names = fs::read_dir(&dir).unwrap().flatten().map(|entry| entry.file_name());
    for name in names.filter(|name| name.to_string_lossy().starts_with("modules.")) {
        fs::remove_file(dir.join(name)).unwrap();
    }
    let target = root.path(place);
    if dir != target {
        for name in ["meta.pb", "kernel"] {
            fs::rename(dir.join(name), target.join(name)).unwrap();
        }
        fs::remove_dir(&dir).unwrap();
    }
    format!("/{}/meta.pb", place.display())
}

const SCRIPT: &str = "load c\nload d-x\nload inside\nload nosuch\nload g\ndevice dev:two\ndevice dev:f\ndevice dev:in9\n\
                      device dev:none\nunload c\nunload g\nload a\nrefresh\nunload d_x\nload d-x";

/// The file is in the module directory, or in the directory above it as on image-based systems; it is found by
/// default, or given explicitly.
#[test]
fn a_meta_answers_like_the_indexes() {
    let conf = "options c x=1\nblacklist e\n";
    let shim = Shim::new().living(500);
    let root = tree();
    root.file("etc/modprobe.d/x.conf", conf);
    let (expected, calls) = asked_with_meta(&root, &shim, SCRIPT, None);
    assert!(expected.iter().any(|answer| answer == "loaded h g"), "{expected:?}");
    assert!(calls.len() > 8, "{calls:?}");
    let release = Path::new("lib/modules").join(running_release());
    for place in [release.as_path(), Path::new("lib/modules")] {
        for named in [true, false] {
            let root = tree();
            root.file("etc/modprobe.d/x.conf", conf);
            let meta = meta_only(&root, place);
            let answers = asked_with_meta(&root, &shim, SCRIPT, named.then_some(meta.as_str()));
            assert_eq!(answers, (expected.clone(), calls.clone()), "{meta} {named}");
        }
    }
}

#[test]
fn files_that_are_not_a_meta() {
    let root = Root::new();
    root.file("garbage", "no meta").file("empty", "");
    for (file, errno) in [("nosuch", libc::ENOENT), ("garbage", libc::EINVAL), ("empty", libc::ENOEXEC)] {
        let path = root.path(file);
        match Manager::from_meta(&path, root.path("")) {
            Err(error) => assert_eq!((error.errno(), &error.path), (errno, &path)),
            Ok(manager) => panic!("{file}: {manager:?}"),
        }
    }
    match Manager::from_root(root.path("")) {
        Err(error) => {
            assert_eq!(error.errno(), libc::ENOENT);
            assert_eq!(error.path, root.path("lib/modules").join(running_release()));
        }
        Ok(manager) => panic!("{manager:?}"),
    }
}
