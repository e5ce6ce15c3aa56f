//! Explanations against the shap library, closed forms and the definitions.

use ndarray::{Array2, array};
use perennial_core::{CancelToken, Context, Contributions, Explainer, Matrix, Result, Values};
use perennial_evaluation::explain::*;
use perennial_numeric::random::Random;

fn row_score<'a>(of: impl Fn(&[f64]) -> f64 + Send + Sync + 'a) -> Score<'a> {
    Score::new("score", move |x: &Matrix| {
        Ok(x.dense()?.rows().into_iter().map(|row| of(&row.to_vec())).collect())
    })
}

fn curved(row: &[f64]) -> f64 {
    row[0].sin() * row[1] + row[2] * row[2] - 0.5 * row[3] * row[4] * row[0] + row[3]
}

fn background() -> Matrix {
    Matrix::from(array![
        [0.13, -0.13, 0.64, 0.1, -0.54],
        [0.36, 1.3, 0.95, -0.7, -1.27],
        [-0.62, 0.04, -2.33, -0.22, -1.25],
        [-0.73, -0.54, -0.32, 0.41, 1.04],
        [-0.13, 1.37, -0.67, 0.35, 0.9],
        [0.09, -0.74, -0.92, -0.46, 0.22]
    ])
}

fn explained_rows() -> Matrix {
    Matrix::from(array![
        [-1.01, -0.21, -0.16, 0.54, 0.21],
        [0.36, -0.65, -0.13, 0.78, 1.49],
        [-1.26, 1.51, 1.35, 0.78, 0.26]
    ])
}

#[track_caller]
fn near(explained: &Contributions, expected: &Array2<f64>, tolerance: f64) {
    let worst =
        (&explained.values()[0] - expected).iter().fold(0.0_f64, |worst, error| worst.max(error.abs()));
    assert!(worst <= tolerance, "off by {worst}: {:?}", explained.values()[0]);
}

/// Whatever the method, the values and the base add up to the score.
#[track_caller]
fn adds_up(explained: &Contributions, score: &Score<'_>, x: &Matrix) {
    for (row, score) in explained.values()[0].rows().into_iter().zip(score.of(x).unwrap()) {
        assert!((row.sum() + explained.base()[0] - score).abs() < 1e-12);
    }
}

#[test]
fn values_are_those_of_the_shap_library() {
    // shap 0.51.0: explainers.Exact with maskers.Independent, and KernelExplainer, which agree in all digits.
    let expected = array![
        [-1.64742685e-02, 1.50269507e-01, -1.33085000e+00, 6.20496194e-01, 2.65527778e-04],
        [-2.96153431e-01, -1.53495880e-01, -1.33955000e+00, 8.12972333e-01, -4.20420000e-02],
        [-6.95383980e-01, -7.61564162e-01, 4.66050000e-01, 8.78955667e-01, 2.75553333e-02]
    ];
    let (score, background, x) = (row_score(curved), background(), explained_rows());
    for method in [ShapMethod::Auto, ShapMethod::Exact, ShapMethod::Kernel] {
        let explained = Shap::new(&score, &background).unwrap().method(method).explain(&x).unwrap();
        near(&explained, &expected, 5e-9);
        assert!((explained.base()[0] - 1.3769947265670086).abs() < 1e-13);
        adds_up(&explained, &score, &x);
    }
    let shap = Shap::new(&score, &background).unwrap().method(ShapMethod::Permutation).budget(40_000);
    let explained = shap.explain(&x).unwrap();
    near(&explained, &expected, 0.02);
    adds_up(&explained, &score, &x);
}

/// Thirty features: more than all coalitions could be asked for.
#[test]
fn many_features_are_explained_within_the_budget() {
    let coefficients: Vec<f64> = (0..30).map(|column| f64::from(column % 7) - 3.0).collect();
    let linear = row_score(|row: &[f64]| row.iter().zip(&coefficients).map(|(a, b)| a * b).sum());
    let mut random = Random::new(3);
    let mut draw = |n: usize| Matrix::from(Array2::from_shape_simple_fn((n, 30), || random.normal()));
    let (background, x) = (draw(20), draw(4));
    let expected = linear_contributions(&coefficients, 0.0, &x, &background).unwrap();
    // Of a linear score every coalition says the same, so even a small sample is exact.
    let shap = Shap::new(&linear, &background).unwrap().budget(200);
    near(&shap.explain(&x).unwrap(), &expected.values()[0], 1e-10);
    let error = Shap::new(&linear, &background).unwrap().budget(10).explain(&x).unwrap_err().to_string();
    assert!(error.contains("raise `budget`"), "{error}");
    let error = Shap::new(&linear, &background).unwrap().method(ShapMethod::Exact).explain(&x).unwrap_err();
    assert!(error.to_string().contains("2^30"), "{error}");

    // With interactions: the sampled values near the exact ones of the pairs, a_i b_j x_i x_j / 2 each against zeros.
    let pairs = row_score(|row: &[f64]| row.chunks(2).map(|pair| pair[0] * pair[1]).sum());
    let zeros = Matrix::from(Array2::zeros((1, 30)));
    let explained = Shap::new(&pairs, &zeros).unwrap().explain(&x).unwrap();
    let rows = x.dense().unwrap();
    let half = Array2::from_shape_fn((4, 30), |(row, c)| 0.5 * rows[[row, c & !1]] * rows[[row, c | 1]]);
    near(&explained, &half, 0.25);
    adds_up(&explained, &pairs, &x);
}

