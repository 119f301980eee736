//! From the command line to a message: new, an answer, or one that passes another on
//! (RFC 5322 section 3.6.4).

use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::args::Composing;
use crate::message::address::{self, Mailbox};
use crate::message::charset;
use crate::message::compose::{Attachment, Draft, Inline, compose, message_id};
use crate::message::facts::{Facts, Header, message_ids};
use crate::message::headers;
use crate::open;
use crate::sasl::system_random;
use crate::ui::{Exit, Failure};

/// Octets of a message that may be answered or passed on.
pub const ORIGINAL_OCTETS: u64 = 256 * 1024 * 1024;

/// Composes the message that the options describe; `text` is read for the body unless
/// `--body` gave it. `recipients` stand in To when no To, Cc or Bcc was given. `original` is
/// what `--reply` or `--forward` names.
pub fn message(
    args: &Composing,
    from: Mailbox,
    recipients: &[String],
    original: Option<&[u8]>,
    text: &mut dyn Read,
) -> Result<Vec<u8>> {
    let mut random = [0u8; 20];
    system_random(&mut random);
    let id = message_id(&random, from.domain());
    system_random(&mut random);
    let seed = crate::message::compose::base32(&random);
    let mut draft = Draft::new(from, open::now(), id, seed);
    draft.to = addresses("--to", &args.to)?;
    draft.cc = addresses("--cc", &args.cc)?;
    draft.bcc = addresses("--bcc", &args.bcc)?;
    draft.reply_to = addresses("--reply-to", &args.reply_to)?;
    if draft.to.is_empty() && draft.cc.is_empty() && draft.bcc.is_empty() {
        draft.to = recipients.iter().map(Mailbox::from_addr).collect();
    }
    draft.subject.clone_from(&args.subject);
    let label = args.charset.as_deref();
    let mut body = match &args.body {
        Some(body) => body.clone(),
        None => {
            let mut octets = Vec::new();
            text.read_to_end(&mut octets).map_err(|error| {
                Failure::new(Exit::Io, format!("cannot read the text from standard input: {error}"))
            })?;
            decode(octets, label)?
        }
    };
    if let Some(path) = &args.html {
        draft.html = Some(decode(read_file(path)?, label)?);
    }
    match original {
        Some(original) if args.reply.is_some() => answer(&mut draft, &mut body, original)?,
        Some(original) => pass_on(&mut draft, original),
        None => {}
    }
    draft.text = Some(body);
    for path in &args.inline {
        let file = attachment(path)?;
        draft.inline.push(Inline { content_id: file.file_name.clone(), file });
    }
    for path in &args.attach {
        draft.attachments.push(attachment(path)?);
    }
    for field in &args.header {
        let (name, value) = field
            .split_once(':')
            .ok_or_else(|| Failure::usage(format!("--header {field:?}: want `Name: value`")))?;
        without_control("--header", name)?;
        draft.headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    compose(&draft).map_err(|error| Failure::new(Exit::Data, error.to_string()).into())
}

/// Makes the draft an answer: to whom the original wants it, in its thread, its text quoted
/// below.
fn answer(draft: &mut Draft, body: &mut String, original: &[u8]) -> Result<()> {
    let facts = Facts::new(original);
    let header = facts.header();
    let block = &original[..headers::body_offset(original).unwrap_or(original.len())];
    if draft.to.is_empty() {
        let answers_go_to = ["Reply-To", "From"].iter().find_map(|name| {
            let field = headers::find(block, name)?;
            address::mailboxes(field.value).ok().filter(|all| !all.is_empty())
        });
        draft.to = answers_go_to.ok_or_else(|| {
            Failure::new(Exit::Data, "the message has no From that could be answered")
                .hint("give --to")
        })?;
    }
    if draft.subject.is_none() {
        draft.subject = Some(prefixed("Re: ", &["re:", "aw:", "sv:", "antw:"], header));
    }
    if let Some(id) = header.message_id() {
        draft.references = thread(header, &id);
        draft.in_reply_to = vec![id];
    }
    let author = headers::find(block, "From")
        .and_then(|field| address::mailboxes(field.value).ok()?.into_iter().next())
        .map_or_else(|| "somebody".to_owned(), |from| from.name.unwrap_or(from.addr));
    let when = header.value("Date").map_or_else(String::new, |date| format!("On {date}, "));
    if !body.is_empty() && !body.ends_with('\n') {
        body.push('\n');
    }
    if !body.is_empty() {
        body.push('\n');
    }
    body.push_str(&format!("{when}{author} wrote:\n"));
    for line in facts.readable_text().trim_end().lines() {
        // RFC 3676 section 4.5: a quote of a quote has no blank between its marks.
        let space = if line.starts_with('>') || line.is_empty() { "" } else { " " };
        body.push_str(&format!(">{space}{line}\n"));
    }
    Ok(())
}

/// Makes the draft one that carries the original along, whole.
fn pass_on(draft: &mut Draft, original: &[u8]) {
    let header = Header::new(original);
    if draft.subject.is_none() {
        draft.subject = Some(prefixed("Fwd: ", &["fwd:", "fw:", "wg:"], &header));
    }
    if let Some(id) = header.message_id() {
        draft.references = thread(&header, &id);
    }
    let mut octets = Vec::with_capacity(original.len());
    let mut lines = crate::base::dot::Encoder::counted(crate::base::dot::LineEnds::Canonical);
    lines.push(original, &mut octets).expect("canonical line ends take everything");
    draft.attachments.push(Attachment {
        file_name: "forwarded.eml".to_owned(),
        content_type: "message/rfc822".to_owned(),
        octets,
    });
}

/// The subject with a prefix, if it has none of its kind.
fn prefixed(prefix: &str, known: &[&str], header: &Header) -> String {
    let subject = header.subject().unwrap_or_default();
    let lower = subject.to_lowercase();
    match known.iter().any(|known| lower.starts_with(known)) {
        true => subject.to_owned(),
        false => format!("{prefix}{subject}"),
    }
}

/// References for a message that follows one of this header: its own, or, where it has none, a
/// lone In-Reply-To; then its id.
fn thread(header: &Header, id: &str) -> Vec<String> {
    let mut all = header.references();
    if header.value("References").is_none() {
        all = header.value("In-Reply-To").map(message_ids).unwrap_or_default();
        all.truncate(if all.len() == 1 { 1 } else { 0 });
    }
    all.retain(|other| other != id);
    all.push(id.to_owned());
    all
}

/// Refuses what could end a line, or looks like it: within an address such a thing is never meant.
///
/// # Errors
/// [`Failure`] (64).
pub fn without_control(option: &str, value: &str) -> Result<(), Failure> {
    match value.chars().find(|c| c.is_control()) {
        Some(bad) => {
            let message = format!("{option} {value:?} has the control character {bad:?} in it");
            Err(Failure::usage(message))
        }
        None => Ok(()),
    }
}

/// The mailboxes of options that may each name several.
pub fn addresses(option: &str, values: &[String]) -> Result<Vec<Mailbox>> {
    let mut all = Vec::new();
    for value in values {
        without_control(option, value)?;
        let found = address::mailboxes(value.as_bytes())
            .map_err(|error| Failure::usage(format!("{option} {value:?}: {error}")))?;
        all.extend(found);
    }
    Ok(all)
}

fn attachment(path: &Path) -> Result<Attachment> {
    let octets = read_file(path)?;
    let file_name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .context("an attachment needs a file name")?;
    if let Some(bad) = file_name.chars().find(|c| c.is_control()) {
        let message = format!("the file name {file_name:?} has the control character {bad:?}");
        return Err(Failure::usage(message).into());
    }
    let content_type = mime_guess::from_path(path).first().map_or_else(
        || {
            let is_text = std::str::from_utf8(&octets).is_ok() && !octets.contains(&0);
            if is_text { "text/plain; charset=utf-8" } else { "application/octet-stream" }
                .to_owned()
        },
        |guess| guess.essence_str().to_owned(),
    );
    // A message travels as a file unless it is one that any server takes as it is.
    let content_type = match content_type.as_str() {
        "message/rfc822" => "application/octet-stream".to_owned(),
        _ => content_type,
    };
    Ok(Attachment { file_name, content_type, octets })
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound => Exit::NoInput,
            std::io::ErrorKind::PermissionDenied => Exit::NoPermission,
            _ => Exit::Io,
        };
        Failure::new(exit, format!("cannot read {}: {error}", path.display())).into()
    })
}

