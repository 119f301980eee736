//! THREAD (RFC 5256): REFERENCES and ORDEREDSUBJECT.

use super::outcome::Outcome;
use super::search::Candidate;
use super::sort::sent;
use crate::base::limits::NESTING;
use crate::imap::syntax::search::Thread;
use crate::message::thread::{self, Forest, Message};

/// The threads that messages form; `uid` says what they are called.
///
/// # Errors
/// BAD for an algorithm that we do not know.
pub(super) fn threads(
    algorithm: &[u8],
    found: &[Candidate<'_>],
    uid: bool,
) -> Result<Vec<Thread>, Outcome> {
    let is = |known: &str| algorithm.eq_ignore_ascii_case(known.as_bytes());
    let numbers: Vec<u32> = found
        .iter()
        .map(|candidate| if uid { candidate.message.uid } else { candidate.number })
        .collect();
    if is("REFERENCES") {
        let messages: Vec<Message> = found.iter().map(message).collect();
        let forest = thread::references(&messages);
        return Ok(forest.roots.iter().map(|root| subtree(&forest, *root, &numbers, 0)).collect());
    }
    if is("ORDEREDSUBJECT") {
        return Ok(ordered_subject(found, &numbers));
    }
    Err(Outcome::bad("there is no such threading algorithm"))
}

fn message(candidate: &Candidate<'_>) -> Message {
    let header = candidate.facts.header();
    Message {
        id: header.message_id(),
        references: header.references(),
        subject: header.subject().unwrap_or_default().to_owned(),
        sent: jiff::Timestamp::from_second(sent(candidate)).ok(),
    }
}

/// A node and all below it: a row as long as each has one answer, and then branches. Below
/// the depth that a reader has to follow, what is left becomes one row.
fn subtree(forest: &Forest, root: usize, numbers: &[u32], depth: usize) -> Thread {
    let number = |node: usize| forest.nodes[node].message.map(|message| numbers[message]);
    let mut thread = Thread::default();
    if depth + 1 >= NESTING {
        let below = forest.walk(root).into_iter();
        thread.members = below.filter_map(|(node, _)| number(node)).collect();
        return thread;
    }
    let mut at = root;
    loop {
        thread.members.extend(number(at));
        match forest.nodes[at].children.as_slice() {
            [] => return thread,
            [only] => at = *only,
            several => {
                let branch = |child: &usize| subtree(forest, *child, numbers, depth + 1);
                thread.branches = several.iter().map(branch).collect();
                return thread;
            }
        }
    }
}

/// Messages of one base subject, by date; the first is the parent of all others (RFC 5256
/// section 3, ORDEREDSUBJECT).
fn ordered_subject(found: &[Candidate<'_>], numbers: &[u32]) -> Vec<Thread> {
    let mut all: Vec<(String, i64, usize)> = found
        .iter()
        .enumerate()
        .map(|(index, candidate)| {
            let subject = candidate.facts.header().subject().unwrap_or_default();
            (thread::base_subject(subject), sent(candidate), index)
        })
        .collect();
    all.sort();
    let mut groups: Vec<(i64, usize, Vec<u32>)> = Vec::new();
    let mut last: Option<&str> = None;
    for (subject, date, index) in &all {
        match groups.last_mut() {
            Some((_, _, members)) if last == Some(subject.as_str()) => {
                members.push(numbers[*index]);
            }
            _ => groups.push((*date, *index, vec![numbers[*index]])),
        }
        last = Some(subject);
    }
    groups.sort();
    groups.into_iter().map(|(_, _, members)| star(members)).collect()
}

fn star(members: Vec<u32>) -> Thread {
    match members.as_slice() {
        [first, rest @ ..] if rest.len() > 1 => Thread {
            members: vec![*first],
            branches: rest
                .iter()
                .map(|number| Thread { members: vec![*number], branches: Vec::new() })
                .collect(),
        },
        _ => Thread { members, branches: Vec::new() },
    }
}
