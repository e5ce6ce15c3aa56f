//! Metrics of several numbers per row.

use ndarray::{Array2, array};
use perennial_core::{Estimator, Matrix, Outputs, Predictor, Result, Rows, Train, Values};
use perennial_evaluation::metric::*;
use perennial_evaluation::split::KFold;
use perennial_evaluation::{CrossValidation, IntervalOptions, Metric, cross_validate};
use perennial_numeric::random::Random;

fn example() -> (Outputs, Outputs) {
    let truth = Outputs::from(array![[0.5, 1.0], [-1.0, 1.0], [7.0, -6.0]]);
    (truth, Outputs::from(array![[0.0, 2.0], [-1.0, 2.0], [8.0, -5.0]]))
}

#[track_caller]
fn close(ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() < 1e-12, "{ours} is not {theirs}");
}

/// The numbers of scikit-learn's documentation, and with weights those of the formulas.
#[test]
fn scores_are_those_of_scikit_learn() {
    let (truth, answer) = example();
    let r2 = MultiOutput::new(R2);
    let raw = r2.raw_values(&truth, &answer, None).unwrap();
    close(raw[0], 0.965_437_788_018_433_2);
    close(raw[1], 0.908_163_265_306_122_4);
    close(r2.score(&truth, &answer).unwrap(), 0.936_800_526_662_277_8);
    close(r2.clone().variance_weighted().score(&truth, &answer).unwrap(), 0.938_256_658_595_641_7);
    let explained = MultiOutput::new(ExplainedVariance);
    close(explained.score(&truth, &answer).unwrap(), 0.983_870_967_741_935_5);
    let squared = MultiOutput::new(MeanSquaredError);
    close(squared.score(&truth, &answer).unwrap(), 0.708_333_333_333_333_4);
    close(squared.clone().weights([0.3, 0.7]).score(&truth, &answer).unwrap(), 0.825);
    close(MultiOutput::new(RootMeanSquaredError).score(&truth, &answer).unwrap(), 0.822_748_612_183_951_3);
    close(MultiOutput::new(MeanAbsoluteError).weights([3.0, 7.0]).score(&truth, &answer).unwrap(), 0.85);
    close(MultiOutput::new(MedianAbsoluteError).score(&truth, &answer).unwrap(), 0.75);
    let weights = Some(&[1.0, 2.0, 0.5][..]);
    close(r2.score_weighted(&truth, &answer, weights).unwrap(), 0.902_022_315_202_231_5);
    let by_variance = r2.clone().variance_weighted();
    close(by_variance.score_weighted(&truth, &answer, weights).unwrap(), 0.908_812_260_536_398_5);
    assert_eq!(r2.name(), "r2_uniform_average");
    assert_eq!(r2.bounds(), R2.bounds());
}

#[test]
fn outputs_whose_scores_have_no_interval_have_none_together() {
    let (truth, answer) = example();
    let error = MultiOutput::new(MaxError).interval(&truth, &answer, &IntervalOptions::new()).unwrap_err();
    assert!(error.to_string().contains("`max_error` has no interval"), "{error}");
    assert!(MultiOutput::new(R2).check_bootstrap().is_ok());
}

