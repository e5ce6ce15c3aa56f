//! Clusterings beside scikit-learn 1.9:
//!
//! ```text
//! i = arange(60); X = c_[sin(1.7 i) * 3, cos(.9 i) * 2, (37 i % 11) * .3]; w = 1 + i % 3
//! KMeans(4, init=X[:4], n_init=1, tol=0).fit(X, w)
//! DBSCAN(eps=.9, min_samples=3).fit(X); DBSCAN(eps=.9, min_samples=4).fit(X, w)
//! j = arange(200); H = c_[j % 4 * 6 + sin(1.3 j) * (1 + j % 4 * .3), cos(2.1 j) * (1 + j % 2) + (j % 4 == 3) * 4]
//! HDBSCAN(8, min_samples=4).fit(H); HDBSCAN(20, min_samples=6, cluster_selection_method="leaf").fit(H)
//! ```

use ndarray::{Array2, s};
use perennial_core::{Clustered, Estimator, Matrix, NoTarget, PartialFit, Predictor, Train};
use perennial_models::cluster::{BisectingStrategy, ClusterSelection, Init};
use perennial_models::{BisectingKMeans, Dbscan, Hdbscan, KMeans, MiniBatchKMeans};
use perennial_numeric::random::Random;

use crate::fixtures::assert_close;

fn rows() -> Array2<f64> {
    Array2::from_shape_fn((60, 3), |(i, column)| match column {
        0 => (i as f64 * 1.7).sin() * 3.0,
        1 => (i as f64 * 0.9).cos() * 2.0,
        _ => (i * 37 % 11) as f64 * 0.3,
    })
}

fn weights() -> Vec<f64> {
    (0..60).map(|i| 1.0 + f64::from(i % 3)).collect()
}

fn waves() -> Array2<f64> {
    Array2::from_shape_fn((200, 2), |(j, column)| {
        let (k, angle) = ((j % 4) as f64, j as f64);
        match column {
            0 => k * 6.0 + (angle * 1.3).sin() * (1.0 + k * 0.3),
            _ => (angle * 2.1).cos() * (1 + j % 2) as f64 + f64::from(u8::from(j % 4 == 3)) * 4.0,
        }
    })
}

/// The labels, numbered by their first rows.
fn in_order(labels: &[i32]) -> Vec<i32> {
    let mut seen: Vec<i32> = Vec::new();
    labels
        .iter()
        .map(|&label| {
            if label < 0 {
                return -1;
            }
            let place = seen.iter().position(|&other| other == label);
            place.unwrap_or_else(|| {
                seen.push(label);
                seen.len() - 1
            }) as i32
        })
        .collect()
}

#[test]
fn kmeans_takes_the_steps_of_scikit_learn() {
    let x = Matrix::from(rows());
    let settings =
        KMeans::new().n_clusters(4).init(Init::Given(rows().slice(s![..4, ..]).to_owned())).tolerance(0.0);
    let model = settings.fit(&x, &NoTarget).unwrap();
    assert_close(&[model.inertia()], &[111.09764718147737], 1e-10, "inertia");
    assert_eq!((model.n_iterations(), model.converged()), (12, true));
    let centres: Vec<f64> = model.centres().iter().copied().collect();
    assert_close(
        &centres,
        &[
            -1.6212568802423708,
            1.496540819681794,
            1.0071428571428571,
            2.102339439005433,
            1.5044928888526283,
            1.9249999999999998,
            1.843137004346586,
            -1.1046304480174112,
            1.9235294117647057,
            -2.0101288649801097,
            -1.1502494091477764,
            1.0588235294117647,
        ],
        1e-12,
        "centres",
    );
    assert_eq!(
        model.predict(&x).unwrap().labels(),
        &[
            0, 1, 3, 3, 2, 2, 0, 0, 1, 2, 3, 3, 2, 0, 0, 1, 2, 3, 3, 2, 1, 0, 0, 2, 2, 3, 2, 1, 0, 0, 2, 2,
            3, 3, 1, 1, 0, 2, 2, 3, 3, 1, 1, 0, 3, 2, 2, 3, 0, 1, 0, 3, 2, 2, 3, 0, 1, 1, 3, 3
        ]
    );
    let weights = weights();
    let model = Train::new(&x, &NoTarget).weights(&weights).fit(&settings).unwrap();
    assert_close(&[model.inertia()], &[223.51147905055507], 1e-10, "weighted inertia");
}

