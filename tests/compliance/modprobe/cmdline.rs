//! Module settings on the kernel command line.

use oxmod_test_support::{Root, differs_because, same};

use super::{config_of, modprobe};

/// Checks how both sides parse a kernel command line, as printed by `-c`.
#[track_caller]
fn reads(text: &[u8], expected: &str) {
    let root = Root::new();
    root.file("proc/cmdline", text).dir(root.in_modules(""));
    let answer = same(|side| config_of(side, &modprobe(&root).arg("-c")));
    assert_eq!(answer.stdout_text(), expected, "{}", text.escape_ascii());
    assert_eq!((answer.code, answer.stderr_text().as_str()), (0, ""), "{}", text.escape_ascii());
}

#[test]
fn words() {
    reads(b"", "");
    reads(b"quiet a.b a.c=1 root=/dev/sda1 a-x.c-d=2", "options a b\noptions a c=1\noptions a_x c-d=2\n");
    reads(b"a.b.c=1 a.b=x.y a=1.2 =a = a.b==", "options a b=x.y\noptions a b==\n");
    reads(b"a. .b .c=1 a.=1 a.b=", "options a \noptions  b\noptions  c=1\noptions a =1\noptions a b=\n");
    reads(
        b"a.b\tc.d\x0b\x0c\re.f=1\n\ng.h - i.j=2",
        "options a b\noptions c d\noptions e f=1\noptions g h\noptions i j=2\n",
    );
    reads(b"a.b=1\0 c.d=2", "options a b=1\n");
    reads(b"a[-].b=2", "options a[-] b=2\n");
}

#[test]
fn quotes() {
    reads(
        br#"a.b="x y" "c.d=x y" e.f="x y"z g.h=x"y""#,
        "options a b=\"x y\"\noptions c d=\"x y\"\noptions e f=\"x y\"z\noptions g h=x\"y\"\n",
    );
    reads(br#""i.j="x i".k=1" l."m=1 2" n.o="x y"#, "options i j=\"\"x\n");
    reads(
        br#"a.b="" "c.d=" e.f="a.b=1" "g.h="x y"""#,
        "options a b=\"\"\noptions c d=\"\"\noptions e f=\"a.b=1\"\noptions g h=\"\"x\n",
    );
    reads(br#""a.b" a."b=1" "a".b=1 c.d=3"#, "options c d=3\n");
    reads(br#"a.b=1" x.y=1 "z.w=1"#, "options a b=1\" x.y=1 \"z.w=1\n");
    reads(br#"x" a.b=4" c.d=8 a.b" a.c=4" c.d=9"#, "options c d=8\noptions c d=9\n");
    reads(br#""foo a.b=5 x.y" l.m=6 n.o"#, "options l m=6\noptions n o\n");
    reads(br#"" " a.b="x"y"z" "=1" x.y"#, "options a b=\"x\"y\"z\"\noptions x y\n");
    reads(br#"a.b="x=y.z" "c.d=x=y.z""#, "options a b=\"x=y.z\"\noptions c d=\"x=y.z\"\n");
    reads(br#""a.b=3"x a.c"#, "options a b=\"3\"x\noptions a c\n");
}

#[test]
fn only_the_first_4095_bytes_count() {
    for (filler, expected) in [(4087, "options ab cd=1\n"), (4088, "options ab cd=\n"), (4092, "")] {
        reads(format!("{} ab.cd=1 e.f=2", "x".repeat(filler)).as_bytes(), expected);
    }
}

#[test]
fn blacklist() {
    reads(
        b"modprobe.blacklist=a,c,,d modprobe.blacklist=",
        "blacklist a\nblacklist c\nblacklist \nblacklist d\nblacklist \n",
    );
    reads(
        b"modprobe.blacklist modprobe.x=1 mod-probe.blacklist=y",
        "options modprobe blacklist\noptions modprobe x=1\noptions mod_probe blacklist=y\n",
    );
    reads(b"modprobe.blacklist=\"a,b\"", "blacklist \"a\nblacklist b\"\n");
}

#[test]
fn names_of_the_blacklist_are_normalised() {
    let root = super::tree();
    root.file("proc/cmdline", "modprobe.blacklist=d-x\n");
    let run = modprobe(&root).args(["-D", "dd"]);
    let theirs =
        "insmod /lib/modules/6.1.0-test/kernel/a.ko \ninsmod /lib/modules/6.1.0-test/kernel/d-x.ko \n";
    differs_because("modprobe.blacklist= with a dash", &String::new(), &theirs.to_owned(), |side| {
        run.on(side).stdout_text()
    });
}

#[test]
fn unpaired_brackets_in_a_name() {
    let root = Root::new();
    root.file("proc/cmdline", "a[.b=1 c.d\n");
    let answer = same(|side| config_of(side, &modprobe(&root).arg("-c")));
    assert_eq!(answer.stdout_text(), "options c d\n");
    assert_eq!(
        answer.stderr_text(),
        "modprobe: ERROR: Ignoring bad option on kernel command line while parsing module name: 'a['\n"
    );
}

#[test]
fn parameters_follow_those_of_files() {
    let root = super::tree();
    root.file("etc/modprobe.d/z.conf", "options a file=1\n").file("proc/cmdline", "a.line=2\n");
    let answer = same(|side| modprobe(&root).args(["-D", "a", "given=3"]).on(side));
    assert_eq!(answer.stdout_text(), "insmod /lib/modules/6.1.0-test/kernel/a.ko file=1 line=2 given=3\n");
}
