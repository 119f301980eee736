//! What OVER and HDR tell of an article: its header fields on one line, its size, its lines.
//!
//! RFC 3977 sections 8.1 to 8.3.

use crate::message::headers;
use crate::nntp::syntax::overview::{FIRST, Overview};

/// The fields of OVER behind the usual seven, which come whole.
pub const FULL: [&str; 1] = ["Xref"];

/// The lines of LIST OVERVIEW.FMT.
pub fn format() -> Vec<String> {
    let first = FIRST.iter().map(|name| match name.starts_with(':') {
        true => (*name).to_owned(),
        false => format!("{name}:"),
    });
    first.chain(FULL.iter().map(|name| format!("{name}:full"))).collect()
}

/// The article's line of OVER.
pub fn overview(number: u64, article: &[u8]) -> Overview {
    let first = FIRST.iter().map(|name| value(article, name).unwrap_or_default());
    let full = FULL.iter().map(|name| match value(article, name) {
        Some(value) => [name.as_bytes(), b": ", &value].concat(),
        None => Vec::new(),
    });
    Overview { number, fields: first.chain(full).collect() }
}

/// The content of a header field, or of `:bytes` or `:lines`; `None` where the article has none.
pub fn value(article: &[u8], name: &str) -> Option<Vec<u8>> {
    match name.to_ascii_lowercase().as_str() {
        ":bytes" => Some(article.len().to_string().into_bytes()),
        ":lines" => Some(lines(article).to_string().into_bytes()),
        _ => {
            let field = headers::find(article, name)?;
            let joined: Vec<u8> =
                field.value.iter().copied().filter(|octet| !b"\r\n".contains(octet)).collect();
            let blank = |octet: u8| if matches!(octet, b'\t' | 0) { b' ' } else { octet };
            Some(joined.trim_ascii().iter().copied().map(blank).collect())
        }
    }
}

/// Whether HDR knows the metadata of that name.
pub fn is_metadata(name: &str) -> bool {
    FIRST.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Where the header ends, before its empty line, and where the body begins.
pub fn divided(article: &[u8]) -> (usize, usize) {
    let end = headers::fields_end(article);
    (end, headers::body_offset(article).unwrap_or(article.len()))
}

/// Lines of the body.
fn lines(article: &[u8]) -> usize {
    let (_, body) = divided(article);
    let body = &article[body..];
    let ends = memchr::memchr_iter(b'\n', body).count();
    ends + usize::from(!body.is_empty() && !body.ends_with(b"\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARTICLE: &[u8] = b"Subject: a\r\n\tfolded subject\r\nFrom: b@c\r\nMessage-ID: <1@c>\r\n\
        Xref: h g:1\r\n\r\none\r\ntwo\r\n";

    #[test]
    fn an_overview_has_its_fields_in_order() {
        let over = overview(7, ARTICLE);
        let mut line = Vec::new();
        over.write(&mut line);
        let wanted =
            format!("7\ta folded subject\tb@c\t\t<1@c>\t\t{}\t2\tXref: h g:1", ARTICLE.len());
        assert_eq!(String::from_utf8_lossy(&line), wanted);
        assert_eq!(format()[5..], [":bytes", ":lines", "Xref:full"]);
        assert_eq!(format()[0], "Subject:");
    }

    #[test]
    fn an_article_is_divided() {
        let (end, body) = divided(ARTICLE);
        assert!(ARTICLE[..end].ends_with(b"Xref: h g:1\r\n"));
        assert_eq!(&ARTICLE[body..], b"one\r\ntwo\r\n");
        assert_eq!(divided(b"A: b\r\n"), (6, 6));
        assert_eq!(value(b"A: b\r\n\r\nx", ":lines"), Some(b"1".to_vec()));
    }
}
