//! What goes wrong, in words: the cause, where, and at most one hint.

use std::io::{IsTerminal, Write};

use super::sanitize;

/// Prints `pillarbox: error: …` and, if there is one, `hint: …` to stderr.
///
/// Causes are joined by colons from the outermost to the innermost; one that only repeats
/// the end of the text before it is left out.
pub fn error(causes: &[String], hint: Option<&str>) {
    print("error", &joined(causes), hint);
}

/// Prints a warning.
pub fn warning(text: &str) {
    print("warning", text, None);
}

/// Prints a line for people that is neither.
pub fn note(text: &str) {
    let mut stderr = anstream::stderr().lock();
    // Nothing can be done about a stderr that is gone.
    let _ = writeln!(stderr, "{}", sanitize::line(text));
}

/// Causes in one line.
pub fn joined(causes: &[String]) -> String {
    let mut text = String::new();
    for cause in causes {
        if text.is_empty() {
            text.push_str(cause);
        } else if !text.contains(cause.as_str()) {
            text.push_str(": ");
            text.push_str(cause);
        }
    }
    text
}

fn print(kind: &str, text: &str, hint: Option<&str>) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (on, off) = match (colour, kind) {
        (false, _) => ("", ""),
        (true, "error") => ("\x1b[1;31m", "\x1b[0m"),
        (true, _) => ("\x1b[1;33m", "\x1b[0m"),
    };
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "pillarbox: {on}{kind}{off}: {}", sanitize::text(text));
    if let Some(hint) = hint {
        let _ = writeln!(stderr, "hint: {}", sanitize::text(hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_not_said_twice() {
        let causes = ["cannot read m.eml".to_owned(), "no such file".into(), "no such file".into()];
        assert_eq!(joined(&causes), "cannot read m.eml: no such file");
    }
}
