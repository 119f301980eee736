//! `probe roundtrip`: sends a message with a mark, waits until it has come, says how long that
//! took hop by hop and what the receiver found, and removes it again.
//!
//! Only a message that has this run's mark in its header is ever removed.

use std::time::{Duration, Instant};

use anyhow::Result;
use async_trait::async_trait;
use serde_json::json;

use super::catalogue::{TRIP_ARRIVED, TRIP_CLEAN, TRIP_FAST, TRIP_SENT};
use super::findings::Finding;
use super::headers;
use super::part::{Report, Shape};
use super::render::text::labelled;
use crate::base::location::Location;
use crate::message::headers as fields;
use crate::open::{
    self, Common, Context, Create, Endpoint, Mail, Opened, Outgoing, Receiving, Sending, open_mail,
    own_name,
};
use crate::sasl::system_random;
use crate::store::held::Held;
use crate::store::{
    Deleted, Envelope, Fate, Id, Meta, Result as StoreResult, Sink, Transport as _, What,
};
use crate::ui::{Exit, Failure, Output};

/// The field that holds the mark.
const MARK: &str = "X-Pillarbox-Roundtrip";

/// Time between two looks where a server does not tell by itself.
const PAUSE: Duration = Duration::from_millis(500);

/// Longest wait for word from a server before a look anyway.
const LOOK: Duration = Duration::from_secs(5);

/// New messages of a maildrop that are looked at, at the most.
const LOOKED_AT: usize = 200;

/// Send a message, wait until it has come, and remove it: how long, by which way, how judged
///
/// It is sent by --send (an smtp or submission URL, or an account) to --to, and waited for at
/// --receive (an imap or pop3 URL, or an account; by IDLE where the server has it). Exit code 0:
/// it came; 1: it took longer than --warn; 2: it was refused, or had not come after --fail.
/// JSON Lines have `type`: `roundtrip` (`sent_ms`, `arrived_ms`, null where it did not come, and
/// `message_id`), `hop`, `results`, `finding` and `summary`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where the message is handed in
    #[arg(long, value_name = "URL")]
    pub send: String,

    /// Where it has to come
    #[arg(long, value_name = "URL")]
    pub receive: String,

    /// Who gets it (default: the user of --receive, where that is an address)
    #[arg(long, value_name = "ADDRESS")]
    pub to: Option<String>,

    /// Who sends it (default: the account's address, or that of --to)
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<String>,

    /// Warn when it takes longer: 10s, 2m
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = crate::open::span)]
    pub warn: Duration,

    /// Take it for lost when it has not come after that long
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = crate::open::span)]
    pub fail: Duration,

    /// How the report is printed.
    #[command(flatten)]
    pub shape: Shape,

    /// Options of the server that takes the message.
    #[command(flatten)]
    pub sending: Endpoint<Sending>,

    /// Options of the server where it comes.
    #[command(flatten)]
    pub receiving: Endpoint<Receiving>,

    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

const EXAMPLES: &str = "\
Examples:
  Whether mail comes within ten seconds:
    pillarbox probe roundtrip --send alice --receive bob --to bob@example.test --warn 10s
  The milliseconds that it took:
    pillarbox probe roundtrip --send alice --receive bob --to bob@example.test --json | \\
      jq 'select(.type == \"roundtrip\") | .arrived_ms'";

/// What has come.
struct Arrived {
    after: Duration,
    message: Vec<u8>,
    removed: std::result::Result<String, String>,
}

