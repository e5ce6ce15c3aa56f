//! Values of other libraries and of closed forms, where the shared fixtures have none.

use ndarray::{Array2, ArrayRef2, array};
use perennial_core::{Estimator, Matrix, NoTarget, Result, Transformer};
use perennial_data::{Column, Table};
use perennial_preprocessing::{
    Bins, Bounds, CategoryImputer, Contrast, ContrastEncoder, CountEncoder, Extrapolation, Function,
    KBinsDiscretizer, KnnImputer, Knots, OutlierTrimmer, Pointwise, RandomSampleImputer, RareLabelEncoder,
    Resampler, SimpleImputer, SplineTransformer, Unknown, Winsorizer,
};

#[track_caller]
fn close(got: &Matrix, expected: &ArrayRef2<f64>) {
    let got = got.dense().unwrap();
    assert_eq!(got.dim(), expected.dim());
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-12, "{got} is not {expected}");
    }
}

/// scikit-learn 1.9.1: `SplineTransformer(n_knots=4, degree=2, extrapolation=..)`, fitted on the first list, on the second.
#[test]
fn splines_beyond_the_knots() -> Result<()> {
    let x = Matrix::from(array![[0.0], [1.0], [1.5], [4.0], [7.0], [10.0]]);
    let beyond = Matrix::from(array![[-2.0], [0.5], [5.0], [12.5]]);
    let splines = SplineTransformer::new().n_knots(4).degree(2);
    let of =
        |extrapolation| splines.clone().extrapolation(extrapolation).fit(&x, &NoTarget)?.transform(&beyond);
    let inside = [[0.36125, 0.6275, 0.01125, 0.0, 0.0], [0.0, 0.125, 0.75, 0.125, 0.0]];
    close(
        &of(Extrapolation::Constant)?,
        &array![[0.5, 0.5, 0.0, 0.0, 0.0], inside[0], inside[1], [0.0, 0.0, 0.0, 0.5, 0.5]],
    );
    let goes_on =
        array![[1.28, -0.46, 0.18, 0.0, 0.0], inside[0], inside[1], [0.0, 0.0, 0.28125, -0.8125, 1.53125]];
    close(&of(Extrapolation::Continue)?, &goes_on);
    let around = array![
        [0.74, 0.08, 0.18],
        [0.36125, 0.6275, 0.01125],
        [0.125, 0.125, 0.75],
        [0.03125, 0.6875, 0.28125]
    ];
    close(&of(Extrapolation::Periodic)?, &around);
    let error = of(Extrapolation::Error).unwrap_err().to_string();
    assert!(error.contains("the value -2 at row 0") && error.contains("from 0 to 10"), "{error}");
    Ok(())
}

/// scikit-learn 1.9.1: `SplineTransformer(n_knots=3, degree=3, knots="quantile", extrapolation="linear")`.
#[test]
fn splines_with_knots_at_quantiles() -> Result<()> {
    let x = Matrix::from(array![[0.0], [1.0], [1.5], [4.0], [7.0], [10.0]]);
    let beyond = Matrix::from(array![[-2.0], [0.5], [5.0], [12.5]]);
    let splines =
        SplineTransformer::new().n_knots(3).knots(Knots::Quantile).extrapolation(Extrapolation::Linear);
    let expected = array![
        [0.5303030303030303, 0.5971479500891266, -0.12745098039215685, 0.0, 0.0],
        [0.0912847483095417, 0.7323580972584376, 0.17609364982069003, 0.00026350461133069827, 0.0],
        [0.0, 0.13522650439486142, 0.6406700300965137, 0.21912171143916745, 0.004981754069457543],
        [0.0, 0.0, -0.007246376811594207, 0.6681659170414792, 0.3390804597701149],
    ];
    close(&splines.clone().fit(&x, &NoTarget)?.transform(&beyond)?, &expected);
    let fewer = splines.include_bias(false).fit(&x, &NoTarget)?.transform(&beyond)?;
    close(&fewer, &expected.slice(ndarray::s![.., ..4]).to_owned());
    Ok(())
}

fn letters() -> Table {
    Table::new([("c", Column::text(["a", "b", "c", "d", "b"]))]).unwrap()
}

fn contrast(contrast: Contrast) -> Matrix {
    ContrastEncoder::new(contrast).fit(&letters(), &NoTarget).unwrap().transform(&letters()).unwrap()
}