#[test]
fn dbscan_gives_the_labels_of_scikit_learn() {
    let x = Matrix::from(rows());
    let model = Dbscan::new().eps(0.9).min_samples(3.0).fit(&x, &NoTarget).unwrap();
    assert_eq!(
        model.clusters().labels(),
        &[
            -1, 5, -1, -1, 4, 0, -1, -1, 3, 2, 1, 6, -1, -1, -1, -1, 0, 6, 1, 0, -1, -1, -1, -1, 8, -1, 2, 3,
            -1, -1, 0, 4, 1, -1, 5, -1, -1, 2, -1, 6, 7, -1, 5, -1, -1, 4, 8, -1, -1, 3, -1, 7, 8, 4, 7, -1,
            5, -1, -1, -1
        ]
    );
    assert_eq!(model.core_rows(), &[5, 10, 16, 18, 19, 26, 27, 30, 31, 32, 34, 39, 40, 45, 46, 53, 56]);
    let weights = weights();
    let model =
        Train::new(&x, &NoTarget).weights(&weights).fit(&Dbscan::new().eps(0.9).min_samples(4.0)).unwrap();
    assert_eq!(
        model.clusters().labels(),
        &[
            -1, 0, -1, -1, 1, 2, -1, -1, 3, 4, 5, 6, 7, -1, 8, 9, 2, 6, 5, 2, 9, -1, 10, 7, 15, -1, 4, 3, -1,
            11, 2, 1, 5, 12, 0, -1, 8, 4, -1, 6, 13, 14, 0, 11, 12, 1, 15, 16, -1, 3, 10, 13, 15, 1, 13, -1,
            0, 14, 16, -1
        ]
    );
}

#[test]
fn hdbscan_gives_the_clusters_of_scikit_learn() {
    let x = Matrix::from(waves());
    let model = Hdbscan::new().min_cluster_size(8).min_samples(4).fit(&x, &NoTarget).unwrap();
    let truth: &[i32] = &[
        0, 1, 2, 3, 0, 5, 2, 3, 0, 4, 2, 3, 0, 1, 2, 3, 0, 5, 2, 3, 0, 5, 2, 3, 0, 1, 2, 3, 0, 5, 2, 3, 0, 4,
        2, 3, 0, 1, 2, 3, 0, 5, 2, 3, 0, 5, 2, 3, 0, 1, 2, 3, 0, 5, 2, 3, 0, 4, 2, 3, 0, 1, 2, 3, 0, 5, 2, 3,
        0, 5, 2, 3, 0, 1, 2, 3, 0, 4, 2, 3, 0, 4, 2, 3, 0, 1, 2, 3, 0, 5, 2, 3, 0, 5, 2, 3, 0, 1, 2, 3, 0, 4,
        2, 3, 0, 4, 2, 3, 0, 1, 2, 3, 0, 5, 2, 3, 0, 5, 2, 3, 0, 1, 2, 3, 0, 4, 2, 3, 0, 4, 2, 3, 0, 1, 2, 3,
        0, 5, 2, 3, 0, 5, 2, 3, 0, 1, 2, 3, 0, 4, 2, 3, 0, 4, 2, 3, 0, 1, 2, 3, 0, 5, 2, 3, 0, 5, 2, 3, 0, 1,
        2, 3, 0, 4, 2, 3, 0, 4, 2, 3, 0, 1, 2, 3, 0, 5, 2, 3, 0, 5, 2, 3, 0, 1, 2, 3, 0, 4, 2, 3,
    ];
    // Edges of one length can be ordered either way, which may move a row.
    let moved = model.clusters().labels().iter().zip(in_order(truth)).filter(|(a, b)| **a != *b).count();
    assert!(moved <= 1, "{moved} rows are elsewhere");
    let firm = &[
        1.0,
        0.3817495927217987,
        1.0,
        1.0,
        1.0,
        0.6637322282721558,
        1.0,
        0.7237887213323306,
        1.0,
        1.0,
        1.0,
        1.0,
    ];
    assert_close(&model.probabilities()[..12], firm, 1e-9, "probabilities");
    let settings = Hdbscan::new().min_cluster_size(20).min_samples(6).selection(ClusterSelection::Leaf);
    let truth: &[i32] = &[
        0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1,
        2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,
        0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1,
        2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,
        0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1,
        2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,
    ];
    assert_eq!(settings.fit(&x, &NoTarget).unwrap().clusters().labels(), in_order(truth));
}

