//! Columns chosen by models and scores; unions; hashed terms. Figures by scikit-learn 1.9.1 on its diabetes data.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Error, Estimator, FitTransform, Matrix, NoTarget, Param, Result, Train,
    Transformer, Values, from_bytes, to_bytes,
};
use perennial_data::{Table, samples};
use perennial_features::extraction::{
    FactorAnalysis, FastIca, GaussianRandomProjection, IncrementalPca, Isomap, KernelPca,
    LatentDirichletAllocation, Nmf, Nystroem, Pca, RandomFourierFeatures, TruncatedSvd, Umap,
};
use perennial_features::text::{CountVectorizer, HashingVectorizer, Norm, TfidfVectorizer};
use perennial_features::{
    FeatureUnion, PolynomialFeatures, Rfe, SelectFromModel, SelectKBest, SelectModel, SelectPercentile,
    SequentialFeatureSelector, Threshold, VarianceThreshold,
};
use perennial_numeric::linalg::Qr;

/// Least squares with an intercept.
#[derive(Debug, Clone)]
struct LeastSquares;

impl Estimator for LeastSquares {
    type Input = Matrix;
    type Target = Values;
    type Model = Vec<f64>;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<Vec<f64>> {
        let y = train.y.view().insert_axis(ndarray::Axis(1)).to_owned();
        let fit = Qr::new(train.x.dense()?, &y, train.weights, true)?.solve()?;
        Ok(fit.coefficients.column(0).to_vec())
    }
}

fn diabetes() -> Result<(Matrix, Values)> {
    let table = samples::diabetes()?;
    let names: Vec<&str> = table.names().filter(|name| *name != "progression").collect();
    let x = table.matrix(&names)?;
    // As scikit-learn has it: each column with mean 0 and sum of squares 1.
    let dense = x.dense()?;
    let centred =
        dense.to_owned() - &dense.mean_axis(ndarray::Axis(0)).ok_or_else(|| Error::empty("no rows"))?;
    let sizes = centred.map_axis(ndarray::Axis(0), |column| column.dot(&column).sqrt());
    Ok((Matrix::from(&centred / &sizes).with_features(x.features().clone())?, table.values("progression")?))
}

fn kept(model: &SelectModel) -> Result<Vec<usize>> {
    let names: Vec<String> = model.kept().map(str::to_owned).collect();
    let (x, _) = diabetes()?;
    names.iter().map(|name| x.features().position(name)).collect()
}

#[test]
fn columns_that_a_model_finds_important_are_kept() -> Result<()> {
    let (x, y) = diabetes()?;
    let select = SelectFromModel::new(LeastSquares, |slopes| slopes.clone());
    let model = select.fit(&x, &y)?;
    let sklearn = [
        10.009866299810652,
        239.81564367242223,
        519.8459200544597,
        324.38464550232317,
        792.17563855223,
        476.7390210052578,
        101.04326793803425,
        177.06323767134612,
        751.2736995571032,
        67.62669218370438,
    ];
    for (ours, theirs) in model.scores().iter().zip(sklearn) {
        assert!((ours - theirs).abs() < 1e-6 * theirs.max(1.0), "{ours} {theirs}");
    }
    assert_eq!(kept(&model)?, [2, 4, 5, 8]);
    assert_eq!(kept(&select.clone().threshold(Threshold::Mean(1.25)).fit(&x, &y)?)?, [2, 4, 5, 8]);
    assert_eq!(kept(&select.clone().threshold(Threshold::Median(1.0)).fit(&x, &y)?)?, [2, 3, 4, 5, 8]);
    let three = select.clone().threshold(Threshold::Value(0.0)).max_features(3);
    assert_eq!(kept(&three.fit(&x, &y)?)?, [2, 4, 8]);
    let error = select.clone().threshold(Threshold::Value(1e6)).fit(&x, &y).unwrap_err().to_string();
    assert!(error.contains("set a lower `threshold`"), "{error}");
    assert!(select.clone().threshold(Threshold::Mean(f64::NAN)).fit(&x, &y).is_err());
    assert!(select.max_features(0).fit(&x, &y).is_err());
    let short = SelectFromModel::new(LeastSquares, |_: &Vec<f64>| vec![1.0]);
    assert!(short.fit(&x, &y).unwrap_err().to_string().contains("the importances"));
    let nan = SelectFromModel::new(LeastSquares, |slopes: &Vec<f64>| vec![f64::NAN; slopes.len()]);
    assert!(nan.fit(&x, &y).unwrap_err().to_string().contains("finite"));
    Ok(())
}

