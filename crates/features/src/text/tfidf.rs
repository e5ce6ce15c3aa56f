//! How much a count says: the rarer a term is among all texts, the more.

use perennial_core::{
    Capabilities, Csr, Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Result, Train,
    Transformer,
};
use serde::{Deserialize, Serialize};

/// What the numbers of a row are divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// The root of the sum of their squares.
    #[default]
    L2,
    /// The sum of their sizes.
    L1,
    /// Nothing.
    None,
}

/// Weighs counts of terms by how rare each is: `tf x idf` (Spärck Jones, 1972), with the formulas of scikit-learn.
///
/// The inverse document frequency is `ln(n / df) + 1`, or `ln((1 + n) / (1 + df)) + 1` where it is smooth, as if one more text
/// had all terms. Of `n` texts `df` have the term; with row weights both are sums of weights.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `norm` | `L2` | `L2`, `L1`, `None` | what the numbers of a row are divided by |
/// | `use_idf` | true | | whether counts are weighed |
/// | `smooth_idf` | true | | whether one text is added that has all terms |
/// | `sublinear_tf` | false | | whether a count `c` counts as `1 + ln c` |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::text::TfidfTransformer;
///
/// let counts = Matrix::from(array![[1.0, 1.0], [2.0, 0.0]]);
/// let model = TfidfTransformer::new().fit(&counts, &NoTarget)?;
/// assert_eq!(model.idf(), [1.0, 1.0 + 1.5f64.ln()]);
/// assert_eq!(model.transform(&counts)?.to_dense()?.dense()?[[1, 0]], 1.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TfidfTransformer {
    pub(super) norm: Norm,
    pub(super) use_idf: bool,
    pub(super) smooth_idf: bool,
    pub(super) sublinear_tf: bool,
}

impl Default for TfidfTransformer {
    fn default() -> Self {
        TfidfTransformer { norm: Norm::L2, use_idf: true, smooth_idf: true, sublinear_tf: false }
    }
}

/// The settings that say how counts are weighed.
macro_rules! weighing {
    ($name:ident $(, $inner:ident)?) => {
        impl $name {
            /// What the numbers of a row are divided by.
            #[must_use]
            pub fn norm(mut self, norm: Norm) -> Self {
                self$(.$inner)?.norm = norm;
                self
            }

            /// Whether counts are weighed.
            #[must_use]
            pub fn use_idf(mut self, use_idf: bool) -> Self {
                self$(.$inner)?.use_idf = use_idf;
                self
            }

            /// Whether one text is added that has all terms.
            #[must_use]
            pub fn smooth_idf(mut self, smooth_idf: bool) -> Self {
                self$(.$inner)?.smooth_idf = smooth_idf;
                self
            }

            /// Whether a count `c` counts as `1 + ln c`.
            #[must_use]
            pub fn sublinear_tf(mut self, sublinear_tf: bool) -> Self {
                self$(.$inner)?.sublinear_tf = sublinear_tf;
                self
            }
        }
    };
}
#[cfg(feature = "table")]
pub(super) use weighing;

weighing!(TfidfTransformer);

impl TfidfTransformer {
    /// Smooth, rows of length 1.
    pub fn new() -> Self {
        TfidfTransformer::default()
    }
}

/// The entries of a matrix that are not 0.
fn entries(x: &Matrix) -> Result<std::borrow::Cow<'_, Csr>> {
    if let Some(csr) = x.sparse() {
        return Ok(std::borrow::Cow::Borrowed(csr));
    }
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in x.dense()?.rows() {
        for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            indices.push(column as u32);
            values.push(value);
        }
        indptr.push(indices.len());
    }
    Csr::new(x.n_cols(), indptr, indices, values).map(std::borrow::Cow::Owned)
}

impl Estimator for TfidfTransformer {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = TfidfModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<TfidfModel> {
        let csr = entries(train.x)?;
        let (mut texts, mut all) = (vec![0.0; csr.n_cols()], 0.0);
        for row in 0..csr.n_rows() {
            let weight = train.weight(row);
            all += weight;
            let (columns, values) = csr.row(row);
            for (&column, _) in columns.iter().zip(values).filter(|(_, value)| **value != 0.0) {
                texts[column as usize] += weight;
            }
        }
        let more = f64::from(u8::from(self.smooth_idf));
        let idf = |df: f64| match df + more > 0.0 {
            true => ((all + more) / (df + more)).ln() + 1.0,
            // A term of no text, which no row that is transformed may be thought to have more of.
            false => 1.0,
        };
        let idf = if self.use_idf { texts.into_iter().map(idf).collect() } else { vec![1.0; csr.n_cols()] };
        TfidfModel::try_from(Parts { features: train.x.features().clone(), idf, settings: self.clone() })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
    }
}

impl FitTransform for TfidfTransformer {}

/// A fitted [`TfidfTransformer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct TfidfModel {
    features: Features,
    idf: Vec<f64>,
    settings: TfidfTransformer,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    idf: Vec<f64>,
    settings: TfidfTransformer,
}

impl TryFrom<Parts> for TfidfModel {
    type Error = Error;

    fn try_from(Parts { features, idf, settings }: Parts) -> Result<Self> {
        if idf.len() != features.len() || !idf.iter().all(|weight| weight.is_finite()) {
            return Err(Error::corrupt("the weights of terms do not fit the columns"));
        }
        Ok(TfidfModel { features, idf, settings })
    }
}

impl TfidfModel {
    /// The columns it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The inverse document frequency of each column; 1 where counts are not weighed.
    pub fn idf(&self) -> &[f64] {
        &self.idf
    }
}

impl Transformer for TfidfModel {
    type Input = Matrix;
    type Output = Matrix;

    /// The weighed rows, sparse.
    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let csr = entries(&x)?;
        let mut values = csr.values().to_vec();
        for row in 0..csr.n_rows() {
            let own = csr.indptr()[row]..csr.indptr()[row + 1];
            let columns = &csr.indices()[own.clone()];
            let values = &mut values[own];
            for (value, &column) in values.iter_mut().zip(columns).filter(|(value, _)| **value != 0.0) {
                if self.settings.sublinear_tf {
                    if *value < 0.0 {
                        return Err(Error::unsupported(format!(
                            "row {row} has {value} in column {column}, and `sublinear_tf` takes logarithms: counts are above 0"
                        )));
                    }
                    *value = value.ln() + 1.0;
                }
                *value *= self.idf[column as usize];
            }
            // In units of the largest, so that neither a sum nor a square leaves the range.
            let unit = values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
            if self.settings.norm == Norm::None || unit == 0.0 || !unit.is_finite() {
                continue;
            }
            values.iter_mut().for_each(|value| *value /= unit);
            let size = match self.settings.norm {
                Norm::L1 => values.iter().map(|value| value.abs()).sum(),
                _ => values.iter().map(|value| value * value).sum::<f64>().sqrt(),
            };
            values.iter_mut().for_each(|value| *value /= size);
        }
        if !values.iter().all(|value| value.is_finite()) {
            return Err(Error::overflow("a weighed count leaves the range of f64; counts are not so large"));
        }
        let out = Csr::new(csr.n_cols(), csr.indptr().to_vec(), csr.indices().to_vec(), values)?;
        Matrix::from_sparse(out, self.features.clone())
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        // What a row is divided by is made of all of them.
        let n = self.features.len();
        (self.settings.norm == Norm::None).then(|| (0..n).map(|column| vec![column]).collect())
    }

    fn decided(&self) -> Vec<Decided> {
        let what = format!("{} columns are weighed by how few rows have them", self.features.len());
        vec![Decided::by(self, what, "the counts of the training rows")]
    }
}
