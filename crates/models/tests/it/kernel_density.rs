//! Kernel densities beside scikit-learn 1.9 and closed forms:
//!
//! ```text
//! i = arange(60); X = c_[sin(1.7 i) * 3, cos(.9 i) * 2, (37 i % 11) * .3]; X[i % 2 == 1] += 4; w = 1 + i % 3
//! KernelDensity(bandwidth=1.7, kernel=.., rtol=0, atol=0).fit(X[, sample_weight=w])
//! score_samples([[0, 0, 1], [2, 2, 2], [4, 4, 5.5], [9, 9, 9]])
//! ```

use ndarray::{Array2, array};
use perennial_core::{
    CancelToken, Capabilities, Context, Estimator, FitTransform, Matrix, NoTarget, Result, Rows, Train,
    Transformer,
};
use perennial_models::KernelDensity;
use perennial_models::neighbors::{Bandwidth, DensityKernel, KernelDensityModel};
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check};
use serde::{Deserialize, Serialize};

use crate::fixtures::assert_close;

/// A density as a step that gives its logarithm at each row, so that the kit can look at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Logarithms<T>(T);

impl Estimator for Logarithms<KernelDensity> {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = Logarithms<KernelDensityModel>;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<Self::Model> {
        Ok(Logarithms(self.0.fit_on(train)?))
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

impl FitTransform for Logarithms<KernelDensity> {}

impl Transformer for Logarithms<KernelDensityModel> {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        Ok(self.0.log_density(x)?.view().to_owned().insert_axis(ndarray::Axis(1)).into())
    }
}

check!(
    kernel_density,
    transformer,
    Logarithms(KernelDensity::new().bandwidth(Bandwidth::Scott)),
    Tags::new().most_rows(2000).expect_fail("W01", "Scott's rule counts rows, not their weight")
);
check!(
    kernel_density_exponential,
    transformer,
    Logarithms(KernelDensity::new().kernel(DensityKernel::Exponential).relative_tolerance(1e-3)),
    Tags::new().most_rows(2000).weight_tolerance(2e-3)
);

const KERNELS: [DensityKernel; 6] = [
    DensityKernel::Gaussian,
    DensityKernel::Tophat,
    DensityKernel::Epanechnikov,
    DensityKernel::Exponential,
    DensityKernel::Linear,
    DensityKernel::Cosine,
];

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

fn queries() -> Matrix {
    array![[0.0, 0.0, 1.0], [2.0, 2.0, 2.0], [4.0, 4.0, 5.5], [9.0, 9.0, 9.0]].into()
}

#[test]
fn densities_are_those_of_scikit_learn() {
    let plain = [
        [-6.129328162729452, -6.256937576604534, -6.146555871316723, -11.001366308828707],
        [-5.732346912589902, -5.509203361275692, -5.732346912589902, f64::NEG_INFINITY],
        [-5.836371143429505, -5.348706580769269, -5.888696840863899, f64::NEG_INFINITY],
        [-6.872498387452852, -6.88345173060092, -6.8808488119427675, -9.650997345475485],
        [-5.8609637109666615, -5.397884985150858, -5.846867788031952, f64::NEG_INFINITY],
        [-5.841528580651501, -5.363261653586799, -5.877000724991992, f64::NEG_INFINITY],
    ];
    let weighted = [
        [-6.102506550778081, -6.211451192478105, -6.1725493730861, -11.065226211874133],
        [-5.509203361275693, -5.326881804481738, -6.020028985041684, f64::NEG_INFINITY],
        [-5.526186495464907, -5.183705323202185, -6.051762141876283, f64::NEG_INFINITY],
        [-6.846446286669774, -6.851598456906462, -6.897003399704682, -9.658367854096781],
        [-5.537347647964662, -5.230736024196043, -5.9792213890244446, f64::NEG_INFINITY],
        [-5.523030924463615, -5.198169656603236, -6.024890139572623, f64::NEG_INFINITY],
    ];
    let x = Matrix::from(rows());
    let weights: Vec<f64> = (0..60).map(|i| 1.0 + f64::from(i % 3)).collect();
    for ((kernel, plain), weighted) in KERNELS.into_iter().zip(plain).zip(weighted) {
        let settings = KernelDensity::new().bandwidth(Bandwidth::Fixed(1.7)).kernel(kernel);
        let train = Train::new(&x, &NoTarget);
        let same = |model: KernelDensityModel, truth: [f64; 4]| {
            let found = model.log_density(&queries()).unwrap();
            let reached = if truth[3].is_finite() { 4 } else { 3 };
            assert_close(&found.as_slice()[..reached], &truth[..reached], 1e-12, "log density");
            assert_eq!(found.as_slice()[3].is_finite(), truth[3].is_finite());
        };
        same(settings.fit_on(&train).unwrap(), plain);
        same(settings.fit_on(&train.weights(&weights)).unwrap(), weighted);
    }
    for (bandwidth, value, truth) in [
        (Bandwidth::Scott, 0.5571580282870016, [-5.973330585266314, -34.711862018246364]),
        (Bandwidth::Silverman, 0.5396772430244133, [-5.996116800023201, -36.566009388916534]),
    ] {
        let model = KernelDensity::new().bandwidth(bandwidth).fit(&x, &NoTarget).unwrap();
        assert_close(&[model.bandwidth()], &[value], 1e-14, "bandwidth");
        let found = model.log_density(&queries()).unwrap();
        assert_close(&[found.as_slice()[0], found.as_slice()[3]], &truth, 1e-11, "rule");
    }
}

#[test]
fn sums_by_boxes_are_the_plain_sums_at_any_number_of_threads() {
    let mut random = Random::new(1);
    let x = Array2::from_shape_simple_fn((3000, 3), || random.normal());
    let asked = Array2::from_shape_simple_fn((300, 3), || 2.0 * random.normal());
    let settings = KernelDensity::new().bandwidth(Bandwidth::Fixed(0.4));
    let found = |threads: usize, settings: &KernelDensity| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            settings.fit(&x.clone().into(), &NoTarget).unwrap().log_density(&asked.clone().into()).unwrap()
        })
    };
    let exact = found(1, &settings);
    assert!((2..=4).all(|threads| found(threads, &settings) == exact));
    let loose = found(1, &settings.clone().relative_tolerance(0.01));
    for (row, (exact, loose)) in asked.rows().into_iter().zip(exact.as_slice().iter().zip(loose.as_slice())) {
        let square = |other: ndarray::ArrayView1<'_, f64>| (&row - &other).mapv(|v| v * v).sum() / 0.16;
        let least = x.rows().into_iter().map(square).fold(f64::INFINITY, f64::min);
        let sum: f64 = x.rows().into_iter().map(|other| (-0.5 * (square(other) - least)).exp()).sum();
        let whole = 3000f64.ln() + 1.5 * (2.0 * std::f64::consts::PI * 0.16).ln();
        assert!((sum.ln() - 0.5 * least - whole - exact).abs() < 1e-12);
        assert!((exact - loose).abs() <= 0.0101);
    }
}