#[test]
fn elimination_ranks_as_scikit_learn() -> Result<()> {
    let (x, y) = diabetes()?;
    let rfe = Rfe::new(LeastSquares, |slopes: &Vec<f64>| slopes.clone()).n_features_to_select(4);
    let model = rfe.fit(&x, &y)?;
    assert_eq!(model.scores(), [7.0, 3.0, 1.0, 2.0, 1.0, 1.0, 5.0, 4.0, 1.0, 6.0].map(|rank: f64| -rank));
    assert_eq!(kept(&model)?, [2, 4, 5, 8]);
    let by_three = rfe.clone().step(3).fit(&x, &y)?;
    assert_eq!(by_three.scores(), [3.0, 2.0, 1.0, 2.0, 1.0, 1.0, 3.0, 2.0, 1.0, 3.0].map(|rank: f64| -rank));
    assert_eq!(from_bytes::<SelectModel>(&to_bytes(&model)?)?, model);
    // All where there are fewer, half by default.
    assert_eq!(rfe.clone().n_features_to_select(20).fit(&x, &y)?.kept().count(), 10);
    assert_eq!(Rfe::new(LeastSquares, |slopes: &Vec<f64>| slopes.clone()).fit(&x, &y)?.kept().count(), 5);
    assert!(rfe.clone().step(0).fit(&x, &y).is_err() && rfe.n_features_to_select(0).fit(&x, &y).is_err());
    Ok(())
}

/// The share of the variance that least squares explains on the rows themselves.
fn explained(x: &Matrix, y: &Values) -> Result<f64> {
    let slopes = ndarray::Array1::from(LeastSquares.fit(x, y)?);
    let mean = y.view().mean().unwrap_or_default();
    let rest = &y.view() - mean - x.dense()?.dot(&slopes);
    let all = &y.view() - mean;
    Ok(1.0 - rest.dot(&rest) / all.dot(&all))
}

#[test]
fn one_column_at_a_time_is_what_trying_all_of_them_gives() -> Result<()> {
    let (x, y) = diabetes()?;
    for backward in [false, true] {
        let select = SequentialFeatureSelector::new(3, explained).backward(backward);
        let model = select.fit(&x, &y)?;
        // By the definition, written the other way round: sets of columns instead of lists.
        let mut chosen: Vec<bool> = vec![backward; 10];
        for _ in 0..(if backward { 7 } else { 3 }) {
            let mut tried: Vec<(usize, f64)> = Vec::new();
            for column in (0..10).filter(|&column| chosen[column] == backward) {
                let mut set = chosen.clone();
                set[column] = !backward;
                let columns: Vec<usize> = (0..10).filter(|&column| set[column]).collect();
                tried.push((column, explained(&x.select(&columns)?, &y)?));
            }
            let best = tried.iter().map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
            let first = tried.iter().find(|(_, score)| *score == best).map(|(column, _)| *column);
            chosen[first.ok_or_else(|| Error::empty("nothing tried"))?] = !backward;
        }
        let expected: Vec<usize> = (0..10).filter(|&column| chosen[column]).collect();
        assert_eq!(kept(&model)?, expected);
    }
    // The best pair begins with the body mass index.
    assert!(kept(&SequentialFeatureSelector::new(2, explained).fit(&x, &y)?)?.contains(&2));
    let few = SequentialFeatureSelector::new(9, explained).tol(0.01).fit(&x, &y)?.kept().count();
    assert!((2..6).contains(&few), "{few}");
    let none = SequentialFeatureSelector::new(3, explained).tol(f64::NAN);
    assert!(none.fit(&x, &y).is_err());
    let nan = SequentialFeatureSelector::new(3, |_: &Matrix, _: &Values| Ok(f64::NAN));
    assert!(nan.fit(&x, &y).unwrap_err().to_string().contains("NaN"));
    assert!(SequentialFeatureSelector::new(0, explained).fit(&x, &y).is_err());
    Ok(())
}

