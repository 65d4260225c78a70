//! The imports of each file of a crate: its `use` items and the paths in its code, resolved to the files that define the
//! names.
//!
//! This module parses the sources with syn, and resolves paths, including re-exports. Test code is left out. It must not
//! know which imports are allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemMod, ItemUse, Macro, UseTree};

/// The segments of a path from the crate's root, such as `["sys", "file"]`.
pub(crate) type Module = Vec<String>;

/// An import of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Import {
    /// A module of the same crate.
    Inside(Module),
    /// A path in the library, imported by the program.
    Library(Vec<String>),
}

/// The files of a crate, keyed by their modules.
#[derive(Debug, Default)]
pub(crate) struct Crate {
    pub files: BTreeMap<Module, File>,
}

/// A file.
#[derive(Debug, Default)]
pub(crate) struct File {
    /// Its path below the crate's directory.
    pub path: PathBuf,
    /// Its imports, which are added when all files are known.
    pub imports: BTreeSet<Import>,
    /// The restricted code that it contains, such as `println!`.
    pub restricted: BTreeSet<&'static str>,
    /// The names that `use` items import, with their paths.
    names: BTreeMap<String, Vec<String>>,
    /// All paths in the code; those of the same crate begin with `crate`.
    paths: BTreeSet<Vec<String>>,
}

/// The first segment of paths in the library.
const LIBRARY: &str = "oxmod";
/// The types of the standard library that need random bytes of the kernel. clippy.toml refuses them too, but not in `sys`.
const RANDOM: [&str; 3] = ["HashMap", "HashSet", "RandomState"];
/// The first segment of paths in the same crate.
const ROOT: &str = "crate";

impl Crate {
    /// Reads the files in the source directory of a crate.
    pub(crate) fn read(dir: &Path) -> Self {
        let files = sources(dir).into_iter().filter(|(path, _)| !is_test(path));
        Self::of(files)
    }

    /// Parses files, given by path and contents.
    pub(crate) fn of<P: Into<PathBuf>, T: AsRef<str>>(files: impl IntoIterator<Item = (P, T)>) -> Self {
        let mut parsed = Self::default();
        for (path, text) in files {
            let path = path.into();
            let module = module_of(&path);
            let file = File::parse(path, &module, text.as_ref());
            parsed.files.insert(module, file);
        }
        let modules: Vec<Module> = parsed.files.keys().cloned().collect();
        for module in modules {
            let imports =
                parsed.files[&module].paths.iter().filter_map(|path| parsed.import(&module, path)).collect();
            parsed.files.get_mut(&module).expect("it is known").imports = imports;
        }
        parsed
    }

    /// Returns the import for a path in the code of `module`; `None` for the module itself and for other crates.
    fn import(&self, module: &Module, path: &[String]) -> Option<Import> {
        match path.first()?.as_str() {
            LIBRARY => Some(Import::Library(path[1..].to_vec())),
            ROOT => match self.resolved(&path[1..], 0)? {
                Import::Inside(target) if target == *module => None,
                import => Some(import),
            },
            _ => None,
        }
    }

    /// Resolves a path from the root to the module that defines the item.
    fn resolved(&self, path: &[String], depth: usize) -> Option<Import> {
        let len = (0..=path.len()).rev().find(|&len| self.files.contains_key(&path[..len]))?;
        let target = path[..len].to_vec();
        let reexport = path.get(len).and_then(|name| self.files[&target].names.get(name));
        match reexport {
            // The limit ends cycles of re-exports.
            Some(original) if depth < 8 => {
                let whole = [original, &path[len + 1..]].concat();
                match whole.first().map(String::as_str) {
                    Some(ROOT) => self.resolved(&whole[1..], depth + 1),
                    Some(LIBRARY) => Some(Import::Library(whole[1..].to_vec())),
                    _ => Some(Import::Inside(target)),
                }
            }
            _ => Some(Import::Inside(target)),
        }
    }
}

/// Returns the Rust files below a directory, as pairs of relative path and contents.
pub(crate) fn sources(top: &Path) -> Vec<(PathBuf, String)> {
    let (mut files, mut pending) = (Vec::new(), vec![top.to_path_buf()]);
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir).expect("a directory of sources").flatten() {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                files.push((path.strip_prefix(top).expect("it is below").to_owned(), text));
            }
        }
    }
    files.sort();
    files
}

/// Whether a file contains unit tests.
pub(crate) fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
}

/// Returns the module of a file: `["config", "lex"]` for `config/lex.rs`.
fn module_of(path: &Path) -> Module {
    let mut module: Module =
        path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod")
        || matches!(&*module, [one] if one == "lib" || one == "main")
    {
        module.pop();
    }
    module
}

