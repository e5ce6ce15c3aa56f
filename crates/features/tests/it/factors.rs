//! Factors, topics and maps beside scikit-learn 1.9, closed forms and properties.
//!
//! ```python
//! i=np.arange(60)[:,None]; j=np.arange(4)[None,:]; j6=np.arange(6)[None,:]
//! X=np.sin(1.7*i+2.3*j)+0.3*np.cos(0.9*i*(j+1))+0.1*j
//! F=np.sin(.7*i)*(j6+1)/3+np.cos(1.3*i)*((j6%3)-1)+.2*np.sin(3.1*i*(j6+1)+j6)
//! d=np.arange(30)[:,None]; w=np.arange(8)[None,:]; C=((d*7+w*3)%5)*(((w//3)==(d%3))*4+1)
//! ```

use ndarray::{Array2, ArrayRef2, s};
use perennial_core::{
    CancelToken, Context, Csr, Estimator, Matrix, NoTarget, PartialFit, Train, Transformer,
};
use perennial_features::extraction::{
    Affinity, Dissimilarity, FactorAnalysis, FactorAnalysisModel, Isomap, LatentDirichletAllocation,
    LatentDirichletModel, Mds, MdsInit, Rotation, SpectralEmbedding, TopicLearning,
};
use perennial_numeric::neighbors::Metric;
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check};

check!(factor_analysis, transformer, FactorAnalysis::new().n_components(2).max_iter(50));
check!(
    factor_analysis_varimax,
    transformer,
    FactorAnalysis::new().n_components(2).rotation(Rotation::Varimax).max_iter(50)
);
check!(isomap, transformer, Isomap::new().n_neighbors(8), Tags::new().most_rows(500));
check!(
    topics,
    transformer,
    LatentDirichletAllocation::new().n_components(3).max_iter(3).max_document_iter(10),
    Tags::new().positive_only().most_rows(2000)
);
check!(
    topics_online,
    transformer,
    LatentDirichletAllocation::new()
        .n_components(3)
        .learning(TopicLearning::Online)
        .batch_size(64)
        .max_iter(1)
        .max_document_iter(10),
    Tags::new().positive_only().most_rows(2000)
);

fn waves() -> Array2<f64> {
    Array2::from_shape_fn((60, 4), |(i, j)| {
        let (i, j) = (i as f64, j as f64);
        (1.7 * i + 2.3 * j).sin() + 0.3 * (0.9 * i * (j + 1.0)).cos() + 0.1 * j
    })
}

fn mixed() -> Array2<f64> {
    Array2::from_shape_fn((60, 6), |(i, j)| {
        let (i, k) = (i as f64, j as f64);
        (0.7 * i).sin() * (k + 1.0) / 3.0
            + (1.3 * i).cos() * ((j % 3) as f64 - 1.0)
            + 0.2 * (3.1 * i * (k + 1.0) + k).sin()
    })
}

fn counts() -> Array2<f64> {
    Array2::from_shape_fn((30, 8), |(d, w)| {
        ((d * 7 + w * 3) % 5) as f64 * if w / 3 == d % 3 { 5.0 } else { 1.0 }
    })
}

fn assert_close<'a>(got: impl IntoIterator<Item = &'a f64>, truth: &[f64], tolerance: f64, what: &str) {
    let got: Vec<f64> = got.into_iter().copied().collect();
    assert_eq!(got.len(), truth.len(), "{what}");
    for (got, truth) in got.iter().zip(truth) {
        assert!((got - truth).abs() <= tolerance, "{what}: {got} is not {truth}");
    }
}

/// Magnitudes: the sign of a factor is chosen otherwise there.
fn sizes(values: &ArrayRef2<f64>) -> Vec<f64> {
    values.iter().map(|value| value.abs()).collect()
}

fn in_threads<T: Send>(n: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(work)
}

