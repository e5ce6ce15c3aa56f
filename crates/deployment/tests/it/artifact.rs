//! What goes into an artifact comes out of it.

use perennial_core::{ErrorKind, Estimator, Predictor, Rows, Values};
use perennial_data::{Table, content_hash};
use perennial_deployment::{Answer, Answers, Artifact, Load, Metric, Task, check_name};

use crate::support::*;

fn full() -> Artifact {
    regressor()
        .version("2024-05")
        .seed(7)
        .data("training", &table())
        .parameter("alpha", 0.5)
        .fact("success", "mae < 3")
        .card("owner", "Rent team")
        .metric(Metric::new("mae", 0.1 + 0.2).interval(0.25, 0.35, 0.95))
        .metric(Metric::new("mae", 1e-300).slice("a > 0"))
        .section("profile", [0, 255, 7])
        .build()
        .unwrap()
}

#[test]
fn everything_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.model");
    let made = full();
    made.save(&path).unwrap();
    let read = Artifact::load(&path).unwrap();
    assert_eq!(read, made);
    assert_eq!(read.content_hash(), made.content_hash());
    assert_eq!((read.name(), read.version(), read.kind()), ("m", "2024-05", "Linear"));
    assert_eq!((read.task(), read.target(), read.seed()), (&Task::Regression, Some("y"), Some(7)));
    assert_eq!(read.input(), &table().schema());
    assert_eq!(read.data()[0].hash, content_hash(&table()));
    assert_eq!(read.data()[0].n_rows, 40);
    assert_eq!(read.parameters(), [("alpha".to_owned(), "0.5".to_owned())]);
    assert_eq!(read.facts(), [("success".to_owned(), "mae < 3".to_owned())]);
    assert_eq!((read.card("owner"), read.card("licence")), (Some("Rent team"), None));
    assert_eq!(read.metrics()[0].estimate.to_bits(), (0.1_f64 + 0.2).to_bits());
    assert_eq!(read.metrics()[1].slice.as_deref(), Some("a > 0"));
    assert_eq!(read.section("profile").unwrap(), [0, 255, 7]);
    assert_eq!(read.sections().collect::<Vec<_>>(), ["model", "golden", "profile"]);
    assert!(read.section("other").unwrap_err().to_string().contains("model, golden, profile"));
    let summary = read.inspect();
    for part in ["2024-05", "Linear", "a: real", "0.30000000000000004", "Rent team", &read.content_hash()] {
        assert!(summary.contains(part), "{part} in {summary}");
    }
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    assert_eq!(full().as_bytes(), full().as_bytes());
    assert_ne!(full().content_hash(), regressor().build().unwrap().content_hash());
}

#[test]
fn models_come_back_with_the_same_bits() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (directory.path().join("m"), directory.path().join("k"));
    full().save(&one).unwrap();
    classifier().build().unwrap().save(&two).unwrap();
    let (regressor, classifier) = (Linear.load(&one).unwrap(), Squeezed.load(&two).unwrap());
    assert!(regressor.answer(&table()).unwrap().same_bits(&fitted().answer(&table()).unwrap()));
    assert!(classifier.answer(&table()).unwrap().same_bits(&fitted_classifier().answer(&table()).unwrap()));
    let classes = vec!["no".to_owned(), "yes".to_owned()];
    assert_eq!(Artifact::load(&two).unwrap().task(), &Task::Classification { classes });
}

#[test]
fn golden_rows_show_missing_cells() {
    let cells = (0..100).map(|row| (row != 41).then_some(f64::from(row)));
    let x = Table::builder().real("a", cells).build().unwrap();
    let y: Values = (0..100).map(f64::from).collect();
    let model = Linear.fit(&x, &y).unwrap();
    let artifact = Artifact::regressor("m", &Linear, &model, &x).unwrap().build().unwrap();
    let rows = artifact.golden_rows().unwrap();
    assert_eq!((rows.n_rows(), rows.column("a").unwrap().null_count()), (17, 1));
    assert_eq!(artifact.golden_answers().unwrap(), Answers::Values(model.predict(&rows).unwrap()));
    assert!(artifact.input().field("a").unwrap().nullable);
}

