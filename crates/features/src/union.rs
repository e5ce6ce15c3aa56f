//! Several steps on the same columns, side by side.

use perennial_core::{
    Capabilities, Decided, Error, Estimator, Feature, Features, FitTransform, JoinTarget, Matrix, NoTarget,
    Outline, Result, ResultExt, Rows, Train, Transformer,
};
use serde::{Deserialize, Serialize};

/// Gives the same rows to several steps and puts what they make side by side: a step of matrices in the middle of a pipeline.
/// Columns of tables are sent to several steps by `Columns` of `perennial-preprocessing`.
///
/// A column is named `step: column`, so that two steps can make columns of the same name.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::extraction::Pca;
/// use perennial_features::{FeatureUnion, VarianceThreshold};
///
/// let x = Matrix::from(array![[1.0, 2.0], [3.0, 5.0], [4.0, 1.0]]).with_names(["a", "b"])?;
/// let union = FeatureUnion::new().with("all", VarianceThreshold::new()).with("pca", Pca::new().n_components(1));
/// let made = union.fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(made.n_cols(), 3);
/// assert_eq!(made.features().name(0), "all: a");
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureUnion<P = ()> {
    parts: P,
}

/// A step of a [`FeatureUnion`] under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnionPart<E> {
    name: String,
    step: E,
}

impl FeatureUnion<()> {
    /// No steps yet.
    pub fn new() -> Self {
        FeatureUnion::default()
    }
}

impl<P> FeatureUnion<P> {
    /// One more step.
    pub fn with<E>(self, name: &str, step: E) -> FeatureUnion<(P, UnionPart<E>)>
    where
        P: UnionParts,
        E: FitTransform<Input = Matrix, Model: Transformer<Output = Matrix>>,
        P::Target: JoinTarget<E::Target>,
    {
        FeatureUnion { parts: (self.parts, UnionPart { name: name.to_owned(), step }) }
    }
}

/// The steps of a [`FeatureUnion`]: a list that is built by [`with`](FeatureUnion::with).
pub trait UnionParts: Send + Sync {
    /// What all steps together learn from.
    type Target: ?Sized + Rows + Sync;
    /// The fitted steps.
    type Models: UnionModels;

    /// Fits each step; gives the models and the training outputs.
    ///
    /// # Errors
    /// When a step cannot be fitted.
    fn fit(&self, train: &Train<'_, Matrix, Self::Target>) -> Result<(Self::Models, Vec<Matrix>)>;

    /// What all steps together take.
    fn capabilities(&self) -> Capabilities;

    /// The names of the steps, and what they are.
    fn outline(&self) -> Vec<(String, Vec<Outline>)>;
}

/// The fitted steps of a [`FeatureUnion`].
pub trait UnionModels: Send + Sync {
    /// What each step makes, not yet under its name.
    ///
    /// # Errors
    /// When the columns are not those that it learned from.
    fn transform(&self, x: &Matrix) -> Result<Vec<Matrix>>;

    /// What each column of the outputs is made of; see [`Transformer::sources`].
    fn sources(&self) -> Option<Vec<Vec<usize>>>;

    /// What each step decided; see [`Transformer::decided`].
    fn decided(&self) -> Vec<Decided>;
}

impl UnionParts for () {
    type Target = NoTarget;
    type Models = ();

    fn fit(&self, _: &Train<'_, Matrix, NoTarget>) -> Result<((), Vec<Matrix>)> {
        Ok(((), Vec::new()))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().sparse().categorical()
    }

    fn outline(&self) -> Vec<(String, Vec<Outline>)> {
        Vec::new()
    }
}

impl UnionModels for () {
    fn transform(&self, _: &Matrix) -> Result<Vec<Matrix>> {
        Ok(Vec::new())
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        Some(Vec::new())
    }

