//! Explanations that models give of themselves.

use ndarray::Array3;
use perennial_core::{Contributions, Features, Matrix, Result};

use super::TreeShap;
use crate::tree::RowMajor;

/// The trees of a model, and the columns that they take.
pub(crate) struct Explained<'m> {
    pub(crate) features: &'m Features,
    pub(crate) shap: TreeShap<'m>,
}

impl Explained<'_> {
    pub(crate) fn contributions(&self, x: &Matrix) -> Result<Contributions> {
        self.shap.contributions_of(&self.rows(x)?)
    }

    pub(crate) fn interactions(&self, x: &Matrix) -> Result<Vec<Array3<f64>>> {
        self.shap.interactions_of(&self.rows(x)?)
    }

    pub(crate) fn interventional(&self, x: &Matrix, background: &Matrix) -> Result<Contributions> {
        let background = self.rows(background).map_err(|error| error.context("background"))?;
        self.shap.interventional_of(&self.rows(x)?, &background)
    }

    fn rows<'x>(&self, x: &'x Matrix) -> Result<RowMajor<'x>> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        RowMajor::of_cow(x)
    }
}

/// What all models of trees say of their answers; `$of` says of what in the words of the documentation.
macro_rules! explained {
    ([$($generics:tt)*] $model:ty, $of:literal, |$this:ident| $explained:expr) => {
        impl $($generics)* $model {
            #[doc = concat!("What each feature adds to ", $of, " of each row (Lundberg and others, 2020): Shapley values along the paths of the")]
            /// trees, which with the base add up to what is explained.
            ///
            /// # Errors
            /// When the columns are not those it learned from, a value is infinite, or the result would hold more than 2^31
            /// numbers.
            pub fn contributions(
                &self,
                x: &perennial_core::Matrix,
            ) -> perennial_core::Result<perennial_core::Contributions> {
                let $this = self;
                $explained?.contributions(x)
            }

            #[doc = concat!("What each pair of features adds to ", $of, " of each row, for each output: `n_rows` x `n_features` x `n_features`.")]
            /// See [`TreeShap::interactions`]($crate::shap::TreeShap::interactions).
            ///
            /// # Errors
            /// When the columns are not those it learned from, a value is infinite, or the result would hold more than 2^31
            /// numbers.
            pub fn interactions(
                &self,
                x: &perennial_core::Matrix,
            ) -> perennial_core::Result<Vec<ndarray::Array3<f64>>> {
                let $this = self;
                $explained?.interactions(x)
            }

            #[doc = concat!("What each feature adds to ", $of, " of each row, where what is not known of a row is taken from each row of")]
            /// `background` in turn. See [`TreeShap::interventional`]($crate::shap::TreeShap::interventional).
            ///
            /// # Errors
            /// When the columns are not those it learned from, a value is infinite, the background has no rows, or the result
            /// would hold more than 2^31 numbers.
            pub fn interventional(
                &self,
                x: &perennial_core::Matrix,
                background: &perennial_core::Matrix,
            ) -> perennial_core::Result<perennial_core::Contributions> {
                let $this = self;
                $explained?.interventional(x, background)
            }
        }

        impl $($generics)* perennial_core::Explainer for $model {
            fn explain(
                &self,
                x: &perennial_core::Matrix,
            ) -> perennial_core::Result<perennial_core::Contributions> {
                self.contributions(x)
            }
        }
    };
}
pub(crate) use explained;
