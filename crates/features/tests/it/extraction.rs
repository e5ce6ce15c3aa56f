//! Decompositions and embeddings beside scikit-learn 1.9, closed forms and properties.
//!
//! ```python
//! i=np.arange(60)[:,None]; j=np.arange(4)[None,:]
//! X=np.sin(1.7*i+2.3*j)+0.3*np.cos(0.9*i*(j+1))+0.1*j
//! ```

use ndarray::{Array2, s};
use perennial_core::{Csr, Estimator, FitTransform, Matrix, NoTarget, PartialFit, Train, Transformer};
use perennial_features::extraction::{
    BetaLoss, FastIca, IncrementalPca, KernelPca, KernelPcaModel, Nmf, NmfSolver, Nystroem, Pca, PcaSolver,
    TruncatedSvd, Tsne, Umap,
};
use perennial_numeric::kernel::Kernel;
use perennial_numeric::neighbors::Metric;
use perennial_numeric::random::Random;

fn rows() -> Array2<f64> {
    Array2::from_shape_fn((60, 4), |(i, j)| {
        let (i, j) = (i as f64, j as f64);
        (1.7 * i + 2.3 * j).sin() + 0.3 * (0.9 * i * (j + 1.0)).cos() + 0.1 * j
    })
}

fn assert_close(got: &[f64], truth: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), truth.len(), "{what}");
    for (got, truth) in got.iter().zip(truth) {
        assert!((got - truth).abs() <= tolerance * truth.abs().max(1e-3), "{what}: {got} is not {truth}");
    }
}

/// Three clouds of 4 columns.
fn clouds(n: usize) -> Array2<f64> {
    let mut random = Random::new(3);
    Array2::from_shape_fn((n, 4), |(i, j)| random.normal() + if i % 3 == j { 12.0 } else { 0.0 })
}

/// The share of rows whose nearest other row on the map is of the same cloud.
fn same_cloud(map: &ndarray::ArrayRef2<f64>) -> f64 {
    let n = map.nrows();
    let distance = |a: usize, b: usize| (&map.row(a) - &map.row(b)).mapv(|v| v * v).sum();
    let nearest = |i: usize| {
        (0..n).filter(|&j| j != i).min_by(|&a, &b| distance(i, a).total_cmp(&distance(i, b))).unwrap()
    };
    (0..n).filter(|&i| nearest(i) % 3 == i % 3).count() as f64 / n as f64
}

fn in_threads<T: Send>(n: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(work)
}

#[test]
fn all_solvers_find_the_same_components() {
    let x = Matrix::from(rows());
    let full = Pca::new().n_components(2).solver(PcaSolver::Full).fit(&x, &NoTarget).unwrap();
    for solver in [PcaSolver::Auto, PcaSolver::Covariance, PcaSolver::Randomized] {
        let other = Pca::new().n_components(2).solver(solver).fit(&x, &NoTarget).unwrap();
        assert_close(other.singular_values(), full.singular_values(), 1e-12, "singular values");
        let (a, b) = (other.components(), full.components());
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-10), "{solver:?}");
        assert_close(other.mean(), full.mean(), 1e-13, "mean");
        assert_close(other.explained_variance_ratio(), full.explained_variance_ratio(), 1e-12, "ratio");
    }
}

#[test]
fn components_turn_back() {
    let x = rows();
    let model = Pca::new().whiten(true).fit(&x.clone().into(), &NoTarget).unwrap();
    let back = model.inverse_transform(&model.transform(&x.clone().into()).unwrap()).unwrap();
    assert!(back.dense().unwrap().iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12));
}

#[test]
fn batches_give_all_components() {
    let x = rows();
    let full = Pca::new().fit(&x.clone().into(), &NoTarget).unwrap();
    let settings = IncrementalPca::new().batch_size(7);
    let first = settings.fit(&x.slice(s![..30, ..]).to_owned().into(), &NoTarget).unwrap();
    let model = settings.partial_fit(first, &x.slice(s![30.., ..]).to_owned().into(), &NoTarget).unwrap();
    assert_close(model.pca().singular_values(), full.singular_values(), 1e-12, "singular values");
    assert_close(model.pca().mean(), full.mean(), 1e-12, "mean");
    assert_close(model.pca().explained_variance_ratio(), full.explained_variance_ratio(), 1e-12, "ratio");
    assert_eq!(model.n_rows_seen(), 60);
}

