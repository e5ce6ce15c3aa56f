//! The models that are worth a first look, and what speaks for and against each, given the data.
//!
//! What a model takes and offers comes from the list; here stands what no trait can say: how work grows with the data, whether
//! people can follow an answer, and for what a kind of model is known to be good.

use super::entry::Task;
use super::facts::DataFacts;

/// A kind of model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Line,
    Plain,
    Directions,
    Shrunk,
    Graph,
    Sparse,
    Counts,
    Clouds,
    Stream,
    Tree,
    Forest,
    Boosting,
    Neighbors,
    Kernel,
    Process,
    Network,
    EachOutput,
    Means,
    Density,
    Isolation,
    Local,
    Envelope,
}

/// A model that may be suggested.
pub(super) struct Candidate {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// The models that may be suggested for a task.
pub(super) fn candidates(task: Task) -> Vec<Candidate> {
    use Kind::*;
    let list: &[(&'static str, Kind)] = match task {
        Task::Regression => &[
            ("GradientBoostingRegressor", Boosting),
            ("RandomForestRegressor", Forest),
            ("RidgeCv", Line),
            ("ElasticNetCv", Sparse),
            ("LinearRegression", Plain),
            ("DecisionTreeRegressor", Tree),
            ("GaussianProcessRegressor", Process),
            ("Svr", Kernel),
            ("KNeighborsRegressor", Neighbors),
            ("MlpRegressor", Network),
            ("SgdRegressor", Stream),
            ("QuantileRegressor", Line),
            ("QuantileForestRegressor", Forest),
            ("GradientBoostingQuantileRegressor", Boosting),
        ],
        Task::Classification => &[
            ("GradientBoostingClassifier", Boosting),
            ("RandomForestClassifier", Forest),
            ("LogisticRegression", Line),
            ("LinearDiscriminantAnalysis", Clouds),
            ("GaussianNaiveBayes", Clouds),
            ("MultinomialNaiveBayes", Counts),
            ("DecisionTreeClassifier", Tree),
            ("Svc", Kernel),
            ("KNeighborsClassifier", Neighbors),
            ("MlpClassifier", Network),
            ("SgdClassifier", Stream),
            ("FtrlClassifier", Stream),
        ],
        Task::Ranking => &[("GradientBoostingRanker", Boosting)],
        Task::MultiOutputRegression => &[
            ("MultiOutputRegressor", EachOutput),
            ("RegressorChain", EachOutput),
            ("MultiTaskLassoCv", Sparse),
            ("PlsRegression", Directions),
        ],
        Task::MultiOutputClassification => {
            &[("MultiOutputClassifier", EachOutput), ("ClassifierChain", EachOutput)]
        }
        Task::Clustering => &[
            ("KMeans", Means),
            ("MiniBatchKMeans", Stream),
            ("GaussianMixture", Clouds),
            ("Hdbscan", Density),
            ("AgglomerativeClustering", Density),
        ],
        Task::OutlierDetection => {
            &[("IsolationForest", Isolation), ("LocalOutlierFactor", Local), ("EllipticEnvelope", Envelope)]
        }
        Task::Density => &[("KernelDensity", Neighbors)],
        Task::Covariance => &[("LedoitWolf", Shrunk), ("GraphicalLassoCv", Graph), ("MinCovDet", Envelope)],
        Task::NeighborSearch => &[("NearestNeighbors", Neighbors)],
    };
    list.iter().map(|&(name, kind)| Candidate { name, kind }).collect()
}

impl Kind {
    /// Whether people can follow an answer: coefficients, counts, questions.
    pub(super) fn explainable(self) -> bool {
        use Kind::*;
        matches!(
            self,
            Line | Plain | Directions | Sparse | Counts | Clouds | Stream | Tree | EachOutput | Means
        )
    }

    /// The most rows that a fit takes in acceptable time and memory, and how work grows; none where it grows like the rows.
    pub(super) fn most_rows(self) -> Option<(usize, &'static str)> {
        use Kind::*;
        match self {
            Process => Some((
                5_000,
                "the memory of a fit grows with the square and its time with the cube of the rows",
            )),
            Kernel => Some((30_000, "the time of a fit grows with the square of the rows, or faster")),
            Density | Local => Some((200_000, "every row is compared with many others")),
            _ => None,
        }
    }

    /// About how many simple operations the answer for one row takes.
    pub(super) fn operations(self, facts: &DataFacts) -> f64 {
        use Kind::*;
        let (rows, cols) = (facts.n_rows as f64, facts.n_cols as f64);
        let classes = facts.n_classes.filter(|n| *n > 2).unwrap_or(1) as f64;
        let deep = rows.max(2.0).log2();
        match self {
            Line | Plain | Directions | Sparse | Counts | Stream | Means | EachOutput => cols * classes,
            Clouds | Envelope | Shrunk | Graph => cols * cols * classes,
            Tree => deep,
            // A hundred trees; a step down a tree waits for memory, which is worth several operations.
            Forest | Isolation => 100.0 * 10.0 * deep,
            Boosting => 100.0 * classes * 10.0 * 5.0,
            Neighbors | Local | Kernel | Process | Density => rows * cols,
            Network => 100.0 * (cols + classes),
        }
    }

    /// How good the kind is for such data, and why.
    pub(super) fn points(self, facts: &DataFacts) -> (f64, Vec<String>) {
        let mut said = Said { facts, points: 0.0, reasons: Vec::new() };
        said.judge(self);
        (said.points, said.reasons)
    }
}

struct Said<'f> {
    facts: &'f DataFacts,
    points: f64,
    reasons: Vec<String>,
}

impl Said<'_> {
    fn add(&mut self, points: f64, reason: String) {
        self.points += points;
        self.reasons.push(reason);
    }

