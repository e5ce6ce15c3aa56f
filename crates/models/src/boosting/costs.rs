//! What settings say of costs.

use perennial_core::{Error, Features, Param, Result};

use super::settings::Settings;

pub(super) const SPLIT_COST: Param =
    Param::real("split_cost", "what is taken from the gain of a split for each row of the leaf")
        .at_least(0.0)
        .at_most(1e100);
const FEATURE_COST: Param =
    Param::real("feature_cost", "what is taken from the gains of splits by a column that is not used yet")
        .at_least(0.0)
        .at_most(1e100);

impl Settings {
    pub(super) fn check_costs(&self) -> Result<()> {
        SPLIT_COST.check(self.split_cost)?;
        let check = |(name, cost): &(String, f64)| {
            FEATURE_COST.check(*cost).map_err(|error| error.context(format!("column `{name}`")))
        };
        self.feature_cost.iter().try_for_each(check)
    }

    /// What the first use of each column costs; nothing where there are no costs.
    pub(super) fn costs(&self, features: &Features) -> Result<Vec<f64>> {
        let mut costs = vec![0.0; if self.feature_cost.is_empty() { 0 } else { features.len() }];
        for (name, cost) in &self.feature_cost {
            costs[features.position(name)?] = *cost;
            if self.offset.contains(name) || self.latest.as_ref() == Some(name) {
                return Err(Error::unsupported(format!(
                    "`feature_cost` names column `{name}`, which is `offset` or `latest` and is never asked; leave it out"
                )));
            }
        }
        Ok(costs)
    }
}
