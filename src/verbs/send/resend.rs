//! A message sent on as it is: a block of Resent- fields on top (RFC 5322 section 3.6.6).

use anyhow::Result;

use super::args::Composing;
use super::compose::addresses;
use super::plan::{new_message_id, written};
use super::spooled::Spooled;
use crate::message::address::Mailbox;
use crate::message::headers::{self, Place};
use crate::open;
use crate::ui::{Exit, Failure};

/// Puts the block on top, and gives the addresses that it is for, `--bcc` included. Without
/// `--to` and `--cc` the block names `recipients`.
///
/// # Errors
/// [`Failure`]: 64 for what is no address, 65 for a field that cannot be written.
pub fn insert(
    message: &mut Spooled,
    options: &Composing,
    from: &Mailbox,
    recipients: &[String],
) -> Result<Vec<String>> {
    let mut to = addresses("--to", &options.to)?;
    let cc = addresses("--cc", &options.cc)?;
    let bcc = addresses("--bcc", &options.bcc)?;
    if to.is_empty() && cc.is_empty() && bcc.is_empty() {
        to = recipients.iter().map(Mailbox::from_addr).collect();
    }
    // An older block may be blind to somebody; nobody else is to read that.
    (message.header, _) = headers::remove(&message.header, &["Resent-Bcc"]);
    let list = |mailboxes: &[Mailbox]| mailboxes.iter().map(written).collect::<Vec<_>>().join(", ");
    let mut block = vec![
        ("Resent-Date", open::now().message()),
        ("Resent-From", written(from)),
        ("Resent-Message-ID", format!("<{}>", new_message_id(Some(from)))),
    ];
    for (name, mailboxes) in [("Resent-To", &to), ("Resent-Cc", &cc)] {
        if !mailboxes.is_empty() {
            block.push((name, list(mailboxes)));
        }
    }
    for (name, value) in block.iter().rev() {
        message.header = headers::insert(&message.header, Place::First, name, value)
            .map_err(|error| Failure::new(Exit::Data, error.to_string()))?;
    }
    Ok(to.into_iter().chain(cc).chain(bcc).map(|mailbox| mailbox.addr).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::envelope::{Source, from_header};

    #[test]
    fn the_newest_block_stands_on_top() {
        let old = "Resent-To: old@x\r\nResent-Bcc: blind@x\r\nFrom: a@x\r\nTo: b@x\r\nBcc: c@x\r\n\r\ntext\r\n";
        let mut message = Spooled::of(old.as_bytes().to_vec());
        let options = Composing {
            to: vec!["J\u{f6}rg <new@x>".into()],
            bcc: vec!["quiet@x".into()],
            ..Composing::default()
        };
        let me = Mailbox::from_addr("me@x");
        let to = insert(&mut message, &options, &me, &["ignored@x".to_owned()]).expect("a block");
        assert_eq!(to, ["new@x", "quiet@x"]);
        let text = String::from_utf8(message.header.clone()).expect("ASCII");
        assert!(text.starts_with("Resent-Date: "), "{text}");
        assert!(!text.contains("blind@x") && !text.contains("quiet@x"), "{text}");
        let envelope = from_header(&message.header, Source::Resent).expect("an envelope");
        assert_eq!(envelope.sender.as_deref(), Some("me@x"));
        assert_eq!(envelope.recipients, ["new@x"]);
    }
}
