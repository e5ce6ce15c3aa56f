//! What the text of each language says.

use super::code::{Language, Source, lines, reals};
use super::model::Link;

pub(super) fn write(source: &Source<'_>, language: Language) -> String {
    match language {
        Language::Rust => rust(source),
        Language::C => c(source),
        Language::Python => python(source),
    }
}

/// What tables look like in a language: what follows a word of bits, and what an empty table holds.
struct Style {
    word: &'static str,
    empty: &'static str,
}

/// Puts what a language says in its own way, then sizes and tables, in the places `@name@` of a template.
fn fill(template: &str, source: &Source<'_>, style: &Style, own: &[(&str, String)]) -> String {
    let tables = &source.tables;
    let slope = if let Link::Logistic { slope } = source.model.link() { slope } else { 1.0 };
    let table = |text: String| if text == "\n" { style.empty.to_owned() } else { text };
    let common = [
        ("minus_slope", format!("{:?}", -slope)),
        ("features", source.n_features().to_string()),
        ("outputs", source.n_outputs().to_string()),
        ("trees", tables.roots.len().to_string()),
        ("nodes", tables.asks.len().to_string()),
        ("words", tables.words.len().to_string()),
        ("base_table", reals(source.model.ensemble().base())),
        ("root_table", table(lines(&tables.roots))),
        ("ask_table", table(lines(&tables.asks))),
        ("right_table", table(lines(&tables.rights))),
        ("value_table", table(reals(&tables.values))),
        ("word_table", table(lines(tables.words.iter().map(|word| format!("{word}{}", style.word))))),
    ];
    let places = own.iter().chain(&common);
    places.fold(template.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value))
}

const RUST: &str = r#"
/// The numbers of a row.
pub const N_FEATURES: usize = @features@;
/// The scores, and the answers, of a row.
pub const N_OUTPUTS: usize = @outputs@;

/// The answers for a row.
pub fn predict(row: &[f64; N_FEATURES]) -> @answer@ {
@link@}

/// The scores of a row.
pub fn scores(row: &[f64; N_FEATURES]) -> @answer@ {
    let mut scores = BASE;
    for (tree, &root) in ROOTS.iter().enumerate() {
        let mut at = root as usize;
        while RIGHTS[at] != 0 {
            at = if goes_left(row[(ASKS[at] / 4) as usize], at) { at + 1 } else { RIGHTS[at] as usize };
        }
        scores[tree % N_OUTPUTS] += VALUES[at];
    }
    scores@first@
}

fn goes_left(value: f64, at: usize) -> bool {
    if value.is_nan() {
        return ASKS[at] & 1 != 0;
    }
    if ASKS[at] & 2 == 0 {
        return value <= VALUES[at];
    }
    let start = VALUES[at] as usize;
    let category = value as u64;
    value > -1.0
        && category / 64 < WORDS[start]
        && WORDS[start + 1 + (category / 64) as usize] >> (category % 64) & 1 != 0
}

/// What the sums start from.
static BASE: [f64; N_OUTPUTS] = [@base_table@];
/// The first node of each tree.
static ROOTS: [u32; @trees@] = [@root_table@];
/// Four times the column that a node asks for; 2 more for a set of categories, 1 more where NaN goes left.
static ASKS: [u32; @nodes@] = [@ask_table@];
/// The right child of each node, 0 for a leaf; the left one comes right after the node.
static RIGHTS: [u32; @nodes@] = [@right_table@];
/// The largest value that goes left, what a leaf says, or where a set begins.
static VALUES: [f64; @nodes@] = [@value_table@];
/// Of each set the number of words, then one bit for each category.
static WORDS: [u64; @words@] = [@word_table@];
"#;

