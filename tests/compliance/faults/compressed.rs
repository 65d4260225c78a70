//! Compressed modules: which are passed to the kernel unchanged, and what happens if the kernel cannot decompress
//! one.

use oxmod_test_support::{Root, Run, Shim};

use super::{Case, ERRNOS, FEW, Seen, all, failed, fine, modprobe, refused, strerror, tree};

/// The kernel's name for a compression, and the name and file of the module that is compressed with it.
const KINDS: [(&str, &str, &str); 3] =
    [("zstd", "zstd", "zstd.ko.zst"), ("xz", "xz", "xz.ko.xz"), ("gzip", "gzip", "gzip.ko.gz")];

/// The errnos with which kernels report that they cannot decompress a file. Each of them can also have another
/// cause.
const OF_DECOMPRESSION: [i32; 4] = [libc::EINVAL, libc::ENOMEM, libc::EOPNOTSUPP, libc::ENOEXEC];

fn kernel_with(word: &str) -> Root {
    let root = tree();
    root.file("sys/module/compression", format!("{word}\n"));
    root
}

/// Debian's build of the reference lacks gzip support, so it cannot load a gzip file that the kernel does not
/// accept.
fn theirs(name: &str, expected: &Seen) -> Seen {
    if name == "gzip" { refused(name, libc::ENOSYS, "") } else { expected.clone() }
}

#[test]
fn supported_compressions_are_passed_unchanged() {
    for (word, name, file) in KINDS {
        let root = kernel_with(word);
        let mut cases = Vec::new();
        let mut case = |errno: i32, option: &[&str], flags: i32| {
            let shim = Shim::new().answer("finit", "*", errno);
            let calls = format!("finit {file} \"p=1\" {flags} = {errno}\n");
            let expected = match errno {
                0 | libc::EEXIST => fine(&calls),
                errno => refused(name, errno, &calls),
            };
            cases.push(Case::same(&shim, modprobe(&[option, &[name, "p=1"]].concat()), expected));
        };
        for errno in ERRNOS.into_iter().filter(|errno| !OF_DECOMPRESSION.contains(errno)).chain([0]) {
            case(errno, &[], 4);
        }
        for errno in [0, libc::EPERM] {
            case(errno, &["-f"], 7);
            case(errno, &["--force-vermagic"], 6);
            case(errno, &["--force-modversion"], 5);
        }
        all(&root, cases);
    }
}

#[test]
fn other_files_are_decompressed_first() {
    for (word, _, _) in KINDS {
        let root = kernel_with(word);
        let others = || KINDS.into_iter().filter(move |(other, ..)| *other != word);
        let cases = others().flat_map(|(_, name, file)| {
            FEW.into_iter().chain([0]).map(move |errno| {
                let shim = Shim::new().answer("init", "*", errno);
                let calls = format!("init <{file} \"p=1\" = {errno}\n");
                let ours = match errno {
                    0 | libc::EEXIST => fine(&calls),
                    errno => refused(name, errno, &calls),
                };
                let theirs = theirs(name, &ours);
                Case(shim, modprobe(&[name, "p=1"]), ours, theirs)
            })
        });
        all(&root, cases);
    }
    // An empty file: the kernel cannot decompress modules.
    let cases = KINDS.map(|(_, name, file)| {
        let ours = fine(&format!("init <{file} \"\" = 0\n"));
        let theirs = theirs(name, &ours);
        Case(Shim::new(), modprobe(&[name]), ours, theirs)
    });
    all(&tree(), cases);
}

/// modprobe removes the version checks from the decompressed contents, byte for byte as the reference does.
#[test]
fn forced_contents() {
    let root = tree();
    for option in ["-f", "--force-vermagic", "--force-modversion"] {
        for name in ["zstd", "xz"] {
            let calls = oxmod_test_support::same(|side| {
                super::seen(&Shim::new().run(&root, &modprobe(&[option, name]), side))
            });
            assert_eq!((calls.0, calls.2.as_str()), (0, ""), "{option} {name}: {calls:?}");
            let changed = option != "--force-modversion";
            assert_eq!(calls.3.starts_with("init <"), !changed, "{option} {name}: {calls:?}");
        }
    }
}

