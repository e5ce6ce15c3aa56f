//! Settings that do not go together.

use perennial_core::{Error, Result};

use super::monotone::MonotoneMethod;
use super::settings::{Growth, Settings};
use crate::tree::Splits;

impl Settings {
    /// Refuses ways to split and to grow that exclude each other.
    pub(super) fn check_splits(&self) -> Result<()> {
        if self.growth == Growth::Symmetric && self.monotone_method == MonotoneMethod::Intermediate {
            return Err(Error::unsupported(
                "`Growth::Symmetric` splits the leaves of a level together, `MonotoneMethod::Intermediate` one after the other; leave \
                 `monotone_method` at `MonotoneMethod::Basic`",
            ));
        }
        match self.splits {
            Splits::Random => Err(Error::unsupported(
                "boosting has no `Splits::Random`: set `extra_trees` and leave `splits` at `Splits::Histogram`",
            )),
            Splits::Exact if self.extra_trees => Err(Error::unsupported(
                "`extra_trees` draws one cut of each column, `Splits::Exact` looks at all of them; set one of the two",
            )),
            Splits::Exact if self.growth == Growth::Symmetric => Err(Error::unsupported(
                "`Growth::Symmetric` compares the bins of all leaves of a level, which `Splits::Exact` has none of; set one of the two",
            )),
            Splits::Exact if self.split_cost > 0.0 || !self.feature_cost.is_empty() => {
                Err(Error::unsupported(
                    "`Splits::Exact` does not know `split_cost` and `feature_cost`; leave `splits` at `Splits::Histogram`, or set no cost",
                ))
            }
            Splits::Exact | Splits::Histogram => Ok(()),
        }
    }
}
