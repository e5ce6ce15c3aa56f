//! Gaps filled from other columns.

use ndarray::{Array2, array};
use perennial_core::{
    Classes, Estimator, Feature, FeatureKind, Features, FitTransform, Matrix, NoTarget, Predictor, Result,
    Rows, Train, Transformer, Values,
};
use perennial_data::Table;
use perennial_models::DummyRegressor;
use perennial_preprocessing::{
    BranchSchema, Columns, FitBatches, FlaggedColumns, IterativeImputer, KnnImputer, MissingIndicator,
    RandomSampleImputer, SimpleImputer,
};
use serde::{Deserialize, Serialize};

/// Least squares through the origin on the first column.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Slope;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SlopeModel(f64);

impl Estimator for Slope {
    type Input = Matrix;
    type Target = Values;
    type Model = SlopeModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<SlopeModel> {
        let x = train.x.dense()?.column(0);
        let product: f64 = x.iter().zip(train.y.as_slice()).map(|(x, y)| x * y).sum();
        Ok(SlopeModel(product / x.iter().map(|x| x * x).sum::<f64>()))
    }
}

impl Predictor for SlopeModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(x.dense()?.column(0).iter().map(|x| self.0 * x).collect())
    }
}

fn filled<E: FitTransform<Input = Matrix, Target = NoTarget>>(step: &E, x: &Matrix) -> (Matrix, Matrix)
where
    E::Model: Transformer<Output = Matrix>,
{
    let (model, own) = step.fit_transform_on(&Train::new(x, &NoTarget)).unwrap();
    (own, model.transform(x).unwrap())
}

#[test]
fn rounds_are_those_written_out_by_hand() {
    const N: f64 = f64::NAN;
    // Column 1 has one gap and comes first; column 0 has two.
    let x = Matrix::from(array![[1.0, 3.0], [2.0, N], [N, 9.0], [N, 6.0], [4.0, 10.0]]);
    let (own, again) = filled(&IterativeImputer::new(Slope).max_iter(2).tolerance(0.0), &x);
    let (mut a, mut b) = ([1.0, 2.0, 7.0 / 3.0, 7.0 / 3.0, 4.0], [3.0, 7.0, 9.0, 6.0, 10.0]);
    for _ in 0..2 {
        let slope = |x: &[f64], y: &[f64], rows: &[usize]| {
            let product: f64 = rows.iter().map(|&row| x[row] * y[row]).sum();
            product / rows.iter().map(|&row| x[row] * x[row]).sum::<f64>()
        };
        b[1] = slope(&a, &b, &[0, 2, 3, 4]) * a[1];
        let back = slope(&b, &a, &[0, 1, 4]);
        (a[2], a[3]) = (back * b[2], back * b[3]);
    }
    for row in 0..5 {
        assert!((own.dense().unwrap()[[row, 0]] - a[row]).abs() < 1e-12);
        assert!((own.dense().unwrap()[[row, 1]] - b[row]).abs() < 1e-12);
    }
    // Other rows are filled by the same steps: those of the training rows come out the same.
    assert_eq!(own, again);
}

/// A large code is no number of which a change could be a small share.
#[test]
fn codes_do_not_loosen_the_tolerance() -> Result<()> {
    const N: f64 = f64::NAN;
    let cells = array![[1.0, 3.0, 49_999.0], [2.0, N, 0.0], [N, 9.0, 0.0], [N, 6.0, 0.0], [4.0, 10.0, 0.0]];
    let numbers = Matrix::from(cells.slice(ndarray::s![.., ..2]).to_owned());
    let code = FeatureKind::Categorical { n_categories: 50_000 };
    let kinds = [("a", FeatureKind::Numeric), ("b", FeatureKind::Numeric), ("code", code)];
    let features = kinds.into_iter().map(|(name, kind)| Feature { name: name.into(), kind });
    let with_code = Matrix::from(cells).with_features(Features::try_from(features.collect::<Vec<_>>())?)?;
    let rounds =
        |x: &Matrix| -> Result<usize> { Ok(IterativeImputer::new(Slope).fit(x, &NoTarget)?.n_iterations()) };
    let expected = rounds(&numbers)?;
    assert!(expected > 1);
    assert_eq!(rounds(&with_code)?, expected);
    Ok(())
}

