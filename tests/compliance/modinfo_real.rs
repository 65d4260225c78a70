//! modinfo on every module of the two real kernels; the complete output is compared.

use std::path::{Path, PathBuf};

use oxmod_test_support::{Kernel, Root, Run, Side, differs_because, exhaustive, kernels, same};

/// Operands per command: few enough for readable differences, enough to keep the cost of starting processes low.
const CHUNK: usize = 200;

/// The requests for each module.
pub(crate) const REQUESTS: [&[&str]; 11] = [
    &[],
    &["-0"],
    &["-n"],
    &["-F", "depends"],
    &["-F", "alias"],
    &["-p"],
    &["-F", "firmware"],
    &["-F", "vermagic"],
    &["-F", "signer"],
    &["-F", "sig_key"],
    &["-0", "-F", "parm"],
];

fn kernel(prefix: &str) -> Kernel {
    let found = kernels().into_iter().find(|kernel| kernel.release.starts_with(prefix));
    found.unwrap_or_else(|| panic!("no modules of Linux {prefix}: run scripts/lab"))
}

fn module_files(dir: &Path) -> Vec<PathBuf> {
    let (mut files, mut pending) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(&dir).expect("a directory of the lab").flatten() {
            if entry.file_type().expect("a file type").is_dir() {
                pending.push(entry.path());
            } else if entry.path().file_name().is_some_and(|name| name.to_string_lossy().contains(".ko")) {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

fn compare(prefix: &str, at_least: usize) {
    let kernel = kernel(prefix);
    let files = module_files(&kernel.root.join("lib/modules").join(&kernel.release).join("kernel"));
    assert!(files.len() >= at_least, "only {} modules of {prefix}", files.len());
    // The reference decompresses each module for each request, so compressed modules get the full request and a
    // sample of the others.
    let packed = files[0].extension().is_some_and(|end| end != "ko");
    let every = if packed && !exhaustive() { 4 } else { 1 };
    for (at, request) in REQUESTS.into_iter().enumerate() {
        for (_, chunk) in files
            .chunks(CHUNK)
            .enumerate()
            .filter(|(number, _)| request.is_empty() || (at + number) % every == 0)
        {
            let answer = same(|side| Run::new("modinfo").args(request).args(chunk).on(side));
            assert_eq!((answer.code, answer.stderr_text()), (0, String::new()), "{request:?}");
        }
    }
}

#[test]
fn every_plain_module() {
    compare("6.1.", 4000);
}

#[test]
fn every_xz_module() {
    compare("6.12.", 4200);
}

#[test]
fn every_built_in_module() {
    for kernel in kernels() {
        let dir = kernel.root.join("lib/modules").join(&kernel.release);
        let text = std::fs::read_to_string(dir.join("modules.builtin")).expect("modules.builtin");
        let names: Vec<_> =
            text.lines().filter_map(|line| line.rsplit('/').next()?.strip_suffix(".ko")).collect();
        assert!(names.len() > 100);
        for request in [&[][..], &["-0"], &["-p"], &["-n"], &["-F", "license"], &["-m"]] {
            for chunk in names.chunks(CHUNK) {
                let run = Run::new("modinfo").arg("-b").arg(&kernel.root).args(["-k", &kernel.release]);
                same(|side| run.clone().args(request).args(chunk).on(side));
            }
        }
    }
}

/// The build id as the bytes of the note, in hexadecimal.
fn build_id(object: &[u8]) -> Option<String> {
    let note = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0";
    let at = object.windows(note.len()).position(|bytes| bytes == note)? + note.len();
    let digits = object.get(at..at + 20)?.iter().map(|byte| format!("{byte:02X}"));
    Some(digits.collect::<Vec<_>>().join(":"))
}

/// The field build-id is from kmod after 34.2: printed if it is requested, in any case, from the file and from the cache.
#[test]
fn build_ids() {
    let kernel = kernel("6.1.");
    let files = module_files(&kernel.root.join("lib/modules").join(&kernel.release).join("kernel/net"));
    let root = Root::new();
    let mut expected = String::new();
    for file in files.iter().take(40) {
        let bytes = std::fs::read(file).unwrap();
        expected += &build_id(&bytes).expect("a build id");
        expected += "\n";
        root.file(root.in_modules(file.file_name().unwrap().to_str().unwrap()), &bytes);
    }
    let copies = module_files(&root.path(root.in_modules("")));
    let mut ids: Vec<(String, &PathBuf)> = Vec::new();
    for (line, file) in expected.lines().zip(&files) {
        let copy = copies.iter().find(|copy| copy.file_name() == file.file_name()).unwrap();
        ids.push((line.to_owned(), copy));
    }
    let why = "-F build-id, which kmod 34.2 does not know";
    let ask = |side| {
        let paths = ids.iter().map(|(_, path)| path);
        Run::new("modinfo")
            .args(["-F", "Build-ID", "-b"])
            .arg(root.path(""))
            .args(["-k", root.release()])
            .args(paths)
            .on(side)
            .triple()
    };
    for _ in 0..2 {
        differs_because(why, &(0, expected.clone(), String::new()), &(0, String::new(), String::new()), ask);
        // The second time, the cache answers.
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert_eq!(
            Run::new("depmod").arg("-b").arg(root.path("")).arg(root.release()).on(Side::Ours).code,
            0
        );
    }
    let json =
        Run::new("modinfo").args(["--json", "-F", "build-id"]).arg(ids[0].1).on(Side::Ours).stdout_text();
    let digits = ids[0].0.replace(':', "").to_ascii_lowercase();
    assert!(json.contains(&format!("\"build_id\":\"{digits}\"")), "{json}");
    // A module without one.
    root.module("none.ko", |m| m);
    let none = Run::new("modinfo").args(["-F", "build-id"]).arg(root.path(root.in_modules("none.ko")));
    assert_eq!(same(|side| none.on(side)).triple(), (0, String::new(), String::new()));
}
