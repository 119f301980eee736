//! Says what a search would ask of whom, and what it would find out itself.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::json;

use super::plan::{self, Plan, Target};
use super::server::{Place, Scope};
use crate::imap::search_keys::{Asked, Manner, map};
use crate::imap::syntax::command::{Command, Tagged};
use crate::imap::syntax::encode::{Encoder, Literals};
use crate::imap::syntax::search::{Key, Search};
use crate::query::{Expr, Field, Term};
use crate::ui::{Format, Output};

/// Prints the plan, a paragraph or an object for each place.
///
/// # Errors
/// The output's.
pub fn print(plan: &Plan, exact: bool, fuzzy: bool, out: &mut Output) -> Result<()> {
    if out.format() != Format::Json {
        out.line(&format!("query: {}", plan.expr))?;
    }
    for target in &plan.targets {
        let explained = explained(target, &plan.expr, (exact, fuzzy));
        if out.format() == Format::Json {
            out.json(&json!({
                "query": plan.expr.to_string(),
                "place": explained.place,
                "asks": explained.asks,
                "rest": explained.rest.as_ref().map(ToString::to_string),
                "needs": explained.needs,
                "text_by": explained.text_by,
            }))?;
        } else {
            for line in explained.to_string().lines() {
                out.line(line)?;
            }
        }
    }
    Ok(())
}

/// What happens at one place.
struct Explained {
    place: String,
    /// Commands; none for what is not on a server.
    asks: Vec<String>,
    /// What is evaluated here; `None`: nothing is left.
    rest: Option<Expr>,
    /// What is read for that.
    needs: Vec<&'static str>,
    text_by: Option<&'static str>,
}

fn explained(target: &Target, expr: &Expr, (exact, fuzzy): (bool, bool)) -> Explained {
    match target {
        Target::Server(place) => on_server(place, expr, (exact, fuzzy)),
        Target::Place(location, _) => here(location.to_string(), expr),
        Target::Files(paths) => here(format!("{} files", paths.len()), expr),
        Target::Message(_) => here("the message on standard input".into(), expr),
    }
}

fn here(place: String, expr: &Expr) -> Explained {
    let needs = needs(expr, false);
    let rest = (*expr != Expr::All).then(|| expr.clone());
    Explained { place, asks: Vec::new(), rest, needs, text_by: plan::text_by(expr, false) }
}

fn on_server(place: &Place, expr: &Expr, (exact, fuzzy): (bool, bool)) -> Explained {
    let (folder, which) = match &place.scope {
        Scope::All => (None, "each folder".to_owned()),
        Scope::Folder(name) => (Some(name.as_str()), format!("folder {name}")),
        Scope::Mailbox(name, _) => (None, format!("mailbox {}", String::from_utf8_lossy(name))),
    };
    let server = place.account.clone().unwrap_or_else(|| place.location.to_string());
    let narrowed = match folder {
        Some(name) => plan::narrowed(expr, Some(name), place.account.as_deref()),
        None => expr.clone(),
    };
    // What a server offers is known once it is asked; Gmail's language is Gmail's.
    let (utf8, bodies, gmail, saved) = (true, !exact, true, true);
    let manner = Manner { utf8, bodies, fuzzy, gmail, saved, within: None };
    let mapping = map(&narrowed, manner);
    let asks = match &mapping.asked {
        Asked::Nothing => Vec::new(),
        Asked::Keys(keys) => {
            let asked = std::iter::once(command(keys));
            let questions = mapping.questions.iter().enumerate().map(|(number, key)| {
                format!("{} for [{number}]", command(std::slice::from_ref(key)))
            });
            asked.chain(questions).collect()
        }
    };
    Explained {
        place: format!("{server}, {which}"),
        asks,
        needs: needs(&mapping.rest, true),
        rest: (mapping.rest != Expr::All).then_some(mapping.rest),
        text_by: plan::text_by(expr, manner.bodies),
    }
}

