//! Options, operands and error messages.

use oxmod_test_support::{Module, Root, Run, differs_because, same};

use super::root;

fn small() -> Root {
    let root = root();
    root.module("kernel/a.ko", |m| m.need("b_symbol").need("printk").version("b_symbol", 0x22).alias("x"))
        .module("kernel/b.ko", |m| m.export("b_symbol", 0x22).need("nowhere").need_weak("weakly"));
    root.file("plain/k.ko", Module::new().alias("k").need("b_symbol").build())
        .file("plain/more/k.ko", Module::new().build())
        .file("plain/l.ko", Module::new().export("b_symbol", 1).build())
        .file("plain/text", "text, not a module")
        .file("System.map", "c0294200 R __ksymtab_printk\nc0294204 T other\n")
        .file(
            "symvers",
            "0x00000022\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n0x00000033\tb_symbol\tkernel/b\tEXPORT_SYMBOL\t\n",
        );
    root
}

/// Each command line runs with the tree as the root file system, so that paths are short and the same on both sides.
#[test]
fn every_option_and_error() {
    let root = small();
    let vectors: &[&[&str]] = &[
        &["-n", "6.1.0-test"],
        &["-an", "6.1.0-test"],
        &["--dry-run", "--all", "6.1.0-test"],
        &["--show", "6.1.0-test"],
        &["-nb", "/", "6.1.0-test"],
        &["-n", "-b", "", "6.1.0-test"],
        &["-n", "--basedir=/", "--moduledir", "lib/modules", "6.1.0-test"],
        &["-n", "-m", "/lib/modules/", "6.1.0-test"],
        &["-n", "-m", "/nowhere", "6.1.0-test"],
        &["-n", "-m", "//nowhere", "6.1.0-test"],
        &["-n", "9.9"],
        &["9.9"],
        &["x"],
        &["9"],
        &["9."],
        &[".9"],
        &["9.x"],
        &["-1.2"],
        &[" 6.1"],
        &["6.1.0-test/", "-n"],
        &["-n", "6.1.0-test", "plain/k.ko"],
        &["-n", "6.1.0-test", "/nope.ko"],
        &["-n", "6.1.0-test", "/plain/k.ko"],
        &["-n", "6.1.0-test", "/plain/k.ko", "/plain/l.ko"],
        &["-n", "6.1.0-test", "/plain/k.ko", "/plain/more/k.ko"],
        &["-n", "6.1.0-test", "/plain/k.ko", "/plain/l.ko", "/plain/k.ko"],
        &["-n", "-a", "6.1.0-test", "plain/k.ko"],
        &["-n", "9.9", "/plain/k.ko"],
        &["-n", "-e", "6.1.0-test"],
        &["-n", "-e", "-F", "/System.map", "6.1.0-test"],
        &["-n", "-e", "-E", "/symvers", "6.1.0-test"],
        &["-n", "-e", "-E", "/symvers", "-F", "/System.map", "6.1.0-test"],
        &["-n", "-E", "/symvers", "6.1.0-test"],
        &["-n", "-F", "/System.map", "6.1.0-test"],
        &["-n", "-F", "/nope", "6.1.0-test"],
        &["-n", "-E", "/nope", "6.1.0-test"],
        &["-n", "-P", "_", "6.1.0-test"],
        &["-n", "-P", "b", "-e", "-F", "/System.map", "6.1.0-test"],
        &["-n", "-P", "__", "6.1.0-test"],
        &["-n", "-P", "", "6.1.0-test"],
        &["-n", "-v", "6.1.0-test"],
        &["-n", "-v", "-w", "6.1.0-test"],
        &["-n", "-C", "/nope", "6.1.0-test"],
        &["-o", "/dev/null/x", "6.1.0-test"],
    ];
    for vector in vectors {
        let answer = same(|side| Run::new("depmod").args(*vector).inside(&root).on(side));
        assert!(answer.code <= 1, "{vector:?}: {answer:?}");
    }
}

/// Of several errors the same one is reported, after the same warnings.
#[test]
fn the_first_of_several_errors() {
    let root = small();
    let vectors: &[&[&str]] = &[
        &["-e", "6.1.0-test", "9"],
        &["-en", "6.1.0-test", "9"],
        &["-e", "6.1.0-test", "/nope.ko"],
        &["-e", "-F", "/nope", "6.1.0-test", "9"],
        &["-E", "/nope", "6.1.0-test", "plain/k.ko"],
        &["-e", "-a", "-n", "6.1.0-test", "9"],
        &["-e", "9.9"],
        &["-e", "9"],
        &["-e", "-P", "__", "6.1.0-test", "9"],
    ];
    for vector in vectors {
        let answer = same(|side| Run::new("depmod").args(*vector).inside(&root).on(side));
        assert!(!answer.stderr.is_empty(), "{vector:?}: {answer:?}");
    }
}

