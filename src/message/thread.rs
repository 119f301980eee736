//! Threads: the REFERENCES algorithm and base subjects (RFC 5256 sections 2.1 and 3).
//!
//! Pure work on ids, subjects and dates; the answer is an arena, so that a thread of any
//! depth is built, walked and dropped without recursion.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

/// What threading wants to know of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Message-ID without angle brackets; `None` when there is none.
    pub id: Option<String>,
    /// Ids of the messages answered, oldest first (see `facts::Header::references`).
    pub references: Vec<String>,
    /// The decoded subject; empty when there is none.
    pub subject: String,
    /// Date, or the date of arrival where there is none; `None` sorts first.
    pub sent: Option<Timestamp>,
}

/// How much of a subject is compared, in characters; more is no subject, and taking what
/// comes before it apart would cost time.
const SUBJECT_CHARS: usize = 1000;

/// A place in a thread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Index of the message in what was given; `None` for one that others refer to but that
    /// is not there.
    pub message: Option<usize>,
    /// The node that this one answers; `None` for the first of a thread.
    pub parent: Option<usize>,
    /// The answers, by date.
    pub children: Vec<usize>,
}

/// All threads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forest {
    /// The nodes; some may be in no thread any more.
    pub nodes: Vec<Node>,
    /// The first node of each thread, by date.
    pub roots: Vec<usize>,
}

impl Forest {
    /// The nodes of one thread from `root`, each before its answers, with their depth.
    pub fn walk(&self, root: usize) -> Vec<(usize, usize)> {
        let mut out = Vec::new();
        let mut stack = vec![(root, 0)];
        while let Some((node, depth)) = stack.pop() {
            out.push((node, depth));
            stack.extend(self.nodes[node].children.iter().rev().map(|child| (*child, depth + 1)));
        }
        out
    }

    /// The messages of each thread, threads and messages in order.
    pub fn threads(&self) -> Vec<Vec<usize>> {
        self.roots
            .iter()
            .map(|root| {
                let nodes = self.walk(*root).into_iter();
                nodes.filter_map(|(node, _)| self.nodes[node].message).collect()
            })
            .collect()
    }

    fn is_above(&self, above: usize, node: usize) -> bool {
        // What has no children yet is above nothing: this keeps long References linear.
        if self.nodes[above].children.is_empty() {
            return above == node;
        }
        let mut at = Some(node);
        while let Some(here) = at {
            if here == above {
                return true;
            }
            at = self.nodes[here].parent;
        }
        false
    }

    fn unlink(&mut self, node: usize) {
        if let Some(parent) = self.nodes[node].parent.take() {
            self.nodes[parent].children.retain(|child| *child != node);
        }
    }

    fn link(&mut self, parent: usize, child: usize) {
        self.nodes[child].parent = Some(parent);
        self.nodes[parent].children.push(child);
    }
}

/// Threads messages by REFERENCES: by ids first, then threads of the same base subject are
/// put together, and everything is sorted by date (RFC 5256 section 3).
pub fn references(messages: &[Message]) -> Forest {
    let mut forest = Forest::default();
    link_by_ids(&mut forest, messages);
    prune(&mut forest);
    sort_roots(&mut forest, messages);
    gather_subjects(&mut forest, messages);
    sort_all(&mut forest, messages);
    forest
}

/// Step 1: links messages and what they refer to.
fn link_by_ids(forest: &mut Forest, messages: &[Message]) {
    let mut by_id: HashMap<&str, usize> = HashMap::new();
    for (index, message) in messages.iter().enumerate() {
        let mut node = None;
        if let Some(id) = &message.id {
            let known = *by_id.entry(id).or_insert_with(|| add(forest, None));
            // Of two messages with the same id, the second counts as one without an id.
            if forest.nodes[known].message.is_none() {
                forest.nodes[known].message = Some(index);
                node = Some(known);
            }
        }
        let node = node.unwrap_or_else(|| add(forest, Some(index)));
        let mut above = None;
        for id in &message.references {
            let reference = *by_id.entry(id).or_insert_with(|| add(forest, None));
            if let Some(parent) = above
                && forest.nodes[reference].parent.is_none()
                && !forest.is_above(reference, parent)
            {
                forest.link(parent, reference);
            }
            above = Some(reference);
        }
        // The message's own References know best, whatever others said of it before.
        match above {
            None => forest.unlink(node),
            Some(parent) if !forest.is_above(node, parent) => {
                forest.unlink(node);
                forest.link(parent, node);
            }
            Some(_) => {}
        }
    }
}

