//! Classifiers that label rows themselves.

use std::borrow::Borrow;

use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Param, Predictor, Probabilities, Result, ResultExt,
    Rows, Train,
};
use serde::{Deserialize, Serialize};

use super::around;

const THRESHOLD: Param = Param::real("threshold", "how probable a class must be to be taken as true")
    .above(0.0)
    .at_most(1.0)
    .search(0.6, 0.99);
const K_BEST: Param =
    Param::integer("k_best", "how many rows are labelled at a time").at_least(1.0).search_log(1.0, 1000.0);
const MAX_ITER: Param = Param::integer("max_iter", "how often rows are labelled").at_least(1.0).at_most(1e6);

/// A classifier for rows of which only some have a class: it labels others where it is sure, and learns again
/// (Yarowsky, 1995).
///
/// Rows without a class carry a class of their own, which `unlabelled` names. The model does not know that class.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `unlabelled` | | | the class that stands for none |
/// | `threshold` | 0.75 | 0 to 1 | how probable a class must be to be taken as true |
/// | `k_best` | none | >= 1 | how many rows are labelled at a time, those that it is surest of, however sure that is |
/// | `max_iter` | 10 | >= 1 | how often rows are labelled |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::GaussianNaiveBayes;
/// use perennial_models::compose::SelfTrainingClassifier;
///
/// let x = Matrix::from(array![[1.0], [1.3], [5.0], [5.4], [1.1], [5.2]]);
/// let y = Classes::from_labels(["low", "low", "high", "high", "?", "?"]);
/// let model = SelfTrainingClassifier::new(GaussianNaiveBayes::new(), "?").fit(&x, &y)?;
/// assert_eq!(model.predict(&x)?.labels().last(), Some("high"));
/// assert_eq!(model.n_labelled(), 2);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfTrainingClassifier<E> {
    estimator: E,
    unlabelled: String,
    threshold: f64,
    k_best: Option<usize>,
    max_iter: usize,
}

impl<E> SelfTrainingClassifier<E> {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[THRESHOLD, K_BEST, MAX_ITER];

    /// `estimator` on rows of which those of the class `unlabelled` have none.
    pub fn new(estimator: E, unlabelled: impl Into<String>) -> Self {
        let unlabelled = unlabelled.into();
        SelfTrainingClassifier { estimator, unlabelled, threshold: 0.75, k_best: None, max_iter: 10 }
    }

    /// Sets how probable a class must be to be taken as true.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }

    /// Labels so many rows at a time, those that it is surest of (of equals the first), in the place of all that reach the threshold. Give
    /// `max_iter` as well where all rows shall have a class in the end.
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Classes, Estimator, Matrix};
    /// use perennial_models::GaussianNaiveBayes;
    /// use perennial_models::compose::SelfTrainingClassifier;
    ///
    /// let x = Matrix::from(array![[1.0], [1.3], [5.0], [5.4], [1.1], [3.0], [5.2]]);
    /// let y = Classes::from_labels(["low", "low", "high", "high", "?", "?", "?"]);
    /// let settings = SelfTrainingClassifier::new(GaussianNaiveBayes::new(), "?").k_best(2);
    /// let once = settings.clone().max_iter(1).fit(&x, &y)?;
    /// assert_eq!((once.n_labelled(), once.n_unlabelled()), (2, 1));
    /// assert_eq!(settings.fit(&x, &y)?.n_unlabelled(), 0);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn k_best(mut self, k_best: usize) -> Self {
        self.k_best = Some(k_best);
        self
    }

    /// Sets how often rows are labelled.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }
}

impl<E> SelfTrainingClassifier<E> {
    /// The places of the rows that are given a class, and that class: one of the target, and none that the classifier has beside them.
    fn sure(&self, said: &Probabilities, n_classes: usize) -> Vec<(usize, u32)> {
        let best = said.most_likely();
        let share = |place: usize| said.values()[[place, best.codes()[place] as usize]];
        let mut places: Vec<usize> =
            (0..said.n_rows()).filter(|&place| (best.codes()[place] as usize) < n_classes).collect();
        match self.k_best {
            None => places.retain(|&place| share(place) >= self.threshold),
            Some(k) => {
                places.sort_by(|&a, &b| share(b).total_cmp(&share(a)).then(a.cmp(&b)));
                places.truncate(k);
            }
        }
        places.into_iter().map(|place| (place, best.codes()[place])).collect()
    }
}

/// The model of a [`SelfTrainingClassifier`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelfTrainingModel<M> {
    model: M,
    n_labelled: usize,
    n_iterations: usize,
    n_unlabelled: usize,
    converged: bool,
}