#[test]
fn an_estimator_that_knows_means_gives_means() {
    let x = Array2::from_shape_fn((30, 3), |(row, column)| {
        if (row * 7 + column) % 5 == 0 { f64::NAN } else { (row * column) as f64 }
    });
    let x = Matrix::from(x);
    let (by_prediction, _) = filled(&IterativeImputer::new(DummyRegressor::new()), &x);
    let (by_mean, _) = filled(&SimpleImputer::mean(), &x);
    for (a, b) in by_prediction.dense().unwrap().iter().zip(by_mean.dense().unwrap()) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }
}

#[test]
fn predictions_are_cut_to_what_was_seen() {
    let x = Matrix::from(array![[1.0, 1.0], [2.0, 2.0], [50.0, f64::NAN]]);
    let (free, _) = filled(&IterativeImputer::new(Slope), &x);
    assert_eq!(free.dense().unwrap()[[2, 1]], 50.0);
    let (cut, _) = filled(&IterativeImputer::new(Slope).clip(true), &x);
    assert_eq!(cut.dense().unwrap()[[2, 1]], 2.0);
}

#[test]
fn what_cannot_be_filled_is_named() {
    let x = Matrix::from(array![[1.0, f64::NAN], [2.0, f64::NAN]]).with_names(["a", "empty"]).unwrap();
    for error in [
        IterativeImputer::new(Slope).fit(&x, &NoTarget).map(|_| ()).unwrap_err(),
        KnnImputer::new().fit(&x, &NoTarget).map(|_| ()).unwrap_err(),
    ] {
        assert!(error.to_string().contains("`empty`"), "{error}");
    }
    // One column: there is nothing to predict from but its mean.
    let one = Matrix::from(array![[1.0], [f64::NAN], [3.0]]);
    let (own, _) = filled(&IterativeImputer::new(Slope), &one);
    assert_eq!(own.dense().unwrap(), array![[1.0], [2.0], [3.0]]);
    assert_eq!(own.n_rows(), 3);
}

#[test]
fn drawn_values_keep_the_shares_and_depend_on_the_row_alone() -> Result<()> {
    let n = 30_000;
    // A third of the first column is missing; of the rest, one in four is 1.
    let x = Array2::from_shape_fn((n, 2), |(row, column)| match (column, row % 3) {
        (0, 0) => f64::NAN,
        (0, _) => f64::from(u8::from(row % 4 == 1)),
        _ => row as f64,
    });
    let x = Matrix::from(x);
    let model = RandomSampleImputer::new().seed(3).fit(&x, &NoTarget)?;
    let filled = model.transform(&x)?;
    let drawn: Vec<f64> = (0..n).step_by(3).map(|row| filled.dense().unwrap()[[row, 0]]).collect();
    assert!(drawn.iter().all(|value| [0.0, 1.0].contains(value)));
    let share = drawn.iter().sum::<f64>() / drawn.len() as f64;
    // Five standard errors.
    assert!((share - 0.25).abs() < 5.0 * (0.25_f64 * 0.75 / drawn.len() as f64).sqrt() + 0.005, "{share}");
    for row in [0, 300, 29_997] {
        let alone = model.transform(&x.take(&[row])?)?;
        assert_eq!(alone.dense()?[[0, 0]], filled.dense()?[[row, 0]]);
    }
    let other = RandomSampleImputer::new().seed(4).fit(&x, &NoTarget)?.transform(&x)?;
    assert_ne!(other.dense()?, filled.dense()?);
    let empty = Matrix::from(array![[f64::NAN], [f64::NAN]]);
    assert!(
        RandomSampleImputer::new().fit(&empty, &NoTarget).unwrap_err().to_string().contains("none to draw")
    );
    assert!(RandomSampleImputer::new().n_values(0).fit(&x, &NoTarget).is_err());
    Ok(())
}

#[test]
fn the_end_of_the_tail_is_that_of_the_deviations() -> Result<()> {
    // The mean is 5 and the deviation over n is 2.
    let x = Matrix::from(array![[2.0], [4.0], [4.0], [4.0], [5.0], [5.0], [7.0], [9.0], [f64::NAN]]);
    for (deviations, expected) in [(3.0, 11.0), (-1.5, 2.0), (0.0, 5.0)] {
        let imputer = SimpleImputer::end_of_tail(deviations);
        let model = imputer.fit(&x, &NoTarget)?;
        assert_eq!(model.fills(), [expected]);
        let batches =
            || Ok([Ok((x.take(&[0, 1, 2])?, NoTarget)), Ok((x.take(&[3, 4, 5, 6, 7, 8])?, NoTarget))]);
        assert_eq!(imputer.fit_batches(batches)?, model);
    }
    assert!(SimpleImputer::end_of_tail(f64::NAN).fit(&x, &NoTarget).is_err());
    let huge = Matrix::from(array![[1e308], [-1e308]]);
    assert!(SimpleImputer::end_of_tail(3.0).fit(&huge, &NoTarget).unwrap_err().to_string().contains("range"));
    Ok(())
}