#[test]
fn factors_are_those_of_scikit_learn() {
    let x = Matrix::from(mixed());
    let first = Matrix::from(mixed().slice(s![..2, ..]).to_owned());
    // FactorAnalysis(2, tol=1e-10, max_iter=5000, svd_method="lapack").fit(F): loglike_[-1], noise_variance_,
    // abs(components_), abs(transform(F[:2])), score_samples(F[:2])
    let noise = [
        0.029363606964317057,
        0.011787620496197165,
        0.016669021709497245,
        0.003233745973808988,
        0.025377964891330818,
        0.02924304076322759,
    ];
    let cases = [
        (
            Rotation::None,
            [
                [
                    0.5522611247914683,
                    0.42660473647006736,
                    0.2737713765733401,
                    1.1834583689125548,
                    1.0342361494645373,
                    0.8921081648888174,
                ],
                [
                    0.5093287193214262,
                    0.21818878078141513,
                    0.9382111659397143,
                    0.19968934700746901,
                    0.5269295721251023,
                    1.241699943807717,
                ],
            ],
            [0.6756962718322697, 1.2218906478175156, 0.6196588497634303, 0.6344887661509624],
            1e-4,
        ),
        (
            Rotation::Varimax,
            [
                [
                    0.7272543714801806,
                    0.2731537103632677,
                    0.2013706416392996,
                    1.1376319768682508,
                    0.6631784907883594,
                    0.2005709804087165,
                ],
                [
                    0.1884387790358176,
                    0.39368133782585657,
                    0.9563685603419828,
                    0.38241735246229414,
                    0.9526245200470386,
                    1.5157331592768126,
                ],
            ],
            [1.1723391376806522, 0.7584214878641844, 0.24690835760309185, 0.8518153247081504],
            1e-3,
        ),
        (
            Rotation::Quartimax,
            [
                [
                    0.7400831042882298,
                    0.24051290211867513,
                    0.2778471667814006,
                    1.1030834709674724,
                    0.5841875426136999,
                    0.07767150674698006,
                ],
                [
                    0.12917079015256805,
                    0.41442911233651114,
                    0.937012225339866,
                    0.4729232520565964,
                    1.003007528333732,
                    1.5269717958603668,
                ],
            ],
            [1.2296878824007322, 0.6613999689059115, 0.1774038739104135, 0.8689539400816865],
            1e-3,
        ),
    ];
    for (rotation, loadings, factors, tolerance) in cases {
        let settings = FactorAnalysis::new().n_components(2).rotation(rotation);
        let model = settings.tolerance(1e-10).max_iter(5000).fit(&x, &NoTarget).unwrap();
        assert!(model.converged());
        assert_close(model.log_likelihood().last(), &[-97.94544772580274], 1e-7, "likelihood");
        assert!(model.log_likelihood().windows(2).all(|pair| pair[1] >= pair[0] - 1e-9));
        assert_close(model.noise_variance(), &noise, 1e-6, "noise");
        assert_close(&sizes(model.components()), loadings.as_flattened(), tolerance, "loadings");
        let found = model.transform(&first).unwrap();
        assert_close(&sizes(found.dense().unwrap()), &factors, tolerance, "factors");
        let logs = model.log_density(&first).unwrap();
        assert_close(logs.as_slice(), &[-3.4004529461807262, -1.8485166749897504], 1e-4, "densities");
        // Turning leaves the covariance, and the likelihood is that of it.
        let all = model.log_density(&x).unwrap();
        assert_close([all.as_slice().iter().sum::<f64>()].iter(), &[-97.94544772580274], 1e-6, "sum");
    }
    // Units do not matter.
    let scaled = mixed() * &ndarray::array![1.0, 1e3, 1e-3, 7.0, 0.1, 20.0];
    let settings = FactorAnalysis::new().n_components(2).tolerance(1e-10).max_iter(5000);
    let other = settings.fit(&scaled.into(), &NoTarget).unwrap();
    assert!((other.noise_variance()[1] / 1e6 - noise[1]).abs() < 1e-5);
}