#[test]
fn sparse_and_dense_rows_have_the_same_singular_values() {
    let dense = Array2::from_shape_fn((200, 30), |(i, j)| {
        if (i * 7 + j * 3) % 5 == 0 { ((i * j) % 11) as f64 + 1.0 } else { 0.0 }
    });
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in dense.rows() {
        for (j, &value) in row.iter().enumerate().filter(|cell| *cell.1 != 0.0) {
            indices.push(j as u32);
            values.push(value);
        }
        indptr.push(indices.len());
    }
    let sparse = Matrix::from(Csr::new(30, indptr, indices, values).unwrap());
    let settings = TruncatedSvd::new().n_components(3).n_iter(40);
    let (a, b) =
        (settings.fit(&sparse, &NoTarget).unwrap(), settings.fit(&dense.clone().into(), &NoTarget).unwrap());
    let truth = perennial_numeric::linalg::svd(&dense).unwrap();
    assert_close(a.singular_values(), &truth.s.to_vec()[..3], 1e-10, "sparse");
    assert_close(b.singular_values(), &truth.s.to_vec()[..3], 1e-12, "dense");
    assert_close(a.explained_variance_ratio(), b.explained_variance_ratio(), 1e-8, "ratio");
    let (a, b) = (a.transform(&sparse).unwrap(), b.transform(&dense.into()).unwrap());
    assert!(a.dense().unwrap().iter().zip(b.dense().unwrap()).all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
fn a_product_of_factors_is_found() {
    let truth = Array2::from_shape_fn((50, 2), |(i, t)| ((i * (t + 2)) % 7) as f64);
    let parts = Array2::from_shape_fn((2, 6), |(t, j)| if j % 2 == t { (j + 1) as f64 } else { 0.0 });
    let x = Matrix::from(truth.dot(&parts));
    let settings = Nmf::new().n_components(2).max_iter(5000).tolerance(1e-12);
    let model = settings.fit(&x, &NoTarget).unwrap();
    assert!(model.reconstruction_error() < 1e-6, "{}", model.reconstruction_error());
    let shares = model.transform(&x).unwrap();
    let back = shares.dense().unwrap().dot(model.components());
    assert!(back.iter().zip(x.dense().unwrap()).all(|(a, b)| (a - b).abs() < 1e-5));
    let slower = settings.solver(NmfSolver::MultiplicativeUpdate).fit(&x, &NoTarget).unwrap();
    assert!(slower.reconstruction_error() < 1e-2);
}

/// Counts of which most are 0, dense and sparse.
fn few_counts() -> (Matrix, Matrix) {
    let dense = Array2::from_shape_fn((60, 12), |(i, j)| {
        if (i * 7 + j * 5) % 4 == 0 { ((i * j) % 5 + 1) as f64 } else { 0.0 }
    });
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in dense.rows() {
        for (j, &value) in row.iter().enumerate().filter(|(_, value)| **value > 0.0) {
            indices.push(j as u32);
            values.push(value);
        }
        indptr.push(indices.len());
    }
    (dense.into(), Csr::new(12, indptr, indices, values).unwrap().into())
}

#[test]
fn a_factorisation_of_sparse_rows_is_that_of_dense_ones() {
    let (dense, sparse) = few_counts();
    for solver in [NmfSolver::CoordinateDescent, NmfSolver::MultiplicativeUpdate] {
        let settings = Nmf::new().n_components(3).solver(solver).max_iter(2000).tolerance(1e-13);
        let (a, b) = (settings.fit(&dense, &NoTarget).unwrap(), settings.fit(&sparse, &NoTarget).unwrap());
        let gap = a.reconstruction_error() - b.reconstruction_error();
        assert!(gap.abs() < 1e-4 * a.reconstruction_error(), "{solver:?}: {gap}");
        let (a, b) = (b.transform(&dense).unwrap(), b.transform(&sparse).unwrap());
        assert!(a.dense().unwrap().iter().zip(b.dense().unwrap()).all(|(a, b)| (a - b).abs() < 1e-9));
    }
    let many = Matrix::from(Csr::new(300_000, vec![0, 1], vec![1], vec![3.0]).unwrap());
    let error = Nmf::new().n_components(10_000).fit(&many, &NoTarget).unwrap_err().to_string();
    assert!(error.contains("2^31"), "{error}");
    let negative = Matrix::from(Csr::new(2, vec![0, 1], vec![1], vec![-3.0]).unwrap());
    let error = Nmf::new().n_components(1).fit(&negative, &NoTarget).unwrap_err().to_string();
    assert!(error.contains("row 0 has -3 in column 1"), "{error}");
}

/// Where a factor is 0 its gradient may pull it down, elsewhere there is none: both factors are at the best for each other.
#[test]
fn penalised_factors_are_at_rest() {
    let (x, _) = few_counts();
    let (alpha_w, alpha_h, share) = (0.02, 0.01, 0.4);
    let settings = Nmf::new().n_components(3).max_iter(50_000).tolerance(1e-12);
    let settings = settings.alpha_w(alpha_w).alpha_h(alpha_h).l1_ratio(share);
    let model = settings.fit(&x, &NoTarget).unwrap();
    assert!(model.converged());
    let (h, w) = (model.components().to_owned(), model.transform(&x).unwrap().dense().unwrap().to_owned());
    let rest = w.dot(&h) - x.dense().unwrap();
    let (n, p) = rest.dim();
    let of_w = rest.dot(&h.t()) + alpha_w * p as f64 * (share + (1.0 - share) * &w);
    let of_h = w.t().dot(&rest) + alpha_h * n as f64 * (share + (1.0 - share) * &h);
    for (factor, gradient) in w.iter().zip(&of_w).chain(h.iter().zip(&of_h)) {
        let still = if *factor > 1e-9 { gradient.abs() } else { -gradient.min(0.0) };
        assert!(still < 1e-4, "{factor} with gradient {gradient}");
    }
    assert!(h.iter().chain(&w).filter(|value| **value == 0.0).count() > 5, "the penalty sets some to 0");
}

/// scikit-learn 1.9.1: `NMF(2, beta_loss="kullback-leibler", solver="mu", init="nndsvda", tol=1e-14, max_iter=20000, ..)` of
/// `floor(|sin(1.7 i + 2.3 j)| * 9)`, and the first two rows from their parts.
#[test]
fn counts_are_parted_by_their_divergence() {
    let x = Matrix::from(Array2::from_shape_fn((30, 5), |(i, j)| {
        ((1.7 * i as f64 + 2.3 * j as f64).sin().abs() * 9.0).floor()
    }));
    let settings = Nmf::new().solver(NmfSolver::MultiplicativeUpdate).beta_loss(BetaLoss::KullbackLeibler);
    let settings = settings.tolerance(1e-14).max_iter(20_000);
    let free = [
        [0.0, 4.843375364502542, 10.178414811325252, 4.9243201831621874, 1.0538896410217133],
        [9.454785527000366, 5.148364443511158, 0.0, 4.822385524083489, 8.574464505393824],
    ];
    let penalised = settings.clone().alpha_w(0.01).alpha_h(0.02).l1_ratio(0.5);
    let held = [
        [0.0, 4.764197006390129, 9.922700845861486, 4.830945751463233, 1.0542538773648773],
        [9.277849255217976, 5.070249724555883, 0.0, 4.762276895530254, 8.409720808436555],
    ];
    for (settings, error, truth) in
        [(settings.clone(), 11.220149708432876, free), (penalised, 11.228377541715751, held)]
    {
        let model = settings.fit(&x, &NoTarget).unwrap();
        assert!((model.reconstruction_error() - error).abs() < 1e-6, "{}", model.reconstruction_error());
        let back = model.inverse_transform(&model.transform(&x).unwrap()).unwrap();
        for (row, truth) in back.dense().unwrap().rows().into_iter().zip(&truth) {
            assert!(row.iter().zip(truth).all(|(a, b)| (a - b).abs() < 1e-5), "{row} instead of {truth:?}");
        }
    }
    // Sparse rows are the same rows.
    let (mut ends, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in x.dense().unwrap().rows() {
        for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            columns.push(column as u32);
            values.push(value);
        }
        ends.push(values.len());
    }
    let sparse = Matrix::from(Csr::new(5, ends, columns, values).unwrap());
    let error = settings.fit(&sparse, &NoTarget).unwrap().reconstruction_error();
    assert!((error - 11.220149708432876).abs() < 1e-6, "{error}");
    let early = settings.clone().max_iter(20).tolerance(1e-9).fit(&x, &NoTarget).unwrap();
    assert!(!early.converged() && early.gap() > 1e-9, "{}", early.gap());
    let refused = settings.solver(NmfSolver::CoordinateDescent).fit(&x, &NoTarget).unwrap_err().to_string();
    assert!(refused.contains("`solver`") && refused.contains("MultiplicativeUpdate"), "{refused}");
}

#[test]
fn few_components_of_a_kernel_are_those_of_all() {
    let x = Matrix::from(Array2::from_shape_fn((700, 3), |(i, j)| ((i * (j + 3)) % 31) as f64 / 10.0));
    let settings = KernelPca::new().kernel(perennial_numeric::kernel::Kernel::rbf(0.05));
    // So many rows for each component that only these are looked for, and so few that all are.
    let (few, all) = (settings.clone().n_components(2), settings.n_components(20));
    let (few, all) = (few.fit(&x, &NoTarget).unwrap(), all.fit(&x, &NoTarget).unwrap());
    let (a, b) = (few.transform(&x).unwrap(), all.transform(&x).unwrap());
    for column in 0..2 {
        let (a, b) =
            (a.dense().unwrap().column(column).to_owned(), b.dense().unwrap().column(column).to_owned());
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-7), "component {column}");
    }
    let rows = Matrix::from(Array2::from_shape_fn((4_001, 1), |(i, _)| i as f64));
    let error = KernelPca::new().fit(&rows, &NoTarget).unwrap_err().to_string();
    assert!(error.contains("at most 80"), "{error}");
}

