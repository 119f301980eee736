//! What is shown of messages in place of their octets: `--envelope`, `--structure`, `--text`,
//! `--part`. Of a message on an IMAP server nothing travels but what is shown.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Result;
use async_trait::async_trait;
use base64::Engine as _;
use serde::Serialize;

use super::args::Args;
use super::attachments::Decoder;
use super::letterhead::Letterhead;
use super::structure::{self, Node, readable};
use super::targets::failed;
use crate::imap::client::fetch::Wanted;
use crate::imap::client::{self, Client};
use crate::imap::syntax::fetch::{Item, Section, SectionText};
use crate::message::facts;
use crate::message::structure::{Envelope, parse};
use crate::message::transfer::Encoding;
use crate::open::{Mail, Opened};
use crate::store::held::Held;
use crate::store::{self, Id, Meta, Sink, What};
use crate::ui::{Failure, Format, Output, output};

/// Octets of a text that are read at the most.
const TEXT_OCTETS: u64 = 16 * 1024 * 1024;

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Date, subject, addresses.
    Envelope,
    /// The parts.
    Structure,
    /// The text that a reader sees first.
    Text,
    /// The part of this number, decoded.
    Part(String),
    /// The answer to a command; see [`super::raw`].
    Raw(String),
}

impl Shown {
    /// What the options ask for; `None`: octets of messages.
    ///
    /// # Errors
    /// [`Failure`] (64) for what is no number of a part.
    pub fn of(args: &Args) -> Result<Option<Self>> {
        if let Some(part) = &args.part {
            if numbers(part).is_none() {
                let message = format!("--part {part:?}: want a number such as 2 or 1.2");
                let hint = "--section fetches other sections, such as 2.MIME or TEXT";
                return Err(Failure::usage(message).hint(hint).into());
            }
            return Ok(Some(Self::Part(part.clone())));
        }
        Ok(match (args.envelope, args.structure, args.text, &args.raw) {
            (true, ..) => Some(Self::Envelope),
            (_, true, ..) => Some(Self::Structure),
            (_, _, true, _) => Some(Self::Text),
            (.., Some(command)) => Some(Self::Raw(command.clone())),
            _ => None,
        })
    }
}

/// The numbers of a part.
fn numbers(part: &str) -> Option<Vec<u32>> {
    let numbers: Option<Vec<u32>> = part
        .split('.')
        .map(|number| number.parse().ok().filter(|n| *n > 0 && !number.starts_with('+')))
        .collect();
    numbers.filter(|numbers| numbers.len() <= 64)
}

/// The references of messages.
type Names = HashMap<Id, String>;

