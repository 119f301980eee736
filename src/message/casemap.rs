//! i;unicode-casemap, the collation by which IMAP sorts text (RFC 5051; RFC 5256 section 6 and
//! RFC 5255 section 4.5 ask for it).

use unicode_normalization::UnicodeNormalization;

/// The titlecased, canonicalised form of a text: two texts are ordered as the octets of these
/// (RFC 5051 section 2). `[` and `_` stand behind the letters, `É` behind `E` and before `F`.
pub fn key(text: &str) -> String {
    text.chars().map(titlecase).nfkd().collect()
}

/// The simple titlecase mapping of the Unicode data: a character that has none of one
/// character stays itself (`ß` is not `SS`).
fn titlecase(character: char) -> char {
    match character {
        '\u{01C4}'..='\u{01C6}' => '\u{01C5}',
        '\u{01C7}'..='\u{01C9}' => '\u{01C8}',
        '\u{01CA}'..='\u{01CC}' => '\u{01CB}',
        '\u{01F1}'..='\u{01F3}' => '\u{01F2}',
        // Georgian letters have capitals, and are their own titlecase.
        '\u{10D0}'..='\u{10FF}' => character,
        _ => {
            let mut upper = character.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(single), None) => single,
                _ => character,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_5051() {
        assert_eq!(key("\u{01C4}"), "D\u{7A}\u{30C}");
        assert_eq!(key("\u{01C6}"), key("\u{01C5}"));
    }

    #[test]
    fn letters_come_before_what_stands_behind_them_in_ascii() {
        let mut texts = ["_", "[xyz]", "ß", "zz", "éa", "F", "e", "1"];
        texts.sort_by_key(|text| key(text));
        assert_eq!(texts, ["1", "e", "éa", "F", "zz", "[xyz]", "_", "ß"]);
    }

    #[test]
    fn case_is_no_difference() {
        assert_eq!(key("Grüße"), key("GRÜßE"));
        assert_ne!(key("Grüße"), key("GRÜSSE"));
        assert_eq!(key("ა"), "ა");
    }
}
