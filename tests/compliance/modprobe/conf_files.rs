//! Which configuration files are read, and in which order.

use oxmod_test_support::{Root, Run, Side, differs_because, each, same};

use super::{config_of, modprobe};

const DIRS: [&str; 5] = ["etc", "run", "usr/local/lib", "usr/lib", "lib"];

fn root() -> Root {
    let root = Root::new();
    root.file("proc/cmdline", "").dir(root.in_modules(""));
    root
}

/// Returns the names that the files blacklist, in the order in which the files were read.
#[track_caller]
fn order(run: &Run) -> String {
    let answer = same(|side| config_of(side, run));
    answer.stdout_text().replace("blacklist ", "").replace('\n', " ").trim_end().to_owned()
}

#[test]
fn an_earlier_directory_hides_files_of_the_same_name() {
    let root = root();
    for dir in DIRS {
        root.file(format!("{dir}/modprobe.d/x.conf"), format!("blacklist {}\n", dir.replace('/', ".")));
    }
    for expected in ["etc", "run", "usr.local.lib", "usr.lib", "lib"] {
        assert_eq!(order(&modprobe(&root).arg("-c")), expected);
        let dir = expected.replace("usr.local.lib", "usr/local/lib").replace("usr.lib", "usr/lib");
        std::fs::remove_file(root.path(format!("{dir}/modprobe.d/x.conf"))).unwrap();
    }
}

#[test]
fn files_of_all_directories_are_read_in_the_order_of_their_names() {
    let root = root();
    root.file("lib/modprobe.d/a.conf", "blacklist 2\n");
    root.file("etc/modprobe.d/b.conf", "blacklist 3\n");
    root.file("run/modprobe.d/B.conf", "blacklist 1\n");
    root.file("usr/lib/modprobe.d/10-x.conf", "blacklist 0\n");
    root.file("etc/modprobe.d/\u{e9}.conf", "blacklist 4\n");
    assert_eq!(order(&modprobe(&root).arg("-c")), "0 1 2 3 4");
}

#[test]
fn empty_files_and_links_to_dev_null_mask() {
    let root = root();
    for name in ["a", "b", "c"] {
        root.file(format!("lib/modprobe.d/{name}.conf"), format!("blacklist {name}\n"));
    }
    root.link("etc/modprobe.d/a.conf", "/dev/null").file("etc/modprobe.d/b.conf", "");
    assert_eq!(order(&modprobe(&root).arg("-c")), "c");
}

#[test]
fn only_names_with_the_suffix_conf_are_read() {
    let root = root();
    for name in [".conf", ".hidden.conf", "x.conf~", "x.conf.dpkg-old", "plain", "x.CONF", "y.conf"] {
        root.file(format!("etc/modprobe.d/{name}"), format!("blacklist {name}\n"));
    }
    assert_eq!(order(&modprobe(&root).arg("-c")), "y.conf");
}

#[test]
fn links_subdirectories_and_dangling_names() {
    let root = root();
    root.file("etc/real", "blacklist linked\n").link("etc/modprobe.d/l.conf", "../real");
    root.dir("etc/modprobe.d/sub.conf").dir("etc/modprobe.d/sub");
    root.file("lib/modprobe.d/d.conf", "blacklist shown\n").link("etc/modprobe.d/d.conf", "nowhere");
    let answer = same(|side| {
        let mut answer = config_of(side, &modprobe(&root).arg("-c"));
        // The reference reports errors in directory order, which depends on the file system.
        let mut lines: Vec<&[u8]> = answer.stderr.split_inclusive(|&byte| byte == b'\n').collect();
        lines.sort_unstable();
        answer.stderr = lines.concat();
        answer
    });
    assert_eq!(answer.stdout_text(), "blacklist shown\nblacklist linked\n");
    assert_eq!(
        answer.stderr_text(),
        "modprobe: ERROR: Cannot stat directory entry: /etc/modprobe.d/d.conf\n\
         modprobe: ERROR: Directories inside directories are not supported: /etc/modprobe.d/sub.conf\n"
    );
}