#[test]
fn groups_come_and_go_together() {
    let score = row_score(|row: &[f64]| row[0] * row[1] + row[2]);
    let names = ["a", "b", "c"];
    let background = Matrix::from(array![[0.0, 0.0, 1.0]]).with_names(names).unwrap();
    let x = Matrix::from(array![[2.0, 5.0, 4.0]]).with_names(names).unwrap();
    let shap = Shap::new(&score, &background).unwrap().groups(&[vec!["a", "b"]]).unwrap();
    near(&shap.explain(&x).unwrap(), &array![[10.0, 0.0, 3.0]], 1e-12);
    assert!(Shap::new(&score, &background).unwrap().groups(&[vec!["a"], vec!["a"]]).is_err());
    assert!(Shap::new(&score, &background).unwrap().groups(&[vec!["z"]]).is_err());
}

#[test]
fn edges_are_answers_or_sentences() {
    let score = row_score(|row: &[f64]| row[0]);
    let one = Matrix::from(array![[3.0]]);
    assert!(Shap::new(&score, &Matrix::from(Array2::<f64>::zeros((0, 1)))).is_err());
    for method in [ShapMethod::Auto, ShapMethod::Kernel, ShapMethod::Permutation] {
        let shap = Shap::new(&score, &one).unwrap().method(method);
        near(&shap.explain(&Matrix::from(array![[5.0]])).unwrap(), &array![[2.0]], 0.0);
        let none = shap.explain(&Matrix::from(Array2::<f64>::zeros((0, 1)))).unwrap();
        assert_eq!(none.values()[0].dim(), (0, 1));
    }
    let broken = row_score(|_| f64::NAN);
    let error = Shap::new(&broken, &one).unwrap().explain(&one).unwrap_err().to_string();
    assert!(error.contains("the score of a row is NaN"), "{error}");
    let token = CancelToken::new();
    token.cancel();
    let stopped = Shap::new(&score, &one).unwrap().context(Context::new().with_cancel(token)).explain(&one);
    assert!(stopped.is_err());
}

#[test]
fn sampled_values_are_the_same_at_any_number_of_threads() {
    let score = row_score(|row: &[f64]| row.iter().map(|v| v.sin()).product());
    let mut random = Random::new(1);
    let mut draw = |n: usize| Matrix::from(Array2::from_shape_simple_fn((n, 14), || random.normal()));
    let (background, x) = (draw(9), draw(5));
    for method in [ShapMethod::Kernel, ShapMethod::Permutation] {
        let explain = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let shap = Shap::new(&score, &background).unwrap().method(method).budget(300);
            pool.install(|| shap.explain(&x)).unwrap()
        };
        let one = explain(1);
        for threads in [2, 3, 4] {
            assert_eq!(one, explain(threads));
        }
    }
}

#[test]
fn dependence_sets_the_feature_and_keeps_the_rest() -> Result<()> {
    let score = row_score(|row: &[f64]| row[0] * row[1]);
    let x = Matrix::from(Array2::from_shape_fn((50, 2), |(row, column)| (row * (column + 1)) as f64));
    let x = x.with_names(["a", "b"])?;
    let effect = partial_dependence(&score, &x, "a", &Grid::default(), &Context::new())?;
    let mean_b = 49.0;
    for (value, mean) in effect.grid.iter().zip(&effect.mean) {
        assert!((mean - value * mean_b).abs() < 1e-9);
    }
    assert_eq!((effect.grid.len(), effect.rows.dim()), (20, (50, 20)));
    assert!((effect.grid[0] - 0.05 * 49.0).abs() < 1e-12);
    for (grid, feature) in [(Grid::default(), "z"), (Grid::Quantiles(1), "a"), (Grid::Values(vec![]), "a")] {
        assert!(partial_dependence(&score, &x, feature, &grid, &Context::new()).is_err());
    }
    let none = Matrix::from(Array2::<f64>::zeros((0, 1)));
    assert!(partial_dependence(&score, &none, "x0", &Grid::default(), &Context::new()).is_err());
    Ok(())
}

