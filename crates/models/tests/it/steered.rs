//! Estimators that need a certain target, or settings that name columns, as the conformance kit can ask them: the target is
//! made into one that they take, and the settings are made when the columns are known.

use perennial_core::{Capabilities, Estimator, FitTransform, Matrix, Predictor, Result, Rows, Train, Values};
use perennial_models::binned::{Binned, LearnsFromBins};
use perennial_models::boosting::{
    BoostingMetric, GradientBoostingQuantileRegressorModel, Monotone, Objective,
};
use perennial_models::{
    Binner, DecisionTreeRegressor, ExtraTreesRegressor, GradientBoostingQuantileRegressor,
    GradientBoostingRegressor, RandomForestRegressor,
};
use serde::{Deserialize, Serialize};

/// What an estimator is given.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Way {
    /// What the kit gives.
    Plain,
    /// The target without its sign.
    Positive,
    /// A target from 0 to 1.
    Shares,
    /// 1 where the target is above 10, else 0.
    Signs,
    /// Times, of which a third are but the end of watching. Which ones follows from the value, so that copies of a row are alike.
    Times,
    /// A group for three rows each.
    Groups,
    /// Answers rise along the first column and fall along the last.
    Monotone,
    /// The first column stands alone; all others may meet.
    Interactions,
    /// The last column is added to the score.
    Offset,
    /// Rows that are in bins already.
    Bins,
}

impl Way {
    fn target(self, y: &Values) -> Values {
        let to = |&y: &f64| match self {
            // What is no number stays so, so that it is refused.
            _ if !y.is_finite() => y,
            Way::Positive => y.abs() + 0.1,
            Way::Shares => (y / 20.0).clamp(0.0, 1.0),
            Way::Signs => f64::from(u8::from(y > 10.0)),
            Way::Times if (y * 1000.0).floor() % 3.0 == 0.0 => -(y.abs() + 0.1),
            Way::Times => y.abs() + 0.1,
            _ => y,
        };
        y.as_slice().iter().map(to).collect()
    }
}

/// An estimator that is told in some way what it needs to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Steered<E> {
    pub(crate) way: Way,
    pub(crate) inner: E,
}

/// Settings that may name columns.
pub(crate) trait Settings: Estimator<Input = Matrix, Target = Values> + Clone {
    fn monotone(self, column: &str, monotone: Monotone) -> Self;
    fn interactions(self, first: &str, others: Vec<&str>) -> Self {
        let _ = (first, others);
        self
    }
    fn offset(self, column: &str) -> Self {
        let _ = column;
        self
    }
    fn on_bins(&self, train: &Train<'_, Binned, Values>) -> Result<Self::Model>;
}

impl<O: Objective, W: BoostingMetric + Clone> Settings for GradientBoostingRegressor<O, W> {
    fn monotone(self, column: &str, monotone: Monotone) -> Self {
        self.monotone(column, monotone)
    }

    fn interactions(self, first: &str, others: Vec<&str>) -> Self {
        self.interaction([first]).interaction(others)
    }

    fn offset(self, column: &str) -> Self {
        self.offset(column)
    }

    fn on_bins(&self, train: &Train<'_, Binned, Values>) -> Result<Self::Model> {
        self.fit_bins(train)
    }
}

macro_rules! of_trees {
    ($($name:ident: |$this:ident, $train:ident| $on_bins:expr),*) => {
        $(impl Settings for $name {
            fn monotone(self, column: &str, monotone: Monotone) -> Self {
                self.monotone(column, monotone)
            }

            fn on_bins(&self, train: &Train<'_, Binned, Values>) -> Result<Self::Model> {
                let ($this, $train) = (self, train);
                $on_bins
            }
        })*
    };
}

of_trees!(
    DecisionTreeRegressor: |_this, _train| unreachable!("a tree learns from matrices"),
    RandomForestRegressor: |this, train| this.fit_bins(train),
    ExtraTreesRegressor: |this, train| this.fit_bins(train)
);

impl<E: Settings> Estimator for Steered<E> {
    type Input = Matrix;
    type Target = Values;
    type Model = E::Model;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<E::Model> {
        let (x, y) = (train.x, self.way.target(train.y));
        let mut given = train.with_targets(&y, None);
        let groups: Vec<u32> = (0..x.n_rows() as u32).map(|row| row / 3).collect();
        let names: Vec<&str> = x.features().names().collect();
        let (Some(first), Some(last)) = (names.first(), names.last()) else {
            return self.inner.fit_on(&given);
        };
        let inner = self.inner.clone();
        match self.way {
            Way::Groups => {
                given.groups = Some(&groups);
                inner.fit_on(&given)
            }
            Way::Monotone => {
                let inner = inner.monotone(last, Monotone::Decreasing).monotone(first, Monotone::Increasing);
                inner.fit_on(&given)
            }
            Way::Interactions => inner.interactions(first, names[1..].to_vec()).fit_on(&given),
            Way::Offset => inner.offset(last).fit_on(&given),
            Way::Bins => {
                let mut columns = Train::new(x, &perennial_core::NoTarget).context(train.ctx.child("bins"));
                columns.weights = train.weights;
                let binned = Binner::new().fit_transform_on(&columns)?.1;
                inner.on_bins(&given.with_input(&binned, None))
            }
            _ => inner.fit_on(&given),
        }
    }

    fn capabilities(&self) -> Capabilities {
        let mut accepts = self.inner.capabilities();
        if self.way == Way::Bins {
            accepts.sparse = false;
        }
        accepts
    }
}

/// The middle of three quantiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Middle<E>(pub(crate) E);

impl Estimator for Middle<GradientBoostingQuantileRegressor> {
    type Input = Matrix;
    type Target = Values;
    type Model = Middle<GradientBoostingQuantileRegressorModel>;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<Self::Model> {
        self.0.fit_on(train).map(Middle)
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

impl Predictor for Middle<GradientBoostingQuantileRegressorModel> {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(self.0.predict(x)?.values().column(1).to_vec().into())
    }
}