/// Shows these messages of the selected folder; how many there were.
///
/// # Errors
/// The source's and the output's.
pub async fn show(
    source: &mut Opened,
    ids: &[Id],
    shown: &Shown,
    out: &mut Output,
) -> Result<usize> {
    let names: Names =
        ids.iter().filter_map(|id| Some((id.clone(), source.reference(id)?.to_string()))).collect();
    let mut printer = Printer { names, out, count: 0, is_first: true, base64: Vec::new() };
    match (&mut source.mail, shown) {
        (_, Shown::Raw(_)) => {}
        (Mail::Imap(account, _), Shown::Envelope) => {
            let mut shown = HashSet::new();
            let uids = uids(ids);
            each(
                account.client(),
                &uids,
                Item::Envelope,
                &mut |uid, fetch| match &fetch.envelope {
                    Some(envelope) if shown.insert(uid) => {
                        printer.letterhead(&id(uid), &Letterhead::of_server(envelope))
                    }
                    _ => Ok(()),
                },
            )
            .await?;
        }
        (Mail::Imap(account, _), Shown::Structure) => {
            let mut shown = HashSet::new();
            let uids = uids(ids);
            each(account.client(), &uids, Item::BodyStructure, &mut |uid, fetch| match &fetch
                .body_structure
            {
                Some(body) if shown.insert(uid) => {
                    printer.structure(&id(uid), &structure::of_server(body))
                }
                _ => Ok(()),
            })
            .await?;
        }
        (Mail::Imap(..), Shown::Text) => texts_of_server(source, ids, &mut printer).await?,
        (Mail::Imap(account, _), Shown::Part(part)) => {
            let left = binary(account.client(), ids, part, &mut printer).await?;
            if !left.is_empty() {
                parts_of_server(source, &left, part, &mut printer).await?;
            }
        }
        (_, Shown::Envelope) => {
            let mut headers = Holding {
                held: None,
                take: &mut |id, octets| {
                    let letterhead = Letterhead::of_message(&Envelope::from_header(octets));
                    printer.letterhead(id, &letterhead)
                },
            };
            source.spool().read(ids, &What::Headers, &mut headers).await?;
        }
        (_, Shown::Structure) => {
            let mut whole = Holding {
                held: None,
                take: &mut |id, octets| {
                    printer.structure(id, &structure::of_message(&parse(octets)))
                },
            };
            source.spool().read(ids, &What::Whole, &mut whole).await?;
        }
        (_, Shown::Text) => {
            let mut whole = Holding {
                held: None,
                take: &mut |id, octets| {
                    let facts = facts::Facts::new(octets);
                    let nodes = structure::of_message(facts.structure());
                    printer.text(id, &facts.readable_text(), &nodes)
                },
            };
            source.spool().read(ids, &What::Whole, &mut whole).await?;
        }
        (_, Shown::Part(part)) => {
            let wanted = numbers(part).unwrap_or_default();
            let mut whole = Holding {
                held: None,
                take: &mut |id, octets| {
                    let structure = parse(octets);
                    let Some(found) = structure.find(&wanted) else { return Ok(()) };
                    let found = structure.part(found);
                    let body = octets.get(found.body.clone()).unwrap_or_default();
                    let encoding = found.encoding.as_deref();
                    let encoding = encoding.map_or(Encoding::Identity, Encoding::from_value);
                    printer.begin_part(id, part)?;
                    let mut decoder = Decoder::new(encoding);
                    for piece in body.chunks(64 * 1024) {
                        printer.part(&decoder.take(piece))?;
                    }
                    printer.part(&decoder.finish())?;
                    printer.end_part()
                },
            };
            source.spool().read(ids, &What::Whole, &mut whole).await?;
        }
    }
    Ok(printer.count)
}

fn uids(ids: &[Id]) -> Vec<u32> {
    let mut uids: Vec<u32> = ids.iter().filter_map(|id| id.0.parse().ok()).collect();
    uids.sort_unstable();
    uids.dedup();
    uids
}

fn id(uid: u32) -> Id {
    Id::new(uid.to_string())
}

/// Fetches one item of all messages; what cannot be printed ends it once all has come.
async fn each(
    client: &mut Client,
    uids: &[u32],
    item: Item<'static>,
    on: &mut dyn FnMut(u32, &crate::imap::syntax::fetch::Fetch<'_>) -> store::Result<()>,
) -> Result<()> {
    let mut printed = Ok(());
    let mut on = |uid: u32, fetch: &crate::imap::syntax::fetch::Fetch<'_>| {
        if printed.is_ok() {
            printed = on(uid, fetch);
        }
    };
    client.fetch_items(uids, &[item], &mut on).await.map_err(store::Error::from)?;
    Ok(printed?)
}

/// The readable text of messages: which part that is, the server tells.
async fn texts_of_server(source: &mut Opened, ids: &[Id], printer: &mut Printer<'_>) -> Result<()> {
    let mut structures: HashMap<Id, Vec<Node>> = HashMap::new();
    let Mail::Imap(account, _) = &mut source.mail else { return Ok(()) };
    each(account.client(), &uids(ids), Item::BodyStructure, &mut |uid, fetch| {
        if let Some(body) = &fetch.body_structure {
            structures.insert(id(uid), structure::of_server(body));
        }
        Ok(())
    })
    .await?;
    let mut by_section: BTreeMap<String, Vec<Id>> = BTreeMap::new();
    for (id, nodes) in &structures {
        match readable(nodes) {
            Some(node) => by_section.entry(node.section.clone()).or_default().push(id.clone()),
            None => printer.text(id, "", nodes)?,
        }
    }
    for (section, ids) in by_section {
        let what = What::Partial { section, offset: 0, octets: Some(TEXT_OCTETS) };
        let mut texts = Holding {
            held: None,
            take: &mut |id, octets| {
                let nodes = structures.get(id).map_or(&[][..], Vec::as_slice);
                let Some(node) = readable(nodes) else { return Ok(()) };
                let is_html = node.content_type == "text/html";
                let charset = node.charset.as_deref().unwrap_or_default();
                let text = facts::text_of(octets, node.transfer(), charset, is_html);
                printer.text(id, &text, nodes)
            },
        };
        source.spool().read(&ids, &what, &mut texts).await?;
    }
    Ok(())
}

