//! What standard input itself holds: one message, or an mbox.

use std::io::{BufReader, Seek, SeekFrom};

use anyhow::Result;
use jiff::Timestamp;

use super::files::Manner;
use super::found::{Details, Found, Results};
use super::input::Piped;
use crate::base::location::{MboxReference, Reference};
use crate::query::{self, Attributes, Expr, Local, relevance};
use crate::store::mbox::{Reader, Variety};
use crate::store::{self, Flag};

/// What stands for standard input in a reference, and how errors call it.
const STDIN: &str = "-";
const CALLED: &str = "standard input";

/// Looks at the one message; its reference is `-`.
///
/// # Errors
/// The output's.
pub fn message(
    octets: &[u8],
    expr: &Expr,
    manner: Manner,
    results: &mut Results<'_>,
) -> Result<()> {
    let dated = Local::new(octets, Attributes::default());
    let received = dated.content().header().date();
    let attributes = Attributes { received, ..Attributes::default() };
    let expr = query::narrowed(expr, None, None);
    add(STDIN.to_owned(), octets, attributes, (expr, manner), results)
}

/// Looks at each message of an mbox, one in memory at a time; its reference is `mbox:-;offset=N`
/// with a digest, so that it can be found in a file that has the same messages.
///
/// # Errors
/// [`store::Error`] for what is no mbox, or cannot be read; the output's.
pub fn mbox(piped: &Piped, expr: &Expr, manner: Manner, results: &mut Results<'_>) -> Result<()> {
    let mut file = &*piped.0;
    file.seek(SeekFrom::Start(0)).map_err(|error| store::Error::file(CALLED.as_ref(), error))?;
    let mut reader = Reader::new(BufReader::new(file), Variety::Auto, CALLED);
    let expr = query::narrowed(expr, None, None);
    let mut octets = Vec::new();
    while let Some(head) = reader.next_message()?
        && !results.is_full()
    {
        octets.clear();
        while reader.read(&mut octets)? {}
        let received = head.received.and_then(|at| Timestamp::from_second(at.seconds).ok());
        let flags = reader.flags().iter().map(Flag::name).map(str::to_owned).collect();
        let attributes = Attributes { received, flags: Some(flags), ..Attributes::default() };
        let (path, offset, digest) = (STDIN.into(), head.offset, reader.digest());
        let reference = Reference::Mbox(MboxReference { path, offset, digest }).to_string();
        add(reference, &octets, attributes, (expr.clone(), manner), results)?;
    }
    Ok(())
}

fn add(
    reference: String,
    octets: &[u8],
    attributes: Attributes,
    (expr, manner): (Expr, Manner),
    results: &mut Results<'_>,
) -> Result<()> {
    let (received, flags) = (attributes.received, attributes.flags.clone());
    let message = Local::new(octets, attributes).with_documents(manner.documents);
    if !message.matches(&expr) {
        return Ok(());
    }
    let size = Some(message.content().size());
    let score = relevance::score(&expr, message.content());
    let score = (results.details() == Details::Score).then_some(score);
    let found = Found { reference, flags, size, score, ..Found::default() };
    results.add(found.with_header(message.content().header(), received))
}
