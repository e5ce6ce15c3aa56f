//! Pipelines that learn from batches, one step after the other.

use perennial_core::{
    Estimator, FitTransform, Frozen, JoinTarget, Named, Result, ResultExt, Rows, Then, ThenModel, Train,
    TransformOutput, Transformer,
};

use crate::batches::{BoxLearning, FitBatches, Learning, check, one_pass};

/// Each step takes a pass, or as many as it takes alone: those before it have learned by then, and transform each batch.
impl<A, B> FitBatches for Then<A, B>
where
    A: FitBatches + FitTransform,
    B: FitBatches + Estimator<Input = TransformOutput<A>>,
    A::Target: JoinTarget<B::Target, Target: Sized>,
{
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        let (first, next) = (self.first(), self.next());
        let (name, next_name) = (step_name(first), step_name(next));
        first.hands_on().context(name.clone())?;
        let first = first.learning().context(name.clone())?;
        let learning = next.learning().context(next_name.clone())?;
        Ok(Box::new(Chain::<A, B> { first, name, model: None, step: next, next: learning, next_name }))
    }

    fn hands_on(&self) -> Result<()> {
        self.first().hands_on().context(step_name(self.first()))?;
        self.next().hands_on().context(step_name(self.next()))
    }
}

/// Long pipelines nest on the left, and their steps name themselves.
fn step_name<E: Estimator>(step: &E) -> String {
    let steps = step.steps();
    if steps.len() == 1 { steps[0].clone() } else { "steps".to_owned() }
}

/// Two steps in a row, of which the first learns until there is a model.
struct Chain<'a, A: FitBatches, B: FitBatches> {
    first: BoxLearning<'a, A>,
    name: String,
    model: Option<A::Model>,
    step: &'a B,
    next: BoxLearning<'a, B>,
    next_name: String,
}

impl<A, B, Y> Learning<A::Input, Y, ThenModel<A::Model, B::Model>> for Chain<'_, A, B>
where
    A: FitBatches + FitTransform,
    B: FitBatches + Estimator<Input = TransformOutput<A>>,
    A::Target: JoinTarget<B::Target, Target = Y>,
    Y: Rows + Sync + perennial_core::AsTarget<A::Target> + perennial_core::AsTarget<B::Target>,
{
    fn add(&mut self, batch: &Train<'_, A::Input, Y>) -> Result<()> {
        let Some(model) = &self.model else {
            return self.first.add(&batch.with_target::<A::Target>()).context(self.name.clone());
        };
        let x = model.transform(batch.x).context(self.name.clone())?;
        let batch = batch.with_target::<B::Target>();
        let batch = batch.with_input(&x, None);
        // What a step gives is data like any other: the next step may refuse it.
        check(&batch, &self.step.capabilities())
            .and_then(|()| self.next.add(&batch))
            .context(self.next_name.clone())
    }

    fn end_pass(&mut self) -> Result<Option<ThenModel<A::Model, B::Model>>> {
        let Some(first) = self.model.take() else {
            self.model = self.first.end_pass().context(self.name.clone())?;
            return Ok(None);
        };
        match self.next.end_pass().context(self.next_name.clone())? {
            Some(next) => Ok(Some(ThenModel::new(first, next))),
            None => {
                self.model = Some(first);
                Ok(None)
            }
        }
    }
}

impl<E: FitBatches> FitBatches for Named<E> {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        self.inner().learning()
    }

    fn hands_on(&self) -> Result<()> {
        self.inner().hands_on()
    }
}

/// It learns nothing.
impl<T: Transformer<Input: Sized> + Clone> FitBatches for Frozen<T> {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        Ok(one_pass(
            |model: &mut Option<T>, batch: &Train<'_, T::Input, Self::Target>| {
                if model.is_none() {
                    *model = Some(self.fit_on(batch)?);
                }
                Ok(())
            },
            |model| model.ok_or_else(|| perennial_core::Error::empty("the batches have no rows")),
        ))
    }
}
