//! Columns chosen one by one. Figures by scikit-learn 1.9.1.

use ndarray::{Array2, array};
use perennial_core::{
    Classes, Csr, Estimator, Feature, Features, Matrix, NoTarget, Result, Rows, Train, Transformer, Values,
    from_bytes, to_bytes,
};
use perennial_data::samples;
use perennial_features::{
    Chi2, ColumnScores, MutualInformation, ScoreColumns, SelectFdr, SelectFpr, SelectFwe, SelectKBest,
    SelectModel, SelectPercentile, VarianceThreshold,
};

fn diabetes() -> Result<(Matrix, Values, Classes)> {
    let table = samples::diabetes()?;
    let names: Vec<&str> = table.names().filter(|name| *name != "progression").collect();
    let y = table.values("progression")?;
    let high = Classes::from_labels(y.as_slice().iter().map(|y| *y > 140.0));
    Ok((table.matrix(&names)?, y, high))
}

fn close(ours: &[f64], theirs: &[f64], digits: f64) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((ours - theirs).abs() <= 10f64.powf(-digits) * theirs.abs(), "{ours} is not {theirs}");
    }
}

fn kept(model: &SelectModel) -> Vec<usize> {
    let names: Vec<&str> = model.kept().collect();
    let (x, _, _) = diabetes().unwrap();
    names.iter().map(|name| x.features().position(name).unwrap()).collect()
}

/// The same rows without their zeros.
fn sparse(x: &Matrix) -> Matrix {
    let dense = x.dense().unwrap();
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in dense.rows() {
        for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            indices.push(column as u32);
            values.push(value);
        }
        indptr.push(indices.len());
    }
    let csr = Csr::new(dense.ncols(), indptr, indices, values).unwrap();
    Matrix::from_sparse(csr, x.features().clone()).unwrap()
}

#[test]
fn scores_and_p_values_of_scikit_learn() -> Result<()> {
    let (x, y, high) = diabetes()?;
    let f = SelectKBest::classification(10).fit(&x, &high)?;
    let scores = [
        11.228884592639462,
        0.009_045_308_773_871_358,
        118.50166568817941,
        68.036_104_859_055_19,
        11.689_297_103_739_08,
        8.360_014_053_943_729,
        60.161_680_869_472_65,
        63.543_635_571_835_31,
        127.67770112325647,
        40.465_818_558_583_32,
    ];
    let p_values = [
        8.747_919_889_688_1e-4,
        9.242_732_718_568_952e-1,
        1.3404380858391425e-24,
        1.875_806_535_345_341e-15,
        6.871_643_365_097_446e-4,
        4.025_681_039_539_042e-3,
        6.141_120_274_686_167e-14,
        1.3624385194403249e-14,
        3.6126229481824544e-26,
        5.023_380_250_992_175e-10,
    ];
    close(f.scores(), &scores, 10.0);
    close(f.p_values().unwrap(), &p_values, 9.0);
    let f = SelectKBest::regression(10).fit(&x, &y)?;
    let scores = [
        16.101374010745538,
        0.8174234902529466,
        230.6537644941369,
        106.52013085528664,
        20.710567446320027,
        13.746079173190688,
        81.23965867875602,
        100.06926441335226,
        207.27119361706326,
        75.39968319740203,
    ];
    let p_values = [
        7.055_686_149_116_75e-5,
        3.6642929465198637e-01,
        3.4660064451556776e-42,
        1.6493720527414226e-22,
        6.920_711_787_760_63e-6,
        2.3598480959855363e-04,
        6.1628646951846345e-18,
        2.304_253_281_753_926e-21,
        8.826_458_958_917_556e-39,
        7.580_083_266_088_736e-17,
    ];
    close(f.scores(), &scores, 10.0);
    close(f.p_values().unwrap(), &p_values, 9.0);
    let chi = SelectKBest::new(Chi2, 10).fit(&x, &high)?;
    let scores = [
        38.870_086_267_195_15,
        0.0015408320493066256,
        69.248_183_666_292_62,
        119.37173327519841,
        72.269_904_306_220_1,
        65.884_988_662_220_15,
        178.237_350_328_312_1,
        22.768523442928235,
        5.831_663_243_466_892,
        53.790_043_880_308_4,
    ];
    let p_values = [
        4.529_689_340_491_362e-10,
        9.686_883_325_827_624e-1,
        8.682_085_129_176_78e-17,
        8.683_240_608_283_823e-28,
        1.8768803780628434e-17,
        4.780_185_959_094_36e-16,
        1.1756783032595384e-40,
        1.8273426093936424e-06,
        1.574_023_497_723_244e-2,
        2.231_004_101_361_974e-13,
    ];
    close(chi.scores(), &scores, 9.0);
    close(chi.p_values().unwrap(), &p_values, 9.0);
    assert_eq!(from_bytes::<SelectModel>(&to_bytes(&chi)?)?, chi);
    Ok(())
}

