use std::collections::BTreeMap;

/// A crate's modules. The first is the crate's root.
pub(crate) struct Tree {
    pub(crate) modules: Vec<Module>,
}

/// The index of a module in its tree.
pub(crate) type ModuleId = usize;

/// The index of a crate's root in its tree.
pub(crate) const ROOT: ModuleId = 0;

/// What a module defines, what it imports, and what it names.
pub(crate) struct Module {
    pub(crate) file: String,
    /// The module around it.
    pub(crate) parent: Option<ModuleId>,
    /// Whether it is a block with items of its own, as in a function. A block also sees what is in scope around it.
    pub(crate) is_block: bool,
    pub(crate) children: BTreeMap<String, ModuleId>,
    /// The items by name, each with its file: the root also has the macros that other files export.
    pub(crate) items: BTreeMap<String, String>,
    pub(crate) uses: Vec<Use>,
    /// Paths in code, outside of `use`.
    pub(crate) paths: Vec<Path>,
}

/// One name of a `use`, or its `*`.
pub(crate) struct Use {
    pub(crate) path: Path,
    pub(crate) binds: Binds,
    /// Whether it also re-exports the name, as `pub use` does.
    pub(crate) re_exports: bool,
}

/// What a `use` brings into scope.
pub(crate) enum Binds {
    Name(String),
    /// Whatever the module before the `*` has.
    Everything,
}

/// A path as it is written in a file.
pub(crate) struct Path {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    /// What the message quotes, such as `use crate::error::Error`.
    pub(crate) text: String,
}

impl Tree {
    /// Returns the module that `self` means in a module or block.
    pub(crate) fn named(&self, mut id: ModuleId) -> ModuleId {
        while let Module { is_block: true, parent: Some(parent), .. } = self.modules[id] {
            id = parent;
        }
        id
    }
}