#[test]
fn another_pipeline_is_refused() {
    let error = full().model(&Squeezed).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unsupported { .. }));
    assert!(error.to_string().contains("`Linear`, not `Squeezed`"), "{error}");
}

#[test]
fn boxed_estimators_can_be_deployed() {
    let estimator = Linear.boxed::<Values>();
    let y: Values = (0..40).map(f64::from).collect();
    let model = estimator.fit(&table(), &y).unwrap();
    let artifact = Artifact::regressor("m", &estimator, &model, &table()).unwrap().build().unwrap();
    let again = artifact.model(&estimator).unwrap();
    assert_eq!(again.predict(&table()).unwrap(), model.predict(&table()).unwrap());
}

#[test]
fn what_cannot_be_right_is_not_built() {
    let refused = |builder: perennial_deployment::ArtifactBuilder, part: &str| {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(regressor().target("b"), "`b` is among the input columns");
    refused(regressor().card("ovner", "x"), "no field `ovner`");
    refused(regressor().card("owner", "x").card("owner", "y"), "given twice");
    refused(regressor().metric(Metric::new("mae", f64::NAN)), "finite");
    refused(regressor().metric(Metric::new("mae", 1.0).interval(3.0, 2.0, 0.9)), "low <= high");
    refused(regressor().metric(Metric::new("mae", 1.0)).metric(Metric::new("mae", 2.0)), "given twice");
    refused(regressor().section("model", []), "two sections `model`");
    refused(regressor().section("../x", []), "ASCII");
    refused(regressor().version("a\nb"), "control");
    let empty = table().take(&[]).unwrap();
    let error = Artifact::regressor("m", &Linear, &fitted(), &empty).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Empty { .. }));
}

/// `name_traversal` of the hostile inputs, on every way in: names are checked where artifacts are made and read;
/// the registry that renames and aliases calls the same function.
#[test]
fn hostile_names() {
    let long = "a".repeat(300);
    let names = [
        "../x",
        "..\\x",
        "/abs",
        "C:\\x",
        "a/../../b",
        "%2e%2e%2f",
        "a\0b",
        "",
        ".",
        "..",
        &long,
        "CON",
        "con.txt",
        "LPT1",
        "com9.model",
        "a b",
        "a\nb",
        "a\"b",
        "ümlaut",
        ".hidden",
        "-x",
        "x.",
    ];
    for name in names {
        let error = check_name(name).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidName { .. }), "{name:?}");
        let error = Artifact::regressor(name, &Linear, &fitted(), &table()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidName { .. }), "{name:?}");
        assert!(error.to_string().chars().all(|c| !c.is_control()) && error.to_string().len() < 300);
    }
    for name in ["m", "rent-2024_05.v2", "console", "COM10", "0"] {
        check_name(name).unwrap();
    }
}

#[test]
fn only_regular_files_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |path: &std::path::Path| {
        let started = std::time::Instant::now();
        let error = Artifact::load(path).unwrap_err();
        assert!(started.elapsed().as_millis() < 100, "{}", path.display());
        error
    };
    assert!(refused(directory.path()).to_string().contains("not a regular file"));
    assert!(matches!(refused(&directory.path().join("absent")).kind(), ErrorKind::Io { .. }));
    if cfg!(unix) {
        assert!(refused("/dev/zero".as_ref()).to_string().contains("not a regular file"));
        let pipe = directory.path().join("pipe");
        if std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()) {
            assert!(refused(&pipe).to_string().contains("not a regular file"));
        }
    }
    // A file with a hole is large without taking room.
    let large = directory.path().join("large");
    std::fs::File::create(&large).unwrap().set_len((1 << 30) + 1).unwrap();
    assert!(matches!(refused(&large).kind(), ErrorKind::TooLarge { .. }));
}

/// `symlink_swap`: a path that the program itself gives is followed, as documented at [`Artifact::load`]; what
/// clients name never becomes a path.
#[cfg(unix)]
#[test]
fn links_are_followed() {
    let directory = tempfile::tempdir().unwrap();
    let (target, link) = (directory.path().join("m-3"), directory.path().join("current"));
    full().save(&target).unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert_eq!(Artifact::load(&link).unwrap(), full());
}
