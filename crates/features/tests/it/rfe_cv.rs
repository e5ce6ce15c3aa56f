//! Elimination of columns with the number of them chosen over folds. Figures by `RFECV` of scikit-learn 1.9.1.

use ndarray::{Array1, Array2, Axis};
use perennial_core::{
    Error, Estimator, Matrix, Param, Result, Train, Transformer, Values, from_bytes, to_bytes,
};
use perennial_features::{RfeCv, RfeCvModel};
use perennial_numeric::linalg::Qr;

/// Least squares; the intercept comes last.
#[derive(Debug, Clone)]
struct Line;

impl Estimator for Line {
    type Input = Matrix;
    type Target = Values;
    type Model = Array1<f64>;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<Array1<f64>> {
        let x = train.x.dense()?;
        let x = ndarray::concatenate(Axis(1), &[x.view(), Array2::ones((x.nrows(), 1)).view()]);
        let y = train.y.view().insert_axis(Axis(1)).to_owned();
        let fit = Qr::new(&x.map_err(Error::other)?, &y, train.weights, false)?.solve()?;
        Ok(fit.coefficients.column(0).to_owned())
    }
}

fn slopes(model: &Array1<f64>) -> Vec<f64> {
    model.iter().take(model.len() - 1).copied().collect()
}

fn r2(model: &Array1<f64>, x: &Matrix, y: &Values) -> Result<f64> {
    let (slopes, intercept) = (Array1::from(slopes(model)), model[model.len() - 1]);
    let miss = x.dense()?.dot(&slopes) + intercept - y.view();
    let mean = y.view().mean().unwrap_or(0.0);
    let spread = y.view().mapv(|value| value - mean);
    Ok(1.0 - miss.dot(&miss) / spread.dot(&spread))
}

fn data() -> (Matrix, Values) {
    let x = Array2::from_shape_fn((60, 6), |(i, j)| {
        ((i * (2 * j + 3) + i / (j + 2) + (i * i) % (j + 5)) % 11) as f64 - 5.0
    });
    let slopes = Array1::from(vec![3.0, 0.0, -2.0, 0.0, 0.5, 0.0]);
    let noise = Array1::from_shape_fn(60, |i| (((i * 37) % 13) as f64 - 6.0) * 0.7);
    let y = x.dot(&slopes) + noise;
    (Matrix::from(x), Values::from(y.to_vec()))
}

type Score = fn(&Array1<f64>, &Matrix, &Values) -> Result<f64>;
type Cv = RfeCv<Line, fn(&Array1<f64>) -> Vec<f64>, Score>;

fn rfe() -> Cv {
    RfeCv::new(Line, slopes as fn(&Array1<f64>) -> Vec<f64>, r2 as Score)
        .test_fold((0..60).map(|row| (row * 7) % 5).collect())
}

#[test]
fn as_many_columns_are_kept_as_score_best() -> Result<()> {
    let (x, y) = data();
    let model = rfe().fit(&x, &y)?;
    assert_eq!(model.select().kept().collect::<Vec<_>>(), ["x0", "x2", "x4"]);
    assert_eq!(model.select().scores(), [-1.0, -4.0, -1.0, -2.0, -1.0, -3.0]);
    let expected = [
        0.5641496211836777,
        0.9109969835851299,
        0.9343045527779609,
        0.9297709314173348,
        0.9297833710301635,
        0.9291702673050175,
    ];
    for (at, (&(n, score), expected)) in model.cv_scores().iter().zip(expected).enumerate() {
        assert_eq!(n, at + 1);
        assert!((score - expected).abs() < 1e-12, "{n}: {score} and {expected}");
    }
    let model = rfe().step(2).fit(&x, &y)?;
    assert_eq!(model.select().scores(), [-1.0, -2.0, -1.0, -1.0, -1.0, -2.0]);
    assert_eq!(model.cv_scores().iter().map(|(n, _)| *n).collect::<Vec<_>>(), [1, 2, 4, 6]);
    let model = rfe().min_features_to_select(4).fit(&x, &y)?;
    assert_eq!(model.select().kept().collect::<Vec<_>>(), ["x0", "x2", "x3", "x4", "x5"]);
    assert_eq!(model.transform(&x)?.features().names().collect::<Vec<_>>(), ["x0", "x2", "x3", "x4", "x5"]);
    assert_eq!(model.sources(), Some(vec![vec![0], vec![2], vec![3], vec![4], vec![5]]));
    assert_eq!(model.decided().len(), 6);
    // The numbers of folds are names, of which some may be left out.
    let named = rfe().test_fold((0..60).map(|row| (row * 7) % 5 * 1000 + 3).collect());
    assert_eq!(named.fit(&x, &y)?, rfe().fit(&x, &y)?);
    let again: RfeCvModel = from_bytes(&to_bytes(&model)?)?;
    assert_eq!(again, model);
    Ok(())
}