#[test]
fn accumulated_effects_find_the_slope_among_twins() -> Result<()> {
    // y = a^2; b follows a. The accumulated effect is a^2 less its mean.
    let score = row_score(|row: &[f64]| row[0] * row[0] + 0.0 * row[1]);
    let x = Matrix::from(Array2::from_shape_fn((1001, 2), |(row, c)| row as f64 / 1000.0 + c as f64 * 0.01));
    let x = x.with_names(["a", "b"])?;
    let effect = accumulated_effects(&score, &x, "a", 50)?;
    for (edge, value) in effect.grid.iter().zip(&effect.effects) {
        assert!((value - (edge * edge - 1.0 / 3.0)).abs() < 2e-3, "{edge}: {value}");
    }
    assert_eq!(effect.counts.iter().sum::<usize>(), 1001);
    let constant = Matrix::from(Array2::<f64>::zeros((5, 1))).with_names(["a"])?;
    assert!(accumulated_effects(&row_score(|row: &[f64]| row[0]), &constant, "a", 5).is_err());
    let missing = Matrix::from(array![[1.0], [f64::NAN]]).with_names(["a"])?;
    let error = accumulated_effects(&row_score(|_| 0.0), &missing, "a", 5).unwrap_err().to_string();
    assert!(error.contains("NaN in row 1"), "{error}");
    Ok(())
}

#[test]
fn counterfactuals_change_what_is_needed_and_no_more() -> Result<()> {
    let names = ["income", "debt", "age"];
    let score = row_score(|row: &[f64]| row[0] - 2.0 * row[1] + 0.0 * row[2]);
    let known =
        Matrix::from(array![[50.0, 5.0, 60.0], [30.0, 2.0, 30.0], [20.0, 15.0, 40.0]]).with_names(names)?;
    let x = Matrix::from(array![[20.0, 8.0, 35.0], [60.0, 0.0, 20.0]]).with_names(names)?;
    let found = Counterfactuals::new(&score, &known).fixed(["age"]).at_least(15.0, &x)?;
    assert!(found[1].changes.is_empty());
    let changes = &found[0].changes;
    assert!(!changes.is_empty() && changes.iter().all(|change| change.feature != "age"));
    // Moved as near as the score allows: on the border.
    assert!((found[0].to - 15.0).abs() < 1e-6, "{}", found[0]);
    assert!(found[0].to_string().starts_with("the score rises from 4.0000 to 15.0000 if `"), "{}", found[0]);
    let error = Counterfactuals::new(&score, &known).at_least(1e6, &x).unwrap_err().to_string();
    assert!(error.contains("no known row has a score of at least 1000000"), "{error}");
    let low = Counterfactuals::new(&score, &known).at_most(-5.0, &x)?;
    assert!(low.iter().all(|found| found.to <= -5.0));
    Ok(())
}

/// Learns the mean of the first column's slope: a line through the first feature.
struct Line;

struct LineModel(f64, f64);

impl perennial_core::Estimator for Line {
    type Input = Matrix;
    type Target = Values;
    type Model = LineModel;

    fn fit_on(&self, train: &perennial_core::Train<'_, Matrix, Values>) -> Result<LineModel> {
        let (x, y) = (train.x.dense()?.column(0).to_vec(), train.y.as_slice());
        let n = x.len() as f64;
        let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
        let slope = x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum::<f64>()
            / x.iter().map(|x| (x - mx).powi(2)).sum::<f64>();
        Ok(LineModel(my - slope * mx, slope))
    }
}

impl perennial_core::Predictor for LineModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(x.dense()?.column(0).iter().map(|v| self.0 + self.1 * v).collect())
    }
}

#[test]
fn a_surrogate_says_how_far_it_can_be_trusted() -> Result<()> {
    let x = Matrix::from(Array2::from_shape_fn((40, 1), |(row, _)| row as f64));
    let held_out = Matrix::from(Array2::from_shape_fn((15, 1), |(row, _)| row as f64 + 0.5));
    let straight =
        surrogate(&row_score(|row: &[f64]| 3.0 * row[0] - 1.0), &Line, &x, &held_out, &Context::new())?;
    assert!((straight.model.1 - 3.0).abs() < 1e-12 && straight.fidelity > 1.0 - 1e-12);
    let waves =
        surrogate(&row_score(|row: &[f64]| (row[0] * 3.0).sin()), &Line, &x, &held_out, &Context::new())?;
    assert!(waves.fidelity < 0.3, "{}", waves.fidelity);
    Ok(())
}
