//! Logged requests.

use perennial_core::{Classes, Estimator, Values};
use perennial_data::Table;
use perennial_deployment::{Answer, Answers, Logged, RequestLog};

use crate::support::Linear;

fn rows(numbers: &[f64]) -> Table {
    Table::builder().real("a", numbers.to_vec()).real("b", numbers.iter().rev().copied()).build().unwrap()
}

#[test]
fn requests_come_back_and_are_answered_alike() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("requests.log");
    let (first, second) = (rows(&[1.0, f64::NAN, -0.0]), rows(&[4.0]));
    let learned = rows(&[1.0, 2.0, 4.0, 8.0]);
    let model = Linear.fit(&learned, &Values::from(vec![1.0, 3.0, 2.0, 5.0])).unwrap();
    let other = Linear.fit(&learned, &Values::from(vec![1.0, 3.0, 2.0, 6.0])).unwrap();
    let log = RequestLog::open(&path).unwrap();
    log.write_at(10, &first, &model.answer(&first).unwrap()).unwrap();
    drop(log);
    // What a killed program leaves is taken away before the log goes on.
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], &whole[..whole.len() - 3]].concat()).unwrap();
    assert_eq!(Logged::read(&path).unwrap().times, [10, 10, 10]);
    RequestLog::open(&path).unwrap().write_at(20, &second, &model.answer(&second).unwrap()).unwrap();
    let logged = Logged::read(&path).unwrap();
    assert_eq!(logged.times, [10, 10, 10, 20]);
    assert_eq!(logged.rows.n_rows(), 4);
    assert_eq!(logged.answered_otherwise(&model).unwrap(), [] as [usize; 0]);
    assert!(logged.answered_otherwise(&other).unwrap().contains(&3));

    // Damage is named, and models are not mixed.
    let classes = Classes::from_labels(["x"]);
    let said = perennial_core::Probabilities::new(ndarray::array![[1.0]], classes.shared_names()).unwrap();
    let log = RequestLog::open(&path).unwrap();
    log.write_at(30, &second, &Answers::Classes { classes, probabilities: said }).unwrap();
    assert!(Logged::read(&path).unwrap_err().to_string().contains("different models"));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[7] = 200;
    std::fs::write(&path, bytes).unwrap();
    assert!(Logged::read(&path).unwrap_err().to_string().contains("record 0"));
    assert!(RequestLog::open(&path).is_err());
    std::fs::write(&path, []).unwrap();
    assert!(Logged::read(&path).unwrap_err().to_string().contains("no records"));
}
