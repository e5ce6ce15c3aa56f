//! Rows that are changed when learning, and never when answering.

use std::collections::BTreeSet;

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Classes, Classifier, ErrorKind, Estimator, Feature, Matrix, Predictor, Rows, Train, from_bytes, to_bytes,
};
use perennial_models::naive_bayes::GaussianNaiveBayes;
use perennial_numeric::random::Random;
use perennial_preprocessing::{
    EditedNearestNeighbours, NearMiss, RandomOverSampler, RandomUnderSampler, Resampled, Resampler, Smote,
    TomekLinks,
};
use perennial_testing::{Tags, check};

check!(over_sampled, classifier, RandomOverSampler::new().before(GaussianNaiveBayes::new()), Tags::new());
check!(under_sampled, classifier, RandomUnderSampler::new().before(GaussianNaiveBayes::new()), Tags::new());

fn blobs(n: usize, rare: usize, seed: u64) -> (Matrix, Classes) {
    let mut random = Random::new(seed);
    let y: Vec<u32> = (0..n).map(|row| u32::from(row % (n / rare) == 0)).collect();
    let x = Array2::from_shape_fn((n, 3), |(row, column)| {
        random.normal() + f64::from(y[row]) * (1.0 + column as f64 / 3.0)
    });
    (x.into(), Classes::new(y, vec!["common".to_owned(), "rare".to_owned()]).unwrap())
}

fn run<R: Resampler<Input = Matrix, Target = Classes>>(
    sampler: &R,
    x: &Matrix,
    y: &Classes,
) -> Resampled<Matrix, Classes> {
    sampler.resample(&Train::new(x, y)).unwrap()
}

/// The numbers of the `k` rows of a class nearest to one of them, by brute force; equals of the last one too.
fn nearest(x: &ArrayRef2<f64>, members: &[usize], row: usize, k: usize) -> Vec<usize> {
    let distance =
        |other: usize| x.row(row).iter().zip(x.row(other)).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    let mut others: Vec<usize> = members.iter().copied().filter(|&other| other != row).collect();
    others.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)));
    let reach = distance(others[k - 1]);
    others.into_iter().filter(|&other| distance(other) <= reach).collect()
}

#[test]
fn new_rows_lie_between_a_row_and_a_neighbour_of_its_class() {
    let (x, y) = blobs(120, 12, 1);
    let more = run(&Smote::new().k_neighbors(3).seed(4), &x, &y);
    assert_eq!(more.y.counts(), [108, 108]);
    let (old, new) = (x.dense().unwrap(), more.x.dense().unwrap());
    assert_eq!(new.slice(ndarray::s![..120, ..]), old.view());
    assert_eq!(&more.y.codes()[..120], y.codes());
    let members: Vec<usize> = (0..120).filter(|&row| y.codes()[row] == 1).collect();
    let on_segment = |made: usize, a: usize, b: usize| {
        let (from, to, at) = (old.row(a), old.row(b), new.row(made));
        let shares: Vec<f64> = (0..3).map(|c| (at[c] - from[c]) / (to[c] - from[c])).collect();
        shares.iter().all(|share| (-1e-9..=1.0 + 1e-9).contains(share) && (share - shares[0]).abs() < 1e-6)
    };
    for made in 120..more.x.n_rows() {
        let found =
            members.iter().any(|&a| nearest(old, &members, a, 3).into_iter().any(|b| on_segment(made, a, b)));
        assert!(found, "row {made} lies between no two neighbours");
    }
    let again = run(&Smote::new().k_neighbors(3).seed(4), &x, &y);
    assert_eq!(more.x, again.x);
    for threads in [1, 2, 3, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| run(&Smote::new().k_neighbors(3).seed(4), &x, &y)).x, more.x);
    }
}