/// Parts that the server decodes (RFC 3516); the messages of which nothing came, because it
/// has no BINARY or knows no way to decode that.
async fn binary(
    client: &mut Client,
    ids: &[Id],
    part: &str,
    printer: &mut Printer<'_>,
) -> Result<Vec<Id>> {
    let capabilities = client.capabilities();
    if !capabilities.has("BINARY") && !capabilities.has("IMAP4rev2") {
        return Ok(ids.to_vec());
    }
    let section = Section { part: numbers(part).unwrap_or_default(), text: SectionText::All };
    let wanted = Wanted { section, binary: true, partial: None, with_meta: false };
    let mut parts = Parts { part, encodings: None, printer, decoder: None, come: HashSet::new() };
    let ended = client.fetch(&uids(ids), &wanted, &mut parts).await;
    let come = std::mem::take(&mut parts.come);
    match ended {
        Ok(()) | Err(client::Error::Refused { .. }) => {}
        Err(error) => return Err(store::Error::from(error).into()),
    }
    Ok(ids.iter().filter(|id| !come.contains(id)).cloned().collect())
}

/// Parts that are decoded here, by the encoding that the server tells.
async fn parts_of_server(
    source: &mut Opened,
    ids: &[Id],
    part: &str,
    printer: &mut Printer<'_>,
) -> Result<()> {
    let mut encodings: HashMap<Id, Encoding> = HashMap::new();
    let Mail::Imap(account, _) = &mut source.mail else { return Ok(()) };
    each(account.client(), &uids(ids), Item::BodyStructure, &mut |uid, fetch| {
        if let Some(body) = &fetch.body_structure {
            let nodes = structure::of_server(body);
            if let Some(node) = nodes.iter().find(|node| node.section == part) {
                encodings.insert(id(uid), node.transfer());
            }
        }
        Ok(())
    })
    .await?;
    let ids: Vec<Id> = ids.iter().filter(|id| encodings.contains_key(id)).cloned().collect();
    let encodings = Some(encodings);
    let mut parts = Parts { part, encodings, printer, decoder: None, come: HashSet::new() };
    source.spool().read(&ids, &What::Section(part.to_owned()), &mut parts).await?;
    Ok(())
}

/// Prints parts as they come.
struct Parts<'p, 'o> {
    part: &'p str,
    /// How each is encoded; `None`: the server has decoded them.
    encodings: Option<HashMap<Id, Encoding>>,
    printer: &'p mut Printer<'o>,
    decoder: Option<Decoder>,
    come: HashSet<Id>,
}

#[async_trait(?Send)]
impl Sink for Parts<'_, '_> {
    async fn begin(&mut self, message: &Meta) -> store::Result<()> {
        let encoding = match &self.encodings {
            Some(encodings) => encodings.get(&message.id).copied(),
            None => Some(Encoding::Identity),
        };
        // BINARY answers NIL for a part that is not there; what nothing comes of is looked at
        // again by its structure.
        let is_nothing = self.encodings.is_none() && message.size == Some(0);
        self.decoder = encoding.filter(|_| !is_nothing).map(Decoder::new);
        if self.decoder.is_some() {
            self.printer.begin_part(&message.id, self.part)?;
        }
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        match &mut self.decoder {
            Some(decoder) => {
                let decoded = decoder.take(octets);
                self.printer.part(&decoded)
            }
            None => Ok(()),
        }
    }

    async fn end(&mut self, message: &Meta) -> store::Result<()> {
        let Some(mut decoder) = self.decoder.take() else { return Ok(()) };
        self.come.insert(message.id.clone());
        self.printer.part(&decoder.finish())?;
        self.printer.end_part()
    }
}

/// Holds one message after the other, and gives it to `take`.
struct Holding<'t> {
    held: Option<Held>,
    take: &'t mut dyn FnMut(&Id, &[u8]) -> store::Result<()>,
}

#[async_trait(?Send)]
impl Sink for Holding<'_> {
    async fn begin(&mut self, message: &Meta) -> store::Result<()> {
        self.held = Some(Held::new(message.clone()));
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> store::Result<()> {
        match &mut self.held {
            Some(held) => held.write(octets),
            None => Ok(()),
        }
    }

    async fn end(&mut self, message: &Meta) -> store::Result<()> {
        match self.held.take() {
            Some(held) => (self.take)(&message.id, &held.octets()?),
            None => Ok(()),
        }
    }
}

