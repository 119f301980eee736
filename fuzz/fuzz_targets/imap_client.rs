//! The whole IMAP client, as a store, against a server that says whatever it likes: each piece
//! of the input is the answer to one line, and 0xFE in it stands for that line's tag. The client
//! must neither panic nor hang, and what it gives on must be messages that were asked for, each
//! once, whole, and of the size that was announced.

#![no_main]

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use libfuzzer_sys::fuzz_target;
use pillarbox::imap::client::{Client, Options, decide};
use pillarbox::imap::search_keys::Manner;
use pillarbox::imap::store::Account;
use pillarbox::imap::syntax::search::{Key, Word};
use pillarbox::net::Wire;
use pillarbox::query::{Expr, Field, Pattern, Term};
use pillarbox::store::held::{Held, HeldBatch};
use pillarbox::store::{FlagChange, Flags, Id, Meta, Result, Since, Sink, Spool, Store, What};

/// Takes what comes, and asks of it what every caller relies on.
#[derive(Default)]
struct Taking {
    asked: HashSet<Id>,
    open: Option<(Meta, u64)>,
}

#[async_trait(?Send)]
impl Sink for Taking {
    async fn begin(&mut self, message: &Meta) -> Result<()> {
        assert!(self.open.is_none(), "messages interleave");
        assert!(self.asked.remove(&message.id), "{} was not asked for, or came twice", message.id);
        self.open = Some((message.clone(), 0));
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<()> {
        let (_, come) = self.open.as_mut().expect("a message has begun");
        *come += octets.len() as u64;
        Ok(())
    }

    async fn end(&mut self, message: &Meta) -> Result<()> {
        let (begun, come) = self.open.take().expect("a message has begun");
        assert_eq!(begun.id, message.id);
        assert_eq!(begun.size.unwrap_or(come), come, "another size than was announced");
        Ok(())
    }
}

/// Answers each line with the next piece, and goes.
async fn server(mut wire: Wire, data: &[u8]) {
    let mut tag = Vec::new();
    for piece in data.split(|octet| *octet == 0xff) {
        for octet in piece {
            match octet {
                0xfe => wire.queue(&tag),
                octet => wire.queue(&[*octet]),
            }
        }
        if wire.flush().await.is_err() {
            return;
        }
        let Ok(len) = wire.line(1 << 20).await else { return };
        let line = wire.buffered()[..len].to_vec();
        wire.consume(len);
        tag = line.split(|octet| *octet == b' ').next().unwrap_or_default().to_vec();
    }
}

async fn client(wire: Wire) -> Result<()> {
    let options = Options { timeout: Some(Duration::from_secs(5)), ..Options::default() };
    let client = Client::open(wire, &options).await?;
    let mut account = Account::new(client).await?;
    drop(account.folders(&[]).await);
    account.select("INBOX", false).await?;
    let listed = account.list().await?;
    let ids: Vec<Id> = listed.into_iter().map(|message| message.id).take(100).collect();
    for what in [
        What::Whole,
        What::HeaderFields(vec!["Subject".to_owned()]),
        What::Partial { section: "1".to_owned(), offset: 3, octets: Some(5) },
    ] {
        let mut taking = Taking { asked: ids.iter().cloned().collect(), open: None };
        account.read(&ids, &what, &mut taking).await?;
        assert!(taking.open.is_none(), "half a message was given as whole");
    }
    let mut uids: Vec<u32> = ids.iter().filter_map(|id| id.0.parse().ok()).collect();
    uids.sort_unstable();
    // Text that is found out here: by BODYSTRUCTURE, and the parts that it tells of.
    let text = Expr::Term(Term::Match(Field::Body, Pattern::Present));
    let (utf8, bodies, fuzzy, gmail, saved, within) = (true, false, false, false, false, None);
    let manner = Manner { utf8, bodies, fuzzy, gmail, saved, within };
    drop(decide::find(account.client(), &text, &Expr::All, Some(&uids), manner).await?);
    drop(account.client().search(vec![Key::Word(Word::All)]).await?);
    let since = Since { uid_validity: 1, modseq: Some(1), known: ids.clone() };
    drop(account.changes(Some(&since)).await?);
    let seen: Flags = ["\\Seen"].iter().collect();
    let change = FlagChange { ids: ids.clone(), add: seen, remove: Flags::new() };
    account.flag(&[change]).await?;
    drop(account.copy(&ids, "Other").await?);
    let mut message =
        Held::new(Meta { id: Id::new(""), size: None, flags: None, received: None });
    message.write(b"Subject: x\n\nbody\n")?;
    let mut batch = HeldBatch::default();
    batch.push(message);
    drop(account.append("INBOX", &mut batch).await?);
    account.wait(Duration::from_secs(1)).await?;
    drop(account.client().notify(&[], false).await);
    drop(account.client().wait_for_news(Duration::from_secs(1)).await?);
    drop(account.client().raw(b"UID FETCH 1 (FLAGS)", &mut |_| {}).await?);
    drop(account.move_to(&ids, "Other").await?);
    drop(account.delete(&ids).await?);
    account.finish().await
}

fuzz_target!(|data: &[u8]| {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let (near, far) = Wire::duplex(64 * 1024);
        let talk = async {
            // A server that only ever says that it is busy is waited for as long as is told.
            let ended = tokio::time::timeout(Duration::from_secs(3600), client(near)).await;
            assert!(ended.is_ok(), "the client does not come to an end");
        };
        tokio::join!(talk, server(far, data));
    });
});