#[test]
fn a_share_of_the_columns() -> Result<()> {
    let (x, y) = diabetes()?;
    let share = SelectPercentile::regression(30.0).fit(&x, &y)?;
    assert_eq!(share.scores(), SelectKBest::regression(3).fit(&x, &y)?.scores());
    assert_eq!(kept(&share)?, kept(&SelectKBest::regression(3).fit(&x, &y)?)?);
    let classes = Classes::from_labels(y.as_slice().iter().map(|y| *y > 140.0));
    assert_eq!(SelectPercentile::classification(100.0).fit(&x, &classes)?.kept().count(), 10);
    for wrong in [0.0, -1.0, 100.1, f64::NAN] {
        assert!(SelectPercentile::regression(wrong).fit(&x, &y).is_err());
    }
    Ok(())
}

#[test]
fn a_union_is_its_steps_side_by_side() -> Result<()> {
    let (x, y) = diabetes()?;
    let (pca, best) = (Pca::new().n_components(2), SelectKBest::regression(3));
    let union = FeatureUnion::new().with("pca", pca.clone()).with("best", best.clone());
    let (model, train) = union.fit_transform_on(&Train::new(&x, &y))?;
    let made = model.transform(&x)?;
    assert_eq!(made, train);
    assert_eq!(made.dense()?.slice(ndarray::s![.., ..2]), pca.fit(&x, &NoTarget)?.transform(&x)?.dense()?);
    assert_eq!(made.dense()?.slice(ndarray::s![.., 2..]), best.fit(&x, &y)?.transform(&x)?.dense()?);
    let names: Vec<&str> = made.features().names().skip(2).collect();
    assert!(names.iter().all(|name| name.starts_with("best: ")), "{names:?}");
    assert_eq!(model.sources().map_or(0, |sources| sources.len()), 0, "principal components do not say");
    assert_eq!(model.decided().len(), 1 + 10);
    fn again<M: serde::Serialize + serde::de::DeserializeOwned>(model: &M) -> Result<M> {
        from_bytes(&to_bytes(model)?)
    }
    assert_eq!(again(&model)?, model);
    assert!(FeatureUnion::new().fit(&x, &NoTarget).unwrap_err().to_string().contains("`.with(..)`"));
    let twice = FeatureUnion::new().with("a", VarianceThreshold::new()).with("a", VarianceThreshold::new());
    assert!(twice.fit(&x, &NoTarget).is_err());
    // Nested, and followed by a step.
    let inner = FeatureUnion::new().with("all", VarianceThreshold::new());
    let outer = FeatureUnion::new().with("inner", inner).with("pairs", PolynomialFeatures::new());
    let made = outer.then(VarianceThreshold::new()).fit(&x, &NoTarget)?.transform(&x)?;
    assert_eq!(made.features().name(0), "inner: all: age");
    Ok(())
}

#[test]
fn hashed_terms_are_those_of_scikit_learn() -> Result<()> {
    let table = Table::builder().text("t", ["red car", "a red, red bus", "", " blue bus Straße"]).build()?;
    let made = |hashing: HashingVectorizer| -> Result<Array2<f64>> {
        let hashing = hashing.n_features(16);
        Ok(hashing.fit(&table, &NoTarget)?.transform(&table)?.to_dense()?.dense()?.to_owned())
    };
    let rows = |cells: &[&[(usize, f64)]]| {
        let mut rows = Array2::zeros((4, 16));
        for (row, cells) in cells.iter().enumerate() {
            cells.iter().for_each(|&(column, value)| rows[[row, column]] = value);
        }
        rows
    };
    let plain =
        rows(&[&[(3, -1.0), (6, -1.0)], &[(3, -2.0), (11, -1.0)], &[], &[(5, 1.0), (11, -1.0), (13, -1.0)]]);
    assert_eq!(made(HashingVectorizer::new().norm(Norm::None))?, plain);
    assert_eq!(
        made(HashingVectorizer::new().norm(Norm::None).binary(true))?,
        plain.mapv(|x| x.abs().min(1.0))
    );
    let l2 = made(HashingVectorizer::new())?;
    assert!(
        (l2[[1, 3]] + 0.8944271909999159).abs() < 1e-15 && (l2[[3, 13]] + 0.5773502691896258).abs() < 1e-15
    );
    let pairs = made(HashingVectorizer::new().alternate_sign(false).norm(Norm::L1).ngram_range(1, 2))?;
    let third = 1.0 / 3.0;
    let expected = rows(&[
        &[(3, third), (6, third), (11, third)],
        &[(1, 0.2), (3, 0.4), (10, 0.2), (11, 0.2)],
        &[],
        &[(5, 0.2), (11, 0.4), (13, 0.2), (15, 0.2)],
    ]);
    assert_eq!(pairs, expected);
    Ok(())
}