/// Numbers beside codes of three categories.
fn coded<const N: usize>(cells: [[f64; 2]; N]) -> Matrix {
    let kinds = [FeatureKind::Numeric, FeatureKind::Categorical { n_categories: 3 }];
    let feature = |(name, kind): (&str, FeatureKind)| Feature { name: name.into(), kind };
    let features: Vec<Feature> = ["x", "code"].into_iter().zip(kinds).map(feature).collect();
    Matrix::from(Array2::from(cells.to_vec())).with_features(Features::try_from(features).unwrap()).unwrap()
}

/// What lies between two codes is no category.
#[test]
fn codes_are_filled_by_codes() -> Result<()> {
    const N: f64 = f64::NAN;
    let rows = coded([[0.0, 2.0], [1.0, 0.0], [4.0, 0.0], [5.0, 1.0], [6.0, 1.0], [9.0, 2.0]]);
    let gaps = coded([[0.1, N], [5.1, N], [2.6, N], [N, N]]);
    let codes = |imputer: KnnImputer| -> Result<Vec<f64>> {
        let filled = imputer.fit(&rows, &NoTarget)?.transform(&gaps)?;
        Ok(filled.dense()?.column(1).to_vec())
    };
    // Of two neighbours with two codes the lower one stands in; of no neighbour the lowest of the most frequent, each of which two rows have.
    assert_eq!(codes(KnnImputer::new().n_neighbors(2))?, [0.0, 1.0, 0.0, 0.0]);
    // 0.1 from the code 2, and 0.9 and 3.9 from 0: 10 against 1.37.
    assert_eq!(codes(KnnImputer::new().n_neighbors(3))?[0], 0.0);
    assert_eq!(codes(KnnImputer::new().n_neighbors(3).by_distance(true))?[0], 2.0);
    // A column of numbers is filled by means as before.
    let numbers = KnnImputer::new().n_neighbors(2).fit(&rows, &NoTarget)?.transform(&coded([[N, 1.0]]))?;
    assert_eq!(numbers.dense()?[[0, 0]], 5.5);

    let error = IterativeImputer::new(Slope).fit(&gaps, &NoTarget).map(drop).unwrap_err();
    assert!(error.to_string().contains("every value of column `code`"), "{error}");
    let some = coded([[1.0, 2.0], [2.0, N], [3.0, 0.0]]);
    let error = IterativeImputer::new(Slope).fit(&some, &NoTarget).map(drop).unwrap_err().to_string();
    assert!(error.contains("column `code`: it has codes of categories"), "{error}");
    assert!(error.contains("`classifier(..)`"), "{error}");
    // A column of codes alone has the same error, but where there is one code.
    let alone = |cells: [[f64; 1]; 3]| {
        let kind = FeatureKind::Categorical { n_categories: 3 };
        let features = Features::try_from(vec![Feature { name: "code".into(), kind }]).unwrap();
        Matrix::from(Array2::from(cells.to_vec())).with_features(features).unwrap()
    };
    let error =
        IterativeImputer::new(Slope).fit(&alone([[1.0], [N], [0.0]]), &NoTarget).map(drop).unwrap_err();
    assert!(error.to_string().contains("`classifier(..)`"), "{error}");
    assert_eq!(filled(&IterativeImputer::new(Slope), &alone([[1.0], [N], [1.0]])).0.dense()?[[1, 0]], 1.0);
    let classified = IterativeImputer::new(Slope).classifier(Nearest);
    assert_eq!(filled(&classified, &alone([[1.0], [N], [0.0]])).0.dense()?[[1, 0]], 0.0);
    // Of codes that were whole at fit a gap becomes the most frequent one, the lowest of equals.
    let whole = IterativeImputer::new(Slope).fit(&rows, &NoTarget)?.transform(&some)?;
    assert_eq!(whole.dense()?.column(1).to_vec(), [2.0, 0.0, 0.0]);
    // Of a column that was whole at fit a gap becomes the mean.
    let whole = IterativeImputer::new(Slope).fit(&rows, &NoTarget)?.transform(&coded([[N, 1.0]]))?;
    assert!((whole.dense()?[[0, 0]] - 25.0 / 6.0).abs() < 1e-12);
    Ok(())
}

