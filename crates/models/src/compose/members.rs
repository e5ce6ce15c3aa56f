//! Several estimators of one input and one target.

use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Predictor, Probabilities, Result, Rows, Train,
    Values,
};
use perennial_numeric::reduce;

/// Several estimators of one input and one target: a tuple of up to eight, or a list of one type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` are not the members of an ensemble",
    note = "give a tuple of estimators, `(A::new(), B::new())`, or a `Vec` of estimators of one type; all must have the same input and target"
)]
pub trait Members: Send + Sync {
    /// What they learn from.
    type Input: ?Sized + Rows + Sync;
    /// What they learn.
    type Target: ?Sized + Rows + Sync;
    /// Their models.
    type Models: Send + Sync;

    /// Fits all of them; the seed of each depends on its place.
    ///
    /// # Errors
    /// The error of the first that failed, with its name.
    fn fit_all(&self, train: &Train<'_, Self::Input, Self::Target>) -> Result<Self::Models>;

    /// What all of them take.
    fn capabilities(&self) -> Capabilities;

    /// A name for each of them: its place and what it is.
    fn names(&self) -> Vec<String>;
}

/// The models of several regressors.
pub trait RegressorModels: Send + Sync {
    /// What they take.
    type Input: ?Sized + Rows + Sync;

    /// What each of them answers.
    ///
    /// # Errors
    /// The error of the first that failed.
    fn predict_all(&self, x: &Self::Input) -> Result<Vec<Values>>;
}

/// The models of several classifiers.
pub trait ClassifierModels: Send + Sync {
    /// What they take.
    type Input: ?Sized + Rows + Sync;

    /// How probable each of them calls the classes.
    ///
    /// # Errors
    /// The error of the first that failed.
    fn predict_proba_all(&self, x: &Self::Input) -> Result<Vec<Probabilities>>;
}

/// Refuses a member whose classes are not those of the target, such as one with a class of its own for rows unlike all others.
pub(super) fn check_classes(ensemble: &str, said: &Probabilities, classes: &[String]) -> Result<()> {
    if said.names() == classes {
        return Ok(());
    }
    Err(Error::unsupported(format!(
        "a member of the {ensemble} knows the classes {:?}, and the target has {classes:?}; all must have the same, in one order",
        said.names()
    )))
}

fn fit_one<E: Estimator>(
    place: usize,
    estimator: &E,
    train: &Train<'_, E::Input, E::Target>,
) -> Result<E::Model> {
    let name = name_of(place, estimator);
    let mut own =
        train.with_targets(train.y, train.validation.map(|(_, y)| y)).limited_to(&estimator.capabilities());
    own.ctx = train.ctx.child(&name);
    estimator.fit_on(&own).map_err(|error| error.context(name))
}

fn name_of<E: Estimator>(place: usize, estimator: &E) -> String {
    format!("{place}_{}", estimator.steps().last().map_or("member", String::as_str))
}

macro_rules! members_of_tuples {
    ($(($first:ident $at:tt $(, $name:ident $place:tt)*);)*) => {$(
        impl<$first: Estimator $(, $name: Estimator<Input = $first::Input, Target = $first::Target>)*> Members
            for ($first, $($name,)*)
        {
            type Input = $first::Input;
            type Target = $first::Target;
            type Models = ($first::Model, $($name::Model,)*);

            fn fit_all(&self, train: &Train<'_, Self::Input, Self::Target>) -> Result<Self::Models> {
                Ok((fit_one($at, &self.$at, train)?, $(fit_one($place, &self.$place, train)?,)*))
            }

            fn capabilities(&self) -> Capabilities {
                self.$at.capabilities()$(.and(self.$place.capabilities()))*
            }

            fn names(&self) -> Vec<String> {
                vec![name_of($at, &self.$at), $(name_of($place, &self.$place),)*]
            }
        }

        impl<$first: Predictor<Output = Values> $(, $name: Predictor<Input = $first::Input, Output = Values>)*>
            RegressorModels for ($first, $($name,)*)
        {
            type Input = $first::Input;

            fn predict_all(&self, x: &Self::Input) -> Result<Vec<Values>> {
                Ok(vec![self.$at.predict(x)?, $(self.$place.predict(x)?,)*])
            }
        }

        impl<$first: Classifier $(, $name: Classifier<Input = $first::Input>)*> ClassifierModels
            for ($first, $($name,)*)
        {
            type Input = $first::Input;

            fn predict_proba_all(&self, x: &Self::Input) -> Result<Vec<Probabilities>> {
                Ok(vec![self.$at.predict_proba(x)?, $(self.$place.predict_proba(x)?,)*])
            }
        }
    )*};
}

members_of_tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
    (A 0, B 1, C 2, D 3, E 4);
    (A 0, B 1, C 2, D 3, E 4, F 5);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
}

impl<E: Estimator> Members for Vec<E> {
    type Input = E::Input;
    type Target = E::Target;
    type Models = Vec<E::Model>;

    fn fit_all(&self, train: &Train<'_, E::Input, E::Target>) -> Result<Vec<E::Model>> {
        reduce::try_map_each(self.len(), |place| fit_one(place, &self[place], train))
    }

    fn capabilities(&self) -> Capabilities {
        let all = self.iter().map(Estimator::capabilities);
        all.reduce(Capabilities::and).unwrap_or_default()
    }

    fn names(&self) -> Vec<String> {
        self.iter().enumerate().map(|(place, member)| name_of(place, member)).collect()
    }
}

impl<M: Predictor<Output = Values>> RegressorModels for Vec<M> {
    type Input = M::Input;

    fn predict_all(&self, x: &M::Input) -> Result<Vec<Values>> {
        self.iter().map(|model| model.predict(x)).collect()
    }
}

impl<M: Classifier<Output = Classes>> ClassifierModels for Vec<M> {
    type Input = M::Input;

    fn predict_proba_all(&self, x: &M::Input) -> Result<Vec<Probabilities>> {
        self.iter().map(|model| model.predict_proba(x)).collect()
    }
}
