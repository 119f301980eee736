//! The known word that a misspelt one was perhaps meant to be.

/// The candidate that fewest slips of the finger separate from `word` (a letter too many, too
/// few, other, or swapped with its neighbour; case does not count), the first of several.
/// `None` when even the best is more than a third of the longer word away.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let known = folded(candidate);
        // Words of such different lengths are too far apart, whatever is in them.
        let allowed = word.len().max(known.len()) / 3;
        if word.len().abs_diff(known.len()) > allowed {
            continue;
        }
        let slips = distance(&word, &known);
        if slips <= allowed && best.is_none_or(|(least, _)| slips < least) {
            best = Some((slips, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn folded(word: &str) -> Vec<char> {
    word.chars().flat_map(char::to_lowercase).collect()
}

/// Optimal string alignment: edits, and swaps of neighbours, none of which overlap.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let differs = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (above[j] + 1).min(row[j - 1] + 1).min(above[j - 1] + differs);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let known = ["imap", "smtp", "email", "aliases", "password-command", "tls", "tls-min"];
        for (word, want) in [
            ("imap", Some("imap")),
            ("IMPA", Some("imap")),
            ("smpt", Some("smtp")),
            ("alias", Some("aliases")),
            ("password_command", Some("password-command")),
            ("passwordcommand", Some("password-command")),
            ("tsl", Some("tls")),
            ("tlsmin", Some("tls-min")),
            ("colour", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known), want, "{word}");
        }
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn distances() {
        let of = |a: &str, b: &str| distance(&folded(a), &folded(b));
        assert_eq!(of("", "abc"), 3);
        assert_eq!(of("abc", ""), 3);
        assert_eq!(of("kitten", "sitting"), 3);
        assert_eq!(of("ca", "ac"), 1);
        assert_eq!(of("Ä", "ä"), 0);
    }
}