#[test]
fn variants_start_where_they_should() {
    let (x, y) = blobs(300, 60, 2);
    let old = x.dense().unwrap();
    let everyone: Vec<usize> = (0..300).collect();
    let others = |row: usize, m: usize| {
        nearest(old, &everyone, row, m).into_iter().take(m).filter(|&near| y.codes()[near] == 0).count()
    };
    let rare: Vec<usize> = (0..300).filter(|&row| y.codes()[row] == 1).collect();
    let danger: Vec<usize> = rare.iter().copied().filter(|&row| (5..10).contains(&others(row, 10))).collect();
    assert!(!danger.is_empty() && danger.len() < rare.len());
    let made = run(&Smote::borderline().seed(1), &x, &y);
    assert_eq!(made.y.counts(), [240, 240]);
    // With one neighbour each start has one segment, so who started can be told.
    let made = run(&Smote::borderline().k_neighbors(1).seed(1), &x, &y);
    let new = made.x.dense().unwrap();
    for row in 300..made.x.n_rows() {
        let near_start = |&a: &usize| {
            let b = nearest(old, &rare, a, 1)[0];
            let length = |p: ndarray::ArrayView1<'_, f64>, q: ndarray::ArrayView1<'_, f64>| {
                p.iter().zip(q).map(|(p, q)| (p - q).powi(2)).sum::<f64>().sqrt()
            };
            let detour = length(old.row(a), new.row(row)) + length(new.row(row), old.row(b))
                - length(old.row(a), old.row(b));
            detour.abs() < 1e-9
        };
        assert!(danger.iter().any(near_start), "row {row} starts at no row near the border");
    }
    let adaptive = run(&Smote::adaptive().seed(1), &x, &y);
    assert_eq!(adaptive.y.counts(), [240, 240]);
}

#[test]
fn categories_are_picked_and_not_mixed() {
    let (x, y) = blobs(100, 20, 3);
    let mut cells = x.dense().unwrap().to_owned();
    cells.column_mut(1).iter_mut().enumerate().for_each(|(row, cell)| *cell = (row % 4) as f64);
    let features = vec![Feature::numeric("a"), Feature::categorical("b", 4), Feature::numeric("c")];
    let x = Matrix::from(cells).with_features(features.try_into().unwrap()).unwrap();
    let made = run(&Smote::new(), &x, &y);
    let new = made.x.dense().unwrap();
    assert!(new.column(1).iter().all(|code| [0.0, 1.0, 2.0, 3.0].contains(code)));
    assert!(made.x.features() == x.features() && new.nrows() == 160);
}

/// Where all columns are categories, those that say the same of the classes are near each other, whatever they are called.
#[test]
fn rows_of_categories_alone_are_compared_by_what_they_say_of_the_classes() {
    // Categories 0 and 1 of the first column are all of the rare class, 2 of both, 3 of the other one.
    let first = [0.0, 1.0, 0.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0];
    let second = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    let y = Classes::from_labels((0..12).map(|row| if row < 5 { "rare" } else { "usual" }));
    let x =
        Array2::from_shape_fn((12, 2), |(row, column)| if column == 0 { first[row] } else { second[row] });
    let features = vec![Feature::categorical("a", 4), Feature::categorical("b", 2)];
    let x = Matrix::from(x).with_features(features.try_into().unwrap()).unwrap();
    let made = run(&Smote::new().k_neighbors(3).seed(1), &x, &y);
    assert_eq!(made.y.counts(), [7, 7]);
    // The three nearest of a row with 0 or 1 are the others of these, and of the row with 2 the first three.
    for row in made.x.dense().unwrap().rows().into_iter().skip(12) {
        assert!(row[0] <= 1.0 && row[1] == 0.0, "{row}");
    }
}

/// Categories cost a distance each and no column of their own: one for each level of this column would be 2.4 GB, twice.
#[test]
fn rows_of_many_categories_are_compared_by_their_codes() {
    const LEVELS: usize = 10_000;
    let n = 3 * LEVELS;
    let x = Array2::from_shape_fn((n, 2), |(row, column)| match column {
        0 => (row * 7919 % 1000) as f64,
        _ => (row % LEVELS) as f64,
    });
    let y = Classes::from_labels((0..n).map(|row| if row < 60 { "rare" } else { "usual" }));
    let features = vec![Feature::numeric("a"), Feature::categorical("b", LEVELS as u32)];
    let x = Matrix::from(x).with_features(features.try_into().unwrap()).unwrap();
    let made = run(&Smote::new().ratio(0.01).seed(1), &x, &y);
    assert_eq!(made.y.counts().iter().min(), Some(&299));
}