/// Clouds around points of a grid of step 10, of so many rows each.
fn clouds(n_clouds: usize, n_rows: usize) -> Array2<f64> {
    let mut random = Random::new(5);
    Array2::from_shape_fn((n_clouds * n_rows, 2), |(row, column)| {
        let cloud = row % n_clouds;
        10.0 * (if column == 0 { cloud % 4 } else { cloud / 4 }) as f64 + random.normal()
    })
}

#[test]
fn kmeans_finds_clouds_from_any_seed_and_no_cluster_stays_empty() {
    let x = Matrix::from(clouds(12, 100));
    for seed in 0..5 {
        let model = KMeans::new().n_clusters(12).n_init(5).seed(seed).fit(&x, &NoTarget).unwrap();
        assert!(model.inertia() < 2600.0, "{}", model.inertia());
        assert_eq!(model.predict(&x).unwrap().sizes(), [100; 12]);
    }
    // A start with the same centre three times, and one that no row is near.
    let start = ndarray::array![[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1e6, 1e6]];
    let model = KMeans::new().n_clusters(4).init(Init::Given(start)).fit(&x, &NoTarget).unwrap();
    assert!(model.predict(&x).unwrap().sizes().iter().all(|&size| size > 0));
}

#[test]
fn labels_are_those_of_exact_distances_where_rounding_matters() {
    // Far from the origin f32 tells no two rows apart.
    let x = clouds(8, 60) + 1e9;
    let model =
        KMeans::new().n_clusters(8).n_init(3).seed(1).fit(&Matrix::from(x.clone()), &NoTarget).unwrap();
    let found = model.predict(&Matrix::from(x.clone())).unwrap();
    for (row, &label) in x.rows().into_iter().zip(found.labels()) {
        let distances: Vec<f64> = model
            .centres()
            .rows()
            .into_iter()
            .map(|centre| centre.iter().zip(row).map(|(a, b)| (a - b) * (a - b)).sum())
            .collect();
        assert!(distances.iter().all(|other| *other >= distances[label as usize]));
    }
}

#[test]
fn the_relatives_of_kmeans_come_near_it() {
    let x = Matrix::from(clouds(6, 400));
    let best = KMeans::new().n_clusters(6).n_init(8).seed(2).fit(&x, &NoTarget).unwrap().inertia();
    let bisected = BisectingKMeans::new().n_clusters(6).n_init(3).seed(2).fit(&x, &NoTarget).unwrap();
    assert!(bisected.inertia() < 12.0 * best);
    let settings = MiniBatchKMeans::new().n_clusters(6).n_init(10).batch_size(256).seed(2);
    let batches = settings.fit(&x, &NoTarget).unwrap();
    assert!(batches.inertia() < 1.1 * best, "{} and {best}", batches.inertia());
    let n_batches = batches.n_batches();
    let further = settings.partial_fit(batches, &x, &NoTarget).unwrap();
    assert!(further.inertia() < 1.05 * best && further.n_batches() > n_batches);
}

#[test]
fn what_cannot_be_clustered_is_an_error() {
    let x = Matrix::from(rows());
    assert!(KMeans::new().n_clusters(61).fit(&x, &NoTarget).is_err());
    assert!(KMeans::new().n_clusters(0).fit(&x, &NoTarget).is_err());
    assert!(KMeans::new().tolerance(f64::NAN).fit(&x, &NoTarget).is_err());
    assert!(KMeans::new().init(Init::Given(Array2::zeros((8, 2)))).fit(&x, &NoTarget).is_err());
    assert!(Dbscan::new().eps(0.0).fit(&x, &NoTarget).is_err());
    assert!(Hdbscan::new().min_cluster_size(1).fit(&x, &NoTarget).is_err());
    assert!(Hdbscan::new().min_samples(61).fit(&x, &NoTarget).is_err());
    // Equal rows only: fewer clusters than asked for are filled.
    let same = Matrix::from(Array2::from_elem((10, 2), 3.5));
    let model = KMeans::new().n_clusters(3).fit(&same, &NoTarget).unwrap();
    assert_eq!((model.inertia(), model.predict(&same).unwrap().sizes()[0]), (0.0, 10));
}

/// `i = arange(90); G = c_[i % 3 * 5 + sin(1.7 i i) * (1 + .4 (i % 3)), cos(.9 i i + 1) * (1 + (i % 3 == 1))]`
fn three() -> Array2<f64> {
    Array2::from_shape_fn((90, 2), |(i, column)| {
        let (k, square) = ((i % 3) as f64, (i * i) as f64);
        match column {
            0 => k * 5.0 + (1.7 * square).sin() * (1.0 + 0.4 * k),
            _ => (0.9 * square + 1.0).cos() * (1.0 + f64::from(u8::from(i % 3 == 1))),
        }
    })
}

