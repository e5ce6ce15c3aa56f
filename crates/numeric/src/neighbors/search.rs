//! The index over the rows, and what it answers.

use ndarray::ArrayRef2;
use perennial_core::{Context, Error, Result};

use super::answers::{Neighbors, Ranges};
use super::collect::{Collect, Nearest, Within};
use super::graph;
use super::norm::{Largest, Magnitudes, Powers, Squares};
use super::space::{Metric, Space, haversine};
use super::spanning::spanning_tree;
use super::way::{Search, Way};
use crate::linalg::row_block;
use crate::reduce;

/// Queries of one task.
const BLOCK: usize = 240;

/// Rows in a form in which the nearest are found fast.
///
/// ```
/// use ndarray::array;
/// use perennial_numeric::neighbors::{Index, Metric, Search};
///
/// let index = Index::new(&array![[0.0, 0.0], [3.0, 4.0], [1.0, 0.0]], Metric::Euclidean, Search::Auto)?;
/// let found = index.nearest(&array![[0.0, 0.0]], 2)?;
/// assert_eq!((found.rows(), found.distances()), (&[0, 2][..], &[0.0, 1.0][..]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Index {
    pub(super) space: Space,
    pub(super) n_rows: usize,
    pub(super) way: Way,
    /// Latitudes and longitudes, where those are the rows.
    angles: Vec<f64>,
}

impl Index {
    /// An index over the rows of `x`.
    ///
    /// # Errors
    /// When there are no rows or columns, or 2^32 - 1 rows or more, a number is not finite, or the metric does
    /// not suit the columns.
    pub fn new(x: &ArrayRef2<f64>, metric: Metric, search: Search) -> Result<Self> {
        Index::new_in(&Context::new(), x, metric, search)
    }

    /// As [`new`](Index::new), with somebody who may stop the work.
    ///
    /// # Errors
    /// As for [`new`](Index::new), and when it is cancelled.
    pub fn new_in(ctx: &Context, x: &ArrayRef2<f64>, metric: Metric, search: Search) -> Result<Self> {
        ctx.check()?;
        let magnitude = crate::linalg::magnitude(x, "the matrix to search")?;
        if x.nrows() >= u32::MAX as usize {
            return Err(Error::too_large(format!(
                "{} rows to search; there may be fewer than {}",
                x.nrows(),
                u32::MAX
            )));
        }
        let space = Space::new(metric, x.ncols(), magnitude)?;
        let rows = row_block(x, 0..x.nrows());
        let angles = if space.metric == Metric::Haversine { rows.to_vec() } else { Vec::new() };
        let cells = space.place(&rows, 0);
        let way = Way::new(ctx, &space, cells, search)?;
        Ok(Index { space, n_rows: x.nrows(), way, angles })
    }

    /// How many rows it searches.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// How many columns rows have.
    pub fn n_cols(&self) -> usize {
        self.space.width
    }

    /// The way that is used.
    pub fn search(&self) -> Search {
        match &self.way {
            Way::Tree(_) => Search::Tree,
            Way::Panels(_) => Search::Brute,
            Way::Graph(graph) => {
                let graph::Effort { m, ef_construction, ef_search } = graph.effort();
                Search::Hnsw { m, ef_construction, ef_search }
            }
        }
    }

    /// The `k` nearest rows of each query.
    ///
    /// # Errors
    /// When there are fewer than `k` rows, the columns are not as many as those of the rows, or a query is so far away
    /// that its distances are beyond the range of `f64`.
    pub fn nearest(&self, queries: &ArrayRef2<f64>, k: usize) -> Result<Neighbors> {
        self.nearest_in(&Context::new(), queries, k)
    }

    /// As [`nearest`](Index::nearest), with somebody who may stop the work.
    ///
    /// # Errors
    /// As for [`nearest`](Index::nearest), and when it is cancelled.
    pub fn nearest_in(&self, ctx: &Context, queries: &ArrayRef2<f64>, k: usize) -> Result<Neighbors> {
        if k == 0 || k > self.n_rows {
            return Err(Error::insufficient_data(format!(
                "{k} neighbours were asked for; there must be at least 1, and at most as many as the {} rows",
                self.n_rows
            )));
        }
        let (mut rows, mut distances) = (vec![0; queries.nrows() * k], vec![0.0; queries.nrows() * k]);
        let answers = self.run(
            ctx,
            queries,
            |_| Nearest::new(k),
            |nearest, out: &mut Vec<(f64, u32)>| {
                out.extend_from_slice(nearest.found());
            },
        )?;
        for (places, found, _) in answers {
            for (&place, found) in places.iter().zip(found.chunks_exact(k)) {
                let slots = place as usize * k..(place as usize + 1) * k;
                let slots = rows[slots.clone()].iter_mut().zip(&mut distances[slots]);
                for ((row, distance), found) in slots.zip(found) {
                    (*row, *distance) = (found.1, found.0);
                }
            }
        }
        self.finish(queries, &rows, &mut distances, |found| found / k)?;
        if self.space.metric == Metric::Haversine {
            // What the chords do not tell apart the angles may.
            for (rows, distances) in rows.chunks_exact_mut(k).zip(distances.chunks_exact_mut(k)) {
                let mut pairs: Vec<(f64, u32)> =
                    distances.iter().copied().zip(rows.iter().copied()).collect();
                pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                for (place, pair) in pairs.into_iter().enumerate() {
                    (distances[place], rows[place]) = pair;
                }
            }
        }
        Ok(Neighbors { k, rows, distances })
    }

