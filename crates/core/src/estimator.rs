//! The traits: settings that learn, models that transform, models that predict.

use crate::boxed::{BoxClassifier, BoxClassifierEstimator, BoxEstimator, BoxPredictor};
use crate::{
    Capabilities, Classes, Clusters, Decided, Frozen, JoinTarget, Named, Outline, OutputSchema, Persist,
    Probabilities, Result, Rows, Then, Train,
};

/// Settings that can learn from data and give a model.
///
/// Implement [`fit_on`](Estimator::fit_on); call [`fit`](Estimator::fit), or [`Train::fit`] when there
/// are weights, groups, a validation set or a context.
///
/// ```
/// use perennial_core::{Estimator, Matrix, Predictor, Result, Rows, Train, Values};
///
/// /// Predicts the mean of the target.
/// struct Mean;
/// struct MeanModel(f64);
///
/// impl Estimator for Mean {
///     type Input = Matrix;
///     type Target = Values;
///     type Model = MeanModel;
///
///     fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<MeanModel> {
///         let y = train.y.as_slice();
///         Ok(MeanModel(y.iter().sum::<f64>() / y.len() as f64))
///     }
/// }
///
/// impl Predictor for MeanModel {
///     type Input = Matrix;
///     type Output = Values;
///
///     fn predict(&self, x: &Matrix) -> Result<Values> {
///         Ok(vec![self.0; x.n_rows()].into())
///     }
/// }
///
/// let x = Matrix::from(ndarray::array![[0.0], [1.0]]);
/// let model = Mean.fit(&x, &Values::from(vec![1.0, 3.0]))?;
/// assert_eq!(model.predict(&x)?.as_slice(), [2.0, 2.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot learn: it is not an `Estimator`",
    label = "expected settings with a `fit`",
    note = "a model that is fitted already, or a step that learns nothing, joins a pipeline by `.frozen()`",
    note = "to make your own, implement `Estimator` or use `estimator_fn`"
)]
pub trait Estimator: Send + Sync {
    /// What it learns from: a table, a [`Matrix`](crate::Matrix), texts.
    type Input: ?Sized + Rows + Sync;
    /// What it learns: [`Classes`], [`Values`](crate::Values), [`Outputs`](crate::Outputs),
    /// [`NoTarget`](crate::NoTarget), or your own.
    type Target: ?Sized + Rows + Sync;
    /// What learning gives.
    type Model: Send + Sync;

    /// Learns. This is what you implement; the caller has checked `train` against
    /// [`capabilities`](Estimator::capabilities).
    ///
    /// # Errors
    /// When settings or data do not allow it, or the work was cancelled.
    fn fit_on(&self, train: &Train<'_, Self::Input, Self::Target>) -> Result<Self::Model>;

    /// What it can take beyond finite dense numbers.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }

    /// Whether [`fit_on`](Estimator::fit_on) itself refuses numbers of a matrix that are not finite, as its sums tell: then the
    /// matrix need not be read once more to look for them. Say so only where nothing that is not finite can get by.
    fn checks_finite(&self) -> bool {
        false
    }

    /// The names of the steps inside, for progress, diagrams and cards.
    fn steps(&self) -> Vec<String> {
        vec![short_type_name(std::any::type_name::<Self>())]
    }

    /// The steps with their branches, where it has any: what a picture shows.
    fn outline(&self) -> Vec<Outline> {
        self.steps().into_iter().map(Outline::Step).collect()
    }

    /// Learns from `x` and `y`. This is what you call.
    ///
    /// # Errors
    /// When there are no rows, the lengths differ, a value is not acceptable, a setting is wrong, or the
    /// data does not allow a fit.
    fn fit(&self, x: &Self::Input, y: &Self::Target) -> Result<Self::Model> {
        Train::new(x, y).fit(self)
    }

    /// A pipeline: this step, then `next` on what it gives.
    fn then<B>(self, next: B) -> Then<Self, B>
    where
        Self: Sized + FitTransform,
        B: Estimator<Input = <Self::Model as Transformer>::Output>,
        Self::Target: JoinTarget<B::Target>,
    {
        Then::new(self, next)
    }

    /// Gives this step a name of its own in paths, errors and diagrams.
    fn named(self, name: &str) -> Named<Self>
    where
        Self: Sized,
    {
        Named::new(name, self)
    }

    /// Hides the type, so that estimators can be chosen at run time. The model can still be saved.
    fn boxed<O>(self) -> BoxEstimator<Self::Input, Self::Target, O>
    where
        Self: Sized + Persist + 'static,
        Self::Model: Predictor<Input = Self::Input, Output = O> + 'static,
        O: Send + Sync,
    {
        BoxEstimator::new(self)
    }

    /// Hides the type of a classifier; its model keeps `predict_proba`.
    fn boxed_classifier(self) -> BoxClassifierEstimator<Self::Input, Self::Target>
    where
        Self: Sized + Persist + 'static,
        Self::Model: Classifier<Input = Self::Input> + 'static,
    {
        BoxClassifierEstimator::new(self)
    }
}

/// Settings whose model transforms: a step that others can follow in a pipeline.
///
/// One line makes your own step such a one: `impl FitTransform for MyScaler {}`. Steps that look at the
/// target, such as target encoders, write [`fit_transform_on`](FitTransform::fit_transform_on) themselves,
/// so that each training row is transformed by a model that has not seen its target.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be followed by another step",
    label = "nothing can follow this step",
    note = "a predictor must be the last step of a pipeline",
    note = "if the model of `{Self}` is a `Transformer`, add `impl FitTransform for {Self} {{}}`"
)]
pub trait FitTransform: Estimator<Model: Transformer<Input = <Self as Estimator>::Input>> {
    /// Learns, and transforms the rows it learned from, as the next step of a pipeline should see them.
    ///
    /// # Errors
    /// As for [`fit_on`](Estimator::fit_on).
    fn fit_transform_on(
        &self,
        train: &Train<'_, Self::Input, Self::Target>,
    ) -> Result<(Self::Model, TransformOutput<Self>)> {
        let model = self.fit_on(train)?;
        let output = model.transform(train.x)?;
        Ok((model, output))
    }

