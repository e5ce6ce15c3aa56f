//! What is true of an estimator beyond its capabilities.

/// What the kit may expect of an estimator beyond its [`Capabilities`](perennial_core::Capabilities).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Tags {
    /// It does not try to be good: no bar on accuracy or R2.
    pub poor_score: bool,
    /// A row's answer does not depend on the rows beside it.
    pub row_independent: bool,
    /// It solves its problem exactly: the order of the training rows and repeated rows change little.
    pub exact_solver: bool,
    /// Weights act as repeated rows up to this relative difference.
    pub weight_tolerance: f64,
    /// Shifting and scaling the target shifts and scales the predictions.
    pub equivariant: bool,
    /// Its model may hold NaN or infinities on purpose.
    pub non_finite_state: bool,
    /// It takes only values >= 0.
    pub positive_only: bool,
    /// It chooses by the target what to do with all rows, as a selection of columns does; its training output may
    /// then change with any target.
    pub selects_by_target: bool,
    /// The most rows it is checked on; fewer make the kit fast for work that grows with the square of the rows.
    pub most_rows: usize,
    /// Checks that must fail, with the reason; one that passes after all is a failure of the kit's run.
    pub expected_failures: Vec<(&'static str, &'static str)>,
}

impl Default for Tags {
    fn default() -> Self {
        Tags {
            poor_score: false,
            row_independent: true,
            exact_solver: false,
            weight_tolerance: 1e-9,
            equivariant: false,
            non_finite_state: false,
            positive_only: false,
            selects_by_target: false,
            most_rows: 20_000,
            expected_failures: Vec::new(),
        }
    }
}

impl Tags {
    /// An ordinary estimator.
    pub fn new() -> Self {
        Tags::default()
    }

    /// It does not try to be good.
    #[must_use]
    pub fn poor_score(mut self) -> Self {
        self.poor_score = true;
        self
    }

    /// A row's answer depends on the rows beside it.
    #[must_use]
    pub fn row_dependent(mut self) -> Self {
        self.row_independent = false;
        self
    }

    /// It solves its problem exactly.
    #[must_use]
    pub fn exact_solver(mut self) -> Self {
        self.exact_solver = true;
        self
    }

    /// Weights act as repeated rows only about so exactly.
    #[must_use]
    pub fn weight_tolerance(mut self, relative: f64) -> Self {
        self.weight_tolerance = relative;
        self
    }

    /// Shifting and scaling the target shifts and scales the predictions.
    #[must_use]
    pub fn equivariant(mut self) -> Self {
        self.equivariant = true;
        self
    }

    /// Its model may hold NaN or infinities on purpose.
    #[must_use]
    pub fn non_finite_state(mut self) -> Self {
        self.non_finite_state = true;
        self
    }

    /// It takes only values >= 0.
    #[must_use]
    pub fn positive_only(mut self) -> Self {
        self.positive_only = true;
        self
    }

    /// It chooses by the target what to do with all rows.
    #[must_use]
    pub fn selects_by_target(mut self) -> Self {
        self.selects_by_target = true;
        self
    }

    /// It is checked on at most so many rows.
    #[must_use]
    pub fn most_rows(mut self, n_rows: usize) -> Self {
        self.most_rows = n_rows;
        self
    }

    /// This check must fail, for this reason.
    #[must_use]
    pub fn expect_fail(mut self, check: &'static str, reason: &'static str) -> Self {
        self.expected_failures.push((check, reason));
        self
    }
}