#[test]
fn hashed_terms_need_no_memory_of_terms() -> Result<()> {
    let table = Table::builder().text("a", ["one two two", "three"]).text("b", ["two", ""]).build()?;
    let hashing = HashingVectorizer::new().n_features(1 << 12).norm(Norm::None).alternate_sign(false);
    let model = hashing.fit(&table, &NoTarget)?;
    // One row as among others, and terms that came later.
    let later = Table::builder().text("a", ["new words"]).text("b", ["two"]).build()?;
    assert_eq!(model.transform(&later)?.n_nonzero(), 3);
    assert_eq!(model.transform(&table)?.to_dense()?.dense()?.sum(), 5.0);
    assert_eq!(from_bytes::<perennial_features::text::HashingVectorizerModel>(&to_bytes(&model)?)?, model);
    let numbers = Table::builder().integer("a", [1]).build()?;
    assert!(hashing.fit(&numbers, &NoTarget).is_err());
    assert!(HashingVectorizer::new().n_features(0).fit(&table, &NoTarget).is_err());
    let counts = CountVectorizer::new().fit(&table, &NoTarget)?.transform(&table)?;
    assert_eq!(counts.to_dense()?.dense()?.sum(), 5.0);
    Ok(())
}

/// Sums of the cells that are there: it takes missing ones, as a forest does.
#[derive(Debug, Clone)]
struct Sums;

impl Estimator for Sums {
    type Input = Matrix;
    type Target = Values;
    type Model = Vec<f64>;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<Vec<f64>> {
        let x = train.x.dense()?;
        let sum = |column: usize| x.column(column).iter().filter(|cell| !cell.is_nan()).sum::<f64>();
        Ok((0..x.ncols()).map(sum).collect())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().missing()
    }
}

#[test]
fn missing_cells_are_taken_where_the_model_takes_them() -> Result<()> {
    let x = Matrix::from(ndarray::array![[1.0, f64::NAN], [f64::NAN, 0.5], [3.0, 0.5]]);
    let y = Values::from(vec![1.0, 2.0, 3.0]);
    let from_model = SelectFromModel::new(Sums, |sums: &Vec<f64>| sums.clone()).fit(&x, &y)?;
    let rfe = Rfe::new(Sums, |sums: &Vec<f64>| sums.clone()).n_features_to_select(1).fit(&x, &y)?;
    for model in [from_model, rfe] {
        let model: SelectModel = from_bytes(&to_bytes(&model)?)?;
        let kept = model.transform(&x)?;
        assert_eq!(kept.features().name(0), "x0");
        assert!(kept.dense()?[[1, 0]].is_nan() && kept.dense()?[[2, 0]] == 3.0);
        let infinite = Matrix::from(ndarray::array![[f64::INFINITY, 0.0]]);
        assert!(model.transform(&infinite).is_err());
    }
    let whole = Matrix::from(ndarray::array![[1.0, 0.5], [2.0, 0.5], [3.0, 0.0], [4.0, 0.5]]);
    let y = Values::from(vec![1.0, 2.0, 3.0, 4.0]);
    let strict = SelectFromModel::new(LeastSquares, |slopes: &Vec<f64>| slopes.clone()).fit(&whole, &y)?;
    assert!(strict.transform(&x).is_err());
    Ok(())
}

/// A ninth of 1, nine times, is more than 1.
#[test]
fn equal_importances_are_as_large_as_their_mean() -> Result<()> {
    let (x, y) = diabetes()?;
    let x = x.select(&(0..9).collect::<Vec<_>>())?;
    let select = SelectFromModel::new(LeastSquares, |slopes: &Vec<f64>| vec![1.0; slopes.len()]);
    assert_eq!(select.fit(&x, &y)?.kept().count(), 9);
    Ok(())
}

