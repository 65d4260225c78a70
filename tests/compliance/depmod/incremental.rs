//! Hundreds of random changes to a tree of real modules: after each change, a run that reads only what has changed
//! must produce the same files as a run that reads everything.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use oxmod_test_support::{Random, Root, Run, Side, each, kernels, sides};

use super::real::modules;

/// The number of steps per test, each of one to three changes. There are three tests.
const STEPS: usize = 70;

/// The lists that come with a kernel.
const LISTS: [&str; 3] = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];

/// The configurations to choose from; DIR is a directory of modules outside the tree.
const CONFIGS: [&str; 6] = [
    "",
    "search updates built-in\n",
    "search built-in updates\nexclude nf_tables.ko\n",
    "override nf_nat * updates\nsearch built-in\n",
    "external * DIR\nsearch external updates\n",
    "search kernel/fs updates built-in\nexclude updates\n",
];

/// The name of a change, and the function that makes it; the function returns `None` if the change is not possible.
type Kind = (&'static str, fn(&mut Tree) -> Option<()>);

/// The tree that the changes are made to.
struct Tree {
    root: Root,
    random: Random,
    /// Real modules to copy from: the path in the tree and the path of the file.
    pool: Vec<(PathBuf, PathBuf)>,
}

impl Tree {
    fn new(seed: u64) -> Self {
        let tree = Self { root: Root::new(), random: Random::new(seed), pool: pool() };
        for list in LISTS {
            tree.write(list, b"");
        }
        tree.write("modules.oxmod.bin", b"");
        tree.root.file("conf/x.conf", "").dir("external");
        for (relative, source) in tree.pool.iter().step_by(2) {
            tree.write(relative, &fs::read(source).unwrap());
        }
        tree
    }

    fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.path(self.root.in_modules("")).join(relative)
    }

    fn write(&self, relative: impl AsRef<Path>, bytes: &[u8]) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Returns the modules that exist in the tree.
    fn present(&self) -> Vec<PathBuf> {
        [self.path(""), self.root.path("external")].iter().flat_map(|dir| modules(dir)).collect()
    }

    fn any_present(&mut self) -> Option<PathBuf> {
        let present = self.present();
        self.random.pick(&present).cloned()
    }

    /// Makes a change and returns its description.
    fn change(&mut self) -> String {
        let kinds: [Kind; 14] = [
            ("add", Self::add),
            ("add", Self::add),
            ("remove", Self::remove),
            ("edit in place", |tree| tree.edit(false)),
            ("edit in place and set the time back", |tree| tree.edit(true)),
            ("touch back to an old time", Self::touch),
            ("move", Self::relocate),
            ("move", Self::relocate),
            ("replace by another of the same time", Self::replace),
            ("depmod.d", Self::configure),
            ("modules.order", |tree| tree.list(0)),
            ("modules.builtin", |tree| tree.list(1)),
            ("modules.builtin.modinfo", |tree| tree.list(2)),
            ("damage what a run has left", Self::damage),
        ];
        let (what, how) = kinds[self.random.below(kinds.len())];
        let done = how(self);
        format!("{what}{}", if done.is_some() { "" } else { " (not possible)" })
    }

    fn add(&mut self) -> Option<()> {
        let pool = std::mem::take(&mut self.pool);
        let picked = self.random.pick(&pool).cloned();
        self.pool = pool;
        let (relative, source) = picked?;
        let relative = match self.random.below(4) {
            0 => Path::new("updates").join(relative.file_name()?),
            1 => Path::new("../../../external").join(relative.file_name()?),
            _ => relative,
        };
        self.write(relative, &fs::read(source).ok()?);
        Some(())
    }

    fn remove(&mut self) -> Option<()> {
        fs::remove_file(self.any_present()?).ok()
    }

    /// Changes one byte of the description and nothing else: size and inode number remain the same.
    fn edit(&mut self, set_back: bool) -> Option<()> {
        let path = self.any_present()?;
        let before = fs::metadata(&path).ok()?;
        let mut bytes = fs::read(&path).ok()?;
        let key = [&b"alias="[..], b"softdep=", b"license=", b"author="][self.random.below(4)];
        let at = bytes.windows(key.len()).position(|window| window == key)? + key.len();
        bytes[at] = if bytes[at] == b'q' { b'r' } else { b'q' };
        fs::write(&path, bytes).ok()?;
        let time = if set_back { before.modified().ok()? } else { return Some(()) };
        File::options().write(true).open(&path).ok()?.set_modified(time).ok()
    }

    fn touch(&mut self) -> Option<()> {
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        File::options().write(true).open(self.any_present()?).ok()?.set_modified(old).ok()
    }

    fn relocate(&mut self) -> Option<()> {
        let from = self.any_present()?;
        let name = from.file_name()?;
        let dir = ["kernel", "updates", "updates/dkms", "extra"][self.random.below(4)];
        let to = self.path(dir).join(name);
        fs::create_dir_all(to.parent()?).ok()?;
        fs::rename(from, to).ok()
    }

    /// Replaces a module by another one, which gets its name and modification time.
    fn replace(&mut self) -> Option<()> {
        let (victim, other) = (self.any_present()?, self.any_present()?);
        let time = fs::metadata(&victim).ok()?.modified().ok()?;
        let new = self.root.path("new");
        fs::copy(other, &new).ok()?;
        File::options().write(true).open(&new).ok()?.set_modified(time).ok()?;
        fs::rename(new, victim).ok()
    }

    fn configure(&mut self) -> Option<()> {
        let external = self.root.path("external").display().to_string();
        let text = self.random.pick(&CONFIGS)?.replace("DIR", &external);
        self.root.file("conf/x.conf", text);
        Some(())
    }

    fn list(&mut self, which: usize) -> Option<()> {
        let dir = self.path("");
        let mut names: Vec<String> = modules(&dir)
            .iter()
            .filter_map(|path| Some(path.strip_prefix(&dir).ok()?.to_str()?.split(".ko").next()?.to_owned()))
            .collect();
        for at in (1..names.len()).rev() {
            names.swap(at, self.random.below(at + 1));
        }
        names.truncate(self.random.below(names.len() + 1));
        let line = |name: &String| match which {
            2 => format!("{}.alias=of-{name}\0", name.rsplit('/').next().unwrap_or_default()),
            _ => format!("{name}.ko\n"),
        };
        fs::write(self.path(LISTS[which]), names.iter().map(line).collect::<String>()).ok()
    }

    fn damage(&mut self) -> Option<()> {
        let names =
            ["modules.oxmod.bin", "modules.oxmod.bin", "modules.dep", "modules.alias.bin", "modules.symbols"];
        let name = self.random.pick(&names)?;
        let path = self.path(name);
        let mut bytes = fs::read(&path).ok()?;
        match self.random.below(3) {
            0 => return fs::remove_file(path).ok(),
            1 => bytes.truncate(self.random.below(bytes.len())),
            _ => {
                let at = self.random.below(bytes.len());
                bytes[at] ^= 1 << self.random.below(8);
            }
        }
        fs::write(path, bytes).ok()
    }

    /// Runs depmod with `out` as the output directory.
    fn depmod(&self, args: &[&str], out: &Path, side: Side) -> (i32, String) {
        let run = Run::new("depmod").args(args).arg("-b").arg(self.root.path("")).arg("-o").arg(out);
        let answer = run.arg("-C").arg(self.root.path("conf")).arg(self.root.release()).on(side);
        (answer.code, answer.stderr_text())
    }

    /// Checks that our modinfo reports the same as the reference, which reads the modules.
    fn ask_modinfo(&mut self, what: &str) {
        let present = self.present();
        let some: Vec<_> = (0..20).filter_map(|_| self.random.pick(&present)).collect();
        let mut answers = each(|side| Run::new("modinfo").arg("-0").args(&some).on(side)).into_iter();
        let first = answers.next().unwrap().1;
        assert!(!first.stdout.is_empty());
        assert!(answers.all(|(_, answer)| answer == first), "{what}: {some:?}");
    }

    /// Returns the files that depmod wrote below `out`.
    fn made(&self, out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let names = fs::read_dir(out.join(self.root.in_modules(""))).unwrap().flatten();
        names
            .map(|entry| PathBuf::from(entry.file_name()))
            .filter(|name| name.to_string_lossy().starts_with("modules."))
            .filter(|name| !LISTS.iter().any(|list| name == Path::new(list)))
            .filter(|name| name != Path::new("modules.oxmod.bin"))
            .map(|name| (name.clone(), fs::read(out.join(self.root.in_modules("")).join(name)).unwrap()))
            .collect()
    }
}

