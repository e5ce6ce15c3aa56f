//! Pipelines: one step, then the next.

use serde::{Deserialize, Serialize};

use crate::output_schema::through;
use crate::{
    Capabilities, Classifier, Decided, ErrorKind, Estimator, FitTransform, JoinTarget, Outline, OutputSchema,
    Predictor, Probabilities, Result, ResultExt, Train, TransformOutput, Transformer,
};

/// Two steps in a row, made by [`Estimator::then`]. It is an estimator itself.
///
/// Weights, groups and context reach both steps; the validation set passes through the fitted first step,
/// so early stopping in the second sees what it will see in use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Then<A, B> {
    first: A,
    next: B,
}

impl<A, B> Then<A, B> {
    pub(crate) fn new(first: A, next: B) -> Self {
        Then { first, next }
    }

    /// The first step.
    pub fn first(&self) -> &A {
        &self.first
    }

    /// The step after it.
    pub fn next(&self) -> &B {
        &self.next
    }
}

/// What a [`Then`] learns: two fitted steps. It transforms, predicts or classifies when its last step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThenModel<A, B> {
    first: A,
    next: B,
}

impl<A, B> ThenModel<A, B> {
    /// Two steps that were fitted one after the other, as [`Then`] fits them.
    pub fn new(first: A, next: B) -> Self {
        ThenModel { first, next }
    }

    /// The first fitted step.
    pub fn first(&self) -> &A {
        &self.first
    }

    /// The fitted step after it.
    pub fn next(&self) -> &B {
        &self.next
    }
}

/// The target of a pipeline of `A` and `B`.
type Joined<A, B> = <<A as Estimator>::Target as JoinTarget<<B as Estimator>::Target>>::Target;

impl<A, B> Then<A, B>
where
    A: FitTransform,
    B: Estimator<Input = TransformOutput<A>>,
    A::Target: JoinTarget<B::Target>,
{
    /// Fits the first step, passes training and validation rows through it, and hands both on.
    fn fit_parts<R>(
        &self,
        train: &Train<'_, A::Input, Joined<A, B>>,
        fit_next: impl FnOnce(&B, &Train<'_, B::Input, B::Target>) -> Result<R>,
    ) -> Result<(A::Model, R)> {
        let (name, next_name) = (step_name(&self.first), step_name(&self.next));
        let first = train.with_target::<A::Target>().context(train.ctx.child(&name));
        let first = first.limited_to(&self.first.capabilities());
        let (model, x) = self.first.fit_transform_on(&first).context(name.clone())?;
        let validation = match train.validation {
            Some((x, _)) if self.next.capabilities().validation => {
                Some(model.transform(x).context(format!("{name} on the validation set"))?)
            }
            _ => None,
        };
        let next = train.with_input(&x, validation.as_ref());
        let next = next.with_target::<B::Target>().context(train.ctx.child(&next_name));
        let next = next.limited_to(&self.next.capabilities());
        // What a step gives is data like any other: the next step may refuse it.
        let looks_itself = self.next.checks_finite();
        let accepts = Capabilities { weights: true, looks_itself, ..self.next.capabilities() };
        next.check(&accepts).context(next_name.clone())?;
        let result = fit_next(&self.next, &next).context(next_name)?;
        Ok((model, result))
    }
}

/// Long pipelines nest on the left; only a single step or a named one gives its own name to a path.
fn step_name<E: Estimator>(estimator: &E) -> String {
    let steps = estimator.steps();
    if steps.len() == 1 { steps[0].clone() } else { "steps".to_owned() }
}

impl<A, B> Estimator for Then<A, B>
where
    A: FitTransform,
    B: Estimator<Input = TransformOutput<A>>,
    A::Target: JoinTarget<B::Target>,
{
    type Input = A::Input;
    type Target = Joined<A, B>;
    type Model = ThenModel<A::Model, B::Model>;

    fn fit_on(&self, train: &Train<'_, A::Input, Self::Target>) -> Result<Self::Model> {
        let (first, next) = self.fit_parts(train, |next, train| next.fit_on(train))?;
        Ok(ThenModel { first, next })
    }

    fn capabilities(&self) -> Capabilities {
        let (first, next) = (self.first.capabilities(), self.next.capabilities());
        Capabilities {
            weights: first.weights && next.weights,
            groups: first.groups || next.groups,
            validation: first.validation || next.validation,
            ..first
        }
    }

    fn steps(&self) -> Vec<String> {
        let mut steps = self.first.steps();
        steps.extend(self.next.steps());
        steps
    }

    fn outline(&self) -> Vec<Outline> {
        let mut outline = self.first.outline();
        outline.extend(self.next.outline());
        outline
    }
}

impl<A, B> FitTransform for Then<A, B>
where
    A: FitTransform,
    B: FitTransform<Input = TransformOutput<A>>,
    A::Target: JoinTarget<B::Target>,
{
    fn fit_transform_on(
        &self,
        train: &Train<'_, A::Input, Self::Target>,
    ) -> Result<(Self::Model, TransformOutput<B>)> {
        let (first, (next, output)) = self.fit_parts(train, |next, train| next.fit_transform_on(train))?;
        Ok((ThenModel { first, next }, output))
    }

    fn transform_schema(&self, x: &A::Input) -> Result<OutputSchema<TransformOutput<B>>> {
        self.first.transform_schema(x)?.then(|x| self.next.transform_schema(x))
    }
}

impl<A, B> Transformer for ThenModel<A, B>
where
    A: Transformer,
    B: Transformer<Input = A::Output>,
{
    type Input = A::Input;
    type Output = B::Output;

    fn transform(&self, x: &A::Input) -> Result<B::Output> {
        self.next.transform(&self.first.transform(x)?)
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        through(self.first.sources(), self.next.sources())
    }

    fn decided(&self) -> Vec<Decided> {
        let mut decided = self.first.decided();
        decided.extend(self.next.decided());
        decided
    }
}

impl<A, B> Predictor for ThenModel<A, B>
where
    A: Transformer,
    B: Predictor<Input = A::Output>,
{
    type Input = A::Input;
    type Output = B::Output;

    fn predict(&self, x: &A::Input) -> Result<B::Output> {
        self.next.predict(&self.first.transform(x)?)
    }
}

impl<A, B> Classifier for ThenModel<A, B>
where
    A: Transformer,
    B: Classifier<Input = A::Output>,
{
    fn predict_proba(&self, x: &A::Input) -> Result<Probabilities> {
        self.next.predict_proba(&self.first.transform(x)?)
    }
}

/// A step with a name of its own, made by [`Estimator::named`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Named<E> {
    name: String,
    inner: E,
}