#[test]
fn edges_of_factors() {
    let x = Matrix::from(mixed());
    assert!(FactorAnalysis::new().n_components(7).fit(&x, &NoTarget).is_err());
    assert!(FactorAnalysis::new().tolerance(f64::NAN).fit(&x, &NoTarget).is_err());
    let model = FactorAnalysis::new().fit(&x, &NoTarget).unwrap();
    assert_eq!(model.components().nrows(), 6);
    let far = Matrix::from(Array2::from_elem((1, 6), 1e200));
    assert!(model.log_density(&far).is_err());
    let bytes = serde_json::to_string(&model).unwrap();
    assert_eq!(serde_json::from_str::<FactorAnalysisModel>(&bytes).unwrap(), model);
}

#[test]
fn ways_are_those_of_scikit_learn() {
    // Isomap(n_neighbors=5, n_components=2, eigen_solver="dense").fit(X): abs(embedding_[:2]),
    // kernel_pca_.eigenvalues_, dist_matrix_.sum(), abs(transform(X[:2] + .1))
    let x = Matrix::from(waves());
    let model = Isomap::new().fit(&x, &NoTarget).unwrap();
    let truth = [2.339222765535114, 0.3711542837456737, 0.6412419820220208, 2.1673606606138915];
    assert_close(&sizes(&model.embedding().slice(s![..2, ..])), &truth, 1e-8, "embedding");
    assert_close(model.eigenvalues(), &[148.23113014166316, 144.69791208154854], 1e-8, "eigenvalues");
    assert!((model.lengths().sum() - 9468.87199375288).abs() < 1e-8);
    let near = Matrix::from(waves().slice(s![..2, ..]).to_owned() + 0.1);
    let truth = [2.476373479284844, 0.3687656884269934, 0.699828247844356, 2.1738232284543866];
    assert_close(&sizes(model.transform(&near).unwrap().dense().unwrap()), &truth, 1e-8, "new rows");
    // Training rows come to lie where they are.
    let again = model.transform(&x).unwrap();
    assert!(again.dense().unwrap().iter().zip(model.embedding()).all(|(a, b)| (a - b).abs() < 1e-8));
}

#[test]
fn ways_between_parts_and_edges() {
    // Two clouds far apart: one edge joins them.
    let mut random = Random::new(3);
    let x = Array2::from_shape_fn((80, 2), |(i, _)| random.normal() + if i % 2 == 0 { 0.0 } else { 100.0 });
    let model = Isomap::new().n_neighbors(4).fit(&x.clone().into(), &NoTarget).unwrap();
    assert!(model.lengths().iter().all(|length| length.is_finite()));
    let side = |i: usize| model.embedding()[[i, 0]] > 0.0;
    assert!((0..80).all(|i| side(i) == side(i % 2)));
    assert!((2..=4).all(|threads| in_threads(threads, || {
        Isomap::new().n_neighbors(4).fit(&x.clone().into(), &NoTarget).unwrap()
    }) == in_threads(1, || model.clone())));
    let error =
        |settings: Isomap, x: Array2<f64>| settings.fit(&x.into(), &NoTarget).unwrap_err().to_string();
    assert!(error(Isomap::new().n_neighbors(80), x.clone()).contains("more rows than neighbours"));
    assert!(error(Isomap::new(), Array2::from_elem((20, 2), 1.0)).contains("equal"));
    assert!(error(Isomap::new(), Array2::zeros((10_001, 1))).contains("10000 rows"));
    assert!(error(Isomap::new(), x.mapv(|value| value * 1e290)).contains("scale the columns"));
}

/// The squared gaps between distances on a map and those wanted, by plain loops.
fn stress(map: &ArrayRef2<f64>, wanted: impl Fn(usize, usize) -> f64) -> f64 {
    let mut sum = 0.0;
    for i in 0..map.nrows() {
        for j in 0..i {
            let distance = (&map.row(i) - &map.row(j)).mapv(|v| v * v).sum().sqrt();
            sum += (distance - wanted(i, j)).powi(2);
        }
    }
    sum
}

