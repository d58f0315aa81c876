use std::collections::BTreeMap;

use syn::ext::IdentExt as _;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, Field, File, ImplItem, Item, ItemMod, ItemUse, Macro, Stmt, TraitItem, UseTree, Visibility,
};

use crate::attributes::{is_for_tests, of_impl_item, of_item, of_trait_item};
use crate::tokens::{paths_in, paths_in_strings};
use crate::tree::{Binds, Module, ModuleId, Path, ROOT, Tree, Use};

/// Reads a crate from the texts of its files: its root, such as `src/lib.rs`, and the file of each `mod`.
///
/// What exists only for tests is left out.
///
/// # Panics
///
/// If a file is missing or cannot be parsed.
pub(crate) fn read(sources: &BTreeMap<String, String>, root: &str) -> Tree {
    let mut reader = Reader { sources, tree: Tree { modules: Vec::new() }, module: ROOT, folder: String::new() };
    reader.module = reader.add(root, None, false);
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
    reader.within(ROOT, folder.to_owned(), |reader| reader.read_file(root));
    reader.tree
}

struct Reader<'a> {
    sources: &'a BTreeMap<String, String>,
    tree: Tree,
    /// The module that is being read, and the folder of its children's files.
    module: ModuleId,
    folder: String,
}

impl Reader<'_> {
    fn read_file(&mut self, name: &str) {
        let source = &self.sources[name];
        let file = syn::parse_file(source).unwrap_or_else(|error| panic!("{name} cannot be parsed: {error}"));
        self.visit_file(&file);
    }

    fn add(&mut self, file: &str, parent: Option<ModuleId>, is_block: bool) -> ModuleId {
        self.tree.modules.push(Module {
            file: file.to_owned(),
            parent,
            is_block,
            children: BTreeMap::new(),
            items: BTreeMap::new(),
            uses: Vec::new(),
            paths: Vec::new(),
        });
        self.tree.modules.len() - 1
    }

    fn within(&mut self, module: ModuleId, folder: String, read: impl FnOnce(&mut Self)) {
        let outer = (std::mem::replace(&mut self.module, module), std::mem::replace(&mut self.folder, folder));
        read(self);
        (self.module, self.folder) = outer;
    }

    fn here(&mut self) -> &mut Module {
        &mut self.tree.modules[self.module]
    }

    fn define(&mut self, item: &Item) {
        let name = match item {
            Item::Const(it) => &it.ident,
            Item::Enum(it) => &it.ident,
            Item::Fn(it) => &it.sig.ident,
            Item::Static(it) => &it.ident,
            Item::Struct(it) => &it.ident,
            Item::Trait(it) => &it.ident,
            Item::TraitAlias(it) => &it.ident,
            Item::Type(it) => &it.ident,
            Item::Union(it) => &it.ident,
            Item::Macro(it) => match &it.ident {
                Some(name) => name,
                None => return,
            },
            _ => return,
        };
        let file = self.here().file.clone();
        let exported = of_item(item).iter().any(|attribute| attribute.path().is_ident("macro_export"));
        let module = if exported { ROOT } else { self.module };
        self.tree.modules[module].items.insert(name.unraw().to_string(), file);
    }

    fn read_use(&mut self, tree: &UseTree, before: &[String], start: &str) {
        let re_exports = start != "use";
        let (last, binds, name) = match tree {
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.read_use(tree, before, start));
                return;
            }
            UseTree::Path(path) => {
                let before = [before, &[path.ident.unraw().to_string()]].concat();
                self.read_use(&path.tree, &before, start);
                return;
            }
            UseTree::Name(name) => (&name.ident, &name.ident, name.ident.unraw().to_string()),
            UseTree::Rename(rename) => (&rename.ident, &rename.rename, rename.ident.unraw().to_string()),
            UseTree::Glob(glob) => {
                let text = format!("{start} {}::*", before.join("::"));
                let path = Path { segments: before.to_vec(), line: glob.star_token.span.start().line, text };
                self.here().uses.push(Use { path, binds: Binds::Everything, re_exports });
                return;
            }
        };
        // The `self` of `use module::{self}` is the module.
        let (segments, bound) = match (name.as_str(), before.last()) {
            ("self", Some(module)) if binds == last => (before.to_vec(), module.clone()),
            ("self", Some(_)) => (before.to_vec(), binds.unraw().to_string()),
            _ => ([before, std::slice::from_ref(&name)].concat(), binds.unraw().to_string()),
        };
        let renamed = if binds == last { String::new() } else { format!(" as {binds}") };
        let text = format!("{start} {}{renamed}", segments.join("::"));
        let path = Path { segments, line: last.span().start().line, text };
        self.here().uses.push(Use { path, binds: Binds::Name(bound), re_exports });
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_file(&mut self, file: &'ast File) {
        if !is_for_tests(&file.attrs) {
            visit::visit_file(self, file);
        }
    }

    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(of_item(item)) {
            self.define(item);
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if !is_for_tests(of_impl_item(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        if !is_for_tests(of_trait_item(item)) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast Field) {
        if !is_for_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let name = item.ident.unraw().to_string();
        let (parent, folder) = (self.module, format!("{}/{name}", self.folder));
        let files = [format!("{folder}.rs"), format!("{folder}/mod.rs")];
        let file = match &item.content {
            Some(_) => self.here().file.clone(),
            None => files.into_iter().find(|file| self.sources.contains_key(file)).unwrap_or_else(|| {
                panic!("{}:{}: mod {name} has no file", self.here().file, item.ident.span().start().line)
            }),
        };
        let child = self.add(&file, Some(parent), false);
        self.here().children.insert(name, child);
        self.within(child, folder, |reader| match &item.content {
            Some((_, items)) => items.iter().for_each(|item| reader.visit_item(item)),
            None => reader.read_file(&file),
        });
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // A path that begins with `::` names another crate.
        if item.leading_colon.is_none() {
            let start = match &item.vis {
                Visibility::Inherited => "use",
                Visibility::Restricted(it) if it.path.is_ident("crate") => "pub(crate) use",
                Visibility::Restricted(it) if it.path.is_ident("super") => "pub(super) use",
                _ => "pub use",
            };
            self.read_use(&item.tree, &[], start);
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        if block.stmts.iter().any(|statement| matches!(statement, Stmt::Item(_))) {
            let file = self.here().file.clone();
            let inner = self.add(&file, Some(self.module), true);
            self.within(inner, self.folder.clone(), |reader| visit::visit_block(reader, block));
        } else {
            visit::visit_block(self, block);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() && !path.segments.is_empty() {
            let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
            let (line, text) = (path.segments[0].ident.span().start().line, segments.join("::"));
            self.here().paths.push(Path { segments, line, text });
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        visit::visit_macro(self, called);
        self.here().paths.extend(paths_in(called.tokens.clone()));
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        // An attribute's own name is never ours, but its arguments may be.
        if let syn::Meta::List(list) = &attribute.meta {
            let paths = paths_in(list.tokens.clone()).into_iter().chain(paths_in_strings(list.tokens.clone()));
            self.here().paths.extend(paths);
        }
    }

    // `pub(in path)` says who may see an item; it uses nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}
}
