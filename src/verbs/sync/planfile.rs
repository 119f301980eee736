//! A plan that was written down (`--dry-run --json`), looked at, and is now to be carried out
//! (`--apply`): that very plan, or nothing.
//!
//! The plan is a function of both sides and of what is remembered. So it is made again, and
//! compared with what was written, line by line; where they differ, the world has moved, and
//! nothing is changed. What is carried out is what was written, because both are the same.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::args::What;
use super::diff::Both;
use super::pair::Pair;
use super::pass;
use super::places::{self, Ready};
use super::plan::Plan;
use crate::base::location::Location;
use crate::open::Context;
use crate::ui::{Exit, Failure, Output};

/// The longest line of a plan, in octets.
const LINE_OCTETS: usize = 1 << 20;

/// What a plan was made for: enough to make it again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The far location.
    pub from: String,
    /// The near one.
    pub to: String,
    /// The options, as words of a command line, without those of servers.
    pub options: Vec<String>,
}

/// The first line of a plan, as far as it matters here.
#[derive(Deserialize)]
struct Head {
    r#type: String,
    lines: usize,
    origin: Origin,
}

/// A plan that was read.
struct Written {
    /// The pair of the configuration that it is for; empty: for two places.
    pair: String,
    origin: Origin,
    /// Its other lines.
    lines: Vec<Value>,
}

/// Carries out the plan in a file. `given` holds the options of servers, which a plan leaves
/// out, because they may be secret.
///
/// # Errors
/// A [`Failure`]: 66 and 65 for a file that cannot be read or is no whole plan, 75 where the
/// plan would be another one now; then nothing was changed. Else those of a run.
pub async fn apply(path: &Path, given: &What, context: &Context, out: &mut Output) -> Result<Exit> {
    if let Some(option) = given.first_chosen() {
        let message = format!("{option}: the plan says already what is to be done");
        return Err(Failure::usage(message).into());
    }
    let written = read(path)?;
    let wrong =
        |text: String| Failure::new(Exit::Data, format!("{}: line 1: {text}", path.display()));
    let mut what = What::of_words(&written.origin.options).map_err(wrong)?;
    let servers = match written.pair.as_str() {
        "" => given.clone(),
        name => {
            let pair = context.config.pair(name)?;
            What::of_words(&pair.options).map_err(|text| {
                Failure::new(Exit::Config, format!("the options of the sync pair {name}: {text}"))
            })?
        }
    };
    what.server = servers.server;
    what.far_server = servers.far_server;
    what.near_server = servers.near_server;
    let places = Both {
        far: Location::parse(&written.origin.from)?,
        near: Location::parse(&written.origin.to)?,
    };
    // A place that the plan makes is not made before the plan is known to hold.
    what.dry_run = true;
    let Ready { stores, mut state, job, .. } =
        places::ready(places.clone(), &what, context).await?;
    let mut pair = Pair::new(stores);
    let plan = pass::look(&mut pair, &mut state, &job).await?;
    compare(&written.lines, &plan)?;
    pair.finish().await?;
    drop(state);

    what.dry_run = false;
    let Ready { stores, mut state, job, more } = places::ready(places, &what, context).await?;
    let mut pair = Pair::new(stores);
    let plan = pass::look(&mut pair, &mut state, &job).await?;
    compare(&written.lines, &plan)?;
    let done = pass::carry_out(&mut pair, &mut state, plan, &job, Some(&more), out).await?;
    done.print(out)?;
    pair.finish().await?;
    Ok(done.exit()?)
}

