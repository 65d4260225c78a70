//! Completions: the output of `kmod complete`, and its use by bash, zsh and fish. kmod has no completions for these
//! tools.

use std::path::{Path, PathBuf};

use oxmod_test_support::{RELEASE, Root, Run, Side};

fn tree() -> Root {
    let root = Root::new();
    root.module("kernel/drivers/net/e1000e.ko", |m| {
        m.info("parm", "debug:how much")
            .info("parmtype", "debug:int")
            .info("parmtype", "fast:bool")
            .info("parm", "$(id):of nobody")
            .alias("sock-pf-77")
            .alias("sock:v1*")
    });
    // Names that a shell would execute are never offered.
    root.module("kernel/e1$(id).ko", |m| m)
        .module("kernel/e1`id`.ko", |m| m)
        .module("kernel/e1;id.ko", |m| m);
    root.module("kernel/sound/snd-hda-intel.ko.xz", |m| m);
    root.module("kernel/sound/snd-hda-codec.ko", |m| m);
    root.module("own dir/mine.ko.zst", |m| m.info("parm", "only:of mine"));
    root.file(root.in_modules("modules.builtin"), "kernel/ext4.ko\n");
    root.file(root.in_modules("modules.builtin.modinfo"), b"ext4.parm=big:as big as can be\0");
    root.file(root.in_modules("modules.order"), "");
    root.file("etc/modprobe.d/a.conf", "alias eth0 e1000e\nalias net-* off\n");
    root.file(root.in_modules("own.conf"), "alias own0 mine\n").file("lib/firmware/amd/one.bin.xz", "");
    root.loaded("snd_hda_intel", 4096, 0, &[]).loaded("loop", 4096, 0, &[]);
    assert_eq!(Run::new("depmod").arg(RELEASE).inside(&root).on(Side::Ours).code, 0);
    let meta = Run::new("kmod").args(["meta", "build", "-o", "/meta.pb", RELEASE]).inside(&root);
    assert_eq!(meta.on(Side::Ours).code, 0);
    root.dir("other/mods/7.0");
    root.file(root.in_modules("home/at-home.ko"), "");
    root.file(root.in_modules("home/a\tb.ko"), "").file(root.in_modules("home/a\u{1b}[31m.ko"), "");
    root
}

/// Returns the completions of the last word.
fn offered(root: &Root, words: &[&str]) -> Vec<String> {
    let answer = Run::new("kmod")
        .arg("complete")
        .args(words)
        .env("HOME", format!("/lib/modules/{RELEASE}/home"))
        .inside(root)
        .on(Side::Ours);
    assert_eq!((answer.code, answer.stderr_text()), (0, String::new()), "{words:?}");
    let text = answer.stdout_text();
    text.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
}

/// Checks the completions of the last word of each command line.
fn each_is_offered(root: &Root, table: &[(&[&str], &[&str])]) {
    for (words, expected) in table {
        assert_eq!(offered(root, words), *expected, "{words:?}");
    }
}

