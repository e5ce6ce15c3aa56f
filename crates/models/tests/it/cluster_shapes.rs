//! Clusterings that follow the density or a graph, and those of a summary, beside scikit-learn 1.9:
//!
//! ```text
//! j = arange(200); H = c_[j % 4 * 6 + sin(1.3 j) * (1 + j % 4 * .3), cos(2.1 j) * (1 + j % 2) + (j % 4 == 3) * 4]
//! m = OPTICS(..).fit(H); (m.ordering_ * arange(200)).sum(); reachability_ and core_distances_, finite ones, .sum()
//! m = MeanShift(..).fit(H); cluster_centers_, n_iter_; estimate_bandwidth(H)
//! m = Birch(..).fit(H); subcluster_centers_: shape, .sum(), (** 2).sum(); sorted first column
//! SpectralClustering(4, ..).fit(H); labels numbered by their first rows, A, B, .., noise as a point
//! ```

use ndarray::{Array2, s};
use perennial_core::{Clustered, Estimator, Matrix, NoTarget, PartialFit, Predictor};
use perennial_models::cluster::{Affinity, Init, OpticsMethod, OpticsModel};
use perennial_models::neighbors::Metric;
use perennial_models::{Birch, KMeans, MeanShift, Optics, SpectralClustering};
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check};

use crate::fixtures::assert_close;

check!(cluster_optics, group, Optics::new().min_cluster_size(20), Tags::new().poor_score().most_rows(2000));
check!(
    cluster_optics_dbscan,
    group,
    Optics::new().max_eps(5.0).method(OpticsMethod::Dbscan(1.5)),
    Tags::new().most_rows(2000)
);
check!(cluster_mean_shift, cluster, MeanShift::new().bandwidth(3.0), Tags::new().most_rows(400));
check!(
    cluster_mean_shift_bins,
    cluster,
    MeanShift::new().bin_seeding(true).cluster_all(false),
    Tags::new().most_rows(1000)
);
check!(cluster_birch, cluster, Birch::new(), Tags::new());
check!(cluster_birch_alone, cluster, Birch::new().threshold(2.0).n_clusters(None), Tags::new().poor_score());
check!(
    cluster_spectral,
    group,
    SpectralClustering::new().n_clusters(3).affinity(Affinity::Rbf { gamma: 0.1 }),
    Tags::new().most_rows(2000)
);
check!(
    cluster_spectral_neighbors,
    group,
    SpectralClustering::new().n_clusters(3).affinity(Affinity::NearestNeighbors { n_neighbors: 10 }),
    Tags::new().most_rows(3000)
);
check!(
    cluster_kmeans_parallel,
    cluster,
    KMeans::new().n_clusters(3).init(Init::KMeansParallel),
    Tags::new().expect_fail("W01", "the starts are drawn among the rows, whatever their weights")
);

fn waves() -> Array2<f64> {
    Array2::from_shape_fn((200, 2), |(j, column)| {
        let (k, angle) = ((j % 4) as f64, j as f64);
        match column {
            0 => k * 6.0 + (angle * 1.3).sin() * (1.0 + k * 0.3),
            _ => (angle * 2.1).cos() * (1 + j % 2) as f64 + f64::from(u8::from(j % 4 == 3)) * 4.0,
        }
    })
}

/// The labels as letters in the order of their first rows.
fn letters(labels: &[i32]) -> String {
    let mut seen: Vec<i32> = Vec::new();
    let letter = |&label: &i32| {
        if label < 0 {
            return '.';
        }
        let place = seen.iter().position(|&other| other == label).unwrap_or(seen.len());
        if place == seen.len() {
            seen.push(label);
        }
        char::from(b'A' + place as u8)
    };
    labels.iter().map(letter).collect()
}

