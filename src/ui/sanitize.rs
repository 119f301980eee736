//! Makes untrusted text harmless for a terminal: no control or escape sequences, no
//! bidirectional overrides (CVE-2021-42574 is the kind of thing).

use std::borrow::Cow;

/// `text` without control characters (tabs become spaces) and without the characters that
/// reorder or hide text. One line in, one line out.
pub fn line(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| !is_harmful(c)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|&c| !is_harmful(c)).collect(),
    )
}

/// As [`line()`], keeping line feeds and tabs: for text of several lines.
pub fn text(text: &str) -> Cow<'_, str> {
    let keep = |c: char| matches!(c, '\n' | '\t') || !is_harmful(c);
    if text.chars().all(keep) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|&c| keep(c)).collect())
}

/// Octets of unknown encoding: UTF-8 where they are, `\xNN` where they are not.
pub fn octets(octets: &[u8]) -> String {
    let mut out = String::new();
    for chunk in octets.utf8_chunks() {
        out.push_str(&line(chunk.valid()));
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Whether a character does something to a terminal, or reorders or hides text.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0001}'
            | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_overrides_lose_their_teeth() {
        assert_eq!(line("plain ünïcode 漢字"), "plain ünïcode 漢字");
        assert_eq!(line("a\x1b[31mred\x07\r\nb"), "a[31mredb");
        assert_eq!(line("a\u{202e}gpj.exe\u{2066}"), "agpj.exe");
        assert_eq!(line("c1\u{9b}31m"), "c131m");
        assert_eq!(text("a\n\tb\x1b]0;x\x07"), "a\n\tb]0;x");
        assert_eq!(octets(b"ok \xff\x1b"), "ok \\xff");
    }
}
