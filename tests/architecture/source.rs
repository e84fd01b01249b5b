//! A crate as the guard sees it: its modules, the names that each declares, and the paths that each mentions.
//!
//! Takes the files of a crate as texts, and reads those that a `mod` leads to. Items under `#[cfg(test)]` are left out,
//! and nothing else is: what follows `#[cfg(test)] mod tests;` is read as what stands before it. Nothing of `syn` is left
//! afterwards, so a crate is parsed once and shared by all tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use syn::{Attribute, Expr, ExprLit, Item, ItemMod, Lit, Meta, MetaNameValue};

use crate::mentions::{self, Mention};

/// The texts of the files of a crate by their path from its root, such as `src/lib.rs`.
pub(crate) type Files = BTreeMap<PathBuf, String>;

/// A module by its place in [`Crate::modules`].
pub(crate) type Id = usize;

/// The root of the crate.
pub(crate) const ROOT: Id = 0;

#[derive(Debug, Clone)]
pub(crate) struct Crate {
    /// As code names it: `stube`.
    pub(crate) name: String,
    /// The root first, and each module after the one that declares it.
    pub(crate) modules: Vec<Arc<Module>>,
    /// Which modules define a macro by `macro_rules!`, by its name.
    pub(crate) macros: Arc<BTreeMap<String, BTreeSet<Id>>>,
    /// The files that a `mod` led to, those of tests among them.
    pub(crate) read: BTreeSet<PathBuf>,
}

type Scope = Arc<BTreeMap<String, Vec<Binding>>>;

#[derive(Debug, Clone)]
pub(crate) struct Module {
    /// From the root: `["store", "file"]`.
    pub(crate) path: Vec<String>,
    pub(crate) parent: Id,
    pub(crate) file: PathBuf,
    scope: Scope,
    /// What is added to it afterwards.
    added: BTreeMap<String, Vec<Binding>>,
    pub(crate) mentions: Vec<Mention>,
    /// What the guard could not see through, and is therefore forbidden: a glob, an `include!`, another name of the root.
    pub(crate) forbidden: Vec<String>,
}

/// What a name stands for in a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Binding {
    Module(Id),
    /// A type or a trait that the module defines: a path goes on to its variants and associated items.
    Type(Id),
    /// A function, a constant or a macro that the module defines: a path ends at it.
    Value(Id),
    /// A `use`, an `extern crate` or the alias of a type.
    Import {
        /// It begins with `::`.
        global: bool,
        path: Vec<String>,
    },
}

impl Module {
    pub(crate) fn bindings(&self, name: &str) -> impl Iterator<Item = &Binding> {
        [&*self.scope, &self.added].into_iter().filter_map(move |scope| scope.get(name)).flatten()
    }

    /// As code names it: `store::file`; the root is `crate`.
    pub(crate) fn name(&self) -> String {
        if self.path.is_empty() { "crate".to_owned() } else { self.path.join("::") }
    }
}

impl Crate {
    /// Reads the crate whose root is this file. The programs in `src/bin` are its module `bin`.
    pub(crate) fn read(name: &str, root: &Path, files: &Files) -> Self {
        let mut read =
            Self { name: name.to_owned(), modules: Vec::new(), macros: Arc::default(), read: BTreeSet::new() };
        read.add_file(Vec::new(), ROOT, root, true, files);
        let programs = root.with_file_name("bin");
        let programs: Vec<_> = files.keys().filter(|file| file.parent() == Some(&programs)).cloned().collect();
        if let Some(first) = programs.first() {
            let bin = read.add_module(vec!["bin".to_owned()], ROOT, first);
            read.bind(ROOT, "bin", Binding::Module(bin));
            programs.iter().for_each(|program| read.add_text(bin, program, &folder(program), files));
        }
        read
    }

    /// The same modules and names, with nothing mentioned.
    pub(crate) fn bare(&self) -> Self {
        let mut bare = Self { read: BTreeSet::new(), ..self.clone() };
        for module in &mut bare.modules {
            let module = Arc::make_mut(module);
            module.scope = Arc::new(std::mem::take(&mut module.added));
            module.mentions.clear();
            module.forbidden.clear();
        }
        bare
    }

    pub(crate) fn module(&mut self, id: Id) -> &mut Module {
        Arc::make_mut(&mut self.modules[id])
    }

    /// Adds items to a module, as if they stood at the end of its file.
    pub(crate) fn add(&mut self, module: Id, items: &[Item]) {
        let file = self.modules[module].file.clone();
        self.add_items(module, items, &Place { file: &file, children: Path::new(""), inline: true }, &Files::new());
    }

    pub(crate) fn find(&self, name: &str) -> Option<Id> {
        self.modules.iter().position(|module| module.name() == name)
    }

    pub(crate) fn bind(&mut self, module: Id, name: &str, binding: Binding) {
        let bindings = self.module(module).added.entry(name.to_owned()).or_default();
        if !bindings.contains(&binding) {
            bindings.push(binding);
        }
    }

