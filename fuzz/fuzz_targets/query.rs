//! Any query over any message: what can be read can be written and read again, every message has
//! an answer, and a query and its negation never agree.

#![no_main]

use jiff::Timestamp;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use pillarbox::imap::search_keys::{Manner, map};
use pillarbox::message::facts::Facts;
use pillarbox::query::{Attributes, Context, Expr, Local, parse};

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|octet| *octet == b'\n').unwrap_or(data.len());
    let (query, message) = data.split_at(end);
    let message = message.strip_prefix(b"\n").unwrap_or(message);
    let facts = Facts::new(message);
    facts.header().date();
    facts.header().references();
    facts.parts();
    facts.readable_text();
    let Ok(query) = std::str::from_utf8(query) else { return };
    let context = Context { now: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC };
    let expr = match parse(query, &context) {
        Ok(expr) => expr,
        Err(error) => {
            assert!(error.offset <= query.len());
            error.render(query);
            return;
        }
    };
    let written = expr.to_string();
    assert_eq!(parse(&written, &context).as_ref(), Ok(&expr), "{written}");
    let is = |expr: &Expr| Local::new(message, Attributes::default()).matches(expr);
    assert_ne!(is(&expr), is(&Expr::Not(Box::new(expr.clone()))), "{written}");
    for utf8 in [false, true] {
        let (bodies, fuzzy, saved, within) = (utf8, utf8, utf8, Some(context.now));
        map(&expr, Manner { utf8, bodies, fuzzy, gmail: false, saved, within });
    }
});
