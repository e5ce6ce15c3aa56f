//! The models of each family. A name that is missing here fails a test.

use perennial_core::Estimator;

#[allow(unused_imports)] // Each is used where a family has such an estimator.
use super::make::{self, Decides as _, OfClasses};
use super::offers::{Interchange, No as _, NoQuantile as _, Online, Quantiles};
use super::{Entry, Task, settings::Defaults};

/// `family!(entries, "linear", { regression Ridge: "what it is"; outputs Cca = Cca::new(): ".."; })`: what kind of estimator, its type
/// with its members, how it is made where that is not `default()`, and a sentence. The compiler refuses a kind that is wrong.
macro_rules! family {
    ($entries:ident, $family:literal, {$(
        $kind:ident $name:ident $(<$($member:ty),+>)? $(= $default:expr)?, $summary:literal;
    )*}) => {$({
        type E = $name $(<$($member),+>)?;
        type M = <E as Estimator>::Model;
        let estimator: E = family!(@default $($default)?);
        $entries.push(Entry {
            name: stringify!($name),
            family: $family,
            task: family!(@task $kind),
            summary: $summary,
            members: family!(@members $($($member),+)?),
            takes: estimator.capabilities(),
            defaults: Defaults::new(&estimator, E::PARAMS),
            online: Online::<E>::OFFERED,
            interchange: Interchange::<M>::OFFERED,
            quantile: Quantiles::<E>::QUANTILE,
            make: family!(@make $kind),
            try_read: make::try_read::<E>,
        });
    })*};
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
    (@members) => { None };
    (@members $($member:ty),+) => { Some(concat!($(stringify!($member), ", "),+).trim_end_matches(", ")) };
    (@task regression) => { Task::Regression };
    (@task quantiles) => { Task::Regression };
    (@task classification) => { Task::Classification };
    (@task ranking) => { Task::Ranking };
    (@task outputs) => { Task::MultiOutputRegression };
    (@task class_outputs) => { Task::MultiOutputClassification };
    (@task clusters) => { Task::Clustering };
    (@task groups) => { Task::Clustering };
    (@task outliers) => { Task::OutlierDetection };
    (@task density) => { Task::Density };
    (@task covariance) => { Task::Covariance };
    (@task search) => { Task::NeighborSearch };
    (@make regression) => { make::values::<E>() };
    (@make classification) => { OfClasses::<E>::MAKE };
    (@make outputs) => { make::outputs::<E>() };
    (@make clusters) => { make::clusters::<E>() };
    (@make groups) => { make::groups::<E>() };
    (@make outliers) => { make::outliers::<E>() };
    (@make $other:ident) => { make::typed::<E>() };
}

/// All of them.
pub(super) fn all() -> Vec<Entry> {
    let mut entries = Vec::new();
    always(&mut entries);
    #[cfg(feature = "linear")]
    linear(&mut entries);
    #[cfg(feature = "trees")]
    trees(&mut entries);
    #[cfg(feature = "neighbors")]
    neighbors(&mut entries);
    #[cfg(feature = "kernels")]
    kernels(&mut entries);
    #[cfg(feature = "neural")]
    neural(&mut entries);
    #[cfg(feature = "cluster")]
    cluster(&mut entries);
    #[cfg(feature = "outlier")]
    outlier(&mut entries);
    #[cfg(all(feature = "compose", feature = "linear", feature = "trees"))]
    compose(&mut entries);
    entries
}