    /// The columns that it will make of those of `x`, which has no rows, where its settings tell. Without a word of yours they are known
    /// after the fit.
    ///
    /// ```
    /// use perennial_core::{
    ///     Estimator, FitTransform, Matrix, NoTarget, OutputSchema, Result, Rows, Train, Transformer,
    /// };
    ///
    /// /// Counts the cells of a row that are 0.
    /// #[derive(Clone)]
    /// struct Zeros;
    ///
    /// impl Transformer for Zeros {
    ///     type Input = Matrix;
    ///     type Output = Matrix;
    ///
    ///     fn transform(&self, x: &Matrix) -> Result<Matrix> {
    ///         let zeros = x.dense()?.rows().into_iter().map(|row| row.iter().filter(|cell| **cell == 0.0).count() as f64);
    ///         let zeros = zeros.collect::<Vec<f64>>();
    ///         Matrix::from(ndarray::Array2::from_shape_fn((x.n_rows(), 1), |(row, _)| zeros[row])).with_names(["zeros"])
    ///     }
    /// }
    ///
    /// impl Estimator for Zeros {
    ///     type Input = Matrix;
    ///     type Target = NoTarget;
    ///     type Model = Zeros;
    ///
    ///     fn fit_on(&self, _: &Train<'_, Matrix, NoTarget>) -> Result<Zeros> {
    ///         Ok(Zeros)
    ///     }
    /// }
    ///
    /// impl FitTransform for Zeros {
    ///     fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
    ///         OutputSchema::of(self, x)
    ///     }
    /// }
    ///
    /// let x = Matrix::from(ndarray::Array2::zeros((0, 3)));
    /// let OutputSchema::Known { output, .. } = Zeros.then(Zeros).transform_schema(&x)? else { unreachable!() };
    /// assert_eq!(output.features().names().collect::<Vec<_>>(), ["zeros"]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When it does not take these columns, or a setting is wrong.
    fn transform_schema(&self, x: &Self::Input) -> Result<OutputSchema<TransformOutput<Self>>> {
        let _ = x;
        Ok(OutputSchema::after_fit(self, "it does not say what it makes before it has learned"))
    }
}

/// Settings whose model can go on learning from rows that come later.
///
/// The first rows are fitted as ever; their features stay. A classifier's first target fixes the classes: give each batch
/// the whole list of names ([`Classes::new`]), also where some classes have no rows in it.
pub trait PartialFit: Estimator {
    /// The model after further rows. This is what you implement; the caller has checked `train`.
    ///
    /// # Errors
    /// When the columns or the classes are not those of the model, or as for [`fit_on`](Estimator::fit_on).
    fn partial_fit_on(
        &self,
        model: Self::Model,
        train: &Train<'_, Self::Input, Self::Target>,
    ) -> Result<Self::Model>;

    /// The model after further rows. This is what you call; [`Train::partial_fit`] for rows with weights.
    ///
    /// # Errors
    /// As for [`partial_fit_on`](PartialFit::partial_fit_on), and when the rows are not acceptable.
    fn partial_fit(&self, model: Self::Model, x: &Self::Input, y: &Self::Target) -> Result<Self::Model> {
        Train::new(x, y).partial_fit(self, model)
    }
}

