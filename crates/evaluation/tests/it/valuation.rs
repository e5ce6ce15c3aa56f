//! What rows are worth, corrections by group, and how sure losses under stress are.

use ndarray::{Array2, array};
use perennial_core::{Classes, Context, Matrix, Probabilities, Rows};
use perennial_evaluation::calibration::{CalibrationMethod, Calibrator, GroupCalibrator};
use perennial_evaluation::errors::{Disturbance, Stress, data_valuation};
use perennial_evaluation::metric::{MeanAbsoluteError, R2};
use perennial_evaluation::{IntervalOptions, Metric};
use perennial_numeric::random::Random;

use crate::coverage::scored;
use crate::models::{SlopeModel, line};

/// By the definition: the mean over all subsets without the row, each as likely as its size among the sizes, of what the row adds to the votes.
fn by_subsets(x: &Matrix, y: &Classes, test: f64, label: &str, k: usize) -> Vec<f64> {
    let n = y.codes().len();
    let cells = x.dense().unwrap().column(0).to_vec();
    let vote = |set: u32| {
        let mut rows: Vec<usize> = (0..n).filter(|row| set >> row & 1 == 1).collect();
        rows.sort_by(|&a, &b| (cells[a] - test).abs().total_cmp(&(cells[b] - test).abs()));
        rows.truncate(k);
        rows.iter().filter(|&&row| y.names()[y.codes()[row] as usize] == label).count() as f64 / k as f64
    };
    let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
    let of_row = |row: usize| {
        (0..1_u32 << n)
            .filter(|set| set >> row & 1 == 0)
            .map(|set| {
                let size = set.count_ones();
                let share = factorial(size) * factorial(n as u32 - size - 1) / factorial(n as u32);
                share * (vote(set | 1 << row) - vote(set))
            })
            .sum()
    };
    (0..n).map(of_row).collect()
}

#[test]
fn values_of_rows_are_those_of_all_subsets() {
    let mut random = Random::new(3);
    let x = Matrix::from(Array2::from_shape_fn((8, 1), |_| random.normal()));
    let y = Classes::from_labels(["a", "b", "a", "c", "b", "a", "c", "b"]);
    let (x_test, y_test) = (Matrix::from(array![[0.1], [-0.7]]), Classes::from_labels(["b", "a"]));
    for k in [1, 2, 3, 8, 11] {
        let found = data_valuation(&x, &y, &x_test, &y_test, k, &Context::new()).unwrap();
        let (first, second) = (by_subsets(&x, &y, 0.1, "b", k), by_subsets(&x, &y, -0.7, "a", k));
        for row in 0..8 {
            assert!((found[row] - 0.5 * (first[row] + second[row])).abs() < 1e-12, "{k} {row}");
        }
    }
    // A label that was never learned makes no vote right.
    let other = Classes::from_labels(["d", "d"]);
    assert_eq!(data_valuation(&x, &y, &x_test, &other, 2, &Context::new()).unwrap(), [0.0; 8]);
}

#[test]
fn rows_with_wrong_labels_are_worth_least() {
    let mut random = Random::new(4);
    let x =
        Matrix::from(Array2::from_shape_fn((200, 2), |(row, _)| random.normal() + 4.0 * (row % 2) as f64));
    let y = Classes::from_labels((0..200).map(|row| (row % 2) ^ usize::from(row < 10)));
    let x_test =
        Matrix::from(Array2::from_shape_fn((150, 2), |(row, _)| random.normal() + 4.0 * (row % 2) as f64));
    let y_test = Classes::from_labels((0..150).map(|row| row % 2));
    let values = data_valuation(&x, &y, &x_test, &y_test, 5, &Context::new()).unwrap();
    let mut order: Vec<usize> = (0..200).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    assert!(order[..10].iter().filter(|row| **row < 10).count() >= 9, "{:?}", &order[..10]);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    assert_eq!(
        values,
        pool.install(|| data_valuation(&x, &y, &x_test, &y_test, 5, &Context::new()).unwrap())
    );
}

#[test]
fn values_of_rows_that_cannot_be() {
    let (x, y) = (Matrix::from(array![[0.0], [1.0]]), Classes::from_labels(["a", "b"]));
    let ctx = Context::new();
    let of = |x: &Matrix, y: &Classes, k| {
        data_valuation(x, y, &Matrix::from(array![[0.0]]), &Classes::from_labels(["a"]), k, &ctx)
    };
    assert!(of(&x, &y, 0).is_err());
    assert!(of(&x, &Classes::from_labels(["a"]), 1).is_err());
    let odd = Matrix::from(array![[0.0], [f64::NAN]]);
    assert!(of(&odd, &y, 1).unwrap_err().to_string().contains("row 1"));
    assert!(of(&Matrix::from(array![[0.0, 1.0], [1.0, 1.0]]), &y, 1).is_err());
    // Squares of such distances are beyond the range of f64.
    let far = Matrix::from(array![[0.0], [1e200]]);
    assert!(of(&far, &y, 1).unwrap_err().to_string().contains("scale the features"));
    // One row alone is worth all of its vote, and constant columns leave the order of the rows.
    let one = of(&Matrix::from(array![[9.0]]), &Classes::from_labels(["a"]), 1).unwrap();
    assert_eq!(one, [1.0]);
    let same = of(&Matrix::from(array![[1.0], [1.0]]), &y, 1).unwrap();
    assert_eq!(same, [1.0, 0.0]);
}

