use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use crate::edges::{Edges, Place};

/// Files that all use each other, directly or through others.
pub(crate) struct Circle {
    pub(crate) files: Vec<String>,
    /// The files on the shortest way from one file back to itself.
    pub(crate) shortest: Vec<String>,
    /// Which of these files uses which.
    pub(crate) edges: Edges,
}

/// Returns all circles. No two have a file in common.
pub(crate) fn circles(edges: &Edges) -> Vec<Circle> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in edges.keys() {
        next.entry(from).or_default().push(to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        next.keys().map(|file| (*file, ways(&next, file).into_keys().collect())).collect();
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|files| files.contains(to));
    let mut done = BTreeSet::new();
    let mut circles = Vec::new();
    for file in next.keys() {
        if !reaches(file, file) || done.contains(file) {
            continue;
        }
        let files: BTreeSet<&str> = reached[file].iter().copied().filter(|other| reaches(other, file)).collect();
        done.extend(files.iter().copied());
        let ways = files.iter().filter_map(|file| ways(&next, file).remove(file));
        let shortest = ways.min_by_key(Vec::len).unwrap_or_default().into_iter().map(str::to_owned).collect();
        let edges = edges.iter().filter(|((from, to), _)| files.contains(&**from) && files.contains(&**to));
        circles.push(Circle {
            shortest,
            edges: edges.map(|(files, places)| (files.clone(), places.clone())).collect(),
            files: files.into_iter().map(str::to_owned).collect(),
        });
    }
    circles
}

/// Returns each file that a file uses, directly or through others, with the files on the shortest way to it.
fn ways<'a>(next: &BTreeMap<&'a str, Vec<&'a str>>, from: &'a str) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut ways: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut queue = VecDeque::from([(from, vec![from])]);
    while let Some((file, way)) = queue.pop_front() {
        for to in next.get(file).into_iter().flatten() {
            if !ways.contains_key(to) {
                ways.insert(to, way.clone());
                queue.push_back((to, [&way[..], &[to]].concat()));
            }
        }
    }
    ways
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} files use each other in a circle:", self.files.len())?;
        for file in &self.files {
            writeln!(f, "    {file}")?;
        }
        let steps: BTreeSet<_> = self.shortest.iter().zip(self.shortest.iter().cycle().skip(1)).collect();
        let (short, other): (Vec<_>, Vec<_>) =
            self.edges.iter().partition(|((from, to), _)| steps.contains(&(from, to)));
        if !other.is_empty() {
            writeln!(f, "  The shortest circle:")?;
        }
        write_edges(f, &short)?;
        if !other.is_empty() {
            writeln!(f, "  Other uses among these files:")?;
        }
        write_edges(f, &other)
    }
}

fn write_edges(f: &mut fmt::Formatter<'_>, edges: &[(&(String, String), &BTreeSet<Place>)]) -> fmt::Result {
    for ((from, to), places) in edges {
        writeln!(f, "  {from} uses {to}:")?;
        for Place { line, text } in *places {
            writeln!(f, "    {from}:{line}: {text}")?;
        }
    }
    Ok(())
}
