//! Hierarchies of clusters beside scikit-learn 1.9 and a plain search over all pairs:
//!
//! ```text
//! i = arange(60); X = c_[sin(1.7 i) * 3, cos(.9 i) * 2, (37 i % 11) * .3]; X[i % 2 == 1] += 4
//! m = AgglomerativeClustering(4, linkage=.., metric=.., compute_distances=True).fit(X)
//! m.distances_[-4:], m.distances_.sum()
//! ```

use ndarray::Array2;
use perennial_core::{Clustered, Estimator, Matrix, NoTarget, Transformer, from_bytes, to_bytes};
use perennial_models::AgglomerativeClustering;
use perennial_models::cluster::{
    AgglomerativeModel, Connectivity, FeatureAgglomeration, FeatureAgglomerationModel, Linkage, Merge,
};
use perennial_models::neighbors::Metric;
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check};

use crate::fixtures::assert_close;

check!(
    cluster_agglomerative,
    group,
    AgglomerativeClustering::new().n_clusters(3),
    Tags::new().most_rows(6000)
);
check!(
    cluster_agglomerative_complete,
    group,
    AgglomerativeClustering::new().n_clusters(3).linkage(Linkage::Complete),
    Tags::new().most_rows(2000)
);
check!(
    cluster_agglomerative_average,
    group,
    AgglomerativeClustering::new().n_clusters(3).linkage(Linkage::Average).metric(Metric::Manhattan),
    Tags::new().most_rows(2000)
);
check!(
    cluster_agglomerative_single,
    group,
    AgglomerativeClustering::new().linkage(Linkage::Single).distance_threshold(3.0),
    // Its clusters are chains.
    Tags::new().poor_score()
);

check!(
    cluster_agglomerative_linked,
    group,
    AgglomerativeClustering::new().n_clusters(3).connectivity(Connectivity::Neighbors(5)),
    Tags::new().most_rows(2000)
);
check!(
    cluster_agglomerative_linked_average,
    group,
    AgglomerativeClustering::new()
        .n_clusters(3)
        .linkage(Linkage::Average)
        .connectivity(Connectivity::Neighbors(10)),
    // Distances along the links say little of the clusters.
    Tags::new().poor_score().most_rows(2000)
);

fn rows() -> Array2<f64> {
    Array2::from_shape_fn((60, 3), |(i, column)| {
        let value = match column {
            0 => (i as f64 * 1.7).sin() * 3.0,
            1 => (i as f64 * 0.9).cos() * 2.0,
            _ => (i * 37 % 11) as f64 * 0.3,
        };
        value + if i % 2 == 1 { 4.0 } else { 0.0 }
    })
}