    fn judge(&mut self, kind: Kind) {
        use Kind::*;
        let facts = self.facts;
        let (rows, cols) = (grouped(facts.n_rows), grouped(facts.n_cols));
        let (few, wide) = (facts.n_rows < 300, facts.n_cols > facts.n_rows);
        self.points = match kind {
            Boosting => 60.0,
            Forest => 55.0,
            Isolation | Means | EachOutput => 50.0,
            Line | Plain | Shrunk => 40.0,
            Clouds | Sparse | Directions | Graph => 35.0,
            Kernel | Process | Density | Local | Envelope => 30.0,
            Network | Neighbors => 25.0,
            Tree => 20.0,
            Stream | Counts => 15.0,
        };
        match kind {
            Boosting if few => self.add(-35.0, format!("{rows} rows are few for boosted trees")),
            Boosting if facts.n_rows >= 1000 => self.add(
                20.0,
                format!("on tables of this kind, {rows} rows x {cols} columns, boosted trees are hard to beat (Grinsztajn and others, 2022)"),
            ),
            Forest if few => self.add(-15.0, format!("{rows} rows leave trees little to ask about")),
            Forest => self.add(10.0, "good without any tuning, and hard to overfit".into()),
            Line if wide => {
                self.add(15.0, format!("a penalty holds {cols} coefficients together though there are only {rows} rows"));
            }
            Plain if wide => {
                self.add(-30.0, format!("{rows} rows do not determine {cols} coefficients that no penalty holds together"));
            }
            Line | Plain if few => self.add(25.0, format!("{rows} rows support few parameters, and a line has {cols} and an intercept")),
            Plain => self.add(3.0, "coefficients with standard errors and intervals".into()),
            Line => self.add(5.0, "the simplest that may be enough: coefficients can be read, and a fit takes moments".into()),
            Sparse if wide => self.add(
                35.0,
                format!("there are more columns ({cols}) than rows ({rows}); the penalty keeps only those that matter"),
            ),
            Sparse if facts.n_cols >= 30 => {
                self.add(10.0, format!("of {cols} columns it keeps those that matter"));
            }
            Sparse => self.add(0.0, "the penalty leaves out columns that do not matter".into()),
            Clouds => self.add(0.0, "no settings to search; right where each class, or cluster, is a normal cloud".into()),
            Counts => self.add(
                if facts.stored.is_some() { 30.0 } else { 0.0 },
                "for columns that are counts >= 0, such as words; a fit is one pass".into(),
            ),
            Stream if facts.n_rows >= 1_000_000 => {
                self.add(35.0, format!("learns row by row, so {rows} rows need not be held at once"));
            }
            Stream => self.add(0.0, "learns row by row, and goes on when more rows come".into()),
            Tree => self.add(0.0, "a few questions that people can read; usually beaten by many trees".into()),
            Kernel | Process if facts.n_rows <= 2_000 && facts.n_cols <= 50 => {
                self.add(15.0, format!("{rows} rows are few enough for smooth curves of a kernel, which learn much from little"));
            }
            Kernel | Process => self.add(0.0, "smooth curves of a kernel".into()),
            Neighbors if facts.n_cols > 30 => {
                self.add(-15.0, format!("distances say little in {cols} columns"));
            }
            Neighbors => self.add(0.0, "assumes nothing but that near rows are alike".into()),
            Network if facts.most_levels >= 100 => self.add(
                20.0,
                format!("learns a place for each of the {} categories of the largest column", grouped(facts.most_levels)),
            ),
            Network if facts.n_rows >= 10_000 => self.add(10.0, format!("{rows} rows are enough to learn layers from")),
            Network => self.add(-10.0, format!("{rows} rows are few for a network")),
            Directions => self.add(
                if wide { 20.0 } else { 0.0 },
                format!("few directions stand for {cols} columns, which may be alike"),
            ),
            Shrunk => self.add(0.0, "shrunk by as much as the rows say, so it can always be inverted".into()),
            Graph => self.add(0.0, "says which columns depend on each other directly".into()),
            EachOutput => self.add(0.0, "any model of one output serves as its member".into()),
            Means => self.add(0.0, "fast and well known; clusters are round and their number is given".into()),
            Density => self.add(0.0, "clusters of any shape, and their number is not given".into()),
            Isolation => self.add(10.0, "no distances, so columns need no scaling, and many rows are no burden".into()),
            Local => self.add(0.0, "finds rows that are odd where they are, though not among all".into()),
            Envelope if facts.n_rows < 5 * facts.n_cols => {
                self.add(-25.0, format!("{rows} rows are few to learn how {cols} columns vary together"));
            }
            Envelope => self.add(0.0, "untouched by the outliers, where the other rows are one normal cloud".into()),
            Boosting => {}
        }
        if wide
            && matches!(
                kind,
                Boosting | Forest | Tree | Clouds | Envelope | Neighbors | Network | Kernel | Process
            )
        {
            self.add(-20.0, format!("there are more columns ({cols}) than rows ({rows})"));
        }
        if let Some(stored) = facts.stored
            && matches!(kind, Line | Sparse | Stream)
        {
            self.add(
                20.0,
                format!("only {} of the cells are stored, and a line touches no others", percent(stored)),
            );
        }
    }
}

/// A count as people write it: 18,000.
pub(super) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share as people write it: 2.5 %.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 || percent >= 10.0 {
        format!("{percent:.0} %")
    } else if percent >= 0.1 {
        format!("{percent:.1} %")
    } else {
        "less than 0.1 %".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "default")]
    #[test]
    fn all_candidates_are_on_the_list_under_their_task() {
        use Task::*;
        for task in [
            Regression,
            Classification,
            Ranking,
            MultiOutputRegression,
            MultiOutputClassification,
            Clustering,
            OutlierDetection,
            Density,
            Covariance,
            NeighborSearch,
        ] {
            let all = crate::registry::models().task(task);
            for candidate in candidates(task) {
                assert!(all.get(candidate.name).is_ok(), "{} is not for {task}", candidate.name);
            }
        }
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!([0, 999, 1000, 1234567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.0001, 0.025, 0.5].map(percent), ["0 %", "less than 0.1 %", "2.5 %", "50 %"]);
    }
}
