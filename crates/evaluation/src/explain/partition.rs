use perennial_core::{Error, Features, Matrix, Result, Rows};
use serde::{Deserialize, Serialize};

/// Features that belong together, and groups of them, as a tree.
///
/// ```
/// use perennial_evaluation::explain::Partition;
///
/// // Two places and a time; the parts of the time belong together more than the others.
/// let tree = Partition::group([
///     Partition::features(["north", "east"]),
///     Partition::group([Partition::features(["hour", "minute"]), Partition::feature("day")]),
/// ]);
/// assert_eq!(serde_json::from_str::<Partition>(&serde_json::to_string(&tree)?)?, tree);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Partition {
    /// One feature.
    Feature(String),
    /// Parts that belong together.
    Group(Vec<Partition>),
}

/// Children of a group of whom all subsets are asked.
const MOST_CHILDREN: usize = 12;
/// More coalitions than this are a tree too deep.
const MOST_COALITIONS: usize = 1 << 20;
/// The most flags of all coalitions.
const MOST_FLAGS: usize = 1 << 27;
/// The most features that are joined two by two, in time that grows with their cube.
const MOST_CORRELATED: usize = 4096;

impl Partition {
    /// One feature.
    pub fn feature(name: impl Into<String>) -> Self {
        Partition::Feature(name.into())
    }

    /// Parts that belong together.
    pub fn group(parts: impl IntoIterator<Item = Partition>) -> Self {
        Partition::Group(parts.into_iter().collect())
    }

    /// Features that belong together.
    pub fn features<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Partition::group(names.into_iter().map(Partition::feature))
    }

    /// Two by two, those first that go together most: by complete linkage of one minus the magnitude of the correlation. A
    /// column that does not vary goes with none.
    ///
    /// # Errors
    /// When there are no columns, or the matrix is sparse.
    pub fn of_correlated(x: &Matrix) -> Result<Self> {
        let values = x.dense()?;
        if values.is_empty() {
            return Err(Error::empty("there are no rows or columns to correlate"));
        }
        if values.ncols() > MOST_CORRELATED {
            return Err(Error::too_large(format!(
                "{} features are too many to join two by two; at most {MOST_CORRELATED} are, so group them by name",
                values.ncols()
            )));
        }
        let centred: Vec<Vec<f64>> = values
            .columns()
            .into_iter()
            .map(|column| {
                let mean = column.sum() / x.n_rows() as f64;
                let centred: Vec<f64> = column.iter().map(|value| value - mean).collect();
                let length = centred.iter().map(|value| value * value).sum::<f64>().sqrt();
                centred.iter().map(|value| if length > 0.0 { value / length } else { 0.0 }).collect()
            })
            .collect();
        let far = |a: usize, b: usize| {
            let together = centred[a].iter().zip(&centred[b]).map(|(a, b)| a * b).sum::<f64>().abs();
            // Where a value is missing or infinite nothing is known of the two.
            if together.is_nan() { 1.0 } else { 1.0 - together }
        };
        let p = x.n_cols();
        let mut distances: Vec<Vec<f64>> = (0..p).map(|a| (0..p).map(|b| far(a, b)).collect()).collect();
        let mut trees: Vec<Partition> = x.features().names().map(Partition::feature).collect();
        while trees.len() > 1 {
            let pairs = (0..trees.len()).flat_map(|a| (a + 1..trees.len()).map(move |b| (a, b)));
            let nearest = pairs.min_by(|x, y| distances[x.0][x.1].total_cmp(&distances[y.0][y.1]));
            let Some((a, b)) = nearest else { break };
            let second = trees.remove(b);
            let first = std::mem::replace(&mut trees[a], Partition::Group(Vec::new()));
            trees[a] = Partition::group([first, second]);
            let other = distances.remove(b);
            distances.iter_mut().for_each(|row| {
                row.remove(b);
            });
            let mut joined = other;
            joined.remove(b);
            for place in 0..trees.len() {
                let most = distances[a][place].max(joined[place]);
                (distances[a][place], distances[place][a]) = (most, most);
            }
        }
        Ok(trees.swap_remove(0))
    }

    /// The tree with the columns of features in place of their names.
    pub(super) fn resolve(&self, features: &Features) -> Result<Node> {
        let mut taken = vec![false; features.len()];
        let node = self.node(features, &mut taken)?;
        match taken.iter().position(|taken| !taken) {
            None => Ok(node),
            Some(column) => Err(Error::malformed(format!(
                "`{}` is in no group of the partition; every feature must be",
                features.name(column)
            ))),
        }
    }

    fn node(&self, features: &Features, taken: &mut [bool]) -> Result<Node> {
        match self {
            Partition::Feature(name) => {
                let column = features.position(name)?;
                if std::mem::replace(&mut taken[column], true) {
                    return Err(Error::malformed(format!("`{name}` is in the partition twice")));
                }
                Ok(Node { columns: vec![column], children: Vec::new() })
            }
            Partition::Group(parts) if parts.is_empty() => {
                Err(Error::empty("a group of the partition has no parts"))
            }
            Partition::Group(parts) if parts.len() > MOST_CHILDREN => Err(Error::too_large(format!(
                "a group of the partition has {} parts, and all of their subsets are asked; at most {MOST_CHILDREN} are possible, so group them further",
                parts.len()
            ))),
            Partition::Group(parts) => {
                let children =
                    parts.iter().map(|part| part.node(features, taken)).collect::<Result<Vec<Node>>>()?;
                let columns = children.iter().flat_map(|child| child.columns.clone()).collect();
                Ok(Node { columns, children })
            }
        }
    }
}