/// Text in a charset that was named, or one that can be told apart without: UTF-8, UTF-16 with
/// its mark, else windows-1252.
fn decode(octets: Vec<u8>, label: Option<&str>) -> Result<String> {
    if let Some(label) = label {
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).ok_or_else(|| {
            Failure::usage(format!("--charset {label:?}: no such charset is known"))
        })?;
        let (text, _, is_broken) = encoding.decode(&octets);
        if is_broken {
            let message = format!("the text is not {}, as --charset says", encoding.name());
            return Err(Failure::new(Exit::Data, message).into());
        }
        return Ok(text.into_owned());
    }
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(&octets) {
        return Ok(encoding.decode(&octets).0.into_owned());
    }
    Ok(charset::unlabelled(&octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_several_charsets_becomes_utf8() {
        let read = |octets: &[u8], label| decode(octets.to_vec(), label).expect("text");
        assert_eq!(read("grüße".as_bytes(), None), "grüße");
        assert_eq!(read("\u{feff}grüße".as_bytes(), None), "grüße");
        assert_eq!(read(b"gr\xfc\xdfe", None), "grüße");
        assert_eq!(read(b"\xff\xfeh\0i\0", None), "hi");
        assert_eq!(read(b"\x93\xfa\x96{", Some("shift_jis")), "日本");
        assert_eq!(read(b"\xc7\xd2", Some("koi8-r")), "гр");
        assert!(decode(b"\xff\xff".to_vec(), Some("utf-8")).is_err());
        assert!(decode(Vec::new(), Some("no-such")).is_err());
    }

    #[test]
    fn one_option_may_name_several() {
        let found = addresses("--to", &["Ann <a@x>, b@y".into(), "c@z".into()]).expect("parses");
        let plain: Vec<&str> = found.iter().map(|mailbox| mailbox.addr.as_str()).collect();
        assert_eq!(plain, ["a@x", "b@y", "c@z"]);
        assert!(addresses("--to", &["@@".into()]).is_err());
    }

    const ORIGINAL: &[u8] =
        b"From: Ann <ann@x>\r\nReply-To: list@x\r\nDate: Tue, 3 Mar 2026 10:00:00 +0100\r\n\
        Message-ID: <3@x>\r\nReferences: <1@x> <2@x>\r\nSubject: =?utf-8?Q?Gr=C3=BCn?=\r\n\r\n\
        one\r\n\r\n> two\r\n";

    fn composed(args: &Composing, original: &[u8]) -> String {
        let from = Mailbox::from_addr("me@y");
        let octets = message(args, from, &[], Some(original), &mut &b"thanks"[..]);
        String::from_utf8(octets.expect("a message")).expect("ASCII")
    }

    #[test]
    fn an_answer_stands_in_its_thread() {
        let args = Composing { reply: Some("x".into()), ..Composing::default() };
        let text = composed(&args, ORIGINAL);
        let header = Header::new(text.as_bytes());
        assert_eq!(header.subject(), Some("Re: Grün"));
        assert_eq!(header.references(), ["1@x", "2@x", "3@x"]);
        assert_eq!(header.value("In-Reply-To"), Some("<3@x>"));
        assert!(text.contains("\r\nTo: <list@x>\r\n"), "{text}");
        assert!(
            text.ends_with(
                "thanks\r\n\r\nOn Tue, 3 Mar 2026 10:00:00 +0100, Ann wrote:\r\n> one\r\n>\r\n>> two\r\n"
            ),
            "{text}"
        );
        let again = composed(
            &args,
            b"From: a@x\nSubject: RE: x\nIn-Reply-To: <1@x>\nMessage-ID: <2@x>\n\n",
        );
        let header = Header::new(again.as_bytes());
        assert_eq!(header.subject(), Some("RE: x"));
        assert_eq!(header.references(), ["1@x", "2@x"]);
        assert!(
            answer(
                &mut Draft::new(Mailbox::from_addr("a"), open::now(), "i".into(), "s".into()),
                &mut String::new(),
                b"Subject: x\n\n"
            )
            .is_err()
        );
    }

    #[test]
    fn what_is_passed_on_comes_along_whole() {
        let args =
            Composing { forward: Some("x".into()), to: vec!["b@z".into()], ..Composing::default() };
        let text = composed(&args, ORIGINAL);
        let header = Header::new(text.as_bytes());
        assert_eq!(header.subject(), Some("Fwd: Grün"));
        assert_eq!(header.references(), ["1@x", "2@x", "3@x"]);
        assert_eq!(header.value("In-Reply-To"), None);
        assert!(text.contains(std::str::from_utf8(ORIGINAL).expect("ASCII")), "{text}");
        assert!(text.contains("Content-Type: message/rfc822"), "{text}");
    }
}
