//! Threads of what was found, put together by REFERENCES over everything that was searched
//! (RFC 5256 section 3), whatever folder or place a message is in; or as a server tells those of
//! one folder.

use std::collections::{HashMap, HashSet};

use super::found::{Found, ThreadPlace};
use crate::imap::syntax::search::Thread;
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

/// The threads that a server told, as far as one of the `matched` UIDs is in each; `found` are
/// their messages.
pub fn told(
    threads: &[Thread],
    mut found: HashMap<u32, Found>,
    matched: &HashSet<u32>,
) -> Vec<Found> {
    let mut out = Vec::new();
    let mut number = 0;
    for thread in threads {
        let members = members(thread);
        if !members.iter().any(|(uid, _)| matched.contains(uid)) {
            continue;
        }
        number += 1;
        for (uid, depth) in members {
            let Some(message) = found.remove(&uid) else { continue };
            let matched = matched.contains(&uid);
            out.push(Found {
                place: Some(ThreadPlace { thread: number, depth, matched }),
                ..message
            });
        }
    }
    out
}

/// The UIDs of the threads in which one of `matched` is, ascending.
pub fn uids(threads: &[Thread], matched: &HashSet<u32>) -> Vec<u32> {
    let all = threads.iter().map(members);
    let wanted = all.filter(|members| members.iter().any(|(uid, _)| matched.contains(uid)));
    let mut uids: Vec<u32> = wanted.flatten().map(|(uid, _)| uid).collect();
    uids.sort_unstable();
    uids.dedup();
    uids
}

/// The messages of a thread with their depths, each before its answers.
fn members(thread: &Thread) -> Vec<(u32, usize)> {
    let mut out = Vec::new();
    let mut waiting = vec![(thread, 0)];
    while let Some((thread, depth)) = waiting.pop() {
        out.extend(thread.members.iter().copied().zip(depth..));
        let below = depth + thread.members.len();
        waiting.extend(thread.branches.iter().rev().map(|branch| (branch, below)));
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

    #[test]
    fn threads_as_a_server_tells_them() {
        // RFC 5256, the example of section 4.
        let row =
            |members: &[u32], branches: Vec<Thread>| Thread { members: members.to_vec(), branches };
        let threads = [
            row(&[2], vec![]),
            row(&[3, 6], vec![row(&[4, 23], vec![]), row(&[44, 7, 96], vec![])]),
            row(&[], vec![row(&[8], vec![]), row(&[9], vec![])]),
        ];
        assert_eq!(uids(&threads, &[23, 8].into()), [3, 4, 6, 7, 8, 9, 23, 44, 96]);
        let found: HashMap<u32, Found> = uids(&threads, &[23, 8].into())
            .into_iter()
            .filter(|uid| *uid != 7)
            .map(|uid| (uid, Found { uid: Some(uid), ..Found::default() }))
            .collect();
        let told: Vec<(u32, usize, usize, bool)> = told(&threads, found, &[23, 8].into())
            .into_iter()
            .map(|found| {
                let place = found.place.expect("a place");
                (found.uid.expect("a UID"), place.thread, place.depth, place.matched)
            })
            .collect();
        let expected = [
            (3, 1, 0, false),
            (6, 1, 1, false),
            (4, 1, 2, false),
            (23, 1, 3, true),
            (44, 1, 2, false),
            (96, 1, 4, false),
            (8, 2, 0, true),
            (9, 2, 0, false),
        ];
        assert_eq!(told, expected);
    }
}
