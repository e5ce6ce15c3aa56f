//! The training rows of a model, and how much each of those near a row counts.

use ndarray::{Axis, s};
use perennial_core::{Context, Features, Matrix, Result, Rows};
use serde::{Deserialize, Serialize};

use super::reference::Reference;
use super::sparse::SparseReference;
use super::{Metric, Search};

/// Queries whose rows within a radius are held at a time.
const QUERIES: usize = 512;

/// How much a neighbour counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighting {
    /// All count the same.
    #[default]
    Uniform,
    /// Each counts by the inverse of its distance; where some are at distance 0, those alone count.
    Distance,
}

/// Which rows answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Reach {
    /// So many of the nearest.
    Nearest(usize),
    /// Those within a radius; the nearest where there are none.
    Radius(f64),
    /// Those within a radius, and none where there are none.
    Within(f64),
}

/// Training rows, dense or sparse, that answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Memory {
    Dense(Reference),
    Sparse(SparseReference),
}

impl Memory {
    pub(super) fn new(ctx: &Context, x: &Matrix, metric: Metric, search: Search) -> Result<Self> {
        Ok(match x.sparse() {
            Some(csr) => Memory::Sparse(SparseReference::new(x.features(), csr, metric, search)?),
            None => Memory::Dense(Reference::new(ctx, x, metric, search)?),
        })
    }

    pub(super) fn features(&self) -> &Features {
        match self {
            Memory::Dense(reference) => reference.features(),
            Memory::Sparse(reference) => reference.features(),
        }
    }

    pub(super) fn n_rows(&self) -> usize {
        match self {
            Memory::Dense(reference) => reference.rows().nrows(),
            Memory::Sparse(reference) => reference.n_rows(),
        }
    }

    pub(super) fn search(&self) -> Search {
        match self {
            Memory::Dense(reference) => reference.index().search(),
            Memory::Sparse(_) => Search::Brute,
        }
    }

    /// Hands each row of `x` the training rows that answer, none where none is within the reach, and how much each counts.
    pub(super) fn answer(
        &self,
        x: &Matrix,
        reach: Reach,
        weighting: Weighting,
        mut answer: impl FnMut(&[u32], &[f64]),
    ) -> Result<()> {
        let x = self.features().align(x)?;
        x.check_finite(false)?;
        let mut shares = Vec::new();
        let weigh = |rows: &[u32], distances: &[f64]| {
            shares.clear();
            let touching = distances.contains(&0.0);
            // Relative to the nearest, so that no inverse overflows.
            let nearest = distances.iter().copied().fold(f64::INFINITY, f64::min);
            shares.extend(distances.iter().map(|&distance| match weighting {
                Weighting::Uniform => 1.0,
                Weighting::Distance if touching => f64::from(u8::from(distance == 0.0)),
                Weighting::Distance => nearest / distance,
            }));
            answer(rows, &shares);
        };
        match self {
            Memory::Dense(reference) => nearby(reference, &x, reach, weigh),
            Memory::Sparse(reference) => sparse_nearby(reference, &x, reach, weigh),
        }
    }
}

fn nearby(
    reference: &Reference,
    x: &Matrix,
    reach: Reach,
    mut weigh: impl FnMut(&[u32], &[f64]),
) -> Result<()> {
    let (x, index) = (x.dense()?, reference.index());
    match reach {
        Reach::Nearest(k) => {
            let found = index.nearest(x, k)?;
            found
                .rows()
                .chunks_exact(k)
                .zip(found.distances().chunks_exact(k))
                .for_each(|(rows, distances)| weigh(rows, distances));
        }
        Reach::Radius(radius) | Reach::Within(radius) => {
            let wants_nearest = matches!(reach, Reach::Radius(_));
            // Many rows may be within the radius, so only those of some queries are held.
            for start in (0..x.nrows()).step_by(QUERIES) {
                let x = x.slice(s![start..(start + QUERIES).min(x.nrows()), ..]);
                let found = index.within(&Context::new(), &x, radius)?;
                let alone = |query: &usize| wants_nearest && found.get(*query).0.is_empty();
                let alone: Vec<usize> = (0..x.nrows()).filter(alone).collect();
                let nearest = index.nearest(&x.select(Axis(0), &alone), 1)?;
                let mut next = nearest.rows().chunks_exact(1).zip(nearest.distances().chunks_exact(1));
                for query in 0..x.nrows() {
                    let (rows, distances) = found.get(query);
                    if rows.is_empty() && wants_nearest {
                        next.next().into_iter().for_each(|(rows, distances)| weigh(rows, distances));
                    } else {
                        weigh(rows, distances);
                    }
                }
            }
        }
    }
    Ok(())
}

fn sparse_nearby(
    reference: &SparseReference,
    x: &Matrix,
    reach: Reach,
    mut weigh: impl FnMut(&[u32], &[f64]),
) -> Result<()> {
    for start in (0..x.n_rows()).step_by(QUERIES) {
        let rows = start..(start + QUERIES).min(x.n_rows());
        let mut found = match reach {
            Reach::Nearest(k) => reference.nearest(x, rows.clone(), k)?,
            Reach::Radius(radius) | Reach::Within(radius) => reference.within(x, rows.clone(), radius)?,
        };
        for (row, near) in rows.zip(&mut found) {
            if near.0.is_empty() && matches!(reach, Reach::Radius(_)) {
                *near = reference.nearest(x, row..row + 1, 1)?.pop().unwrap_or_default();
            }
            weigh(&near.0, &near.1);
        }
    }
    Ok(())
}