    /// The `k` nearest rows of each row that are not the row itself. `x` must be what the index was made of.
    ///
    /// # Errors
    /// As for [`nearest`](Index::nearest); there must be more than `k` rows.
    pub fn nearest_others(&self, ctx: &Context, x: &ArrayRef2<f64>, k: usize) -> Result<Neighbors> {
        if k >= self.n_rows {
            return Err(Error::insufficient_data(format!(
                "{k} neighbours of each of {} rows were asked for; there must be more rows than neighbours",
                self.n_rows
            )));
        }
        let all = self.nearest_in(ctx, x, k + 1)?;
        let mut others = Neighbors { k, rows: Vec::with_capacity(x.nrows() * k), distances: Vec::new() };
        others.distances.reserve(x.nrows() * k);
        for (row, (rows, distances)) in
            all.rows.chunks_exact(k + 1).zip(all.distances.chunks_exact(k + 1)).enumerate()
        {
            // Among many equal rows it may not be one of the first itself.
            let own = rows.iter().position(|&other| other as usize == row).unwrap_or(k);
            for place in (0..=k).filter(|place| *place != own) {
                others.rows.push(rows[place]);
                others.distances.push(distances[place]);
            }
        }
        Ok(others)
    }

    /// The rows within `radius` of each query, those at that distance included.
    ///
    /// # Errors
    /// When `radius` is no number >= 0, the columns are not as many as those of the rows, or it is cancelled.
    pub fn within(&self, ctx: &Context, queries: &ArrayRef2<f64>, radius: f64) -> Result<Ranges> {
        if !(radius >= 0.0) {
            return Err(Error::invalid_param("radius", radius, "a number >= 0"));
        }
        // The last bit of the square must not leave out a row at that very distance.
        let limit = self.space.sum(radius) * (1.0 + 1e-14);
        let answers = self.run(
            ctx,
            queries,
            |_| Within { radius: limit, found: Vec::new() },
            |within, out: &mut Vec<(f64, u32)>| {
                within.found.sort_unstable_by_key(|found| found.1);
                out.append(&mut within.found);
            },
        )?;
        let mut starts = vec![0; queries.nrows() + 1];
        let lengths = |ends: &[usize], place: usize| {
            ends[place] - place.checked_sub(1).map_or(0, |before| ends[before])
        };
        for (places, _, ends) in &answers {
            for (index, &place) in places.iter().enumerate() {
                starts[place as usize + 1] = lengths(ends, index);
            }
        }
        for query in 0..queries.nrows() {
            starts[query + 1] += starts[query];
        }
        let total = starts[queries.nrows()];
        let (mut rows, mut distances) = (vec![0; total], vec![0.0; total]);
        for (places, found, ends) in &answers {
            let mut next = found.iter();
            for (index, &place) in places.iter().enumerate() {
                let start = starts[place as usize];
                for (slot, found) in (start..).zip(next.by_ref().take(lengths(ends, index))) {
                    (rows[slot], distances[slot]) = (found.1, found.0);
                }
            }
        }
        let query_of = |slot: usize| starts.partition_point(|start| *start <= slot) - 1;
        self.finish(queries, &rows, &mut distances, query_of)?;
        Ok(Ranges { starts, rows, distances })
    }

    /// The minimum spanning tree of the rows under mutual reachability (Campello, Moulavi and Sander, 2013): two rows are as
    /// far as their distance, but no nearer than either is to its `k`-th nearest row, itself included. Edges
    /// `(length, row, row)` in the order of their lengths. `x` must be what the index was made of, by `Search::Tree`.
    ///
    /// # Errors
    /// As for [`nearest`](Index::nearest), and when the index is no tree.
    pub fn reachability_tree(
        &self,
        ctx: &Context,
        x: &ArrayRef2<f64>,
        k: usize,
    ) -> Result<Vec<(f64, u32, u32)>> {
        let Way::Tree(tree) = &self.way else {
            return Err(Error::unsupported("a spanning tree takes an index of `Search::Tree`"));
        };
        if k == 0 || k > self.n_rows {
            return Err(Error::insufficient_data(format!(
                "{k} neighbours of {} rows were asked for",
                self.n_rows
            )));
        }
        let width = self.space.n_coordinates();
        let cells = self.space.place(&row_block(x, 0..x.nrows()), 0);
        let mut core = vec![0.0; x.nrows()];
        let last = |nearest: &mut Nearest, out: &mut Vec<f64>| {
            out.push(nearest.found().last().map_or(0.0, |last| last.0));
        };
        for (places, found, _) in self.run(ctx, x, |_| Nearest::new(k), last)? {
            places.iter().zip(found).for_each(|(&place, found)| core[place as usize] = found);
        }
        let mut edges = match self.space.metric {
            Metric::Manhattan => spanning_tree(ctx, tree, Magnitudes, &cells, width, &core),
            Metric::Chebyshev => spanning_tree(ctx, tree, Largest, &cells, width, &core),
            Metric::Minkowski(p) => spanning_tree(ctx, tree, Powers(p), &cells, width, &core),
            _ => spanning_tree(ctx, tree, Squares, &cells, width, &core),
        }?;
        edges.iter_mut().for_each(|edge| edge.0 = self.space.distance(edge.0));
        Ok(edges)
    }