fn decompressed(file: &str, errno: i32) -> String {
    let words = strerror(errno);
    format!("WARNING: the kernel could not decompress M/{file} ({words}): decompressed it for the kernel\n")
}

/// Listed difference: `Compressed modules that the kernel refuses`.
#[test]
fn files_that_the_kernel_cannot_decompress() {
    for (word, name, file) in KINDS {
        let root = kernel_with(word);
        let cases = OF_DECOMPRESSION.into_iter().flat_map(|errno| {
            let tried = format!("finit {file} \"p=1\" 4 = {errno}\n");
            let theirs = refused(name, errno, &tried);
            let second = move |answer: i32| {
                let calls = format!("finit {file} \"p=1\" 4 = {errno}\ninit <{file} \"p=1\" = {answer}\n");
                let message = format!("modprobe: {}", decompressed(file, errno));
                match answer {
                    0 => (0, String::new(), message, calls),
                    // Another process has loaded the module in the meantime.
                    libc::EEXIST => fine(&calls),
                    answer => refused(name, answer, &calls),
                }
            };
            // The second answer is reported: a module that is invalid by itself is still invalid after
            // decompression.
            FEW.into_iter().chain([0, libc::ENOSYS]).map(move |answer| {
                let shim = Shim::new().answer("finit", "*", errno).answer("init", "*", answer);
                Case(shim, modprobe(&[name, "p=1"]), second(answer), theirs.clone())
            })
        });
        all(&root, cases);
    }
}

#[test]
fn quiet_hides_the_warning() {
    let root = kernel_with("xz");
    let shim = Shim::new().answer("finit", "*", libc::EINVAL);
    let path = format!("/lib/modules/{}/xz.ko.xz", oxmod_test_support::RELEASE);
    let insmod = |args: &[&str]| Run::new("insmod").args(args).arg(&path);
    let calls = "finit xz.ko.xz \"\" 4 = 22\ninit <xz.ko.xz \"\" = 0\n";
    let tried = "finit xz.ko.xz \"\" 4 = 22\n";
    let said = |tool: &str| {
        (0, String::new(), format!("{tool}: {}", decompressed("xz.ko.xz", libc::EINVAL)), calls.into())
    };
    let theirs = failed("insmod: ERROR: could not insert module M/xz.ko.xz: Invalid parameters\n", tried);
    all(
        &root,
        [
            Case(
                shim.clone(),
                modprobe(&["-q", "xz"]),
                fine(calls),
                (1, String::new(), String::new(), tried.into()),
            ),
            Case(shim.clone(), insmod(&[]), fine(calls), theirs.clone()),
            Case(shim.clone(), insmod(&["-v"]), said("insmod"), theirs),
            Case(shim, modprobe(&["xz"]), said("modprobe"), refused("xz", libc::EINVAL, tried)),
        ],
    );
}

/// The kernel reports an unknown compression. It cannot decompress any of our files, which is not worth a message.
#[test]
fn an_unknown_kernel_compression() {
    for word in ["lz4\n", "none\n", "\n", ""] {
        let root = tree();
        root.file("sys/module/compression", word);
        for (name, calls) in [("base", "finit base.ko \"\" 0 = 0\n"), ("xz", "init <xz.ko.xz \"\" = 0\n")] {
            let line = word.trim_end();
            let end = if word.is_empty() { "" } else { "\n" };
            let message =
                format!("libkmod: ERROR: get_kernel_compression: unknown kernel compression {line}{end}");
            let theirs = (0, String::new(), message, calls.to_owned());
            all(&root, [Case(Shim::new(), modprobe(&["-q", name]), fine(calls), theirs)]);
        }
    }
}
