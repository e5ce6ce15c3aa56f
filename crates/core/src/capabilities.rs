//! What an estimator can take, declared once and enforced at every fit.

use serde::{Deserialize, Serialize};

/// What an estimator can take beyond finite dense numbers.
///
/// Fitting refuses what is not declared, so nothing is ignored silently.
///
/// ```
/// use perennial_core::Capabilities;
///
/// let caps = Capabilities::new().weights().missing();
/// assert!(caps.weights && caps.missing && !caps.sparse);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// Row weights change the result as repeated rows would.
    pub weights: bool,
    /// NaN in a matrix is a missing value.
    pub missing: bool,
    /// CSR matrices are taken without making them dense.
    pub sparse: bool,
    /// Columns of kind [`Categorical`](crate::FeatureKind::Categorical) are treated as categories.
    pub categorical: bool,
    /// Row groups are used.
    pub groups: bool,
    /// The validation set is used.
    pub validation: bool,
    /// Who fits looks for numbers that are not finite, so that nobody needs to before.
    #[serde(skip)]
    pub(crate) looks_itself: bool,
}

impl Capabilities {
    /// Nothing beyond finite dense numbers.
    pub const fn new() -> Self {
        Capabilities {
            weights: false,
            missing: false,
            sparse: false,
            categorical: false,
            groups: false,
            validation: false,
            looks_itself: false,
        }
    }

    /// Takes row weights.
    #[must_use]
    pub const fn weights(mut self) -> Self {
        self.weights = true;
        self
    }

    /// Takes missing values.
    #[must_use]
    pub const fn missing(mut self) -> Self {
        self.missing = true;
        self
    }

    /// Takes CSR matrices.
    #[must_use]
    pub const fn sparse(mut self) -> Self {
        self.sparse = true;
        self
    }

    /// Treats categorical columns as such.
    #[must_use]
    pub const fn categorical(mut self) -> Self {
        self.categorical = true;
        self
    }

    /// Uses row groups.
    #[must_use]
    pub const fn groups(mut self) -> Self {
        self.groups = true;
        self
    }

    /// Uses the validation set.
    #[must_use]
    pub const fn validation(mut self) -> Self {
        self.validation = true;
        self
    }

    /// What both of two estimators take; groups and a validation set where either uses them.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Capabilities {
            weights: self.weights && other.weights,
            missing: self.missing && other.missing,
            sparse: self.sparse && other.sparse,
            categorical: self.categorical && other.categorical,
            groups: self.groups || other.groups,
            validation: self.validation || other.validation,
            looks_itself: false,
        }
    }
}
