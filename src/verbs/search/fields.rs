//! How much of a header decides a query: a few fields where those are all that it asks about, so
//! that a news server can give them out of its overview.

use super::found::Details;
use crate::query::{Expr, Field, Term};
use crate::store::What;

/// What to read of a message's header: with details also what they are made of.
pub fn asked(expr: &Expr, details: Details) -> What {
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name.to_owned());
        }
    };
    details.fields().iter().copied().for_each(&mut add);
    for term in expr.terms() {
        match term {
            Term::Match(Field::Id, _) => add("Message-ID"),
            Term::Match(
                field @ (Field::From
                | Field::To
                | Field::Cc
                | Field::Bcc
                | Field::Subject
                | Field::List),
                _,
            ) => match field.header_name() {
                Some(name) => add(name),
                None => return What::Headers,
            },
            Term::Header(name, _) => add(name),
            Term::Date(date) if date.keyword.is_sent() => add("Date"),
            // All fields are text that is searched; a thread is in fields that replace each
            // other.
            Term::Match(Field::Text, _) | Term::Thread(_) => return What::Headers,
            _ => {}
        }
    }
    What::HeaderFields(names)
}

#[cfg(test)]
mod tests {
    use super::super::testing::expr;
    use super::*;

    #[test]
    fn a_few_fields_where_they_decide() {
        let fields = |query: &str, details| match asked(&expr(query), details) {
            What::HeaderFields(names) => Some(names.join(",")),
            _ => None,
        };
        assert_eq!(
            fields("subject:x -from:ann body:y", Details::None).as_deref(),
            Some("Subject,From")
        );
        assert_eq!(fields("subject:x", Details::Shown).as_deref(), Some("Date,From,Subject"));
        assert_eq!(
            fields("header:x-face:a id:b", Details::None).as_deref(),
            Some("x-face,Message-ID")
        );
        assert_eq!(fields("larger:1k has:pdf", Details::None).as_deref(), Some(""));
        assert_eq!(fields("word", Details::None), None);
        assert_eq!(fields("thread:a@b", Details::Shown), None);
    }
}