/// Sends, waits, removes, and reports.
///
/// # Errors
/// A server that cannot be reached or logged into; arguments that cannot be followed.
pub async fn run(args: Args, context: &Context, out: &mut Output) -> Result<Exit> {
    let receive = Location::parse(&args.receive)?;
    let outgoing = Outgoing::new(Some(&args.send), args.from.as_deref(), context)?;
    let to = match &args.to {
        Some(to) => to.clone(),
        None => recipient(&receive, context)?,
    };
    let from = match (&args.from, outgoing.author()) {
        (Some(from), _) => from.clone(),
        (None, Some(author)) => author.addr,
        (None, None) => to.clone(),
    };
    let mut random = [0; 12];
    system_random(&mut random);
    let mark: String = random.iter().map(|octet| format!("{octet:02x}")).collect();
    let domain = from.rsplit_once('@').map_or_else(own_name, |(_, domain)| domain.to_owned());
    let message_id = format!("<{mark}.roundtrip@{domain}>");

    // The way in is tried before anything is sent.
    let mut inbox = Inbox::open(receive, &args, context).await?;
    let on = format!("{} to {}", shown(&args.send)?, shown(&args.receive)?);
    let begun = Instant::now();
    let sent = send(&outgoing, &args, &from, &to, &mark, &message_id, context).await?;
    let sent_after = begun.elapsed();
    let mut findings = vec![match &sent {
        (Fate::Delivered, text) => TRIP_SENT.pass(&on, text.clone()),
        (Fate::Temporary | Fate::Unknown, text) => TRIP_SENT.unknown(&on, text.clone()),
        (Fate::Permanent, text) => TRIP_SENT.bad(&on, text.clone()),
    }];
    let arrived = match sent.0 {
        Fate::Delivered | Fate::Unknown => inbox.wait(&mark, begun, &args, context).await?,
        Fate::Temporary | Fate::Permanent => None,
    };
    let mut lines = vec![on.clone()];
    let ms = |time: Duration| time.as_micros() as f64 / 1e3;
    labelled(&mut lines, "sent", &format!("{:.1} ms: {}", ms(sent_after), sent.1));
    let mut objects = vec![json!({
        "type": "roundtrip",
        "message_id": message_id,
        "sent_ms": ms(sent_after),
        "arrived_ms": arrived.as_ref().map(|arrived| ms(arrived.after)),
    })];
    match &arrived {
        Some(arrived) => {
            labelled(&mut lines, "arrived", &format!("{:.1} ms", ms(arrived.after)));
            let hops = headers::received::path(&arrived.message);
            headers::way(&hops, &mut lines, &mut objects);
            let results = headers::results::all(&arrived.message);
            objects.extend(results.iter().map(headers::results::Results::json));
            judge(&on, arrived, args.warn, &mut findings);
            headers::of_results(&on, &results, &mut findings);
        }
        None if matches!(sent.0, Fate::Delivered | Fate::Unknown) => {
            let text = format!("it had not come after {:.0} s", args.fail.as_secs_f64());
            labelled(&mut lines, "arrived", "not");
            findings.push(TRIP_ARRIVED.bad(&on, text));
        }
        None => {}
    }
    let report = Report { subject: on, lines, objects, findings, connections: 2 };
    report.print(&args.shape, args.common.json, out)
}

fn judge(on: &str, arrived: &Arrived, warn: Duration, findings: &mut Vec<Finding>) {
    let took = format!("{:.1} s", arrived.after.as_secs_f64());
    findings.push(TRIP_ARRIVED.pass(on, took.clone()));
    let text = format!("{took}; to be within {:.1} s", warn.as_secs_f64());
    findings.push(TRIP_FAST.check(arrived.after <= warn, on, text));
    findings.push(match &arrived.removed {
        Ok(how) => TRIP_CLEAN.pass(on, how.clone()),
        Err(why) => TRIP_CLEAN.bad(on, why.clone()),
    });
}

/// A place without its secrets.
fn shown(place: &str) -> Result<String> {
    Ok(match Location::parse(place)? {
        Location::Imap(mut url) => {
            url.server.password = None;
            Location::Imap(url).to_string()
        }
        Location::Pop(mut url) => {
            url.server.password = None;
            Location::Pop(url).to_string()
        }
        Location::Smtp(mut url) => {
            if let crate::base::location::SmtpEndpoint::Tcp(server) = &mut url.endpoint {
                server.password = None;
            }
            Location::Smtp(url).to_string()
        }
        other => other.to_string(),
    })
}