/// The command as it goes over the wire to a server with LITERAL+ and UTF-8.
fn command(keys: &[Key<'static>]) -> String {
    let charset = keys.iter().any(Key::needs_charset).then(|| b"UTF-8".as_slice().into());
    let command = Command::Search(true, Search { returns: None, charset, keys: keys.to_vec() });
    let mut out = Encoder::new(Literals::Plus, true);
    Tagged { tag: b"a".as_slice().into(), command }.encode(&mut out);
    match out.finish() {
        Ok(encoded) => {
            let line = String::from_utf8_lossy(&encoded.octets).into_owned();
            line.trim_start_matches("a ").trim_end().to_owned()
        }
        Err(refused) => refused.to_string(),
    }
}

/// What is read to evaluate an expression, the cheapest first.
fn needs(expr: &Expr, on_server: bool) -> Vec<&'static str> {
    let of_term = |term: &Term| match term {
        Term::Is(is) if is.flag().is_none() => 2,
        Term::Is(_) | Term::Flag(_) | Term::Size(_) | Term::Uid(_) => 0,
        Term::Date(date) if date.keyword.is_sent() => 1,
        Term::Date(_) | Term::Gmail(_) | Term::Extra(_) => 0,
        Term::Match(Field::Folder | Field::Account, _) => 0,
        Term::Match(Field::FileName | Field::Type | Field::Charset, _) | Term::Has(_) => 2,
        Term::Match(Field::Body | Field::Text, _) => 3,
        Term::Match(..) | Term::Header(..) | Term::Thread(_) => 1,
    };
    let names = if on_server {
        ["flags, size and date", "header fields", "BODYSTRUCTURE", "whole messages"]
    } else {
        ["flags, size and date", "headers", "whole messages", "whole messages"]
    };
    let mut steps: Vec<usize> = expr.terms().into_iter().map(of_term).collect();
    steps.sort_unstable();
    let mut found: Vec<&'static str> = steps.into_iter().map(|step| names[step]).collect();
    found.dedup();
    found
}

impl std::fmt::Display for Explained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = format!("{}\n", self.place);
        for ask in &self.asks {
            writeln!(text, "  asks the server: {ask}")?;
        }
        match &self.rest {
            Some(rest) => {
                writeln!(text, "  finds out here: {rest}")?;
                writeln!(text, "  of: {}", self.needs.join("; "))?;
            }
            None => writeln!(text, "  finds out here: nothing more")?,
        }
        match self.text_by {
            Some("server") => {
                writeln!(text, "  text is matched as the server understands it (see --exact)")?;
            }
            Some(_) => writeln!(text, "  text is matched here, decoded")?,
            None => {}
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::super::testing::Written;
    use super::*;
    use crate::base::location::Location;
    use crate::query::{Context, parse};

    fn printed(query: &str, exact: bool, format: Format) -> String {
        let context = Context { now: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC };
        let location = Location::parse("imaps://ann@h.test/").expect("a URL");
        let place = Place { account: None, location, scope: Scope::All };
        let local = Location::Maildir("/m".into());
        let plan = Plan {
            expr: parse(query, &context).expect(query),
            targets: vec![Target::Server(place), Target::Place(local, None)],
            zone: TimeZone::UTC,
            now: Timestamp::UNIX_EPOCH,
        };
        let written = Written::default();
        let mut out = Output::to(Box::new(written.clone()), format, false);
        print(&plan, exact, false, &mut out).expect("written");
        out.flush().expect("written");
        written.text()
    }

    #[test]
    fn what_goes_where() {
        assert_eq!(
            printed("from:ann has:pdf budget", false, Format::Lines),
            "query: from:ann has:pdf budget\n\
             imaps://ann@h.test/, each folder\n\
             \x20 asks the server: UID SEARCH FROM ann TEXT budget\n\
             \x20 finds out here: from:ann has:pdf\n\
             \x20 of: header fields; BODYSTRUCTURE\n\
             \x20 text is matched as the server understands it (see --exact)\n\
             maildir:/m\n\
             \x20 finds out here: from:ann has:pdf budget\n\
             \x20 of: headers; whole messages\n\
             \x20 text is matched here, decoded\n"
        );
        let exact = printed("budget", true, Format::Lines);
        assert!(exact.contains("UID SEARCH ALL\n") && exact.contains("of: whole messages\n"));
        let flags = printed("is:unread", false, Format::Lines);
        assert!(flags.contains("UID SEARCH UNSEEN\n  finds out here: nothing more\n"), "{flags}");
    }

    #[test]
    fn questions_have_numbers() {
        let text = printed("is:read (subject:/x/ OR body:budget)", false, Format::Lines);
        assert!(
            text.contains("asks the server: UID SEARCH SEEN OR SUBJECT x BODY budget\n"),
            "{text}"
        );
        assert!(text.contains("asks the server: UID SEARCH BODY budget for [0]\n"), "{text}");
    }

    #[test]
    fn objects_for_programs() {
        let text = printed("subject:東京", false, Format::Json);
        let line = text.lines().next().unwrap_or_default();
        let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(object["asks"][0], "UID SEARCH CHARSET UTF-8 SUBJECT \"東京\"");
        assert_eq!(object["rest"], "subject:東京");
        assert_eq!(object["needs"][0], "header fields");
    }
}
