//! Posting: one article to the newsgroups that it names, by a news server.
//!
//! RFC 5537 section 3.4 (what a posting agent does), RFC 5536 section 3.1. Who injects the
//! article adds what is its own; moderation is the server's business.

use std::io::Read;

use anyhow::Result;

use super::args::Args;
use super::plan::{self, Plan};
use super::spooled::Spooled;
use super::{compose, deliver, outcome, run};
use crate::base::dot::LineEnds;
use crate::base::location::Location;
use crate::message::address::{self, Mailbox};
use crate::message::downgrade;
use crate::message::headers::{self, Place};
use crate::net::Stop;
use crate::nntp::client::Error;
use crate::nntp::syntax::is_newsgroup;
use crate::nntp::syntax::reply::Reply;
use crate::open::{self, Context, NewsPlace, signals};
use crate::store::{self, Body as _, Delivery, Envelope, Fate, PeerError as _};
use crate::ui::{Exit, Failure, Format, Output};

/// Octets shown of an article at a time by a dry run.
const BLOCK_OCTETS: usize = 64 * 1024;

/// The path of an article that has not travelled yet (RFC 5537 section 3.2.1, tail-entry).
const PATH: &str = "not-for-mail";

/// Posts one article; `location` is a news server or one of its groups.
///
/// # Errors
/// Whatever kept the article from being handed over at all; what a server says of it is no
/// error, but in the exit code.
pub async fn post(
    args: &Args,
    location: &Location,
    context: &Context,
    out: &mut Output,
) -> Result<Exit> {
    if let Some(recipient) = args.recipients.first() {
        let message = format!("{recipient}: an article goes to newsgroups, not to recipients");
        return Err(Failure::usage(message).hint("name the groups in a Newsgroups field").into());
    }
    let place = NewsPlace::of(location, context)?;
    let account = place.account(context).or_else(|| context.config.default_account());
    let author = account.and_then(|account| {
        let addr = account.emails.first()?.clone();
        Some(Mailbox { name: account.full_name.clone(), addr })
    });
    let mut message = proto_article(args, author, place.url.group.as_deref(), &context.net.stop)?;
    let recipients = newsgroups(&message.header)?;
    complete(&mut message)?;
    let envelope = Envelope { sender: String::new(), recipients };
    let mut plan = Plan {
        envelope,
        message,
        blind: Vec::new(),
        changes: Vec::new(),
        signatures: 0,
        line_ends: LineEnds::Canonical,
    };
    if args.conversion.dry_run {
        return show(&mut plan, out).await;
    }
    signals::listen(&context.net.stop)?;
    let deliveries = match hand_over(args, &place, &mut plan, context).await {
        Ok(told) => all(&plan.envelope, &told),
        Err(error) => {
            let deliveries = run::not_handed_over(&plan, &error);
            run::log(context, &plan, &deliveries);
            if out.format() == Format::Json {
                outcome::print(&deliveries, out)?;
                out.flush()?;
            }
            return Err(error);
        }
    };
    run::log(context, &plan, &deliveries);
    if !context.quiet || out.format() == Format::Json {
        outcome::print(&deliveries, out)?;
    } else {
        outcome::tell_failures(&deliveries);
    }
    let exit = outcome::exit(deliveries.iter().map(|it| &it.delivery));
    Ok(run::ended(exit, context.net.stop.cause()))
}

async fn hand_over(
    args: &Args,
    place: &NewsPlace,
    plan: &mut Plan,
    context: &Context,
) -> Result<Told> {
    let mut client = open::open_news(place, &args.server.options, context).await?;
    let told = fate(client.post(&mut plan.message).await)?;
    client.quit().await;
    Ok(told)
}

