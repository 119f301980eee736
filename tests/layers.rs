//! The floor plan of `src/lib.rs`, kept true: reads every path in `src/` that begins with
//! `crate::` or climbs with `super::`, and fails on one that looks upward or at a neighbour.
//!
//! It knows tokens, not types: macros and `include!` could hide an import from it, and neither
//! is used here for that.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Rooms whose files may import from another room of their own floor, and why.
const NEIGHBOURS: [(&str, &str, &str); 5] = [
    ("config", "oauth", "an account says how its tokens are had"),
    ("query", "message", "a query is asked of a message's facts"),
    ("store", "net", "a store's error carries the error of its connection"),
    ("ui", "net", "exit codes and hints are chosen by the error's type"),
    ("ui", "store", "exit codes and hints are chosen by the error's type"),
];

/// Protocols have rooms on two floors: `syntax` below, the rest above.
const PROTOCOLS: [&str; 4] = ["smtp", "imap", "pop", "nntp"];

/// Rooms whose parts are rooms of their own: a verb never imports another verb, nor a noun.
const CORRIDORS: [&str; 2] = ["verbs", "nouns"];

/// The floor of a room; `None`: not on the plan.
fn floor(top: &str, second: Option<&str>) -> Option<u8> {
    if PROTOCOLS.contains(&top) {
        return Some(if second == Some("syntax") { 1 } else { 3 });
    }
    Some(match top {
        "base" => 0,
        "message" | "query" | "sasl" => 1,
        "net" | "store" | "state" | "ui" => 2,
        "keyring" => 3,
        "config" | "oauth" | "route" => 4,
        "open" => 5,
        "verbs" | "nouns" => 6,
        "cli" => 7,
        _ => return None,
    })
}

/// Where a path leads, or where a file stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Room {
    name: String,
    floor: u8,
}

/// The room of a module path (`["imap", "syntax", "token"]`); `None`: not on the plan.
fn room(path: &[String]) -> Option<Room> {
    let top = path.first()?;
    let second = path.get(1).map(String::as_str);
    let floor = floor(top, second)?;
    let name = match second {
        Some("syntax") if PROTOCOLS.contains(&top.as_str()) => format!("{top}::syntax"),
        Some(part) if CORRIDORS.contains(&top.as_str()) => format!("{top}::{part}"),
        _ => top.clone(),
    };
    Some(Room { name, floor })
}

/// One import that breaks the plan.
#[derive(Debug)]
struct Breach {
    line: usize,
    path: String,
    reason: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.line, self.path, self.reason)
    }
}

/// All breaches of a file that stands at `module` (its path from the crate's root) and holds
/// `source`.
fn breaches(module: &[String], source: &str) -> Vec<Breach> {
    let mut found = Vec::new();
    let here = room(module);
    let file = module.last().map_or("", String::as_str);
    for used in uses(module, source) {
        let mut report = |reason: String| {
            found.push(Breach { line: used.line, path: used.path.join("::"), reason });
        };
        match used.origin {
            Origin::Crate => {
                // The root itself (main.rs, lib.rs) may name everything.
                let Some(here) = &here else { continue };
                let Some(there) = room(&used.path) else {
                    report("no such room on the floor plan".to_owned());
                    continue;
                };
                if let Some(reason) = verdict(here, &there) {
                    report(reason);
                }
            }
            Origin::Outside => {
                let Some(here) = &here else { continue };
                match used.path[0].as_str() {
                    "tokio" if here.floor < 2 => {
                        report("tokio begins on floor 2".to_owned());
                    }
                    "tokio" if file == "session" => {
                        report("a session has no sockets, so no tokio".to_owned());
                    }
                    "anyhow" if here.floor < 5 => {
                        report("anyhow begins on floor 5; below, one enum a module".to_owned());
                    }
                    _ => {}
                }
            }
        }
    }
    found
}

