//! Folds in which every label has its share.

use perennial_core::{ClassOutputs, Classes, Result};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::fold::{check_folds, splits_of};
use super::{Split, SplitInputs, Splitter, check_size, missing};

/// Folds in which each label has the share that it has among all rows, for rows that have several labels: iterative
/// stratification (Sechidis, Tsoumakas and Vlahavas, 2011).
///
/// The rows of the rarest label are placed first, each into the fold that lacks the label most; then the label that is
/// rarest among the rows left, and so on. Each class of each output counts as a label, so that the rows without a
/// label are spread as well, and outputs of more than two classes serve too.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_splits` | 5 | >= 2 | number of folds |
/// | `shuffle` | true | | whether rows are taken in a random order |
/// | `seed` | from the context | | start of the random stream |
///
/// ```
/// use perennial_core::ClassOutputs;
/// use perennial_evaluation::split::{MultilabelStratifiedKFold, SplitInputs, Splitter};
///
/// let y = ClassOutputs::from_sets([vec!["a", "b"], vec!["a"], vec!["b"], vec!["a", "b"], vec!["a"], vec!["b"]])?;
/// let splits = MultilabelStratifiedKFold::new(2).split(&SplitInputs::new(6).labels(&y))?;
/// assert_eq!(splits[0].test.iter().filter(|&&row| y.set(row).count() == 2).count(), 1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultilabelStratifiedKFold {
    n_splits: usize,
    shuffle: bool,
    seed: Option<u64>,
}

impl Default for MultilabelStratifiedKFold {
    fn default() -> Self {
        MultilabelStratifiedKFold { n_splits: 5, shuffle: true, seed: None }
    }
}

impl MultilabelStratifiedKFold {
    /// This many folds.
    pub fn new(n_splits: usize) -> Self {
        MultilabelStratifiedKFold { n_splits, ..Self::default() }
    }

    /// Whether rows are taken in a random order.
    #[must_use]
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// The start of the random stream.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Splitter for MultilabelStratifiedKFold {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        let n = inputs.n_rows;
        let how = "use it with a target of several labels, or give `SplitInputs::labels`";
        let labels = inputs.labels.ok_or_else(|| missing("the labels of each row", how))?;
        super::needed("the labels of each row", how, n, labels.outputs().first().map(Classes::codes))?;
        check_folds(self.n_splits, n, "rows")?;
        check_size(self.n_splits, n, "folds")?;
        let order = if self.shuffle {
            Random::new(inputs.ctx.seed(self.seed)).permutation(n)
        } else {
            (0..n).collect()
        };
        Ok(splits_of(&assign(labels, &order, self.n_splits), self.n_splits))
    }
}

/// The fold of each row.
fn assign(labels: &ClassOutputs, order: &[usize], n_splits: usize) -> Vec<usize> {
    const NONE: usize = usize::MAX;
    let outputs = labels.outputs();
    let first_label: Vec<usize> = outputs
        .iter()
        .scan(0, |next, output| {
            let first = *next;
            *next += output.n_classes();
            Some(first)
        })
        .collect();
    let n_labels = outputs.iter().map(Classes::n_classes).sum();
    let label = |output: usize, row: usize| first_label[output] + outputs[output].codes()[row] as usize;

    let mut members: Vec<Vec<usize>> = vec![Vec::new(); n_labels];
    for &row in order {
        (0..outputs.len()).for_each(|output| members[label(output, row)].push(row));
    }
    let mut left: Vec<usize> = members.iter().map(Vec::len).collect();
    // How many rows each fold has: of each label, and in all. All folds want the same, so who has least lacks most.
    let mut has = vec![vec![0_usize; n_labels]; n_splits];
    let mut has_rows = vec![0_usize; n_splits];
    let mut fold_of_row = vec![NONE; order.len()];
    while let Some(rarest) = (0..n_labels).filter(|&label| left[label] > 0).min_by_key(|&label| left[label]) {
        for &row in &members[rarest] {
            if fold_of_row[row] != NONE {
                continue;
            }
            let fold =
                (0..n_splits).min_by_key(|&fold| (has[fold][rarest], has_rows[fold])).unwrap_or_default();
            fold_of_row[row] = fold;
            has_rows[fold] += 1;
            for output in 0..outputs.len() {
                let label = label(output, row);
                has[fold][label] += 1;
                left[label] -= 1;
            }
        }
    }
    fold_of_row
}
