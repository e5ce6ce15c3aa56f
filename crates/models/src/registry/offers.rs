//! What estimators can do beyond a fit, as the compiler finds it.
//!
//! Each offer is a type with a constant that is there only where a trait is implemented, and a trait of the same constant for
//! all types, which says no: `Online::<E>::OFFERED` with [`No`] in scope is whichever of them applies. Where no public trait
//! says what an estimator can do, a private one does, whose implementations do it.

use std::marker::PhantomData;

use perennial_core::{Matrix, PartialFit, Result, Train, Values};

/// Says no where nothing says yes.
pub(super) trait No {
    const OFFERED: bool = false;
}

/// Whether a model goes on learning from further rows.
pub(super) struct Online<E>(PhantomData<E>);

impl<E: PartialFit> Online<E> {
    pub(super) const OFFERED: bool = true;
}

impl<E> No for Online<E> {}

/// Fits, and answers with the quantile at a level.
pub(super) type Quantile = fn(&Train<'_, Matrix, Values>, &Matrix, f64) -> Result<Vec<f64>>;

/// What answers with quantiles of the target at levels of one's choice.
pub(super) trait GivesQuantiles {
    /// The quantile at `level` of each row of `x`, learned from `train` with settings that are good for few rows.
    ///
    /// # Errors
    /// As for a fit and for predicting.
    fn quantile(train: &Train<'_, Matrix, Values>, x: &Matrix, level: f64) -> Result<Vec<f64>>;
}

/// Where there is none.
pub(super) trait NoQuantile {
    const QUANTILE: Option<Quantile> = None;
}

/// How an estimator gives quantiles, where it does.
pub(super) struct Quantiles<E>(PhantomData<E>);

impl<E: GivesQuantiles> Quantiles<E> {
    pub(super) const QUANTILE: Option<Quantile> = Some(E::quantile);
}

impl<E> NoQuantile for Quantiles<E> {}

/// Whether a model becomes a sum of trees that others read.
pub(super) struct Interchange<M>(PhantomData<M>);

impl<M> No for Interchange<M> {}

impl GivesQuantiles for crate::DummyRegressor {
    fn quantile(train: &Train<'_, Matrix, Values>, x: &Matrix, level: f64) -> Result<Vec<f64>> {
        use perennial_core::Predictor;
        let strategy = crate::baseline::RegressionBaseline::Quantile(level);
        Ok(train.fit(&crate::DummyRegressor::new().strategy(strategy))?.predict(x)?.into_vec())
    }
}

#[cfg(feature = "linear")]
impl GivesQuantiles for crate::QuantileRegressor {
    fn quantile(train: &Train<'_, Matrix, Values>, x: &Matrix, level: f64) -> Result<Vec<f64>> {
        use perennial_core::Predictor;
        let settings = crate::QuantileRegressor::new().quantile(level).alpha(0.0);
        Ok(train.fit(&settings)?.predict(x)?.into_vec())
    }
}

#[cfg(feature = "trees")]
mod trees {
    use perennial_core::{Matrix, Predictor, Result, Train, Values};

    use super::{GivesQuantiles, Interchange};
    use crate::boosting::{GradientBoostingClassifierModel, GradientBoostingRegressorModel, RegressionLoss};
    use crate::forest::{ForestClassifierModel, ForestRegressorModel};
    use crate::interchange::TreeModel;
    use crate::tree::{DecisionTreeClassifierModel, DecisionTreeRegressorModel};
    use crate::{GradientBoostingQuantileRegressor, GradientBoostingRegressor, QuantileForestRegressor};

    /// A model that becomes a sum of trees that others read.
    pub(in super::super) trait ToTrees {
        fn to_trees(&self) -> Result<TreeModel>;
    }

    macro_rules! to_trees {
        ($($model:ty),*) => {
            $(impl ToTrees for $model {
                fn to_trees(&self) -> Result<TreeModel> {
                    self.to_tree_model()
                }
            })*
        };
    }

    to_trees!(
        DecisionTreeRegressorModel,
        DecisionTreeClassifierModel,
        ForestRegressorModel,
        ForestClassifierModel,
        GradientBoostingRegressorModel,
        GradientBoostingClassifierModel
    );

    impl<M: ToTrees> Interchange<M> {
        pub(in super::super) const OFFERED: bool = {
            let _: fn(&M) -> Result<TreeModel> = M::to_trees;
            true
        };
    }

    impl GivesQuantiles for GradientBoostingRegressor {
        fn quantile(train: &Train<'_, Matrix, Values>, x: &Matrix, level: f64) -> Result<Vec<f64>> {
            let settings = GradientBoostingRegressor::new().loss(RegressionLoss::Quantile { level });
            Ok(train.fit(&settings)?.predict(x)?.into_vec())
        }
    }

    impl GivesQuantiles for GradientBoostingQuantileRegressor {
        fn quantile(train: &Train<'_, Matrix, Values>, x: &Matrix, level: f64) -> Result<Vec<f64>> {
            let model = train.fit(&GradientBoostingQuantileRegressor::new([level]))?;
            Ok(model.predict(x)?.values().column(0).to_vec())
        }
    }

    impl GivesQuantiles for QuantileForestRegressor {
        fn quantile(train: &Train<'_, Matrix, Values>, x: &Matrix, level: f64) -> Result<Vec<f64>> {
            let model = train.fit(&QuantileForestRegressor::new().min_samples_leaf(20))?;
            Ok(model.predict_quantiles(x, &[level])?.values().column(0).to_vec())
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use perennial_core::{Matrix, Rows, Train, Values};

    use crate::registry::{Ability, models};

    #[test]
    fn what_says_that_it_gives_quantiles_gives_them() {
        // A line and noise that is uniform from 0 to 1 at each place of it.
        let place = |row: usize| (row % 10) as f64;
        let x = Matrix::from(Array2::from_shape_fn((1000, 1), |(row, _)| place(row)));
        let y: Values = (0..1000).map(|row| place(row) + (row / 10) as f64 / 100.0).collect();
        let train = Train::new(&x, &y);
        let found = models().supports(Ability::Quantiles);
        assert!(!found.is_empty());
        for entry in found {
            let quantile = entry.quantile.unwrap();
            for level in [0.1, 0.5, 0.9] {
                let bounds = quantile(&train, &x, level).unwrap();
                let below = y.as_slice().iter().zip(&bounds).filter(|(y, bound)| y <= bound).count();
                let share = below as f64 / x.n_rows() as f64;
                assert!((share - level).abs() < 0.03, "{}: {share} instead of {level}", entry.name());
            }
        }
    }

    #[cfg(feature = "trees")]
    #[test]
    fn what_says_that_it_goes_to_other_libraries_goes() {
        use super::trees::ToTrees;
        use crate::{
            GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier,
            RandomForestRegressor,
        };
        use perennial_core::{Classes, Estimator};

        let x = Matrix::from(Array2::from_shape_fn((60, 1), |(row, _)| row as f64));
        let (y, classes) =
            ((0..60).map(f64::from).collect::<Values>(), Classes::from_labels((0..60).map(|i| i / 30)));
        let regressor = GradientBoostingRegressor::new().n_trees(3).fit(&x, &y).unwrap();
        let classifier = GradientBoostingClassifier::new().n_trees(3).fit(&x, &classes).unwrap();
        let forest = RandomForestRegressor::new().n_trees(3).fit(&x, &y).unwrap();
        let forests = RandomForestClassifier::new().n_trees(3).fit(&x, &classes).unwrap();
        let written = [regressor.to_trees(), classifier.to_trees(), forest.to_trees(), forests.to_trees()];
        for trees in written {
            assert!(trees.unwrap().to_lightgbm().unwrap().starts_with("tree"));
        }
        let names = models().supports(Ability::Interchange).names();
        let expected = [
            "DecisionTreeRegressor",
            "DecisionTreeClassifier",
            "RandomForestRegressor",
            "RandomForestClassifier",
            "ExtraTreesRegressor",
            "ExtraTreesClassifier",
            "GradientBoostingRegressor",
            "GradientBoostingClassifier",
        ];
        assert_eq!(names, expected);
    }
}
