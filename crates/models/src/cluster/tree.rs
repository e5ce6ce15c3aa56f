//! From a spanning tree to clusters: the hierarchy, condensed, and the clusters that last.

/// A cluster of the condensed hierarchy.
#[derive(Clone, Debug)]
struct Branch {
    parent: usize,
    size: usize,
    /// The density at which it parts from its parent, and the distance that this is the inverse of.
    birth: f64,
    born_at: f64,
    stability: f64,
    /// The largest density at which a row or a branch leaves it.
    death: f64,
    children: Vec<usize>,
}

/// The clusters of each row, and how firmly the row belongs to it.
pub(super) struct Chosen {
    pub(super) labels: Vec<i32>,
    pub(super) n_clusters: u32,
    pub(super) probabilities: Vec<f64>,
}

/// A node of the hierarchy of single linkage; rows come before nodes in the numbers of children.
struct Merge {
    left: usize,
    right: usize,
    density: f64,
    /// Kept beside the density: from its inverse, distances that are alike would differ by rounding.
    length: f64,
    size: usize,
}

/// What a row leaves the hierarchy from, and where.
#[derive(Clone, Copy)]
struct Leaving {
    branch: usize,
    density: f64,
    length: f64,
}

/// Merges along edges in the order of their lengths; densities are relative to the longest edge.
fn merges(n_rows: usize, edges: &[(f64, u32, u32)]) -> Vec<Merge> {
    let longest = edges.last().map_or(0.0, |edge| edge.0);
    let mut tops: Vec<usize> = (0..2 * n_rows).collect();
    let mut merges: Vec<Merge> = Vec::with_capacity(edges.len());
    for &(length, a, b) in edges {
        let (left, right) = (top(&mut tops, a as usize), top(&mut tops, b as usize));
        let size = |node: usize| if node < n_rows { 1 } else { merges[node - n_rows].size };
        let node = n_rows + merges.len();
        // Rows at distance 0 are as dense as can be told.
        let density = if longest == 0.0 { 1.0 } else { 1.0 / (length / longest).max(1e-100) };
        let size = size(left) + size(right);
        (tops[left], tops[right]) = (node, node);
        merges.push(Merge { left, right, density, length, size });
    }
    merges
}

fn top(tops: &mut [usize], mut node: usize) -> usize {
    while tops[node] != node {
        tops[node] = tops[tops[node]];
        node = tops[node];
    }
    node
}

/// Which branches become clusters.
pub(super) struct Choice {
    /// The fewest rows of a branch.
    pub(super) least: usize,
    /// The most rows of a cluster that lasts longest.
    pub(super) most: usize,
    /// The leaves of the hierarchy, and not what lasts longest.
    pub(super) leaves: bool,
    /// Branches that part at less than this distance stay together.
    pub(super) epsilon: f64,
    /// Whether all rows may be one cluster.
    pub(super) single: bool,
}

/// Chooses clusters: branches that last longest, or the leaves of the hierarchy.
pub(super) fn choose(n_rows: usize, edges: &[(f64, u32, u32)], choice: &Choice) -> Chosen {
    let least = choice.least;
    let merges = merges(n_rows, edges);
    let size = |node: usize| if node < n_rows { 1 } else { merges[node - n_rows].size };
    let root = Branch {
        parent: 0,
        size: n_rows,
        birth: 0.0,
        born_at: f64::INFINITY,
        stability: 0.0,
        death: 0.0,
        children: Vec::new(),
    };
    let mut branches = vec![root];
    let mut left = vec![Leaving { branch: 0, density: 0.0, length: f64::INFINITY }; n_rows];
    let mut waiting = vec![(n_rows + merges.len().saturating_sub(1), 0usize)];
    let mut falling = Vec::new();
    while let Some((node, branch)) = waiting.pop() {
        if node < n_rows || merges.is_empty() {
            continue;
        }
        let Merge { left: a, right: b, density, length, .. } = merges[node - n_rows];
        let gain = density - branches[branch].birth;
        branches[branch].death = branches[branch].death.max(density);
        let both = size(a) >= least && size(b) >= least;
        for child in [a, b] {
            if both {
                branches[branch].stability += gain * size(child) as f64;
                let number = branches.len();
                branches[branch].children.push(number);
                branches.push(Branch {
                    parent: branch,
                    size: size(child),
                    birth: density,
                    born_at: length,
                    stability: 0.0,
                    death: density,
                    children: Vec::new(),
                });
                waiting.push((child, number));
            } else if size(child) >= least {
                waiting.push((child, branch));
            } else {
                branches[branch].stability += gain * size(child) as f64;
                falling.push(child);
                while let Some(node) = falling.pop() {
                    if node < n_rows {
                        left[node] = Leaving { branch, density, length };
                    } else {
                        falling.extend([merges[node - n_rows].left, merges[node - n_rows].right]);
                    }
                }
            }
        }
    }
    let mut chosen = match choice.leaves {
        true => leaf_branches(&branches, choice),
        false => lasting_branches(&branches, choice),
    };
    let only_root = chosen[0] && chosen.iter().filter(|chosen| **chosen).count() == 1;
    if choice.epsilon > 0.0 && !only_root {
        chosen = far_apart(&branches, &chosen, choice);
    }
    label(n_rows, &branches, &left, &chosen, choice.epsilon)
}