/// What one column for each category gave, category by category: a step of median / sqrt(2) in two of them.
#[test]
fn distances_of_categories_are_those_of_a_column_for_each() {
    let mut random = Random::new(3);
    let cells = Array2::from_shape_fn((80, 3), |(_, column)| match column {
        1 => random.below(4) as f64,
        _ => random.normal(),
    });
    let wide = Array2::from_shape_fn((80, 6), |(row, column)| match column {
        0 => cells[[row, 0]],
        1 => cells[[row, 2]],
        level => f64::from(u8::from(cells[[row, 1]] == (level - 2) as f64)),
    });
    let deviation = |column: usize| cells.slice(ndarray::s![..20, column]).std(0.0);
    // The median of two deviations is their mean.
    let step = (deviation(0) + deviation(2)) / 2.0 / 2.0_f64.sqrt();
    let wide = Array2::from_shape_fn((80, 6), |at| if at.1 < 2 { wide[at] } else { wide[at] * step });
    let y = Classes::from_labels((0..80).map(|row| if row < 20 { "rare" } else { "usual" }));
    let features = vec![Feature::numeric("a"), Feature::categorical("b", 4), Feature::numeric("c")];
    let x = Matrix::from(cells).with_features(features.try_into().unwrap()).unwrap();
    let narrow = Matrix::from(wide);
    for smote in [Smote::new(), Smote::borderline(), Smote::adaptive()] {
        let smote = smote.seed(5).k_neighbors(3);
        let (made, expected) = (run(&smote, &x, &y), run(&smote, &narrow, &y));
        let (made, expected) = (made.x.dense().unwrap(), expected.x.dense().unwrap());
        assert_eq!(made.column(0), expected.column(0));
        assert_eq!(made.column(2), expected.column(1));
    }
}

#[test]
fn random_samplers_pick_rows_with_what_belongs_to_them() {
    let (x, y) = blobs(90, 9, 4);
    let groups: Vec<u32> = (0..90).collect();
    let train = || Train::new(&x, &y).groups(&groups);
    let more = RandomOverSampler::new().ratio(0.5).resample(&train()).unwrap();
    assert_eq!(more.y.counts(), [81, 41]);
    let less = RandomUnderSampler::new().ratio(0.5).resample(&train()).unwrap();
    assert_eq!(less.y.counts(), [18, 9]);
    for sample in [more, less] {
        let groups = sample.groups.unwrap();
        for (place, &row) in groups.iter().enumerate() {
            assert_eq!(sample.x.dense().unwrap().row(place), x.dense().unwrap().row(row as usize));
            assert_eq!(sample.y.codes()[place], y.codes()[row as usize]);
        }
        if groups.len() == 27 {
            assert_eq!(groups.iter().collect::<BTreeSet<_>>().len(), 27, "no row comes twice");
        }
    }
}