/// Labels of one character, a point for noise.
fn shown(settings: &Hdbscan, x: &Array2<f64>) -> String {
    let model = settings.fit(&Matrix::from(x.clone()), &NoTarget).unwrap();
    let mark = |&label: &i32| u32::try_from(label).map_or('.', |label| char::from_digit(label, 36).unwrap());
    model.clusters().labels().iter().map(mark).collect()
}

/// scikit-learn 1.9 and, for the distances, where that fails with NumPy 2.4, hdbscan 0.8:
/// `HDBSCAN(5, min_samples=3, max_cluster_size=15)`, `HDBSCAN(8, min_samples=3, allow_single_cluster=True)` and
/// `hdbscan.HDBSCAN(5, min_samples=2, cluster_selection_epsilon=..)`, which does not count the row itself.
#[test]
fn hdbscan_chooses_as_it_is_told() {
    let new = || Hdbscan::new().min_cluster_size(5).min_samples(3);
    let truth = ".0123..45.3..31.45.0523..0623..01..5.06.36.4..0..01.35.35246.01.45.05.06.3..35206.06.05.31";
    assert_eq!(shown(&new().max_cluster_size(15), &three()), truth);
    let truth = "012012012012012012012012012012012012012012012012012012012012012012012012012012012012012012";
    assert_eq!(shown(&new().cluster_selection_epsilon(1.5), &three()), truth);
    let leaves = new().selection(ClusterSelection::Leaf);
    assert_eq!(shown(&leaves.clone().cluster_selection_epsilon(1.5), &three()), truth);
    let truth = "0120320420320320420120320120320120.2012032042012012032032042012042012012032032012012012032";
    assert_eq!(shown(&leaves.clone().cluster_selection_epsilon(1.0), &three()), truth);
    assert_eq!(shown(&new().cluster_selection_epsilon(1.0), &three()), truth);
    let all = leaves.cluster_selection_epsilon(4.0).allow_single_cluster(true);
    assert_eq!(shown(&all, &three()), "0".repeat(90));

    // `i = arange(40); c_[sin(1.7 i i), cos(.9 i i + 1)] * i / 40`: nothing but one cloud.
    let cloud = Array2::from_shape_fn((40, 2), |(i, column)| {
        let square = (i * i) as f64;
        let place = if column == 0 { (1.7 * square).sin() } else { (0.9 * square + 1.0).cos() };
        place * i as f64 / 40.0
    });
    let new = || Hdbscan::new().min_cluster_size(8).min_samples(3);
    assert_eq!(shown(&new(), &cloud), ".".repeat(40));
    let one = new().allow_single_cluster(true);
    assert_eq!(shown(&one, &cloud), "0000000..0..0.0.........................");
    let near = one.cluster_selection_epsilon(0.2);
    assert_eq!(shown(&near, &cloud), "00000000000.0.0.........................");
}

#[test]
fn weights_draw_rows_into_batches() {
    let x = clouds(4, 100);
    // One cloud is heavy: of two centres it gets one of its own, and the other is in the midst of the rest.
    let weights: Vec<f64> = (0..400).map(|row| if row % 4 == 3 { 50.0 } else { 1.0 }).collect();
    let x = Matrix::from(x);
    let settings = MiniBatchKMeans::new().n_clusters(2).seed(3);
    let model = Train::new(&x, &NoTarget).weights(&weights).fit(&settings).unwrap();
    let near =
        model.centres().rows().into_iter().any(|row| (row[0] - 30.0).abs() < 1.0 && row[1].abs() < 1.0);
    assert!(near, "{:?}", model.centres());
    // Further rows count by their weights too, in the same units.
    let more = Matrix::from(ndarray::array![[30.0, 5.0], [30.0, 7.0]]);
    let light =
        Train::new(&more, &NoTarget).weights(&[1.0, 1.0]).partial_fit(&settings, model.clone()).unwrap();
    let heavy = Train::new(&more, &NoTarget).weights(&[1e9, 1e9]).partial_fit(&settings, model).unwrap();
    let highest = |model: &perennial_models::cluster::MiniBatchKMeansModel| {
        model.centres().column(1).iter().copied().fold(f64::NEG_INFINITY, f64::max)
    };
    assert!(highest(&heavy) > 5.9 && highest(&light) < 1.0, "{} {}", highest(&heavy), highest(&light));
}

