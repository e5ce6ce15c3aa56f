//! From a spanning tree to clusters: the hierarchy, condensed, and the clusters that last.

/// A cluster of the condensed hierarchy.
#[derive(Clone, Debug)]
struct Branch {
    parent: usize,
    /// The density at which it parts from its parent.
    birth: f64,
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
    size: usize,
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
        merges.push(Merge { left, right, density, size });
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

/// Chooses clusters of at least `least` rows: those that last longest, or the leaves of the hierarchy.
pub(super) fn choose(n_rows: usize, edges: &[(f64, u32, u32)], least: usize, leaves: bool) -> Chosen {
    let merges = merges(n_rows, edges);
    let size = |node: usize| if node < n_rows { 1 } else { merges[node - n_rows].size };
    let mut branches =
        vec![Branch { parent: 0, birth: 0.0, stability: 0.0, death: 0.0, children: Vec::new() }];
    // The branch that each row leaves the hierarchy from, and at which density.
    let mut left = vec![(0usize, 0.0); n_rows];
    let mut waiting = vec![(n_rows + merges.len().saturating_sub(1), 0usize)];
    let mut falling = Vec::new();
    while let Some((node, branch)) = waiting.pop() {
        if node < n_rows || merges.is_empty() {
            continue;
        }
        let Merge { left: a, right: b, density, .. } = merges[node - n_rows];
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
                    birth: density,
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
                        left[node] = (branch, density);
                    } else {
                        falling.extend([merges[node - n_rows].left, merges[node - n_rows].right]);
                    }
                }
            }
        }
    }
    let chosen = if leaves { leaf_branches(&branches) } else { lasting_branches(&branches) };
    label(n_rows, &branches, &left, &chosen)
}

fn leaf_branches(branches: &[Branch]) -> Vec<bool> {
    (0..branches.len()).map(|branch| branch > 0 && branches[branch].children.is_empty()).collect()
}

/// The branches that together last longest; never the root, which is all rows.
fn lasting_branches(branches: &[Branch]) -> Vec<bool> {
    let mut chosen = vec![true; branches.len()];
    let mut stability: Vec<f64> = branches.iter().map(|branch| branch.stability).collect();
    // Children come after their parents.
    for branch in (0..branches.len()).rev() {
        let children = &branches[branch].children;
        let below: f64 = children.iter().map(|&child| stability[child]).sum();
        if branch == 0 || (!children.is_empty() && below > stability[branch]) {
            stability[branch] = below;
            chosen[branch] = false;
        }
    }
    for branch in 1..branches.len() {
        let above = branches[branch].parent;
        // What is inside a chosen branch belongs to it: mark such a parent's descendants.
        if chosen[above] || (above != 0 && covered(branches, &chosen, above)) {
            chosen[branch] = false;
        }
    }
    chosen
}

/// Whether a branch above this one is chosen.
fn covered(branches: &[Branch], chosen: &[bool], mut branch: usize) -> bool {
    while branch != 0 {
        branch = branches[branch].parent;
        if chosen[branch] {
            return true;
        }
    }
    false
}

fn label(n_rows: usize, branches: &[Branch], left: &[(usize, f64)], chosen: &[bool]) -> Chosen {
    let mut of_branch = vec![-1; branches.len()];
    let mut home = vec![0; branches.len()];
    for branch in 1..branches.len() {
        home[branch] = if chosen[branch] { branch } else { home[branches[branch].parent] };
    }
    let mut n_clusters = 0;
    let (mut labels, mut probabilities) = (vec![-1; n_rows], vec![0.0; n_rows]);
    for (row, &(branch, density)) in left.iter().enumerate() {
        let cluster = home[branch];
        if cluster == 0 {
            continue;
        }
        // Numbers in the order of the first rows.
        if of_branch[cluster] < 0 {
            of_branch[cluster] = n_clusters;
            n_clusters += 1;
        }
        labels[row] = of_branch[cluster];
        let death = branches[cluster].death;
        probabilities[row] = if death > 0.0 { (density / death).min(1.0) } else { 1.0 };
    }
    Chosen { labels, n_clusters: n_clusters as u32, probabilities }
}
