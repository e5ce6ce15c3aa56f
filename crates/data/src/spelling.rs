//! Spellings of one thing.

/// What is left when case, punctuation and white space do not count.
pub(crate) fn key(text: &str) -> String {
    let letters = |letter: char| if letter.is_alphanumeric() { letter } else { ' ' };
    let plain: String = text.chars().flat_map(char::to_lowercase).map(letters).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
