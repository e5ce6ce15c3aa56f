//! The ways in which rows can be searched, and which is taken.

use perennial_core::{Context, Error, Result};
use serde::{Deserialize, Serialize};

use super::collect::{Collect, Nearest};
use super::graph::{self, Graph};
use super::grouped;
use super::norm::{Largest, Magnitudes, Norm, Powers, Squares};
use super::panels::Panels;
use super::space::{Metric, Space};
use super::tree::Tree;
use crate::simd::{self, Kernel};

/// With more coordinates than this a tree is not even tried.
const TREE_COORDINATES: usize = 40;
/// A point that the tree comes upon costs as much as so many that the panels pass over.
const TREE_COST: f64 = 6.0;
/// With fewer rows than this nothing is tried.
const FEW_ROWS: usize = 1024;
/// Rows that are looked for to find out how well the tree prunes.
const N_TRIALS: usize = 24;

/// How rows are searched. The answers are the same but for [`Search::Hnsw`]; what differs is the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Search {
    /// By the tree where some trial searches show that it passes over most rows, else every row against every query.
    #[default]
    Auto,
    /// Every row against every query; metrics other than the Euclidean, cosine and haversine distances take the
    /// tree all the same.
    Brute,
    /// By a k-d tree.
    Tree,
    /// By a graph of near rows in layers (Malkov and Yashunin, 2018), which misses some of the nearest rows: much faster
    /// where there are many rows of many columns. The graph and the answers are the same at any number of threads. For
    /// the Euclidean, cosine and haversine distances; what is asked for by radius is found among all rows.
    Hnsw {
        /// Links of a row, 2 to 256; twice as many in the lowest layer.
        m: usize,
        /// Candidates for the links of a new row, 1 to 100000.
        ef_construction: usize,
        /// Candidates of a search, 1 to 100000; at least as many as neighbours are asked for. More miss less.
        ef_search: usize,
    },
}

impl Search {
    /// The approximate search with 16 links, 100 candidates for links and 64 of a search.
    pub fn hnsw() -> Self {
        Search::Hnsw { m: 16, ef_construction: 100, ef_search: 64 }
    }
}

/// An index of one of the ways.
#[derive(Clone, Debug)]
pub(super) enum Way {
    Tree(Tree),
    Panels(Panels),
    Graph(Graph),
}

impl Way {
    pub(super) fn new(ctx: &Context, space: &Space, cells: Vec<f64>, search: Search) -> Result<Self> {
        let width = space.n_coordinates();
        let n_rows = cells.len() / width;
        let flat = matches!(space.metric, Metric::Euclidean | Metric::Cosine | Metric::Haversine);
        if let Search::Hnsw { m, ef_construction, ef_search } = search {
            let effort = graph::check(m, ef_construction, ef_search)?;
            if !flat {
                return Err(Error::unsupported(format!(
                    "the graph of near rows takes the euclidean, cosine and haversine metrics, not {}; search by the tree",
                    space.metric
                )));
            }
            return Ok(Way::Graph(Graph::new(ctx, cells, width, effort)?));
        }
        if !flat || search == Search::Tree {
            return Ok(Way::Tree(Tree::new(ctx, &cells, width)?));
        }
        if search == Search::Brute || width > TREE_COORDINATES || n_rows < FEW_ROWS {
            return Ok(Way::Panels(Panels::new(cells, width)));
        }
        let tree = Tree::new(ctx, &cells, width)?;
        let mut waiting = Vec::new();
        let mut n_scanned = 0;
        for trial in 0..N_TRIALS {
            let row = trial * (n_rows / N_TRIALS);
            let mut nearest = Nearest::new(10);
            n_scanned += tree.search(Squares, &cells[row * width..][..width], &mut nearest, &mut waiting);
        }
        let share = n_scanned as f64 / (N_TRIALS * tree.n_leaves()) as f64;
        ctx.check()?;
        Ok(if share * TREE_COST < 1.0 { Way::Tree(tree) } else { Way::Panels(Panels::new(cells, width)) })
    }

    pub(super) fn search<C: Collect>(
        &self,
        metric: Metric,
        points: &[f64],
        width: usize,
        collects: &mut [C],
    ) {
        match self {
            Way::Panels(panels) => panels.search(points, collects),
            Way::Graph(graph) => graph.search(points, collects),
            Way::Tree(tree) => match metric {
                Metric::Manhattan => simd::widest(Walk { tree, norm: Magnitudes, points, width, collects }),
                Metric::Chebyshev => simd::widest(Walk { tree, norm: Largest, points, width, collects }),
                Metric::Minkowski(p) => simd::widest(Walk { tree, norm: Powers(p), points, width, collects }),
                _ => simd::widest(Walk { tree, norm: Squares, points, width, collects }),
            },
        }
    }
}

struct Walk<'a, N, C> {
    tree: &'a Tree,
    norm: N,
    points: &'a [f64],
    width: usize,
    collects: &'a mut [C],
}

impl<N: Norm, C: Collect> Kernel for Walk<'_, N, C> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        match self.width {
            1 => return grouped::search::<N, C, 1>(self.tree, self.norm, self.points, self.collects),
            2 => return grouped::search::<N, C, 2>(self.tree, self.norm, self.points, self.collects),
            3 => return grouped::search::<N, C, 3>(self.tree, self.norm, self.points, self.collects),
            _ => {}
        }
        let mut waiting = Vec::with_capacity(64);
        for (point, collect) in self.points.chunks_exact(self.width).zip(self.collects) {
            self.tree.search(self.norm, point, collect, &mut waiting);
        }
    }
}
