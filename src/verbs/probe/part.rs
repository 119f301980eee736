//! The parts of `probe` below a word of their own, and the report that all of them share.
//!
//! Each part learns something in its own way; what it judges are findings of the one
//! catalogue, printed in the forms and with the exit codes of every probe.

use anyhow::Result;
use serde_json::{Value, json};

use super::args::{Form, Level};
use super::facts::Facts;
use super::findings::{self, Counts, Finding, Verdict, worst};
use super::render::{json::Found, text};
use super::{conform, headers, load, roundtrip, run, session};
use crate::open::{self, Common, Context};
use crate::ui::{Exit, Failure, Output};

// No doc comment here: clap would take it for the help of `probe`.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Part {
    Conform(Box<conform::Args>),
    Load(Box<load::Args>),
    Roundtrip(Box<roundtrip::Args>),
    Headers(Box<headers::Args>),
    Session(Box<session::Args>),
}

/// The words that lead to a part.
const WORDS: [&str; 5] = ["conform", "load", "roundtrip", "headers", "session"];

impl Part {
    /// The options of every verb.
    pub fn common(&self) -> &Common {
        match self {
            Self::Conform(args) => &args.common,
            Self::Load(args) => &args.common,
            Self::Roundtrip(args) => &args.common,
            Self::Headers(args) => &args.common,
            Self::Session(args) => &args.common,
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// Arguments that cannot be followed, input that cannot be read, output that cannot be
    /// written. What a server does wrong is a finding.
    pub async fn run(self, context: &Context, out: &mut Output) -> Result<Exit> {
        match self {
            Self::Conform(args) => conform::run(*args, context, out).await,
            Self::Load(args) => load::run(*args, context, out).await,
            Self::Roundtrip(args) => roundtrip::run(*args, context, out).await,
            Self::Headers(args) => headers::run(*args, context, out).await,
            Self::Session(args) => session::run(*args, context, out),
        }
    }

    /// Refuses a part's word where a domain is meant to stand: it came behind an option.
    ///
    /// # Errors
    /// [`Failure`] that says where options belong.
    pub fn check_word(what: &str) -> Result<(), Failure> {
        if !WORDS.contains(&what) {
            return Ok(());
        }
        Err(Failure::usage(format!("options of `probe {what}` stand behind the word"))
            .hint(format!("pillarbox probe {what} OPTIONS; a host of that name is {what}.")))
    }
}

/// How a part's report is printed, and what it leads to.
#[derive(Debug, Clone, clap::Args)]
pub struct Shape {
    /// How to print the report (--json is short for jsonl)
    #[arg(long, value_name = "FORM", conflicts_with = "json")]
    pub format: Option<Form>,

    /// Exit with 2 when there is a finding of this level; repeatable
    #[arg(long, value_name = "LEVEL")]
    pub fail_on: Vec<Level>,
}

/// What a part has learnt.
#[derive(Debug, Default)]
pub struct Report {
    /// What was examined.
    pub subject: String,
    /// What was learnt, for people; a line each.
    pub lines: Vec<String>,
    /// The same for programs; each object with its `type`.
    pub objects: Vec<Value>,
    /// What it means.
    pub findings: Vec<Finding>,
    /// Connections made.
    pub connections: u32,
}

impl Report {
    /// Prints it, and gives the exit code.
    ///
    /// # Errors
    /// Output that cannot be written.
    pub fn print(&self, shape: &Shape, as_json: bool, out: &mut Output) -> Result<Exit> {
        let form = match shape.format {
            Some(form) => form,
            None if as_json => Form::Jsonl,
            None => Form::Text,
        };
        match form {
            Form::Text => {
                for line in self.text() {
                    out.line(&line)?;
                }
            }
            Form::Jsonl => {
                for object in &self.objects {
                    out.json(object)?;
                }
                for finding in &self.findings {
                    let mut object = serde_json::to_value(Found::of(finding))?;
                    object["type"] = json!("finding");
                    out.json(&object)?;
                }
                let mut summary = self.summary();
                summary["type"] = json!("summary");
                out.json(&summary)?;
            }
            Form::Json => {
                let found: Vec<Found<'_>> = self.findings.iter().map(Found::of).collect();
                let whole =
                    json!({"summary": self.summary(), "facts": self.objects, "findings": found});
                for line in serde_json::to_string_pretty(&whole)?.lines() {
                    out.line(line)?;
                }
            }
            form => run::print(&self.bare(), &self.findings, form, out)?,
        }
        let fail_on: Vec<Verdict> = shape.fail_on.iter().copied().map(Level::verdict).collect();
        Ok(findings::exit(&self.findings, &fail_on))
    }

    /// As facts without any domain or endpoint, for the forms that show findings alone.
    fn bare(&self) -> Facts {
        Facts {
            subject: self.subject.clone(),
            time: open::now().seconds,
            domain: None,
            endpoints: Vec::new(),
            connections: self.connections,
            budget: self.connections,
        }
    }

    fn text(&self) -> Vec<String> {
        let mut lines = self.lines.clone();
        text::of_findings(&mut lines, &self.findings);
        lines.push(String::new());
        let counts = Counts::of(&self.findings);
        lines.push(format!(
            "{}: {} fail, {} unknown, {} warn, {} pass",
            worst(&self.findings).name(),
            counts.fail,
            counts.unknown,
            counts.warn,
            counts.pass
        ));
        if counts.fail + counts.warn > 0 {
            lines.push("Why each matters: pillarbox probe --explain ID".into());
        }
        lines
    }

    fn summary(&self) -> Value {
        json!({
            "subject": self.subject,
            "time": open::now().seconds,
            "result": worst(&self.findings),
            "counts": Counts::of(&self.findings),
            "connections": self.connections,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_behind_an_option_is_no_domain() {
        assert!(Part::check_word("headers").is_err());
        assert!(Part::check_word("headers.").is_ok());
        assert!(Part::check_word("example.org").is_ok());
    }

    #[test]
    fn the_words_are_those_of_the_command_line() {
        use clap::Subcommand as _;
        let command = Part::augment_subcommands(clap::Command::new("probe"));
        let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        assert_eq!(names, WORDS);
    }
}
