use std::collections::{BTreeMap, BTreeSet};

use crate::resolve::Target;
use crate::tree::{Binds, ModuleId, Path, ROOT, Tree};

/// Which file uses which, and where.
pub(crate) type Edges = BTreeMap<(String, String), BTreeSet<Place>>;

/// Where a file uses something.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// Returns which file uses which. Each name is followed to the file that defines it, through all re-exports.
///
/// A `mod` uses nothing, and neither does naming a module: only what is taken from it counts. A `pub use` does not count
/// either, since a parent has to re-export what its children define. It counts once the parent's own code uses the name.
pub(crate) fn edges(tree: &Tree) -> Edges {
    let mut edges = Edges::new();
    for (id, module) in tree.modules.iter().enumerate() {
        let paths = module.paths.iter().filter(|path| !said_by_use(tree, id, path));
        let uses = module.uses.iter().filter(|it| !it.re_exports);
        for path in uses.map(|it| &it.path).chain(paths) {
            for target in tree.resolve(id, &path.segments) {
                if let Target::In(file) = target
                    && file != module.file
                {
                    let place = Place { line: path.line, text: path.text.clone() };
                    edges.entry((module.file.clone(), file)).or_default().insert(place);
                }
            }
        }
    }
    edges
}

/// Returns whether a path begins with a name that the file defines, or for which its `use` counts already.
fn said_by_use(tree: &Tree, id: ModuleId, path: &Path) -> bool {
    let name = &path.segments[0];
    let bound = tree.bound(id, name);
    let only_modules = bound.iter().all(|target| matches!(target, Target::Module(_)));
    !bound.is_empty() && !tree.re_exports(id, name) && (path.segments.len() == 1 || !only_modules)
}

/// A use of a name that the crate's root only re-exports.
pub(crate) struct FromRoot {
    pub(crate) file: String,
    pub(crate) place: Place,
    /// The path to write instead.
    pub(crate) instead: String,
}

/// Returns where files other than the root use names that the root only re-exports.
pub(crate) fn from_root(tree: &Tree) -> Vec<FromRoot> {
    let root = &tree.modules[ROOT];
    let others = tree.modules.iter().enumerate().filter(|(_, module)| module.file != root.file);
    let mut found = Vec::new();
    for (id, module) in others {
        let uses = module.uses.iter().map(|it| (&it.path, matches!(it.binds, Binds::Everything)));
        // What a macro writes into other crates has to go through the root.
        let paths = module.paths.iter().filter(|path| !path.text.starts_with('$'));
        for (path, everything) in uses.chain(paths.map(|path| (path, false))) {
            let instead = match tree.start(id, &path.segments) {
                Some((ROOT, used)) => match path.segments.get(used) {
                    Some(name) => {
                        re_exported(tree, name).map(|module| [&[module], &path.segments[used + 1..]].concat())
                    }
                    None => everything.then(|| vec!["crate::<module>::<name>".to_owned()]),
                },
                _ => None,
            };
            if let Some(instead) = instead {
                let place = Place { line: path.line, text: path.text.clone() };
                found.push(FromRoot { file: module.file.clone(), place, instead: instead.join("::") });
            }
        }
    }
    found
}

/// Returns the path from which the root imports a name, if it does not define it.
fn re_exported(tree: &Tree, name: &str) -> Option<String> {
    let root = &tree.modules[ROOT];
    if root.children.contains_key(name) || root.items.contains_key(name) {
        return None;
    }
    let path = |segments: &[String]| match tree.resolve(ROOT, &segments[..1]).first() {
        // The root names its own modules without `crate`.
        Some(Target::Module(module)) if *module != ROOT => format!("crate::{}", segments.join("::")),
        _ => segments.join("::"),
    };
    let named = root.uses.iter().find(|it| matches!(&it.binds, Binds::Name(bound) if bound == name));
    let by_glob = || {
        let has = |from: &[String]| {
            let targets = tree.resolve(ROOT, from);
            targets.iter().any(|target| matches!(target, Target::Module(id) if !tree.bound(*id, name).is_empty()))
        };
        let globs = root.uses.iter().filter(|it| matches!(it.binds, Binds::Everything));
        globs.map(|it| &it.path.segments).find(|from| has(from)).map(|from| format!("{}::{name}", path(from)))
    };
    named.map(|it| path(&it.path.segments)).or_else(by_glob)
}