#[test]
fn editing_agrees_with_brute_force() {
    let (x, y) = blobs(200, 50, 5);
    let old = x.dense().unwrap();
    let everyone: Vec<usize> = (0..200).collect();
    let near = |row: usize, k: usize| nearest(old, &everyone, row, k);
    let rows_of = |sample: &Resampled<Matrix, Classes>| {
        sample.x.dense().unwrap().rows().into_iter().map(|r| r.to_vec()).collect::<Vec<_>>()
    };
    let pick = |keep: &dyn Fn(usize) -> bool| {
        everyone.iter().copied().filter(|&row| keep(row)).map(|row| old.row(row).to_vec()).collect::<Vec<_>>()
    };
    let rare = |row: usize| y.codes()[row] == 1;
    let agree =
        |row: usize| near(row, 3).into_iter().filter(|&other| y.codes()[other] == y.codes()[row]).count();
    assert_eq!(
        rows_of(&run(&EditedNearestNeighbours::new(), &x, &y)),
        pick(&|row| rare(row) || agree(row) == 3)
    );
    let most = EditedNearestNeighbours::new().unanimous(false);
    assert_eq!(rows_of(&run(&most, &x, &y)), pick(&|row| rare(row) || agree(row) >= 2));
    let linked = |row: usize| {
        let other = near(row, 1)[0];
        near(other, 1)[0] == row && y.codes()[other] != y.codes()[row]
    };
    assert_eq!(rows_of(&run(&TomekLinks::new(), &x, &y)), pick(&|row| rare(row) || !linked(row)));
    assert_eq!(run(&NearMiss::new().ratio(0.8), &x, &y).y.counts(), [63, 50]);
    let both = run(&Smote::new().seed(1).and_then(TomekLinks::new()), &x, &y);
    let counts = both.y.counts();
    assert!(counts[0] <= 150 && counts[1] <= 150 && counts[0] + counts[1] < 300, "{counts:?}");
}

#[test]
fn probabilities_return_to_the_world_as_it_is() {
    let (x, y) = blobs(4000, 200, 6);
    let share = |model: &dyn Fn(&Matrix) -> f64| model(&x);
    let mean =
        |p: perennial_core::Probabilities| p.of("rare").unwrap().as_slice().iter().sum::<f64>() / 4000.0;
    let even = RandomOverSampler::new().seed(1).before(GaussianNaiveBayes::new());
    let plain = even.clone().fit(&x, &y).unwrap();
    let corrected = even.clone().corrected().fit(&x, &y).unwrap();
    assert!(share(&|x| mean(plain.predict_proba(x).unwrap())) > 0.12);
    let truth = 200.0 / 4000.0;
    let got = share(&|x| mean(corrected.predict_proba(x).unwrap()));
    assert!((got - truth).abs() < 0.01, "{got}");
    assert!((corrected.factors()[1] - truth / 0.5).abs() < 1e-12);
    assert_eq!(corrected.predict(&x).unwrap(), corrected.predict_proba(&x).unwrap().most_likely());
    let settings: perennial_preprocessing::PriorCorrected<RandomOverSampler, GaussianNaiveBayes> =
        from_bytes(&to_bytes(&even.corrected()).unwrap()).unwrap();
    assert_eq!(settings.fit(&x, &y).unwrap(), corrected);
}

#[test]
fn what_cannot_be_balanced_is_said() {
    let x = Matrix::from(Array2::<f64>::zeros((5, 2)));
    let one = Classes::from_labels(["a"; 5]);
    let error = Smote::new().resample(&Train::new(&x, &one)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SingleClass { .. }), "{error}");
    let lone = Classes::from_labels(["a", "a", "a", "a", "b"]);
    let error = Smote::new().resample(&Train::new(&x, &lone)).unwrap_err();
    assert!(error.to_string().contains("`b` has one row"), "{error}");
    assert_eq!(run(&RandomOverSampler::new(), &x, &lone).y.counts(), [4, 4]);
    for ratio in [0.0, -1.0, f64::NAN, 1.5] {
        assert!(Smote::new().ratio(ratio).resample(&Train::new(&x, &lone)).is_err());
    }
    // All rows in one place: new rows are there too.
    let two = Classes::from_labels(["a", "a", "a", "b", "b"]);
    assert_eq!(run(&Smote::new(), &x, &two).x.dense().unwrap(), Array2::<f64>::zeros((6, 2)));
    // Huge numbers stay in range.
    let wide = Matrix::from(ndarray::array![[0.0], [1.0], [2.0], [-1e300], [1e300]]);
    assert!(run(&Smote::new(), &wide, &two).x.dense().unwrap().iter().all(|cell| cell.is_finite()));
}
