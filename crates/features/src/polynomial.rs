//! Powers and products of columns.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, Param, Result, Train,
    Transformer,
};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

/// All products of up to `degree` columns.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `degree` | 2 | 1 to 10 | the most factors of a product |
/// | `interaction_only` | false | | whether a column may not be a factor twice |
/// | `include_bias` | false | | whether to add a column of 1 |
///
/// More than 100,000 output columns are an error.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::PolynomialFeatures;
///
/// let x = Matrix::from(array![[2.0, 3.0]]).with_names(["a", "b"])?;
/// let x = PolynomialFeatures::new().fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(x.features().names().collect::<Vec<_>>(), ["a", "b", "a^2", "a b", "b^2"]);
/// assert_eq!(x.dense()?, array![[2.0, 3.0, 4.0, 6.0, 9.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolynomialFeatures {
    degree: usize,
    interaction_only: bool,
    include_bias: bool,
}

impl Default for PolynomialFeatures {
    fn default() -> Self {
        PolynomialFeatures { degree: 2, interaction_only: false, include_bias: false }
    }
}

const DEGREE: Param =
    Param::integer("degree", "most factors of a product").at_least(1.0).at_most(10.0).search(1.0, 3.0);
const MOST_COLUMNS: usize = 100_000;

impl PolynomialFeatures {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[DEGREE];

    /// Squares and products of two columns.
    pub fn new() -> Self {
        PolynomialFeatures::default()
    }

    /// The most factors of a product.
    #[must_use]
    pub fn degree(mut self, degree: usize) -> Self {
        self.degree = degree;
        self
    }

    /// Whether a column may not be a factor twice.
    #[must_use]
    pub fn interaction_only(mut self, interaction_only: bool) -> Self {
        self.interaction_only = interaction_only;
        self
    }

    /// Whether to add a column of 1.
    #[must_use]
    pub fn include_bias(mut self, include_bias: bool) -> Self {
        self.include_bias = include_bias;
        self
    }
}

impl Estimator for PolynomialFeatures {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = PolynomialModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<PolynomialModel> {
        DEGREE.check_count(self.degree)?;
        PolynomialModel::new(train.x.features().clone(), self.clone())
    }

    /// Nothing is learned from the rows, so weights change nothing.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl FitTransform for PolynomialFeatures {}

/// A fitted [`PolynomialFeatures`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct PolynomialModel {
    features: Features,
    settings: PolynomialFeatures,
    /// The factors of each output column, in rising order.
    #[serde(skip)]
    products: Vec<Vec<usize>>,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    settings: PolynomialFeatures,
}

impl TryFrom<Parts> for PolynomialModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        DEGREE.check_count(parts.settings.degree)?;
        PolynomialModel::new(parts.features, parts.settings)
    }
}

impl PolynomialModel {
    fn new(features: Features, settings: PolynomialFeatures) -> Result<Self> {
        let n = features.len();
        let mut products: Vec<Vec<usize>> = Vec::new();
        let mut last: Vec<Vec<usize>> = vec![Vec::new()];
        if settings.include_bias {
            products.push(Vec::new());
        }
        for _ in 0..settings.degree {
            let mut longer = Vec::new();
            for product in &last {
                let first = product.last().map_or(0, |&last| last + usize::from(settings.interaction_only));
                for column in first..n {
                    if products.len() + longer.len() >= MOST_COLUMNS {
                        return Err(Error::too_large(format!(
                            "products of up to {} of {n} columns would make more than {MOST_COLUMNS} columns; lower `degree` or select columns first",
                            settings.degree
                        )));
                    }
                    longer.push([product.as_slice(), &[column]].concat());
                }
            }
            products.extend(longer.iter().cloned());
            last = longer;
        }
        let name = |product: &Vec<usize>| {
            if product.is_empty() {
                return Feature::numeric("1");
            }
            let powers = product.chunk_by(|a, b| a == b).map(|run| match run.len() {
                1 => features.name(run[0]).to_owned(),
                power => format!("{}^{power}", features.name(run[0])),
            });
            Feature::numeric(powers.collect::<Vec<_>>().join(" "))
        };
        let output = products.iter().map(name).collect::<Vec<_>>().try_into()?;
        Ok(PolynomialModel { features, settings, products, output })
    }
}

impl Transformer for PolynomialModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let x = x.dense()?;
        let (n_rows, width) = (x.nrows(), self.products.len());
        if n_rows.checked_mul(width).is_none_or(|size| size > 1 << 31) {
            return Err(Error::too_large(format!(
                "a matrix of {n_rows} x {width} is too large; lower `degree`, select columns, or transform fewer rows at once"
            )));
        }
        let mut out = vec![0.0; n_rows * width];
        reduce::fill_rows(&mut out, width, 1024, |first, rows| {
            for (row, out) in rows.chunks_exact_mut(width).enumerate() {
                for (cell, product) in out.iter_mut().zip(&self.products) {
                    *cell = product.iter().map(|&column| x[[first + row, column]]).product();
                }
            }
        });
        let out = Array2::from_shape_vec((n_rows, width), out).map_err(Error::other)?;
        let out = Matrix::from(out).with_features(self.output.clone())?;
        out.check_finite(false)
            .map_err(|_| Error::overflow("a product of columns leaves the range of f64; scale them first"))?;
        Ok(out)
    }
}
