//! HTML reduced to the text that a reader sees, for search and for showing.
//!
//! Tags go; those that break lines or separate cells leave a separator, so that words in
//! neighbouring cells are not glued, while tags inside a word leave none. Scripts, styles,
//! titles and comments go. It is no renderer: style sheets that hide text are not obeyed.

use mail_parser::decoders::html::add_html_token;

/// Elements whose content is not shown.
const HIDDEN: [&[u8]; 4] = [b"script", b"style", b"title", b"template"];

/// Elements that stand inside a line of text: their tags separate nothing.
pub const INLINE: [&[u8]; 28] = [
    b"a", b"abbr", b"acronym", b"b", b"bdo", b"big", b"cite", b"code", b"del", b"dfn", b"em",
    b"font", b"i", b"ins", b"kbd", b"label", b"mark", b"q", b"s", b"samp", b"small", b"span",
    b"strike", b"strong", b"sub", b"sup", b"tt", b"u",
];

/// The longest character reference, `&` and `;` included, in octets.
const REFERENCE_OCTETS: usize = 40;

/// The text of an HTML document. Runs of white space are one space; a tag that begins or
/// ends a block, a row or a line gives a line feed, one that begins or ends a cell a space.
pub fn to_text(html: &str) -> String {
    let mut reader = Reader {
        octets: html.as_bytes(),
        out: String::with_capacity(html.len() / 2),
        gap: Gap::None,
        unclosed: [false; HIDDEN.len()],
        no_quote: [false; 2],
        no_comment_end: false,
    };
    let mut at = 0;
    while at < html.len() {
        at = reader.step(html, at);
    }
    reader.out
}

/// What separates the text so far from the text that comes next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
}

struct Reader<'a> {
    octets: &'a [u8],
    out: String,
    gap: Gap,
    /// Hidden elements of which no more end tags follow; looking again would cost
    /// quadratic time.
    unclosed: [bool; HIDDEN.len()],
    /// The same for double and single quotation marks.
    no_quote: [bool; 2],
    /// The same for the ends of comments.
    no_comment_end: bool,
}

