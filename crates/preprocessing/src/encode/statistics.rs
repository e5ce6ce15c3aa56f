//! What the target is like in each category, for rows that must not see their own target.

use perennial_core::{Classes, Rows, Values};

use crate::categories::MISSING;

/// A target that encoders can average.
pub trait EncodingTarget: Rows + Sync + Send {
    /// Whether there is one output without a name of its own, whatever the rows.
    const ONE_OUTPUT: bool = false;

    /// One list of numbers for each output, and what tells the outputs apart: nothing where there is one.
    fn outputs(&self) -> Vec<(Option<String>, Vec<f64>)>;

    /// The names of the classes, in the order of their codes; none where it has no classes. All batches of a fit must have the same.
    fn class_names(&self) -> &[String] {
        &[]
    }
}

impl EncodingTarget for Values {
    const ONE_OUTPUT: bool = true;

    fn outputs(&self) -> Vec<(Option<String>, Vec<f64>)> {
        vec![(None, self.as_slice().to_vec())]
    }
}

/// Of two classes the second is 1; of more, each gives an output of its own.
impl EncodingTarget for Classes {
    fn outputs(&self) -> Vec<(Option<String>, Vec<f64>)> {
        let of = |class: u32| self.codes().iter().map(|&code| f64::from(code == class)).collect();
        match self.n_classes() {
            2 => vec![(None, of(1))],
            n => (0..n).map(|class| (Some(self.names()[class].clone()), of(class as u32))).collect(),
        }
    }

    fn class_names(&self) -> &[String] {
        self.names()
    }
}

/// Weight, sum and sum of squares of numbers, which are relative to a common origin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) weight: f64,
    pub(super) sum: f64,
    pub(super) squares: f64,
}

impl Sums {
    pub(super) fn add(&mut self, weight: f64, value: f64) {
        self.weight += weight;
        self.sum += weight * value;
        self.squares += weight * value * value;
    }

    fn plus(self, other: Sums) -> Sums {
        Sums {
            weight: self.weight + other.weight,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }

    fn minus(self, other: Sums) -> Sums {
        Sums {
            weight: (self.weight - other.weight).max(0.0),
            sum: self.sum - other.sum,
            squares: self.squares - other.squares,
        }
    }

    pub(super) fn mean(self) -> f64 {
        if self.weight > 0.0 { self.sum / self.weight } else { 0.0 }
    }

    /// The variance over n - 1; 0 of a single row.
    pub(super) fn sample_variance(self) -> f64 {
        if self.weight > 1.0 { self.variance() * self.weight / (self.weight - 1.0) } else { 0.0 }
    }

    pub(super) fn variance(self) -> f64 {
        if self.weight > 0.0 { (self.squares / self.weight - self.mean().powi(2)).max(0.0) } else { 0.0 }
    }
}

/// Which other rows a training row's own code comes from.
#[derive(Debug, Clone)]
pub(super) enum Rest {
    /// Those of other folds: the fold of each row, and how many there are.
    Folds(Vec<usize>, usize),
    /// All but the row itself.
    Others,
    /// Those before it in this order.
    Before(Vec<usize>),
}

/// The categories of one column beside one output of the target.
pub(super) struct Column<'a> {
    /// Codes from 0; [`MISSING`] counts as a category, after all others.
    pub(super) codes: &'a [u32],
    pub(super) n_levels: usize,
    pub(super) target: &'a [f64],
    pub(super) weights: Option<&'a [f64]>,
}

/// The code of each of some categories, and that of a category without rows.
pub(super) fn codes(sums: &[Sums], code: &impl Code) -> Vec<f64> {
    let all = sums.iter().fold(Sums::default(), |all, sums| all.plus(*sums));
    sums.iter().copied().chain([Sums::default()]).map(|own| code(own, all)).collect()
}

/// What a category is replaced by: `code(its sums, those of all rows)`.
pub(super) trait Code: Fn(Sums, Sums) -> f64 + Sync {}
impl<F: Fn(Sums, Sums) -> f64 + Sync> Code for F {}

impl Column<'_> {
    fn place(&self, row: usize) -> usize {
        match self.codes[row] {
            MISSING => self.n_levels,
            code => code as usize,
        }
    }

    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    fn sums(&self) -> Vec<Sums> {
        let mut sums = vec![Sums::default(); self.n_levels + 1];
        for (row, &value) in self.target.iter().enumerate() {
            sums[self.place(row)].add(self.weight(row), value);
        }
        sums
    }

    /// The code of each category, that of missing cells, and that of a category without rows.
    pub(super) fn codes(&self, code: &impl Code) -> Vec<f64> {
        codes(&self.sums(), code)
    }

    /// The code of each training row, from the rows that it may see.
    pub(super) fn own_codes(&self, rest: &Rest, code: &impl Code) -> Vec<f64> {
        match rest {
            Rest::Folds(folds, n_folds) => self.by_fold(folds, *n_folds, code),
            Rest::Others => {
                let sums = self.sums();
                let all = sums.iter().fold(Sums::default(), |all, sums| all.plus(*sums));
                let own = |row: usize| {
                    let mut own = Sums::default();
                    own.add(self.weight(row), self.target[row]);
                    code(sums[self.place(row)].minus(own), all.minus(own))
                };
                (0..self.codes.len()).map(own).collect()
            }
            Rest::Before(order) => {
                let mut codes = vec![0.0; order.len()];
                let mut sums = vec![Sums::default(); self.n_levels + 1];
                let mut all = Sums::default();
                for &row in order {
                    let place = self.place(row);
                    codes[row] = code(sums[place], all);
                    sums[place].add(self.weight(row), self.target[row]);
                    all.add(self.weight(row), self.target[row]);
                }
                codes
            }
        }
    }

    fn by_fold(&self, folds: &[usize], n_folds: usize, code: &impl Code) -> Vec<f64> {
        let width = self.n_levels + 1;
        let mut sums = vec![Sums::default(); n_folds * width];
        for (row, (&value, &fold)) in self.target.iter().zip(folds).enumerate() {
            sums[fold * width + self.place(row)].add(self.weight(row), value);
        }
        let add = |range: &mut dyn Iterator<Item = usize>| {
            range.fold(Sums::default(), |all, place| all.plus(sums[place]))
        };
        let of_level: Vec<Sums> =
            (0..width).map(|level| add(&mut (0..n_folds).map(|fold| fold * width + level))).collect();
        let of_fold: Vec<Sums> =
            (0..n_folds).map(|fold| add(&mut (fold * width..(fold + 1) * width))).collect();
        let all = of_level.iter().fold(Sums::default(), |all, sums| all.plus(*sums));
        let table: Vec<f64> = (0..n_folds * width)
            .map(|place| code(of_level[place % width].minus(sums[place]), all.minus(of_fold[place / width])))
            .collect();
        folds.iter().enumerate().map(|(row, &fold)| table[fold * width + self.place(row)]).collect()
    }
}