/// category_encoders 2.11.2: Sum, BackwardDifference, Polynomial, Binary and BaseN(3) of a, b, c, d, b.
#[test]
fn contrasts() {
    close(
        &contrast(Contrast::Sum),
        &array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, -1.0, -1.0], [0.0, 1.0, 0.0]],
    );
    let b = [0.25, -0.5, -0.25];
    close(
        &contrast(Contrast::BackwardDifference),
        &array![[-0.75, -0.5, -0.25], b, [0.25, 0.5, -0.25], [0.25, 0.5, 0.75], b],
    );
    let b = [-0.22360679774997894, -0.5, 0.6708203932499369];
    close(
        &contrast(Contrast::Polynomial),
        &array![
            [-0.6708203932499368, 0.5, -0.223606797749979],
            b,
            [0.22360679774997894, -0.5, -0.6708203932499369],
            [0.6708203932499369, 0.5, 0.22360679774997902],
            b,
        ],
    );
    close(
        &contrast(Contrast::Digits(2)),
        &array![[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
    );
    close(
        &contrast(Contrast::Digits(3)),
        &array![[0.0, 1.0], [0.0, 2.0], [1.0, 0.0], [1.0, 1.0], [0.0, 2.0]],
    );
    // category_encoders leaves Helmert's columns unscaled; ours are divided, so that a coefficient is a difference of means.
    let scaled =
        array![[-1.0, -1.0, -1.0], [1.0, -1.0, -1.0], [0.0, 2.0, -1.0], [0.0, 0.0, 3.0], [1.0, -1.0, -1.0]]
            / array![2.0, 3.0, 4.0];
    close(&contrast(Contrast::Helmert), &scaled);
    let other = Table::new([("c", Column::text([Some("new"), None]))]).unwrap();
    let model =
        ContrastEncoder::new(Contrast::Sum).unknown(Unknown::Ignore).fit(&letters(), &NoTarget).unwrap();
    close(&model.transform(&other).unwrap(), &Array2::zeros((2, 3)));
}

#[test]
fn counts_and_shares_with_missing_cells() -> Result<()> {
    let table = Table::new([("c", Column::text([Some("a"), None, Some("b"), Some("a")]))])?;
    let counts = CountEncoder::new().fit(&table, &NoTarget)?;
    close(&counts.transform(&table)?, &array![[2.0], [1.0], [1.0], [2.0]]);
    close(&counts.transform(&Table::new([("c", Column::text(["new"]))])?)?, &array![[0.0]]);
    close(
        &CountEncoder::new().normalize(true).fit(&table, &NoTarget)?.transform(&table)?,
        &array![[0.5], [0.25], [0.25], [0.5]],
    );
    Ok(())
}

#[test]
fn rare_and_new_labels_are_one() -> Result<()> {
    let table =
        Table::new([("c", Column::text([Some("a"), None, Some("b"), Some("a"), Some("c"), Some("b")]))])?;
    let texts = |table: &Table| {
        table.column("c").unwrap().as_text().unwrap().map(|t| t.map(str::to_owned)).collect::<Vec<_>>()
    };
    let owned = |cells: &[Option<&str>]| cells.iter().map(|cell| cell.map(str::to_owned)).collect::<Vec<_>>();
    // Two of five cells are not rare at two fifths.
    let model = RareLabelEncoder::new().min_share(0.4).fit(&table, &NoTarget)?;
    assert_eq!(
        texts(&model.transform(&table)?),
        owned(&[Some("a"), None, Some("b"), Some("a"), Some("other"), Some("b")])
    );
    let new = Table::new([("c", Column::text([Some("z"), Some("b")]))])?;
    assert_eq!(texts(&model.transform(&new)?), owned(&[Some("other"), Some("b")]));
    let one = RareLabelEncoder::new().min_share(0.0).max_categories(1).word("rest").fit(&table, &NoTarget)?;
    assert_eq!(
        texts(&one.transform(&table)?),
        owned(&[Some("a"), None, Some("rest"), Some("a"), Some("rest"), Some("rest")])
    );
    Ok(())
}

#[test]
fn bounds_by_hand() -> Result<()> {
    // Quartiles 2 and 4, mean 22, median 3; absolute deviations from it 2, 1, 0, 1, 97.
    let x = Matrix::from(array![[1.0], [2.0], [3.0], [4.0], [100.0]]);
    let deviation = (f64::powi(21.0, 2) + 400.0 + 361.0 + 324.0 + 78.0 * 78.0) / 5.0;
    let mad = 1.482_602_218_505_602;
    for (bounds, low, high) in [
        (Bounds::Quartiles(1.5), -1.0, 7.0),
        (Bounds::Quartiles(3.0), -4.0, 10.0),
        (Bounds::Deviations(2.0), 22.0 - 2.0 * deviation.sqrt(), 22.0 + 2.0 * deviation.sqrt()),
        (Bounds::Mad(2.0), 3.0 - 2.0 * mad, 3.0 + 2.0 * mad),
        (Bounds::Quantiles(0.25, 0.5), 2.0, 3.0),
        (Bounds::Fixed(0.0, 3.5), 0.0, 3.5),
    ] {
        let model = Winsorizer::new().bounds(bounds).fit(&x, &NoTarget)?;
        let got = model.bounds()[0];
        assert!((got.0 - low).abs() < 1e-12 && (got.1 - high).abs() < 1e-12, "{bounds:?} gives {got:?}");
        let cut: Vec<f64> = x.dense()?.iter().map(|cell| cell.clamp(got.0, got.1)).collect();
        assert_eq!(model.transform(&x)?.dense()?.iter().copied().collect::<Vec<_>>(), cut);
        let gone = Winsorizer::new().bounds(bounds).to_missing(true).fit(&x, &NoTarget)?.transform(&x)?;
        for (got, (cut, cell)) in gone.dense()?.iter().zip(cut.iter().zip(x.dense()?)) {
            assert_eq!(got.is_nan(), cut != cell);
        }
    }
    for bounds in
        [Bounds::Quantiles(0.5, 0.5), Bounds::Fixed(2.0, 1.0), Bounds::Fixed(f64::NAN, 1.0), Bounds::Mad(0.0)]
    {
        assert!(Winsorizer::new().bounds(bounds).fit(&x, &NoTarget).is_err(), "{bounds:?}");
    }
    Ok(())
}

/// scikit-learn 1.9.1: `KBinsDiscretizer(3, strategy="kmeans").bin_edges_`, the inner ones; geometric edges by hand.
#[test]
fn edges_of_bins() -> Result<()> {
    let x = Matrix::from(array![[0.0], [1.0], [1.5], [4.0], [7.0], [10.0], [10.5], [11.0]]);
    let means = KBinsDiscretizer::new().n_bins(3).bins(Bins::KMeans).fit(&x, &NoTarget)?;
    let expected = [3.166666666666667, 8.0];
    means
        .edges("x0")?
        .iter()
        .zip(expected)
        .for_each(|(got, expected)| assert!((got - expected).abs() < 1e-12));
    let powers = Matrix::from(array![[1.0], [1000.0], [3.0]]);
    let geometric = KBinsDiscretizer::new().n_bins(3).bins(Bins::Geometric).fit(&powers, &NoTarget)?;
    geometric
        .edges("x0")?
        .iter()
        .zip([10.0, 100.0])
        .for_each(|(got, expected)| assert!((got - expected).abs() < 1e-10));
    let error = KBinsDiscretizer::new().bins(Bins::Geometric).fit(&x, &NoTarget).unwrap_err().to_string();
    assert!(error.contains("`x0` has the value 0"), "{error}");
    Ok(())
}

#[test]
fn functions_and_their_inverses() -> Result<()> {
    let cells = array![[0.25, 0.5], [0.75, f64::NAN]];
    let x = Matrix::from(cells.clone());
    type Truth = (Function, fn(f64) -> f64);
    let truth: [Truth; 7] = [
        (Function::Log, f64::ln),
        (Function::Log1p, f64::ln_1p),
        (Function::Sqrt, f64::sqrt),
        (Function::Reciprocal, f64::recip),
        (Function::Logit, |x| (x / (1.0 - x)).ln()),
        (Function::ArcsinSqrt, |x| x.sqrt().asin()),
        (Function::Arcsinh, f64::asinh),
    ];
    for (function, expected) in truth {
        let model = Pointwise::new(function).fit(&x, &NoTarget)?;
        let there = model.transform(&x)?;
        let back = model.inverse_transform(&there)?;
        for ((cell, there), back) in cells.iter().zip(there.dense()?).zip(back.dense()?) {
            assert_eq!(cell.is_nan(), there.is_nan());
            assert!(
                cell.is_nan() || (there - expected(*cell)).abs() < 1e-14 && (back - cell).abs() < 1e-14,
                "{function:?}"
            );
        }
    }
    // A shift moves where a function begins, and is taken off again.
    let x = Matrix::from(array![[0.0], [9.0]]);
    let model = Pointwise::new(Function::Log).shift(1.0).fit(&x, &NoTarget)?;
    let there = model.transform(&x)?;
    close(&there, &array![[0.0], [10.0_f64.ln()]]);
    close(&model.inverse_transform(&there)?, &array![[0.0], [9.0]]);
    let error = model.transform(&Matrix::from(array![[-1.0]])).unwrap_err().to_string();
    assert!(error.contains("the value -1 at row 0 and 1 is added, and Log takes numbers above 0"), "{error}");
    assert!(Pointwise::new(Function::Log).shift(f64::NAN).fit(&x, &NoTarget).is_err());
    let zero = Matrix::from(array![[1.0], [0.0]]);
    for function in [Function::Log, Function::Reciprocal, Function::Logit] {
        assert!(Pointwise::new(function).fit(&zero, &NoTarget).is_err(), "{function:?}");
    }
    Ok(())
}

/// Bounds of nothing would make an outlier of all that comes later.
#[test]
fn bounds_of_a_column_without_values_are_refused() -> Result<()> {
    let x = Matrix::from(array![[1.0, f64::NAN], [2.0, f64::NAN]]);
    for bounds in
        [Bounds::Quartiles(1.5), Bounds::Deviations(2.0), Bounds::Mad(2.0), Bounds::Quantiles(0.1, 0.9)]
    {
        let error = Winsorizer::new().bounds(bounds).fit(&x, &NoTarget).unwrap_err().to_string();
        assert!(error.contains("every value of column `x1` is missing"), "{bounds:?}: {error}");
    }
    let fixed = Winsorizer::new().bounds(Bounds::Fixed(0.0, 9.0)).fit(&x, &NoTarget)?;
    assert_eq!(fixed.transform(&Matrix::from(array![[1.0, 5.0]]))?.dense()?, array![[1.0, 5.0]]);
    Ok(())
}

#[test]
fn steps_say_what_they_changed() -> Result<()> {
    let x = Matrix::from(array![[1.0, 0.0], [2.0, f64::NAN], [3.0, 1.0], [4.0, f64::NAN], [100.0, 1.0]]);
    let model = Winsorizer::new().indicator(true).fit(&x, &NoTarget)?;
    let out = model.transform(&x)?;
    assert_eq!(out.features().names().collect::<Vec<_>>(), ["x0", "x1", "x0 is an outlier"]);
    assert_eq!(out.dense()?.column(2).to_vec(), [0.0, 0.0, 0.0, 0.0, 1.0]);
    let shown =
        |changes: Vec<perennial_data::Change>| changes.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(shown(model.changes()), ["`x0`: 1 cells cut to a bound"]);
    let gone = Winsorizer::new().to_missing(true).fit(&x, &NoTarget)?;
    assert_eq!(shown(gone.changes()), ["`x0`: 1 cells made missing"]);
    let filled = ["`x1`: 2 cells filled"];
    assert_eq!(shown(SimpleImputer::mean().fit(&x, &NoTarget)?.changes()), filled);
    assert_eq!(shown(KnnImputer::new().fit(&x, &NoTarget)?.changes()), filled);
    assert_eq!(shown(RandomSampleImputer::new().fit(&x, &NoTarget)?.changes()), filled);
    let y = perennial_core::Values::from(vec![1.0; 5]);
    let kept = OutlierTrimmer::new().resample(&perennial_core::Train::new(&x, &y))?;
    assert_eq!(shown(kept.changes(5)), ["1 rows left out"]);
    let table = Table::new([("c", Column::text([Some("a"), None]))])?;
    assert_eq!(shown(CategoryImputer::mode().fit(&table, &NoTarget)?.changes()), ["`c`: 1 cells filled"]);
    Ok(())
}