/// What the model of `E` turns rows into.
pub type TransformOutput<E> = <<E as Estimator>::Model as Transformer>::Output;

/// The last part of a type's path, without its parameters.
pub(crate) fn short_type_name(full: &str) -> String {
    let head = full.split('<').next().unwrap_or(full);
    head.rsplit("::").next().unwrap_or(head).to_owned()
}

/// A model that turns rows into rows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not transform rows",
    label = "expected a fitted `Transformer`",
    note = "settings must learn first: call `.fit(&x, &y)?` and transform with the model it returns"
)]
pub trait Transformer: Send + Sync {
    /// What it takes.
    type Input: ?Sized + Rows + Sync;
    /// What it gives, with as many rows.
    type Output: Rows + Send + Sync;

    /// Transforms each row.
    ///
    /// # Errors
    /// When the columns are not those it learned from or a value is not acceptable.
    fn transform(&self, x: &Self::Input) -> Result<Self::Output>;

    /// For each column of the output the positions of the columns, in the order in which the step learned from them, that it is made
    /// of; nothing where that is not known, so that any may be in any. It is what marks of personal data follow.
    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        None
    }

    /// What the step decided when it learned, in words for a log; the steps of a pipeline in their order.
    fn decided(&self) -> Vec<Decided> {
        Vec::new()
    }

    /// A step that is fitted already: in a pipeline it learns nothing and stays as it is.
    fn frozen(self) -> Frozen<Self>
    where
        Self: Sized + Clone,
    {
        Frozen::new(self)
    }
}

/// A model that gives an answer for each row.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot predict",
    label = "this is not a fitted predictor",
    note = "settings must learn first: call `.fit(&x, &y)?` and predict with the model it returns"
)]
pub trait Predictor: Send + Sync {
    /// What it takes.
    type Input: ?Sized + Rows + Sync;
    /// What it answers: [`Values`](crate::Values), [`Classes`], [`Outputs`](crate::Outputs), or your own.
    type Output: Send + Sync;

    /// Predicts each row.
    ///
    /// # Errors
    /// When the columns are not those it learned from or a value is not acceptable.
    fn predict(&self, x: &Self::Input) -> Result<Self::Output>;
}

/// A predictor of classes that also tells how sure it is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` gives no class probabilities: it is not a `Classifier`",
    note = "use a classifier, or a metric that needs predictions only"
)]
pub trait Classifier: Predictor<Output = Classes> {
    /// The probability of each class for each row.
    ///
    /// # Errors
    /// As for [`predict`](Predictor::predict).
    fn predict_proba(&self, x: &Self::Input) -> Result<Probabilities>;
}

/// A model that keeps the clusters of the rows it learned from, because it cannot place others.
pub trait Clustered: Send + Sync {
    /// The cluster of each training row.
    fn clusters(&self) -> &Clusters;
}

impl<T: Estimator + ?Sized> Estimator for &T {
    type Input = T::Input;
    type Target = T::Target;
    type Model = T::Model;

    fn fit_on(&self, train: &Train<'_, T::Input, T::Target>) -> Result<T::Model> {
        (**self).fit_on(train)
    }

    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    fn steps(&self) -> Vec<String> {
        (**self).steps()
    }

    fn outline(&self) -> Vec<Outline> {
        (**self).outline()
    }
}

impl<T: FitTransform + ?Sized> FitTransform for &T {
    fn fit_transform_on(
        &self,
        train: &Train<'_, T::Input, T::Target>,
    ) -> Result<(T::Model, TransformOutput<T>)> {
        (**self).fit_transform_on(train)
    }

    fn transform_schema(&self, x: &T::Input) -> Result<OutputSchema<TransformOutput<T>>> {
        (**self).transform_schema(x)
    }
}

impl<X: ?Sized + Rows + Sync, O: Send + Sync> Predictor for BoxPredictor<X, O> {
    type Input = X;
    type Output = O;

    fn predict(&self, x: &X) -> Result<O> {
        self.inner().predict(x)
    }
}

impl<X: ?Sized + Rows + Sync> Predictor for BoxClassifier<X> {
    type Input = X;
    type Output = Classes;

    fn predict(&self, x: &X) -> Result<Classes> {
        self.inner().predict(x)
    }
}

impl<X: ?Sized + Rows + Sync> Classifier for BoxClassifier<X> {
    fn predict_proba(&self, x: &X) -> Result<Probabilities> {
        self.inner().predict_proba(x)
    }
}
