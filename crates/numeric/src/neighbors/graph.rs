//! A graph of near rows in layers, searched greedily: hierarchical navigable small worlds (Malkov and Yashunin, 2018).
//!
//! Rows are put in a shuffled order, in batches: those of one batch search the graph as it was before, in parallel, and
//! their links are added in a fixed order (as in ParlayANN, Manohar et al., 2024). So the graph does not depend on the number
//! of threads. Distances are those of `f32` while searching; what is found is measured again in `f64`.

use perennial_core::{Context, Error, Result};

use super::collect::Collect;
use super::norm::{Squares, between};
use crate::random::Random;
use crate::{reduce, simd};

/// Numbers that are added up side by side; rows are filled up to multiples of it.
const LANES: usize = 16;
/// A batch is at most so large, and at most this part of the rows that are there.
const BATCH: usize = 2048;
const BATCH_PART: usize = 16;
/// Rows of one task.
const TASK: usize = 32;
const NONE: u32 = u32::MAX;

/// How much effort goes into the graph and into a search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Links of a row in the upper layers; twice as many in the lowest.
    pub(super) m: usize,
    pub(super) ef_construction: usize,
    pub(super) ef_search: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Graph {
    effort: Effort,
    width: usize,
    cells: Vec<f64>,
    /// By node: its row.
    rows: Vec<u32>,
    /// By node, in `f32`, shifted to the mean, each filled up to `padded` numbers.
    points: Vec<f32>,
    padded: usize,
    centre: Vec<f64>,
    scale: f64,
    /// By node: how many layers it is in beyond the lowest, and where its links there begin in `upper`.
    levels: Vec<u8>,
    starts: Vec<u32>,
    /// Links of the lowest layer, `2 m` for each node, and of the others, `m` for each layer of a node.
    lowest: Vec<u32>,
    upper: Vec<u32>,
    entry: u32,
}

/// A candidate of a search: its distance, its node, and whether its links were followed.
type Candidate = (f32, u32, bool);

/// A node, a layer, and the links of the node there: distances and nodes.
type NewLinks = (u32, usize, Vec<(f32, u32)>);

/// A layer, a node, and a new node that links to it, with the distance before the new one.
type BackLink = (u8, u32, f32, u32);

/// What a search needs: which nodes were met, and the nearest so far.
struct Beam {
    met: Vec<u64>,
    touched: Vec<u32>,
    found: Vec<Candidate>,
}

impl Beam {
    fn new(n_nodes: usize) -> Self {
        Beam { met: vec![0; n_nodes.div_ceil(64)], touched: Vec::new(), found: Vec::new() }
    }

    fn clear(&mut self) {
        self.touched.drain(..).for_each(|node| self.met[node as usize / 64] = 0);
        self.found.clear();
    }

    /// Whether a node is met for the first time.
    #[inline(always)]
    fn meet(&mut self, node: u32) -> bool {
        let bit = 1 << (node % 64);
        let word = &mut self.met[node as usize / 64];
        let first = *word & bit == 0;
        if first {
            *word |= bit;
            self.touched.push(node);
        }
        first
    }

    #[inline(always)]
    fn offer(&mut self, distance: f32, node: u32, most: usize) -> usize {
        let before = |other: &Candidate| other.0 < distance || (other.0 == distance && other.1 < node);
        if self.found.len() == most {
            if self.found.last().is_none_or(before) {
                return usize::MAX;
            }
            self.found.pop();
        }
        let place = self.found.partition_point(before);
        self.found.insert(place, (distance, node, false));
        place
    }
}