impl Reader<'_> {
    /// Takes what stands at `at`; gives the offset after it, always further on.
    fn step(&mut self, html: &str, at: usize) -> usize {
        match self.octets[at] {
            b'<' => self.markup(at),
            b'&' => self.reference(html, at),
            octet if octet.is_ascii_whitespace() => {
                self.gap = self.gap.max(Gap::Space);
                at + 1
            }
            _ => {
                let rest = &self.octets[at..];
                let length = rest
                    .iter()
                    .position(|octet| matches!(octet, b'<' | b'&') || octet.is_ascii_whitespace())
                    .unwrap_or(rest.len());
                self.text(&html[at..at + length]);
                at + length
            }
        }
    }

    fn text(&mut self, text: &str) {
        // Both are C2 and another octet in UTF-8.
        if !text.as_bytes().contains(&0xc2) {
            self.close_gap();
            self.out.push_str(text);
            return;
        }
        // A no-break space is a space to a reader, a soft hyphen is nothing.
        for (index, piece) in text.split('\u{a0}').enumerate() {
            if index > 0 {
                self.gap = self.gap.max(Gap::Space);
            }
            let mut shown = piece.split('\u{ad}').filter(|part| !part.is_empty()).peekable();
            if shown.peek().is_some() {
                self.close_gap();
                self.out.extend(shown);
            }
        }
    }

    /// Writes what separates the next text from the one before it.
    fn close_gap(&mut self) {
        if !self.out.is_empty() {
            match self.gap {
                Gap::None => {}
                Gap::Space => self.out.push(' '),
                Gap::Line => self.out.push('\n'),
            }
        }
        self.gap = Gap::None;
    }

    fn reference(&mut self, html: &str, at: usize) -> usize {
        let rest = &self.octets[at..];
        let window = &rest[..rest.len().min(REFERENCE_OCTETS)];
        let length = window
            .iter()
            .skip(1)
            .position(|octet| !octet.is_ascii_alphanumeric() && *octet != b'#')
            .map_or(window.len(), |found| found + 1);
        if length > 1 && rest.get(length) == Some(&b';') {
            let mut decoded = String::new();
            add_html_token(&mut decoded, &rest[..=length], false);
            if decoded.chars().all(char::is_whitespace) {
                self.gap = self.gap.max(Gap::Space);
            } else {
                self.text(&decoded);
            }
            at + length + 1
        } else {
            self.text(&html[at..at + length]);
            at + length
        }
    }

    fn markup(&mut self, at: usize) -> usize {
        let rest = &self.octets[at..];
        if let Some(comment) = rest.strip_prefix(b"<!--") {
            // "<!-->" and "<!--->" are whole comments (HTML, section 13.2.5.43).
            let short = [(&b">"[..], 5), (&b"->"[..], 6)]
                .into_iter()
                .find(|(close, _)| comment.starts_with(close));
            let end = match short {
                Some((_, length)) => Some(length),
                None if self.no_comment_end => None,
                None => memchr::memmem::find(comment, b"-->").map(|found| 4 + found + 3),
            };
            self.no_comment_end = end.is_none();
            // What follows a comment that never ends is shown rather than lost.
            return at + end.unwrap_or(4);
        }
        let closing = rest.get(1) == Some(&b'/');
        let name_at = if closing { 2 } else { 1 };
        match rest.get(name_at) {
            Some(octet) if octet.is_ascii_alphabetic() => {}
            Some(b'!' | b'?') if !closing => {}
            _ => {
                self.text("<");
                return at + 1;
            }
        }
        let name_length = rest[name_at..]
            .iter()
            .position(|octet| octet.is_ascii_whitespace() || matches!(octet, b'>' | b'/'))
            .unwrap_or(rest.len() - name_at);
        let name = &rest[name_at..name_at + name_length];
        let end = self.tag_end(at + name_at + name_length);
        self.separate(name);
        if !closing
            && let Some(index) = HIDDEN.iter().position(|hidden| hidden.eq_ignore_ascii_case(name))
        {
            return self.skip_hidden(index, end);
        }
        end
    }

    /// Offset after the `>` of a tag, which quoted attribute values do not end; the end of
    /// the document when there is none.
    fn tag_end(&mut self, from: usize) -> usize {
        let mut at = from;
        while let Some(found) = memchr::memchr3(b'>', b'"', b'\'', &self.octets[at..]) {
            let mark = self.octets[at + found];
            at += found + 1;
            if mark == b'>' {
                return at;
            }
            let index = usize::from(mark == b'\'');
            if !self.no_quote[index] {
                match memchr::memchr(mark, &self.octets[at..]) {
                    Some(close) => at += close + 1,
                    None => self.no_quote[index] = true,
                }
            }
        }
        self.octets.len()
    }

    fn separate(&mut self, name: &[u8]) {
        let is_in = |list: &[&[u8]]| list.iter().any(|other| other.eq_ignore_ascii_case(name));
        let gap = if is_in(&INLINE) {
            Gap::None
        } else if is_in(&[b"td", b"th", b"img", b"input", b"option", b"button"]) {
            Gap::Space
        } else {
            Gap::Line
        };
        self.gap = self.gap.max(gap);
    }

    /// Offset of the end tag of a hidden element that begins at `from`; `from` itself when
    /// there is none, so that a forgotten end tag hides nothing.
    fn skip_hidden(&mut self, index: usize, from: usize) -> usize {
        if self.unclosed[index] {
            return from;
        }
        let name = HIDDEN[index];
        let mut at = from;
        while let Some(found) = memchr::memmem::find(&self.octets[at..], b"</") {
            let after = at + found + 2;
            let candidate = self.octets.get(after..after + name.len());
            if candidate.is_some_and(|octets| octets.eq_ignore_ascii_case(name)) {
                return at + found;
            }
            at = after;
        }
        self.unclosed[index] = true;
        from
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_neither_glued_nor_cut() {
        let cases = [
            ("<table><tr><td>one</td><td>two</td></tr><tr><td>three</table>", "one two\nthree"),
            ("<p>a <b>bo</b>ld word</p><p>next", "a bold word\nnext"),
            ("x<br>y<BR/>z", "x\ny\nz"),
            ("<style>p { color: red }</style>shown<script>var a = '<b>';</script>", "shown"),
            ("a<!-- hidden > -->b<!-->c", "abc"),
            (
                "caf&eacute; &lt;x&gt; &#8364; &#x20AC; &unknown; &amp",
                "café <x> € € &unknown; &amp",
            ),
            ("a&nbsp;b\u{a0}c so\u{ad}ft &shy;hyphen", "a b c soft hyphen"),
            ("<a title=\"1 > 2\" href='x>y'>link</a>", "link"),
            ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
            ("<title>hidden</title><body>text", "text"),
            ("<style>never closed <p>text", "never closed\ntext"),
            ("  \n ", ""),
        ];
        for (html, text) in cases {
            assert_eq!(to_text(html), text, "{html}");
        }
    }

    #[test]
    fn hostile_documents_stay_linear() {
        for piece in ["<style>", "<a \"", "<!--", "</", "<", "&", "<a '>"] {
            to_text(&piece.repeat(50_000));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(html in "([<>&;\"'/!a-z -]|\\PC){0,100}") {
            to_text(&html);
        }
    }
}
