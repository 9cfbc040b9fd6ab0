//! The lines of a tree: which strokes stand before each entry. A function of depths; writes nothing.

/// Returns what stands before each entry of a tree, given how deep each stands, parents before their children.
/// The entries at depth 0 are roots, and nothing stands before them.
pub(crate) fn strokes(depths: &[usize]) -> Vec<String> {
    (0..depths.len()).map(|at| before(depths, at)).collect()
}

fn before(depths: &[usize], at: usize) -> String {
    let depth = depths[at];
    let goes_on = |level: usize| {
        // Whether another entry of the level follows before the level is left.
        depths[at + 1..].iter().take_while(|later| **later >= level).any(|later| *later == level)
    };
    (1..=depth)
        .map(|level| match (level == depth, goes_on(level)) {
            (true, true) => "├─ ",
            (true, false) => "└─ ",
            (false, true) => "│  ",
            (false, false) => "   ",
        })
        .collect()
}

/// A place in a tree of keys: a part of a key, and the key that ends there, if one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) depth: usize,
    pub(crate) label: String,
    pub(crate) entry: Option<usize>,
}

/// Arranges keys by their scopes. What belongs together stands where its first key stood.
pub(crate) fn places(keys: &[&str]) -> Vec<Place> {
    let mut root = Branch::default();
    for (entry, key) in keys.iter().enumerate() {
        let mut branch = &mut root;
        for part in key.split('/') {
            branch = branch.child(part);
        }
        branch.entry = Some(entry);
    }
    let mut places = Vec::new();
    root.walk(0, &mut places);
    places
}

#[derive(Debug, Default)]
struct Branch {
    label: String,
    entry: Option<usize>,
    children: Vec<Branch>,
}

impl Branch {
    fn child(&mut self, label: &str) -> &mut Self {
        let at = self.children.iter().position(|child| child.label == label).unwrap_or_else(|| {
            self.children.push(Self { label: label.into(), ..Self::default() });
            self.children.len() - 1
        });
        &mut self.children[at]
    }

    fn walk(self, depth: usize, places: &mut Vec<Place>) {
        for child in self.children {
            let slash = if child.entry.is_none() { "/" } else { "" };
            places.push(Place { depth, label: format!("{}{slash}", child.label), entry: child.entry });
            child.walk(depth + 1, places);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_show_who_is_whose() {
        let drawn = strokes(&[0, 1, 2, 2, 1, 2, 0, 1]);
        assert_eq!(drawn, ["", "├─ ", "│  ├─ ", "│  └─ ", "└─ ", "   └─ ", "", "└─ "]);
        assert_eq!(strokes(&[]), Vec::<String>::new());
    }

    #[test]
    fn keys_are_arranged_by_their_scopes() {
        let drawn = |keys: &[&str]| {
            let places = places(keys);
            let strokes = strokes(&places.iter().map(|place| place.depth).collect::<Vec<_>>());
            places.iter().zip(strokes).map(|(place, stroke)| format!("{stroke}{}", place.label)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(&["a/x", "b", "a/y/z", "a"]), ["a", "├─ x", "└─ y/", "   └─ z", "b"]);
        assert_eq!(drawn(&["s/1"]), ["s/", "└─ 1"]);
    }
}
