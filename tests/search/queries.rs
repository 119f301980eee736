//! Queries drawn at random: as text for the program, as a tree for the model.

use serde_json::{Value, json};

use super::mailbox::{FOREIGN, WORDS};
use super::support::mail::Random;

/// What queries ask for.
#[derive(Debug)]
pub struct Vocabulary {
    /// Words of ASCII.
    words: Vec<String>,
    /// Words beyond it.
    foreign: Vec<String>,
    /// Names of header fields.
    fields: Vec<String>,
}

impl Vocabulary {
    /// That of generated mail.
    pub fn generated() -> Vocabulary {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Vocabulary {
            words: owned(&WORDS),
            foreign: FOREIGN.iter().map(|(word, _)| (*word).to_owned()).collect(),
            fields: owned(&["X-Note", "Cc", "mime-version"]),
        }
    }

    /// Words that stand in these messages, as they stand there or decoded, and the fields that
    /// they have.
    pub fn of(messages: &[Vec<u8>], random: &mut Random) -> Vocabulary {
        let mut found = Vocabulary { words: Vec::new(), foreign: Vec::new(), fields: Vec::new() };
        for octets in messages {
            let text = String::from_utf8_lossy(octets);
            let is_letter = |c: char| c.is_alphanumeric() && c != char::REPLACEMENT_CHARACTER;
            let words = || {
                let runs = text.split(|c: char| !is_letter(c));
                runs.filter(|word| (2..=20).contains(&word.chars().count())).map(str::to_owned)
            };
            let ascii: Vec<String> = words().filter(|word| word.is_ascii()).collect();
            let foreign: Vec<String> = words().filter(|word| !word.is_ascii()).collect();
            let header = text.lines().take_while(|line| !line.trim().is_empty());
            let is_name =
                |name: &&str| name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
            let names: Vec<&str> = header
                .filter_map(|line| Some(line.split_once(':')?.0))
                .filter(|name| !name.is_empty())
                .filter(is_name)
                .collect();
            for _ in 0..6 {
                if !ascii.is_empty() {
                    found.words.push(random.choose(&ascii).clone());
                }
                if !foreign.is_empty() {
                    found.foreign.push(random.choose(&foreign).clone());
                }
                if !names.is_empty() {
                    found.fields.push((*random.choose(&names)).to_owned());
                }
            }
        }
        let generated = Vocabulary::generated();
        found.foreign.extend(generated.foreign);
        found.fields.extend(generated.fields);
        found
    }
}

/// One query.
#[derive(Debug)]
pub struct Query {
    /// As the program reads it.
    pub text: String,
    /// As the model reads it.
    pub tree: Value,
}

/// A query of at most so many levels.
pub fn query(random: &mut Random, levels: usize, words: &Vocabulary) -> Query {
    let choice = if levels == 0 { 9 } else { random.below(10) };
    match choice {
        0..=2 => {
            let (one, other) = (query(random, levels - 1, words), query(random, levels - 1, words));
            Query {
                text: format!("{} {}", grouped(&one), grouped(&other)),
                tree: json!({"and": [one.tree, other.tree]}),
            }
        }
        3 | 4 => {
            let (one, other) = (query(random, levels - 1, words), query(random, levels - 1, words));
            Query {
                text: format!("{} OR {}", grouped(&one), grouped(&other)),
                tree: json!({"or": [one.tree, other.tree]}),
            }
        }
        5 => {
            let one = query(random, levels - 1, words);
            Query { text: format!("NOT {}", grouped(&one)), tree: json!({"not": one.tree}) }
        }
        _ => term(random, words),
    }
}

fn grouped(query: &Query) -> String {
    format!("({})", query.text)
}

/// A word that may be there: whole, a piece of one, in another case, or two in a row.
fn value(random: &mut Random, words: &Vocabulary) -> String {
    let word = match random.below(3) {
        0 => random.choose(&words.foreign).as_str(),
        _ => random.choose(&words.words).as_str(),
    };
    let letters: Vec<char> = word.chars().collect();
    let from = random.below(letters.len());
    let upto = from + 1 + random.below(letters.len() - from);
    let piece: String = letters[from..upto].iter().collect();
    match random.below(6) {
        0 | 1 => word.to_owned(),
        2 => word.to_uppercase(),
        3 => word.to_lowercase(),
        4 => format!("{word} {}", random.choose(&words.words)),
        _ => piece,
    }
}

fn term(random: &mut Random, words: &Vocabulary) -> Query {
    let written = |value: &str| format!("\"{value}\"");
    match random.below(16) {
        0..=5 => {
            let field = *random.choose(&["subject", "body", "text", "from", "to", "body"]);
            let value = value(random, words);
            Query {
                text: format!("{field}:{}", written(&value)),
                tree: json!({"term": field, "value": value}),
            }
        }
        6 => {
            let value = value(random, words);
            Query { text: written(&value), tree: json!({"term": "text", "value": value}) }
        }
        7 => {
            let value = if random.below(2) == 0 { "*".to_owned() } else { value(random, words) };
            let text = if value == "*" { "*".to_owned() } else { written(&value) };
            let name = random.choose(&words.fields).clone();
            Query {
                text: format!("header:{name}:{text}"),
                tree: json!({"term": "header", "name": name, "value": value}),
            }
        }
        8 => Query { text: "list:*".into(), tree: json!({"term": "list", "value": "*"}) },
        9 => {
            let kind = *random.choose(&["attachment", "pdf", "image", "html", "message"]);
            Query { text: format!("has:{kind}"), tree: json!({"term": "has", "value": kind}) }
        }
        10 => {
            let value = *random.choose(&["ship", "grüße", ".PDF", "report"]);
            Query {
                text: format!("filename:{}", written(value)),
                tree: json!({"term": "filename", "value": value}),
            }
        }
        11 => {
            let value = *random.choose(&["html", "multipart/", "rfc822", "image"]);
            Query { text: format!("type:{value}"), tree: json!({"term": "type", "value": value}) }
        }
        12 => {
            let (word, letter, is) = *random.choose(&[
                ("read", "S", true),
                ("unread", "S", false),
                ("flagged", "F", true),
            ]);
            let set = json!({"term": "flag", "value": letter});
            let tree = if is { set } else { json!({"not": set}) };
            Query { text: format!("is:{word}"), tree }
        }
        13 => {
            let octets = 200 + random.below(3000);
            Query {
                text: format!("larger:{octets}"),
                tree: json!({"term": "larger", "value": octets, "crlf": true}),
            }
        }
        14 => {
            let day = 1 + random.below(9);
            let midnight =
                super::FIRST + (u64::try_from(day).expect("small") - 1) * 24 * super::HOUR;
            let word = *random.choose(&["since", "before"]);
            Query {
                text: format!("{word}:2026-03-{day:02}"),
                tree: json!({"term": word, "value": midnight}),
            }
        }
        _ => {
            let day = 1 + random.below(27);
            // 1 February 2026 is 28 days before the first of March.
            let from = super::FIRST - 28 * 24 * super::HOUR
                + (u64::try_from(day).expect("small") - 1) * 24 * super::HOUR;
            Query {
                text: format!("date:2026-02-{day:02}"),
                tree: json!({"term": "date", "from": from, "until": from + 24 * super::HOUR}),
            }
        }
    }
}
