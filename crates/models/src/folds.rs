//! Rows that are held out together where an estimator judges itself.

use std::ops::Range;

use perennial_core::{Error, Param, Result};
use perennial_numeric::folds;
use serde::{Deserialize, Serialize};

pub(crate) const CV: Param = Param::integer("cv", "how many folds").at_least(2.0);

/// Which rows are held out together where an estimator chooses a setting, or learns from what others say of rows that they
/// have not seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Folds {
    /// Runs of successive rows, the first ones longer by one where they cannot be equal; where classes are told, runs of the
    /// rows of each class.
    #[default]
    Runs,
    /// Rows dealt out at random, from the seed; groups stay whole, else each class is spread evenly where classes are told.
    Shuffled,
    /// The fold of each row, such as any splitter makes: numbers from 0 on, none left out. It says how many folds there are,
    /// too.
    Given(Vec<usize>),
}

/// The fold of each row, and how many folds there are.
#[derive(Debug)]
pub(crate) struct Assigned {
    pub(crate) fold_of: Vec<usize>,
    pub(crate) n_folds: usize,
}

impl Folds {
    /// Divides rows into `cv` folds, or as many as are given. `strata` are the classes, `groups` what must stay whole.
    pub(crate) fn assign(
        &self,
        n_rows: usize,
        cv: usize,
        strata: Option<&[u32]>,
        groups: Option<&[u32]>,
        seed: u64,
    ) -> Result<Assigned> {
        CV.check_count(if matches!(self, Folds::Given(_)) { 2 } else { cv })?;
        self.assign_named("cv", n_rows, cv, strata, groups, seed)
    }

    /// The same, where the number of folds is checked already and goes by another name.
    pub(crate) fn assign_named(
        &self,
        name: &str,
        n_rows: usize,
        cv: usize,
        strata: Option<&[u32]>,
        groups: Option<&[u32]>,
        seed: u64,
    ) -> Result<Assigned> {
        if let Folds::Given(given) = self {
            return checked(given, n_rows);
        }
        if cv > n_rows {
            return Err(Error::insufficient_data(format!(
                "{n_rows} rows cannot be cut into {cv} folds; set `{name}` to at most the number of rows"
            )));
        }
        let fold_of = match (self, strata) {
            (Folds::Runs, None) => {
                runs(n_rows, cv).into_iter().enumerate().flat_map(|(k, run)| run.map(move |_| k)).collect()
            }
            (Folds::Runs, Some(strata)) => within(strata, cv),
            _ => folds::assign(n_rows, cv, strata, groups, seed),
        };
        let assigned = Assigned { fold_of, n_folds: cv };
        let mut seen = vec![false; cv];
        assigned.fold_of.iter().for_each(|&fold| seen[fold] = true);
        if seen.into_iter().all(|seen| seen) {
            return Ok(assigned);
        }
        let units = if groups.is_some() { "groups" } else { "classes" };
        Err(Error::insufficient_data(format!(
            "{n_rows} rows of few {units} cannot be cut into {cv} folds; set `{name}` lower"
        )))
    }
}

/// Runs of successive rows.
pub(crate) fn runs(n_rows: usize, n_folds: usize) -> Vec<Range<usize>> {
    let (size, rest) = (n_rows / n_folds, n_rows % n_folds);
    (0..n_folds).map(|k| k * size + k.min(rest)..(k + 1) * size + (k + 1).min(rest)).collect()
}

/// Each class dealt out in runs of its rows.
fn within(strata: &[u32], n_folds: usize) -> Vec<usize> {
    let n_strata = strata.iter().max().map_or(0, |most| *most as usize + 1);
    let (mut counts, mut seen) = (vec![0; n_strata], vec![0; n_strata]);
    strata.iter().for_each(|&stratum| counts[stratum as usize] += 1);
    let place = |&stratum: &u32| {
        let stratum = stratum as usize;
        seen[stratum] += 1;
        (seen[stratum] - 1) * n_folds / counts[stratum]
    };
    strata.iter().map(place).collect()
}

fn checked(given: &[usize], n_rows: usize) -> Result<Assigned> {
    if given.len() != n_rows {
        return Err(Error::length_mismatch("the folds of the rows", n_rows, given.len()));
    }
    let n_folds = given.iter().max().map_or(0, |most| most.saturating_add(1));
    let mut seen = vec![false; n_folds.min(n_rows)];
    given.iter().for_each(|&fold| {
        if let Some(seen) = seen.get_mut(fold) {
            *seen = true;
        }
    });
    if (2..=n_rows).contains(&n_folds) && seen.iter().all(|seen| *seen) {
        return Ok(Assigned { fold_of: given.to_vec(), n_folds });
    }
    Err(Error::malformed(
        "the folds that are given must be at least two and numbered from 0 on, each with a row",
    ))
}

impl Assigned {
    /// The rows fold by fold, and which of them make up each fold.
    pub(crate) fn sorted(&self) -> (Vec<usize>, Vec<Range<usize>>) {
        let mut order: Vec<usize> = (0..self.fold_of.len()).collect();
        order.sort_by_key(|&row| self.fold_of[row]);
        let end = |fold: usize| order.partition_point(|&row| self.fold_of[row] < fold);
        let runs = (0..self.n_folds).map(|fold| end(fold)..end(fold + 1)).collect();
        (order, runs)
    }

    /// The rows outside and inside of a fold.
    pub(crate) fn parts(&self, fold: usize) -> (Vec<usize>, Vec<usize>) {
        (0..self.fold_of.len()).partition(|&row| self.fold_of[row] != fold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_classes_and_groups() {
        let of = |folds: &Folds, strata: Option<&[u32]>, groups: Option<&[u32]>| {
            folds.assign(7, 3, strata, groups, 1).map(|assigned| assigned.fold_of)
        };
        assert_eq!(of(&Folds::Runs, None, None).unwrap(), [0, 0, 0, 1, 1, 2, 2]);
        assert_eq!(of(&Folds::Runs, Some(&[0, 1, 0, 1, 0, 1, 0]), None).unwrap(), [0, 0, 0, 1, 1, 2, 2]);
        let folds = of(&Folds::Shuffled, None, Some(&[5, 5, 5, 8, 8, 9, 9])).unwrap();
        assert!(folds[0] == folds[2] && folds[3] == folds[4] && folds[5] == folds[6]);
        let error = of(&Folds::Shuffled, None, Some(&[5, 5, 5, 8, 8, 8, 8])).unwrap_err();
        assert!(error.to_string().contains("groups"), "{error}");
        let given = Folds::Given(vec![1, 0, 1, 0, 2, 2, 0]);
        let assigned = given.assign(7, 99, None, None, 0).unwrap();
        assert_eq!(assigned.sorted(), (vec![1, 3, 6, 0, 2, 4, 5], vec![0..3, 3..5, 5..7]));
        assert_eq!(assigned.parts(2), (vec![0, 1, 2, 3, 6], vec![4, 5]));
        for wrong in [vec![0; 7], vec![0, 2, 0, 2, 0, 2, 0], vec![0, 1], vec![usize::MAX, 0, 1, 0, 1, 0, 1]] {
            assert!(Folds::Given(wrong).assign(7, 2, None, None, 0).is_err());
        }
        assert!(Folds::Runs.assign(2, 3, None, None, 0).unwrap_err().to_string().contains("2 rows"));
        assert!(Folds::Runs.assign(9, 1, None, None, 0).is_err());
    }
}
