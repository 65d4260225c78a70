//! modprobe.d line by line, compared by the output of `-c` on both sides.

use oxmod_test_support::{Root, differs_because, same};

use super::{config_of, modprobe, with_softdep_blank};

/// Checks how both sides parse a configuration file, as printed by `-c`, and how many lines they reject.
#[track_caller]
fn reads(text: &[u8], expected: &str, refused: usize) {
    let root = Root::new();
    root.file("etc/modprobe.d/t.conf", text).file("proc/cmdline", "").dir(root.in_modules(""));
    let run = modprobe(&root).arg("-c");
    let answer = same(|side| with_softdep_blank(side, config_of(side, &run)));
    assert_eq!(answer.stdout_text(), expected, "{}", text.escape_ascii());
    assert_eq!(answer.stderr_text().lines().count(), refused, "{answer:?}");
    assert_eq!(answer.code, 0);
}

#[test]
fn lines_continuations_backslashes_comments() {
    reads(b"", "", 0);
    reads(b"blacklist a\nblacklist b", "blacklist a\nblacklist b\n", 0);
    reads(b"blacklist a\\\nb\n", "blacklist ab\n", 0);
    reads(b"blacklist\\\n \\\n\\\nb\n", "blacklist b\n", 0);
    reads(b"blacklist a\\", "blacklist a\n", 0);
    reads(b"blacklist a\\\n", "blacklist a\n", 0);
    reads(b"black\\list \\a\\\\b\\\"\n", "blacklist a\\b\"\n", 0);
    reads(b"#x\\\nblacklist b\nblacklist c\n", "blacklist c\n", 0);
    reads(b" # x\n\t#\n", "", 2);
    reads(b"\n \n\t\n  blacklist\ta\n", "blacklist a\n", 0);
    reads(b"blacklist a\0b c\n\0\nblacklist b\n", "blacklist a\nblacklist b\n", 0);
    reads(b"\xfd\xfe zz\n", "", 1);
    reads(b"options a \xff\xfe\n", "options a \u{fffd}\u{fffd}\n", 0);
}

#[test]
fn line_numbers_are_those_of_the_last_physical_line() {
    let root = Root::new();
    root.file("etc/modprobe.d/t.conf", "foo x\\\n y\n\nbar\\\n\\\n z\nbaz\\\n").file("proc/cmdline", "");
    let answer = same(|side| config_of(side, &modprobe(&root).arg("-c")));
    let numbers = [(2, "foo"), (6, "bar"), (8, "baz")].map(|(line, word)| {
        format!(
            "modprobe: ERROR: /etc/modprobe.d/t.conf line {line}: ignoring bad line starting with '{word}'\n"
        )
    });
    assert_eq!(answer.stderr_text(), numbers.concat());
}

#[test]
fn aliases_and_blacklist() {
    reads(b"blacklist f-o[a-b]-c x y\n", "blacklist f_o[a-b]_c\n", 0);
    reads(b"blacklist x[[]a-b\n", "blacklist x[[]a_b\n", 0);
    reads(b"blacklist x]\nblacklist x[\nblacklist [a]]\nblacklist\nblacklist  \nblacklist \\ \n", "", 6);
    reads(b"alias a-b c-d e\nalias x[-]y q[-]r-s\n", "alias a_b c_d\nalias x[-]y q[-]r_s\n", 0);
    reads(b"alias x\nalias x \nalias x[ y\nalias y x[\n", "", 4);
    reads(b"alias \"a b\" c\n", "alias \"a b\"\n", 0);
    reads(b"Blacklist a\nbLacklist a\n", "", 2);
}

#[test]
fn options_and_commands() {
    reads(b"options a\tx\ty\noptions a   x  y  \n", "options a x y\noptions a   x  y  \n", 0);
    reads(b"options a-b \noptions a\n", "", 2);
    reads(b"options a  \n", "options a  \n", 0);
    reads(b"options a-b \"c d\" e=\\\"f\\\"\n", "options a_b \"c d\" e=\"f\"\n", 0);
    reads(b"install a\tx\ty\ninstall a-*   x  y  \n", "install a x\ty\ninstall a_*   x  y  \n", 0);
    reads(b"install a-b \ninstall a\ninstall [ b\n", "", 3);
    reads(b"remove a-b x | y\nremove a\nremove a \n", "remove a_b x | y\n", 2);
    reads(b"install a  \n", "install a  \n", 0);
}