#[test]
fn distances_are_kept_as_well_as_by_scikit_learn() {
    let x = waves();
    let wanted = |i: usize, j: usize| (&x.row(i) - &x.row(j)).mapv(|v| v * v).sum().sqrt();
    // MDS(2, n_init=1, init="classical_mds", eps=1e-12, max_iter=20000, normalized_stress=False).fit(X).stress_
    let settings = Mds::new().tolerance(1e-12).max_iter(20_000);
    let model = settings.fit(&x.clone().into(), &NoTarget).unwrap();
    assert!(model.converged());
    assert!((model.stress() - 26.338140850663805).abs() < 1e-6, "{}", model.stress());
    assert!((stress(model.embedding(), wanted) - model.stress()).abs() < 1e-9);
    // From any start about the same.
    let random =
        settings.clone().init(MdsInit::Random).n_init(10).seed(1).fit(&x.clone().into(), &NoTarget).unwrap();
    assert!((random.stress() / model.stress() - 1.0).abs() < 1e-4);
    // The distances themselves, and any unit.
    let given = Array2::from_shape_fn((60, 60), |(i, j)| wanted(i, j));
    let settings = settings.dissimilarity(Dissimilarity::Given);
    let same = settings.fit(&given.clone().into(), &NoTarget).unwrap();
    assert!((same.stress() - model.stress()).abs() < 1e-6);
    let large = settings.fit(&(given.clone() * 1e100).into(), &NoTarget).unwrap();
    assert!((large.normalised_stress() - same.normalised_stress()).abs() < 1e-9);
    assert!(
        (2..=4).all(|threads| in_threads(threads, || {
            settings.fit(&given.clone().into(), &NoTarget).unwrap()
        }) == same)
    );
    // In as many columns as the rows have, nothing is lost.
    let whole = Mds::new().n_components(4).fit(&x.clone().into(), &NoTarget).unwrap();
    assert!(whole.stress() < 1e-12, "{}", whole.stress());
    let manhattan = Mds::new().dissimilarity(Dissimilarity::Rows(Metric::Manhattan));
    assert!(manhattan.fit(&x.clone().into(), &NoTarget).unwrap().normalised_stress() < 0.3);
}

#[test]
fn edges_of_distances() {
    let given = Mds::new().dissimilarity(Dissimilarity::Given);
    let error = |x: Array2<f64>| given.fit(&x.into(), &NoTarget).unwrap_err().to_string();
    assert!(error(ndarray::array![[0.0, 1.0]]).contains("as many columns as rows"));
    assert!(error(ndarray::array![[0.0, 1.0], [2.0, 0.0]]).contains("the same"));
    assert!(error(ndarray::array![[0.0, -1.0], [-1.0, 0.0]]).contains("below 0"));
    assert!(error(ndarray::array![[1.0, 1.0], [1.0, 0.0]]).contains("of a row from itself"));
    let same = Mds::new().fit(&Array2::from_elem((10, 3), 4.0).into(), &NoTarget).unwrap();
    assert_eq!((same.stress(), same.normalised_stress()), (0.0, 0.0));
    let one = Mds::new().fit(&Array2::zeros((1, 3)).into(), &NoTarget).unwrap();
    assert_eq!(one.embedding().dim(), (1, 2));
    let token = CancelToken::new();
    token.cancel();
    let x = Matrix::from(waves());
    let train = || Train::new(&x, &NoTarget).context(Context::new().with_cancel(token.clone()));
    assert!(Mds::new().fit_on(&train()).is_err() && SpectralEmbedding::new().fit_on(&train()).is_err());
}