    fn decided(&self) -> Vec<Decided> {
        Vec::new()
    }
}

/// The columns under the name of their step.
fn named(x: Matrix, name: &str) -> Result<Matrix> {
    let under =
        |feature: &Feature| Feature { name: format!("{name}: {}", feature.name).into(), ..feature.clone() };
    let features: Features = x.features().iter().map(under).collect::<Vec<_>>().try_into()?;
    x.with_features(features)
}

impl<P, E> UnionParts for (P, UnionPart<E>)
where
    P: UnionParts,
    E: FitTransform<Input = Matrix, Model: Transformer<Output = Matrix>>,
    P::Target: JoinTarget<E::Target>,
{
    type Target = <P::Target as JoinTarget<E::Target>>::Target;
    type Models = (P::Models, UnionPart<E::Model>);

    fn fit(&self, train: &Train<'_, Matrix, Self::Target>) -> Result<(Self::Models, Vec<Matrix>)> {
        let (models, mut outputs) = self.0.fit(&train.with_target::<P::Target>())?;
        let UnionPart { name, step } = &self.1;
        let inner = train.with_target::<E::Target>().context(train.ctx.child(name));
        let inner = inner.limited_to(&step.capabilities());
        let (model, output) = step.fit_transform_on(&inner).context(name.clone())?;
        outputs.push(named(output, name)?);
        Ok(((models, UnionPart { name: name.clone(), step: model }), outputs))
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities().and(self.1.step.capabilities())
    }

    fn outline(&self) -> Vec<(String, Vec<Outline>)> {
        let mut all = self.0.outline();
        all.push((self.1.name.clone(), self.1.step.outline()));
        all
    }
}

impl<M, N> UnionModels for (M, UnionPart<N>)
where
    M: UnionModels,
    N: Transformer<Input = Matrix, Output = Matrix>,
{
    fn transform(&self, x: &Matrix) -> Result<Vec<Matrix>> {
        let mut outputs = self.0.transform(x)?;
        let UnionPart { name, step } = &self.1;
        outputs.push(step.transform(x).context(name.clone())?);
        Ok(outputs)
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        let mut sources = self.0.sources()?;
        sources.extend(self.1.step.sources()?);
        Some(sources)
    }

    fn decided(&self) -> Vec<Decided> {
        let mut decided = self.0.decided();
        decided.extend(self.1.step.decided());
        decided
    }
}

impl<P: UnionParts> Estimator for FeatureUnion<P> {
    type Input = Matrix;
    type Target = P::Target;
    type Model = FeatureUnionModel<P::Models>;

    fn fit_on(&self, train: &Train<'_, Matrix, P::Target>) -> Result<Self::Model> {
        Ok(self.fit_transform_on(train)?.0)
    }

    fn capabilities(&self) -> Capabilities {
        self.parts.capabilities()
    }

    fn outline(&self) -> Vec<Outline> {
        vec![Outline::Branches(self.parts.outline())]
    }
}

impl<P: UnionParts> FitTransform for FeatureUnion<P> {
    fn fit_transform_on(&self, train: &Train<'_, Matrix, P::Target>) -> Result<(Self::Model, Matrix)> {
        let (models, outputs) = self.parts.fit(train)?;
        if outputs.is_empty() {
            return Err(Error::unsupported("the union has no step; add one with `.with(..)`"));
        }
        let output = Matrix::hstack(&outputs)?;
        Ok((FeatureUnionModel { models, features: output.features().clone() }, output))
    }
}

/// A fitted [`FeatureUnion`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureUnionModel<M> {
    models: M,
    /// The columns of the output, named once.
    features: Features,
}

impl<M: UnionModels> Transformer for FeatureUnionModel<M> {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let outputs = self.models.transform(x)?;
        // As `hstack` does it: sparse where all are, which must not differ between the rows of fitting and others.
        let sparse = outputs.iter().all(|output| output.sparse().is_some());
        Matrix::hstack_under(self.features.clone(), &outputs, sparse)
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        self.models.sources()
    }

    fn decided(&self) -> Vec<Decided> {
        self.models.decided()
    }
}