impl<M> SelfTrainingModel<M> {
    /// The classifier.
    pub fn inner(&self) -> &M {
        &self.model
    }

    /// How many rows it gave a class itself.
    pub fn n_labelled(&self) -> usize {
        self.n_labelled
    }

    /// How often it labelled rows.
    pub fn n_iterations(&self) -> usize {
        self.n_iterations
    }

    /// Whether it ended because no row was left that it was sure of, and not at `max_iter`.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// How many rows are still without a class.
    pub fn n_unlabelled(&self) -> usize {
        self.n_unlabelled
    }
}

impl<E> Estimator for SelfTrainingClassifier<E>
where
    E: Estimator<Target = Classes>,
    E::Model: Classifier<Input = E::Input>,
{
    type Input = E::Input;
    type Target = Classes;
    type Model = SelfTrainingModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Classes>) -> Result<Self::Model> {
        THRESHOLD.check(self.threshold)?;
        self.k_best.map_or(Ok(()), |k| K_BEST.check_count(k))?;
        MAX_ITER.check_count(self.max_iter)?;
        // Without such a class all rows have one, and this is the classifier alone.
        let none = train.y.names().iter().position(|name| *name == self.unlabelled);
        let names: Vec<String> =
            train.y.names().iter().filter(|name| **name != self.unlabelled).cloned().collect();
        let known = |code: u32| match none {
            Some(none) if code as usize == none => None,
            Some(none) if code as usize > none => Some(code - 1),
            _ => Some(code),
        };
        let mut labels: Vec<Option<u32>> = train.y.codes().iter().map(|&code| known(code)).collect();
        if labels.iter().all(Option::is_none) {
            return Err(Error::insufficient_data(format!(
                "no row has a class other than `{}`; label some rows of each class",
                self.unlabelled
            )));
        }
        let fit = |labels: &[Option<u32>], round: usize| -> Result<E::Model> {
            let rows: Vec<usize> = (0..labels.len()).filter(|&row| labels[row].is_some()).collect();
            let y = Classes::new(rows.iter().filter_map(|&row| labels[row]).collect(), names.clone())?;
            let x = train.x.take(&rows)?;
            let weights = train.weights.map(|weights| weights.take(&rows)).transpose()?;
            let name = format!("round {round}");
            let mut own = Train::new(x.borrow(), &y).context(train.ctx.child(&name));
            own.weights = weights.as_deref();
            if own.weights.is_some_and(|weights| weights.iter().all(|weight| *weight == 0.0)) {
                return Err(Error::insufficient_data(
                    "no row that has a class has weight; give some of them weight",
                ));
            }
            self.estimator.fit_on(&own).context(name)
        };
        let mut model = fit(&labels, 0)?;
        let (mut n_labelled, mut n_iterations, mut converged) = (0, 0, false);
        for round in 1..=self.max_iter {
            train.ctx.step(round - 1, self.max_iter)?;
            let open: Vec<usize> = (0..labels.len()).filter(|&row| labels[row].is_none()).collect();
            if open.is_empty() {
                converged = true;
                break;
            }
            let said = model.predict_proba(train.x.take(&open)?.borrow())?;
            let sure = self.sure(&said, names.len());
            if sure.is_empty() {
                converged = true;
                break;
            }
            n_labelled += sure.len();
            n_iterations = round;
            sure.into_iter().for_each(|(place, code)| labels[open[place]] = Some(code));
            model = fit(&labels, round)?;
        }
        let n_unlabelled = labels.iter().filter(|label| label.is_none()).count();
        converged |= n_unlabelled == 0;
        Ok(SelfTrainingModel { model, n_labelled, n_iterations, n_unlabelled, converged })
    }

    fn capabilities(&self) -> Capabilities {
        let mut accepts = self.estimator.capabilities();
        (accepts.groups, accepts.validation) = (false, false);
        accepts
    }

    fn steps(&self) -> Vec<String> {
        around("SelfTrainingClassifier", &self.estimator)
    }
}

impl<M: Classifier> Predictor for SelfTrainingModel<M> {
    type Input = M::Input;
    type Output = Classes;

    fn predict(&self, x: &M::Input) -> Result<Classes> {
        self.model.predict(x)
    }
}

impl<M: Classifier> Classifier for SelfTrainingModel<M> {
    fn predict_proba(&self, x: &M::Input) -> Result<Probabilities> {
        self.model.predict_proba(x)
    }
}