fn add(forest: &mut Forest, message: Option<usize>) -> usize {
    forest.nodes.push(Node { message, parent: None, children: Vec::new() });
    forest.nodes.len() - 1
}

/// Steps 2 and 3: finds the tops, and takes out nodes without messages; their children go
/// one up, but to the top only where there is one child.
fn prune(forest: &mut Forest) {
    let mut order = Vec::new();
    for root in tops(forest) {
        order.extend(forest.walk(root).into_iter().map(|(node, _)| node));
    }
    // Children before their parents.
    for node in order.into_iter().rev() {
        if forest.nodes[node].message.is_some() {
            continue;
        }
        let parent = forest.nodes[node].parent.take();
        if parent.is_none() && forest.nodes[node].children.len() > 1 {
            continue;
        }
        let children = std::mem::take(&mut forest.nodes[node].children);
        for child in &children {
            forest.nodes[*child].parent = parent;
        }
        if let Some(parent) = parent {
            let siblings = &mut forest.nodes[parent].children;
            if let Some(place) = siblings.iter().position(|sibling| *sibling == node) {
                siblings.splice(place..=place, children);
            }
        }
    }
    forest.roots = tops(forest);
}

/// The nodes that answer nothing and have something to show.
fn tops(forest: &Forest) -> Vec<usize> {
    let nodes = forest.nodes.iter().enumerate();
    nodes
        .filter(|(_, node)| {
            node.parent.is_none() && (node.message.is_some() || !node.children.is_empty())
        })
        .map(|(index, _)| index)
        .collect()
}

/// When a node was sent: for one without a message, its first child.
fn sent(forest: &Forest, messages: &[Message], node: usize) -> Option<Timestamp> {
    let mut at = node;
    loop {
        match (forest.nodes[at].message, forest.nodes[at].children.first()) {
            (Some(message), _) => return messages[message].sent,
            (None, Some(child)) => at = *child,
            (None, None) => return None,
        }
    }
}

/// Sorts by date; messages of the same date stay in the order in which they were given.
fn by_date(forest: &Forest, messages: &[Message], nodes: &mut [usize]) {
    nodes.sort_by_cached_key(|node| (sent(forest, messages, *node), first(forest, *node)));
}

/// The message of a node, or of its first child.
fn first(forest: &Forest, node: usize) -> Option<usize> {
    let mut at = node;
    loop {
        match (forest.nodes[at].message, forest.nodes[at].children.first()) {
            (Some(message), _) => return Some(message),
            (None, Some(child)) => at = *child,
            (None, None) => return None,
        }
    }
}

/// Step 4: sorts the top, and the children of tops without messages, which have the date
/// of their first child.
fn sort_roots(forest: &mut Forest, messages: &[Message]) {
    for root in forest.roots.clone() {
        if forest.nodes[root].message.is_none() {
            sort_children(forest, messages, root);
        }
    }
    let mut roots = std::mem::take(&mut forest.roots);
    by_date(forest, messages, &mut roots);
    forest.roots = roots;
}

fn sort_children(forest: &mut Forest, messages: &[Message], node: usize) {
    let mut children = std::mem::take(&mut forest.nodes[node].children);
    by_date(forest, messages, &mut children);
    forest.nodes[node].children = children;
}

/// Step 6: sorts the answers everywhere, the deepest first.
fn sort_all(forest: &mut Forest, messages: &[Message]) {
    let mut order = Vec::new();
    for root in &forest.roots {
        order.extend(forest.walk(*root).into_iter().map(|(node, _)| node));
    }
    for node in order.into_iter().rev() {
        sort_children(forest, messages, node);
    }
    sort_roots(forest, messages);
}