#[test]
fn words_of_modprobe() {
    let root = tree();
    let dir = format!("/lib/modules/{RELEASE}");
    each_is_offered(
        &root,
        &[
            (
                &["modprobe", "-S", RELEASE, ""][..],
                &["e1000e", "eth0", "ext4", "mine", "snd_hda_codec", "snd_hda_intel"][..],
            ),
            (&["modprobe", "-S", RELEASE, "snd-h"], &["snd-hda-codec", "snd-hda-intel"]),
            (&["modprobe", "-S", RELEASE, "snd_hda-i"], &["snd_hda-intel"]),
            (&["modprobe", "-S", RELEASE, "e1000e", ""], &["debug=", "fast="]),
            (&["modprobe", "-S", RELEASE, "eth0", "d"], &["debug="]),
            (&["modprobe", "-S", RELEASE, "e1000e", "debug=1", "fast="], &["fast=N", "fast=Y"]),
            (&["modprobe", "-S", RELEASE, "e1000e", "debug="], &[]),
            (&["modprobe", "-S", RELEASE, "sock-p"], &["sock-pf-77"]),
            (&["modprobe", "-S", RELEASE, "sock_pf_77", "de"], &["debug="]),
            (&["modprobe", "-S", RELEASE, "-C", &format!("{dir}/own.conf"), "own"], &["own0"]),
            (&["modprobe", &format!("-aS{}", &RELEASE[..2])], &[&format!("-aS{RELEASE}")]),
            (
                &["--quoted", "modprobe", "'-C'", &format!(r"{dir}/own.\conf"), "-S", RELEASE, "own"],
                &["own0"],
            ),
            (&["modprobe", "-S", RELEASE, "ext4", ""], &["big="]),
            (&["modprobe", "-S", RELEASE, "-a", "e1000e", "m"], &["mine"]),
            (&["modprobe", "-r", ""], &["loop", "snd_hda_intel"]),
            (&["modprobe", "-r", "loop", "snd-"], &["snd-hda-intel"]),
            (&["modprobe", "-S", ""], &[RELEASE]),
            (&["modprobe", "--set-version=6"], &[&format!("--set-version={RELEASE}")]),
            (
                &["modprobe", "--dry", "x", "--ignore-"],
                &["--ignore-forbid", "--ignore-install", "--ignore-remove"],
            ),
            (&["modprobe", "--show-e"], &["--show-exports"]),
            (&["modprobe", "-S", RELEASE, "--", "-"], &[]),
            (&["modprobe", "--config", "/etc/modprobe.d/"], &["/etc/modprobe.d/a.conf"]),
            (&["modprobe", "--config=/etc/modprobe.d/"], &["--config=/etc/modprobe.d/a.conf"]),
            (&["modprobe", "-d", "/etc/modprobe"], &["/etc/modprobe.d/"]),
            (&["modprobe", "--set-v=6"], &[&format!("--set-v={RELEASE}")]),
            (&["modprobe", "--meta", "/meta.pb", "snd-h"], &["snd-hda-codec", "snd-hda-intel"]),
            (&["modprobe", "--meta", "/meta.pb", "-S", RELEASE, "e1000e", "d"], &["debug="]),
            (&["modprobe", "--show-exports", "-S", RELEASE, "e"], &["e1000e", "eth0", "ext4"]),
            (&["modprobe", "--jobs", ""], &[]),
            (&["modprobe", "--nonsense", ""], &[]),
        ],
    );
    let here = |words: &[&str]| {
        let run = Run::new("kmod")
            .arg("complete")
            .args(words)
            .inside(&root)
            .cwd(root.path(root.in_modules("home")));
        run.on(Side::Ours).stdout_text()
    };
    // Only these options accept files whose path contains no slash.
    let exports = ["modprobe", "--show-exports", "-S", RELEASE, ""];
    assert!(here(&exports).contains("at-home.ko\n"));
    assert!(!here(&["modprobe", "-S", RELEASE, ""]).contains("at-home.ko"));
    let answer = Run::new("kmod").args(["complete", "modprobe", "-S", RELEASE, "e1000e", "de"]).inside(&root);
    assert_eq!(answer.on(Side::Ours).stdout_text(), "debug=\thow much\n");
}