/// Prints what is shown.
struct Printer<'o> {
    names: Names,
    out: &'o mut Output,
    count: usize,
    is_first: bool,
    /// Octets of a part that wait for the rest of a group of three.
    base64: Vec<u8>,
}

/// A message's reference, and what is said of it.
#[derive(Serialize)]
struct Object<'a, T> {
    reference: &'a str,
    #[serde(flatten)]
    content: T,
}

impl Printer<'_> {
    fn name(&self, id: &Id) -> String {
        self.names.get(id).cloned().unwrap_or_else(|| id.0.to_string())
    }

    fn object(&mut self, id: &Id, content: impl Serialize) -> store::Result<()> {
        let name = self.name(id);
        self.out.json(&Object { reference: &name, content }).map_err(failed)
    }

    fn block(&mut self, id: &Id, lines: Vec<String>) -> Result<(), output::Error> {
        let name = self.name(id);
        self.out.line(&name)?;
        for line in lines {
            // One field or part a line, whatever a message has in it.
            self.out.line(&format!("  {}", line.replace(['\r', '\n'], " ")))?;
        }
        Ok(())
    }

    fn letterhead(&mut self, id: &Id, letterhead: &Letterhead) -> store::Result<()> {
        self.count += 1;
        match self.out.format() {
            Format::Json => self.object(id, letterhead),
            Format::Human | Format::Lines => self.block(id, letterhead.lines()).map_err(failed),
        }
    }

    fn structure(&mut self, id: &Id, nodes: &[Node]) -> store::Result<()> {
        #[derive(Serialize)]
        struct Parts<'n> {
            parts: &'n [Node],
        }
        self.count += 1;
        match self.out.format() {
            Format::Json => self.object(id, Parts { parts: nodes }),
            Format::Human | Format::Lines => {
                let lines = nodes.iter().map(Node::line).collect();
                self.block(id, lines).map_err(failed)
            }
        }
    }

    /// The text, and what the message links to.
    fn text(&mut self, id: &Id, text: &str, nodes: &[Node]) -> store::Result<()> {
        #[derive(Serialize)]
        struct Text<'t> {
            text: &'t str,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            links: Vec<&'t str>,
        }
        self.count += 1;
        let links: Vec<&str> = nodes.iter().filter_map(|node| node.url.as_deref()).collect();
        if self.out.format() == Format::Json {
            return self.object(id, Text { text, links });
        }
        let mut whole = String::new();
        if !std::mem::take(&mut self.is_first) {
            whole.push('\n');
        }
        whole.push_str(&text.replace("\r\n", "\n"));
        if !whole.ends_with('\n') {
            whole.push('\n');
        }
        for link in links {
            whole.push_str(&format!("<{link}>\n"));
        }
        self.out.content(whole.as_bytes()).map_err(failed)
    }

    fn begin_part(&mut self, id: &Id, part: &str) -> store::Result<()> {
        self.count += 1;
        if self.out.format() != Format::Json {
            return Ok(());
        }
        let name = self.name(id);
        self.base64.clear();
        self.out.octets(b"{\"reference\":").map_err(failed)?;
        self.out.json_piece(&name).map_err(failed)?;
        self.out.octets(b",\"part\":").map_err(failed)?;
        self.out.json_piece(&part).map_err(failed)?;
        self.out.octets(b",\"content\":\"").map_err(failed)
    }

    fn part(&mut self, octets: &[u8]) -> store::Result<()> {
        if self.out.format() != Format::Json {
            return self.out.content(octets).map_err(failed);
        }
        self.base64.extend_from_slice(octets);
        let whole = self.base64.len() / 3 * 3;
        let text = base64::engine::general_purpose::STANDARD.encode(&self.base64[..whole]);
        self.base64.drain(..whole);
        self.out.octets(text.as_bytes()).map_err(failed)
    }

    fn end_part(&mut self) -> store::Result<()> {
        if self.out.format() != Format::Json {
            return Ok(());
        }
        let rest = std::mem::take(&mut self.base64);
        let text = base64::engine::general_purpose::STANDARD.encode(rest);
        self.out.octets(format!("{text}\"}}\n").as_bytes()).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_numbers() {
        assert_eq!(numbers("1.2"), Some(vec![1, 2]));
        for wrong in ["", "0", "1.", "TEXT", "1.MIME", "+1", "-1", "1 2"] {
            assert_eq!(numbers(wrong), None, "{wrong:?}");
        }
    }
}
