//! Rows and columns drawn at random, and the models that learn from them.

use std::borrow::Cow;

use perennial_core::{Error, Estimator, Features, Matrix, Param, Result, ResultExt, Rows, Train};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::balance::draw_even;

pub(super) const N_ESTIMATORS: Param =
    Param::integer("n_estimators", "how many models").at_least(1.0).at_most(1e6).search(10.0, 100.0);
pub(super) const MAX_SAMPLES: Param =
    Param::real("max_samples", "the share of the rows that each model draws")
        .above(0.0)
        .at_most(1.0)
        .search(0.3, 1.0);
pub(super) const MAX_FEATURES: Param =
    Param::real("max_features", "the share of the columns that each model draws")
        .above(0.0)
        .at_most(1.0)
        .search(0.3, 1.0);

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Draws {
    pub(super) n_estimators: usize,
    pub(super) max_samples: f64,
    pub(super) max_features: f64,
    pub(super) bootstrap: bool,
    pub(super) bootstrap_features: bool,
    pub(super) out_of_bag: bool,
    pub(super) seed: Option<u64>,
}

impl Default for Draws {
    fn default() -> Self {
        Draws {
            n_estimators: 10,
            max_samples: 1.0,
            max_features: 1.0,
            bootstrap: true,
            bootstrap_features: false,
            out_of_bag: false,
            seed: None,
        }
    }
}

/// A model and the columns that it looks at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Member<M> {
    /// A column that was drawn twice stands twice.
    pub(super) columns: Vec<usize>,
    pub(super) model: M,
}

pub(super) fn check_members<M>(features: &Features, members: &[Member<M>]) -> Result<()> {
    let inside = |member: &Member<M>| member.columns.iter().all(|&column| column < features.len());
    if members.is_empty() || !members.iter().all(inside) {
        return Err(Error::corrupt("the members of the bag do not fit its columns"));
    }
    Ok(())
}

/// Fits the members. `even` are the rows of each class, where as many of each are drawn; `describe` tells of the rows of a
/// member what is wanted beside its model.
pub(super) fn fit_members<E, D: Send>(
    estimator: &E,
    draws: &Draws,
    train: &Train<'_, Matrix, E::Target>,
    even: Option<&[Vec<usize>]>,
    good: impl Fn(&[usize]) -> bool + Sync,
    describe: impl Fn(&[usize]) -> D + Sync,
) -> Result<Vec<(Member<E::Model>, D)>>
where
    E: Estimator<Input = Matrix, Target: Sized>,
{
    N_ESTIMATORS.check_count(draws.n_estimators)?;
    MAX_SAMPLES.check(draws.max_samples)?;
    MAX_FEATURES.check(draws.max_features)?;
    let (n_rows, n_cols) = (train.x.n_rows(), train.x.n_cols());
    let share = |share: f64, n: usize| ((share * n as f64).round() as usize).clamp(1, n.max(1));
    // Only rows that have weight can be drawn.
    let counting: Vec<usize> =
        (0..n_rows).filter(|&row| train.weights.is_none_or(|weights| weights[row] > 0.0)).collect();
    let (n_drawn, n_columns) = (share(draws.max_samples, counting.len()), share(draws.max_features, n_cols));
    let seed = train.ctx.seed(draws.seed);
    reduce::try_map_each(draws.n_estimators, |place| {
        train.ctx.step(place, draws.n_estimators)?;
        let mut random = Random::new(seed).fork(place as u64);
        let mut columns: Vec<usize> = match draws.bootstrap_features {
            true => (0..n_columns).map(|_| random.below(n_cols)).collect(),
            false => random.sample(n_cols, n_columns),
        };
        columns.sort_unstable();
        let mut draw = || {
            if let Some(strata) = even {
                return draw_even(strata, draws.max_samples, draws.bootstrap, &mut random);
            }
            let places = if draws.bootstrap {
                let mut places: Vec<usize> = (0..n_drawn).map(|_| random.below(counting.len())).collect();
                places.sort_unstable();
                places
            } else {
                random.sample(counting.len(), n_drawn)
            };
            places.into_iter().map(|place| counting[place]).collect::<Vec<usize>>()
        };
        // A draw of few rows may miss what makes the task one, such as a second class.
        let mut rows = draw();
        for _ in 0..100 {
            if good(&rows) {
                break;
            }
            rows = draw();
        }
        let x = train.x.take(&rows)?;
        let x = seen(&x, &columns)?;
        let y = train.y.take(&rows)?;
        let weights = train.weights.map(|weights| weights.take(&rows)).transpose()?;
        let name = format!("member {place}");
        let mut own = Train::new(&*x, std::borrow::Borrow::borrow(&y)).context(train.ctx.child(&name));
        own.weights = weights.as_deref();
        Ok((Member { model: estimator.fit_on(&own).context(name)?, columns }, describe(&rows)))
    })
}

/// The columns that a member looks at.
pub(super) fn seen<'x>(x: &'x Matrix, columns: &[usize]) -> Result<Cow<'x, Matrix>> {
    let mut times = vec![0; x.n_cols()];
    columns.iter().for_each(|&column| times[column] += 1);
    let most = times.iter().copied().max().unwrap_or(0);
    if most <= 1 && columns.len() == x.n_cols() {
        return Ok(Cow::Borrowed(x));
    }
    let part = |time: usize| {
        let columns: Vec<usize> = (0..times.len()).filter(|&column| times[column] >= time).collect();
        let part = x.select(&columns)?;
        if time == 1 {
            return Ok(part);
        }
        // Names that no other column has.
        let name = |column: &usize| {
            let mut name = format!("{} ({time})", x.features().name(*column));
            while x.features().names().any(|known| known == name) {
                name.push('_');
            }
            name
        };
        part.with_names(columns.iter().map(name))
    };
    let mut parts = (1..=most).map(part).collect::<Result<Vec<Matrix>>>()?;
    if parts.len() == 1 {
        return Ok(Cow::Owned(parts.swap_remove(0)));
    }
    Matrix::hstack(&parts).map(Cow::Owned)
}