/// Why a file in `here` may not import from `there`; `None`: it may.
fn verdict(here: &Room, there: &Room) -> Option<String> {
    let is_own = here.name == there.name
        // The corridor itself lists its rooms: `verbs/mod.rs`.
        || CORRIDORS.contains(&here.name.as_str()) && there.name.starts_with(&here.name);
    if is_own {
        return None;
    }
    // A protocol's upper rooms read their own syntax, never another protocol's.
    let protocol = |room: &Room| {
        let top = room.name.split("::").next().unwrap_or_default().to_owned();
        PROTOCOLS.contains(&top.as_str()).then_some(top)
    };
    if let (Some(ours), Some(theirs)) = (protocol(here), protocol(there))
        && ours != theirs
    {
        return Some(format!("{ours} may not know {theirs}"));
    }
    if there.floor < here.floor {
        return None;
    }
    if there.floor > here.floor {
        return Some(format!(
            "looks upward, from {} (floor {}) to {} (floor {})",
            here.name, here.floor, there.name, there.floor
        ));
    }
    let is_allowed = NEIGHBOURS.iter().any(|(from, to, _)| here.name == *from && there.name == *to);
    (!is_allowed)
        .then(|| format!("{} and {} are neighbours on floor {}", here.name, there.name, here.floor))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// `crate::` or `super::`; the path is from the crate's root.
    Crate,
    /// The name of a crate that the plan speaks of.
    Outside,
}

/// One path that a file uses.
#[derive(Debug)]
struct Used {
    line: usize,
    origin: Origin,
    path: Vec<String>,
}

/// Every path that leads out of the file, with groups (`crate::{a, b::c}`) taken apart.
fn uses(module: &[String], source: &str) -> Vec<Used> {
    let tokens = tokens(source);
    let mut found = Vec::new();
    // Names of inline modules, with the depth of braces at which each began.
    let mut inline: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    let mut index = 0;
    while index < tokens.len() {
        let Token { line, ref kind } = tokens[index];
        match kind {
            Kind::Open => depth += 1,
            Kind::Close => {
                depth -= 1;
                if inline.last().is_some_and(|(_, began)| *began == depth) {
                    inline.pop();
                }
            }
            Kind::Word(word) if word == "mod" => {
                if let (Some(Kind::Word(name)), Some(Kind::Open)) =
                    (kind_at(&tokens, index + 1), kind_at(&tokens, index + 2))
                {
                    inline.push((name.clone(), depth));
                }
            }
            // A path begins here unless it goes on from something before.
            Kind::Word(word) if index == 0 || tokens[index - 1].kind != Kind::Colons => {
                let is_path = kind_at(&tokens, index + 1) == Some(&Kind::Colons);
                let origin = match word.as_str() {
                    "crate" | "super" => Some(Origin::Crate),
                    "tokio" | "anyhow" => Some(Origin::Outside),
                    _ => None,
                };
                if let (true, Some(origin)) = (is_path, origin) {
                    let mut start = match word.as_str() {
                        "crate" => Vec::new(),
                        "super" => {
                            let mut path = module.to_vec();
                            path.extend(inline.iter().map(|(name, _)| name.clone()));
                            path.pop();
                            path
                        }
                        _ => vec![word.clone()],
                    };
                    let mut next = index + 2;
                    while kind_at(&tokens, next).is_some_and(|kind| is_word(kind, "super"))
                        && kind_at(&tokens, next + 1) == Some(&Kind::Colons)
                    {
                        start.pop();
                        next += 2;
                    }
                    let mut paths = Vec::new();
                    tree(&tokens, &mut next, &start, &mut paths);
                    let used = |path| Used { line, origin, path };
                    // `super::*` at the top of a room leads to nothing but the root.
                    found.extend(paths.into_iter().filter(|path| !path.is_empty()).map(used));
                }
            }
            _ => {}
        }
        index += 1;
    }
    found
}

fn is_word(kind: &Kind, word: &str) -> bool {
    matches!(kind, Kind::Word(found) if found == word)
}

fn kind_at(tokens: &[Token], index: usize) -> Option<&Kind> {
    tokens.get(index).map(|token| &token.kind)
}

/// Reads a path or a group of paths at `next`, each behind `start`.
fn tree(tokens: &[Token], next: &mut usize, start: &[String], paths: &mut Vec<Vec<String>>) {
    let mut path = start.to_vec();
    loop {
        match kind_at(tokens, *next) {
            Some(Kind::Word(word)) => {
                if word != "self" {
                    path.push(word.clone());
                }
                *next += 1;
                if kind_at(tokens, *next) != Some(&Kind::Colons) {
                    break;
                }
                *next += 1;
            }
            Some(Kind::Open) => {
                *next += 1;
                while let Some(kind) = kind_at(tokens, *next) {
                    match kind {
                        Kind::Close => break,
                        Kind::Word(word) if word == "as" => *next += 2,
                        Kind::Word(_) | Kind::Open => tree(tokens, next, &path, paths),
                        Kind::Star => {
                            paths.push(path.clone());
                            *next += 1;
                        }
                        _ => *next += 1,
                    }
                }
                *next += 1;
                return;
            }
            Some(Kind::Star) => {
                *next += 1;
                break;
            }
            // The `<` of a turbofish, or the end of the file.
            _ => break,
        }
    }
    paths.push(path);
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Word(String),
    Colons,
    Open,
    Close,
    Star,
    Other(char),
}

