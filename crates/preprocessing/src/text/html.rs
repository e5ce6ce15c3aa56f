//! The text of what was written in HTML.

use std::borrow::Cow;
use std::collections::BTreeMap;

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
    let mut tags = Tags::of(html);
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((letter, after)) = character(rest) {
            text.push(letter);
            rest = after;
        } else if let Some((name, after)) = tags.tag(html.len() - rest.len()) {
            if !INLINE.contains(&name.as_str()) {
                text.push(' ');
            }
            rest = &html[after..];
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
                // Numbers of the language may have a sign, these have none.
                _ if number.contains('+') => return None,
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

/// The tags of a text, by their places. What was looked for far ahead is kept, so that time does not grow with the square of the text.
struct Tags<'a> {
    html: &'a str,
    /// The last `>`, and the last end of a comment.
    last: Option<usize>,
    last_comment: Option<usize>,
    /// The ends of what is hidden, once there was some.
    closed: Option<[Vec<usize>; 2]>,
    /// What comes after the tags that begin at these places, if they end.
    known: BTreeMap<usize, Option<usize>>,
}

impl<'a> Tags<'a> {
    fn of(html: &'a str) -> Self {
        let (last, last_comment) = (html.rfind('>'), html.rfind("-->"));
        Tags { html, last, last_comment, closed: None, known: BTreeMap::new() }
    }

    /// The name of a tag in small letters, empty for a comment or a declaration, and the place after it, or after the contents of a script or a style.
    fn tag(&mut self, at: usize) -> Option<(String, usize)> {
        let html = self.html;
        let inside = html[at..].strip_prefix('<')?;
        if let Some(comment) = inside.strip_prefix("!--") {
            let start = html.len() - comment.len();
            self.last_comment.filter(|last| *last >= start)?;
            return comment.find("-->").map(|end| (String::new(), start + end + 3));
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
        let after = self.end(at)?;
        let hidden = HIDDEN.iter().position(|hidden| *hidden == name).filter(|_| !is_end);
        let Some(which) = hidden else { return Some((name, after)) };
        let closed = &self.closed.get_or_insert_with(|| {
            let lower = html.to_ascii_lowercase();
            HIDDEN.map(|name| {
                let start = format!("</{name}");
                lower.match_indices(start.as_str()).map(|(at, _)| at).collect::<Vec<usize>>()
            })
        })[which];
        let end = *closed.get(closed.partition_point(|closed| *closed < after))?;
        Some((name, self.end(end)?))
    }

    /// The place after the `>` that ends a tag, which is none inside of quotes.
    fn end(&mut self, at: usize) -> Option<usize> {
        self.last.filter(|last| *last > at)?;
        let (mut quote, mut before, mut end) = (None, '<', None);
        let mut begun = Vec::new();
        for (step, letter) in self.html[at..].char_indices() {
            match quote {
                Some(open) if letter == open => quote = None,
                Some(_) => {}
                None if letter == '>' => {
                    end = Some(at + step + 1);
                    break;
                }
                // From here on it is as for a tag that begins here.
                None if letter == '<' => {
                    if let Some(known) = self.known.get(&(at + step)) {
                        end = *known;
                        break;
                    }
                    begun.push(at + step);
                }
                // An apostrophe in a word is no quote; one of an attribute comes after `=`.
                None if matches!(letter, '"' | '\'') && before == '=' => quote = Some(letter),
                None => {}
            }
            if !letter.is_whitespace() {
                before = letter;
            }
        }
        self.known.extend(begun.into_iter().map(|begun| (begun, end)));
        end
    }
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
            ("&#+65; &#x+41;", "&#+65; &#x+41;"),
            ("<a title = '>' <b>x", "x"),
            ("<a ='<b>'x>y</b>", "y"),
            ("&", "&"),
            ("ä&ö<ü", "ä&ö<ü"),
            ("</ b>", "</ b>"),
        ] {
            assert_eq!(text_of(html), text, "{html}");
        }
        assert!(matches!(text_of("plain"), Cow::Borrowed(_)));
    }

    /// A megabyte each, for which looking ahead from every `<` would take minutes.
    #[test]
    fn tags_without_an_end_take_no_time() {
        for (start, end, expected) in [
            ("<a ", "", ""),
            ("<a ", "=\">", "=\">"),
            ("<a =\"", "", ""),
            ("<!--", "", ""),
            ("<script>", "", ""),
            ("<script>", "</script", "</script"),
            ("<script ", "</script >", " "),
        ] {
            let many = start.repeat((1 << 20) / start.len());
            assert!(text_of(&format!("{many}{end}")) == format!("{many}{expected}"), "{start}{end}");
        }
    }
}