#[test]
fn soft_and_weak_dependencies() {
    reads(b"softdep a pre: x-y z post: w\n", "softdep a pre: x-y z post: w\n", 0);
    reads(b"softdep a post: z pre: x pre: y\n", "softdep a pre: x y post: z\n", 0);
    reads(b"softdep a post: b\nsoftdep a\tpre: b\tc\n", "softdep a post: b\nsoftdep a pre: b c\n", 0);
    reads(b"softdep a b c\nsoftdep a pre:\n", "softdep a \nsoftdep a \n", 0);
    reads(b"softdep a pre:foo post: a\n", "softdep a post: a\n", 0);
    reads(b"softdep a pre:\x0bb\x0cc\r\n", "softdep a pre: b c\n", 0);
    reads(b"softdep a-b \nsoftdep a\nsoftdep a\t\nsoftdep a[ pre: x\n", "", 4);
    reads(b"softdep a  \n", "softdep a \n", 0);
    reads(b"weakdep a x-y\ty\nweakdep a pre: b\n", "weakdep a x-y y\nweakdep a pre: b\n", 0);
    reads(b"weakdep a-b \nweakdep a\n", "", 2);
    reads(b"weakdep a  \n", "weakdep a \n", 0);
}

#[test]
fn directives_of_older_tools() {
    let root = Root::new();
    root.file("etc/modprobe.d/t.conf", "include x\nconfig y\ninclude\n").file("proc/cmdline", "");
    let answer = same(|side| config_of(side, &modprobe(&root).arg("-c")));
    let line = |word| {
        format!(
            "modprobe: ERROR: /etc/modprobe.d/t.conf: command {word} is deprecated and not parsed anymore\n"
        )
    };
    assert_eq!(answer.stderr_text(), [line("include"), line("config"), line("include")].concat());
}

#[test]
fn sections_come_in_a_fixed_order_and_entries_as_written() {
    reads(
        b"weakdep z y\nsoftdep z pre: y\noptions z y\nalias z y\nremove z y\ninstall z y\nblacklist z\n\
          options a b\nblacklist a\noptions z x\n",
        "blacklist z\nblacklist a\ninstall z y\nremove z y\nalias z y\noptions z y\noptions a b\n\
         options z x\nsoftdep z pre: y\nweakdep z y\n",
        0,
    );
}

#[test]
fn both_lists_of_a_soft_dependency_are_separated() {
    let root = Root::new();
    root.file("etc/modprobe.d/t.conf", "softdep a pre: b post: c\nsoftdep a pre: b post: c pre: d\n");
    let run = modprobe(&root).arg("-c");
    let ours = "softdep a pre: b post: c\nsoftdep a pre: b d post: c\n";
    // The second line contains everything between a list's first and last name, including names of the other list.
    let theirs = "softdep a pre: bpost: c\nsoftdep a pre: b c dpost: c\n";
    differs_because("-c and soft dependencies", &ours.to_owned(), &theirs.to_owned(), |side| {
        config_of(side, &run).stdout_text()
    });
}

#[test]
fn messages_about_the_configuration() {
    let root = Root::new();
    root.file("etc/modprobe.d/t.conf", "foo\n").file("proc/cmdline", "");
    let text = "/etc/modprobe.d/t.conf line 1: ignoring bad line starting with 'foo'\n";
    let ours = [format!("modprobe: ERROR: {text}"), String::new(), String::new()];
    let theirs = [(); 3].map(|()| format!("libkmod: ERROR: kmod_config_parse: {text}"));
    differs_because("configuration errors obey -q and -s", &ours, &theirs, |side| {
        ["-v", "-q", "-s"].map(|option| modprobe(&root).args(["-c", option]).on(side).stderr_text())
    });
}