impl Graph {
    pub(super) fn new(ctx: &Context, cells: Vec<f64>, width: usize, effort: Effort) -> Result<Self> {
        let n_rows = cells.len() / width;
        let mut random = Random::new(0).stream("graph");
        let rows: Vec<u32> = random.permutation(n_rows).into_iter().map(|row| row as u32).collect();
        let share = 1.0 / (effort.m as f64).ln();
        let levels: Vec<u8> =
            (0..n_rows).map(|_| (-(1.0 - random.uniform()).ln() * share).min(30.0) as u8).collect();
        let mut starts = Vec::with_capacity(n_rows);
        let mut n_upper = 0;
        for level in &levels {
            starts.push(n_upper as u32);
            n_upper += usize::from(*level);
        }
        let (centre, scale) = frame(&cells, width);
        let padded = width.next_multiple_of(LANES);
        let mut points = vec![0.0; n_rows * padded];
        reduce::fill_rows(&mut points, padded, 1024, |first, points| {
            for (index, point) in points.chunks_exact_mut(padded).enumerate() {
                let row = &cells[rows[first + index] as usize * width..][..width];
                place(row, &centre, scale, point);
            }
        });
        let mut graph = Graph {
            effort,
            width,
            cells,
            rows,
            points,
            padded,
            centre,
            scale,
            levels,
            starts,
            lowest: vec![NONE; n_rows * 2 * effort.m],
            upper: vec![NONE; n_upper * effort.m],
            entry: 0,
        };
        let mut first = 1;
        while first < n_rows {
            ctx.step(first, n_rows)?;
            let end = (first + (first / BATCH_PART).clamp(1, BATCH)).min(n_rows);
            graph.insert(ctx, first, end)?;
            first = end;
        }
        Ok(graph)
    }

    pub(super) fn effort(&self) -> Effort {
        self.effort
    }

    fn point(&self, node: u32) -> &[f32] {
        &self.points[node as usize * self.padded..][..self.padded]
    }

    fn links(&self, node: u32, layer: usize) -> &[u32] {
        let range = self.range(node, layer);
        if layer == 0 { &self.lowest[range] } else { &self.upper[range] }
    }

    fn range(&self, node: u32, layer: usize) -> std::ops::Range<usize> {
        let (m, node) = (self.effort.m, node as usize);
        let (start, size) = match layer {
            0 => (node * 2 * m, 2 * m),
            _ => ((self.starts[node] as usize + layer - 1) * m, m),
        };
        start..start + size
    }