#[test]
fn a_tolerance_is_what_a_column_is_worth_in_both_directions() -> Result<()> {
    let x = Matrix::from(ndarray::array![[5.0, 0.25, 1.0], [0.0, 1.0, 2.0]]);
    let y = Values::from(vec![0.0, 1.0]);
    let select =
        |n: usize| SequentialFeatureSelector::new(n, |x: &Matrix, _: &Values| Ok(x.dense()?.row(0).sum()));
    let kept = |n: usize, backward: bool, tol: f64| -> Result<Vec<String>> {
        let model = select(n).backward(backward).tol(tol).fit(&x, &y)?;
        Ok(model.kept().map(str::to_owned).collect())
    };
    assert_eq!(kept(1, true, 0.0)?, ["x0", "x1", "x2"]);
    assert_eq!(kept(1, true, 0.5)?, ["x0", "x2"]);
    assert_eq!(kept(1, true, 2.0)?, ["x0"]);
    assert_eq!(kept(3, false, 0.5)?, ["x0", "x2"]);
    assert_eq!(kept(3, false, 0.0)?, ["x0", "x1", "x2"]);
    assert!(kept(1, true, -0.5).unwrap_err().to_string().contains("`tol` is -0.5"));
    Ok(())
}

#[test]
fn steps_that_make_columns_say_how_many() -> Result<()> {
    let (x, _) = diabetes()?;
    let pca = Pca::new().n_components(2).fit(&x, &NoTarget)?.decided();
    assert_eq!((pca.len(), pca[0].step.as_str()), (1, "Pca"));
    assert_eq!(pca[0].what, "2 components of 10 columns");
    assert!(pca[0].why.contains("% of the variance"), "{}", pca[0].why);
    let batches = IncrementalPca::new().n_components(3).fit(&x, &NoTarget)?.decided();
    assert_eq!(batches[0].what, "3 components of 10 columns");
    let svd = TruncatedSvd::new().n_components(4).fit(&x, &NoTarget)?.decided();
    assert_eq!(svd[0].what, "4 components of 10 columns");
    let ica = FastIca::new().n_components(2).fit(&x, &NoTarget)?.decided();
    assert_eq!(ica[0].what, "2 components of 10 columns");
    let positive = Matrix::from(x.dense()?.mapv(f64::abs));
    let parts = Nmf::new().n_components(2).fit(&positive, &NoTarget)?.decided();
    assert_eq!(parts[0].what, "2 components of 10 columns");
    let maps: [Vec<perennial_core::Decided>; 8] = [
        KernelPca::new().n_components(2).fit(&x, &NoTarget)?.decided(),
        Nystroem::new().n_components(2).fit(&x, &NoTarget)?.decided(),
        RandomFourierFeatures::new().n_components(2).fit(&x, &NoTarget)?.decided(),
        GaussianRandomProjection::new().n_components(2).fit(&x, &NoTarget)?.decided(),
        FactorAnalysis::new().n_components(2).max_iter(5).fit(&x, &NoTarget)?.decided(),
        Isomap::new().n_components(2).fit(&x, &NoTarget)?.decided(),
        Umap::new().n_components(2).n_epochs(5).fit(&x, &NoTarget)?.decided(),
        LatentDirichletAllocation::new().n_components(2).max_iter(2).fit(&positive, &NoTarget)?.decided(),
    ];
    for decided in &maps {
        let [decided] = decided.as_slice() else { panic!("{decided:?}") };
        assert_eq!(decided.what, "2 components of 10 columns", "{}", decided.step);
        assert!(!decided.why.is_empty());
    }
    let table = Table::builder().text("t", ["red car", "red bus", "blue bus"]).build()?;
    let terms = TfidfVectorizer::new().fit(&table, &NoTarget)?.decided();
    assert_eq!(terms[0].to_string(), "Count, `t`: 4 terms are counted (the texts of the training rows)");
    assert!(terms[1].what.starts_with("4 columns are weighed"), "{}", terms[1].what);
    Ok(())
}

#[test]
fn the_settings_of_selectors_are_told() {
    let names = |params: &[Param]| params.iter().map(|param| param.name).collect::<Vec<_>>();
    assert_eq!(names(SelectFromModel::<(), ()>::PARAMS), ["threshold", "max_features"]);
    assert_eq!(names(Rfe::<(), ()>::PARAMS), ["n_features_to_select", "step"]);
    assert_eq!(names(SequentialFeatureSelector::<Values, ()>::PARAMS), ["n_features_to_select", "tol"]);
}