/// Step 5: puts threads of the same base subject together.
fn gather_subjects(forest: &mut Forest, messages: &[Message]) {
    let subject = |forest: &Forest, root: usize| {
        first(forest, root)
            .map(|message| base_subject(&messages[message].subject))
            .unwrap_or_default()
    };
    let is_reply = |forest: &Forest, root: usize| {
        forest.nodes[root]
            .message
            .is_some_and(|message| is_reply_or_forward(&messages[message].subject))
    };
    let mut table: HashMap<String, usize> = HashMap::new();
    for root in forest.roots.clone() {
        let subject = subject(forest, root);
        if subject.is_empty() {
            continue;
        }
        let better = match table.get(&subject).copied() {
            None => true,
            Some(other) => {
                // A top without a message goes before one with; an original before a reply.
                let empty = forest.nodes[root].message.is_none();
                let other_empty = forest.nodes[other].message.is_none();
                (empty && !other_empty)
                    || (!other_empty && is_reply(forest, other) && !is_reply(forest, root))
            }
        };
        if better {
            table.insert(subject, root);
        }
    }
    let mut gone: HashSet<usize> = HashSet::new();
    let mut replaced: HashMap<usize, usize> = HashMap::new();
    for root in forest.roots.clone() {
        let subject = subject(forest, root);
        let Some(other) = table.get(&subject).copied().filter(|other| *other != root) else {
            continue;
        };
        if replaced.contains_key(&root) {
            continue;
        }
        gone.insert(root);
        let empty = forest.nodes[root].message.is_none();
        let other_empty = forest.nodes[other].message.is_none();
        if empty && other_empty {
            let children = std::mem::take(&mut forest.nodes[root].children);
            for child in children {
                forest.link(other, child);
            }
        } else if other_empty || (is_reply(forest, root) && !is_reply(forest, other)) {
            forest.link(other, root);
        } else {
            // Neither answers the other: both become answers of a new, empty top.
            let top = add(forest, None);
            replaced.insert(other, top);
            forest.link(top, other);
            forest.link(top, root);
            table.insert(subject, top);
        }
    }
    let kept = forest.roots.iter().filter(|root| !gone.contains(root));
    forest.roots = kept.map(|root| replaced.get(root).copied().unwrap_or(*root)).collect();
}

/// Whether the subject begins or ends as replies and forwards do (RFC 5256 section 2.1).
pub fn is_reply_or_forward(subject: &str) -> bool {
    base(subject).1
}

/// The subject without what replies, forwards and lists add to it, blanks made single
/// (RFC 5256 section 2.1). Case is kept as in the RFC's collation, folded: it is for
/// comparing, not for showing.
pub fn base_subject(subject: &str) -> String {
    base(subject).0
}

fn base(subject: &str) -> (String, bool) {
    let start: String = subject.chars().take(SUBJECT_CHARS).collect();
    let folded = start.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let mut text = folded.as_str();
    let mut reply = false;
    loop {
        let before = text.len();
        // Step 2: trailers.
        while let Some(shorter) = text.strip_suffix("(fwd)") {
            text = shorter.trim_end();
            reply = true;
        }
        // Steps 3 to 5: leaders and blobs, until nothing changes.
        loop {
            let start = text.len();
            if let Some(rest) = without_leader(text) {
                text = rest;
                reply = true;
            }
            if let Some(rest) = without_blob(text).filter(|rest| !rest.is_empty()) {
                text = rest;
            }
            if text.len() == start {
                break;
            }
        }
        // Step 6: "[fwd: ... ]".
        if let Some(inner) = text.strip_prefix("[fwd:").and_then(|rest| rest.strip_suffix(']')) {
            text = inner.trim();
            reply = true;
        }
        if text.len() == before {
            return (text.to_owned(), reply);
        }
    }
}

/// `*subj-blob subj-refwd`: `re:`, `fw:`, `fwd:`, with a blob between word and colon.
fn without_leader(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(after) = without_blob(rest) {
        rest = after;
    }
    let rest = ["re", "fwd", "fw"].iter().find_map(|word| rest.strip_prefix(word))?.trim_start();
    let rest = without_blob(rest).unwrap_or(rest);
    Some(rest.strip_prefix(':')?.trim_start())
}