#[test]
fn orderings_are_those_of_scikit_learn() {
    let new = Optics::new;
    let cases: [(Optics, usize, f64, usize, f64, usize, &str); 5] = [
        (
            new(),
            2016954,
            95.91885741185791,
            199,
            96.57760026650833,
            30,
            ".AB.CDEFCGB..A..HD.IHJ...A.KCDEFCGB.LAMKHD.IHJB..A.KCDEFNGB.LAMKHD.INJB..AEKCGEFNGB.LAMKHD.INJB.OAEKCGEFNGB.LAMKH..INJB.OAEKCGEFNG..LAMKHJPINJB.OAEKCGPFNG..LAM.HJPI.J..OAE.CGPFNG..LA..HJPI.J..OAE.CGPF",
        ),
        (
            new().min_samples(8).method(OpticsMethod::Xi(0.02)).min_cluster_size(20),
            2020078,
            138.35602308592362,
            199,
            151.0746001603867,
            12,
            ".ABC.AB...B..A.C.........ABC.AB.D.BC.A.C.A..D...DABC.AB.D..CDA.C.A..D.B.DABC..B.D.BCDA.C.A..D.B.DABC..B.D..CDA.C.A..D.BCDABC..B.D.BCDA.C....D.BCDABC..B.D.BCDA.C....D.BCDABC....D.BCDA.C....D.BCDABC....",
        ),
        (
            new().max_eps(1.5),
            2029054,
            86.64179261457369,
            196,
            96.57760026650833,
            26,
            "....ABCDAEF..G..HB.IHJF..G..ABCDAEF.KG.LHB.IHJF..G.LABCDMEF.KGNLHB.IMJF..GCLABCDMEF.KGNLHB.IMJF.OGCLA.CDMEF.KGNLH..IMJF.OGCLAECDME..KGNLHJPIMJF.OGCLAEPDME..KGNLHJPI.J..OGC.AEPDME..KGN.HJPI.J..OGC.AEPD",
        ),
        (
            new().method(OpticsMethod::Dbscan(0.7)),
            2016954,
            95.91885741185791,
            199,
            96.57760026650833,
            0,
            "ABCDAEC.AFCGABCDAEC.AHC.ABCDAECIAFC.ABCDAECJAHC.ABCDAECIAFCGABCDAECJAHC.ABCDAFCIAFC.ABCDAECJAHC.ABCDAFCIAFC.ABCDA.CJAHC.ABCDAFCIAFC.ABCDAHCJAHC.ABCDAFCIAFC.ABC.AHCJAHCDABCDAFCIAFCDABC.AHCJAHCDABC.AFCI",
        ),
        (
            new().min_samples(4).metric(Metric::Manhattan).method(OpticsMethod::Xi(0.1)),
            1996802,
            105.50180106632246,
            199,
            102.79904546618212,
            29,
            "ABC.DEFGDHCIAB.JKE.LKMC.ABCJDEFGDHCIABNJKE.L.MC.ABOJDEFGPHCIABNJKE.LPMC..BOJD.FGPHCI.BNJKE.LPMC.QBOJDHFGPHC.RBNJKM.LPMC.QBOJDHSGPHC.RBNJKMSLPMC.QBOJDHSGPHC.RBN.KMSL.MC.QBO.DHSG.HC.RB..KMSL.MC.QBO.DHSG",
        ),
    ];
    let x = Matrix::from(waves());
    for (settings, order, reach, n_reached, core, n_clusters, labels) in cases {
        let model = settings.fit(&x, &NoTarget).unwrap();
        let sum: usize = model.ordering().iter().enumerate().map(|(place, row)| place * *row as usize).sum();
        assert_eq!(sum, order, "{settings:?}");
        let finite = |numbers: &[Option<f64>]| numbers.iter().flatten().copied().collect::<Vec<f64>>();
        let reached = finite(model.reachability());
        assert_eq!(reached.len(), n_reached);
        let cores = finite(model.core_distances());
        assert_close(&[reached.iter().sum(), cores.iter().sum()], &[reach, core], 1e-10, "distances");
        assert_eq!(model.hierarchy().len(), n_clusters, "{settings:?}");
        assert_eq!(letters(model.clusters().labels()), labels, "{settings:?}");
    }
}

#[test]
fn edges_of_orderings() {
    let x = Matrix::from(waves());
    let error = |settings: Optics| settings.fit(&x, &NoTarget).unwrap_err().to_string();
    assert!(error(Optics::new().min_samples(201)).contains("only 200 rows"));
    assert!(error(Optics::new().min_samples(1)).contains("min_samples"));
    assert!(error(Optics::new().method(OpticsMethod::Xi(1.0))).contains("xi"));
    // Rows that are all equal are one cluster for DBSCAN's cut, and have no steep borders.
    let same = Matrix::from(Array2::from_elem((30, 2), 2.5));
    let cut = Optics::new().method(OpticsMethod::Dbscan(0.1)).fit(&same, &NoTarget).unwrap();
    assert_eq!(cut.clusters().sizes(), [30]);
    let model = Optics::new().fit(&same, &NoTarget).unwrap();
    assert_eq!(model.ordering(), (0..30).collect::<Vec<u32>>());
    let bytes = serde_json::to_string(&model).unwrap();
    assert_eq!(serde_json::from_str::<OpticsModel>(&bytes).unwrap(), model);
    assert!(serde_json::from_str::<OpticsModel>(&bytes.replacen("[0,1,2", "[0,1,1", 1)).is_err());
}