/// scikit-learn 1.9.1: `KernelPCA(n_components=2, fit_inverse_transform=True, kernel=.., gamma=0.05, alpha=..)` of 20 rows, and back again for
/// the first three.
#[test]
fn projections_by_a_kernel_are_turned_back() {
    let x = Matrix::from(Array2::from_shape_fn((20, 3), |(i, column)| match column {
        0 => (i as f64 * 1.7).sin() * 3.0,
        1 => (i as f64 * 0.9).cos() * 2.0,
        _ => (i * 37 % 11) as f64 * 0.3,
    }));
    let rbf = [
        [-0.3700232929761995, 1.3597373931822119, 1.3174836149441607],
        [2.023912503391431, 0.5285906745146665, 1.9445603499095583],
        [-0.5932858862479655, -0.3701016023456978, 1.3577591846780965],
    ];
    let linear = [
        [-0.38790286528160234, 2.0925240383777712, -0.23795374963265736],
        [2.648253431565763, 1.3342001963379295, 0.5694527188851595],
        [-0.5896578259166667, -0.45205451308681643, -0.11632530969462707],
    ];
    let settings = KernelPca::new().n_components(2).fit_inverse_transform(true);
    let rbf = (settings.clone().kernel(Kernel::rbf(0.05)).alpha(0.1), rbf);
    for (settings, truth) in [rbf, (settings, linear)] {
        let model = settings.fit(&x, &NoTarget).unwrap();
        let back = model.inverse_transform(&model.transform(&x).unwrap()).unwrap();
        for (row, truth) in back.dense().unwrap().rows().into_iter().zip(&truth) {
            assert!(row.iter().zip(truth).all(|(a, b)| (a - b).abs() < 1e-9), "{row} instead of {truth:?}");
        }
        let bytes = perennial_core::to_bytes(&model).unwrap();
        assert_eq!(perennial_core::from_bytes::<KernelPcaModel>(&bytes).unwrap(), model);
        let none = Matrix::from(Array2::zeros((0, 2)));
        assert_eq!(model.inverse_transform(&none).unwrap().n_cols(), 3);
        let error = model.inverse_transform(&x).unwrap_err().to_string();
        assert!(error.contains("3 columns") && error.contains("2 components"), "{error}");
    }
    let model = KernelPca::new().n_components(2).fit(&x, &NoTarget).unwrap();
    let error = model.inverse_transform(&model.transform(&x).unwrap()).unwrap_err().to_string();
    assert!(error.contains("`fit_inverse_transform(true)`"), "{error}");
}

