//! Each wrong estimator must fail the check that its fault is about; the sound ones must pass them all.

use perennial_testing::{Report, Tags, check_classifier, check_regressor, check_transformer};

use crate::sound::{Centre, Centroid, Fault, Line, MeanOfOthers};

fn line(fault: Fault) -> Report {
    check_regressor(&Line::with(fault), Tags::new().exact_solver())
}

fn centroid(fault: Fault) -> Report {
    check_classifier(&Centroid { fault }, Tags::new())
}

fn centre(fault: Fault) -> Report {
    check_transformer(&Centre { fault }, Tags::new())
}

fn encoder(fault: Fault) -> Report {
    check_transformer(&MeanOfOthers { fault }, Tags::new())
}

#[test]
fn sound_estimators_pass() {
    for report in [line(Fault::None), centroid(Fault::None), centre(Fault::None), encoder(Fault::None)] {
        report.assert_passed();
        assert!(report.checks.len() > 25, "{report}");
    }
}

type Run = fn(Fault) -> Report;

#[test]
fn wrong_estimators_are_caught() {
    let mutants: [(Fault, Run, &str); 31] = [
        (Fault::AcceptsExtraColumns, line, "E14"),
        (Fault::AcceptsNanSetting, line, "E01"),
        (Fault::BatchMean, line, "P01"),
        (Fault::BlamesAnotherSetting, line, "E01"),
        (Fault::CachesFirstInput, line, "P03"),
        (Fault::ChangesSettings, line, "E02"),
        (Fault::ChangesWidth, centre, "T02"),
        (Fault::DependsOnNames, centroid, "C08"),
        (Fault::DependsOnRowOrder, line, "D05"),
        (Fault::DropsLastOfOddBatch, line, "P01"),
        (Fault::FitTransformDiffers, centre, "T01"),
        (Fault::GlobalState, line, "D01"),
        (Fault::IgnoresNames, line, "E15"),
        (Fault::IgnoresWeights, line, "W01"),
        (Fault::InfinityPasses, line, "E17"),
        (Fault::LastOfTies, centroid, "C03"),
        (Fault::Leaks, encoder, "T06"),
        (Fault::LosesStateInSave, line, "S01"),
        (Fault::MissesConstant, line, "R02"),
        (Fault::NanToZero, line, "E17"),
        (Fault::PanicsOnDamagedBytes, line, "S02"),
        (Fault::PanicsOnNoRows, line, "E06"),
        (Fault::PanicsOnOneRow, line, "E08"),
        (Fault::RandomHashOrder, line, "D01"),
        (Fault::RayonSum, line, "D02"),
        (Fault::SinglePrecision, line, "W01"),
        (Fault::SleepsWithoutCancel, line, "L01"),
        (Fault::SharesSumTo0999, centroid, "C02"),
        (Fault::StridedAsContiguous, line, "E20"),
        (Fault::UnsortedClasses, centroid, "C01"),
        (Fault::ZeroWeightCounts, line, "W02"),
    ];
    let missed: Vec<String> = mutants
        .iter()
        .filter_map(|&(fault, run, check)| {
            let report = run(fault);
            (!report.failed(check)).then(|| format!("{fault:?} passed {check}: {report}"))
        })
        .collect();
    assert!(
        missed.is_empty(),
        "caught {} of {}\n{}",
        mutants.len() - missed.len(),
        mutants.len(),
        missed.join("\n")
    );
}

#[test]
fn a_check_that_is_expected_to_fail_must_fail() {
    let strict = Tags::new().exact_solver().expect_fail("E14", "on purpose");
    let report = check_regressor(&Line::with(Fault::None), strict.clone());
    assert!(report.failed("E14"), "a pass where a failure was expected is a failure");
    let report = check_regressor(&Line::with(Fault::AcceptsExtraColumns), strict);
    assert!(!report.failed("E14"));
    assert!(report.to_json().contains("fails as expected: on purpose"));
}