#[test]
fn eigenmaps_are_those_of_the_whole_matrix() {
    // More rows than are decomposed at once, beside the decomposition of the whole Laplacian.
    let mut random = Random::new(9);
    let x = Array2::from_shape_fn((400, 3), |(i, _)| (i as f64 / 50.0).sin() + 0.3 * random.normal());
    let gamma = 1.5;
    let n = 400;
    let weights = Array2::from_shape_fn((n, n), |(i, j)| {
        if i == j { 0.0 } else { (-gamma * (&x.row(i) - &x.row(j)).mapv(|v| v * v).sum()).exp() }
    });
    let roots: Vec<f64> = weights.rows().into_iter().map(|row| row.sum().sqrt()).collect();
    let laplacian = Array2::from_shape_fn((n, n), |(i, j)| {
        f64::from(u8::from(i == j)) - weights[[i, j]] / roots[i] / roots[j]
    });
    let truth = perennial_numeric::linalg::eigh(&laplacian).unwrap();
    let settings = SpectralEmbedding::new().n_components(3).affinity(Affinity::Rbf { gamma });
    let model = settings.fit(&x.clone().into(), &NoTarget).unwrap();
    assert!(model.converged());
    assert_close(model.eigenvalues(), &truth.values.to_vec()[..4], 1e-10, "eigenvalues");
    for column in 0..3 {
        for row in 0..n {
            let wanted = truth.vectors[[row, column + 1]] / roots[row];
            assert!((model.embedding()[[row, column]] - wanted).abs() < 1e-6);
        }
    }
    assert!(
        (2..=4)
            .all(|threads| in_threads(threads, || settings.fit(&x.clone().into(), &NoTarget).unwrap())
                == model)
    );
    // SpectralEmbedding(2, affinity="nearest_neighbors", n_neighbors=60).fit(H): abs(embedding_[:2])
    let h = Array2::from_shape_fn((200, 2), |(j, column)| {
        let (k, angle) = ((j % 4) as f64, j as f64);
        match column {
            0 => k * 6.0 + (angle * 1.3).sin() * (1.0 + k * 0.3),
            _ => (angle * 2.1).cos() * (1 + j % 2) as f64 + f64::from(u8::from(j % 4 == 3)) * 4.0,
        }
    });
    let settings = SpectralEmbedding::new().affinity(Affinity::NearestNeighbors { n_neighbors: 60 });
    let model = settings.fit(&h.into(), &NoTarget).unwrap();
    let truth = [0.011970695738858074, 0.009974914544146984, 0.0031600701542458948, 0.011665564241581548];
    assert_close(&sizes(&model.embedding().slice(s![..2, ..])), &truth, 1e-6, "places");
    let few = SpectralEmbedding::new().n_components(10).fit(&Array2::zeros((10, 1)).into(), &NoTarget);
    assert!(few.unwrap_err().to_string().contains("there are 10"));
}

fn sparse(dense: &Array2<f64>) -> Csr {
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in dense.rows() {
        for (word, &count) in row.iter().enumerate().filter(|cell| *cell.1 != 0.0) {
            indices.push(word as u32);
            values.push(count);
        }
        indptr.push(indices.len());
    }
    Csr::new(dense.ncols(), indptr, indices, values).unwrap()
}