/// Reads a plan.
fn read(path: &Path) -> Result<Written> {
    let shown = path.display();
    let file = File::open(path)
        .map_err(|error| Failure::new(Exit::NoInput, format!("cannot read {shown}: {error}")))?;
    let hint = "write one by --dry-run --json";
    let wrong = |number: usize, text: &str| {
        Failure::new(Exit::Data, format!("{shown}: line {number}: {text}")).hint(hint)
    };
    let mut written: Option<(Written, usize)> = None;
    let mut pair = String::new();
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let mut limited = std::io::Read::take(&mut reader, LINE_OCTETS as u64);
        let octets = limited.read_until(b'\n', &mut line)?;
        if octets == 0 {
            break;
        }
        let value: Value = serde_json::from_slice(&line)
            .map_err(|error| wrong(number, &format!("it is no JSON: {error}")))?;
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
        match (&mut written, kind) {
            (None, "pair") => {
                pair = value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            }
            (None, _) => {
                let head: Head = serde_json::from_value(value)
                    .map_err(|_| wrong(number, "it is not the first line of a plan"))?;
                if head.r#type != "plan" {
                    return Err(wrong(number, "it is not the first line of a plan").into());
                }
                let pair = std::mem::take(&mut pair);
                let whole = Written { pair, origin: head.origin, lines: Vec::new() };
                written = Some((whole, head.lines));
            }
            (Some(_), "pair" | "plan") => {
                return Err(wrong(number, "another plan begins: want one at a time").into());
            }
            (Some((written, _)), _) => written.lines.push(value),
        }
    }
    let Some((written, lines)) = written else { return Err(wrong(1, "there is no plan").into()) };
    if written.lines.len() != lines {
        let text = format!(
            "the plan has {lines} lines behind the first, and {} are here",
            written.lines.len()
        );
        return Err(wrong(1, &text).into());
    }
    Ok(written)
}

/// Whether the plan is still the same.
fn compare(written: &[Value], plan: &Plan) -> Result<(), Failure> {
    let mut before = written.iter().filter(|line| matters(line));
    let mut differ = None;
    for record in plan.lines() {
        let now = serde_json::to_value(&record).unwrap_or_default();
        if !matters(&now) {
            continue;
        }
        let line = before.next();
        if line != Some(&now) {
            differ = Some((line.cloned(), Some(now)));
            break;
        }
    }
    let (line, now) = match (differ, before.next()) {
        (Some(differ), _) => differ,
        (None, Some(line)) => (Some(line.clone()), None),
        (None, None) => return Ok(()),
    };
    let say = |value: Option<Value>| value.map_or("nothing".to_owned(), |value| value.to_string());
    let message = format!(
        "the world has moved since the plan was made: nothing was changed; the plan says {}, and \
         it would now be {}",
        say(line),
        say(now)
    );
    Err(Failure::new(Exit::TempFail, message).hint("make the plan anew: --dry-run --json"))
}

/// Whether a line says what is to be done: an INBOX is there or not by the kind of a store that
/// is yet to be made.
fn matters(line: &Value) -> bool {
    let is = |key: &str, word: &str| line.get(key).and_then(Value::as_str) == Some(word);
    !(is("type", "create") && is("folder", "INBOX"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Result<Written> {
        let dir = crate::state::testing::Dir::new();
        let path = dir.path().join("plan.jsonl");
        std::fs::write(&path, text).expect("written");
        read(&path)
    }

    const HEAD: &str = r#"{"type":"plan","lines":1,"origin":{"from":"a:","to":"b:","options":[]}}"#;

    #[test]
    fn a_plan_is_read_whole_or_not_at_all() {
        let line = r#"{"type":"delete","side":"far","folder":"INBOX","message":"7"}"#;
        let pair = r#"{"type":"pair","name":"work","far":"a:","near":"b:"}"#;
        let whole = written(&format!("{pair}\n{HEAD}\n{line}\n")).expect("a plan");
        assert_eq!((whole.pair.as_str(), whole.lines.len()), ("work", 1));
        assert_eq!(whole.origin.from, "a:");
        for (text, says) in [
            (String::new(), "there is no plan"),
            (HEAD.to_owned(), "1 lines behind the first, and 0"),
            (format!("{HEAD}\n{line}\n{line}\n"), "and 2 are here"),
            (format!("{HEAD}\n{HEAD}\n"), "another plan begins"),
            (line.to_owned(), "not the first line"),
            (format!("{HEAD}\n{{\"type\""), "line 2: it is no JSON"),
        ] {
            let error = written(&text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
