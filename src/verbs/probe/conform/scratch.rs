//! The folder of IMAP's cases: made, filled case by case, and removed with all that is in it.

use super::imap::MESSAGES;
use super::script::Step;
use super::talk::{Fault, Talk, Words};
use crate::net::Wire;
use crate::sasl::system_random;
use crate::verbs::probe::facts::Protocol;

/// Where cases are run.
pub struct Scratch {
    /// The folder that holds a mailbox for each case.
    pub root: String,
    /// Between the levels of a name.
    pub separator: String,
}

impl Scratch {
    /// Makes the folder by `wire`, on which somebody has logged in.
    ///
    /// # Errors
    /// [`Fault`] where the server does not let us.
    pub async fn make(wire: &mut Option<Wire>) -> Result<(Self, Vec<String>), Fault> {
        let words = Words::default();
        let mut talk = talk(wire, &words)?;
        talk.step(&Step::Do("CAPABILITY")).await?;
        let capabilities = offered(talk.lines());
        talk.step(&Step::Do("LIST \"\" \"\"")).await?;
        let separator = talk.lines().iter().find_map(|line| delimiter(line)).unwrap_or_default();
        let mut prefix = String::new();
        if capabilities.iter().any(|name| name.eq_ignore_ascii_case("NAMESPACE")) {
            talk.step(&Step::Do("NAMESPACE")).await?;
            prefix = talk.lines().iter().find_map(|line| personal(line)).unwrap_or_default();
        }
        let mut random = [0; 6];
        system_random(&mut random);
        let random: String = random.iter().map(|octet| format!("{octet:02x}")).collect();
        let root = format!("{prefix}pillarbox-conform-{random}");
        *wire = Some(talk.into_wire());
        let scratch = Self { root, separator };
        scratch.each(wire, &[Step::Do("CREATE {root}"), Step::Is("OK")], "").await?;
        Ok((scratch, capabilities))
    }

    /// The mailbox of a case.
    pub fn mailbox(&self, id: &str) -> String {
        format!("{}{}{}", self.root, self.separator, id.to_ascii_lowercase())
    }

    /// Makes a mailbox with the three messages.
    ///
    /// # Errors
    /// As [`Scratch::make`].
    pub async fn fill(&self, wire: &mut Option<Wire>, mailbox: &str) -> Result<(), Fault> {
        self.each(wire, &[Step::Do("CREATE {box}"), Step::Is("OK")], mailbox).await?;
        for (flags, date, content) in MESSAGES {
            let words = Words(vec![
                ("{box}", mailbox.to_owned()),
                ("{flags}", flags.to_owned()),
                ("{date}", date.to_owned()),
                ("{content}", content.to_owned()),
            ]);
            let mut talk = talk(wire, &words)?;
            talk.step(&Step::Literal("APPEND {box} ({flags}) \"{date}\"", "{content}")).await?;
            talk.step(&Step::Is("OK")).await?;
            *wire = Some(talk.into_wire());
        }
        Ok(())
    }

    /// Removes everything in the folder, and the folder.
    ///
    /// # Errors
    /// The names that are left.
    pub async fn remove(&self, wire: &mut Option<Wire>) -> Result<(), Vec<String>> {
        let mut left = vec![self.root.clone()];
        // What holds others may have to wait for them.
        for _ in 0..3 {
            left = match self.names(wire).await {
                Ok(names) => names,
                Err(_) => return Err(left),
            };
            if left.is_empty() {
                return Ok(());
            }
            left.sort_by_key(|name| std::cmp::Reverse(name.len()));
            for name in &left {
                if self.each(wire, &[Step::Do("DELETE {box}")], name).await.is_err() {
                    return Err(left);
                }
            }
        }
        match self.names(wire).await {
            Ok(names) if names.is_empty() => Ok(()),
            _ => Err(left),
        }
    }

    /// The mailboxes in the folder, it included.
    async fn names(&self, wire: &mut Option<Wire>) -> Result<Vec<String>, Fault> {
        let words = Words(vec![("{root}", self.root.clone())]);
        let mut talk = talk(wire, &words)?;
        talk.step(&Step::Do("LIST \"\" {root}*")).await?;
        talk.step(&Step::Is("OK")).await?;
        let names = talk
            .lines()
            .iter()
            .filter(|line| !line.to_ascii_lowercase().contains("\\nonexistent"))
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(_, name)| name.trim_matches('"').to_owned())
            // A server's list is believed only as far as it is about our own folder.
            .filter(|name| name.starts_with(&self.root))
            .collect();
        *wire = Some(talk.into_wire());
        Ok(names)
    }

    async fn each(
        &self,
        wire: &mut Option<Wire>,
        steps: &[Step],
        mailbox: &str,
    ) -> Result<(), Fault> {
        let words = Words(vec![("{root}", self.root.clone()), ("{box}", mailbox.to_owned())]);
        let mut talk = talk(wire, &words)?;
        for step in steps {
            talk.step(step).await?;
        }
        *wire = Some(talk.into_wire());
        Ok(())
    }
}

fn talk<'a>(wire: &mut Option<Wire>, words: &'a Words) -> Result<Talk<'a>, Fault> {
    let gone = || Fault::Unknown("the connection that keeps the scratch folder is gone".into());
    Ok(Talk::new(wire.take().ok_or_else(gone)?, Protocol::Imap, words, None))
}

/// The capabilities in responses to CAPABILITY.
pub fn offered(lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .filter_map(|line| line.strip_prefix("* CAPABILITY "))
        .flat_map(|list| list.split(' ').map(str::to_owned))
        .collect()
}

/// The delimiter in `* LIST (\Noselect) "/" ""`.
fn delimiter(line: &str) -> Option<String> {
    let (_, rest) = line.strip_prefix("* LIST ")?.split_once(") ")?;
    let quoted = rest.strip_prefix('"')?;
    let delimiter = quoted.strip_prefix('\\').unwrap_or(quoted).chars().next()?;
    Some(delimiter.to_string())
}

/// The prefix of the first personal namespace in `* NAMESPACE (("INBOX." ".")) NIL NIL`.
fn personal(line: &str) -> Option<String> {
    let rest = line.strip_prefix("* NAMESPACE ((\"")?;
    Some(rest.split('"').next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_tell_of_their_names() {
        assert_eq!(delimiter("* LIST (\\Noselect) \"/\" \"\""), Some("/".into()));
        assert_eq!(delimiter("* LIST () \"\\\\\" \"\""), Some("\\".into()));
        assert_eq!(delimiter("* LIST () NIL \"\""), None);
        assert_eq!(personal("* NAMESPACE ((\"INBOX.\" \".\")) NIL NIL"), Some("INBOX.".into()));
        assert_eq!(personal("* NAMESPACE ((\"\" \"/\")) NIL NIL"), Some(String::new()));
        assert_eq!(personal("* NAMESPACE NIL NIL NIL"), None);
        let lines = ["* CAPABILITY IMAP4rev1 IDLE".to_owned(), "* OK x".to_owned()];
        assert_eq!(offered(&lines), ["IMAP4rev1", "IDLE"]);
    }
}
