//! Every model of this crate by name: what it is for, what it takes, what it offers, and how to make one from a configuration.
//!
//! [`models`] lists them; filters narrow the list down; an [`Entry`] makes a boxed estimator from settings that stand in a file.
//! [`suggest`] ranks a few for the data at hand and says why, and why not the others.
//!
//! Nothing here is a table that could go stale: what an entry takes is what its estimator declares to every fit, what it offers is
//! decided by the compiler from the traits and methods that are there, and the names and defaults of its settings are those that
//! serde writes.
//!
//! ```
//! use ndarray::Array2;
//! use perennial_core::{Estimator, Matrix, Predictor, Values};
//! use perennial_models::registry::{Ability, Task, models};
//!
//! // Regressors that take missing values and can be kept rising along a column.
//! let found = models().task(Task::Regression).supports(Ability::Missing).supports(Ability::Monotone);
//! assert!(found.names().contains(&"GradientBoostingRegressor") && !found.names().contains(&"Ridge"));
//!
//! // A model chosen by name, as in a file; settings are names and values.
//! let settings = std::collections::BTreeMap::from([("n_trees", 50), ("max_depth", 3)]);
//! let chosen = models().get("GradientBoostingRegressor")?.regressor(&settings)?;
//! let x = Matrix::from(Array2::from_shape_fn((200, 1), |(row, _)| row as f64));
//! let y: Values = (0..200).map(|row| if row < 100 { 1.0 } else { 3.0 }).collect();
//! assert!((chosen.fit(&x, &y)?.predict(&x)?.as_slice()[199] - 3.0).abs() < 0.1);
//!
//! // A setting that is not there is an error that says what is.
//! let wrong = std::collections::BTreeMap::from([("n_tree", 50)]);
//! let error = models().get("GradientBoostingRegressor")?.regressor(&wrong).unwrap_err().to_string();
//! assert!(error.contains("no setting `n_tree`; did you mean `n_trees`?"), "{error}");
//! # Ok::<(), perennial_core::Error>(())
//! ```

mod candidates;
mod entry;
mod facts;
mod families;
mod list;
mod make;
mod names;
mod offers;
mod settings;
mod suggest;

pub use entry::{Ability, Entry, Task};
pub use facts::{DataFacts, Wishes};
pub use list::{Models, models};
pub use settings::Setting;
pub use suggest::{LeftOut, Suggestion, Suggestions, suggest};