/// If /lib is a link to /usr/lib, both contain the same files.
#[test]
fn a_merged_usr_is_read_once() {
    let root = Root::new();
    std::fs::create_dir(root.path("usr")).unwrap();
    std::os::unix::fs::symlink("usr/lib", root.path("lib")).unwrap();
    root.dir("usr/lib").file("proc/cmdline", "").dir(root.in_modules(""));
    root.file("usr/lib/modprobe.d/a.conf", "blacklist a\n").link("usr/lib/modprobe.d/d.conf", "nowhere");
    let answers = each(|side| config_of(side, &modprobe(&root).arg("-c")));
    let message =
        |dir: &str| format!("modprobe: ERROR: Cannot stat directory entry: {dir}/modprobe.d/d.conf\n");
    for (side, answer) in answers {
        assert_eq!(answer.stdout_text(), "blacklist a\n");
        // Listed difference: our modprobe reports an error in this directory only once.
        let again = if side == Side::Ours { String::new() } else { message("/lib") };
        assert_eq!(answer.stderr_text(), message("/usr/lib") + &again);
    }
}

#[test]
fn the_config_option_replaces_the_directories() {
    let root = root();
    root.file("etc/modprobe.d/a.conf", "blacklist default\n");
    root.file("etc/t/z", "blacklist z\n").file("etc/t/a.conf", "blacklist a\n");
    root.file("etc/t/d/m.conf", "blacklist m\n").file("etc/t/d/a.conf", "blacklist da\n");
    let with =
        |paths: &[&str]| paths.iter().fold(modprobe(&root).arg("-c"), |run, path| run.args(["-C", path]));
    assert_eq!(order(&with(&["/etc/t/z", "/etc/t/a.conf"])), "a z");
    assert_eq!(order(&with(&["/etc/t/d", "/etc/t/a.conf", "/etc/t/z"])), "da m z");
    assert_eq!(order(&with(&["/etc/t/a.conf", "/etc/t/d"])), "a m");
    assert_eq!(order(&with(&["/nowhere"])), "");
    assert_eq!(order(&with(&["/nowhere", "/etc/t/z", ""])), "z");
    assert_eq!(order(&with(&["etc/t/z"]).cwd("/")), "z");
}

#[test]
fn files_in_the_module_directory() {
    let root = root();
    root.file(root.in_modules("modules.softdep"), "softdep m pre: own\n");
    root.file(root.in_modules("modules.weakdep"), "weakdep m own\n");
    root.file("etc/modprobe.d/a.conf", "softdep m pre: a\n")
        .file("etc/modprobe.d/n.conf", "softdep m pre: n\n");
    root.file("etc/t/modules.softdep", "softdep m pre: other\n");
    let run = modprobe(&root).arg("-c");
    let answer = same(|side| config_of(side, &run));
    assert_eq!(
        answer.stdout_text(),
        "softdep m pre: a\nsoftdep m pre: own\nsoftdep m pre: n\nweakdep m own\n"
    );
    let answer = same(|side| config_of(side, &run.clone().args(["-C", "/etc/t/modules.softdep"])));
    assert_eq!(answer.stdout_text(), "softdep m pre: own\nweakdep m own\n");
}

#[test]
fn the_base_directory_has_no_configuration() {
    let root = root();
    root.file("etc/t/root/etc/modprobe.d/x.conf", "blacklist x\n");
    assert_eq!(order(&modprobe(&root).args(["-c", "-d", "/etc/t/root"])), "");
}

#[test]
fn hidden_files_are_not_examined() {
    let root = root();
    root.file("etc/modprobe.d/x.conf", "blacklist x\n").link("lib/modprobe.d/x.conf", "nowhere");
    let run = modprobe(&root).arg("-c");
    let theirs = "modprobe: ERROR: Cannot stat directory entry: /lib/modprobe.d/x.conf\n";
    differs_because(
        "a hidden configuration file is not looked at",
        &String::new(),
        &theirs.to_owned(),
        |side| config_of(side, &run).stderr_text(),
    );
}

#[test]
fn a_file_that_cannot_be_read_is_reported() {
    let root = root();
    root.file("etc/modprobe.d/x.conf", "blacklist x\n");
    // A socket cannot be opened, not even by root.
    let _socket = std::os::unix::net::UnixListener::bind(root.path("etc/modprobe.d/s.conf")).unwrap();
    let run = modprobe(&root).arg("-c");
    assert_eq!(order(&modprobe(&root).args(["-c", "-q"])), "x");
    let ours = "modprobe: ERROR: could not read /etc/modprobe.d/s.conf: No such device or address\n";
    differs_because(
        "configuration that cannot be read is reported",
        &ours.to_owned(),
        &String::new(),
        |side| config_of(side, &run).stderr_text(),
    );
}
