//! The `artifact` cases of `bad_inputs.json`: damaged files, and files whose checksums are right but whose
//! content is not.
//!
//! Cases that have nothing to test here:
//! - `shape_overflow`, `dtype_size_mismatch`: the format has no shapes; arrays inside a model are checked by
//!   the model, and `oversize_lengths` covers the lengths inside sections.
//! - `older_version`: format 1 is the first.
//! - `tree_cycle`, `kdtree_bad_index`: a matter of the models that have trees.
//! - `signed_then_edited`: artifacts are not signed; the content hash can be kept elsewhere and compared.
//! - `symlink_swap`, `name_traversal`, `fifo_device`: see `artifact.rs`.

use perennial_core::{Error, ErrorKind, Persist, to_bytes};
use perennial_deployment::{Artifact, Load};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::*;

const PREFIX: usize = 52;

fn file() -> Vec<u8> {
    regressor().section("profile", *b"0123456789").build().unwrap().as_bytes().to_vec()
}

fn header_length(file: &[u8]) -> usize {
    u64::from_le_bytes(file[12..20].try_into().unwrap()) as usize
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file with this header and body, its own checksum being right.
fn with_header(header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut forged = file()[..12].to_vec();
    forged.extend((header.len() as u64).to_le_bytes());
    let digest = Sha256::new().chain_update(&forged).chain_update(header).finalize();
    forged.extend_from_slice(&digest);
    forged.extend_from_slice(header);
    forged.extend_from_slice(body);
    forged
}

fn edit(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    edit_of(&file(), change)
}

/// Changes the header of a file as JSON and keeps every checksum right.
pub(crate) fn edit_of(file: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let (header, body) = file[PREFIX..].split_at(header_length(file));
    let mut header: Value = serde_json::from_slice(header).unwrap();
    change(&mut header);
    with_header(header.to_string().as_bytes(), body)
}

/// Replaces the bytes of the sections and keeps every checksum right.
fn with_sections(model: &[u8], golden: &[u8]) -> Vec<u8> {
    let file = file();
    let mut header: Value = serde_json::from_slice(&file[PREFIX..PREFIX + header_length(&file)]).unwrap();
    let (mut body, mut sections) = (Vec::new(), Vec::new());
    for (name, bytes) in [("model", model), ("golden", golden)] {
        let digest = hex(&Sha256::digest(bytes));
        sections.push(json!({"name": name, "offset": body.len(), "length": bytes.len(), "sha256": digest}));
        body.extend_from_slice(bytes);
    }
    header["sections"] = sections.into();
    with_header(header.to_string().as_bytes(), &body)
}

fn golden() -> Vec<u8> {
    let artifact = Artifact::from_bytes(file()).unwrap();
    artifact.section("golden").unwrap().to_vec()
}

fn refused(bytes: Vec<u8>) -> Error {
    Artifact::from_bytes(bytes).unwrap_err()
}

#[test]
fn the_forge_itself_is_sound() {
    assert_eq!(Artifact::from_bytes(edit(|_| ())).unwrap().model(&Linear).unwrap(), fitted());
    let same = with_sections(&to_bytes(&fitted()).unwrap(), &golden());
    assert_eq!(Artifact::from_bytes(same).unwrap().model(&Linear).unwrap(), fitted());
}

#[test]
fn truncate_all() {
    let file = file();
    for length in 0..file.len() {
        assert!(matches!(refused(file[..length].to_vec()).kind(), ErrorKind::Corrupt { .. }), "{length}");
    }
    let mut longer = file;
    longer.push(0);
    refused(longer);
}

/// Every bit of the file, not only a sample.
#[test]
fn bitflip_all() {
    let mut file = file();
    for bit in 0..file.len() * 8 {
        file[bit / 8] ^= 1 << (bit % 8);
        assert!(Artifact::from_bytes(file.clone()).is_err(), "bit {bit}");
        file[bit / 8] ^= 1 << (bit % 8);
    }
    Artifact::from_bytes(file).unwrap();
}

#[test]
fn header_len_max() {
    let file = file();
    let length = header_length(&file) as u64;
    for wrong in [u64::MAX, 1 << 63, u64::from(u32::MAX), length + 1, length - 1, 0, file.len() as u64] {
        let mut forged = file.clone();
        forged[12..20].copy_from_slice(&wrong.to_le_bytes());
        assert!(matches!(refused(forged).kind(), ErrorKind::Corrupt { .. }), "{wrong}");
    }
    refused(with_header(b"", b""));
}

#[test]
fn overlapping_sections() {
    let place = |section: usize, key: &'static str, value: Value| {
        refused(edit(move |header| header["sections"][section][key] = value)).to_string()
    };
    let golden = {
        let file = file();
        let header: Value = serde_json::from_slice(&file[PREFIX..PREFIX + header_length(&file)]).unwrap();
        header["sections"][1].clone()
    };
    let (offset, length) = (golden["offset"].as_u64().unwrap(), golden["length"].as_u64().unwrap());
    assert!(place(1, "offset", 0.into()).contains("where the one before it ends"));
    assert!(place(1, "offset", (offset + 1).into()).contains("where the one before it ends"));
    assert!(place(1, "length", u64::MAX.into()).contains("beyond the end"));
    assert!(place(2, "length", 11.into()).contains("beyond the end"));
    assert!(place(1, "length", (length + 1).into()).contains("checksum"));
    assert!(place(1, "name", "model".into()).contains("twice"));
    assert!(place(1, "sha256", "00".into()).contains("checksum"));
    place(1, "offset", (-1).into());
    place(1, "length", json!(1e30));
    let last = edit(|header| drop(header["sections"].as_array_mut().unwrap().pop()));
    assert!(refused(last).to_string().contains("belong to nothing"));
    let none = edit(|header| header["sections"] = json!([]));
    refused(none);
    refused(edit(|header| header["sections"][0]["name"] = "other".into()));
}