#[test]
fn peaks_are_those_of_scikit_learn() {
    let x = Matrix::from(waves());
    let truth = [
        12.053701324627939,
        0.00948640095877267,
        5.995069437203409,
        -0.01824477280749207,
        -0.03559243523484048,
        -0.00027559847760098453,
        18.050983478619568,
        4.585718994801968,
    ];
    for (settings, n_iterations) in
        [(MeanShift::new().bandwidth(2.5), 9), (MeanShift::new().bandwidth(2.5).bin_seeding(true), 10)]
    {
        let model = settings.fit(&x, &NoTarget).unwrap();
        let centres: Vec<f64> = model.centres().iter().copied().collect();
        assert_close(&centres, &truth, 1e-9, "peaks");
        assert_eq!(model.n_iterations(), n_iterations);
        assert_eq!(letters(model.predict(&x).unwrap().labels()), "ABCD".repeat(50));
    }
    let model = MeanShift::new().bandwidth(1.2).cluster_all(false).fit(&x, &NoTarget).unwrap();
    let labels = "ABC.ABCDAECDA.FG.B.H.IFHABC.ABCDAECDA.FG.BFHAIFHABCGABCDAEFJ.BFG.BFHAICKABCGA.CDAEFJ.BFG..FHAICKABCGA.CDAEFJ.BFG.IFHAICKABCGAECDAEFJ.BFG.IFHAICKABCGAECDAEFJ.BFK.IFHAICKABCJAEFDAEFG.BFK.ICHAICGABCJAEFD";
    assert_eq!(letters(model.predict(&x).unwrap().labels()), labels);
    let model = MeanShift::new().fit(&x, &NoTarget).unwrap();
    assert_close(&[model.bandwidth()], &[5.11382740460367], 1e-12, "bandwidth");
    assert_eq!((model.centres().nrows(), model.n_iterations()), (3, 9));
    assert!(model.converged());
    let short = MeanShift::new().max_iter(1).fit(&x, &NoTarget).unwrap();
    assert!(!short.converged() && short.n_iterations() == 1);
    let model = MeanShift::new().quantile(0.1).fit(&x, &NoTarget).unwrap();
    assert_close(&[model.bandwidth()], &[1.658599309664916], 1e-12, "bandwidth");
    let same = Matrix::from(Array2::from_elem((30, 2), 2.5));
    assert!(MeanShift::new().fit(&same, &NoTarget).unwrap_err().to_string().contains("bandwidth"));
    assert_eq!(MeanShift::new().bandwidth(1.0).fit(&same, &NoTarget).unwrap().centres().nrows(), 1);
    let few = MeanShift::new().bandwidth(0.01).bin_seeding(true).min_bin_freq(5).fit(&x, &NoTarget);
    assert!(few.unwrap_err().to_string().contains("min_bin_freq"));
}

#[test]
fn summaries_are_those_of_scikit_learn() {
    let x = Matrix::from(waves());
    for (settings, n, sum, squares, least) in [
        (Birch::new().n_clusters(4), 31, 342.90975835604206, 4610.1560541433055, -0.8861456706942612),
        (
            Birch::new().threshold(1.0).n_clusters(None),
            12,
            137.1939572018719,
            1826.6516919326623,
            -0.3623581899049663,
        ),
        (
            Birch::new().threshold(0.3).branching_factor(5).n_clusters(4),
            55,
            674.3856400749227,
            9286.214399736811,
            -0.831658421379143,
        ),
    ] {
        let model = settings.fit(&x, &NoTarget).unwrap();
        let centres = model.subcluster_centres();
        assert_eq!(centres.dim(), (n, 2), "{settings:?}");
        let found = [
            centres.sum(),
            centres.iter().map(|v| v * v).sum(),
            centres.column(0).fold(9.0, |a: f64, b| a.min(*b)),
        ];
        assert_close(&found, &[sum, squares, least], 1e-9, "subclusters");
        assert_eq!(model.subcluster_sizes().iter().sum::<f64>(), 200.0);
        if model.n_clusters() == 4 {
            assert_eq!(letters(model.predict(&x).unwrap().labels()), "ABCD".repeat(50));
        } else {
            let labels = "ABCDABCEAFCEAGHIJBHKJLHKABCDABCEAFCEAGHIJBHKJLHKABCDABCEAFHEAGHIJBHKJLCKABCDABCEAFHEAGHDJBHKALCKABCIAFCEAFHEJGHDJLHKALCDAGCIAFCEAFHIJGHDJLHKALCDAGCIAFCEAFHIJGHDJLHKALCDAGCIAFHEJFHIJGHDJLCKALCDAGCIAFHE";
            assert_eq!(letters(model.predict(&x).unwrap().labels()), labels);
        }
    }
}

