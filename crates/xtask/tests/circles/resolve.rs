use std::collections::BTreeSet;

use crate::tree::{Binds, ModuleId, ROOT, Tree};

/// What a path leads to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// Something that this file defines, or imports from another crate.
    In(String),
    Module(ModuleId),
}

impl Tree {
    /// Returns what a path leads to, following re-exports to the definition. Nothing, if it begins in another crate.
    ///
    /// There can be several targets: a function and a module may share a name.
    pub(crate) fn resolve(&self, from: ModuleId, path: &[String]) -> BTreeSet<Target> {
        self.follow(from, path, &mut Vec::new())
    }

    /// Returns what an item, a `mod` or a `use` binds to a name in a module or block. Globs are left out.
    pub(crate) fn bound(&self, from: ModuleId, name: &str) -> BTreeSet<Target> {
        self.in_scope(from, |module| self.explicit(module, name, &mut Vec::new()))
    }

    /// Returns whether a module has a name by re-exporting it.
    pub(crate) fn re_exports(&self, from: ModuleId, name: &str) -> bool {
        let uses = &self.modules[self.named(from)].uses;
        uses.iter().any(|it| it.re_exports && matches!(&it.binds, Binds::Name(bound) if bound == name))
    }

    /// Returns the module that a path's `crate`, `self` or `super` means, and how many segments those are.
    pub(crate) fn start(&self, from: ModuleId, path: &[String]) -> Option<(ModuleId, usize)> {
        let mut module = self.named(from);
        match path.first()?.as_str() {
            "crate" => return Some((ROOT, 1)),
            "self" | "super" => {}
            _ => return None,
        }
        let mut used = 0;
        for segment in path {
            match segment.as_str() {
                "self" => {}
                "super" => module = self.modules[module].parent.map_or(ROOT, |parent| self.named(parent)),
                _ => break,
            }
            used += 1;
        }
        Some((module, used))
    }

    fn follow(&self, from: ModuleId, path: &[String], seen: &mut Vec<(ModuleId, String)>) -> BTreeSet<Target> {
        let (mut targets, used) = match (self.start(from, path), path.first()) {
            (Some((module, used)), _) => (BTreeSet::from([Target::Module(module)]), used),
            (None, Some(first)) => (self.in_scope(from, |module| self.lookup(module, first, seen)), 1),
            (None, None) => return BTreeSet::new(),
        };
        for segment in &path[used..] {
            let modules = modules(&targets);
            // After a type come its own names: a variant, or a function.
            if modules.is_empty() {
                break;
            }
            targets = modules
                .into_iter()
                .flat_map(|module| {
                    let found = self.lookup(module, segment, seen);
                    // A macro defined it there, or a `*` imports it from another crate.
                    let unseen = found.is_empty().then(|| Target::In(self.modules[module].file.clone()));
                    found.into_iter().chain(unseen)
                })
                .collect();
        }
        targets
    }

    /// Looks in a module or, for a block, in it and then in each scope around it until something is found.
    fn in_scope(&self, from: ModuleId, mut look: impl FnMut(ModuleId) -> BTreeSet<Target>) -> BTreeSet<Target> {
        let mut module = from;
        loop {
            let found = look(module);
            match self.modules[module].parent {
                Some(parent) if found.is_empty() && self.modules[module].is_block => module = parent,
                _ => return found,
            }
        }
    }

    fn lookup(&self, module: ModuleId, name: &str, seen: &mut Vec<(ModuleId, String)>) -> BTreeSet<Target> {
        let key = (module, name.to_owned());
        if seen.contains(&key) {
            return BTreeSet::new();
        }
        seen.push(key);
        let mut found = self.explicit(module, name, seen);
        if found.is_empty() {
            let globs = self.modules[module].uses.iter().filter(|it| matches!(it.binds, Binds::Everything));
            for glob in globs {
                for from in modules(&self.follow(module, &glob.path.segments, seen)) {
                    found.extend(self.lookup(from, name, seen));
                }
            }
        }
        seen.pop();
        found
    }

    fn explicit(&self, id: ModuleId, name: &str, seen: &mut Vec<(ModuleId, String)>) -> BTreeSet<Target> {
        let module = &self.modules[id];
        let mut found: BTreeSet<_> = module.children.get(name).copied().map(Target::Module).into_iter().collect();
        found.extend(module.items.get(name).cloned().map(Target::In));
        for it in module.uses.iter().filter(|it| matches!(&it.binds, Binds::Name(bound) if bound == name)) {
            let led_to = self.follow(id, &it.path.segments, seen);
            let from_outside = led_to.is_empty().then(|| Target::In(module.file.clone()));
            found.extend(led_to.into_iter().chain(from_outside));
        }
        found
    }
}

fn modules(targets: &BTreeSet<Target>) -> Vec<ModuleId> {
    targets.iter().filter_map(|target| if let Target::Module(id) = target { Some(*id) } else { None }).collect()
}
