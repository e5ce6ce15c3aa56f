//! The names and kinds of matrix columns, and the check that a model sees the columns it learned from.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::shorten;
use crate::{Error, ErrorKind, Matrix, Result, Rows};

/// What the numbers of a column mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FeatureKind {
    /// Quantities: differences mean something.
    #[default]
    Numeric,
    /// Codes of categories, counted from 0.
    Categorical {
        /// How many categories there are.
        n_categories: u32,
    },
}

/// One column of a matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// The name of the column.
    pub name: Arc<str>,
    /// What its numbers mean.
    pub kind: FeatureKind,
}

impl Feature {
    /// A numeric column.
    pub fn numeric(name: impl Into<Arc<str>>) -> Self {
        Feature { name: name.into(), kind: FeatureKind::Numeric }
    }

    /// A column of category codes.
    pub fn categorical(name: impl Into<Arc<str>>, n_categories: u32) -> Self {
        Feature { name: name.into(), kind: FeatureKind::Categorical { n_categories } }
    }
}

/// The columns of a matrix, shared by all that was made from it. Names are unique.
///
/// A model keeps the `Features` it learned from; [`align`](Features::align) checks an input against
/// them and puts columns that only stand in another order where they belong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Feature>", into = "Vec<Feature>")]
pub struct Features(Arc<[Feature]>);

impl Default for Features {
    fn default() -> Self {
        Features(Arc::from([]))
    }
}

impl From<Features> for Vec<Feature> {
    fn from(features: Features) -> Self {
        features.0.to_vec()
    }
}

impl TryFrom<Vec<Feature>> for Features {
    type Error = Error;

    fn try_from(columns: Vec<Feature>) -> Result<Self> {
        let mut seen = BTreeMap::new();
        for (position, column) in columns.iter().enumerate() {
            if let Some(first) = seen.insert(&*column.name, position) {
                return Err(Error::malformed(format!(
                    "two columns, {first} and {position}, are both named `{}`; give each its own name",
                    shorten(column.name.to_string())
                )));
            }
        }
        Ok(Features(columns.into()))
    }
}

impl Features {
    /// `n` numeric columns named `x0`, `x1`, ...
    pub fn unnamed(n: usize) -> Self {
        Features((0..n).map(|i| Feature::numeric(format!("x{i}"))).collect())
    }

    /// Numeric columns with these names.
    ///
    /// # Errors
    /// When a name occurs twice.
    pub fn named<S: Into<Arc<str>>>(names: impl IntoIterator<Item = S>) -> Result<Self> {
        names.into_iter().map(Feature::numeric).collect::<Vec<_>>().try_into()
    }

    /// The number of columns.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no columns.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The columns in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Feature> {
        self.0.iter()
    }

    /// The names in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|column| &*column.name)
    }

    /// The name of one column, or `?` where there is none.
    pub fn name(&self, column: usize) -> &str {
        self.0.get(column).map_or("?", |column| &column.name)
    }

    /// What the numbers of one column mean; quantities where there is no such column.
    pub fn kind(&self, column: usize) -> FeatureKind {
        self.0.get(column).map_or(FeatureKind::Numeric, |column| column.kind)
    }

    /// The position of a column.
    ///
    /// # Errors
    /// When there is no column of that name.
    pub fn position(&self, name: &str) -> Result<usize> {
        self.0.iter().position(|column| &*column.name == name).ok_or_else(|| {
            let known: Vec<_> = self.names().take(10).collect();
            Error::unknown(format!(
                "no column is named `{}`; there are: {}",
                shorten(name.to_owned()),
                known.join(", ")
            ))
        })
    }

    /// `x` with the columns the model learned from, in the model's order.
    ///
    /// Columns in another order are put in place; nothing is copied when the order is right.
    ///
    /// # Errors
    /// [`ErrorKind::FeatureMismatch`] naming a column that is missing or was not there at fit.
    pub fn align<'x>(&self, x: &'x Matrix) -> Result<Cow<'x, Matrix>> {
        let given = x.features();
        if Arc::ptr_eq(&self.0, &given.0) || self.same_names(given) {
            return Ok(Cow::Borrowed(x));
        }
        let mismatch = |detail: String| {
            let (expected, got) = (self.len(), given.len());
            Err(Error::new(ErrorKind::FeatureMismatch { expected, got, detail }))
        };
        let positions: BTreeMap<&str, usize> = given.names().enumerate().map(|(i, name)| (name, i)).collect();
        if let Some(missing) = self.names().find(|name| !positions.contains_key(name)) {
            return mismatch(format!("column `{}` is missing", shorten(missing.to_owned())));
        }
        let known: BTreeMap<&str, ()> = self.names().map(|name| (name, ())).collect();
        if let Some(extra) = given.names().find(|name| !known.contains_key(name)) {
            return mismatch(format!(
                "column `{}` was not there when the model learned",
                shorten(extra.to_owned())
            ));
        }
        let order: Vec<usize> = self.names().map(|name| positions[name]).collect();
        Ok(Cow::Owned(x.select(&order)?))
    }

    fn same_names(&self, other: &Features) -> bool {
        self.len() == other.len() && self.names().eq(other.names())
    }
}

impl<'a> IntoIterator for &'a Features {
    type Item = &'a Feature;
    type IntoIter = std::slice::Iter<'a, Feature>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Rows for Features {
    type Owned = Features;

    fn n_rows(&self) -> usize {
        self.len()
    }

    fn take(&self, rows: &[usize]) -> Result<Features> {
        self.0.take(rows)?.try_into()
    }
}