#[test]
fn words_of_the_other_tools() {
    let root = tree();
    let dir = format!("/lib/modules/{RELEASE}");
    each_is_offered(
        &root,
        &[
            (&["/sbin/insmod", &format!("{dir}/own")], &[&format!("{dir}/own dir/")]),
            (&["insmod", &format!("{dir}/own dir/")], &[&format!("{dir}/own dir/mine.ko.zst")]),
            (&["insmod", &format!("{dir}/own dir/mine.ko.zst"), ""], &["only="]),
            (&["insmod", "~/"], &["~/at-home.ko"]),
            (&["--quoted", "insmod", &format!("\"{dir}/own d")], &[&format!("{dir}/own dir/")]),
            (&["--quoted", "insmod", &format!(r"{dir}/own\ dir/mine.ko.zst"), ""], &["only="]),
            (&["rmmod", "l"], &["loop"]),
            (&["rmmod", "~/a"], &["~/at-home.ko"]),
            (
                &["rmmod", "-"],
                &["--force", "--help", "--syslog", "--verbose", "--version", "-V", "-f", "-h", "-s", "-v"],
            ),
            (&["modinfo", "-k", RELEASE, "e"], &["e1000e", "eth0", "ext4"]),
            (&["modinfo", "-F", "au"], &["author"]),
            (&["modinfo", "-k", RELEASE, "--all", ""], &[]),
            (&["depmod", ""], &[RELEASE]),
            (&["depmod", "-b", "/other", "-m", "mods", ""], &["7.0"]),
            (&["depmod", "-m", "/other/mods", ""], &["7.0"]),
            (&["depmod", RELEASE, ""], &["/"]),
            (&["depmod", RELEASE, "./"], &[]),
            (&["depmod", RELEASE, "~/"], &["~/at-home.ko"]),
            (&["depmod", RELEASE, &format!("{dir}/own")], &[&format!("{dir}/own dir/")]),
            (&["lsmod", ""], &[]),
            (&["lsmod", "--j"], &["--json"]),
            (&["kmod", "st"], &["static-nodes"]),
            (&["kmod", "--v"], &["--version"]),
            (&["kmod", "static-nodes", "-f", ""], &["devname", "human", "tmpfiles"]),
            (&["kmod", "meta", ""], &["build", "lookup", "show", "verify"]),
            (&["kmod", "meta", "show", "6"], &[RELEASE]),
            (&["kmod", "meta", "show", "-k", ""], &[RELEASE]),
            (&["kmod", "coldplug", "--d"], &["--dir", "--dry-run"]),
            (&["kmod", "firmware", "list", "-k", "7", "--dir", &dir, "min"], &["mine"]),
            (&["kmod", "firmware", "prune", "--compress", ""], &["keep", "none"]),
            (&["kmod", "firmware", "list", "--c"], &["--config"]),
            (&["kmod", "firmware", "prune", "--c"], &["--compress", "--config", "--copy-to"]),
            (&["kmod", "firmware", "missing", "-f", ""], &["json", "null", "plain"]),
            (&["kmod", "firmware", "prune", "-f", ""], &["cpio", "fsspec", "json", "null", "plain"]),
            (&["kmod", "firmware", "list", "@/etc/modprobe.d/"], &["@/etc/modprobe.d/a.conf"]),
            (&["kmod", "firmware", "list", "-k", RELEASE, "min"], &["mine"]),
            (&["kmod", "firmware", "owners", "am"], &["amd/"]),
            (&["kmod", "firmware", "owners", "amd/"], &["amd/one.bin.xz"]),
            (&["kmod", "fwprune", "-mod"], &["-modinfo", "-modules"]),
            (&["kmod", "fwprune", "--mod"], &["--modinfo", "--modules"]),
            (&["kmod", "fwprune", "-strict", "-modules", "/etc/modprobe"], &["/etc/modprobe.d/"]),
            (&["kmod", "fwprune", "-ambiguous=w"], &["-ambiguous=warn"]),
            (&["kmod", "fwprune", "-out-meta", "/etc/modprobe.d/"], &["/etc/modprobe.d/a.conf"]),
            (&["kmod", "fwprune", "-strict", ""], &[]),
            (&["kmod", "nonsense", ""], &[]),
            (&["other", ""], &[]),
            (&[""], &[]),
            (&[], &[]),
        ],
    );
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions").join(name)
}

/// Types lines into a shell, with a tab where it should complete. Returns the arguments that the command received,
/// which it prints as `[GOT words]`.
fn typed(shell: &str, setup: &str, lines: &[&str]) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let input = home.path().join("input");
    std::fs::write(&input, format!("{setup}\n{}\nexit\n", lines.join("\n"))).unwrap();
    let terminal = format!("script -qec '{shell}' /dev/null <'{}'", input.display());
    let run = Run::shell(&terminal).env("HOME", home.path()).env("TERM", "dumb").env("PS1", "");
    let text = run.on(Side::Ours).stdout_text().replace('\r', "");
    let answers =
        text.split("[GOT ").skip(1).filter_map(|rest| rest.split_once(']')).map(|(got, _)| got.to_owned());
    let answers: Vec<String> = answers.filter(|got| !got.contains('$')).collect();
    assert_eq!(answers.len(), lines.len(), "{shell}: {text}");
    answers
}

/// Returns lines to type, and the arguments that the command must receive.
fn lines(root: &Root) -> (Vec<String>, Vec<String>) {
    let place = format!("-d {} -S {RELEASE}", root.path("").display());
    let pairs = [
        (format!("modprobe {place} e1000\t"), format!("{place} e1000e")),
        (format!("modprobe {place} snd-hda-i\t"), format!("{place} snd-hda-intel")),
        (format!("modprobe {place} e1000e deb\t3"), format!("{place} e1000e debug=3")),
        (format!("modprobe {place} e1000e debug=\t7"), format!("{place} e1000e debug=7")),
        ("modprobe --show-e\tx".to_owned(), "--show-exports x".to_owned()),
        (format!("modprobe --set-version=7 -d {} -S 6.\t x", root.path("").display()), {
            format!("--set-version=7 -d {} -S {RELEASE} x", root.path("").display())
        }),
    ];
    pairs.into_iter().unzip()
}

/// Creates files whose names a shell would split or execute without quoting.
fn odd_files() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("two words")).unwrap();
    std::fs::create_dir(dir.path().join("~root")).unwrap();
    for name in [
        "two words/x.ko",
        "y;touch HACK;.ko",
        "z`touch HACK`.ko",
        "qu'o\"te.ko",
        "w$(touch HACK).ko",
        "v&.ko",
    ] {
        std::fs::write(dir.path().join(name), "").unwrap();
    }
    dir
}

