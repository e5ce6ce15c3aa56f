//! What is said below a picture that stands alone.

use maud::{Markup, html};

use super::round;

/// The height of a line.
const LINE: f64 = 16.0;
/// As many characters fit into the width of a picture.
const MOST_CHARACTERS: usize = 110;

/// The note in lines as wide as the picture; nothing where there is none.
pub(super) fn lines(note: Option<&str>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in note.unwrap_or_default().split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < MOST_CHARACTERS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// How much taller these lines make the picture.
pub(super) fn height(lines: &[String]) -> f64 {
    if lines.is_empty() { 0.0 } else { LINE * lines.len() as f64 + 4.0 }
}

/// The lines below a picture of this height.
pub(super) fn draw(lines: &[String], height: f64) -> Markup {
    html! {
        @for (number, line) in lines.iter().enumerate() {
            text x="16" y=(round(height + 8.0 + LINE * number as f64)) font-size="11" fill="#5b6470" { (line) }
        }
    }
}