#[test]
fn levels_keep_the_columns_of_scikit_learn() -> Result<()> {
    let (x, y, high) = diabetes()?;
    let all_but_sex = vec![0, 2, 3, 4, 5, 6, 7, 8, 9];
    for (alpha, classes, numbers) in [
        (0.05, all_but_sex.clone(), all_but_sex),
        (1e-8, vec![2, 3, 6, 7, 8, 9], vec![2, 3, 6, 7, 8, 9]),
        (1e-12, vec![2, 3, 6, 7, 8], vec![2, 3, 6, 7, 8, 9]),
    ] {
        assert_eq!(kept(&SelectFpr::classification(alpha).fit(&x, &high)?), classes);
        assert_eq!(kept(&SelectFdr::classification(alpha).fit(&x, &high)?), classes);
        assert_eq!(kept(&SelectFwe::classification(alpha).fit(&x, &high)?), classes);
        assert_eq!(kept(&SelectFpr::regression(alpha).fit(&x, &y)?), numbers);
        assert_eq!(kept(&SelectFdr::regression(alpha).fit(&x, &y)?), numbers);
        assert_eq!(kept(&SelectFwe::regression(alpha).fit(&x, &y)?), numbers);
    }
    let error = SelectFwe::regression(1e-60).fit(&x, &y).unwrap_err().to_string();
    assert!(error.contains("raise `alpha`"), "{error}");
    let error = SelectFdr::new(MutualInformation::regression(), 0.05).fit(&x, &y).unwrap_err().to_string();
    assert!(error.contains("no p-values"), "{error}");
    for wrong in [0.0, 1.5, f64::NAN] {
        assert!(SelectFpr::regression(wrong).fit(&x, &y).is_err());
    }
    Ok(())
}

/// Counts of eight documents, a third of them zeros.
fn counts() -> (Matrix, Classes, Values) {
    let x = Array2::from_shape_fn((8, 4), |(row, column)| match column {
        3 => 0.0,
        _ => ((row * 7 + column * 5) % 6).saturating_sub(1) as f64,
    });
    let y = (0..8).map(|row| f64::from(row * row % 5) - 0.5 * f64::from(row)).collect::<Vec<f64>>();
    (Matrix::from(x), Classes::from_labels([0, 1, 2, 0, 1, 1, 0, 2]), Values::from(y))
}

#[test]
fn weights_are_copies_and_zeros_need_no_storage() -> Result<()> {
    let (x, classes, y) = counts();
    let times = [1, 3, 1, 0, 2, 1, 1, 2];
    let copies: Vec<usize> = (0..8).flat_map(|row| vec![row; times[row]]).collect();
    let weights = times.map(|times| times as f64);
    let (more_x, more_classes, more_y) = (x.take(&copies)?, classes.take(&copies)?, y.take(&copies)?);
    let chi = SelectKBest::new(Chi2, 2);
    let f = SelectKBest::classification(2);
    let r = SelectKBest::regression(2);
    for x in [x.clone(), sparse(&x)] {
        let same = |weighted: SelectModel, copied: SelectModel| {
            for (ours, theirs) in weighted.scores().iter().zip(copied.scores()) {
                assert!((ours - theirs).abs() <= 1e-12 * theirs.max(1.0), "{ours} is not {theirs}");
            }
            let p_values = weighted.p_values().unwrap().iter().zip(copied.p_values().unwrap());
            p_values.for_each(|(ours, theirs)| assert!((ours - theirs).abs() < 1e-12));
            assert_eq!((weighted.scores()[3], weighted.p_values().unwrap()[3]), (0.0, 1.0));
        };
        let train = Train::new(&x, &classes).weights(&weights);
        same(train.fit(&chi)?, chi.fit(&more_x, &more_classes)?);
        same(train.fit(&f)?, f.fit(&more_x, &more_classes)?);
        same(Train::new(&x, &y).weights(&weights).fit(&r)?, r.fit(&more_x, &more_y)?);
    }
    // As many columns, still sparse.
    assert!(chi.fit(&sparse(&x), &classes)?.transform(&sparse(&x))?.sparse().is_some());
    Ok(())
}