#[test]
fn dup_keys_and_deep_json() {
    let file = file();
    let (header, body) = file[PREFIX..].split_at(header_length(&file));
    let text = std::str::from_utf8(header).unwrap();
    let twice = text.replacen("\"name\":\"m\"", "\"name\":\"m\",\"name\":\"n\"", 1);
    assert_ne!(text, twice);
    assert!(refused(with_header(twice.as_bytes(), body)).to_string().contains("duplicate"));
    assert!(refused(edit(|header| header["surprise"] = 1.into())).to_string().contains("unknown field"));
    assert!(
        refused(edit(|header| header["facts"] = json!([["a", "1"], ["a", "2"]])))
            .to_string()
            .contains("twice")
    );
    for deep in
        ["[".repeat(100_000), "{\"a\":".repeat(100_000), text.replacen("\"m\"", &"[".repeat(100_000), 1)]
    {
        assert!(matches!(refused(with_header(deep.as_bytes(), body)).kind(), ErrorKind::Corrupt { .. }));
    }
    refused(with_header(b"null", body));
    refused(with_header(b"\xff\xfe", body));
}

/// Lengths inside the sections are those of strings and lists, and none is believed.
#[test]
fn oversize_lengths() {
    // 2^40 and 2^64 - 1 as the lengths that begin both sections.
    for length in
        [&[0x80, 0x80, 0x80, 0x80, 0x80, 0x20][..], &[0xff; 10][..], &[0xff, 0xff, 0xff, 0xff, 0x0f][..]]
    {
        let model = with_sections(length, &golden());
        let error = Artifact::from_bytes(model).unwrap().model(&Linear).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }), "{error}");
        refused(with_sections(&to_bytes(&fitted()).unwrap(), length));
        let mut rows = vec![40];
        rows.extend_from_slice(length);
        refused(with_sections(&to_bytes(&fitted()).unwrap(), &rows));
    }
}