    /// Adds the nodes of a batch.
    fn insert(&mut self, ctx: &Context, first: usize, end: usize) -> Result<()> {
        let found = reduce::try_map_chunks(end - first, TASK, |range| {
            ctx.check()?;
            Ok(simd::widest(
                #[inline(always)]
                || {
                    let mut beam = Beam::new(first);
                    let nodes = range.map(|index| (first + index) as u32);
                    nodes.flat_map(|node| self.new_links(node, &mut beam)).collect::<Vec<_>>()
                },
            ))
        })?;
        // Links there and back, by layer and node.
        let mut back: Vec<BackLink> = Vec::new();
        for (node, layer, links) in found.into_iter().flatten() {
            let range = self.range(node, layer);
            let out = if layer == 0 { &mut self.lowest[range] } else { &mut self.upper[range] };
            for (out, (distance, other)) in out.iter_mut().zip(links) {
                *out = other;
                back.push((layer as u8, other, distance, node));
            }
        }
        back.sort_unstable_by(|a, b| {
            (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)).then(a.3.cmp(&b.3))
        });
        let groups: Vec<&[BackLink]> = back.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).collect();
        let kept = reduce::map_chunks(groups.len(), 4 * TASK, |range| {
            simd::widest(
                #[inline(always)]
                || groups[range].iter().map(|group| self.with_back_links(group)).collect::<Vec<_>>(),
            )
        });
        for (group, links) in groups.iter().zip(kept.into_iter().flatten()) {
            let range = self.range(group[0].1, usize::from(group[0].0));
            let out = if group[0].0 == 0 { &mut self.lowest[range] } else { &mut self.upper[range] };
            out.fill(NONE);
            out.iter_mut().zip(links).for_each(|(out, link)| *out = link);
        }
        let top = |node: usize| self.levels[node];
        let highest = (first..end)
            .fold(self.entry as usize, |best, node| if top(node) > top(best) { node } else { best });
        self.entry = highest as u32;
        Ok(())
    }

    /// The links of a new node in each of its layers that are there already.
    #[inline(always)]
    fn new_links(&self, node: u32, beam: &mut Beam) -> Vec<NewLinks> {
        let point = self.point(node);
        let (own, top) =
            (usize::from(self.levels[node as usize]), usize::from(self.levels[self.entry as usize]));
        let mut start = self.descend(point, top, own.min(top));
        let mut out = Vec::new();
        for layer in (0..=own.min(top)).rev() {
            beam.clear();
            self.search_layer(point, start, layer, self.effort.ef_construction, beam);
            let candidates: Vec<(f32, u32)> = beam.found.iter().map(|found| (found.0, found.1)).collect();
            start = candidates.first().map_or(start, |nearest| nearest.1);
            out.push((node, layer, self.choose(&candidates, self.effort.m)));
        }
        out
    }

    /// The links of a node with those of new nodes among them.
    #[inline(always)]
    fn with_back_links(&self, group: &[BackLink]) -> Vec<u32> {
        let (layer, node) = (usize::from(group[0].0), group[0].1);
        let point = self.point(node);
        let most = if layer == 0 { 2 * self.effort.m } else { self.effort.m };
        let old = self.links(node, layer).iter().filter(|link| **link != NONE);
        let mut all: Vec<(f32, u32)> = old.map(|&link| (self.distance(point, link), link)).collect();
        all.extend(group.iter().map(|&(_, _, distance, other)| (distance, other)));
        if all.len() <= most {
            return all.into_iter().map(|link| link.1).collect();
        }
        all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        self.choose(&all, most).into_iter().map(|link| link.1).collect()
    }

    /// At most so many of the candidates, which are in order: those that are nearer to the node than to one that is
    /// chosen already, and then the nearest of the others.
    #[inline(always)]
    fn choose(&self, candidates: &[(f32, u32)], most: usize) -> Vec<(f32, u32)> {
        let mut chosen: Vec<(f32, u32)> = Vec::with_capacity(most);
        let mut others: Vec<(f32, u32)> = Vec::new();
        for &(distance, node) in candidates {
            if chosen.len() == most {
                break;
            }
            let point = self.point(node);
            let apart = chosen.iter().all(|&(_, other)| distance < self.distance(point, other));
            if apart { chosen.push((distance, node)) } else { others.push((distance, node)) }
        }
        let free = most - chosen.len();
        chosen.extend(others.into_iter().take(free));
        chosen
    }

    /// The node of layer `to` that is nearest as far as single steps from the entry tell.
    #[inline(always)]
    fn descend(&self, point: &[f32], from: usize, to: usize) -> u32 {
        let mut now = self.entry;
        let mut least = self.distance(point, now);
        for layer in (to + 1..=from).rev() {
            loop {
                let before = now;
                for &link in self.links(before, layer).iter().take_while(|link| **link != NONE) {
                    let distance = self.distance(point, link);
                    if distance < least || (distance == least && link < now) {
                        (now, least) = (link, distance);
                    }
                }
                if now == before {
                    break;
                }
            }
        }
        now
    }

    /// Follows the links of the nearest nodes until those of the nearest `most` are followed.
    #[inline(always)]
    fn search_layer(&self, point: &[f32], start: u32, layer: usize, most: usize, beam: &mut Beam) {
        beam.meet(start);
        beam.offer(self.distance(point, start), start, most);
        let mut next = 0;
        while next < beam.found.len() {
            if beam.found[next].2 {
                next += 1;
                continue;
            }
            beam.found[next].2 = true;
            let links = self.links(beam.found[next].1, layer);
            for &link in links.iter().take_while(|link| **link != NONE) {
                let at = link as usize * self.padded;
                simd::prefetch(&self.points, at);
                simd::prefetch(&self.points, at + LANES);
            }
            for &link in links.iter().take_while(|link| **link != NONE) {
                if beam.meet(link) {
                    let place = beam.offer(self.distance(point, link), link, most);
                    next = next.min(place);
                }
            }
        }
    }

    #[inline(always)]
    fn distance(&self, point: &[f32], node: u32) -> f32 {
        let other = &self.points[node as usize * self.padded..][..self.padded];
        let mut lanes = [0.0f32; LANES];
        for (a, b) in point.as_chunks::<LANES>().0.iter().zip(other.as_chunks::<LANES>().0) {
            for lane in 0..LANES {
                let difference = a[lane] - b[lane];
                lanes[lane] += difference * difference;
            }
        }
        let mut side = LANES / 2;
        while side > 0 {
            for lane in 0..side {
                lanes[lane] += lanes[lane + side];
            }
            side /= 2;
        }
        lanes[0]
    }

    /// Offers each query what a search finds near it, or all rows where what is wanted is not a number of nearest.
    pub(super) fn search<C: Collect>(&self, queries: &[f64], collects: &mut [C]) {
        simd::widest(Walk { graph: self, queries, collects });
    }
}

