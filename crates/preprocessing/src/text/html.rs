//! The text of what was written in HTML.

use std::borrow::Cow;

use super::entities::named;

/// Tags that stand inside of words and take no room.
const INLINE: [&str; 20] = [
    "a", "abbr", "b", "big", "cite", "code", "del", "em", "font", "i", "ins", "mark", "q", "s", "small",
    "span", "strong", "sub", "sup", "u",
];

/// Elements whose contents are no text.
const HIDDEN: [&str; 2] = ["script", "style"];

/// The longest name of a character, with room for numbers.
const LONGEST_NAME: usize = 10;

/// Without tags, comments, scripts and styles, and with the characters that names and numbers stand for. A `<` or `&` that begins neither is
/// text.
pub(super) fn text_of(html: &str) -> Cow<'_, str> {
    if !html.contains(['<', '&']) {
        return Cow::Borrowed(html);
    }
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((letter, after)) = character(rest) {
            text.push(letter);
            rest = after;
        } else if let Some((name, after)) = tag(rest) {
            if !INLINE.contains(&name.as_str()) {
                text.push(' ');
            }
            rest = after;
        } else {
            text.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The character that `&name;`, `&#228;` or `&#xe4;` stands for, and what comes after it.
fn character(text: &str) -> Option<(char, &str)> {
    let name = text.strip_prefix('&')?;
    let end = name.bytes().take(LONGEST_NAME + 1).position(|byte| byte == b';')?;
    let (name, after) = (name.get(..end)?, name.get(end + 1..)?);
    let letter = match name.strip_prefix('#') {
        Some(number) => {
            let number = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            // U+0000 is none that a text should have.
            char::from_u32(number).filter(|letter| *letter != '\0')?
        }
        None => named(name)?,
    };
    Some((letter, after))
}

/// The name of a tag in small letters, empty for a comment or a declaration, and what comes after it, or after the contents of a script or a style.
fn tag(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('<')?;
    if let Some(comment) = inside.strip_prefix("!--") {
        return comment.find("-->").map(|end| (String::new(), &comment[end + 3..]));
    }
    let (start, is_end) = match inside.strip_prefix('/') {
        Some(start) => (start, true),
        None => (inside, false),
    };
    let name: String = start.chars().take_while(char::is_ascii_alphanumeric).collect();
    let is_tag = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_remark = inside.starts_with(['!', '?']) && !is_end;
    if !is_tag && !is_remark {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let after = after_tag(inside)?;
    if !is_end && HIDDEN.contains(&name.as_str()) {
        let lower = after.to_ascii_lowercase();
        let end = lower.find(&format!("</{name}"))?;
        return Some((name, after_tag(&after[end + 1..])?));
    }
    Some((name, after))
}

/// What comes after the `>` that ends a tag, which is none inside of quotes.
fn after_tag(inside: &str) -> Option<&str> {
    let mut quote = None;
    for (at, letter) in inside.char_indices() {
        match quote {
            Some(open) if letter == open => quote = None,
            Some(_) => {}
            None if letter == '>' => return Some(&inside[at + 1..]),
            // An apostrophe in a word is no quote; one of an attribute comes after `=`.
            None if matches!(letter, '"' | '\'') && inside[..at].trim_end().ends_with('=') => {
                quote = Some(letter);
            }
            None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_go_and_names_become_characters() {
        for (html, text) in [
            ("<b>bo</b>ld", "bold"),
            ("one<br/>two", "one two"),
            ("<p class=\"a > b\">x</p>", " x "),
            ("it's <i>Bob's</i>", "it's Bob's"),
            ("a < b & c > d", "a < b & c > d"),
            ("1<2", "1<2"),
            ("&lt;b&gt; &amp;amp; &#228;&#xE4;&auml;&euro;", "<b> &amp; äää€"),
            ("&nothing; &;&#0;&#xd800;&#99999999;", "&nothing; &;&#0;&#xd800;&#99999999;"),
            ("x<!-- <b>y</b> -->z", "x z"),
            ("<!doctype html><HTML>t</HTML>", "  t "),
            ("<script>if (a < b) { '</p>' }</script>t", " t"),
            ("<STYLE>p { }</Style >t", " t"),
            ("<b", "<b"),
            ("<script>no end", "<script>no end"),
            ("<!-- no end", "<!-- no end"),
            ("&", "&"),
            ("ä&ö<ü", "ä&ö<ü"),
            ("</ b>", "</ b>"),
        ] {
            assert_eq!(text_of(html), text, "{html}");
        }
        assert!(matches!(text_of("plain"), Cow::Borrowed(_)));
    }
}