fn always(entries: &mut Vec<Entry>) {
    use crate::*;
    family!(entries, "baseline", {
        regression DummyRegressor, "The same number for every row: what any regressor must beat.";
        classification DummyClassifier, "The same probabilities for every row: what any classifier must beat.";
    });
    {
        use crate::baseline::*;
        family!(entries, "baseline", {
            regression NaiveForecaster, "The last value, the drift or the last season of a series: what any forecast must beat.";
        });
        #[cfg(feature = "trees")]
        family!(entries, "baseline", {
            regression OneFeatureRegressor, "A question to the one column that tells most: what a larger model must beat.";
            classification OneFeatureClassifier, "A question to the one column that tells most: what a larger model must beat.";
        });
    }
    family!(entries, "naive_bayes", {
        classification GaussianNaiveBayes, "Columns that are normal within each class and do not depend on each other there.";
        classification MultinomialNaiveBayes, "Counts, such as words of a text, whose shares differ by class.";
        classification ComplementNaiveBayes, "Counts, judged by how unlike the other classes a row is; for rare classes.";
        classification BernoulliNaiveBayes, "Columns that are there or not, with a probability for each class.";
        classification CategoricalNaiveBayes, "Columns of category codes, with a probability of each category for each class.";
    });
    family!(entries, "discriminant", {
        classification LinearDiscriminantAnalysis, "Classes that are normal clouds of one shape, with straight borders between them.";
        classification QuadraticDiscriminantAnalysis, "Classes that are normal clouds, each of its own shape.";
    });
    family!(entries, "isotonic", {
        regression IsotonicRegression, "The best rising curve of one column.";
    });
    family!(entries, "covariance", {
        covariance EmpiricalCovariance, "The covariance of the rows as they are.";
        covariance LedoitWolf, "A covariance shrunk by as much as the rows say.";
        covariance Oas, "A covariance shrunk by as much as normal rows need.";
        covariance MinCovDet, "The covariance of the rows that lie closest together, untouched by outliers.";
        covariance GraphicalLasso, "A covariance with a sparse inverse: which columns depend on each other directly.";
        covariance GraphicalLassoCv, "The same, with a strength that cross-validation chooses.";
    });
}

#[cfg(feature = "linear")]
fn linear(entries: &mut Vec<Entry>) {
    use crate::*;
    family!(entries, "linear", {
        regression LinearRegression, "Least squares, with standard errors and intervals of its coefficients.";
        regression Ridge, "Least squares with a squared penalty on coefficients.";
        regression RidgeCv, "Ridge with a strength that leave-one-out errors choose.";
        regression Lasso, "Least squares with an absolute penalty, which leaves few coefficients.";
        regression LassoCv, "Lasso with a strength that cross-validation chooses.";
        regression ElasticNet, "Least squares with an absolute and a squared penalty.";
        regression ElasticNetCv, "Elastic net with strengths that cross-validation chooses.";
        regression Lars, "Least angle regression: columns join one by one.";
        regression LassoLars, "Lasso along the path of least angles.";
        regression LassoLarsCv, "The same, with a strength that cross-validation chooses.";
        regression LassoLarsIc, "The same, with a strength that an information criterion chooses.";
        regression OrthogonalMatchingPursuit, "The few columns that together explain most, chosen greedily.";
        regression PoissonRegressor, "Counts and rates, whose logarithm is a line.";
        regression GammaRegressor, "Positive amounts, whose logarithm is a line.";
        regression TweedieRegressor, "Amounts that are often 0, whose logarithm is a line.";
        regression HuberRegressor, "A line that rows far off pull only linearly.";
        regression QuantileRegressor, "A line with a given share of the target below it.";
        regression RansacRegressor<LinearRegression> = RansacRegressor::new(LinearRegression::new()),
            "A line through the largest set of rows that agree.";
        regression TheilSenRegressor, "The median of the lines through small sets of rows.";
        regression BayesianRidge, "Ridge that learns its strength, and a deviation for each answer.";
        regression ArdRegression, "A strength for each column, so that most drop out, and a deviation for each answer.";
        regression LinearSvr, "A line that ignores small errors.";
        regression SgdRegressor, "A line learned row by row.";
        classification LogisticRegression, "Log-odds that are a line, with probabilities.";
        classification LogisticRegressionCv, "The same, with a strength that cross-validation chooses.";
        classification RidgeClassifier, "Ridge on classes as numbers: fast, without probabilities.";
        classification RidgeClassifierCv, "The same, with a strength that leave-one-out errors choose.";
        classification LinearSvc, "The straight border with the widest margin.";
        classification SgdClassifier, "A line between classes learned row by row.";
        classification FtrlClassifier, "Log-odds learned row by row, with most coefficients at 0.";
        classification Perceptron, "A border that moves with each row that is wrong.";
        classification PassiveAggressive, "A border that moves just far enough for each row that is wrong.";
        outputs MultiTaskLasso, "Lasso of several targets that keep the same columns.";
        outputs MultiTaskLassoCv, "The same, with a strength that cross-validation chooses.";
        outputs MultiTaskElasticNet, "Elastic net of several targets that keep the same columns.";
        outputs MultiTaskElasticNetCv, "The same, with strengths that cross-validation chooses.";
        outputs PlsRegression, "Few directions of many columns alike, for all targets.";
        outputs PlsCanonical, "Pairs of directions in which columns and targets vary together, with orthogonal scores.";
        outputs Cca, "Pairs of directions in which columns and targets correlate most.";
    });
}