/// The address of whoever reads at `receive`.
fn recipient(receive: &Location, context: &Context) -> Result<String> {
    let of_url = match receive {
        Location::Imap(url) => url.server.user.clone(),
        Location::Pop(url) => url.server.user.clone(),
        _ => None,
    };
    let of_account =
        context.config.account_of(receive)?.and_then(|account| account.emails.first().cloned());
    of_account.or(of_url.filter(|user| user.contains('@'))).ok_or_else(|| {
        Failure::usage("nobody knows to whom the message is to go").hint("give --to").into()
    })
}

/// Hands the message in; what became of it, in the server's words.
async fn send(
    outgoing: &Outgoing,
    args: &Args,
    from: &str,
    to: &str,
    mark: &str,
    message_id: &str,
    context: &Context,
) -> Result<(Fate, String)> {
    let date = open::now().message();
    let message = format!(
        "From: <{from}>\r\nTo: <{to}>\r\nSubject: pillarbox round trip {mark}\r\nDate: {date}\r\n\
         Message-ID: {message_id}\r\n{MARK}: {mark}\r\nAuto-Submitted: auto-generated\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
         This message measures how long mail takes. It is removed by what sent it.\r\n"
    );
    let mut body = Held::new(Meta { id: Id::new(""), size: None, flags: None, received: None });
    body.write(message.as_bytes())?;
    let mut client = outgoing.open(&args.sending.options, None, context).await?;
    let envelope = Envelope { sender: from.to_owned(), recipients: vec![to.to_owned()] };
    let delivered = client.deliver(&envelope, &mut body).await?;
    // The message is with the server; how that takes leave changes nothing.
    let _ = client.finish().await;
    let delivery = delivered.into_iter().next();
    let delivery = delivery.ok_or_else(|| anyhow::anyhow!("the server said nothing of {to}"))?;
    let code = delivery.code.map(|code| format!("{code} ")).unwrap_or_default();
    let enhanced = delivery.enhanced.map(|code| format!("{code} ")).unwrap_or_default();
    Ok((delivery.state, format!("{code}{enhanced}{}", delivery.text)))
}

/// Where the message has to come.
struct Inbox {
    location: Location,
    opened: Opened,
    /// IMAP: the first UID that is new.
    next: u32,
    /// POP3: what was there before.
    known: Vec<Id>,
}

impl Inbox {
    async fn open(location: Location, args: &Args, context: &Context) -> Result<Self> {
        let mut opened = open_mail(&location, &args.receiving.options, Create::No, context).await?;
        let (mut next, mut known) = (0, Vec::new());
        match &opened.mail {
            Mail::Imap(..) => {
                next = opened.select(None, false).await?.map_or(1, |status| status.uid_next.max(1));
            }
            Mail::Pop(..) => {
                known = opened.spool().list().await?.into_iter().map(|listed| listed.id).collect();
                // The maildrop is locked for others, deliveries too, as long as it is open.
                opened.spool().finish().await?;
            }
            _ => {
                return Err(
                    Failure::usage("--receive wants an imap or pop3 URL, or an account").into()
                );
            }
        }
        Ok(Self { location, opened, next, known })
    }