#[test]
fn hierarchies_are_those_of_scikit_learn() {
    let cases: [(Linkage, Metric, [f64; 4], f64); 6] = [
        (
            Linkage::Ward,
            Metric::Euclidean,
            [7.866006379275377, 14.163736850677704, 15.815996302163082, 37.906098425271125],
            183.97597911670064,
        ),
        (
            Linkage::Complete,
            Metric::Euclidean,
            [5.810835116887428, 7.420369781751186, 7.450625182918314, 13.488473101499958],
            127.7413088488962,
        ),
        (
            Linkage::Average,
            Metric::Euclidean,
            [3.372883826741674, 4.526782460696574, 4.642941499016174, 7.5856868215706434],
            96.12057250968513,
        ),
        (
            Linkage::Single,
            Metric::Euclidean,
            [1.7655309531887229, 1.7868049404735835, 1.8283563615597382, 1.8752355045533047],
            66.45215367070581,
        ),
        (
            Linkage::Average,
            Metric::Manhattan,
            [5.086564970075351, 6.571560034284266, 6.772753940088878, 12.221142473052854],
            140.10996736044885,
        ),
        (
            Linkage::Average,
            Metric::Cosine,
            [0.36625069821084, 0.4835526282807121, 0.6995653284660596, 1.050664952478902],
            4.7828515706569625,
        ),
    ];
    let x = Matrix::from(rows());
    for (linkage, metric, last, total) in cases {
        let settings = AgglomerativeClustering::new().n_clusters(4).linkage(linkage).metric(metric);
        let model = settings.fit(&x, &NoTarget).unwrap();
        let distances: Vec<f64> = model.merges().iter().map(|merge| merge.distance).collect();
        assert_close(&distances[55..], &last, 1e-12, "the last distances");
        assert_close(&[distances.iter().sum()], &[total], 1e-11, "all distances");
        assert_eq!(model.clusters().n_clusters(), 4);
    }
    // [seen.setdefault(l, len(seen)) for l in AgglomerativeClustering(4, linkage="average").fit(X).labels_]
    let labels = [
        0, 1, 0, 2, 3, 1, 0, 2, 3, 1, 0, 2, 3, 1, 0, 1, 3, 2, 0, 1, 3, 2, 0, 1, 3, 2, 3, 1, 0, 2, 3, 1, 0, 2,
        3, 1, 0, 1, 3, 2, 0, 1, 3, 2, 0, 1, 3, 2, 0, 1, 0, 2, 3, 1, 0, 2, 3, 1, 0, 2,
    ];
    let average = AgglomerativeClustering::new().n_clusters(4).linkage(Linkage::Average);
    assert_eq!(average.fit(&x, &NoTarget).unwrap().clusters().labels(), labels);
    // AgglomerativeClustering(None, distance_threshold=5).fit(X).n_clusters_
    let model = AgglomerativeClustering::new().distance_threshold(5.0).fit(&x, &NoTarget).unwrap();
    assert_eq!(model.clusters().n_clusters(), 8);
    assert_eq!(&model.cut(8).unwrap(), model.clusters());
    assert_eq!(&model.cut_at(5.0).unwrap(), model.clusters());
    assert_eq!(model.cut(60).unwrap().labels(), (0..60).collect::<Vec<i32>>());
    assert!(model.cut(0).is_err() && model.cut(61).is_err() && model.cut_at(f64::NAN).is_err());
}

/// The distances of merges by a search over all pairs of clusters, measured on their rows.
fn plain(x: &Array2<f64>, linkage: Linkage) -> Vec<f64> {
    let distance = |a: usize, b: usize| (&x.row(a) - &x.row(b)).mapv(|v| v * v).sum().sqrt();
    let mean = |rows: &[usize]| x.select(ndarray::Axis(0), rows).mean_axis(ndarray::Axis(0)).unwrap();
    let between = |a: &[usize], b: &[usize]| {
        let pairs = a.iter().flat_map(|&a| b.iter().map(move |&b| distance(a, b)));
        match linkage {
            Linkage::Complete => pairs.fold(0.0, f64::max),
            Linkage::Single => pairs.fold(f64::INFINITY, f64::min),
            Linkage::Average => pairs.sum::<f64>() / (a.len() * b.len()) as f64,
            Linkage::Ward => {
                let (n, m) = (a.len() as f64, b.len() as f64);
                (2.0 * n * m / (n + m) * (mean(a) - mean(b)).mapv(|v| v * v).sum()).sqrt()
            }
        }
    };
    let mut clusters: Vec<Vec<usize>> = (0..x.nrows()).map(|row| vec![row]).collect();
    let mut found = Vec::new();
    while clusters.len() > 1 {
        let mut best = (f64::INFINITY, 0, 0);
        for a in 0..clusters.len() {
            for b in 0..a {
                let distance = between(&clusters[a], &clusters[b]);
                if distance < best.0 {
                    best = (distance, a, b);
                }
            }
        }
        let gone = clusters.swap_remove(best.1);
        clusters[best.2].extend(gone);
        found.push(best.0);
    }
    found
}

#[test]
fn merges_are_those_of_a_search_over_all_pairs() {
    let mut random = Random::new(4);
    let x = Array2::from_shape_simple_fn((130, 2), || random.normal());
    for linkage in [Linkage::Ward, Linkage::Complete, Linkage::Average, Linkage::Single] {
        let settings = AgglomerativeClustering::new().linkage(linkage);
        let model = settings.fit(&x.clone().into(), &NoTarget).unwrap();
        let distances: Vec<f64> = model.merges().iter().map(|merge| merge.distance).collect();
        assert_close(&distances, &plain(&x, linkage), 1e-12, "distances");
        sound(model.merges());
    }
}