    /// The files in the folder of the root that no `mod` leads to.
    pub(crate) fn unread(&self, files: &Files) -> Vec<PathBuf> {
        let folder = self.modules[ROOT].file.parent().expect("a file stands in a folder");
        let is_read = |file: &&PathBuf| self.read.contains(*file) || !file.starts_with(folder);
        files.keys().filter(|file| !is_read(file)).cloned().collect()
    }

    fn add_module(&mut self, path: Vec<String>, parent: Id, file: &Path) -> Id {
        self.modules.push(Arc::new(Module {
            path,
            parent,
            file: file.to_owned(),
            scope: Scope::default(),
            added: BTreeMap::new(),
            mentions: Vec::new(),
            forbidden: Vec::new(),
        }));
        self.modules.len() - 1
    }

    /// `owns_folder`: the file's modules stand beside it, as those of `lib.rs` and `mod.rs`.
    fn add_file(&mut self, path: Vec<String>, parent: Id, file: &Path, owns_folder: bool, files: &Files) -> Id {
        let id = self.add_module(path, parent, file);
        let children = if owns_folder { folder(file) } else { file.with_extension("") };
        self.add_text(id, file, &children, files);
        id
    }

    /// Adds what stands in a file to a module.
    fn add_text(&mut self, module: Id, file: &Path, children: &Path, files: &Files) {
        let text = files.get(file).unwrap_or_else(|| panic!("there is no file {}", file.display()));
        self.read.insert(file.to_owned());
        let parsed = parse(file, text);
        if !parsed.attrs.iter().any(mentions::is_for_tests) {
            mentions::attributes(self, module, &parsed.attrs);
            self.add_items(module, &parsed.items, &Place { file, children, inline: false }, files);
        }
    }

    fn add_items(&mut self, module: Id, items: &[Item], place: &Place<'_>, files: &Files) {
        for item in items {
            match item {
                Item::Mod(item) => self.add_child(module, item, place, files),
                _ => mentions::collect(self, module, item),
            }
        }
    }

    fn add_child(&mut self, module: Id, item: &ItemMod, place: &Place<'_>, files: &Files) {
        if item.attrs.iter().any(mentions::is_for_tests) {
            if item.content.is_none() {
                self.read_tests(item, place, files);
            }
            return;
        }
        let name = mentions::name(&item.ident);
        let mut path = self.modules[module].path.clone();
        path.push(name.clone());
        let child = match &item.content {
            Some((_, items)) => {
                let child = self.add_module(path, module, place.file);
                let children = place.children.join(&name);
                self.add_items(child, items, &Place { file: place.file, children: &children, inline: true }, files);
                child
            }
            None => {
                let (file, owns_folder) = place.file_of(item, files);
                self.add_file(path, module, &file, owns_folder, files)
            }
        };
        mentions::attributes(self, child, &item.attrs);
        self.bind(module, &name, Binding::Module(child));
    }

    /// Notes the files of a module of tests as read, all the way down.
    fn read_tests(&mut self, item: &ItemMod, place: &Place<'_>, files: &Files) {
        let (file, owns_folder) = place.file_of(item, files);
        let Some(text) = files.get(&file) else { return };
        self.read.insert(file.clone());
        let children = if owns_folder { folder(&file) } else { file.with_extension("") };
        for item in parse(&file, text).items {
            if let Item::Mod(item) = item
                && item.content.is_none()
            {
                self.read_tests(&item, &Place { file: &file, children: &children, inline: false }, files);
            }
        }
    }
}

/// Where an item stands.
struct Place<'a> {
    file: &'a Path,
    /// Where the files of its modules are.
    children: &'a Path,
    /// In the braces of a module.
    inline: bool,
}

impl Place<'_> {
    /// The file of a module, and whether it owns its folder.
    fn file_of(&self, item: &ItemMod, files: &Files) -> (PathBuf, bool) {
        if let Some(path) = path_attribute(&item.attrs) {
            let folder = if self.inline { self.children.to_owned() } else { folder(self.file) };
            return (normal(&folder.join(path)), true);
        }
        let name = mentions::name(&item.ident);
        let nested = self.children.join(&name).join("mod.rs");
        if files.contains_key(&nested) {
            return (nested, true);
        }
        (self.children.join(name).with_extension("rs"), false)
    }
}

/// What `#[path = ".."]` says.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(MetaNameValue { path, value: Expr::Lit(ExprLit { lit: Lit::Str(text), .. }), .. })
            if path.is_ident("path") =>
        {
            Some(text.value())
        }
        _ => None,
    })
}

fn folder(file: &Path) -> PathBuf {
    file.parent().expect("a file stands in a folder").to_owned()
}

/// Without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path {
        if part == ".." {
            normal.pop();
        } else if part != "." {
            normal.push(part);
        }
    }
    normal
}

pub(crate) fn parse(file: &Path, text: &str) -> syn::File {
    syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
