//! Labels that are likely wrong.

use ndarray::{Array2, array};
use perennial_core::{Classes, Probabilities};
use perennial_evaluation::errors::LabelIssues;
use perennial_numeric::random::Random;

#[test]
fn flipped_labels_are_suspected() {
    let mut random = Random::new(6);
    let n = 1000;
    let mut flipped = vec![false; n];
    let (mut labels, mut shares) = (Vec::new(), Vec::new());
    for row in 0..n {
        let truth = random.below(3);
        flipped[row] = random.uniform() < 0.08;
        labels.push(if flipped[row] { (truth + 1) % 3 } else { truth });
        // A good model: its own class gets most.
        let mut own: Vec<f64> = (0..3)
            .map(|class| if class == truth { 3.0 } else { 0.0 } + 0.3 * random.normal())
            .map(f64::exp)
            .collect();
        let sum: f64 = own.iter().sum();
        own.iter_mut().for_each(|share| *share /= sum);
        shares.extend(own);
    }
    let labels = Classes::from_labels(labels);
    let answer =
        Probabilities::new(Array2::from_shape_vec((n, 3), shares).unwrap(), labels.shared_names()).unwrap();
    let found = LabelIssues::find(&labels, &answer, None).unwrap();
    let right = found.issues.iter().filter(|issue| flipped[issue.row]).count();
    let planted = flipped.iter().filter(|flipped| **flipped).count();
    // A row is suspected where its true class has more than its mean share, a logit of 2.3; of the flipped ones 4 % have less.
    assert!(right as f64 > 0.9 * planted as f64, "{right} of {planted}");
    assert!(right as f64 > 0.9 * found.issues.len() as f64, "{right} of {} suspected", found.issues.len());
    assert!(found.by_class.iter().all(|(_, share)| (0.04..0.13).contains(share)), "{:?}", found.by_class);
}

#[test]
fn a_class_without_rows_suspects_nobody() {
    let labels = Classes::new(vec![0, 0], ["a", "b"].map(String::from).to_vec()).unwrap();
    let answer = Probabilities::new(array![[0.5, 0.5], [0.1, 0.9]], labels.shared_names()).unwrap();
    assert!(LabelIssues::find(&labels, &answer, None).unwrap().issues.is_empty());
}

#[test]
fn weights_count_in_labels() {
    let labels = Classes::from_labels(["cat", "cat", "cat", "dog", "dog", "dog"]);
    let answer = array![[0.9, 0.1], [0.8, 0.2], [0.05, 0.95], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7]];
    let answer = Probabilities::new(answer, labels.shared_names()).unwrap();
    let plain = LabelIssues::find(&labels, &answer, None).unwrap();
    assert_eq!(LabelIssues::find(&labels, &answer, Some(&[2.0; 6])).unwrap(), plain);
    let weights = [1.0, 1.0, 6.0, 1.0, 1.0, 1.0];
    let weighted = LabelIssues::find(&labels, &answer, Some(&weights)).unwrap();
    assert_eq!(weighted.by_class[0], ("cat".to_owned(), 0.75));
    assert!(LabelIssues::find(&labels, &answer, Some(&[1.0])).is_err());
}
