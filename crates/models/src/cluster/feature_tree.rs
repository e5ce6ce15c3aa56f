//! A balanced tree of summaries of rows (Zhang, Ramakrishnan and Livny, 1996).

/// What is kept of some rows.
#[derive(Clone, Debug)]
pub(super) struct Summary {
    pub(super) count: f64,
    pub(super) mean: Vec<f64>,
    /// The sum of the squared distances from the mean.
    pub(super) squares: f64,
}

impl Summary {
    pub(super) fn of_row(mean: Vec<f64>) -> Self {
        Summary { count: 1.0, mean, squares: 0.0 }
    }

    fn distance(&self, other: &Summary) -> f64 {
        super::lloyd::squared(&self.mean, &other.mean)
    }

    /// The sum of squares of both together.
    fn squares_with(&self, other: &Summary) -> f64 {
        let pull = self.count * other.count / (self.count + other.count);
        self.squares + other.squares + pull * self.distance(other)
    }

    fn add(&mut self, other: &Summary) {
        self.squares = self.squares_with(other);
        self.count += other.count;
        let share = other.count / self.count;
        self.mean.iter_mut().zip(&other.mean).for_each(|(mean, value)| *mean += (value - *mean) * share);
    }
}

/// An entry of a node: the summary of all below it, and the node below.
#[derive(Debug)]
struct Entry {
    summary: Summary,
    child: Option<Node>,
}

type Node = Vec<Entry>;

#[derive(Debug)]
pub(super) struct Tree {
    root: Node,
    /// Of the mean squared distance from the mean.
    threshold: f64,
    most: usize,
    width: usize,
}

impl Tree {
    pub(super) fn new(width: usize, threshold: f64, most: usize) -> Self {
        Tree { root: Vec::new(), threshold: threshold * threshold, most, width }
    }

    pub(super) fn insert(&mut self, summary: Summary) {
        let mut root = std::mem::take(&mut self.root);
        if self.descend(&mut root, summary) {
            root = self.part(root).into();
        }
        self.root = root;
    }

    /// Puts a summary below a node; says whether the node has become too large.
    fn descend(&self, node: &mut Node, summary: Summary) -> bool {
        let distances = node.iter().map(|entry| entry.summary.distance(&summary));
        let nearest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        let Some((place, _)) = nearest else {
            node.push(Entry { summary, child: None });
            return false;
        };
        let entry = &mut node[place];
        match &mut entry.child {
            None => {
                let squares = entry.summary.squares_with(&summary);
                if squares <= self.threshold * (entry.summary.count + summary.count) {
                    entry.summary.add(&summary);
                } else {
                    node.push(Entry { summary, child: None });
                }
            }
            Some(child) => {
                if self.descend(child, summary.clone()) {
                    let [first, second] = self.part(std::mem::take(child));
                    *entry = first;
                    node.push(second);
                } else {
                    entry.summary.add(&summary);
                }
            }
        }
        node.len() > self.most
    }

    /// Parts a node between its two entries that are farthest from each other.
    fn part(&self, node: Node) -> [Entry; 2] {
        let (mut most, mut poles) = (-1.0, (0, 0));
        for a in 0..node.len() {
            for b in a + 1..node.len() {
                let distance = node[a].summary.distance(&node[b].summary);
                if distance > most {
                    (most, poles) = (distance, (a, b));
                }
            }
        }
        let means = [node[poles.0].summary.clone(), node[poles.1].summary.clone()];
        let mut parts = [(); 2].map(|()| Entry {
            summary: Summary { count: 0.0, mean: vec![0.0; self.width], squares: 0.0 },
            child: Some(Node::new()),
        });
        for (place, entry) in node.into_iter().enumerate() {
            let [to_first, to_second] = means.each_ref().map(|mean| mean.distance(&entry.summary));
            let side = usize::from(place != poles.0 && to_first >= to_second);
            let part = &mut parts[side];
            if part.summary.count == 0.0 {
                part.summary = entry.summary.clone();
            } else {
                part.summary.add(&entry.summary);
            }
            part.child.get_or_insert_default().push(entry);
        }
        parts
    }

    /// The summaries at the bottom, from left to right.
    pub(super) fn into_leaves(self) -> Vec<Summary> {
        let mut leaves = Vec::new();
        let mut waiting: Vec<Entry> = self.root.into_iter().rev().collect();
        while let Some(entry) = waiting.pop() {
            match entry.child {
                None => leaves.push(entry.summary),
                Some(child) => waiting.extend(child.into_iter().rev()),
            }
        }
        leaves
    }
}