    /// Waits until the message with the mark has come; `None` when it does not in time.
    async fn wait(
        &mut self,
        mark: &str,
        begun: Instant,
        args: &Args,
        context: &Context,
    ) -> Result<Option<Arrived>> {
        let end = begun + args.fail;
        loop {
            if matches!(self.opened.mail, Mail::Pop(..)) {
                self.opened =
                    open_mail(&self.location, &args.receiving.options, Create::No, context).await?;
            }
            let found = self.look(mark).await?;
            let after = begun.elapsed();
            if let Some((id, message)) = found {
                let removed = self.remove(&id).await;
                return Ok(Some(Arrived { after, message, removed }));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            match &self.opened.mail {
                Mail::Imap(..) => {
                    if let Some(store) = self.opened.store() {
                        store.wait(left.min(LOOK)).await?;
                    }
                }
                _ => {
                    self.opened.spool().finish().await?;
                    tokio::time::sleep(left.min(PAUSE)).await;
                }
            }
        }
    }

    /// The message with the mark, where it is there.
    async fn look(&mut self, mark: &str) -> Result<Option<(Id, Vec<u8>)>> {
        let new: Vec<Id> = match &mut self.opened.mail {
            Mail::Imap(account, _) => {
                let mut ids = Vec::new();
                let command = format!("UID SEARCH UID {}:* HEADER {MARK} {mark}", self.next);
                let answer = account
                    .client()
                    .raw(command.as_bytes(), &mut |response| ids.extend(numbers(response)))
                    .await;
                answer.map_err(crate::store::Error::from)?;
                ids
            }
            _ => {
                let listed = self.opened.spool().list().await?;
                let known = &self.known;
                let ids = listed.into_iter().map(|listed| listed.id);
                ids.filter(|id| !known.contains(id)).take(LOOKED_AT).collect()
            }
        };
        let mut sink = Gathered::default();
        if !new.is_empty() {
            self.opened.spool().read(&new, &What::Headers, &mut sink).await?;
        }
        // Whatever the server found: the mark decides.
        let ours = sink.all.into_iter().find(|(_, header)| {
            fields::find(header, MARK).is_some_and(|field| *field.unfolded() == *mark.as_bytes())
        });
        self.known.extend(new.into_iter().filter(|id| {
            matches!(self.opened.mail, Mail::Pop(..))
                && ours.as_ref().is_none_or(|(found, _)| found != id)
        }));
        Ok(ours)
    }

    /// Removes that one message; how, or why not.
    async fn remove(&mut self, id: &Id) -> std::result::Result<String, String> {
        let spool = self.opened.spool();
        let deleted = spool.delete(std::slice::from_ref(id)).await;
        let deleted = deleted.map_err(|error| error.to_string())?;
        spool.finish().await.map_err(|error| error.to_string())?;
        match deleted {
            Deleted::Gone | Deleted::AtFinish => Ok("removed".into()),
            Deleted::Marked => {
                Err("it is marked \\Deleted; the server cannot remove it alone".into())
            }
        }
    }
}

/// The UIDs in an answer to SEARCH, in either of its forms.
fn numbers(response: &[u8]) -> Vec<Id> {
    let text = String::from_utf8_lossy(response);
    let text = text.trim_end();
    let list = match text.strip_prefix("* SEARCH") {
        Some(list) => list,
        None => match text.strip_prefix("* ESEARCH").and_then(|rest| rest.rsplit_once("ALL ")) {
            Some((_, list)) => list,
            None => return Vec::new(),
        },
    };
    list.split([' ', ',']).filter(|word| word.parse::<u32>().is_ok()).map(Id::new).collect()
}

/// Headers in memory.
#[derive(Default)]
struct Gathered {
    all: Vec<(Id, Vec<u8>)>,
}

#[async_trait(?Send)]
impl Sink for Gathered {
    async fn begin(&mut self, message: &Meta) -> StoreResult<()> {
        self.all.push((message.id.clone(), Vec::new()));
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> StoreResult<()> {
        if let Some((_, held)) = self.all.last_mut() {
            held.extend_from_slice(octets);
        }
        Ok(())
    }

    async fn end(&mut self, _: &Meta) -> StoreResult<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_an_answer_to_search() {
        let ids = |text: &str| -> Vec<String> {
            numbers(text.as_bytes()).into_iter().map(|id| id.0.to_string()).collect()
        };
        assert_eq!(ids("* SEARCH 4 7\r\n"), ["4", "7"]);
        assert_eq!(ids("* ESEARCH (TAG \"a1\") UID ALL 4,7\r\n"), ["4", "7"]);
        assert!(ids("* SEARCH\r\n").is_empty() && ids("a1 OK 5\r\n").is_empty());
    }

    #[test]
    fn a_password_is_not_shown() {
        let text = shown("imap://ann:secret@h/").expect("a place");
        assert!(text.contains("ann") && !text.contains("secret"), "{text}");
    }
}
