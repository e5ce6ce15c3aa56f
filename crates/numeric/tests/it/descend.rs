//! Rows down trees, against one row at a time.

use perennial_numeric::descend::{Descent, Keys, Node, Walks};
use perennial_numeric::random::Random;

/// A tree of about `n_splits` questions about `width` keys, with thresholds that keys often meet.
fn tree(random: &mut Random, n_splits: usize, width: usize, halved: bool) -> Vec<Node> {
    let mut nodes = vec![Node::leaf(0)];
    let mut leaves = vec![0];
    for _ in 0..n_splits {
        let at = leaves.swap_remove(random.below(leaves.len()));
        let first = nodes.len() as u32;
        let question = random.below(width) as u32 * (1 + u32::from(halved));
        nodes[at] = match random.below(8) {
            0 => Node::odd(question, first),
            _ => Node::split(random.below(9) as i32 - 4, question, first),
        };
        nodes.extend([Node::leaf(first), Node::leaf(first + 1)]);
        leaves.extend([first as usize, first as usize + 1]);
    }
    nodes
}

/// Anything that the walk and the node decide together.
fn decide(walk: usize, node: usize) -> bool {
    (walk * 7 + node * 13) % 5 < 2
}

fn alone(nodes: &[Node], root: u32, walk: usize, key: impl Fn(u32) -> i32) -> u32 {
    let mut at = root as usize;
    while !nodes[at].is_leaf() {
        let key = key(nodes[at].question());
        let odd = nodes[at].is_odd() || key == nodes[at].threshold();
        let right = if odd { decide(walk, at) } else { key > nodes[at].threshold() };
        at = nodes[at].left() as usize + usize::from(right);
    }
    at as u32
}

#[test]
fn many_rows_end_where_each_does_alone() {
    let mut random = Random::new(3);
    for n_splits in [0, 1, 2, 7, 40, 600] {
        for halved in [false, true] {
            let nodes = tree(&mut random, n_splits, 6, halved);
            let descent = Descent::new(nodes.clone()).unwrap();
            for n_rows in [0, 1, 2, 15, 16, 17, 31, 47, 48, 49, 63, 64, 65, 100, 333] {
                let keys: Vec<i32> = (0..n_rows * 6).map(|_| random.below(9) as i32 - 4).collect();
                let mut leaves = vec![u32::MAX; n_rows];
                let walks = Walks::Rows { root: 0, n_rows };
                let keys = Keys { keys: &keys, width: 6, halved };
                descent.leaves(walks, keys, decide, &mut leaves);
                for (row, &leaf) in leaves.iter().enumerate() {
                    let key = |question| keys.keys[row * 6 + (question >> u32::from(halved)) as usize];
                    assert_eq!(leaf, alone(&nodes, 0, row, key), "row {row} of {n_rows}, {n_splits} splits");
                }
            }
        }
    }
}

#[test]
fn one_row_ends_in_each_tree_where_it_does_in_that_alone() {
    let mut random = Random::new(4);
    for n_trees in [1, 3, 16, 17, 48, 50, 200] {
        let (mut nodes, mut roots) = (Vec::new(), Vec::new());
        for _ in 0..n_trees {
            let first = nodes.len() as u32;
            roots.push(first);
            let n_splits = random.below(30);
            for node in tree(&mut random, n_splits, 4, true) {
                nodes.push(match (node.is_leaf(), node.is_odd()) {
                    (true, _) => Node::leaf(first + node.left()),
                    (_, true) => Node::odd(node.question(), first + node.left()),
                    _ => Node::split(node.threshold(), node.question(), first + node.left()),
                });
            }
        }
        let descent = Descent::new(nodes.clone()).unwrap();
        let keys = [-2, 0, 1, 3];
        let mut leaves = vec![0; n_trees];
        let of_row = Keys { keys: &keys, width: 4, halved: true };
        descent.leaves(Walks::Roots(&roots), of_row, decide, &mut leaves);
        for (tree, &leaf) in leaves.iter().enumerate() {
            assert_eq!(leaf, alone(&nodes, roots[tree], tree, |question| keys[question as usize / 2]));
        }
    }
}

#[test]
fn the_largest_and_smallest_keys_stay_in_the_tree() {
    let nodes = vec![Node::split(i32::MAX, 0, 1), Node::leaf(1), Node::leaf(2)];
    let descent = Descent::new(nodes).unwrap();
    let keys: Vec<i32> = [i32::MIN, -1, i32::MAX - 1, i32::MAX].repeat(9);
    let mut leaves = vec![0; keys.len()];
    let all = Keys { keys: &keys, width: 1, halved: false };
    descent.leaves(Walks::Rows { root: 0, n_rows: 36 }, all, |_, _| true, &mut leaves);
    assert_eq!(leaves, [1, 1, 2, 2].repeat(9));
}

#[test]
fn what_is_no_tree_is_refused() {
    let bad = [
        vec![Node::split(0, 0, 0)],
        vec![Node::split(0, 0, 1), Node::leaf(1)],
        vec![Node::split(0, 0, 1), Node::leaf(1), Node::leaf(1)],
        vec![Node::split(0, 0, 1), Node::split(0, 0, 0), Node::leaf(2)],
        vec![Node::split(0, 0, u32::MAX), Node::leaf(1)],
    ];
    for nodes in bad {
        assert!(Descent::new(nodes.clone()).is_none(), "{nodes:?}");
    }
}