#[test]
fn mixed_signals_are_parted() {
    let signals = Array2::from_shape_fn((2000, 2), |(i, j)| {
        if j == 0 { (i as f64 / 9.0).sin() } else { (i % 23) as f64 / 23.0 }
    });
    let heard = signals.dot(&ndarray::array![[1.0, 0.4, 0.2], [0.3, 1.0, -0.5]]);
    let (model, parted) = FastIca::new()
        .tolerance(1e-10)
        .n_components(2)
        .fit_transform_on(&Train::new(&heard.into(), &NoTarget))
        .unwrap();
    assert!(model.converged());
    let parted = parted.dense().unwrap().to_owned();
    let correlation = |a: ndarray::ArrayView1<'_, f64>, b: ndarray::ArrayView1<'_, f64>| {
        let (a, b) = (&a - a.mean().unwrap(), &b - b.mean().unwrap());
        (a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt()).abs()
    };
    for signal in 0..2 {
        let best = (0..2).map(|c| correlation(signals.column(signal), parted.column(c))).fold(0.0, f64::max);
        assert!(best > 0.99, "signal {signal}: {best}");
    }
}

#[test]
fn all_rows_drawn_give_the_kernel() {
    let x = Matrix::from(rows());
    let kernel = Kernel::rbf(0.7);
    let z =
        Nystroem::new().kernel(kernel).n_components(60).fit(&x, &NoTarget).unwrap().transform(&x).unwrap();
    let x = x.dense().unwrap();
    let truth = kernel.resolve(x, None).unwrap().points(x).unwrap().gram(x).unwrap();
    let got = z.dense().unwrap().dot(&z.dense().unwrap().t());
    assert!(got.iter().zip(&truth).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn maps_keep_clouds_apart_at_any_number_of_threads() {
    let x = Matrix::from(clouds(600));
    let tsne = |threads| in_threads(threads, || Tsne::new().max_iter(400).fit(&x, &NoTarget).unwrap());
    let one = tsne(1);
    assert!(same_cloud(one.embedding()) > 0.98);
    assert!(one.kl_divergence() > 0.0 && one.kl_divergence() < 2.0);
    assert!((2..=4).all(|threads| tsne(threads) == one));
    let umap = |threads| in_threads(threads, || Umap::new().fit(&x, &NoTarget).unwrap());
    let one = umap(1);
    assert!(same_cloud(one.embedding()) > 0.98);
    assert!((2..=4).all(|threads| umap(threads) == one));
    // New rows come to lie where their cloud does.
    let mut both = clouds(600);
    both.mapv_inplace(|value| value + 0.05);
    let placed = one.transform(&both.into()).unwrap();
    let together = ndarray::concatenate![
        ndarray::Axis(0),
        one.embedding().to_owned(),
        placed.dense().unwrap().to_owned()
    ];
    assert!(same_cloud(&together) > 0.98);
}

#[test]
fn maps_refuse_what_they_cannot_do() {
    let few = Matrix::from(clouds(10));
    let error = Tsne::new().fit(&few, &NoTarget).unwrap_err().to_string();
    assert!(error.contains("perplexity"), "{error}");
    let huge = Matrix::from(clouds(100).mapv(|value| value * 1e300));
    assert!(Tsne::new().fit(&huge, &NoTarget).is_err());
    // Rows that are all equal have a map, however meaningless.
    let equal = Matrix::from(Array2::from_elem((100, 3), 1.5));
    let model = Tsne::new().max_iter(250).fit(&equal, &NoTarget).unwrap();
    assert!(model.embedding().iter().all(|value| value.is_finite()));
    let negative = Nmf::new().fit(&Matrix::from(rows()), &NoTarget).unwrap_err().to_string();
    assert!(negative.contains("numbers >= 0"), "{negative}");
}

#[test]
fn values_of_scikit_learn() {
    let x = Matrix::from(rows());
    // PCA(2, whiten=True, svd_solver='full'): explained_variance_, transform(X[:2])
    let model = Pca::new().n_components(2).whiten(true).fit(&x, &NoTarget).unwrap();
    assert_close(&model.explained_variance(), &[1.1257483620887934, 0.9813702491484382], 1e-12, "variance");
    let projected = model.transform(&rows().slice(s![..2, ..]).to_owned().into()).unwrap();
    let truth = [0.5306402902789166, -1.3349229730345578, 1.3229928067254073, 0.45573593882086877];
    // The sign of a component is by its largest loading here; there it may be another.
    for (got, truth) in projected.dense().unwrap().iter().zip(truth) {
        assert!((got.abs() - f64::abs(truth)).abs() < 1e-10, "{got} is not {truth}");
    }
    // IncrementalPCA(2, batch_size=25): explained_variance_, explained_variance_ratio_
    let model = IncrementalPca::new().n_components(2).batch_size(25).fit(&x, &NoTarget).unwrap();
    let variance = model.pca().explained_variance();
    assert_close(&variance, &[1.1256394746162652, 0.9812869230229098], 1e-10, "incremental");
    let ratio = [0.5058043185446198, 0.4409397276739549];
    assert_close(model.pca().explained_variance_ratio(), &ratio, 1e-10, "incremental ratio");
    // TruncatedSVD(2, algorithm='arpack'): singular_values_, explained_variance_ratio_
    let model = TruncatedSvd::new().fit(&x, &NoTarget).unwrap();
    assert_close(model.singular_values(), &[8.20662429673906, 7.612750000445726], 1e-10, "truncated");
    let ratio = [0.5048138069299283, 0.4409554829931537];
    assert_close(model.explained_variance_ratio(), &ratio, 1e-8, "truncated ratio");
    // NMF(2, init='nndsvda', tol=1e-12, max_iter=20000) of abs(X): reconstruction_err_
    let positive = Matrix::from(rows().mapv(f64::abs));
    let model = Nmf::new().tolerance(1e-12).max_iter(20_000).fit(&positive, &NoTarget).unwrap();
    assert_close(&[model.reconstruction_error()], &[4.111028619565298], 1e-6, "factorisation");
    // FastICA(3, whiten='unit-variance', tol=1e-14, max_iter=10000, random_state=0): components_
    let truth = [
        [0.7580861116931237, -1.1836657766541476, -2.2817086051447917, -2.3720003982392717],
        [0.6377810690559435, -0.8130061816373149, 0.14951713184259752, -0.028786074882162452],
        [0.3817737058042333, 0.18127176159778902, -0.711338273482206, 0.5423746572732666],
    ];
    let model = FastIca::new().n_components(3).tolerance(1e-13).max_iter(10_000).fit(&x, &NoTarget).unwrap();
    for truth in truth {
        let misses = |row: ndarray::ArrayView1<'_, f64>, sign: f64| {
            row.iter().zip(truth).map(|(a, b)| (sign * a - b).abs()).fold(0.0, f64::max)
        };
        let best = model
            .components()
            .rows()
            .into_iter()
            .map(|row| misses(row, 1.0).min(misses(row, -1.0)))
            .fold(f64::INFINITY, f64::min);
        assert!(best < 1e-4, "{best}");
    }
}

#[test]
fn a_linear_kernel_gives_principal_components() {
    let x = Matrix::from(rows());
    let plain = Pca::new().n_components(3).fit(&x, &NoTarget).unwrap().transform(&x).unwrap();
    let kernel = KernelPca::new().n_components(3).fit(&x, &NoTarget).unwrap().transform(&x).unwrap();
    let (plain, kernel) = (plain.dense().unwrap(), kernel.dense().unwrap());
    assert!(plain.iter().zip(kernel).all(|(a, b)| (a.abs() - b.abs()).abs() < 1e-9));
}

/// All components give back the rows; few give back what is nearest to them in their span.
#[test]
fn decompositions_turn_back() {
    let x = Matrix::from(rows());
    let flat = |x: &Matrix| x.dense().unwrap().iter().copied().collect::<Vec<f64>>();
    let svd = TruncatedSvd::new().n_components(4).fit(&x, &NoTarget).unwrap();
    let back = svd.inverse_transform(&svd.transform(&x).unwrap()).unwrap();
    assert_close(&flat(&back), &flat(&x), 1e-8, "singular directions");
    assert_eq!(back.features(), x.features());
    let ica = FastIca::new().n_components(4).fit(&x, &NoTarget).unwrap();
    let back = ica.inverse_transform(&ica.transform(&x).unwrap()).unwrap();
    assert_close(&flat(&back), &flat(&x), 1e-8, "independent components");
    let few = FastIca::new().n_components(2).fit(&x, &NoTarget).unwrap();
    let both = few.components().dot(&few.mixing().unwrap());
    assert!((both - Array2::<f64>::eye(2)).iter().all(|gap| gap.abs() < 1e-10));
    let pca = Pca::new().n_components(2).whiten(true).fit(&x, &NoTarget).unwrap();
    let batches =
        IncrementalPca::new().n_components(2).batch_size(60).whiten(true).fit(&x, &NoTarget).unwrap();
    let truth = pca.inverse_transform(&pca.transform(&x).unwrap()).unwrap();
    let found = batches.inverse_transform(&batches.transform(&x).unwrap()).unwrap();
    assert_close(&flat(&found), &flat(&truth), 1e-8, "in batches");
    // A product of two factors that are >= 0.
    let factors = Array2::from_shape_fn((30, 2), |(i, k)| ((i * (k + 2)) % 7) as f64);
    let parts = Array2::from_shape_fn((2, 5), |(k, j)| ((j + 3 * k) % 4) as f64 + 0.5);
    let x = Matrix::from(factors.dot(&parts));
    let nmf = Nmf::new().max_iter(2000).tolerance(1e-12).fit(&x, &NoTarget).unwrap();
    let back = nmf.inverse_transform(&nmf.transform(&x).unwrap()).unwrap();
    let gap: f64 = flat(&back).iter().zip(flat(&x)).map(|(a, b)| (a - b).powi(2)).sum();
    assert!(gap.sqrt() < nmf.reconstruction_error() + 1e-6 && gap.sqrt() < 1.0, "{gap}");
    let error = nmf.inverse_transform(&Matrix::from(Array2::zeros((1, 3)))).unwrap_err();
    assert!(error.to_string().contains("2 components"), "{error}");
}

/// Rows of one direction are near by their angle, however long they are.
#[test]
fn maps_measure_distances_as_they_are_told() {
    let mut random = Random::new(6);
    let x = Array2::from_shape_fn((90, 3), |(i, j)| {
        let length = (1 + i % 17) as f64 * 40.0;
        length * (f64::from(u8::from(i % 3 == j)) + 0.05 * random.normal())
    });
    let x = Matrix::from(x);
    let by_angle = Umap::new().n_neighbors(8).n_epochs(60).metric(Metric::Cosine).fit(&x, &NoTarget).unwrap();
    assert!(same_cloud(by_angle.embedding()) > 0.95);
    let placed = by_angle.transform(&x).unwrap();
    assert!(same_cloud(placed.dense().unwrap()) > 0.9);
    let by_angle = Tsne::new().perplexity(8.0).metric(Metric::Cosine).fit(&x, &NoTarget).unwrap();
    assert!(same_cloud(by_angle.embedding()) > 0.95);
}

#[test]
fn a_kernel_that_is_not_positive_has_no_map() {
    let x = Matrix::from(rows().mapv(f64::abs));
    let error = Nystroem::new().kernel(Kernel::AdditiveChi2).fit(&x, &NoTarget).unwrap_err();
    assert!(error.to_string().contains("no matrix of inner products"), "{error}");
}