/// Every cluster but the last is merged once, and sizes add up.
fn sound(merges: &[Merge]) {
    let n = merges.len() + 1;
    let mut sizes = vec![1; n];
    let mut seen = vec![false; 2 * n - 2];
    for merge in merges {
        assert!(merge.left < merge.right);
        for side in [merge.left, merge.right] {
            assert!(!std::mem::replace(&mut seen[side as usize], true));
        }
        assert_eq!(merge.size, sizes[merge.left as usize] + sizes[merge.right as usize]);
        sizes.push(merge.size);
    }
    assert!(seen.iter().all(|seen| *seen));
}

#[test]
fn edges_of_hierarchies() {
    // Equal distances everywhere: a grid, and rows that are all the same.
    let grid =
        Array2::from_shape_fn((400, 2), |(i, j)| if j == 0 { (i % 20) as f64 } else { (i / 20) as f64 });
    for linkage in [Linkage::Ward, Linkage::Complete, Linkage::Average, Linkage::Single] {
        let settings = AgglomerativeClustering::new().linkage(linkage);
        sound(settings.fit(&grid.clone().into(), &NoTarget).unwrap().merges());
        let same = settings.fit(&Array2::from_elem((50, 3), 7.5).into(), &NoTarget).unwrap();
        assert!(same.merges().iter().all(|merge| merge.distance == 0.0));
        let one = settings.clone().n_clusters(1).fit(&Array2::zeros((1, 2)).into(), &NoTarget).unwrap();
        assert!(one.merges().is_empty() && one.clusters().labels() == [0]);
        // Squares leave the range of f64, distances do not.
        let scaled = |factor: f64| {
            let x = Matrix::from(rows().mapv(|value| value * factor));
            settings.fit(&x, &NoTarget).unwrap().merges().last().unwrap().distance / factor
        };
        assert_close(&[scaled(2f64.powi(900)), scaled(2f64.powi(-900))], &[scaled(1.0); 2], 1e-12, "scales");
    }
    let error = |settings: AgglomerativeClustering, n: usize| {
        settings.fit(&Array2::zeros((n, 2)).into(), &NoTarget).unwrap_err().to_string()
    };
    assert!(error(AgglomerativeClustering::new().n_clusters(5), 4).contains("at least as many rows"));
    assert!(error(AgglomerativeClustering::new().metric(Metric::Manhattan), 4).contains("not manhattan"));
    assert!(
        error(AgglomerativeClustering::new().distance_threshold(f64::NAN), 4).contains("distance_threshold")
    );
    // Refused before anything of that size is held.
    let average = AgglomerativeClustering::new().linkage(Linkage::Average);
    assert!(error(average, 40_000).contains("at most 32768 rows"));
}

fn in_order(labels: &[i32]) -> Vec<i32> {
    let mut seen: Vec<i32> = Vec::new();
    let numbers = labels.iter().map(|label| match seen.iter().position(|other| other == label) {
        Some(place) => place as i32,
        None => {
            seen.push(*label);
            seen.len() as i32 - 1
        }
    });
    numbers.collect()
}