#[test]
fn a_summary_goes_on_with_more_rows() {
    let settings = Birch::new().n_clusters(4);
    let first = settings.fit(&waves().slice(s![..100, ..]).to_owned().into(), &NoTarget).unwrap();
    let rest = Matrix::from(waves().slice(s![100.., ..]).to_owned());
    let model = settings.partial_fit(first, &rest, &NoTarget).unwrap();
    assert_eq!(model.subcluster_sizes().iter().sum::<f64>(), 200.0);
    assert_eq!(letters(model.predict(&waves().into()).unwrap().labels()), "ABCD".repeat(50));
    for (column, truth) in waves().columns().into_iter().enumerate() {
        let sizes = model.subcluster_sizes().iter();
        let sum: f64 = sizes.zip(model.subcluster_centres().column(column)).map(|(n, mean)| n * mean).sum();
        assert_close(&[sum], &[truth.sum()], 1e-9, "means");
    }
    assert!(Birch::new().branching_factor(1).fit(&rest, &NoTarget).is_err());
    assert!(Birch::new().threshold(f64::NAN).fit(&rest, &NoTarget).is_err());
    // Far from the origin the digits of the squares would be lost.
    let far = Birch::new().n_clusters(4).fit(&(waves() + 1e8).into(), &NoTarget).unwrap();
    assert_eq!(far.subcluster_centres().nrows(), 31);
}

#[test]
fn graphs_hold_clusters_together() {
    let x = Matrix::from(waves());
    for affinity in [Affinity::Rbf { gamma: 0.5 }, Affinity::NearestNeighbors { n_neighbors: 10 }] {
        let settings = SpectralClustering::new().n_clusters(4).affinity(affinity).seed(0);
        let model = settings.fit(&x, &NoTarget).unwrap();
        assert_eq!(letters(model.clusters().labels()), "ABCD".repeat(50), "{affinity:?}");
        assert!(model.gap() < 1e-8, "{}", model.gap());
        assert!(model.converged() && model.eigenvalues().iter().all(|value| (0.0..=2.0).contains(value)));
    }
    // Rings in rings, more rows than are decomposed at once, at any number of threads.
    let mut random = Random::new(1);
    let rings = Array2::from_shape_fn((600, 2), |(i, j)| {
        let (angle, radius) = (i as f64 * 0.37, 1.0 + (i % 3) as f64);
        radius * if j == 0 { angle.cos() } else { angle.sin() } + 0.05 * random.normal()
    });
    let rings = Matrix::from(rings);
    let settings = SpectralClustering::new().n_clusters(3).seed(1);
    let settings = settings.affinity(Affinity::NearestNeighbors { n_neighbors: 12 });
    let fit = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| settings.fit(&rings, &NoTarget).unwrap())
    };
    let one = fit(1);
    assert_eq!(letters(one.clusters().labels()), "ABC".repeat(200));
    assert!(one.eigenvalues().iter().all(|value| *value < 1e-9));
    assert!((2..=4).all(|threads| fit(threads) == one));
    let error = |settings: SpectralClustering| settings.fit(&x, &NoTarget).unwrap_err().to_string();
    assert!(error(SpectralClustering::new().affinity(Affinity::Rbf { gamma: 0.0 })).contains("gamma"));
    assert!(error(SpectralClustering::new().n_clusters(201)).contains("at least as many rows"));
}

#[test]
fn the_parallel_start_is_as_good_as_the_other() {
    let mut random = Random::new(5);
    let x = Matrix::from(Array2::from_shape_fn((6000, 2), |(row, column)| {
        let cloud = row % 30;
        20.0 * (if column == 0 { cloud % 6 } else { cloud / 6 }) as f64 + random.normal()
    }));
    let inertia = |init: Init| {
        (0..5)
            .map(|seed| {
                KMeans::new()
                    .n_clusters(30)
                    .init(init.clone())
                    .seed(seed)
                    .fit(&x, &NoTarget)
                    .unwrap()
                    .inertia()
            })
            .sum::<f64>()
    };
    let (parallel, plain) = (inertia(Init::KMeansParallel), inertia(Init::KMeansPlusPlus));
    assert!(parallel < 1.5 * plain, "{parallel} and {plain}");
    // Fewer different rows than centres.
    let same = Matrix::from(Array2::from_shape_fn((50, 1), |(row, _)| (row % 2) as f64));
    let model = KMeans::new().n_clusters(4).init(Init::KMeansParallel).fit(&same, &NoTarget).unwrap();
    assert_eq!(model.inertia(), 0.0);
}