#[test]
fn outputs_that_do_not_vary_or_do_not_fit() {
    let (truth, answer) = example();
    let flat = Outputs::from(array![[1.0, 2.0], [1.0, 2.0]]);
    let other = Outputs::from(array![[1.0, 2.0], [1.0, 3.0]]);
    assert_eq!(MultiOutput::new(R2).variance_weighted().score(&flat, &other).unwrap(), 0.5);
    let none = Outputs::from(Array2::zeros((3, 0)));
    let one = Outputs::from(Array2::zeros((3, 1)));
    let r2 = MultiOutput::new(R2);
    assert!(r2.score(&none, &none).unwrap_err().to_string().contains("no outputs"));
    assert!(r2.score(&truth, &one).unwrap_err().to_string().contains("1 outputs and the truth 2"));
    assert!(r2.score(&truth, &flat).is_err());
    let mut bad = answer.values().to_owned();
    bad[[1, 1]] = f64::NAN;
    assert!(r2.score(&truth, &Outputs::from(bad)).unwrap_err().to_string().contains("output 1"));
    for weights in [vec![1.0], vec![0.0, 0.0], vec![1.0, -1.0], vec![f64::NAN, 1.0]] {
        assert!(r2.clone().weights(weights).score(&truth, &answer).is_err());
    }
    let huge = Outputs::from(array![[1e300, 1.0], [-1e300, 2.0]]);
    assert!(MultiOutput::new(MeanAbsoluteError).variance_weighted().score(&huge, &huge).is_err());
}

#[test]
fn rows_have_the_mean_of_their_outputs() {
    let mut random = Random::new(3);
    let mut numbers = || Outputs::from(Array2::from_shape_fn((80, 3), |_| random.normal()));
    let (truth, answer) = (numbers(), numbers());
    let metric = MultiOutput::new(MeanAbsoluteError).weights([1.0, 0.0, 3.0]);
    let rows = metric.row_scores(&truth, &answer).unwrap().unwrap();
    let weights: Vec<f64> = (0..80).map(|row| f64::from(row % 3)).collect();
    let mean = rows.iter().zip(&weights).map(|(score, weight)| score * weight).sum::<f64>()
        / weights.iter().sum::<f64>();
    close(metric.score_weighted(&truth, &answer, Some(&weights)).unwrap(), mean);
    let options = IntervalOptions::new().replicates(200);
    let interval = metric.interval(&truth, &answer, &options).unwrap();
    assert!(interval.low < interval.estimate && interval.estimate < interval.high);
    assert!(metric.clone().variance_weighted().row_scores(&truth, &answer).unwrap().is_none());
    assert!(MultiOutput::new(R2).row_scores(&truth, &answer).unwrap().is_none());
    assert!(MultiOutput::new(R2).variance_weighted().interval(&truth, &answer, &options).is_ok());
}

/// The means of the outputs.
#[derive(Clone, Debug)]
struct Means;

#[derive(Clone, Debug)]
struct MeansModel(Vec<f64>);

impl Estimator for Means {
    type Input = Matrix;
    type Target = Outputs;
    type Model = MeansModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Outputs>) -> Result<MeansModel> {
        let y = train.y.values();
        Ok(MeansModel(y.columns().into_iter().map(|column| column.sum() / y.nrows() as f64).collect()))
    }
}

impl Predictor for MeansModel {
    type Input = Matrix;
    type Output = Outputs;

    fn predict(&self, x: &Matrix) -> Result<Outputs> {
        Ok(Outputs::from(Array2::from_shape_fn((x.n_rows(), self.0.len()), |(_, output)| self.0[output])))
    }
}

#[test]
fn models_of_several_outputs_are_cross_validated() {
    let mut random = Random::new(4);
    let y =
        Outputs::from(Array2::from_shape_fn((23, 2), |(_, output)| random.normal() + 5.0 * output as f64));
    let x = Matrix::from(Array2::zeros((23, 1)));
    let metric = MultiOutput::new(MeanSquaredError);
    let scored =
        cross_validate(&Means, &x, &y, &KFold::new(3).seed(1), &metric, &CrossValidation::new()).unwrap();
    let predictions = scored.predictions.as_ref().unwrap();
    for fold in &scored.folds {
        let mut sum = 0.0;
        for output in 0..2 {
            let truth: Values = fold.test.iter().map(|&row| y.values()[[row, output]]).collect();
            let answer: Values = fold.test.iter().map(|&row| predictions.values()[[row, output]]).collect();
            sum += MeanSquaredError.score(&truth, &answer).unwrap();
        }
        close(fold.score, sum / 2.0);
    }
}
