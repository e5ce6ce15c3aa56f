//! What columns still cost.

use crate::tree::Tree;

/// The cost of the first use of each column by the model.
///
/// Splits of one tree, and the trees of one round, are looked for at the same time. So that the result does not depend on who comes
/// first, all of a round see what was paid before it.
pub(crate) struct Costs(Vec<f64>);

impl Costs {
    /// These costs, but for the columns that trees ask already.
    pub(crate) fn new(costs: &[f64], trees: &[Tree]) -> Self {
        let mut costs = Costs(costs.to_vec());
        costs.pay(trees);
        costs
    }

    /// Columns that these trees ask cost nothing any more.
    pub(crate) fn pay(&mut self, trees: &[Tree]) {
        if self.0.iter().all(|&cost| cost == 0.0) {
            return;
        }
        let asked = trees.iter().flat_map(|tree| (0..tree.n_nodes()).filter_map(|node| tree.feature(node)));
        for column in asked {
            if let Some(cost) = self.0.get_mut(column) {
                *cost = 0.0;
            }
        }
    }

    pub(crate) fn of(&self, column: usize) -> f64 {
        self.0.get(column).copied().unwrap_or(0.0)
    }
}
