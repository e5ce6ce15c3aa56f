//! Models as source code that stands alone.

use std::fmt::{Display, Write};

use perennial_core::{Error, Result};

use super::code_languages;
use super::model::{Link, TreeModel};
use crate::tree::Tree;

/// The features that the tables of written code can name.
const MOST_FEATURES: usize = 1 << 29;
/// The most characters of a line of a table.
const WIDTH: usize = 100;

/// A language that [`TreeModel::to_code`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// A module, also for `include!`; it allocates nothing.
    Rust,
    /// C99; it allocates nothing. With a link it needs `-lm`. NaN is a missing value, so not with `-ffast-math`.
    C,
    /// A module of Python 3 without packages.
    Python,
}

impl TreeModel {
    /// The model as a source text that needs nothing but the language: tables of the trees, and the two functions `scores` and
    /// `predict`, which take one row, the numbers in the order of the columns, NaN where one is missing.
    ///
    /// Thresholds and leaves are written so that they are read back to the same bits, and sums are taken in the order of the trees:
    /// scores have the bits of [`scores`](TreeModel::scores). `predict` gives the answers of [`predict_row`](TreeModel::predict_row),
    /// the last bits as the language's exponential has them. Of one answer it is a number, of several an array.
    ///
    /// ```
    /// use perennial_models::interchange::{Language, TreeModel};
    ///
    /// # let text = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=binary sigmoid:1\n\
    /// #     feature_names=age\nfeature_infos=[0:90]\n\n\
    /// #     Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=4\nthreshold=30.5\ndecision_type=8\n\
    /// #     left_child=-1\nright_child=-2\nleaf_value=-1 1\nleaf_weight=5 5\nleaf_count=20 20\n\
    /// #     internal_value=0\ninternal_weight=10\ninternal_count=40\nis_linear=0\nshrinkage=1\n\n\nend of trees\n";
    /// let model = TreeModel::from_lightgbm(text)?;
    /// let code = model.to_code(Language::C)?;
    /// assert!(code.contains("double predict(const double *row)"));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the model has more than 2^29 features or more than 2^32 nodes.
    pub fn to_code(&self, language: Language) -> Result<String> {
        let ensemble = self.ensemble();
        if ensemble.n_features() > MOST_FEATURES {
            return Err(Error::too_large(format!(
                "the model has {} features; the tables of written code hold {MOST_FEATURES}",
                ensemble.n_features()
            )));
        }
        let mut tables = Tables::default();
        ensemble.trees().iter().try_for_each(|tree| tables.add(tree))?;
        Ok(code_languages::write(&Source { model: self, tables }, language))
    }
}

/// What the writers of all languages read.
pub(super) struct Source<'m> {
    pub(super) model: &'m TreeModel,
    pub(super) tables: Tables,
}

/// The trees one after the other, each in preorder, so that the left child of a node comes right after it.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) roots: Vec<u32>,
    /// Four times the feature; 2 more where the node asks for a set, and 1 more where what is missing goes left.
    pub(super) asks: Vec<u32>,
    /// The right child; 0 for a leaf.
    pub(super) rights: Vec<u32>,
    /// A threshold, what a leaf says, or where a set begins among the words.
    pub(super) values: Vec<f64>,
    /// Of each set the number of words, then the words: bit `c % 64` of word `c / 64` for category `c`.
    pub(super) words: Vec<u64>,
}

impl Tables {
    fn add(&mut self, tree: &Tree) -> Result<()> {
        let number = |place: usize| {
            u32::try_from(place).map_err(|_| Error::too_large("the trees have more than 2^32 nodes together"))
        };
        self.roots.push(number(self.asks.len())?);
        // Nodes, and of which place each is the right child.
        let mut waiting = vec![(0, None)];
        while let Some((node, parent)) = waiting.pop() {
            if let Some(parent) = parent {
                let right: &mut u32 = &mut self.rights[parent];
                *right = number(self.asks.len())?;
            }
            let place = self.asks.len();
            self.rights.push(0);
            let (Some(feature), Some((left, right))) = (tree.feature(node), tree.children(node)) else {
                self.asks.push(0);
                self.values.push(tree.value(node)[0]);
                continue;
            };
            let words = tree.words(&tree.nodes()[node]);
            self.asks.push(
                4 * feature as u32 + 2 * u32::from(words.is_some()) + u32::from(tree.missing_left(node)),
            );
            self.values.push(words.map_or(tree.threshold(node), |_| self.words.len() as f64));
            if let Some(words) = words {
                self.words.push(words.len() as u64);
                self.words.extend_from_slice(words);
            }
            waiting.extend([(right, Some(place)), (left, None)]);
        }
        Ok(())
    }
}

impl Source<'_> {
    pub(super) fn n_features(&self) -> usize {
        self.model.ensemble().n_features()
    }

    pub(super) fn n_outputs(&self) -> usize {
        self.model.ensemble().n_outputs()
    }

    /// What stands at the head of the text, each line behind the language's sign of a comment.
    pub(super) fn head(&self, sign: &str) -> String {
        let n_trees = self.model.ensemble().trees().len();
        let answer = match (self.model.link(), self.n_outputs()) {
            (Link::Identity, _) => "predict: the scores, which are the answers.",
            (Link::Exp, _) => "predict: the exponentials of the scores.",
            (Link::Softmax, _) => "predict: the probabilities of the classes, exp(score) in shares.",
            (Link::Logistic { .. }, 1) => {
                "predict: a probability, 1 / (1 + exp(-slope * score)); of two classes that of the second."
            }
            (Link::Logistic { .. }, _) => {
                "predict: a probability for each score, 1 / (1 + exp(-slope * score))."
            }
        };
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "{sign} Written by Perennial {}: {n_trees} trees that ask for {} columns and give {} answers.\n\
             {sign}\n{sign} scores: sums of leaves in the order of the trees.\n{sign} {answer}\n\
             {sign} A row holds the columns in this order. NaN is a missing value.\n",
            env!("CARGO_PKG_VERSION"),
            self.n_features(),
            self.n_outputs(),
        );
        for (column, name) in self.model.features().names().enumerate() {
            // Escaped and quoted: no name ends a comment.
            let _ = writeln!(text, "{sign}     {column}: \"{}\"", name.escape_default());
        }
        text
    }
}

/// The items of a table in lines of bounded width, so that editors and differences stay readable.
pub(super) fn lines<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let (mut text, mut width) = (String::new(), 0);
    for item in items {
        let item = item.to_string();
        if width == 0 || width + item.len() + 2 > WIDTH {
            text.push_str("\n    ");
            width = 4;
        } else {
            text.push(' ');
        }
        width += item.len() + 2;
        text.push_str(&item);
        text.push(',');
    }
    text.push('\n');
    text
}

/// Numbers that all languages read back to the same bits: the shortest decimals, with a point or an exponent.
pub(super) fn reals(values: &[f64]) -> String {
    lines(values.iter().map(|value| format!("{value:?}")))
}
