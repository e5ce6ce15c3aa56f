//! Names that were meant.

/// How many letters must be changed, added or taken out to turn one name into another; case does not count.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let changed = before + usize::from(letter != *other);
            before = row[j + 1];
            row[j + 1] = changed.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// "; did you mean `n_trees`?" where one of `known` is near.
pub(super) fn meant<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    // Longer names would take long to compare, and are near to nothing.
    if name.len() > 64 {
        return String::new();
    }
    let near = known.into_iter().map(|known| (distance(name, known), known)).min();
    match near {
        Some((far, known)) if far <= known.len() / 3 => format!("; did you mean `{known}`?"),
        _ => String::new(),
    }
}

/// A name that may have come from anywhere, short enough for a message.
pub(super) fn shown(name: &str) -> String {
    if name.chars().count() <= 64 {
        name.to_owned()
    } else {
        name.chars().take(61).chain("...".chars()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_near_are_meant() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(meant("max_dept", ["max_depth", "alpha"]), "; did you mean `max_depth`?");
        assert_eq!(meant("ridge", ["Ridge", "Lasso"]), "; did you mean `Ridge`?");
        assert_eq!(meant("c", ["max_depth", "alpha"]), "");
        assert_eq!(shown(&"x".repeat(100)).len(), 64);
    }
}
