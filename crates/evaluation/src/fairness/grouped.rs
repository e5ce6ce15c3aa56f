//! The reduction as an estimator whose rows say of which group they are.

use perennial_core::{Capabilities, Classes, Estimator, Predictor, Result, Train};
use serde::{Deserialize, Serialize};

use super::groups_of::GroupsOf;
use super::reductions::{ExponentiatedGradient, ExponentiatedGradientModel};

/// [`ExponentiatedGradient`] as an [`Estimator`]: the groups are read off the rows, so it can be cross-validated, tuned and saved.
///
/// ```
/// use perennial_evaluation::fairness::{ExponentiatedGradient, GroupColumn, GroupedGradient};
///
/// # fn demo<E>(classifier: E) {
/// let fair = GroupedGradient::new(ExponentiatedGradient::new(classifier).eps(0.02), GroupColumn::new("sex"));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupedGradient<E, G> {
    settings: ExponentiatedGradient<E>,
    groups: G,
}

impl<E, G> GroupedGradient<E, G> {
    /// These settings, with the groups that the rows say.
    pub fn new(settings: ExponentiatedGradient<E>, groups: G) -> Self {
        GroupedGradient { settings, groups }
    }
}

impl<E, G> Estimator for GroupedGradient<E, G>
where
    E: Estimator<Target = Classes>,
    E::Model: Predictor<Input = E::Input, Output = Classes>,
    G: GroupsOf<E::Input>,
{
    type Input = E::Input;
    type Target = Classes;
    type Model = ExponentiatedGradientModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Classes>) -> Result<Self::Model> {
        self.settings.fit_on(train, &self.groups.groups_of(train.x)?)
    }

    fn capabilities(&self) -> Capabilities {
        let mut accepts = self.settings.estimator().capabilities();
        (accepts.groups, accepts.validation) = (false, false);
        accepts
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("GroupedGradient({})", self.settings.estimator().steps().join(" -> "))]
    }
}