#[test]
fn densities_integrate_to_one_and_samples_come_from_them() {
    for kernel in KERNELS {
        let settings = KernelDensity::new().bandwidth(Bandwidth::Fixed(0.5)).kernel(kernel);
        let model = settings.fit(&array![[0.0, 0.0]].into(), &NoTarget).unwrap();
        // The plane by rings, and how far samples are from the only row.
        let n = 40_000;
        let radius = |i: usize| 20.0 * (i as f64 + 0.5) / n as f64;
        let line = Matrix::from(Array2::from_shape_fn((n, 2), |(i, j)| if j == 0 { radius(i) } else { 0.0 }));
        let density = model.log_density(&line).unwrap();
        let ring = |i: usize| 2.0 * std::f64::consts::PI * radius(i) * 20.0 / n as f64;
        let masses: Vec<f64> = (0..n).map(|i| density.as_slice()[i].exp() * ring(i)).collect();
        assert!((masses.iter().sum::<f64>() - 1.0).abs() < 1e-4, "{kernel:?}");
        let truth: f64 = masses.iter().enumerate().map(|(i, mass)| mass * radius(i)).sum();
        let drawn = model.sample(40_000, 3).unwrap();
        let drawn = drawn.dense().unwrap();
        let mean = drawn.rows().into_iter().map(|row| row[0].hypot(row[1])).sum::<f64>() / 40_000.0;
        assert!((mean / truth - 1.0).abs() < 0.015, "{kernel:?}: {mean} for {truth}");
    }
    // Rows come by their weight.
    let x = Matrix::from(array![[0.0], [100.0], [200.0]]);
    let train = Train::new(&x, &NoTarget).weights(&[1.0, 0.0, 3.0]);
    let model = KernelDensity::new().fit_on(&train).unwrap();
    let drawn = model.sample(10_000, 1).unwrap();
    let near = |place: f64| drawn.dense().unwrap().iter().filter(|v| (**v - place).abs() < 10.0).count();
    assert_eq!((near(100.0), near(0.0) + near(200.0)), (0, 10_000));
    assert!((near(200.0) as f64 / 7500.0 - 1.0).abs() < 0.03);
}

#[test]
fn edges_of_densities() {
    let settings = KernelDensity::new();
    let model = settings.fit(&array![[0.0]].into(), &NoTarget).unwrap();
    // Far away the density itself would be 0.
    let far = model.log_density(&array![[1e6]].into()).unwrap().as_slice()[0];
    assert!((far / -5e11 - 1.0).abs() < 1e-10);
    assert!(model.log_density(&array![[f64::NAN]].into()).is_err());
    assert!(model.log_density(&array![[1e200]].into()).is_err());
    assert_eq!(model.log_density(&Matrix::from(Array2::zeros((0, 1)))).unwrap().n_rows(), 0);
    for bandwidth in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-200] {
        let settings = settings.clone().bandwidth(Bandwidth::Fixed(bandwidth));
        assert!(settings.fit(&Matrix::from(rows()), &NoTarget).is_err(), "{bandwidth}");
    }
    assert!(settings.clone().relative_tolerance(-0.1).fit(&Matrix::from(rows()), &NoTarget).is_err());
    let huge = Matrix::from(rows().mapv(|value| value * 1e300));
    assert!(settings.fit(&huge, &NoTarget).is_err());
    let wide = settings.bandwidth(Bandwidth::Fixed(1e300)).fit(&huge, &NoTarget).unwrap();
    assert!(wide.log_density(&huge).unwrap().as_slice().iter().all(|log| log.is_finite()));
    // Saved and loaded, and stopped.
    let saved = serde_json::to_string(&model).unwrap();
    assert_eq!(serde_json::from_str::<KernelDensityModel>(&saved).unwrap(), model);
    let bad = saved.replace("\"bandwidth\":1.0", "\"bandwidth\":-1.0");
    assert!(serde_json::from_str::<KernelDensityModel>(&bad).is_err());
    let token = CancelToken::new();
    token.cancel();
    let stopped = Context::new().with_cancel(token);
    assert!(model.log_density_in(&stopped, &array![[0.0]].into()).is_err());
}
