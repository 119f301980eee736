//! From the command line to a message.

use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::args::Composing;
use crate::message::address::{self, Mailbox};
use crate::message::compose::{Attachment, Draft, compose, message_id};
use crate::open;
use crate::sasl::system_random;
use crate::ui::{Exit, Failure};

/// Composes the message that the options describe; `text` is read for the body unless
/// `--body` gave it. `recipients` stand in To when no To, Cc or Bcc was given.
pub fn message(
    args: &Composing,
    from: Mailbox,
    recipients: &[String],
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
    draft.text = Some(match &args.body {
        Some(body) => body.clone(),
        None => {
            let mut octets = Vec::new();
            text.read_to_end(&mut octets).map_err(|error| {
                Failure::new(Exit::Io, format!("cannot read the text from standard input: {error}"))
            })?;
            decode(octets)
        }
    });
    if let Some(path) = &args.html {
        draft.html = Some(decode(read_file(path)?));
    }
    for path in &args.attach {
        draft.attachments.push(attachment(path)?);
    }
    for field in &args.header {
        let (name, value) = field
            .split_once(':')
            .ok_or_else(|| Failure::usage(format!("--header {field:?}: want `Name: value`")))?;
        draft.headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    compose(&draft).map_err(|error| Failure::new(Exit::Data, error.to_string()).into())
}

/// The mailboxes of options that may each name several.
pub fn addresses(option: &str, values: &[String]) -> Result<Vec<Mailbox>> {
    let mut all = Vec::new();
    for value in values {
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

/// Text in any charset that can be told apart without being told: UTF-8, UTF-16 with its
/// mark, else windows-1252.
fn decode(octets: Vec<u8>) -> String {
    match String::from_utf8(octets) {
        Ok(text) => text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text),
        Err(error) => {
            let octets = error.into_bytes();
            let (text, _, _) = match encoding_rs::Encoding::for_bom(&octets) {
                Some((encoding, _)) => encoding.decode(&octets),
                None => encoding_rs::WINDOWS_1252.decode(&octets),
            };
            text.into_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_several_charsets_becomes_utf8() {
        assert_eq!(decode("grüße".as_bytes().to_vec()), "grüße");
        assert_eq!(decode(b"gr\xfc\xdfe".to_vec()), "grüße");
        assert_eq!(decode(b"\xff\xfeh\0i\0".to_vec()), "hi");
    }

    #[test]
    fn one_option_may_name_several() {
        let found = addresses("--to", &["Ann <a@x>, b@y".into(), "c@z".into()]).expect("parses");
        let plain: Vec<&str> = found.iter().map(|mailbox| mailbox.addr.as_str()).collect();
        assert_eq!(plain, ["a@x", "b@y", "c@z"]);
        assert!(addresses("--to", &["@@".into()]).is_err());
    }
}