    /// Turns sums into distances.
    fn finish(
        &self,
        queries: &ArrayRef2<f64>,
        rows: &[u32],
        distances: &mut [f64],
        query_of: impl Fn(usize) -> usize + Sync,
    ) -> Result<()> {
        if self.space.metric == Metric::Haversine {
            let queries = row_block(queries, 0..queries.nrows());
            reduce::fill_chunks(distances, 4096, |first, distances| {
                for (index, distance) in distances.iter_mut().enumerate() {
                    let query = query_of(first + index);
                    let row = rows[first + index] as usize;
                    *distance = haversine(&queries[2 * query..][..2], &self.angles[2 * row..][..2]);
                }
            });
            return Ok(());
        }
        reduce::fill_chunks(distances, 4096, |_, distances| {
            distances.iter_mut().for_each(|distance| *distance = self.space.distance(*distance));
        });
        match distances.iter().position(|distance| !distance.is_finite()) {
            None => Ok(()),
            Some(place) => Err(Error::overflow(format!(
                "row {} is so far from those that are searched that the distance is beyond the range of f64; check its units",
                query_of(place)
            ))),
        }
    }

    /// Searches blocks of queries. Each block gives the numbers of its queries, what `take` wrote of each, and where
    /// in that each of them ends.
    pub(super) fn run<C: Collect + Send, O: Send>(
        &self,
        ctx: &Context,
        queries: &ArrayRef2<f64>,
        collect: impl Fn(usize) -> C + Sync,
        take: impl Fn(&mut C, &mut Vec<O>) + Sync,
    ) -> Result<Vec<Answers<O>>> {
        self.check_width(queries)?;
        let n_queries = queries.nrows();
        let points = self.space.place(&row_block(queries, 0..n_queries), 1);
        let width = self.space.n_coordinates();
        let order = self.order(&points, width);
        let n_blocks = n_queries.div_ceil(BLOCK);
        reduce::try_map_chunks(n_queries, BLOCK, |range| {
            ctx.step(range.start / BLOCK, n_blocks)?;
            let places: Vec<u32> = match &order {
                Some(order) => order[range].to_vec(),
                None => (range.start as u32..range.end as u32).collect(),
            };
            let mut own = Vec::with_capacity(places.len() * width);
            places
                .iter()
                .for_each(|&place| own.extend_from_slice(&points[place as usize * width..][..width]));
            let mut collects: Vec<C> = places.iter().map(|&place| collect(place as usize)).collect();
            self.way.search(self.space.metric, &own, width, &mut collects);
            let (mut found, mut ends) = (Vec::new(), Vec::with_capacity(places.len()));
            for collect in &mut collects {
                take(collect, &mut found);
                ends.push(found.len());
            }
            Ok((places, found, ends))
        })
    }

    pub(super) fn check_width(&self, queries: &ArrayRef2<f64>) -> Result<()> {
        if queries.ncols() == self.space.width {
            return Ok(());
        }
        Err(Error::malformed(format!(
            "the queries have {} columns, and the rows that are searched {}",
            queries.ncols(),
            self.space.width
        )))
    }

    /// An order in which queries that follow each other look into the same leaves.
    pub(super) fn order(&self, points: &[f64], width: usize) -> Option<Vec<u32>> {
        let Way::Tree(tree) = &self.way else { return None };
        let n_queries = points.len() / width;
        if n_queries <= BLOCK {
            return None;
        }
        let leaves = reduce::map_chunks(n_queries, 4096, |range| {
            let points = points[range.start * width..range.end * width].chunks_exact(width);
            points.map(|point| tree.leaf(point)).collect::<Vec<u32>>()
        })
        .concat();
        let mut starts = vec![0u32; tree.n_leaves() + 1];
        leaves.iter().for_each(|&leaf| starts[leaf as usize + 1] += 1);
        for leaf in 0..tree.n_leaves() {
            starts[leaf + 1] += starts[leaf];
        }
        let mut order = vec![0; n_queries];
        for (query, &leaf) in leaves.iter().enumerate() {
            order[starts[leaf as usize] as usize] = query as u32;
            starts[leaf as usize] += 1;
        }
        Some(order)
    }
}

/// The numbers of some queries, what was found, and where in that each of them ends.
pub(super) type Answers<O> = (Vec<u32>, Vec<O>, Vec<usize>);
