//! What the dialogues of all three protocols have in common: notes of what was wrong, and what
//! the server offered.

use crate::verbs::probe::catalogue::{
    SES_AGAIN, SES_BARE, SES_CODE, SES_ENHANCED, SES_OFFERED, SES_ONE, SES_REFUSED, SES_SECRET,
};
use crate::verbs::probe::facts::{Offer, Session};
use crate::verbs::probe::findings::Finding;

use super::read::{Side, Transcript};

/// Notes of one kind that a finding shows.
const SHOWN: usize = 5;

/// What was seen of a dialogue.
#[derive(Debug, Default)]
pub struct Seen {
    /// Greeting and offers.
    pub session: Session,
    /// TLS stands.
    pub is_encrypted: bool,
    /// TLS stood before the first word.
    pub is_implicit: bool,
    /// Somebody logged in, or tried to.
    pub has_login: bool,
    /// Logins by which a password crossed in the clear.
    pub secrets: Vec<String>,
    /// Answers that lack an enhanced code; `None` where none were promised.
    pub unenhanced: Option<Vec<String>>,
    /// Answers that the command cannot have.
    pub wrong: Vec<String>,
    /// Uses of what was not offered.
    pub unoffered: Vec<String>,
    /// Answers to nothing.
    pub extra: Vec<String>,
    /// What came first under TLS, where that was not to ask what is offered; empty: it was.
    pub unasked: Option<String>,
    /// What was refused, and how.
    pub refused: Vec<String>,
}

impl Seen {
    /// What the server offers now.
    pub fn offer(&self) -> Option<&Offer> {
        match self.is_encrypted {
            true => self.session.after.as_ref(),
            false => self.session.before.as_ref(),
        }
    }

    /// The server has told what it offers.
    pub fn offered(&mut self, offer: Offer) {
        match self.is_encrypted {
            true => self.session.after = Some(offer),
            false => self.session.before = Some(offer),
        }
    }

    /// TLS begins; `is_first`: before anything was said.
    pub fn encrypted(&mut self, is_first: bool) {
        self.is_encrypted = true;
        self.is_implicit = is_first;
    }

    /// The first command under TLS, and the word that asks what is offered.
    pub fn began(&mut self, command: &str, asks: &[&str]) {
        if !self.is_encrypted || self.is_implicit || self.unasked.is_some() {
            return;
        }
        let is_asking = asks.iter().any(|word| word.eq_ignore_ascii_case(command));
        self.unasked = Some(if is_asking { String::new() } else { command.to_owned() });
    }

    /// What of all this is worth a finding.
    pub fn findings(&self, on: &str, transcript: &Transcript) -> Vec<Finding> {
        let list = |notes: &[String]| notes[..notes.len().min(SHOWN)].join("; ");
        let mut out = Vec::new();
        let mut judge =
            |entry: &'static crate::verbs::probe::findings::Entry, notes: &[String], good: &str| {
                out.push(match notes.is_empty() {
                    true => entry.pass(on, good),
                    false => entry.bad(on, list(notes)),
                });
            };
        if self.has_login {
            judge(&SES_SECRET, &self.secrets, "none did");
        }
        if let Some(notes) = &self.unenhanced {
            judge(&SES_ENHANCED, notes, "they have");
        }
        judge(&SES_CODE, &self.wrong, "each is");
        judge(&SES_OFFERED, &self.unoffered, "nothing else is");
        judge(&SES_ONE, &self.extra, "there is one for each");
        judge(&SES_REFUSED, &self.refused, "all was taken");
        if let Some(unasked) = &self.unasked {
            let notes =
                if unasked.is_empty() { vec![] } else { vec![format!("{unasked} came first")] };
            judge(&SES_AGAIN, &notes, "it is");
        }
        if let Some(bare) = &transcript.bare {
            let notes: Vec<String> = bare
                .iter()
                .map(|(side, line)| match side {
                    Side::Client => format!("the client: {line:?}"),
                    Side::Server => format!("the server: {line:?}"),
                })
                .collect();
            judge(&SES_BARE, &notes, "all do");
        }
        out
    }
}