/// The class of the row with the nearest first column, the first of equally near ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Nearest;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct NearestModel(Vec<f64>, Classes);

impl Estimator for Nearest {
    type Input = Matrix;
    type Target = Classes;
    type Model = NearestModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<NearestModel> {
        Ok(NearestModel(train.x.dense()?.column(0).to_vec(), train.y.clone()))
    }
}

impl Predictor for NearestModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        let nearest = |x: &f64| {
            let rows = 0..self.0.len();
            rows.min_by(|a, b| (self.0[*a] - x).abs().total_cmp(&(self.0[*b] - x).abs())).unwrap()
        };
        self.1.take(&x.dense()?.column(0).iter().map(nearest).collect::<Vec<_>>())
    }
}

#[test]
fn codes_are_filled_by_a_classifier_and_numbers_by_a_regression() -> Result<()> {
    const N: f64 = f64::NAN;
    let x = coded([[1.0, 1.0], [2.0, N], [3.0, 1.0], [9.0, 2.0], [7.0, 2.0], [N, 2.0], [8.0, N]]);
    let step = IterativeImputer::new(Slope).classifier(Nearest).max_iter(1);
    let (own, again) = filled(&step, &x);
    // `x` has the fewest gaps: of the rows that have it, whose codes start as 2 where they are missing, the slope is
    // (1 + 2*2 + 3 + 9*2 + 7*2 + 8*2) / (1 + 4 + 1 + 4 + 4 + 4); then 2 is nearest to 1, and 8 to 9 before 7.
    let slope = 56.0 / 18.0;
    let cells = own.dense()?;
    assert!((cells[[5, 0]] - 2.0 * slope).abs() < 1e-12, "{cells}");
    assert_eq!(cells.column(1).to_vec(), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]);
    assert_eq!(own, again);
    // A cut to the range is for numbers.
    assert_eq!(filled(&step.clone().clip(true), &x).0.dense()?.column(1).to_vec(), cells.column(1).to_vec());
    // Saved and loaded, it fills the same.
    let model = step.fit(&x, &NoTarget)?;
    let bytes = perennial_core::to_bytes(&model)?;
    let loaded: perennial_preprocessing::IterativeImputerModel<SlopeModel, NearestModel> =
        perennial_core::from_bytes(&bytes)?;
    assert_eq!(loaded, model);
    // Where one code is known there is nothing to choose.
    let one = coded([[1.0, 2.0], [2.0, N], [3.0, 2.0]]);
    let (own, _) = filled(&IterativeImputer::new(Slope), &one);
    assert_eq!(own.dense()?[[1, 1]], 2.0);
    Ok(())
}

/// Stekhoven and Buehlmann, 2012, algorithm 1: stop when neither of the two differences is less than in the round before, and take what was
/// there before.
#[test]
fn rounds_end_when_they_change_no_less() -> Result<()> {
    const N: f64 = f64::NAN;
    let x = coded([
        [0.4, 1.0],
        [2.0, N],
        [3.1, 1.0],
        [9.0, 2.0],
        [7.0, N],
        [N, 2.0],
        [5.2, N],
        [N, 0.0],
        [1.0, 0.0],
        [6.1, 2.0],
        [N, 1.0],
        [5.0, 1.0],
    ]);
    let fewer = x.take(&[0, 1, 3, 4, 5, 7, 8, 9])?;
    for x in [x, fewer] {
        const MOST: usize = 30;
        let step = IterativeImputer::new(Slope).classifier(Nearest).tolerance(0.0);
        // What each number of rounds gives, by fits of their own; those that end earlier changed nothing more.
        let round = |n: usize| -> Result<Array2<f64>> {
            Ok(step.clone().max_iter(n).fit(&x, &NoTarget)?.transform(&x)?.dense()?.to_owned())
        };
        let gaps = x.dense()?.column(1).iter().filter(|cell| cell.is_nan()).count() as f64;
        // Before the first round there are means and the most frequent codes.
        let starts = [
            SimpleImputer::mean().fit(&x, &NoTarget)?.fills()[0],
            SimpleImputer::mode().fit(&x, &NoTarget)?.fills()[1],
        ];
        let mut before = x.dense()?.to_owned();
        before
            .indexed_iter_mut()
            .filter(|(_, cell)| cell.is_nan())
            .for_each(|((_, at), cell)| *cell = starts[at]);
        let (mut last, mut expected) = ((f64::INFINITY, f64::INFINITY), MOST);
        for n in 1..=MOST {
            let after = round(n)?;
            let square = |cells: &[f64]| cells.iter().map(|cell| cell * cell).sum::<f64>();
            let steps: Vec<f64> = after.column(0).iter().zip(before.column(0)).map(|(a, b)| a - b).collect();
            let changed = after.column(1).iter().zip(before.column(1)).filter(|(a, b)| a != b).count() as f64;
            let now = (square(&steps) / square(&after.column(0).to_vec()), changed / gaps);
            if n > 1 && now.0 >= last.0 && now.1 >= last.1 {
                expected = n - 1;
                break;
            }
            (before, last) = (after, now);
        }
        let forest = IterativeImputer::miss_forest(Slope, Nearest);
        let model = forest.clone().max_iter(MOST).fit(&x, &NoTarget)?;
        assert!((1..MOST).contains(&expected), "the rule is not tried: {expected}");
        assert_eq!(model.n_iterations(), expected);
        let (own, again) = filled(&forest.clone().max_iter(MOST), &x);
        assert_eq!(own.dense()?, round(expected)?);
        assert_eq!(own, again);
        assert_eq!(forest.max_iter(1).fit(&x, &NoTarget)?.n_iterations(), 1);
    }
    Ok(())
}