#[derive(Clone, Debug)]
struct Token {
    line: usize,
    kind: Kind,
}

/// What is left of Rust without comments, strings and characters: enough to see paths in.
fn tokens(source: &str) -> Vec<Token> {
    let text: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut at = 0;
    let starts = |at: usize, prefix: &str| {
        prefix.chars().enumerate().all(|(offset, wanted)| text.get(at + offset) == Some(&wanted))
    };
    while at < text.len() {
        let begin = at;
        let char = text[at];
        let mut kind = None;
        if starts(at, "//") {
            while at < text.len() && text[at] != '\n' {
                at += 1;
            }
        } else if starts(at, "/*") {
            let mut nested = 0;
            loop {
                if starts(at, "/*") {
                    nested += 1;
                    at += 2;
                } else if starts(at, "*/") {
                    nested -= 1;
                    at += 2;
                } else {
                    at += 1;
                }
                if nested == 0 || at >= text.len() {
                    break;
                }
            }
        } else if let Some(end) = raw_string(&text, at) {
            at = end;
        } else if char == '"' {
            at += 1;
            while at < text.len() && text[at] != '"' {
                at += if text[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if char == '\'' {
            // A character, or a lifetime: only the former is closed at once.
            let end = if text.get(at + 1) == Some(&'\\') {
                (at + 3..text.len()).find(|end| text[*end] == '\'')
            } else {
                Some(at + 2).filter(|end| text.get(*end) == Some(&'\''))
            };
            at = end.map_or(at + 1, |end| end + 1);
        } else if char.is_alphabetic() || char == '_' {
            while at < text.len() && (text[at].is_alphanumeric() || text[at] == '_') {
                at += 1;
            }
            kind = Some(Kind::Word(text[begin..at].iter().collect()));
        } else if starts(at, "::") {
            at += 2;
            kind = Some(Kind::Colons);
        } else {
            at += 1;
            kind = match char {
                '{' => Some(Kind::Open),
                '}' => Some(Kind::Close),
                '*' => Some(Kind::Star),
                _ if char.is_whitespace() => None,
                _ => Some(Kind::Other(char)),
            };
        }
        if let Some(kind) = kind {
            tokens.push(Token { line, kind });
        }
        let end = at.min(text.len());
        line += text[begin..end].iter().filter(|char| **char == '\n').count();
    }
    tokens
}

/// The end of a raw string (`r"..."`, `br#"..."#`) that begins at `at`.
fn raw_string(text: &[char], at: usize) -> Option<usize> {
    // `for"` is a word and a string; `r"` after a letter is no raw string.
    if at > 0 && (text[at - 1].is_alphanumeric() || text[at - 1] == '_') {
        return None;
    }
    let mut next = at;
    if matches!(text.get(next), Some('b' | 'c')) {
        next += 1;
    }
    if text.get(next) != Some(&'r') {
        return None;
    }
    next += 1;
    let hashes = text[next..].iter().take_while(|char| **char == '#').count();
    next += hashes;
    if text.get(next) != Some(&'"') {
        return None;
    }
    next += 1;
    while next < text.len() {
        let is_end = text[next] == '"'
            && text[next + 1..].iter().take(hashes).filter(|char| **char == '#').count() == hashes;
        if is_end {
            return Some(next + 1 + hashes);
        }
        next += 1;
    }
    Some(text.len())
}

/// Where a file stands: `src/imap/client/mod.rs` is `["imap", "client"]`.
fn module_of(file: &Path, root: &Path) -> Vec<String> {
    let relative = file.strip_prefix(root).unwrap_or(file).with_extension("");
    let mut module: Vec<String> = relative
        .components()
        .map(|component| component.as_os_str().to_string_lossy().into_owned())
        .collect();
    let is_folder = module.last().is_some_and(|last| last == "mod");
    let is_root = module.len() == 1 && (module[0] == "lib" || module[0] == "main");
    if is_folder || is_root {
        module.pop();
    }
    module
}

fn rust_files(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("src can be read") {
        let path = entry.expect("src can be read").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(path);
        }
    }
}

#[test]
fn every_import_points_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeSet::new();
    rust_files(&root, &mut files);
    assert!(!files.is_empty());
    let mut complaints = Vec::new();
    for file in &files {
        let source = std::fs::read_to_string(file).expect("a source file can be read");
        let shown = file.strip_prefix(&root).unwrap_or(file).display().to_string();
        for breach in breaches(&module_of(file, &root), &source) {
            complaints.push(format!("src/{shown}:{breach}"));
        }
    }
    assert!(complaints.is_empty(), "against the floor plan:\n{}", complaints.join("\n"));
}

#[test]
fn every_file_stands_on_the_plan() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeSet::new();
    rust_files(&root, &mut files);
    for file in &files {
        let module = module_of(file, &root);
        assert!(module.is_empty() || room(&module).is_some(), "{} is not", file.display());
    }
}

