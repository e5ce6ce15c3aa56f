//! How boosting learns.

mod bundles;
pub(crate) mod categories;
pub(crate) mod cells;
pub(crate) mod costs;
pub(crate) mod derivatives;
pub(crate) mod groups;
pub(crate) mod grow;
pub(crate) mod histogram;
pub(crate) mod leaves;
mod level;
pub(crate) mod partition;
pub(crate) mod rounds;
pub(crate) mod sets;
pub(crate) mod split;
pub(crate) mod walk;
