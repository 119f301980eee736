//! `sync verify`: whether two places hold the same mail, by its content. It changes nothing, and
//! does not ask what earlier runs remember.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Serialize;

use super::diff::{Both, Side};
use super::digest::{Digest, Digester};
use super::pair::Pair;
use super::plan::{self, Scope};
use crate::store::{Flags, Id, Meta, Result, Sink, Store, What};
use crate::ui::progress::Show;
use crate::ui::{Exit, Format, Output, Progress};

/// A message as verification sees it.
#[derive(Debug, Clone)]
pub struct Held {
    /// Its id.
    pub id: Id,
    /// Its flags.
    pub flags: Flags,
}

/// The messages of one folder by content; those of the same content beside each other.
pub type Contents = BTreeMap<Digest, Vec<Held>>;

/// A difference.
#[derive(Debug, Serialize)]
struct Difference<'d> {
    r#type: &'static str,
    folder: &'d str,
    /// The only side that has it; left out where both do.
    #[serde(skip_serializing_if = "Option::is_none")]
    side: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'d str>,
}

/// What verification came to, as JSON.
#[derive(Debug, Serialize)]
struct Outcome {
    r#type: &'static str,
    folders: usize,
    messages: usize,
    differences: usize,
}

/// Compares every folder that is wanted: which messages only one side has, and which have other
/// flags. Exit code 81 where there is a difference.
///
/// # Errors
/// The stores' and the output's.
pub async fn verify(
    stores: Both<Box<dyn Store>>,
    scope: &Scope,
    show: Show,
    out: &mut Output,
) -> anyhow::Result<Exit> {
    let mut pair = Pair::new(stores);
    let listed = plan::list(&mut pair, scope).await?;
    let mut progress = Progress::new(show, "verify", None);
    let (mut folders, mut messages, mut differences) = (0, 0, 0);
    for wanted in plan::choose(&listed, &BTreeMap::new(), scope) {
        let is_there =
            |side: Side| wanted.listed.of(side).as_ref().is_some_and(|folder| folder.selectable);
        if !is_there(Side::Far) && !is_there(Side::Near) {
            continue;
        }
        folders += 1;
        let mut found: Both<Contents> = Both::default();
        for side in Side::BOTH {
            if is_there(side) {
                pair.select(side, wanted.names.of(side), false).await?;
                *found.of_mut(side) = contents(pair.store(side), &mut progress).await?;
            }
        }
        messages += found.far.values().map(Vec::len).sum::<usize>();
        differences += compare(&wanted.name, &found, out)?;
    }
    progress.finish();
    pair.finish().await?;
    match out.format() {
        Format::Json => {
            out.json(&Outcome { r#type: "verified", folders, messages, differences })?;
        }
        Format::Human | Format::Lines if differences == 0 => {
            out.line(&format!("{messages} messages in {folders} folders are the same"))?;
        }
        Format::Human | Format::Lines => out.line(&format!("{differences} differences"))?,
    }
    Ok(if differences == 0 { Exit::Ok } else { Exit::Conflicts })
}

/// Reads the selected folder.
///
/// # Errors
/// The store's.
pub async fn contents(store: &mut dyn Store, progress: &mut Progress) -> Result<Contents> {
    let listed = store.list().await?;
    let ids: Vec<Id> = listed.iter().map(|message| message.id.clone()).collect();
    let flags = listed.into_iter().map(|it| (it.id, it.flags.unwrap_or_default())).collect();
    let mut reading = Reading { digester: None, flags, found: Contents::new(), progress };
    store.read(&ids, &What::Whole, &mut reading).await?;
    Ok(reading.found)
}

struct Reading<'p> {
    digester: Option<Digester>,
    flags: BTreeMap<Id, Flags>,
    found: Contents,
    progress: &'p mut Progress,
}

#[async_trait(?Send)]
impl Sink for Reading<'_> {
    async fn begin(&mut self, _: &Meta) -> Result<()> {
        self.digester = Some(Digester::new());
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        if let Some(digester) = &mut self.digester {
            digester.update(octets);
        }
        self.progress.advance(0, octets.len() as u64);
        Ok(())
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        if let Some(digester) = self.digester.take() {
            let flags = self.flags.get(&message.id).cloned();
            let flags = message.flags.clone().or(flags).unwrap_or_default();
            let held = Held { id: message.id.clone(), flags };
            self.found.entry(digester.finish().whole).or_default().push(held);
        }
        self.progress.advance(1, 0);
        Ok(())
    }
}

/// Tells the differences of a folder; how many.
fn compare(folder: &str, found: &Both<Contents>, out: &mut Output) -> anyhow::Result<usize> {
    let mut count = 0;
    let mut tell = |r#type, side: Option<Side>, id: &Id| -> anyhow::Result<()> {
        count += 1;
        let side = side.map(Side::name);
        match (out.format(), side) {
            (Format::Json, side) => {
                let message = Some(&*id.0);
                out.json(&Difference { r#type, folder, side, message })?;
            }
            (_, Some(side)) => out.line(&format!("only {side}: {folder} {id}"))?,
            (_, None) => out.line(&format!("other flags: {folder} {id}"))?,
        }
        Ok(())
    };
    for side in Side::BOTH {
        for (digest, messages) in found.of(side) {
            let there = found.of(side.other()).get(digest).map_or(0, Vec::len);
            for message in messages.iter().skip(there) {
                tell("only", Some(side), &message.id)?;
            }
        }
    }
    for (digest, far) in &found.far {
        let near = found.near.get(digest).map_or(&[][..], Vec::as_slice);
        // Of several copies, those with the same flags belong together.
        let mut left: Vec<&Held> = near.iter().collect();
        let mut others = Vec::new();
        for message in far {
            match left.iter().position(|other| same_flags(&other.flags, &message.flags)) {
                Some(at) => drop(left.swap_remove(at)),
                None => others.push(message),
            }
        }
        for message in others.into_iter().take(left.len()) {
            tell("flags", None, &message.id)?;
        }
    }
    Ok(count)
}

/// Whether both have the same flags, but for `\Recent`, which is a session's own.
fn same_flags(far: &Flags, near: &Flags) -> bool {
    let of = |flags: &Flags| -> Vec<String> {
        let names = flags.iter().map(|flag| flag.name().to_lowercase());
        names.filter(|name| name != "\\recent").collect()
    };
    of(far) == of(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(id: &str, flags: &[&str]) -> Held {
        Held { id: Id::new(id.to_owned()), flags: flags.iter().collect() }
    }

    #[test]
    fn differences_are_counted_copy_by_copy() {
        let far = [
            ([1; 32], vec![held("1", &[]), held("2", &["\\Seen"])]),
            ([2; 32], vec![held("3", &[])]),
            ([3; 32], vec![held("4", &[])]),
        ];
        let near = [
            ([1; 32], vec![held("a", &["\\SEEN", "\\Recent"]), held("b", &[])]),
            ([2; 32], vec![held("c", &["work"])]),
            ([4; 32], vec![held("d", &[]), held("e", &[])]),
        ];
        let found = Both { far: Contents::from(far), near: Contents::from(near) };
        let mut out = Output::to(Box::new(std::io::sink()), Format::Lines, false);
        // 4 only far, d and e only near, 3 with other flags.
        assert_eq!(compare("INBOX", &found, &mut out).expect("told"), 4);
        let same = Both { far: found.far.clone(), near: found.far.clone() };
        assert_eq!(compare("INBOX", &same, &mut out).expect("told"), 0);
    }
}