#[test]
fn groups_are_corrected_by_themselves() {
    let (truth, said) = scored(400, &mut Random::new(6));
    let groups: Vec<String> =
        (0..400).map(|row| if row < 10 { "few" } else { ["a", "b"][row % 2] }.to_owned()).collect();
    let method = CalibrationMethod::Sigmoid;
    let weights: Vec<f64> = (0..400).map(|row| f64::from(row % 3)).collect();
    for weights in [None, Some(&weights[..])] {
        let by_group = GroupCalibrator::fit(method, &said, &truth, weights, &groups, 30).unwrap();
        assert_eq!(by_group.groups().collect::<Vec<_>>(), ["a", "b"]);
        let found = by_group.apply(&said, &groups).unwrap();
        let own = |rows: &[usize]| {
            let weights = weights.map(|weights| weights.take(rows).unwrap());
            Calibrator::fit(method, &said.take(rows).unwrap(), &truth.take(rows).unwrap(), weights.as_deref())
                .unwrap()
                .apply(&said)
                .unwrap()
        };
        let all = Calibrator::fit(method, &said, &truth, weights).unwrap().apply(&said).unwrap();
        let of = |name: &str| -> Vec<usize> {
            let counts = |row: &usize| weights.is_none_or(|weights| weights[*row] > 0.0);
            (0..400).filter(|&row| groups[row] == name).filter(counts).collect()
        };
        let (a, b) = (own(&of("a")), own(&of("b")));
        for row in 0..400 {
            let expected = match groups[row].as_str() {
                "a" => &a,
                "b" => &b,
                _ => &all,
            };
            assert_eq!(found.values().row(row), expected.values().row(row), "{row}");
        }
        // A group that was never seen is corrected as all rows are.
        let new = by_group.apply(&said, &vec!["new".to_owned(); 400]).unwrap();
        assert_eq!(new, all);
        let text = serde_json::to_string(&by_group).unwrap();
        assert_eq!(serde_json::from_str::<GroupCalibrator>(&text).unwrap(), by_group);
        assert!(by_group.apply(&said, &groups[1..]).is_err());
    }
    // A group of one class has no correction of its own.
    let one: Vec<String> = truth.codes().iter().map(|code| format!("g{code}")).collect();
    let none = GroupCalibrator::fit(method, &said, &truth, None, &one, 30).unwrap();
    assert_eq!(none.groups().count(), 0);
    assert!(GroupCalibrator::fit(method, &said, &truth, None, &groups, 0).is_err());
    assert!(GroupCalibrator::fit(method, &said, &truth, None, &groups[1..], 30).is_err());
    let empty = Probabilities::new(Array2::zeros((0, 2)), said.shared_names()).unwrap();
    assert!(GroupCalibrator::fit(method, &empty, &truth, None, &groups, 30).is_err());
}

#[test]
fn losses_under_stress_have_intervals() {
    let (x, y) = line(300, 8);
    let ways = [Disturbance::Shift, Disturbance::Exchange];
    let plain = Stress::new(ways, [0.0, 0.5]).measure(&SlopeModel(2.0), &x, &y, &MeanAbsoluteError).unwrap();
    assert!(plain[0].points.iter().all(|point| point.interval.is_none()));
    let stress = Stress::new(ways, [0.0, 0.5]).level(0.9);
    let found = stress.measure(&SlopeModel(2.0), &x, &y, &MeanAbsoluteError).unwrap();
    let whole = found[0].points[0].interval.unwrap();
    assert_eq!((whole.low, whole.high), (0.0, 0.0));
    // A shift of half a deviation of x, twice as much in the answers.
    let (shift, point) = (found[0].points[1].interval.unwrap(), found[0].points[1]);
    assert!((shift.estimate - point.loss).abs() < 1e-12 && shift.low > 0.0 && shift.level == 0.9);
    let deviation =
        perennial_numeric::reduce::mean_variance(&x.dense().unwrap().column(0).to_vec(), 0).1.sqrt();
    let moved = Array2::from_shape_fn((300, 1), |(row, _)| x.dense().unwrap()[[row, 0]] + 0.5 * deviation);
    let error = |x: &Array2<f64>| -> Vec<f64> {
        (0..300).map(|row| (2.0 * x[[row, 0]] - y.as_slice()[row]).abs()).collect()
    };
    let (before, after) = (error(&x.dense().unwrap().to_owned()), error(&moved));
    let losses: Vec<f64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
    let by_hand = IntervalOptions::new().level(0.9).seed(Context::new().seed(None)).of_mean(&losses).unwrap();
    assert!((shift.low - by_hand.low).abs() < 1e-9 && (shift.high - by_hand.high).abs() < 1e-9);
    // R2 is no mean over rows; a level that cannot be is refused all the same.
    let impossible = stress.clone().level(95.0).measure(&SlopeModel(2.0), &x, &y, &R2).unwrap_err();
    assert!(impossible.to_string().contains("`level` is 95"), "{impossible}");
    let shares = stress.measure(&SlopeModel(2.0), &x, &y, &R2).unwrap();
    assert!(shares[0].points[1].interval.is_none() && R2::HIGHER_IS_BETTER);
    assert!(
        Stress::new(ways, [0.5]).level(1.0).measure(&SlopeModel(2.0), &x, &y, &MeanAbsoluteError).is_err()
    );
}