#[cfg(feature = "trees")]
fn trees(entries: &mut Vec<Entry>) {
    use crate::*;
    family!(entries, "tree", {
        regression DecisionTreeRegressor, "Questions about columns that lead to a number: rules that people can read.";
        classification DecisionTreeClassifier, "Questions about columns that lead to a class: rules that people can read.";
    });
    family!(entries, "forest", {
        regression RandomForestRegressor, "The mean of trees on rows and columns drawn at random.";
        classification RandomForestClassifier, "The mean of trees on rows and columns drawn at random.";
        regression ExtraTreesRegressor, "The mean of trees that are cut at random.";
        classification ExtraTreesClassifier, "The mean of trees that are cut at random.";
        regression QuantileForestRegressor, "A forest that knows the whole distribution of the target.";
    });
    family!(entries, "boosting", {
        regression GradientBoostingRegressor, "Trees that each correct the sum of those before.";
        classification GradientBoostingClassifier, "Trees that each correct the sum of those before.";
        quantiles GradientBoostingQuantileRegressor, "Boosted trees for several quantiles that never cross.";
        ranking GradientBoostingRanker, "Boosted trees that put the rows of each group in order.";
    });
}

#[cfg(feature = "neighbors")]
fn neighbors(entries: &mut Vec<Entry>) {
    use crate::*;
    family!(entries, "neighbors", {
        regression KNeighborsRegressor, "The mean of the nearest rows.";
        regression RadiusNeighborsRegressor, "The mean of the rows within a distance.";
        classification KNeighborsClassifier, "The shares of the classes among the nearest rows.";
        classification RadiusNeighborsClassifier, "The shares of the classes within a distance.";
        classification NearestCentroid, "The class whose mean is nearest.";
        search NearestNeighbors, "The rows that are near to a row.";
        density KernelDensity, "How likely rows are, by the rows around them.";
    });
}

#[cfg(feature = "kernels")]
fn kernels(entries: &mut Vec<Entry>) {
    use crate::gaussian_process::{GaussianProcessClassifier, GaussianProcessRegressor};
    use crate::*;
    family!(entries, "svm", {
        classification Svc, "The border with the widest margin in the space of a kernel.";
        classification ProbabilisticSvc, "The same with probabilities, for five further fits.";
        regression Svr, "A curve of a kernel that ignores small errors.";
        outliers OneClassSvm, "A border of a kernel around most rows.";
    });
    family!(entries, "kernel_ridge", {
        regression KernelRidge, "Ridge in the space of a kernel: a smooth curve.";
    });
    family!(entries, "gaussian_process", {
        regression GaussianProcessRegressor, "A smooth curve with an honest deviation for each answer.";
        classification GaussianProcessClassifier, "Smooth log-odds with a kernel that is fitted.";
    });
}

#[cfg(feature = "neural")]
fn neural(entries: &mut Vec<Entry>) {
    use crate::*;
    family!(entries, "neural", {
        regression MlpRegressor, "A network of layers, with embeddings of categories.";
        classification MlpClassifier, "A network of layers, with embeddings of categories.";
    });
}