/// The paths that the plan forbids in a file at `module`.
fn forbidden(module: &str, source: &str) -> Vec<String> {
    let module: Vec<String> = module.split("::").map(str::to_owned).collect();
    breaches(&module, source).into_iter().map(|breach| breach.path).collect()
}

#[test]
fn upward_is_seen() {
    assert_eq!(forbidden("base::limits", "use crate::net::Wire;"), ["net::Wire"]);
    assert_eq!(forbidden("net::wire", "fn f() { crate::open::connect(); }"), ["open::connect"]);
    assert_eq!(
        forbidden("smtp::syntax::reply", "use super::super::client::Client;"),
        ["smtp::client::Client"]
    );
    assert_eq!(forbidden("imap::syntax", "use tokio::net::TcpStream;"), ["tokio::net::TcpStream"]);
    assert_eq!(forbidden("imap::server::session", "use tokio::io;"), ["tokio::io"]);
    assert_eq!(forbidden("store::maildir", "anyhow::bail!(\"no\")"), ["anyhow::bail"]);
}

#[test]
fn sideways_is_seen() {
    assert_eq!(
        forbidden("imap::store", "use crate::smtp::syntax::Reply;"),
        ["smtp::syntax::Reply"]
    );
    assert_eq!(forbidden("verbs::send::run", "use crate::verbs::fetch;"), ["verbs::fetch"]);
    assert_eq!(forbidden("message::facts", "use crate::query::Query;"), ["query::Query"]);
    assert_eq!(forbidden("net::wire", "use crate::ui::exit;"), ["ui::exit"]);
    assert_eq!(forbidden("sasl::plain", "use crate::nowhere::X;"), ["nowhere::X"]);
}

#[test]
fn groups_are_taken_apart() {
    assert_eq!(
        forbidden(
            "store::maildir",
            "use crate::{base::{self, limits}, cli, net::{Error, tls::*}, verbs::send as s};"
        ),
        ["cli", "verbs::send"]
    );
}

#[test]
fn what_may_be_is_let_be() {
    for (module, source) in [
        ("imap::client::open", "use crate::imap::syntax::Command; use crate::net::Wire;"),
        ("imap::client::open", "use super::super::syntax; use crate::sasl;"),
        ("imap::server::session", "use crate::imap::client::Client; use crate::store::Store;"),
        ("verbs::send::run", "use super::plan::Plan; use crate::open; use tokio::fs;"),
        ("verbs", "use crate::verbs::{send, fetch};"),
        ("query::eval", "use crate::message::Facts;"),
        ("store::types", "use crate::net::Error;"),
        ("base::limits", "// use crate::net::Wire;\n/* crate::cli /* crate::ui */ */"),
        ("base::limits", "const A: &str = \"crate::net\"; const B: &str = r#\"crate::ui \"\"#;"),
        ("base::limits", "fn f<'a>(c: char) -> bool { c == '\"' || c == '\\'' } // crate::net"),
        (
            "base::limits",
            "pub(crate) struct A; mod tests { use super::*; use super::super::secret; }",
        ),
        ("cli", "use crate::verbs; use anyhow::Context;"),
    ] {
        let found = forbidden(module, source);
        assert!(found.is_empty(), "{module}: {source}: {found:?}");
    }
}

#[test]
fn lines_are_counted() {
    let module = ["base".to_owned()];
    let found = breaches(&module, "//! one\n\nuse std::fmt;\nuse crate::cli::run;\n");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].line, 4);
}

#[test]
fn every_neighbourly_exception_has_its_reason() {
    for (from, to, reason) in NEIGHBOURS {
        assert_eq!(floor(from, None), floor(to, None), "{from} and {to}");
        assert!(!reason.is_empty());
    }
}
