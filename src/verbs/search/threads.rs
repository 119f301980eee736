//! Threads of what was found, put together by REFERENCES over everything that was searched
//! (RFC 5256 section 3), whatever folder or place a message is in.

use std::collections::HashSet;

use super::found::{Found, ThreadPlace};
use crate::message::thread::{Message, references};

/// Of `all` messages, the threads that one of `matched` (by its reference) is in, each message
/// before its answers. A message that lies in two folders stands there twice.
pub fn whole(all: Vec<Found>, matched: &HashSet<String>) -> Vec<Found> {
    let messages: Vec<Message> = all
        .iter()
        .map(|found| Message {
            id: found.id.clone(),
            references: found.references.clone(),
            subject: found.subject.clone().unwrap_or_default(),
            sent: found.date,
        })
        .collect();
    let forest = references(&messages);
    let mut all: Vec<Option<Found>> = all.into_iter().map(Some).collect();
    let mut out = Vec::new();
    let mut number = 0;
    for root in &forest.roots {
        let nodes = forest.walk(*root);
        let is_wanted = |message: usize| {
            all[message].as_ref().is_some_and(|found| matched.contains(&found.reference))
        };
        if !nodes.iter().filter_map(|(node, _)| forest.nodes[*node].message).any(is_wanted) {
            continue;
        }
        number += 1;
        // A first message that is not there leaves its answers at the top.
        let top = usize::from(forest.nodes[*root].message.is_none());
        for (node, depth) in nodes {
            let Some(found) = forest.nodes[node].message.and_then(|at| all[at].take()) else {
                continue;
            };
            let place = ThreadPlace {
                thread: number,
                depth: depth.saturating_sub(top),
                matched: matched.contains(&found.reference),
            };
            out.push(Found { place: Some(place), ..found });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(reference: &str, id: &str, references: &[&str], date: i64) -> Found {
        Found {
            reference: reference.to_owned(),
            id: Some(id.to_owned()),
            references: references.iter().map(|id| (*id).to_owned()).collect(),
            subject: Some(format!("about {}", references.first().unwrap_or(&id))),
            date: jiff::Timestamp::from_second(date).ok(),
            ..Found::default()
        }
    }

    #[test]
    fn threads_of_matches_across_folders() {
        let all = vec![
            found("inbox/1", "a", &[], 1),
            found("inbox/2", "x", &[], 2),
            found("sent/1", "b", &["a"], 3),
            found("inbox/3", "c", &["a", "b"], 4),
            found("archive/1", "d", &["gone"], 5),
            found("archive/2", "e", &["gone"], 6),
        ];
        let shown = |matched: &[&str]| -> Vec<(String, usize, usize, bool)> {
            let matched = matched.iter().map(|name| (*name).to_owned()).collect();
            whole(all.clone(), &matched)
                .into_iter()
                .map(|found| {
                    let place = found.place.expect("a place");
                    (found.reference, place.thread, place.depth, place.matched)
                })
                .collect()
        };
        let row = |name: &str, thread, depth, matched| (name.to_owned(), thread, depth, matched);
        assert_eq!(
            shown(&["sent/1"]),
            [row("inbox/1", 1, 0, false), row("sent/1", 1, 1, true), row("inbox/3", 1, 2, false)]
        );
        assert_eq!(
            shown(&["inbox/2", "archive/2"]),
            [
                row("inbox/2", 1, 0, true),
                row("archive/1", 2, 0, false),
                row("archive/2", 2, 0, true)
            ]
        );
        assert!(shown(&[]).is_empty());
    }
}