/// The exact octets, as they would leave.
async fn show(plan: &mut Plan, out: &mut Output) -> Result<Exit> {
    if out.format() == Format::Json {
        out.json(&serde_json::json!({
            "newsgroups": plan.envelope.recipients,
            "octets": plan.message.len(),
        }))?;
        return Ok(Exit::Ok);
    }
    out.content(b"POST\n")?;
    let mut block = vec![0; BLOCK_OCTETS];
    loop {
        match plan.message.read(&mut block).await? {
            0 => return Ok(Exit::Ok),
            count => out.content(&block[..count])?,
        }
    }
}

/// The article that the command line and standard input make, with all that a posting agent has
/// to add.
fn proto_article(
    args: &Args,
    author: Option<Mailbox>,
    group: Option<&str>,
    stop: &Stop,
) -> Result<Spooled> {
    let mut input = open::Stdin::new(stop);
    let input: &mut dyn Read = &mut input;
    let from = match &args.composing.from {
        Some(from) => Some(
            address::mailbox(from.as_bytes())
                .map_err(|error| Failure::usage(format!("--from {from:?}: {error}")))?,
        ),
        None => author,
    };
    let mut article = if args.composing.composes() {
        let from = from.clone().ok_or_else(|| {
            Failure::usage("a composed article needs an author")
                .hint("give --from, or `email` in the account's table")
        })?;
        Spooled::of(compose::message(&args.composing, from, &[], None, input)?)
    } else {
        Spooled::take(input)?.with_header_lines()?
    };
    plan::check(&article)?;
    // RFC 5537 section 3.4: only along with these does a poster say when it was injected.
    let has = |name: &str| headers::find(&article.header, name).is_some();
    if has("Injection-Date") && !(has("Date") && has("Message-ID")) {
        let message = "the article has an Injection-Date, and no Date or no Message-ID";
        return Err(Failure::new(Exit::Data, message).into());
    }
    plan::complete(&mut article, from.as_ref())?;
    (article.header, _) = headers::remove(&article.header, &["Bcc", "Resent-Bcc"]);
    let data = |error: headers::Error| Failure::new(Exit::Data, error.to_string());
    for (name, value) in [("Newsgroups", group), ("Path", Some(PATH))] {
        if let Some(value) = value
            && headers::find(&article.header, name).is_none()
        {
            article.header =
                headers::insert(&article.header, Place::Last, name, value).map_err(data)?;
        }
    }
    Ok(article)
}

/// Refuses what a poster does not say, or has to say (RFC 5536 section 3.1, RFC 5537 section
/// 3.4.1), and puts the header into ASCII, as every server takes it.
fn complete(article: &mut Spooled) -> Result<(), Failure> {
    let bad = |message: &str| Failure::new(Exit::Data, format!("the article {message}"));
    let header = &article.header;
    let has = |name: &str| headers::find(header, name).is_some();
    for name in ["Injection-Info", "Xref"] {
        if has(name) {
            return Err(bad(&format!("has a field {name}, which only a server adds"))
                .hint("take it off: an article that was posted before is posted anew"));
        }
    }
    let posted = headers::find(header, "Path").is_some_and(|path| {
        path.unfolded().split(|it| *it == b'!').any(|it| it.starts_with(b".POSTED"))
    });
    if posted {
        return Err(bad("has a Path that says that it was posted already"));
    }
    for (name, hint) in [
        ("From", "give --from, or `email` in the account's table"),
        ("Subject", "give --subject, or a Subject field"),
    ] {
        let field = headers::find(header, name);
        if field.is_none_or(|field| field.unfolded().trim_ascii().is_empty()) {
            return Err(bad(&format!("has no {name}")).hint(hint));
        }
    }
    for name in ["From", "Subject", "Newsgroups", "Path", "Date", "Message-ID", "Injection-Date"] {
        if headers::fields(header).filter(|field| field.is(name)).count() > 1 {
            return Err(bad(&format!("has more than one {name}")));
        }
    }
    if !header.is_ascii() {
        let (encoded, _) = downgrade::ascii(header)
            .map_err(|error| Failure::new(Exit::Data, error.to_string()))?;
        article.header = encoded;
    }
    Ok(())
}