#[test]
fn topics_are_those_of_scikit_learn() {
    // The best of LatentDirichletAllocation(3, max_iter=600, mean_change_tol=1e-12, max_doc_update_iter=2000,
    // random_state=s).fit(C) for s in range(20): perplexity(C), score(C), components_ by their first column,
    // transform(C[:2])
    let x = Matrix::from(counts());
    let settings = LatentDirichletAllocation::new().n_components(3).max_iter(600);
    let settings = settings.mean_change_tolerance(1e-12).max_document_iter(2000);
    let fits = (0..20).map(|seed| settings.clone().seed(seed).fit(&x, &NoTarget).unwrap());
    let measured = fits.map(|model| (model.perplexity(&x).unwrap(), model));
    let (perplexity, model) = measured.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    assert!((perplexity - 6.663104025052485).abs() < 1e-6, "{perplexity}");
    assert!((model.log_likelihood_bound(&x).unwrap() + 2124.175699299574).abs() < 1e-3);
    let mut order = [0, 1, 2];
    order.sort_by(|&a, &b| model.topics()[[a, 0]].total_cmp(&model.topics()[[b, 0]]));
    let truth = [
        [
            0.3876893062320708,
            140.19848630866622,
            28.908553424580795,
            28.44945148939155,
            26.33131865141123,
            0.40096532158146614,
            140.23837902142165,
            36.631997588307065,
        ],
        [
            15.42456269589786,
            0.39078223334456247,
            0.40076048328386316,
            106.43647071761077,
            114.27064089475252,
            110.59904230100692,
            0.3947313420380929,
            0.39914358176270687,
        ],
        [
            125.18774799786985,
            0.41073145798894756,
            111.69068609213508,
            6.114077792997398,
            0.3980404538360226,
            29.999992377411346,
            0.3668896365400695,
            103.96885882993,
        ],
    ];
    for (topic, truth) in order.iter().zip(truth) {
        assert_close(model.topics().row(*topic), &truth, 1e-3, "topics");
    }
    let shares = model.transform(&Matrix::from(counts().slice(s![..2, ..]).to_owned())).unwrap();
    let shares = shares.dense().unwrap();
    let truth = [
        0.9740875409153678,
        0.013194913462568706,
        0.012717545622063519,
        0.00801466373293042,
        0.8075039099945474,
        0.18448142627252218,
    ];
    let found: Vec<f64> = (0..2).flat_map(|row| order.map(|topic| shares[[row, topic]])).collect();
    assert_close(&found, &truth, 1e-5, "shares");
    // Words that are not there need not be stored, and the threads do not matter.
    let one = settings.clone().max_iter(5).seed(1);
    let dense = in_threads(1, || one.fit(&x, &NoTarget).unwrap());
    let same = in_threads(3, || one.fit(&Matrix::from(sparse(&counts())), &NoTarget).unwrap());
    assert_eq!(dense.topics(), same.topics());
    let bytes = serde_json::to_string(&dense).unwrap();
    assert_eq!(serde_json::from_str::<LatentDirichletModel>(&bytes).unwrap(), dense);
}

#[test]
fn one_topic_is_the_counts() {
    // LatentDirichletAllocation(1).fit(C): every word has 140 counts, and the prior 1.
    let x = Matrix::from(counts());
    let model = LatentDirichletAllocation::new().n_components(1).fit(&x, &NoTarget).unwrap();
    assert_close(model.topics().iter(), &[141.0; 8], 1e-9, "counts");
    assert!((model.perplexity(&x).unwrap() - 8.12927688414048).abs() < 1e-9);
}

#[test]
fn the_bound_rises_and_batches_come_near_it() {
    let x = Matrix::from(counts());
    let settings = LatentDirichletAllocation::new().n_components(3).mean_change_tolerance(1e-10).seed(4);
    let settings = settings.max_document_iter(1000);
    let perplexity =
        |n: usize| settings.clone().max_iter(n).fit(&x, &NoTarget).unwrap().perplexity(&x).unwrap();
    let passes: Vec<f64> = [1, 2, 4, 8, 16, 32].map(perplexity).to_vec();
    assert!(passes.windows(2).all(|pair| pair[1] <= pair[0] + 1e-9), "{passes:?}");
    let stopped = settings.clone().max_iter(500).tolerance(1e-6).fit(&x, &NoTarget).unwrap();
    assert!(stopped.converged() && stopped.n_iterations() < 500);
    let online = settings.clone().learning(TopicLearning::Online).batch_size(10).max_iter(100);
    let online = online.fit(&x, &NoTarget).unwrap();
    assert!(online.perplexity(&x).unwrap() < passes[0]);
    assert_eq!(online.n_batches(), 300);
    let more = settings.partial_fit(online, &x, &NoTarget).unwrap();
    assert_eq!(more.n_batches(), 301);
    let negative =
        LatentDirichletAllocation::new().fit(&Matrix::from(waves()), &NoTarget).unwrap_err().to_string();
    assert!(negative.contains("numbers >= 0"), "{negative}");
    assert!(LatentDirichletAllocation::new().topic_word_prior(0.0).fit(&x, &NoTarget).is_err());
    let none = LatentDirichletAllocation::new()
        .n_components(2)
        .fit(&Array2::zeros((4, 3)).into(), &NoTarget)
        .unwrap();
    assert!(none.perplexity(&Array2::zeros((4, 3)).into()).is_err());
}