impl File {
    fn parse(path: PathBuf, module: &Module, text: &str) -> Self {
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let children = syntax.items.iter().filter_map(|item| match item {
            Item::Mod(item) if !is_for_tests(&item.attrs) => Some(item.ident.to_string()),
            _ => None,
        });
        let mut reader = Reader {
            module: module.clone(),
            children: children.collect(),
            file: Self { path, ..Self::default() },
        };
        // The names are collected first, since a path may precede the `use` item that imports its name.
        for item in &syntax.items {
            if let Item::Use(item) = item
                && !is_for_tests(&item.attrs)
            {
                reader.take_use(&item.tree, &mut Vec::new());
            }
        }
        reader.visit_file(&syntax);
        let of_std = reader.file.paths.iter().filter(|path| path.first().is_some_and(|first| first == "std"));
        let random = of_std.flatten().filter_map(|segment| RANDOM.into_iter().find(|name| name == segment));
        let random: Vec<_> = random.collect();
        reader.file.restricted.extend(random);
        reader.file
    }
}

/// Collects the names, paths and restricted code of a file.
struct Reader {
    /// The current module.
    module: Module,
    /// The modules that the file declares.
    children: BTreeSet<String>,
    file: File,
}

impl Reader {
    /// Returns the absolute form of a path.
    fn absolute(&self, path: &[String]) -> Vec<String> {
        let from = |base: &[String], rest: &[String]| {
            [ROOT.to_owned()].iter().chain(base).chain(rest).cloned().collect::<Vec<_>>()
        };
        match path.first().map(String::as_str) {
            Some("$crate" | ROOT) => from(&[], &path[1..]),
            Some("self") => from(&self.module, &path[1..]),
            Some("super") => {
                let levels = path.iter().take_while(|segment| *segment == "super").count();
                from(&self.module[..self.module.len().saturating_sub(levels)], &path[levels..])
            }
            Some(first) if self.children.contains(first) => from(&self.module, path),
            Some(first) => match self.file.names.get(first) {
                Some(original) => [original, &path[1..]].concat(),
                None => path.to_vec(),
            },
            None => Vec::new(),
        }
    }

    /// Adds the names and paths of a `use` item.
    fn take_use(&mut self, tree: &UseTree, before: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.take_use(&path.tree, before);
                before.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.take_use(tree, before)),
            UseTree::Glob(_) => {
                let path = self.absolute(before);
                self.file.paths.insert(path);
            }
            UseTree::Name(_) | UseTree::Rename(_) => {
                let (ident, name) = match tree {
                    UseTree::Rename(rename) => (&rename.ident, rename.rename.to_string()),
                    UseTree::Name(name) => (&name.ident, name.ident.to_string()),
                    _ => return,
                };
                let mut path = before.clone();
                let name = if ident == "self" { before.last().cloned().unwrap_or(name) } else { name };
                if ident != "self" {
                    path.push(ident.to_string());
                }
                let path = self.absolute(&path);
                self.file.paths.insert(path.clone());
                self.file.names.insert(name, path);
            }
        }
    }

    fn take_path(&mut self, path: &[String]) {
        // A single name is imported by a `use` item, or defined in the file itself.
        if path.len() > 1 {
            let path = self.absolute(path);
            if path.ends_with(&["process".to_owned(), "exit".to_owned()]) {
                self.file.restricted.insert("process::exit");
            }
            self.file.paths.insert(path);
        }
    }

    /// Adds the paths and unsafe blocks in the arguments of a macro, which are only tokens.
    fn take_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.take_path(&std::mem::take(&mut path));
                    }
                    if ident == "unsafe" {
                        self.file.restricted.insert("unsafe");
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.take_path(&std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.take_tokens(group.stream());
                    }
                }
            }
        }
        self.take_path(&path);
    }
}

impl<'a> Visit<'a> for Reader {
    fn visit_item(&mut self, item: &'a Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'a ImplItem) {
        let attributes = match item {
            ImplItem::Fn(item) => &*item.attrs,
            ImplItem::Const(item) => &*item.attrs,
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        if item.content.is_some() {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        self.take_use(&item.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.take_path(&segments);
        visit::visit_path(self, path);
    }

    /// `pub(in path)` imports nothing.
    fn visit_vis_restricted(&mut self, _: &'a syn::VisRestricted) {}

    fn visit_macro(&mut self, invocation: &'a Macro) {
        visit::visit_macro(self, invocation);
        for word in ["dbg", "eprint", "eprintln", "print", "println"] {
            if invocation.path.is_ident(word) {
                self.file.restricted.insert(word);
            }
        }
        self.take_tokens(invocation.tokens.clone());
    }

    fn visit_expr_unsafe(&mut self, block: &'a syn::ExprUnsafe) {
        self.file.restricted.insert("unsafe");
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_signature(&mut self, signature: &'a syn::Signature) {
        if signature.unsafety.is_some() {
            self.file.restricted.insert("unsafe");
        }
        visit::visit_signature(self, signature);
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        if item.unsafety.is_some() {
            self.file.restricted.insert("unsafe");
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_item_foreign_mod(&mut self, item: &'a syn::ItemForeignMod) {
        self.file.restricted.insert("unsafe");
        visit::visit_item_foreign_mod(self, item);
    }
}

/// Whether an item is compiled only for tests.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
