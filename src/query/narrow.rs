//! A query for the messages of one place, where some of its terms have their answer, and the
//! fields of the header that decide it.

use super::ast::{Expr, Field, Term};
use super::eval::{Verdict, eval};
use super::local::{Attributes, Gathered};

/// The query for the messages of one folder: terms about folder and account are answered.
pub fn narrowed(expr: &Expr, folder: Option<&str>, account: Option<&str>) -> Expr {
    let attributes = Attributes {
        folder: folder.map(str::to_owned),
        account: account.map(str::to_owned),
        ..Attributes::default()
    };
    let place = Gathered { attributes: Some(attributes), ..Gathered::default() };
    narrow(expr, &place, &[Field::Folder, Field::Account])
}

/// The query with its terms about the account answered, and nothing else.
pub fn narrowed_to_account(expr: &Expr, account: Option<&str>) -> Expr {
    let attributes = Attributes { account: account.map(str::to_owned), ..Attributes::default() };
    let place = Gathered { attributes: Some(attributes), ..Gathered::default() };
    narrow(expr, &place, &[Field::Account])
}

fn narrow(expr: &Expr, place: &Gathered, decided: &[Field]) -> Expr {
    match expr {
        Expr::All => Expr::All,
        Expr::Term(Term::Match(field, _)) if decided.contains(field) => {
            if eval(expr, place) == Verdict::Yes { Expr::All } else { nothing() }
        }
        Expr::Term(_) => expr.clone(),
        Expr::Not(inner) => match narrow(inner, place, decided) {
            Expr::All => nothing(),
            inner if is_nothing(&inner) => Expr::All,
            inner => Expr::Not(Box::new(inner)),
        },
        Expr::And(list) => {
            let mut kept: Vec<Expr> =
                list.iter().map(|part| narrow(part, place, decided)).collect();
            if kept.iter().any(is_nothing) {
                return nothing();
            }
            kept.retain(|part| *part != Expr::All);
            match kept.len() {
                0 => Expr::All,
                1 => kept.remove(0),
                _ => Expr::And(kept),
            }
        }
        Expr::Or(list) => {
            let mut kept: Vec<Expr> =
                list.iter().map(|part| narrow(part, place, decided)).collect();
            if kept.contains(&Expr::All) {
                return Expr::All;
            }
            kept.retain(|part| !is_nothing(part));
            match kept.len() {
                1 => kept.remove(0),
                _ => Expr::Or(kept),
            }
        }
    }
}

fn nothing() -> Expr {
    Expr::Or(Vec::new())
}

/// Whether a narrowed query asks for no message at all.
pub fn is_nothing(expr: &Expr) -> bool {
    matches!(expr, Expr::Or(list) if list.is_empty())
}

/// The header fields that a query speaks of, each once; `None`: all of them.
pub fn header_names(expr: &Expr) -> Option<Vec<&str>> {
    let mut names: Vec<&str> = Vec::new();
    for term in expr.terms() {
        match term {
            Term::Match(Field::Text, _) => return None,
            Term::Match(field, _) => names.extend(field.header_name()),
            Term::Header(name, _) => names.push(name),
            Term::Date(_) => names.push("Date"),
            Term::Thread(_) => names.extend(["Message-ID", "References", "In-Reply-To"]),
            _ => {}
        }
    }
    names.sort_unstable_by_key(|name| name.to_ascii_lowercase());
    names.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
    Some(names)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::super::Context;
    use super::*;

    #[test]
    fn folders_are_decided_before_they_are_opened() {
        let context = Context { now: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC };
        let parse = |query: &str| super::super::parse(query, &context).expect(query);
        let told = |query: &str| narrowed(&parse(query), Some("Lists/rust"), Some("work"));
        assert_eq!(told("folder:Lists/* from:ann"), parse("from:ann"));
        assert!(is_nothing(&told("folder:INBOX from:ann")));
        assert_eq!(told("folder:INBOX OR from:ann"), parse("from:ann"));
        assert_eq!(told("-folder:INBOX"), Expr::All);
        assert_eq!(told("account:work (folder:x OR account:work)"), Expr::All);
        assert_eq!(told("-(folder:Lists/rust from:a)"), parse("-from:a"));
        assert!(is_nothing(&narrowed(&parse("account:*"), None, None)));
    }
}