/// `AgglomerativeClustering(4, linkage=.., metric=.., connectivity=G, compute_distances=True).fit(X)`, where G is
/// `kneighbors_graph(X, 4, metric=.., include_self=False)`: two parts, which scikit-learn links as we do; or links successive rows.
#[test]
fn linked_clusters_are_those_of_scikit_learn() {
    let x = Matrix::from(rows());
    let chain = Connectivity::Pairs((0..59).map(|row| (row + 1, row)).collect());
    let near = Connectivity::Neighbors(4);
    let (euclidean, manhattan) = (Metric::Euclidean, Metric::Manhattan);
    let cases: [(Linkage, &Connectivity, Metric, [f64; 5]); 8] = [
        (
            Linkage::Ward,
            &near,
            euclidean,
            [
                7.866006379275379,
                14.163736850677706,
                15.815996302163082,
                37.90609842527114,
                183.97597911670067,
            ],
        ),
        (
            Linkage::Ward,
            &chain,
            euclidean,
            [
                9.528025168373578,
                1.9418810005412692,
                10.129653906183718,
                1.7939716669156653,
                352.74129437391775,
            ],
        ),
        (
            Linkage::Complete,
            &near,
            euclidean,
            [
                1.9345584275255587,
                2.098202984395223,
                2.2592425127593443,
                2.2788360825733966,
                78.36938406294352,
            ],
        ),
        (
            Linkage::Average,
            &near,
            euclidean,
            [1.8624375832246851, 1.927069758801019, 1.929484130577456, 1.968377986023264, 74.0067442203727],
        ),
        (
            Linkage::Average,
            &near,
            manhattan,
            [2.582111771147114, 2.5932834678002794, 2.71030578687165, 2.8818332745992836, 99.80352525281283],
        ),
        (
            Linkage::Complete,
            &near,
            manhattan,
            [2.927743034257673, 3.108892315738997, 3.1770904670009172, 3.183764003336453, 109.07215892669963],
        ),
        (
            Linkage::Single,
            &near,
            euclidean,
            [
                1.7655309531887229,
                1.7868049404735835,
                1.8283563615597382,
                1.8752355045533047,
                66.45215367070581,
            ],
        ),
        (
            Linkage::Single,
            &chain,
            euclidean,
            [
                10.874734521320715,
                11.340774569611838,
                11.344457107770584,
                11.730849029183938,
                446.6738169411325,
            ],
        ),
    ];
    let fit = |linkage: Linkage, connectivity: &Connectivity, metric: Metric| {
        let settings = AgglomerativeClustering::new().n_clusters(4).linkage(linkage).metric(metric);
        settings.connectivity(connectivity.clone()).fit(&x, &NoTarget).unwrap()
    };
    for (linkage, connectivity, metric, truth) in cases {
        let distances: Vec<f64> =
            fit(linkage, connectivity, metric).merges().iter().map(|merge| merge.distance).collect();
        let found: Vec<f64> = distances[55..].iter().copied().chain([distances.iter().sum()]).collect();
        assert_close(&found, &truth, 1e-11, &format!("{linkage:?} {connectivity:?}"));
    }
    // [seen.setdefault(l, len(seen)) for l in m.labels_], with Ward's linkage and both graphs.
    let labels = [
        0, 1, 2, 3, 2, 1, 0, 3, 3, 1, 0, 3, 2, 1, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 2, 1, 0, 3, 2, 1, 0, 3,
        2, 1, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 0, 3, 2, 1, 0, 3, 2, 1, 0, 3,
    ];
    let model = fit(Linkage::Ward, &near, euclidean);
    assert_eq!(in_order(model.clusters().labels()), labels);
    let model = fit(Linkage::Ward, &chain, euclidean);
    let labels: Vec<i32> =
        [(28, 0), (21, 1), (1, 2), (10, 3)].iter().flat_map(|&(n, l)| vec![l; n]).collect();
    assert_eq!(model.clusters().labels(), labels);
    // Distances fall on the way, and the model comes back all the same.
    assert!(model.merges().windows(2).any(|pair| pair[1].distance < pair[0].distance));
    let saved = serde_json::to_string(&model).unwrap();
    assert_eq!(serde_json::from_str::<AgglomerativeModel>(&saved).unwrap(), model);
    // All rows linked with all: as without a graph.
    let all = fit(Linkage::Average, &Connectivity::Neighbors(100), euclidean);
    let plain = fit(Linkage::Average, &Connectivity::All, euclidean);
    let distances =
        |model: &AgglomerativeModel| model.merges().iter().map(|merge| merge.distance).collect::<Vec<f64>>();
    assert_close(&distances(&all), &distances(&plain), 1e-12, "all links");
    assert_eq!(all.clusters(), plain.clusters());
    for wrong in [Connectivity::Neighbors(0), Connectivity::Pairs(vec![(3, 60)])] {
        assert!(AgglomerativeClustering::new().connectivity(wrong).fit(&x, &NoTarget).is_err());
    }
    let none = Connectivity::Pairs(Vec::new());
    let one = AgglomerativeClustering::new().n_clusters(1).connectivity(none.clone());
    assert_eq!(one.fit(&Array2::zeros((1, 2)).into(), &NoTarget).unwrap().merges().len(), 0);
    // Without a link each row is a part, and all parts are linked.
    assert_close(&distances(&fit(Linkage::Average, &none, euclidean)), &distances(&plain), 1e-12, "no links");
    let many = Matrix::from(Array2::from_shape_fn((4000, 1), |(row, _)| row as f64));
    assert!(one.fit(&many, &NoTarget).unwrap_err().to_string().contains("4000 parts"));
}

