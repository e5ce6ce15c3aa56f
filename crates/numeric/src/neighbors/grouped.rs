//! The search of the tree for queries of few columns that lie together.
//!
//! With few columns a query looks into few leaves, and the way down to them takes longer than the look. So the leaves that
//! may have something for any query of a group are found at once, and how near each of them is to all queries at
//! once. What is offered, and so the answer, is that of the search query by query.

use super::collect::Collect;
use super::norm::Norm;
use super::tree::{LEAF, SURE, Tree};

/// Queries that are looked at together: as many lanes as fill half of the vector registers.
const GROUP: usize = 32;
/// Fewer queries than this go one by one.
const FEW: usize = 8;
/// So many neighbours are found near enough in the leaf of the query itself, nearly always.
const MOST_WANTED: usize = LEAF / 2;

/// Offers each query all rows that may be within its limit.
#[inline(always)]
pub(super) fn search<N: Norm, C: Collect, const W: usize>(
    tree: &Tree,
    norm: N,
    points: &[f64],
    collects: &mut [C],
) {
    let mut waiting = Vec::with_capacity(64);
    let mut near = Vec::new();
    let points = points.as_chunks::<W>().0;
    for (points, collects) in points.chunks(GROUP).zip(collects.chunks_mut(GROUP)) {
        if points.len() < FEW || collects.iter().any(|collect| collect.wanted() > MOST_WANTED) {
            for (point, collect) in points.iter().zip(collects) {
                tree.search(norm, point, collect, &mut waiting);
            }
            continue;
        }
        // Lanes without a query want nothing.
        let mut limits = [f64::NEG_INFINITY; GROUP];
        let mut own = [u32::MAX; GROUP];
        let mut columns = [[0.0; GROUP]; W];
        let (mut low, mut high) = ([f64::INFINITY; W], [f64::NEG_INFINITY; W]);
        for (lane, (point, collect)) in points.iter().zip(collects.iter_mut()).enumerate() {
            for column in 0..W {
                columns[column][lane] = point[column];
                low[column] = low[column].min(point[column]);
                high[column] = high[column].max(point[column]);
            }
            own[lane] = tree.leaf(point);
            let leaf = own[lane] as usize;
            let (sums, hits) = tree.near_of(norm, leaf, point, collect.limit());
            tree.offer(leaf, &sums, hits, collect);
            limits[lane] = collect.limit();
        }
        let mut farthest = most(&limits);
        tree.leaves_near(norm, (&low, &high), farthest, &mut near);
        near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for &(gap, leaf, node) in &near {
            if gap > farthest {
                break;
            }
            let mut hits = within(tree, norm, node, &columns, &limits);
            while hits != 0 {
                let lane = hits.trailing_zeros() as usize;
                hits &= hits - 1;
                if own[lane] != leaf {
                    let (sums, hits) = tree.near_of(norm, leaf as usize, &points[lane], limits[lane]);
                    tree.offer(leaf as usize, &sums, hits, &mut collects[lane]);
                    limits[lane] = collects[lane].limit();
                }
            }
            farthest = most(&limits);
        }
    }
}

/// The largest limit.
#[inline(always)]
fn most(limits: &[f64; GROUP]) -> f64 {
    let mut most = [f64::NEG_INFINITY; 8];
    for part in limits.as_chunks::<8>().0 {
        for lane in 0..8 {
            most[lane] = if part[lane] > most[lane] { part[lane] } else { most[lane] };
        }
    }
    most.iter().fold(f64::NEG_INFINITY, |most, limit| if *limit > most { *limit } else { most })
}

/// A bit for each query for which the box of a node may have a point within its limit.
#[inline(always)]
fn within<N: Norm, const W: usize>(
    tree: &Tree,
    norm: N,
    node: u32,
    columns: &[[f64; GROUP]; W],
    limits: &[f64; GROUP],
) -> u32 {
    let (low, high) = tree.sides(node);
    let mut gaps = [0.0; GROUP];
    for ((column, low), high) in columns.iter().zip(low).zip(high) {
        for lane in 0..GROUP {
            let (below, above) = (low - column[lane], column[lane] - high);
            let outside = if below > above { below } else { above };
            gaps[lane] = norm.join(gaps[lane], norm.term(if outside > 0.0 { outside } else { 0.0 }));
        }
    }
    let mut hits = 0u32;
    for lane in 0..GROUP {
        hits |= u32::from(gaps[lane] * SURE <= limits[lane]) << lane;
    }
    hits
}