struct Walk<'a, C> {
    graph: &'a Graph,
    queries: &'a [f64],
    collects: &'a mut [C],
}

impl<C: Collect> simd::Kernel for Walk<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Walk { graph, queries, collects } = self;
        let n_rows = graph.rows.len();
        let mut beam = Beam::new(n_rows);
        let mut point = vec![0.0; graph.padded];
        for (query, collect) in queries.chunks_exact(graph.width).zip(collects) {
            let row = |row: u32| &graph.cells[row as usize * graph.width..][..graph.width];
            let wanted = collect.wanted();
            place(query, &graph.centre, graph.scale, &mut point);
            beam.clear();
            if wanted > 0 {
                let top = usize::from(graph.levels[graph.entry as usize]);
                let start = graph.descend(&point, top, 0);
                graph.search_layer(&point, start, 0, graph.effort.ef_search.max(wanted), &mut beam);
            }
            if beam.found.len() < wanted.max(1) {
                // The graph does not reach as many, as among many equal rows.
                (0..n_rows as u32).for_each(|at| collect.offer(between(Squares, query, row(at)), at));
            } else {
                for found in &beam.found {
                    let at = graph.rows[found.1 as usize];
                    collect.offer(between(Squares, query, row(at)), at);
                }
            }
        }
    }
}

/// The mean of the rows, and what their differences from it are multiplied with.
fn frame(cells: &[f64], width: usize) -> (Vec<f64>, f64) {
    let n_rows = cells.len() / width;
    let sums = |rows: std::ops::Range<usize>| {
        let mut sums = vec![0.0; width];
        for row in cells[rows.start * width..rows.end * width].chunks_exact(width) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        sums
    };
    let total = reduce::map_reduce(n_rows, 4096, sums, crate::linalg::add).unwrap_or_default();
    let centre: Vec<f64> = total.iter().map(|sum| sum / n_rows as f64).collect();
    let largest = cells
        .chunks_exact(width)
        .flat_map(|row| row.iter().zip(&centre))
        .fold(0.0, |largest, (value, centre)| f64::max(largest, (value - centre).abs()));
    (centre, 1.0 / crate::linalg::power_of_two(largest))
}

fn place(row: &[f64], centre: &[f64], scale: f64, point: &mut [f32]) {
    for ((out, value), centre) in point.iter_mut().zip(row).zip(centre) {
        *out = ((value - centre) * scale) as f32;
    }
}

/// Refuses numbers of links and candidates that are no use.
pub(super) fn check(m: usize, ef_construction: usize, ef_search: usize) -> Result<Effort> {
    if !(2..=256).contains(&m) {
        return Err(Error::invalid_param("m", m, "a whole number from 2 to 256"));
    }
    for (name, value) in [("ef_construction", ef_construction), ("ef_search", ef_search)] {
        if !(1..=100_000).contains(&value) {
            return Err(Error::invalid_param(name, value, "a whole number from 1 to 100000"));
        }
    }
    Ok(Effort { m, ef_construction, ef_search })
}