/// A part of a partition by columns.
pub(super) struct Node {
    columns: Vec<usize>,
    children: Vec<Node>,
}

/// The coalitions that Owen values ask for, and what each value is made of.
#[derive(Debug)]
pub(super) struct OwenPlan {
    /// As many flags for each coalition as there are columns.
    pub(super) coalitions: Vec<bool>,
    /// For each feature and context: the column, the weight, and the coalitions with and without it.
    gains: Vec<(usize, f64, usize, usize)>,
}

impl OwenPlan {
    pub(super) fn new(root: &Node, n_columns: usize) -> Result<Self> {
        let mut plan =
            Plan { known: std::collections::BTreeMap::new(), flags: Vec::new(), gains: Vec::new() };
        plan.visit(root, &vec![false; n_columns], 1.0)?;
        Ok(OwenPlan { coalitions: plan.flags, gains: plan.gains })
    }

    /// The value of each column, by what the coalitions got.
    pub(super) fn solve(&self, asked: &[f64], n_columns: usize) -> Vec<f64> {
        let mut values = vec![0.0; n_columns];
        for &(column, weight, with, without) in &self.gains {
            values[column] += weight * (asked[with] - asked[without]);
        }
        values
    }
}

struct Plan {
    known: std::collections::BTreeMap<Vec<bool>, usize>,
    flags: Vec<bool>,
    gains: Vec<(usize, f64, usize, usize)>,
}

impl Plan {
    fn place(&mut self, coalition: &[bool]) -> Result<usize> {
        if let Some(place) = self.known.get(coalition) {
            return Ok(*place);
        }
        let place = self.known.len();
        if place >= MOST_COALITIONS || place * coalition.len() > MOST_FLAGS {
            return Err(Error::too_large(format!(
                "the partition asks for more than {place} coalitions of {} features; make its tree less deep or its groups smaller",
                coalition.len()
            )));
        }
        self.known.insert(coalition.to_vec(), place);
        self.flags.extend_from_slice(coalition);
        Ok(place)
    }

    /// The values of the features below a node, in this context.
    fn visit(&mut self, node: &Node, context: &[bool], weight: f64) -> Result<()> {
        if self.gains.len() > 4 * MOST_COALITIONS {
            return Err(Error::too_large(
                "the tree of the partition is too deep; group the features less finely",
            ));
        }
        let with = |nodes: &mut dyn Iterator<Item = &Node>| {
            let mut flags = context.to_vec();
            nodes.flat_map(|node| &node.columns).for_each(|&column| flags[column] = true);
            flags
        };
        if node.children.is_empty() {
            let (on, off) = (self.place(&with(&mut std::iter::once(node)))?, self.place(context)?);
            self.gains.push((node.columns[0], weight, on, off));
            return Ok(());
        }
        let k = node.children.len();
        let mut weights = vec![1.0 / k as f64; k];
        // |S|! (k - |S| - 1)! / k!, from one size to the next.
        (1..k).for_each(|size| weights[size] = weights[size - 1] * size as f64 / (k - size) as f64);
        for (number, child) in node.children.iter().enumerate() {
            for subset in (0..1_usize << k).filter(|subset| subset >> number & 1 == 0) {
                let chosen = node.children.iter().enumerate().filter(|(place, _)| subset >> place & 1 == 1);
                let inside = with(&mut chosen.map(|(_, child)| child));
                self.visit(child, &inside, weight * weights[subset.count_ones() as usize])?;
            }
        }
        Ok(())
    }
}