impl<E> Named<E> {
    pub(crate) fn new(name: &str, inner: E) -> Self {
        Named { name: name.to_owned(), inner }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The step.
    pub fn inner(&self) -> &E {
        &self.inner
    }
}

impl<E: Estimator> Estimator for Named<E> {
    type Input = E::Input;
    type Target = E::Target;
    type Model = E::Model;

    fn fit_on(&self, train: &Train<'_, E::Input, E::Target>) -> Result<E::Model> {
        self.inner.fit_on(train)
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn steps(&self) -> Vec<String> {
        vec![self.name.clone()]
    }
}

impl<E: FitTransform> FitTransform for Named<E> {
    fn fit_transform_on(
        &self,
        train: &Train<'_, E::Input, E::Target>,
    ) -> Result<(E::Model, TransformOutput<E>)> {
        self.inner.fit_transform_on(train)
    }

    fn transform_schema(&self, x: &E::Input) -> Result<OutputSchema<TransformOutput<E>>> {
        Ok(match self.inner.transform_schema(x)? {
            OutputSchema::AfterFit { why, .. } => OutputSchema::after_fit(self, why),
            known => known,
        })
    }
}

/// A fitted transformer as a step that learns nothing, made by [`Transformer::frozen`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frozen<T>(T);

impl<T> Frozen<T> {
    pub(crate) fn new(inner: T) -> Self {
        Frozen(inner)
    }
}

impl<T: Transformer + Clone> Estimator for Frozen<T> {
    type Input = T::Input;
    type Target = crate::NoTarget;
    type Model = T;

    fn fit_on(&self, _: &Train<'_, T::Input, crate::NoTarget>) -> Result<T> {
        Ok(self.0.clone())
    }

    /// It learns nothing, so weights cannot be ignored by it; what values it takes it says when transforming.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().sparse().categorical()
    }

    fn steps(&self) -> Vec<String> {
        vec![crate::estimator::short_type_name(std::any::type_name::<T>())]
    }
}

impl<T: Transformer + Clone> FitTransform for Frozen<T> {
    fn transform_schema(&self, x: &T::Input) -> Result<OutputSchema<T::Output>> {
        match OutputSchema::of(&self.0, x) {
            Err(error)
                if !matches!(error.kind(), ErrorKind::FeatureMismatch { .. } | ErrorKind::Unknown { .. }) =>
            {
                Ok(OutputSchema::after_fit(self, format!("it does not take an input without rows: {error}")))
            }
            known => known,
        }
    }
}
