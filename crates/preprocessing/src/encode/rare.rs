//! Rare categories together.

use std::sync::Arc;

use perennial_core::{
    Capabilities, Decided, Estimator, FitTransform, NoTarget, OutputSchema, Param, Result, Train, Transformer,
};
use perennial_data::{Column, Table};
use serde::{Deserialize, Serialize};

use crate::batch_parts::from_counts;
use crate::batches::{BoxLearning, FitBatches};
use crate::categories::{Coded, Counted, Levels, MISSING, count};
use crate::decided;
use crate::schema;

/// Joins the rare categories of each column, and all that were not there at fit, in one.
///
/// The columns come out as categories. Missing cells stay missing. A weight counts as copies of its row.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `min_share` | 0.01 | 0 to 1 | categories with a smaller share of the rows that are not missing are rare |
/// | `max_categories` | none | >= 1 | of the others, only so many of the most frequent are kept |
/// | `word` | other | | what rare categories become |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::RareLabelEncoder;
///
/// let table = Table::new([("city", Column::text(["Rome", "Oslo", "Rome", "Bonn"]))])?;
/// let joined = RareLabelEncoder::new().min_share(0.3).fit(&table, &NoTarget)?.transform(&table)?;
/// assert_eq!(joined.column("city")?.as_text()?.flatten().collect::<Vec<_>>(), ["Rome", "other", "Rome", "other"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RareLabelEncoder {
    min_share: f64,
    max_categories: Option<usize>,
    word: String,
}

impl Default for RareLabelEncoder {
    fn default() -> Self {
        RareLabelEncoder { min_share: 0.01, max_categories: None, word: "other".to_owned() }
    }
}

const MIN_SHARE: Param =
    Param::real("min_share", "share of the rows below which a category is rare").at_least(0.0).at_most(1.0);
const MAX_CATEGORIES: Param = Param::integer("max_categories", "how many categories are kept").at_least(1.0);

impl RareLabelEncoder {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[MIN_SHARE, MAX_CATEGORIES];

    /// Joins what less than one row in a hundred has.
    pub fn new() -> Self {
        RareLabelEncoder::default()
    }

    /// The share of the rows below which a category is rare.
    #[must_use]
    pub fn min_share(mut self, min_share: f64) -> Self {
        self.min_share = min_share;
        self
    }

    /// How many of the most frequent categories are kept.
    #[must_use]
    pub fn max_categories(mut self, max_categories: usize) -> Self {
        self.max_categories = Some(max_categories);
        self
    }

    /// What rare categories become.
    #[must_use]
    pub fn word(mut self, word: impl Into<String>) -> Self {
        self.word = word.into();
        self
    }

    fn check(&self) -> Result<()> {
        MIN_SHARE.check(self.min_share)?;
        self.max_categories.map_or(Ok(()), |most| MAX_CATEGORIES.check_count(most))
    }
}

impl Estimator for RareLabelEncoder {
    type Input = Table;
    type Target = NoTarget;
    type Model = RareLabelModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<RareLabelModel> {
        self.check()?;
        let learn = |(name, column)| Ok(self.learn(name, count(name, column, train.weights)?));
        let columns = train.x.columns().map(learn).collect::<Result<_>>()?;
        Ok(RareLabelModel { columns, word: self.word.clone() })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl RareLabelEncoder {
    /// The categories of a column that are kept.
    fn learn(&self, name: &str, counted: Counted) -> (Arc<str>, Levels) {
        let total: f64 = counted.weights.iter().sum();
        let mut kept: Vec<usize> = (0..counted.levels.len())
            .filter(|&place| counted.weights[place] >= self.min_share * total)
            .collect();
        if let Some(most) = self.max_categories {
            kept.sort_by(|&a, &b| counted.weights[b].total_cmp(&counted.weights[a]));
            kept.truncate(most);
            kept.sort_unstable();
        }
        let levels = kept.into_iter().map(|place| counted.levels.names()[place].clone()).collect::<Vec<_>>();
        (Arc::from(name), levels.into())
    }
}

impl FitBatches for RareLabelEncoder {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        self.check()?;
        Ok(from_counts(
            |name, counted| Ok(self.learn(name, counted)),
            |columns| Ok(RareLabelModel { columns, word: self.word.clone() }),
        ))
    }
}

impl FitTransform for RareLabelEncoder {
    /// Which categories are kept is learned.
    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Table>> {
        self.check()?;
        schema::check_categories(x)?;
        let columns = x.names().map(|name| (Arc::from(name), Levels::default())).collect();
        OutputSchema::of(&RareLabelModel { columns, word: self.word.clone() }, x)
    }
}

/// A fitted [`RareLabelEncoder`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RareLabelModel {
    columns: Vec<(Arc<str>, Levels)>,
    word: String,
}

impl Transformer for RareLabelModel {
    type Input = Table;
    type Output = Table;

    fn transform(&self, x: &Table) -> Result<Table> {
        let joined = self.columns.iter().map(|(name, kept)| {
            let coded = Coded::of(name, x.column(name)?)?;
            let mut levels: Vec<&str> = kept.names().iter().map(|level| &**level).collect();
            // A kept category may be called like the rare ones; then they are one.
            let other = kept.position(&self.word).unwrap_or_else(|| {
                levels.push(&self.word);
                levels.len() as u32 - 1
            });
            let place = |position: u32| if position == MISSING { other } else { position };
            let places: Vec<u32> = kept.positions(&coded).into_iter().map(place).collect();
            let codes = coded.codes.iter().map(|&code| (code != MISSING).then(|| places[code as usize]));
            Ok((name.clone(), Column::category_codes(codes, &levels)?))
        });
        Ok(Table::new(joined.collect::<Result<Vec<_>>>()?)?.inheriting([x]))
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(vec![1; self.columns.len()])
    }

    fn decided(&self) -> Vec<Decided> {
        let columns = self.columns.iter().map(|(name, levels)| (name, levels));
        decided::of_levels(self, columns, |_, levels| format!("all become `{}` but {levels}", self.word))
    }
}