/// The groups that the Newsgroups field names (RFC 5536 section 3.1.4).
fn newsgroups(header: &[u8]) -> Result<Vec<String>> {
    let bad = |message: String| Failure::new(Exit::Data, message);
    let field = headers::find(header, "Newsgroups").ok_or_else(|| {
        bad("the article names no newsgroup".into()).hint(
            "add a Newsgroups field (--header 'Newsgroups: a.b'), or give --via nntp://HOST/GROUP",
        )
    })?;
    let value = field.unfolded();
    let text =
        std::str::from_utf8(&value).map_err(|_| bad("the Newsgroups field is not UTF-8".into()))?;
    let mut groups: Vec<String> = Vec::new();
    for name in text.split(',').map(str::trim) {
        if !is_newsgroup(name) {
            return Err(bad(format!("{name:?} in Newsgroups is no newsgroup")).into());
        }
        if !groups.iter().any(|known| known == name) {
            groups.push(name.to_owned());
        }
    }
    Ok(groups)
}

/// What became of the article, for every group the same.
struct Told {
    state: Fate,
    stage: &'static str,
    code: Option<u16>,
    text: String,
}

/// What a server's answer means.
///
/// # Errors
/// What says nothing of the article: a body that cannot be read, a connection that ended before
/// it was whole.
fn fate(answer: Result<Reply, Error>) -> Result<Told, store::Error> {
    let (reply, state) = match answer {
        Ok(reply) => (reply, Fate::Delivered),
        Err(Error::Unknown) => {
            let text = Error::Unknown.to_string();
            return Ok(Told { state: Fate::Unknown, stage: "body", code: None, text });
        }
        Err(Error::Refused { reply, stage }) => {
            let is_later = Error::Refused { reply: reply.clone(), stage }.is_transient();
            (reply, if is_later { Fate::Temporary } else { Fate::Permanent })
        }
        Err(error) => return Err(error.into()),
    };
    // 441 and 240 answer the article, all else the command.
    let stage = if matches!(reply.code, 240 | 441) { "body" } else { "post" };
    Ok(Told { state, stage, code: Some(reply.code), text: reply.text.to_string() })
}

fn all(envelope: &Envelope, told: &Told) -> Vec<deliver::Told> {
    let of = |group: &String| Delivery {
        recipient: group.clone(),
        state: told.state,
        stage: told.stage,
        code: told.code,
        enhanced: None,
        text: told.text.clone(),
    };
    envelope
        .recipients
        .iter()
        .map(|group| deliver::Told {
            delivery: of(group),
            queue_id: None,
            times: None,
            reached: None,
        })
        .collect()
}

/// Whether `--via` names a news server; then what it names.
pub fn server(via: Option<&str>) -> Result<Option<Location>> {
    let location = via.map(Location::parse).transpose()?;
    Ok(location.filter(|it| matches!(it, Location::Nntp(_) | Location::News(_))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nntp::client::Stage;

    #[test]
    fn newsgroups_are_read_out_of_their_field() {
        let header = b"Newsgroups: a.b,\r\n c.d ,a.b\r\n\r\n";
        assert_eq!(newsgroups(header).expect("groups"), ["a.b", "c.d"]);
        for wrong in [&b"Subject: x\r\n\r\n"[..], b"Newsgroups: \r\n\r\n", b"Newsgroups: a b\r\n"] {
            assert!(newsgroups(wrong).is_err());
        }
    }

    #[test]
    fn answers_become_fates() {
        let refused =
            |code| Err(Error::Refused { stage: Stage::Post, reply: Reply::new(code, "") });
        for (answer, state, stage) in [
            (Ok(Reply::new(240, "ok")), Fate::Delivered, "body"),
            (refused(441), Fate::Permanent, "body"),
            (refused(440), Fate::Permanent, "post"),
            (refused(400), Fate::Temporary, "post"),
            (Err(Error::Unknown), Fate::Unknown, "body"),
        ] {
            let told = fate(answer).expect("an answer");
            assert_eq!((told.state, told.stage), (state, stage));
        }
    }
}