#[test]
fn flags_say_what_is_missing_and_nothing_else() -> Result<()> {
    const N: f64 = f64::NAN;
    // As MissingIndicator of scikit-learn 1.9.1 with `missing-only` and with `all`.
    let x =
        Matrix::from(array![[N, 1.0, 3.0], [4.0, 0.0, N], [8.0, 1.0, 0.0]]).with_names(["a", "b", "c"])?;
    let model = MissingIndicator::new().fit(&x, &NoTarget)?;
    assert_eq!(model.flagged(), [0, 2]);
    let flags = model.transform(&x)?;
    assert_eq!(flags.features().names().collect::<Vec<_>>(), ["a is missing", "c is missing"]);
    assert_eq!(flags.dense()?, array![[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]);
    let all = MissingIndicator::new().features(FlaggedColumns::All);
    assert_eq!(
        all.fit(&x, &NoTarget)?.transform(&x)?.dense()?,
        array![[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    );
    // A gap in a column that had none.
    let new = Matrix::from(array![[5.0, N, 3.0], [5.0, 1.0, N]]).with_names(["a", "b", "c"])?;
    let error = model.transform(&new).unwrap_err().to_string();
    assert!(error.contains("column `b` has a missing cell in row 0"), "{error}");
    let lenient = MissingIndicator::new().error_on_new(false).fit(&x, &NoTarget)?;
    assert_eq!(lenient.transform(&new)?.dense()?, array![[0.0, 0.0], [0.0, 1.0]]);
    assert_eq!(all.fit(&x, &NoTarget)?.transform(&new)?.dense()?.row(0).to_vec(), [0.0, 1.0, 0.0]);
    // Rows without weight do not make a flag.
    let weighted = Train::new(&x, &NoTarget).weights(&[0.0, 1.0, 1.0]).fit(&MissingIndicator::new())?;
    assert_eq!(weighted.flagged(), [2]);
    // Nor are they refused, as other gaps in a column without a flag are.
    assert_eq!(weighted.transform(&x)?.dense()?, array![[0.0], [1.0], [0.0]]);
    assert!(weighted.transform(&new).unwrap_err().to_string().contains("column `b`"));
    // No gap, no column, and the rows are still there.
    let whole = Matrix::from(array![[1.0], [2.0]]);
    let none = MissingIndicator::new().fit(&whole, &NoTarget)?.transform(&whole)?;
    assert_eq!((none.n_rows(), none.n_cols()), (2, 0));
    // Beside what is filled, in one table.
    let table =
        Table::builder().real("a", [Some(1.0), None]).real("b", [Some(1e300), Some(-1e300)]).build()?;
    let columns = Columns::new()
        .on(["a", "b"], SimpleImputer::mean())
        .on(["a", "b"], MissingIndicator::new())
        .fit(&table, &NoTarget)?;
    let made = columns.transform(&table)?;
    assert_eq!(made.features().names().collect::<Vec<_>>(), ["a", "b", "a is missing"]);
    let known = Columns::new().on(["a", "b"], all).output_schema(&table.schema())?;
    let BranchSchema::Known(known) = &known[0] else { panic!("all flags are known before the fit") };
    assert_eq!(
        known.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(),
        ["a is missing", "b is missing"]
    );
    assert_eq!((known[1].from.as_slice(), known[1].kind), (&["b".to_owned()][..], FeatureKind::Numeric));
    Ok(())
}