#[test]
fn folds_by_chance_come_from_the_seed_and_keep_groups() -> Result<()> {
    let (x, y) = data();
    let free = || RfeCv::new(Line, slopes as fn(&Array1<f64>) -> Vec<f64>, r2 as Score).cv(4);
    let (one, same) = (free().seed(1).fit(&x, &y)?, free().seed(1).fit(&x, &y)?);
    assert_eq!(one, same);
    assert_ne!(one.cv_scores(), free().seed(2).fit(&x, &y)?.cv_scores());
    // Two rows of one group are never on both sides: a score that looks for the held-out rows says so.
    let groups: Vec<u32> = (0..60).map(|row| row / 2).collect();
    let whole = |_: &Array1<f64>, x: &Matrix, _: &Values| match x.dense()?.nrows() % 2 {
        0 => Ok(0.0),
        odd => Err(Error::malformed(format!("{odd} rows without their group"))),
    };
    let grouped =
        RfeCv::new(Line, slopes as fn(&Array1<f64>) -> Vec<f64>, whole).cv(7).min_features_to_select(6);
    let model = Train::new(&x, &y).groups(&groups).fit(&grouped)?;
    assert_eq!(model.cv_scores(), [(6, 0.0)]);
    // Of equally good numbers the smallest.
    let level = |_: &Array1<f64>, _: &Matrix, _: &Values| Ok(0.5);
    let model = RfeCv::new(Line, slopes as fn(&Array1<f64>) -> Vec<f64>, level).fit(&x, &y)?;
    assert_eq!(model.select().kept().count(), 1);
    Ok(())
}

#[test]
fn what_cannot_be_chosen_is_said() -> Result<()> {
    let (x, y) = data();
    let error = |rfe: Cv| rfe.fit(&x, &y).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error(rfe().step(0)).contains("`step`"));
    assert!(error(rfe().min_features_to_select(0)).contains("`min_features_to_select`"));
    assert!(
        error(RfeCv::new(Line, slopes as fn(&Array1<f64>) -> Vec<f64>, r2 as Score).cv(1)).contains("`cv`")
    );
    assert!(error(rfe().test_fold(vec![0, 1])).contains("`test_fold`"));
    assert!(error(rfe().test_fold(vec![0; 60])).contains("2 folds or more"));
    assert!(error(rfe().test_fold(vec![1; 60])).contains("2 folds or more"));
    let nan = |_: &Array1<f64>, _: &Matrix, _: &Values| Ok(f64::NAN);
    let score = RfeCv::new(Line, slopes as fn(&Array1<f64>) -> Vec<f64>, nan).fit(&x, &y);
    assert!(score.unwrap_err().to_string().contains("the score of 6 columns is NaN"));
    let names = |params: &[Param]| params.iter().map(|param| param.name).collect::<Vec<_>>();
    assert_eq!(names(RfeCv::<(), (), ()>::PARAMS), ["cv", "min_features_to_select", "step"]);
    Ok(())
}