/// Whether all rows may be one cluster.
fn root_may(branches: &[Branch], choice: &Choice) -> bool {
    choice.single && branches[0].size >= choice.least
}

fn leaf_branches(branches: &[Branch], choice: &Choice) -> Vec<bool> {
    let root = root_may(branches, choice);
    let leaf = |branch: usize| (branch > 0 || root) && branches[branch].children.is_empty();
    (0..branches.len()).map(leaf).collect()
}

/// The branches that together last longest; the root, which is all rows, only where it may be.
fn lasting_branches(branches: &[Branch], choice: &Choice) -> Vec<bool> {
    let root = root_may(branches, choice);
    let mut chosen = vec![true; branches.len()];
    let mut stability: Vec<f64> = branches.iter().map(|branch| branch.stability).collect();
    // Children come after their parents.
    for branch in (0..branches.len()).rev() {
        let children = &branches[branch].children;
        let below: f64 = children.iter().map(|&child| stability[child]).sum();
        let parts = !children.is_empty() && below > stability[branch];
        if (branch == 0 && !root) || parts || branches[branch].size > choice.most {
            stability[branch] = below;
            chosen[branch] = false;
        }
    }
    // What is inside a chosen branch belongs to it; parents come before their children.
    let mut inside = vec![false; branches.len()];
    for branch in 1..branches.len() {
        let parent = branches[branch].parent;
        inside[branch] = chosen[parent] || inside[parent];
        chosen[branch] &= !inside[branch];
    }
    chosen
}

/// The chosen branches, where those that were born at less than the distance give way to what they part from (Malzer and
/// Baum, 2020).
fn far_apart(branches: &[Branch], chosen: &[bool], choice: &Choice) -> Vec<bool> {
    let born_at = |branch: usize| branches[branch].born_at;
    let mut far = vec![false; branches.len()];
    for mut branch in (1..branches.len()).filter(|&branch| chosen[branch]) {
        if born_at(branch) < choice.epsilon {
            loop {
                let parent = branches[branch].parent;
                if parent == 0 {
                    branch = if choice.single { 0 } else { branch };
                    break;
                }
                branch = parent;
                if born_at(branch) > choice.epsilon {
                    break;
                }
            }
        }
        far[branch] = true;
    }
    far
}

/// Rows of the branches below a chosen one belong to it. Where the root alone is chosen, only rows that leave it
/// at most at the distance `epsilon` belong to it, or the densest where that is 0.
fn label(n_rows: usize, branches: &[Branch], left: &[Leaving], chosen: &[bool], epsilon: f64) -> Chosen {
    let mut of_branch = vec![-1; branches.len()];
    let mut home = vec![0; branches.len()];
    for branch in 1..branches.len() {
        home[branch] = if chosen[branch] { branch } else { home[branches[branch].parent] };
    }
    let single = chosen[0] && !chosen[1..].contains(&true);
    let mut n_clusters = 0;
    let (mut labels, mut probabilities) = (vec![-1; n_rows], vec![0.0; n_rows]);
    let dense = |row: &Leaving| match epsilon > 0.0 {
        true => row.length <= epsilon,
        false => row.density >= branches[0].death,
    };
    for (row, leaving) in left.iter().enumerate() {
        let cluster = home[leaving.branch];
        if cluster == 0 && !(single && dense(leaving)) {
            continue;
        }
        // Numbers in the order of the first rows.
        if of_branch[cluster] < 0 {
            of_branch[cluster] = n_clusters;
            n_clusters += 1;
        }
        labels[row] = of_branch[cluster];
        let death = branches[cluster].death;
        probabilities[row] = if death > 0.0 { (leaving.density / death).min(1.0) } else { 1.0 };
    }
    Chosen { labels, n_clusters: n_clusters as u32, probabilities }
}
