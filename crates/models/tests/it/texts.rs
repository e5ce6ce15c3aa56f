//! Random models as LightGBM's text.

use std::fmt::Write;

use ndarray::Array2;
use perennial_models::interchange::TreeModel;
use perennial_numeric::random::Random;

/// What random models are like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) n_features: usize,
    pub(crate) n_outputs: usize,
    pub(crate) n_trees: usize,
    pub(crate) n_leaves: usize,
    /// Thresholds are multiples of one over this.
    pub(crate) fineness: f64,
    /// Categories of every third feature; 0 for none.
    pub(crate) n_categories: usize,
}

pub(crate) const SMALL: Shape =
    Shape { n_features: 5, n_outputs: 1, n_trees: 7, n_leaves: 9, fineness: 8.0, n_categories: 0 };

fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}

/// A model in which every tree has `n_leaves` leaves, grown at random.
pub(crate) fn text(shape: Shape, seed: u64) -> String {
    let mut random = Random::new(seed);
    let Shape { n_features, n_outputs, n_trees, n_leaves, fineness, n_categories } = shape;
    let names: Vec<String> = (0..n_features).map(|feature| format!("Column_{feature}")).collect();
    let objective =
        if n_outputs == 1 { "regression".to_owned() } else { format!("multiclass num_class:{n_outputs}") };
    let mut text = format!(
        "tree\nversion=v4\nnum_class={n_outputs}\nnum_tree_per_iteration={n_outputs}\nlabel_index=0\nmax_feature_idx={}\n\
         objective={objective}\nfeature_names={}\nfeature_infos={}\n\n",
        n_features - 1,
        joined(&names),
        joined(&vec!["[-9:9]"; n_features])
    );
    for tree in 0..n_trees {
        let n_splits = n_leaves - 1;
        let (mut left, mut right) = (vec![0_i64; n_splits], vec![0_i64; n_splits]);
        let mut counts = vec![1_u64; n_splits];
        let mut leaf_counts = vec![0_u64; n_leaves];
        // Which side of which node each leaf is on.
        let mut places: Vec<(usize, bool)> = vec![(0, false); n_leaves];
        for split in 0..n_splits {
            if split > 0 {
                let leaf = random.below(split + 1);
                let (parent, is_left) = places[leaf];
                *(if is_left { &mut left[parent] } else { &mut right[parent] }) = split as i64;
                places[leaf] = (split, true);
                left[split] = -(leaf as i64 + 1);
            } else {
                places[0] = (0, true);
                left[0] = -1;
            }
            places[split + 1] = (split, false);
            right[split] = -(split as i64 + 2);
        }
        leaf_counts.iter_mut().for_each(|count| *count = 1 + random.below(40) as u64);
        let count = |child: i64, counts: &[u64]| {
            if child < 0 { leaf_counts[(-child - 1) as usize] } else { counts[child as usize] }
        };
        for split in (0..n_splits).rev() {
            counts[split] = count(left[split], &counts) + count(right[split], &counts);
        }
        let (mut features, mut thresholds, mut types) = (Vec::new(), Vec::new(), Vec::new());
        let (mut bounds, mut words) = (vec![0], Vec::new());
        for _ in 0..n_splits {
            let feature = random.below(n_features);
            features.push(feature);
            if n_categories > 0 && feature.is_multiple_of(3) {
                thresholds.push((bounds.len() - 1) as f64);
                types.push(9);
                let n_words = n_categories.div_ceil(32);
                words.extend((0..n_words).map(|_| random.below(1 << 32) as u32));
                bounds.push(words.len());
            } else {
                thresholds.push(((random.uniform() * 4.0 - 2.0) * fineness).round() / fineness);
                types.push([0, 8, 10][random.below(3)]);
            }
        }
        let values: Vec<f64> = (0..n_leaves).map(|_| random.uniform() - 0.5).collect();
        let n_sets = bounds.len() - 1;
        let _ = write!(
            text,
            "Tree={tree}\nnum_leaves={n_leaves}\nnum_cat={n_sets}\nsplit_feature={}\nsplit_gain={}\nthreshold={}\n\
             decision_type={}\nleft_child={}\nright_child={}\nleaf_value={}\nleaf_weight={}\nleaf_count={}\n\
             internal_value={}\ninternal_weight={}\ninternal_count={}\n",
            joined(&features),
            joined(&(1..=n_splits).collect::<Vec<_>>()),
            joined(&thresholds),
            joined(&types),
            joined(&left),
            joined(&right),
            joined(&values),
            joined(&leaf_counts),
            joined(&leaf_counts),
            joined(&vec![0; n_splits]),
            joined(&counts),
            joined(&counts)
        );
        if n_sets > 0 {
            let _ = write!(text, "cat_boundaries={}\ncat_threshold={}\n", joined(&bounds), joined(&words));
        }
        text.push_str("is_linear=0\nshrinkage=1\n\n\n");
    }
    text.push_str("end of trees\n");
    text
}

/// One split of the column `x` by a set of categories, those of the bits of `words`: 10 for these, 20 for others.
pub(crate) fn one_set(words: &[u32]) -> TreeModel {
    let text = format!(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=regression\nfeature_names=x\n\
         feature_infos=none\n\nTree=0\nnum_leaves=2\nnum_cat=1\nsplit_feature=0\nthreshold=0\ndecision_type=9\nleft_child=-1\n\
         right_child=-2\nleaf_value=10 20\ncat_boundaries=0 {}\ncat_threshold={}\nis_linear=0\n\nend of trees\n",
        words.len(),
        joined(words)
    );
    TreeModel::from_lightgbm(&text).unwrap()
}

pub(crate) fn model(shape: Shape, seed: u64) -> TreeModel {
    TreeModel::from_lightgbm(&text(shape, seed)).unwrap()
}

/// Rows with values on the thresholds and between them, missing ones, infinities, and categories never seen.
pub(crate) fn rows(shape: Shape, n_rows: usize, seed: u64) -> Array2<f64> {
    let mut random = Random::new(seed);
    Array2::from_shape_fn((n_rows, shape.n_features), |(_, feature)| match random.below(12) {
        0 => f64::NAN,
        1 => [f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1e300, -1.0][random.below(6)],
        _ if shape.n_categories > 0 && feature.is_multiple_of(3) => {
            random.below(shape.n_categories + 9) as f64
        }
        2..=6 => ((random.uniform() * 5.0 - 2.5) * shape.fineness).round() / shape.fineness,
        _ => random.uniform() * 5.0 - 2.5,
    })
}