#[test]
fn chi_squared_takes_counts_of_any_size_and_nothing_below_zero() -> Result<()> {
    let classes = Classes::from_labels([0, 0, 1, 1]);
    let x = Matrix::from(array![[1e300, 0.0], [1e300, 1.0], [0.0, 1.0], [1e308, 0.0]]);
    let model = SelectKBest::new(Chi2, 1).fit(&x, &classes)?;
    assert!(model.scores()[0] > 1e300 && model.scores()[1] == 0.0);
    assert_eq!(model.p_values().unwrap(), [0.0, 1.0]);
    let x = Matrix::from(array![[1.0], [-2.0], [0.0], [0.0]]).with_names(["n"])?;
    let error = SelectKBest::new(Chi2, 1).fit(&x, &classes).unwrap_err().to_string();
    assert!(error.contains("column `n` is -2 in row 1"), "{error}");
    Ok(())
}

#[test]
fn mutual_information_of_scikit_learn() -> Result<()> {
    let n = 60;
    let x = Array2::from_shape_fn((n, 3), |(row, column)| {
        let i = row as f64;
        match column {
            0 => (i * 1.7).sin() + 0.01 * i,
            1 => (i * i * 0.3).cos(),
            _ => (row * 37 % 60) as f64 / 60.0 + 0.001 * i.sin(),
        }
    });
    let y = Values::from((0..n).map(|row| (2.0 * x[[row, 0]]).sin() + 0.3 * x[[row, 1]]).collect::<Vec<_>>());
    let classes =
        Classes::from_labels((0..n).map(|row| u8::from(x[[row, 0]] > 0.2) + u8::from(x[[row, 1]] > 0.5)));
    let first = x.column(0).to_owned();
    let x = Matrix::from(x);
    let near = |model: SelectModel, theirs: &[f64]| {
        for (ours, theirs) in model.scores().iter().zip(theirs) {
            assert!((ours - theirs).abs() < 1e-9, "{ours} is not {theirs}");
        }
        assert!(model.p_values().is_none());
    };
    for (k, numbers, of_classes) in [
        (
            3,
            [1.122520281143401, 0.3234005740244683, 0.00604268096779403],
            [0.3993529789518755, 0.3007797466286428, 0.0],
        ),
        (5, [1.0256174878258828, 0.2764477523346409, 0.0], [0.40285045720748025, 0.4024539983028945, 0.0]),
    ] {
        let regression = MutualInformation::regression().n_neighbors(k);
        near(SelectKBest::new(regression, 2).fit(&x, &y)?, &numbers);
        let classification = MutualInformation::classification().n_neighbors(k);
        near(SelectKBest::new(classification, 2).fit(&x, &classes)?, &of_classes);
    }
    // A categorical column, `discrete_features` there.
    let cell = |(row, column): (usize, usize)| if column == 0 { (row % 3) as f64 } else { first[row] };
    let features = Features::try_from(vec![Feature::categorical("d", 3), Feature::numeric("x")])?;
    let x = Matrix::from(Array2::from_shape_fn((n, 2), cell)).with_features(features)?;
    let classification = SelectKBest::new(MutualInformation::classification(), 1);
    near(classification.fit(&x, &classes)?, &[0.00270418718774024, 0.3993529789518755]);
    let regression = SelectPercentile::new(MutualInformation::regression(), 50.0);
    near(regression.fit(&x, &y)?, &[0.0, 1.122520281143401]);
    // A column of equal numbers, and a target of equal numbers, tell nothing; neither do numbers of any size trouble it.
    let odd = Matrix::from(Array2::from_shape_fn((n, 2), |(row, column)| match column {
        0 => 7.0,
        _ => 1e300 * first[row],
    }));
    near(SelectKBest::new(MutualInformation::regression(), 1).fit(&odd, &y)?, &[0.0, 1.122520281143401]);
    let same = Values::from(vec![2.0; n]);
    near(SelectKBest::new(MutualInformation::regression(), 1).fit(&odd, &same)?, &[0.0, 0.0]);
    assert!(SelectKBest::new(MutualInformation::regression().n_neighbors(0), 1).fit(&x, &y).is_err());
    Ok(())
}

