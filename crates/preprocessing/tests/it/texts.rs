//! Texts made alike.

use perennial_core::{Estimator, FitTransform, Matrix, NoTarget, Persist, Result, Rows, Transformer};
use perennial_data::{Column, ColumnType, Table};
use perennial_preprocessing::{CleanText, Columns, OneHotEncoder, UnicodeForm};

fn cleaned(step: &CleanText, text: &str) -> String {
    let table = Table::new([("t", Column::text([text]))]).unwrap();
    let made = step.fit(&table, &NoTarget).unwrap().transform(&table).unwrap();
    made.column("t").unwrap().cell(0).unwrap().into_owned()
}

fn bare() -> CleanText {
    CleanText::new().unicode(None).lowercase(false).white_space(false)
}

#[test]
fn each_setting_does_one_thing() {
    // As `strip_accents_unicode` of scikit-learn 1.9.1.
    for (text, expected) in [
        ("Crème Brûlée", "Creme Brulee"),
        ("Ångström ﬁ ①", "Angstrom fi 1"),
        ("Straße Ø ł", "Straße Ø ł"),
        ("ÀÉÎÕÜ ñ ç", "AEIOU n c"),
        ("naïve café", "naive cafe"),
        // Not as there: what was whole before is whole after.
        ("한국어", "한국어"),
    ] {
        assert_eq!(cleaned(&bare().strip_accents(true), text), expected);
    }
    // Examples of Unicode Standard Annex 15.
    for (form, text, expected) in [
        (UnicodeForm::Nfc, "e\u{301}", "\u{e9}"),
        (UnicodeForm::Nfc, "\u{212b}", "\u{c5}"),
        (UnicodeForm::Nfc, "\u{fb01}", "\u{fb01}"),
        (UnicodeForm::Nfkc, "\u{fb01}", "fi"),
        (UnicodeForm::Nfkc, "\u{ff21}\u{ff11}", "A1"),
        (UnicodeForm::Nfkc, "2\u{2075}", "25"),
    ] {
        assert_eq!(cleaned(&bare().unicode(form), text), expected);
    }
    assert_eq!(cleaned(&bare().lowercase(true), "ÄÖ ΑΣ İ"), "äö ας i\u{307}");
    assert_eq!(cleaned(&bare().unicode(UnicodeForm::Nfc).lowercase(true), "J\u{30c}"), "\u{1f0}");
    assert_eq!(cleaned(&bare().white_space(true), "\u{a0} a \t\n b\u{2003}c "), "a b c");
    assert_eq!(cleaned(&bare().html(true), "<p>A &amp; B</p>"), " A & B ");
    let odd = " e\u{301} <b>A</b> ";
    assert_eq!(cleaned(&bare(), odd), odd);
    assert_eq!(cleaned(&CleanText::new(), odd), "é <b>a</b>");
}

#[test]
fn categories_that_become_the_same_are_one_and_a_pipeline_goes_on() -> Result<()> {
    let cells = [Some("Bern"), Some(" bern"), None, Some("BERN "), Some("Chur")];
    let table = Table::new([("city", Column::category(cells)), ("n", Column::integer([1, 2, 3, 4, 5]))])?;
    let step = CleanText::new();
    let pipeline = Columns::new().on(["city"], step.clone().then(OneHotEncoder::new())).drop_rest();
    let model = pipeline.fit(&table, &NoTarget)?;
    let made: Matrix = model.transform(&table)?;
    assert_eq!(made.features().names().take(2).collect::<Vec<_>>(), ["city=bern", "city=chur"]);
    assert_eq!(made.dense()?.column(0).to_vec(), [1.0, 1.0, 0.0, 1.0, 0.0]);
    // Row by row as all at once, and saved and loaded.
    let loaded = pipeline.decode(&pipeline.encode(&model)?)?;
    for row in 0..5 {
        assert_eq!(loaded.transform(&table.take(&[row])?)?.dense()?.row(0), made.dense()?.row(row));
    }
    let cities = table.select(&["city"])?;
    let clean = step.fit(&cities, &NoTarget)?.transform(&cities)?;
    assert_eq!(clean.column("city")?.column_type(), ColumnType::Category);
    assert!(clean.column("city")?.is_null(2));
    assert_eq!(clean.column("city")?.to_category()?.levels().collect::<Vec<_>>(), ["bern", "chur"]);
    let perennial_core::OutputSchema::Known { output, .. } = step.transform_schema(&cities.head(0))? else {
        panic!("the columns are known")
    };
    assert_eq!(output.names().collect::<Vec<_>>(), ["city"]);
    assert!(step.fit(&table, &NoTarget).unwrap_err().to_string().contains("column `n` is of type integer"));
    Ok(())
}