/// What is typed to complete these names, and the arguments that the command must receive.
const ODD: [(&str, &str); 7] = [
    ("insmod two\t\t", "two words/x.ko"),
    (r"insmod two\ words/	", "two words/x.ko"),
    ("insmod \"two w\tx\t", "two words/x.ko"),
    ("insmod y\t", "y;touch HACK;.ko"),
    ("insmod z\t", "z`touch HACK`.ko"),
    ("insmod qu\t", "qu'o\"te.ko"),
    ("insmod v\t", "v&.ko"),
];

/// Checks that no name is executed, including one that contains `$`, which `typed` cannot check.
fn completes_odd_names(shell: &str, setup: &str) {
    let dir = odd_files();
    let setup = format!("cd '{}'\n{setup}\ninsmod() {{ echo \"[GOT $*]\"; }}", dir.path().display());
    let lines: Vec<&str> =
        ODD.iter().map(|(line, _)| *line).chain(["insmod w\t >got; insmod done"]).collect();
    let expected: Vec<&str> = ODD.iter().map(|(_, got)| *got).chain(["done"]).collect();
    assert_eq!(typed(shell, &setup, &lines), expected);
    assert_eq!(std::fs::read_to_string(dir.path().join("got")).unwrap(), "[GOT w$(touch HACK).ko]\n");
    assert!(!dir.path().join("HACK").exists());
    let home = typed(shell, &setup, &["modprobe -C ~/inp\tx"]);
    assert!(home.iter().all(|got| got.starts_with("-C /") && got.ends_with("/input x")), "{home:?}");
}

#[test]
fn bash_completes_words() {
    let root = tree();
    let (lines, expected) = lines(&root);
    let setup =
        format!(". {}; modprobe() {{ local IFS=' '; echo \"[GOT $*]\"; }}", script("kmod.bash").display());
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let shell = "bash --norc --noprofile -i";
    assert_eq!(typed(shell, &setup, &lines), expected);
    // Some users have only blanks in COMP_WORDBREAKS, or have changed IFS.
    let unbroken = format!("COMP_WORDBREAKS=${{COMP_WORDBREAKS//[:=]}}; IFS=:; {setup}");
    assert_eq!(typed(shell, &unbroken, &lines), expected);
    completes_odd_names(shell, &setup);
    // Readline replaces only part of a word; a name that begins with `~` is not a home directory.
    let dir = odd_files();
    let setup = format!("cd '{}'; COMP_WORDBREAKS=$COMP_WORDBREAKS/; set -e; {setup}", dir.path().display());
    std::fs::write(dir.path().join("past!root"), "").unwrap();
    let lines = [
        "modprobe -C \"past\tx",
        "modprobe -C\"two\tx\tx",
        r"modprobe --config=two\ words/	x",
        "modprobe -C ./'two w\tx\tx",
        "modprobe -C \\~\tx",
    ];
    let expected = [
        "-C past!root x",
        "-Ctwo words/x.ko x",
        "--config=two words/x.ko x",
        "-C ./two words/x.ko x",
        "-C ./~root/x",
    ];
    assert_eq!(typed(shell, &setup, &lines), expected);
}

#[test]
fn zsh_completes_words() {
    let root = tree();
    let (lines, expected) = lines(&root);
    let dir = script("");
    let setup = format!(
        "fpath=({} $fpath); autoload -Uz compinit; compinit -u -D; modprobe() {{ echo \"[GOT $*]\" }}",
        dir.display()
    );
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(typed("zsh -f -i", &setup, &lines), expected);
    completes_odd_names("zsh -f -i", &setup);
}

#[test]
fn fish_completes_words() {
    let root = tree();
    let place = format!("-d {} -S {RELEASE}", root.path("").display());
    let home = tempfile::tempdir().unwrap();
    for (line, expected) in [
        (format!("modprobe {place} e1000"), "e1000e\n"),
        (format!("modprobe {place} snd-hda-"), "snd-hda-codec\nsnd-hda-intel\n"),
        (format!("modprobe {place} e1000e deb"), "debug=\thow much\n"),
        ("modprobe --show-e".to_owned(), "--show-exports\tPrint the symbols that a module exports\n"),
        ("kmod stat".to_owned(), "static-nodes\tPrint the device nodes that load a module when opened\n"),
    ] {
        let fish =
            format!("fish --no-config -c 'source {}; complete -C \"{line}\"'", script("kmod.fish").display());
        let answer = Run::shell(&fish).env("HOME", home.path()).on(Side::Ours);
        assert_eq!((answer.stdout_text().as_str(), answer.stderr_text().as_str()), (expected, ""), "{line}");
    }
}