/// `"[" *blobchar "]" *WSP`.
fn without_blob(text: &str) -> Option<&str> {
    let (inner, rest) = text.strip_prefix('[')?.split_once(']')?;
    (!inner.contains('[')).then(|| rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(id: &str, references: &[&str], subject: &str, second: i64) -> Message {
        Message {
            id: (!id.is_empty()).then(|| id.to_owned()),
            references: references.iter().map(|id| (*id).to_owned()).collect(),
            subject: subject.to_owned(),
            sent: Timestamp::from_second(second).ok(),
        }
    }

    /// Threads in the notation of RFC 5256 section 4, messages counted from 1.
    fn show(messages: &[Message]) -> String {
        fn node(forest: &Forest, at: usize, out: &mut String) {
            let here = &forest.nodes[at];
            if let Some(message) = here.message {
                out.push_str(&(message + 1).to_string());
            }
            if here.message.is_some() && here.children.len() == 1 {
                out.push(' ');
                node(forest, here.children[0], out);
                return;
            }
            for (index, child) in here.children.iter().enumerate() {
                if index == 0 && here.message.is_some() {
                    out.push(' ');
                }
                out.push('(');
                node(forest, *child, out);
                out.push(')');
            }
        }
        let forest = references(messages);
        let mut out = String::new();
        for root in &forest.roots {
            out.push('(');
            node(&forest, *root, &mut out);
            out.push(')');
        }
        out
    }

    #[test]
    fn base_subjects() {
        for (subject, expected) in [
            ("Re: hello", "hello"),
            ("RE : [list] Re[2]: Hello   World (fwd)", "hello world"),
            ("[list] hello", "hello"),
            ("[list]", "[list]"),
            ("[Fwd: hello ]", "hello"),
            ("Fw: Fwd: re: x", "x"),
            ("refund", "refund"),
            ("", ""),
        ] {
            assert_eq!(base_subject(subject), expected, "{subject}");
        }
        assert!(is_reply_or_forward("Re: x") && is_reply_or_forward("x (fwd)"));
        assert!(!is_reply_or_forward("[list] x"));
    }

    #[test]
    fn ids_make_threads() {
        let messages = [
            message("a", &[], "s", 1),
            message("b", &["a"], "Re: s", 2),
            message("d", &["a", "b", "c"], "Re: s", 4),
            message("e", &["a"], "Re: s", 3),
            message("x", &[], "other", 0),
        ];
        // c is missing: d goes one up.
        assert_eq!(show(&messages), "(5)(1 (2 3)(4))");
    }

    #[test]
    fn a_missing_top_keeps_its_children_together() {
        let messages = [message("b", &["a"], "one", 1), message("c", &["a"], "two", 2)];
        assert_eq!(show(&messages), "((1)(2))");
        assert_eq!(show(&messages[..1]), "(1)");
    }

    #[test]
    fn subjects_gather_threads() {
        let messages =
            [message("b", &[], "Re: s", 2), message("a", &[], "s", 1), message("c", &[], "", 3)];
        assert_eq!(show(&messages), "(2 1)(3)");
        let equals = [message("a", &[], "s", 1), message("b", &[], "s", 2)];
        assert_eq!(show(&equals), "((1)(2))");
    }

    #[test]
    fn loops_and_doubles_do_no_harm() {
        let messages = [
            message("a", &["b"], "", 1),
            message("b", &["a"], "", 2),
            message("a", &["a"], "", 3),
            message("", &["a", "a"], "", 4),
        ];
        let forest = references(&messages);
        let mut all: Vec<usize> = forest.threads().concat();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3]);
    }

    #[test]
    fn deep_threads_need_no_stack() {
        let messages: Vec<Message> = (0..5_000)
            .map(|n: i64| message(&n.to_string(), &[(n - 1).to_string().as_str()], "", n))
            .collect();
        let forest = references(&messages);
        assert_eq!(forest.roots.len(), 1);
        assert_eq!(forest.walk(forest.roots[0]).last().map(|(_, depth)| *depth), Some(4_999));
    }

    proptest! {
        #[test]
        fn every_message_is_in_one_thread(given in prop::collection::vec(
            ("[a-d]?", prop::collection::vec("[a-f]", 0..4), "(Re: )?[st]?", 0_i64..5), 0..12)) {
            let messages: Vec<Message> = given
                .iter()
                .map(|(id, references, subject, second)| {
                    let references: Vec<&str> = references.iter().map(String::as_str).collect();
                    message(id, &references, subject, *second)
                })
                .collect();
            let mut all: Vec<usize> = references(&messages).threads().concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..messages.len()).collect::<Vec<_>>());
        }
    }
}