/// Returns small real modules that depend on each other, compressed and uncompressed.
pub(crate) fn pool() -> Vec<(PathBuf, PathBuf)> {
    let mut pool = Vec::new();
    for (kernel, dirs) in kernels().iter().zip([&["kernel/net", "kernel/fs"][..], &["kernel/sound/soc"]]) {
        let dir = kernel.root.join("lib/modules").join(&kernel.release);
        let found = dirs.iter().flat_map(|below| modules(&dir.join(below)));
        let small = found.filter(|path| fs::metadata(path).is_ok_and(|metadata| metadata.len() < 60_000));
        pool.extend(small.take(160).map(|path| (path.strip_prefix(&dir).unwrap().to_owned(), path)));
    }
    assert!(pool.len() > 300, "the real kernels are not here: run scripts/lab");
    pool
}

/// Changes a tree repeatedly. modinfo is asked both with an outdated and with a current cache.
fn random_changes(seed: u64) {
    if !sides().contains(&Side::Ours) {
        return;
    }
    let mut tree = Tree::new(seed);
    let mut history = Vec::new();
    for step in 0..STEPS {
        let changes = 1 + tree.random.below(3);
        history.extend((0..changes).map(|_| tree.change()));
        let last = &history[history.len().saturating_sub(6)..];
        let what = format!("seed {seed}, step {step}, {last:?}");
        tree.ask_modinfo(&what);
        // Occasionally, kmod's depmod runs in between.
        if tree.random.below(12) == 0 {
            tree.depmod(&[], &tree.root.path(""), Side::Theirs);
        }
        let args = [&[][..], &[], &["-A"]][tree.random.below(3)];
        let answer = tree.depmod(args, &tree.root.path(""), Side::Ours);
        let fresh = Root::new();
        let full = tree.depmod(&["--full"], &fresh.path(""), Side::Ours);
        assert_eq!(answer.0, full.0, "{what}, {args:?}: {answer:?} {full:?}");
        if answer.0 != 0 {
            continue;
        }
        let (there, expected) = (tree.made(&tree.root.path("")), tree.made(&fresh.path("")));
        assert!(there.keys().eq(expected.keys()), "{what}: {:?}", there.keys());
        for (name, bytes) in expected {
            assert!(there[&name] == bytes, "{what}, {args:?}: {}", name.display());
        }
        tree.ask_modinfo(&what);
    }
    assert!(tree.present().len() > 50);
}

#[test]
fn random_changes_1() {
    random_changes(1);
}

#[test]
fn random_changes_2() {
    random_changes(20_251_121);
}

#[test]
fn random_changes_3() {
    random_changes(77);
}