#[test]
fn future_version() {
    for version in [2_u32, 1001] {
        let mut forged = file();
        forged[8..12].copy_from_slice(&version.to_le_bytes());
        let error = refused(forged);
        let expected = ErrorKind::UnsupportedVersion { found: version, supported: 1 };
        assert_eq!(error.kind(), &expected);
        assert!(error.to_string().contains(&version.to_string()) && error.to_string().contains("up to 1"));
    }
    let mut zero = file();
    zero[8..12].copy_from_slice(&[0; 4]);
    assert!(matches!(refused(zero).kind(), ErrorKind::Corrupt { .. }));
}

#[test]
fn wrong_type_and_nan_params() {
    let artifact = Artifact::from_bytes(edit(|header| header["kind"] = "Squeezed".into())).unwrap();
    assert!(artifact.model(&Linear).is_err());
    // The bytes of the regressor are no classifier's golden answers, whatever the header claims.
    assert!(artifact.model(&Squeezed).unwrap_err().to_string().contains("golden"));
    let names = || vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    for weights in [vec![f64::NAN, 1.0, 1.0], vec![1.0, f64::INFINITY, 1.0], vec![1.0], vec![]] {
        let model = to_bytes(&LinearParts { names: names(), weights }).unwrap();
        let error =
            Artifact::from_bytes(with_sections(&model, &golden())).unwrap().model(&Linear).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }), "{error}");
    }
    let task =
        |classes: Value| edit(move |header| header["task"] = json!({"classification": {"classes": classes}}));
    refused(task(json!([])));
    refused(task(json!(["x", "x"])));
    refused(task(json!(["no", "yes"])));
}

#[test]
fn the_self_test_sees_one_bit() {
    let mut model = fitted();
    model.weights[1] = f64::from_bits(model.weights[1].to_bits() ^ 1);
    let forged = with_sections(&Linear.encode(&model).unwrap(), &golden());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m");
    Artifact::from_bytes(forged).unwrap().save(&path).unwrap();
    let error = Linear.load(&path).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }));
    assert!(error.to_string().contains("computes other answers"), "{error}");
}

#[test]
fn headers_that_no_builder_writes() {
    for name in ["../x", "", "CON", "a\nb"] {
        assert!(refused(edit(|header| header["name"] = name.into())).to_string().contains("name"));
    }
    refused(edit(|header| header["target"] = "a".into()));
    refused(edit(|header| header["input"]["columns"] = json!([])));
    refused(edit(|header| header["input"]["columns"][0]["name"] = "b".into()));
    refused(edit(|header| header["input"]["columns"][0]["name"] = "z".into()));
    refused(edit(|header| header["input"]["columns"][0]["column_type"] = "integer".into()));
    refused(edit(|header| header["metrics"] = json!([{"name": "mae", "estimate": null}])));
    refused(edit(|header| header["seed"] = (-1).into()));
}

#[test]
fn pickle_onnx_magic() {
    let random: Vec<u8> = (0..1024_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let onnx = b"\x08\x07\x12\x07pytorch".to_vec();
    for other in [b"\x80\x04\x95".to_vec(), b"PK\x03\x04".to_vec(), onnx, random, b"{}".to_vec(), Vec::new()]
    {
        assert!(refused(other).to_string().contains("not a Perennial artifact"));
    }
}

/// Sections with a few bytes changed under right checksums: never a panic, and never another model.
#[test]
fn mutated_sections() {
    let sound = (to_bytes(&fitted()).unwrap(), golden());
    let mut state = 11_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut whole = 0;
    for round in 0..4000 {
        let (mut model, mut golden) = sound.clone();
        let bytes = if round % 2 == 0 { &mut model } else { &mut golden };
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            match random(3) {
                0 => bytes[at] = random(256) as u8,
                1 => drop(bytes.splice(at..at, [0xff; 9])),
                _ => drop(bytes.drain(at..(at + random(9)).min(bytes.len()))),
            }
        }
        // Only rows and answers that belong together let the model through, and it is then the one in the file.
        if let Ok(loaded) =
            Artifact::from_bytes(with_sections(&model, &golden)).and_then(|a| a.model(&Linear))
        {
            assert_eq!(to_bytes(&loaded).unwrap(), model);
            whole += 1;
        }
    }
    assert!(whole < 400, "{whole}");
}