#[test]
fn distances_of_exactly_epsilon_and_sizes_of_clusters_at_their_edges() {
    // Groups of rows at distance 1 within, and gaps of 49 and 53: through inverses of them 49 would be less than 49.
    let starts = [0.0, 52.0, 108.0];
    let x = Array2::from_shape_fn((12, 1), |(i, _)| starts[i / 4] + (i % 4) as f64);
    let of = |epsilon: f64| {
        let settings = Hdbscan::new().min_cluster_size(3).min_samples(1).cluster_selection_epsilon(epsilon);
        settings.fit(&Matrix::from(x.clone()), &NoTarget).unwrap().clusters().n_clusters()
    };
    assert_eq!((of(0.0), of(49.0), of(49.1)), (3, 3, 2));
    // With all rows one cluster, rows at exactly the distance belong to it; one at 63 does not.
    let line = |i: usize| if i < 7 { 49.0 * i as f64 } else { 357.0 };
    let line = Matrix::from(Array2::from_shape_fn((8, 1), |(i, _)| line(i)));
    let settings = Hdbscan::new().min_cluster_size(7).min_samples(1).allow_single_cluster(true);
    let model = settings.clone().cluster_selection_epsilon(49.0).fit(&line, &NoTarget).unwrap();
    assert_eq!(model.clusters().labels(), [0, 0, 0, 0, 0, 0, 0, -1]);
    let model = settings.clone().min_cluster_size(9).fit(&line, &NoTarget).unwrap();
    assert_eq!(model.clusters().labels(), [-1; 8]);
    let error = settings.max_cluster_size(6).fit(&line, &NoTarget).unwrap_err();
    assert!(error.to_string().contains("`min_cluster_size`, which is 7"), "{error}");
}

/// Many rows side by side, and two far from them and from each other: what is parted next is the wide cluster or the full one.
#[test]
fn the_widest_cluster_or_the_fullest_is_parted_next() {
    let cells: Vec<f64> = (0..20).map(|i| f64::from(i) * 0.01).chain([100.0, 110.0]).collect();
    let x = Matrix::from(Array2::from_shape_vec((22, 1), cells).unwrap());
    let fit = |strategy| {
        BisectingKMeans::new().n_clusters(3).strategy(strategy).seed(1).fit(&x, &NoTarget).unwrap()
    };
    let sizes = |strategy| {
        let mut sizes = fit(strategy).predict(&x).unwrap().sizes().to_vec();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(sizes(BisectingStrategy::BiggestInertia), [1, 1, 20]);
    let full = sizes(BisectingStrategy::LargestCluster);
    assert!(full.contains(&2) && full.iter().sum::<usize>() == 22, "{full:?}");
    // Rows that weigh much make a cluster full.
    let weights: Vec<f64> = (0..22).map(|row| if row < 20 { 1.0 } else { 50.0 }).collect();
    let settings = BisectingKMeans::new().n_clusters(3).strategy(BisectingStrategy::LargestCluster).seed(1);
    let model = Train::new(&x, &NoTarget).weights(&weights).fit(&settings).unwrap();
    let mut sizes = model.predict(&x).unwrap().sizes().to_vec();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1, 20]);
    // Equal rows are never parted.
    let equal = Matrix::from(Array2::from_shape_fn((9, 1), |(i, _)| if i < 6 { 0.0 } else { i as f64 }));
    let model = settings.clone().n_clusters(4).fit(&equal, &NoTarget).unwrap();
    assert_eq!(model.centres().nrows(), 4);
    // Nor are those whose mean is rounded: the sum of six times 0.1, by six, is less than 0.1.
    let rounded = Matrix::from(Array2::from_shape_fn((9, 1), |(i, _)| if i < 6 { 0.1 } else { i as f64 }));
    for strategy in [BisectingStrategy::LargestCluster, BisectingStrategy::BiggestInertia] {
        let settings = settings.clone().strategy(strategy).n_clusters(4);
        let found = settings.fit(&rounded, &NoTarget).unwrap().predict(&rounded).unwrap();
        let mut sizes = found.sizes();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 1, 1, 6]);
    }
    let same = Matrix::from(Array2::from_elem((100, 1), 0.1));
    assert_eq!(settings.n_clusters(4).fit(&same, &NoTarget).unwrap().centres().nrows(), 1);
}