#[test]
fn directories_are_relative_to_the_working_directory() {
    let root = small();
    let run = |args: &'static [&'static str]| {
        same(|side| Run::new("depmod").args(args).cwd(root.path("plain")).on(side))
    };
    assert_eq!(run(&["-n", "-b", "..", "6.1.0-test"]).code, 0);
    assert_eq!(run(&["-n", "-b", "../nope", "6.1.0-test"]).code, 1);
}

#[test]
fn the_running_kernel_is_the_default() {
    let root = Root::for_release(&oxmod_test_support::running_release());
    root.module("a.ko", |m| m).file(root.in_modules("modules.order"), "");
    let answer = same(|side| Run::new("depmod").arg("-n").inside(&root).on(side));
    assert!(answer.stdout_text().starts_with("a.ko:\n"), "{answer:?}");
}

#[test]
fn output_is_written_below_the_output_directory() {
    let root = small();
    let written = same(|side| {
        let out = Root::new();
        let answer = Run::shell("umask 077; depmod -b \"$FROM\" -o \"$TO/new/dir\" 6.1.0-test; echo $?; find \"$TO/new\" ! -name modules.oxmod.bin -printf '%P %m\\n' | sort")
            .env("FROM", root.path(""))
            .env("TO", out.path(""))
            .on(side);
        answer.triple()
    });
    assert!(written.1.starts_with("0\n"), "{written:?}");
    assert_eq!(written.1.lines().filter(|line| line.ends_with(" 600")).count(), 11, "{written:?}");
}

/// Malformed lines in System.map and Module.symvers, and the effect of `-P` on the symbol names.
#[test]
fn odd_lines_of_symbol_files() {
    let root = super::root();
    root.module("kernel/plain.ko", |m| m.need("s").version("s", 1))
        .module("kernel/dotted.ko", |m| m.need(".s"))
        .module("kernel/prefixed.ko", |m| m.need("_s"))
        .module("kernel/both.ko", |m| m.need("._s"));
    let check = |option: &str, line: &str| {
        // Ours does not use a file without any symbol of the kernel.
        let valid = match option {
            "-F" => "0 T __ksymtab_other\n0 T ___ksymtab_other\n",
            _ => "0\tother\tvmlinux\tE\n",
        };
        root.file("symbols", [valid, line].concat());
        let path = root.path("symbols");
        let path = path.to_str().unwrap();
        for prefix in [&[][..], &["-P", "_"]] {
            let args = [&["-n", "-e", option, path], prefix].concat();
            // kmod ends the message with the description of a stale errno.
            same(|side| {
                let errors = super::depmod(&root, &args, side).0.stderr_text();
                let errors: Vec<String> =
                    errors.lines().map(|line| line.replace(": No such file or directory", "")).collect();
                errors
            });
        }
    };
    for line in
        ["0  T __ksymtab_s", "0 TT __ksymtab_s", "0  __ksymtab_s", "  __ksymtab_s", "0 T __ksymtab__s"]
    {
        check("-F", &format!("{line}\n"));
    }
    for line in
        ["0 T ___ksymtab_s", "0 T ___ksymtab__s", "0 T __ksymtab_.s", "0 T __ksymtab_s x", "0 T", "0 T "]
    {
        check("-F", &format!("{line}\n"));
    }
    for number in ["0x1", "+1", "-1", "-ffffffffffffffff", "0x", "g", "\x0b1", "+"] {
        check("-E", &format!("{number}\ts\tvmlinux\tE\n"));
    }
    // As in later versions of kmod, a version that is too large is an error.
    root.file("symbols", "0xffffffffffffffffff\ts\tvmlinux\tE\n1\tother\tvmlinux\tE\n");
    let args = ["-n", "-e", "-E", root.path("symbols").to_str().unwrap()].map(str::to_owned);
    let why = "a version of more than 64 bits";
    differs_because(why, &true, &false, |side| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let errors = super::depmod(&root, &args, side).0.stderr_text();
        errors.contains("symbols:1 Invalid symbol version 0xffffffffffffffffff")
    });
    for line in
        ["1\ts\tvmlinux\n", "1\ts\tvmlinux", "1\ts\tvmlinux\r\n", "1\t.s\tvmlinux\tE", "1\t_s\tvmlinux\tE"]
    {
        check("-E", line);
    }
}