#[cfg(feature = "cluster")]
fn cluster(entries: &mut Vec<Entry>) {
    use crate::*;
    family!(entries, "cluster", {
        clusters KMeans, "Round clusters of a given number, around their means.";
        clusters MiniBatchKMeans, "The same from small batches, for many rows or rows that keep coming.";
        clusters BisectingKMeans, "Clusters that are divided in two until there are enough.";
        clusters Birch, "A tree of small clusters that are joined; for many rows or rows that keep coming.";
        clusters MeanShift, "The peaks of density, as many as there are.";
        groups AgglomerativeClustering, "The nearest clusters are joined, step by step.";
        groups Dbscan, "Dense areas of any shape; the rest is noise.";
        groups Hdbscan, "Dense areas of any shape and of different density; the rest is noise.";
        groups Optics, "An ordering of the rows by density that can be cut anywhere.";
        groups SpectralClustering, "Clusters of the graph of near rows.";
    });
    family!(entries, "mixture", {
        clusters GaussianMixture, "Normal clouds of a given number, with the probability of each.";
        clusters BayesianGaussianMixture, "Normal clouds, of which those that are not needed vanish.";
    });
}

#[cfg(feature = "outlier")]
fn outlier(entries: &mut Vec<Entry>) {
    use crate::*;
    family!(entries, "outlier", {
        outliers IsolationForest, "Rows that few random cuts set apart.";
        outliers LocalOutlierFactor, "Rows in places less dense than those of their neighbours.";
        outliers EllipticEnvelope, "Rows far from one robust normal cloud.";
    });
}

#[cfg(all(feature = "compose", feature = "linear", feature = "trees"))]
fn compose(entries: &mut Vec<Entry>) {
    use crate::compose::*;
    use crate::*;
    let stump = || DecisionTreeClassifier::new().max_depth(1);
    let shallow = || DecisionTreeRegressor::new().max_depth(3);
    let tree = DecisionTreeClassifier::new;
    family!(entries, "compose", {
        classification OneVsRestClassifier<LogisticRegression>, "One model for each class against the rest.";
        classification OneVsOneClassifier<LogisticRegression>, "One model for each pair of classes.";
        outputs MultiOutputRegressor<Ridge>, "One model for each output.";
        outputs RegressorChain<Ridge>, "One model for each output, which sees the outputs before.";
        class_outputs MultiOutputClassifier<LogisticRegression>, "One model for each output.";
        class_outputs ClassifierChain<LogisticRegression>, "One model for each output, which sees the outputs before.";
        classification VotingClassifier<(LogisticRegression, GaussianNaiveBayes)>, "The mean of what several classifiers say.";
        regression VotingRegressor<(Ridge, DecisionTreeRegressor)>, "The mean of what several regressors say.";
        classification StackingClassifier<(GaussianNaiveBayes, DecisionTreeClassifier), LogisticRegression>
            = StackingClassifier::new((GaussianNaiveBayes::new(), tree()), LogisticRegression::new()),
            "A model on what other classifiers say of rows they have not seen.";
        regression StackingRegressor<(Ridge, DecisionTreeRegressor), LinearRegression>
            = StackingRegressor::new((Ridge::new(), DecisionTreeRegressor::new()), LinearRegression::new()),
            "A model on what other regressors say of rows they have not seen.";
        classification BaggingClassifier<DecisionTreeClassifier> = BaggingClassifier::new(tree()),
            "The mean of models on rows and columns drawn at random.";
        regression BaggingRegressor<DecisionTreeRegressor>, "The mean of models on rows and columns drawn at random.";
        classification AdaBoostClassifier<DecisionTreeClassifier> = AdaBoostClassifier::new(stump()),
            "Models that each look most at the rows that those before got wrong.";
        regression AdaBoostRegressor<DecisionTreeRegressor> = AdaBoostRegressor::new(shallow()),
            "Models that each look most at the rows that those before got wrong.";
        regression TransformedTargetRegressor<Ridge> = TransformedTargetRegressor::new(Ridge::new(), TargetTransform::Asinh),
            "A model of a transform of the target, whose answers are turned back.";
        classification SelfTrainingClassifier<GaussianNaiveBayes> = SelfTrainingClassifier::new(GaussianNaiveBayes::new(), "?"),
            "A model that labels rows without a class as soon as it is sure.";
    });
}