check!(feature_agglomeration, transformer, FeatureAgglomeration::new(), Tags::new().most_rows(2000));
check!(
    feature_agglomeration_complete,
    transformer,
    FeatureAgglomeration::new().n_clusters(3).linkage(Linkage::Complete).metric(Metric::Manhattan),
    Tags::new().most_rows(2000)
);

/// Five columns of which the first and the third, and the second and the fourth, are nearly the same; clusters and means as those of
/// scikit-learn 1.9.1.
#[test]
fn columns_that_are_alike_are_pooled() {
    let cell = |i: usize, j: usize| ((i * (2 * j + 3) + i / (j + 2) + (i * i) % (j + 5)) % 11) as f64 - 5.0;
    let x = Matrix::from(Array2::from_shape_fn((60, 5), |(i, j)| match j {
        0 => cell(i, 0),
        1 => cell(i, 1) + 0.1 * cell(i, 2),
        2 => cell(i, 0) + 0.2 * cell(i, 3),
        3 => cell(i, 1),
        _ => cell(i, 4),
    }));
    for linkage in [Linkage::Ward, Linkage::Complete, Linkage::Average] {
        let settings = FeatureAgglomeration::new().n_clusters(3).linkage(linkage);
        let model = settings.fit(&x, &NoTarget).unwrap();
        assert_eq!(model.labels(), [0, 1, 0, 1, 2]);
        assert_eq!(model.n_clusters(), 3);
        let pooled = model.transform(&x).unwrap();
        assert_eq!(pooled.features().names().collect::<Vec<_>>(), ["cluster0", "cluster1", "x4"]);
        let cells = pooled.dense().unwrap();
        assert_close(&cells.row(0).to_vec(), &[-5.5, -5.25, -5.0], 1e-12, "means");
        assert_close(&cells.row(1).to_vec(), &[-0.5, 1.15, -4.0], 1e-12, "means");
        let back = model.inverse_transform(&pooled).unwrap();
        assert_eq!(back.features(), x.features());
        assert_close(
            &back.dense().unwrap().row(0).to_vec(),
            &[-5.5, -5.25, -5.5, -5.25, -5.0],
            1e-12,
            "taken back",
        );
        assert_eq!(model.sources(), Some(vec![vec![0, 2], vec![1, 3], vec![4]]));
        assert_eq!(from_bytes::<FeatureAgglomerationModel>(&to_bytes(&model).unwrap()).unwrap(), model);
    }
    // As many clusters as columns change nothing; one is the mean of the row.
    let same = FeatureAgglomeration::new().n_clusters(5).fit(&x, &NoTarget).unwrap();
    assert_eq!(same.transform(&x).unwrap().dense().unwrap(), x.dense().unwrap());
    let one = FeatureAgglomeration::new().n_clusters(1).fit(&x, &NoTarget).unwrap().transform(&x).unwrap();
    let mean = x.dense().unwrap().row(7).sum() / 5.0;
    assert!((one.dense().unwrap()[[7, 0]] - mean).abs() < 1e-12);
    let error = FeatureAgglomeration::new().n_clusters(6).fit(&x, &NoTarget).unwrap_err().to_string();
    assert!(error.contains("6 clusters of 5 columns"), "{error}");
    assert!(FeatureAgglomeration::new().n_clusters(0).fit(&x, &NoTarget).is_err());
    assert!(same.inverse_transform(&one).unwrap_err().to_string().contains("5 clusters"));
    // Columns may have the names that pooled ones would have.
    let named = x.clone().with_names(["cluster0", "cluster1", "cluster0_", "d", "e"]).unwrap();
    let model = FeatureAgglomeration::new().n_clusters(3).fit(&named, &NoTarget).unwrap();
    let pooled = model.transform(&named).unwrap();
    assert_eq!(pooled.features().names().collect::<Vec<_>>(), ["cluster0__", "cluster1_", "e"]);
    assert!(model.decided()[0].to_string().contains("`cluster0__`"));
    // Numbers whose sum is beyond the range have a mean all the same.
    let large = Matrix::from(ndarray::array![[1e308, 1e308], [1.0, 1.0]]);
    let model = FeatureAgglomeration::new().n_clusters(1).fit(&large, &NoTarget).unwrap();
    let made = model.transform(&large).unwrap();
    assert!((made.dense().unwrap()[[0, 0]] / 1e308 - 1.0).abs() < 1e-12);
}