fn rust(source: &Source<'_>) -> String {
    let one = source.n_outputs() == 1;
    let each = |answer: &str| {
        if one {
            format!("    let score = scores(row);\n    {answer}\n")
        } else {
            format!("    scores(row).map(|score| {answer})\n")
        }
    };
    let link = match source.model.link() {
        Link::Identity => "    scores(row)\n".to_owned(),
        Link::Exp => each("score.exp()"),
        Link::Logistic { .. } => each("1.0 / (1.0 + (@minus_slope@ * score).exp())"),
        Link::Softmax if one => each("(score - score).exp()"),
        Link::Softmax => "    let mut shares = scores(row);\n    \
             let largest = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);\n    \
             shares.iter_mut().for_each(|share| *share = (*share - largest).exp());\n    \
             let total: f64 = shares.iter().sum();\n    shares.map(|share| share / total)\n"
            .to_owned(),
    };
    let own = [
        ("link", link),
        ("answer", if one { "f64" } else { "[f64; N_OUTPUTS]" }.to_owned()),
        ("first", if one { "[0]" } else { "" }.to_owned()),
    ];
    source.head("//") + &fill(RUST, source, &Style { word: "", empty: "" }, &own)
}

const C: &str = r#"
#include <math.h>
#include <stdint.h>

enum { N_FEATURES = @features@, N_OUTPUTS = @outputs@, N_TREES = @trees@ };

/* What the sums start from. */
static const double BASE[] = {@base_table@};
/* The first node of each tree. */
static const uint32_t ROOTS[] = {@root_table@};
/* Four times the column that a node asks for; 2 more for a set of categories, 1 more where NaN goes left. */
static const uint32_t ASKS[] = {@ask_table@};
/* The right child of each node, 0 for a leaf; the left one comes right after the node. */
static const uint32_t RIGHTS[] = {@right_table@};
/* The largest value that goes left, what a leaf says, or where a set begins. */
static const double VALUES[] = {@value_table@};
/* Of each set the number of words, then one bit for each category. */
static const uint64_t WORDS[] = {@word_table@};

static int goes_left(double value, uint32_t at) {
    if (value != value) return ASKS[at] & 1;
    if (!(ASKS[at] & 2)) return value <= VALUES[at];
    const uint64_t *set = WORDS + (uint64_t)VALUES[at];
    if (!(set[0] != 0 && value > -1.0 && value < 64.0 * (double)set[0])) return 0;
    uint64_t category = (uint64_t)value;
    return (int)(set[1 + category / 64] >> (category % 64) & 1);
}

/* The scores of a row, from N_FEATURES numbers to N_OUTPUTS. */
static void add_trees(const double *row, double *sums) {
    for (uint32_t output = 0; output < N_OUTPUTS; output++) sums[output] = BASE[output];
    for (uint32_t tree = 0; tree < N_TREES; tree++) {
        uint32_t at = ROOTS[tree];
        while (RIGHTS[at] != 0) at = goes_left(row[ASKS[at] / 4], at) ? at + 1 : RIGHTS[at];
        sums[tree % N_OUTPUTS] += VALUES[at];
    }
}
"#;

const C_ONE: &str = r#"
/* The score of a row of N_FEATURES numbers. */
double scores(const double *row) {
    double sum;
    add_trees(row, &sum);
    return sum;
}

/* The answer for a row of N_FEATURES numbers. */
double predict(const double *row) {
    double score = scores(row);
    return @link@;
}
"#;

const C_SEVERAL: &str = r#"
/* The scores of a row: N_OUTPUTS of N_FEATURES numbers. */
void scores(const double *row, double *sums) {
    add_trees(row, sums);
}

/* The answers for a row: N_OUTPUTS of N_FEATURES numbers. */
void predict(const double *row, double *answers) {
    add_trees(row, answers);
@link@}
"#;

