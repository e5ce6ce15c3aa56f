//! Columns that are told by a hash.

use perennial_core::{
    Capabilities, Error, Estimator, Features, FitTransform, Matrix, NoTarget, OutputSchema, Param, Result,
    Rows, Train, Transformer,
};
use serde::{Deserialize, Serialize};

use super::{FieldValue, Record, number, sparse};
use crate::text::place;

/// Turns records into sparse rows of a fixed number of columns: the hash of a name tells its column, so nothing is learned and no name is
/// unknown. A text counts 1 under `name=text`.
///
/// The hash is the one of scikit-learn (MurmurHash3), so the columns are the same: half of the names subtract, so that those that share a
/// column cancel each other on average. What a column means cannot be told any more.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_features` | 2^18 (scikit-learn: 2^20) | 1 to 2^24 | how many columns there are |
/// | `alternate_sign` | true | | whether half of the names subtract |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_features::{FeatureHasher, Record};
///
/// let rows: Vec<Record> = vec![Record::from([("dog".into(), 2.0_f64.into()), ("city".into(), "Oslo".into())])];
/// let x = FeatureHasher::new().n_features(8).fit(&rows, &NoTarget)?.transform(&rows)?;
/// assert_eq!(x.to_dense()?.dense()?.row(0).to_vec(), [0.0, 1.0, 0.0, 0.0, 0.0, -2.0, 0.0, 0.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureHasher {
    n_features: usize,
    alternate_sign: bool,
}

impl Default for FeatureHasher {
    fn default() -> Self {
        FeatureHasher { n_features: 1 << 18, alternate_sign: true }
    }
}

const N_FEATURES: Param =
    Param::integer("n_features", "how many columns there are").at_least(1.0).at_most(16_777_216.0);

impl FeatureHasher {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_FEATURES];

    /// 2^18 columns, half of the names subtracted.
    pub fn new() -> Self {
        FeatureHasher::default()
    }

    /// How many columns there are.
    #[must_use]
    pub fn n_features(mut self, n_features: usize) -> Self {
        self.n_features = n_features;
        self
    }

    /// Whether half of the names subtract.
    #[must_use]
    pub fn alternate_sign(mut self, alternate_sign: bool) -> Self {
        self.alternate_sign = alternate_sign;
        self
    }
}

impl Estimator for FeatureHasher {
    type Input = [Record];
    type Target = NoTarget;
    type Model = FeatureHasherModel;

    fn fit_on(&self, _: &Train<'_, [Record], NoTarget>) -> Result<FeatureHasherModel> {
        FeatureHasherModel::try_from(Parts { settings: self.clone() })
    }

    /// It learns from no row, so no weight is ignored.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl FitTransform for FeatureHasher {
    fn transform_schema(&self, x: &[Record]) -> Result<OutputSchema<Matrix>> {
        OutputSchema::of(&self.fit_on(&Train::new(x, &NoTarget))?, x)
    }
}

/// A [`FeatureHasher`] that has named its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct FeatureHasherModel {
    settings: FeatureHasher,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    settings: FeatureHasher,
}

impl TryFrom<Parts> for FeatureHasherModel {
    type Error = Error;

    fn try_from(Parts { settings }: Parts) -> Result<Self> {
        N_FEATURES.check_count(settings.n_features)?;
        let output = Features::named((0..settings.n_features).map(|place| format!("hash {place}")))?;
        Ok(FeatureHasherModel { settings, output })
    }
}

impl Transformer for FeatureHasherModel {
    type Input = [Record];
    type Output = Matrix;

    fn transform(&self, x: &[Record]) -> Result<Matrix> {
        let FeatureHasher { n_features, alternate_sign } = self.settings;
        let cells = |row: usize| {
            let cell = |(name, value): (&String, &FieldValue)| -> Result<(u32, f64)> {
                let (column, sign, size) = match value {
                    FieldValue::Number(value) => {
                        let (column, sign) = place(name, n_features, alternate_sign);
                        (column, sign, number(row, name, *value)?)
                    }
                    FieldValue::Text(text) => {
                        let (column, sign) = place(&format!("{name}={text}"), n_features, alternate_sign);
                        (column, sign, 1.0)
                    }
                };
                Ok((column, sign * size))
            };
            x[row].iter().map(cell).collect::<Result<Vec<(u32, f64)>>>()
        };
        sparse((0..x.n_rows()).map(cells), &self.output)
    }
}