#[test]
fn weights_count_rows_or_are_errors() -> Result<()> {
    let (x, classes, y) = counts();
    let numbers = SelectKBest::regression(2);
    let error = Train::new(&x, &y).weights(&[0.25; 8]).fit(&numbers).unwrap_err().to_string();
    assert!(error.contains("the weights add up to 2, and"), "{error}");
    let labels = SelectKBest::classification(2);
    let error = Train::new(&x, &classes).weights(&[0.375; 8]).fit(&labels).unwrap_err().to_string();
    assert!(error.contains("the weights add up to 3, and"), "{error}");
    assert!(Train::new(&x, &classes).weights(&[0.5; 8]).fit(&labels)?.scores()[0] > 0.0);
    let chi = SelectKBest::new(Chi2, 1);
    let error = Train::new(&x, &classes).weights(&[f64::MAX; 8]).fit(&chi).unwrap_err().to_string();
    assert!(error.contains("give smaller ones"), "{error}");
    // Chi-squared is in the range though squares of the weights are not.
    let x = Matrix::from(array![[3.0], [1.0], [0.0], [0.0]]);
    let classes = Classes::from_labels([0, 0, 1, 1]);
    let model = Train::new(&x, &classes).weights(&[1e200; 4]).fit(&chi)?;
    assert!((model.scores()[0] / 4e200 - 1.0).abs() < 1e-12, "{}", model.scores()[0]);
    Ok(())
}

#[test]
fn p_values_of_ones_own_are_probabilities() -> Result<()> {
    #[derive(Clone)]
    struct Own(f64);

    impl ScoreColumns for Own {
        type Target = Values;

        fn scores(&self, train: &Train<'_, Matrix, Values>) -> Result<ColumnScores> {
            let n_cols = train.x.n_cols();
            Ok(ColumnScores::new(vec![1.0; n_cols]).with_p_values(vec![self.0; n_cols]))
        }
    }

    let (x, _, y) = counts();
    assert_eq!(SelectFpr::new(Own(0.0), 0.05).fit(&x, &y)?.kept().count(), 4);
    for wrong in [-0.1, 1.5, f64::NAN] {
        let error = SelectFpr::new(Own(wrong), 0.05).fit(&x, &y).unwrap_err().to_string();
        assert!(error.contains("the p-value of column 0 is not from 0 to 1"), "{error}");
    }
    Ok(())
}

/// By hand: two thirds of the weight are 2/15 off the mean 49/30, a third is 4/15 off.
#[test]
fn weights_of_any_size_leave_means_in_range() {
    let weights = [1e308, 5e307];
    for unit in [1.0, 2f64.powi(-1000), 2f64.powi(400)] {
        let x = Matrix::from(array![[1.5 * unit, 2.0 * unit], [1.9 * unit, 2.0 * unit]]);
        let model = Train::new(&x, &NoTarget).weights(&weights).fit(&VarianceThreshold::new()).unwrap();
        assert_eq!(model.kept().count(), 1);
        let truth = (8.0 / 225.0) * unit * unit;
        let found = model.scores()[0];
        assert!(
            (found - truth).abs() <= 1e-12 * truth.max(f64::MIN_POSITIVE * 1e13),
            "{found} is not {truth}"
        );
    }
    // Numbers and weights both near the limit; the variance is beyond it.
    let x = Matrix::from(array![[1.5e308], [1.7e308]]);
    let model = Train::new(&x, &NoTarget).weights(&weights).fit(&VarianceThreshold::new()).unwrap();
    assert!(model.scores()[0] > 1e300, "{}", model.scores()[0]);
}