fn c(source: &Source<'_>) -> String {
    let one = source.n_outputs() == 1;
    let each = |answer: &str| {
        if one {
            return answer.to_owned();
        }
        format!(
            "    for (uint32_t output = 0; output < N_OUTPUTS; output++) {{\n        \
             double score = answers[output];\n        answers[output] = {answer};\n    }}\n"
        )
    };
    let link = match source.model.link() {
        Link::Identity if one => "score".to_owned(),
        Link::Identity => String::new(),
        Link::Exp => each("exp(score)"),
        Link::Logistic { .. } => each("1.0 / (1.0 + exp(@minus_slope@ * score))"),
        Link::Softmax if one => "exp(score - score)".to_owned(),
        Link::Softmax => format!(
            "    double largest = answers[0], total = 0.0;\n    for (uint32_t output = 1; output < N_OUTPUTS; output++) \
             if (answers[output] > largest) largest = answers[output];\n{}    \
             for (uint32_t output = 0; output < N_OUTPUTS; output++) total += answers[output];\n{}",
            each("exp(score - largest)"),
            each("score / total")
        ),
    };
    let template = C.to_owned() + if one { C_ONE } else { C_SEVERAL };
    // No array of C is empty.
    source.head("//") + &fill(&template, source, &Style { word: "u", empty: "0" }, &[("link", link)])
}

const PYTHON: &str = r#"
from math import exp, inf

N_FEATURES, N_OUTPUTS = @features@, @outputs@


def predict(row):
    """The answers for a row of N_FEATURES numbers@several@."""
@link@

def scores(row):
    """The scores of a row of N_FEATURES numbers@several@."""
    sums = list(BASE)
    for tree, at in enumerate(ROOTS):
        while RIGHTS[at]:
            at = at + 1 if _goes_left(float(row[ASKS[at] // 4]), at) else RIGHTS[at]
        sums[tree % N_OUTPUTS] += VALUES[at]
    return sums@first@


def _goes_left(value, at):
    if value != value:
        return ASKS[at] & 1
    if not ASKS[at] & 2:
        return value <= VALUES[at]
    start = int(VALUES[at])
    if not (WORDS[start] and -1 < value < 64 * WORDS[start]):
        return False
    category = int(value)
    return WORDS[start + 1 + category // 64] >> category % 64 & 1


def _exp(value):
    try:
        return exp(value)
    except OverflowError:
        return inf


# What the sums start from.
BASE = (@base_table@)
# The first node of each tree.
ROOTS = (@root_table@)
# Four times the column that a node asks for; 2 more for a set of categories, 1 more where NaN goes left.
ASKS = (@ask_table@)
# The right child of each node, 0 for a leaf; the left one comes right after the node.
RIGHTS = (@right_table@)
# The largest value that goes left, what a leaf says, or where a set begins.
VALUES = (@value_table@)
# Of each set the number of words, then one bit for each category.
WORDS = (@word_table@)
"#;

fn python(source: &Source<'_>) -> String {
    let one = source.n_outputs() == 1;
    let each = |answer: &str| {
        if one {
            format!("    score = scores(row)\n    return {answer}\n")
        } else {
            format!("    return [{answer} for score in scores(row)]\n")
        }
    };
    let link = match source.model.link() {
        Link::Identity => "    return scores(row)\n".to_owned(),
        Link::Exp => each("_exp(score)"),
        Link::Logistic { .. } => each("1.0 / (1.0 + _exp(@minus_slope@ * score))"),
        Link::Softmax if one => each("_exp(score - score)"),
        Link::Softmax => "    sums = scores(row)\n    largest = max(sums)\n    \
             shares = [_exp(score - largest) for score in sums]\n    total = 0.0\n    \
             for share in shares:\n        total += share\n    return [share / total for share in shares]\n"
            .to_owned(),
    };
    let own = [
        ("link", link),
        ("several", if one { "" } else { ", N_OUTPUTS of them" }.to_owned()),
        ("first", if one { "[0]" } else { "" }.to_owned()),
    ];
    source.head("#") + &fill(PYTHON, source, &Style { word: "", empty: "" }, &own)
}
