//! The rows that such steps are checked on.

use std::collections::BTreeMap;
use std::fmt::Debug;

use perennial_numeric::random::Random;

/// A text; nothing where it is missing.
pub type Text = Option<String>;

/// What a field of a row holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// A row whose fields have names.
pub type Fields = BTreeMap<String, Field>;

/// A kind of row that the kit makes up.
pub(crate) trait Row: Clone + Debug + Send + Sync + 'static {
    /// Ordinary rows, none of them empty.
    fn ordinary(n_rows: usize, seed: u64) -> Vec<Self>;

    /// Rows of which nothing is in the ordinary ones.
    fn unlike(n_rows: usize) -> Vec<Self>;

    /// Hostile rows, by name.
    fn adversaries() -> Vec<(&'static str, Vec<Self>)>;

    /// A few rows, some of them odd.
    fn odd(n_rows: usize, random: &mut Random) -> Vec<Self>;

    /// Rows that must be refused, and what the error must name beside the number of the row, where it names one.
    fn refused(missing: bool) -> Vec<(Self, &'static str)>;
}

const WORDS: [&str; 12] =
    ["red", "car", "Bus", "the", "hot", "öl", "Äpfel", "don't", "x-ray", "route66", "snake_case", "東京都"];

fn word(random: &mut Random) -> String {
    match random.below(3) {
        0 => format!("term{}", random.below(300)),
        _ => WORDS[random.below(WORDS.len())].to_owned(),
    }
}

fn sentence(n_words: usize, random: &mut Random) -> String {
    let words: Vec<String> = (0..n_words).map(|_| word(random)).collect();
    words.join([" ", ", ", "  "][random.below(3)])
}

impl Row for Text {
    fn ordinary(n_rows: usize, seed: u64) -> Vec<Self> {
        let mut random = Random::new(seed);
        (0..n_rows).map(|_| Some(sentence(2 + random.below(8), &mut random))).collect()
    }

    fn unlike(n_rows: usize) -> Vec<Self> {
        // First and last of an alphabet, for steps that keep some words of it.
        (0..n_rows).map(|row| Some(format!("aardvark{row} zebra{row} zoo zoo"))).collect()
    }

    fn adversaries() -> Vec<(&'static str, Vec<Self>)> {
        let of = |texts: &[&str]| texts.iter().map(|text| Some((*text).to_owned())).collect::<Vec<Self>>();
        let long = "very ".repeat(4000);
        vec![
            ("empty texts", of(&["", "", ""])),
            ("one empty text", of(&["red car", "", "car"])),
            ("white space", of(&[" ", "\t\n", "\u{a0}\u{2003}"])),
            ("marks only", of(&["?!", "...", "-"])),
            ("single letters", of(&["a b c", "d", "e f"])),
            ("equal texts", of(&["red car"; 24])),
            ("one text", of(&["red car"])),
            ("one word", of(&["car"])),
            ("a long text", of(&[long.as_str(), "short one"])),
            ("a long word", of(&["w".repeat(20_000).as_str(), "short one"])),
            // Lower case has more characters, marks stand on letters, and some take no room.
            (
                "odd letters",
                of(&[
                    "İstanbul ẞ",
                    "e\u{301}e\u{301} a\u{200b}b",
                    "\u{1f469}\u{200d}\u{1f467} family",
                    "שלום עולם",
                    "\u{feff}mark",
                    "nul\0nul",
                ]),
            ),
            ("numbers", of(&["1e300 -1", "NaN inf", "007 42"])),
            ("missing texts", vec![None, Some("red car".to_owned()), None]),
        ]
    }

    fn odd(n_rows: usize, random: &mut Random) -> Vec<Self> {
        let strange = ["", " ", "İ", "\u{301}", "a", "==", "ßß", "\0\0", "👍👍"];
        let text = |_: usize| match random.below(3) {
            0 => Some(strange[random.below(strange.len())].repeat(1 + random.below(3))),
            _ => Some(sentence(random.below(6), random)),
        };
        (0..n_rows).map(text).collect()
    }

    fn refused(missing: bool) -> Vec<(Self, &'static str)> {
        if missing { Vec::new() } else { vec![(None, "")] }
    }
}

/// A row of these fields.
fn fields<const N: usize>(fields: [(&str, Field); N]) -> Fields {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn text(text: &str) -> Field {
    Field::Text(text.to_owned())
}

/// A row with a number, a text, and some more numbers.
fn record(random: &mut Random) -> Fields {
    let mut row = fields([("size", Field::Number(random.normal())), ("kind", Field::Text(word(random)))]);
    for _ in 0..random.below(5) {
        row.insert(word(random), Field::Number((random.normal() * 8.0).round()));
    }
    row
}

impl Row for Fields {
    fn ordinary(n_rows: usize, seed: u64) -> Vec<Self> {
        let mut random = Random::new(seed);
        (0..n_rows).map(|_| record(&mut random)).collect()
    }

    fn unlike(n_rows: usize) -> Vec<Self> {
        let row = |row: usize| {
            fields([("zebra", Field::Number(row as f64 + 1.0)), ("zoo", Field::Text(format!("zoo{row}")))])
        };
        (0..n_rows).map(row).collect()
    }

    fn adversaries() -> Vec<(&'static str, Vec<Self>)> {
        let number = Field::Number;
        let many =
            |value: f64| (0..300).map(|field| (format!("field{field}"), number(value))).collect::<Fields>();
        vec![
            ("empty rows", vec![Fields::new(); 3]),
            ("one empty row", vec![fields([("a", number(1.0))]), Fields::new()]),
            ("one row", vec![fields([("a", number(1.0)), ("b", text("x"))])]),
            ("equal rows", vec![fields([("a", number(1.0)), ("b", text("x"))]); 24]),
            ("zeros", vec![fields([("a", number(0.0)), ("b", number(-0.0))]); 3]),
            ("huge and tiny", vec![fields([("a", number(1e300))]), fields([("a", number(1e-300))])]),
            ("largest", vec![many(f64::MAX), many(f64::MIN)]),
            ("many fields", vec![many(1.0), Fields::new()]),
            ("a number and a text", vec![fields([("a", number(1.0))]), fields([("a", text("one"))])]),
            ("no name", vec![fields([("", number(1.0)), ("b", text(""))])]),
            ("names like others", vec![fields([("a=b", number(1.0)), ("a", text("b"))])]),
            ("odd names", vec![fields([("İ\0", number(1.0)), ("👍", text("\u{301}")), ("=", text("="))])]),
            ("long names", vec![fields([("n".repeat(20_000).as_str(), text(&"t".repeat(20_000)))])]),
        ]
    }

    fn odd(n_rows: usize, random: &mut Random) -> Vec<Self> {
        let strange = [0.0, -0.0, 1e300, -1e300, 1e-300, f64::MAX];
        let row = |_: usize| {
            let mut row = if random.below(3) == 0 { Fields::new() } else { record(random) };
            if random.below(2) == 0 {
                row.insert(word(random), Field::Number(strange[random.below(strange.len())]));
            }
            row
        };
        (0..n_rows).map(row).collect()
    }

    fn refused(_: bool) -> Vec<(Self, &'static str)> {
        let row = |value: f64| (fields([("size", Field::Number(value))]), "`size`");
        Vec::from([f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(row))
    }
}
