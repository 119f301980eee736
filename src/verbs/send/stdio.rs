//! `sendmail -bs`: SMTP on standard input and output, for programs that speak it to a child.
//!
//! There is no queue behind it: a message is handed over to the server before its DATA is
//! answered, and since one answer has to do for all recipients, they get it all or none.

use std::rc::Rc;

use anyhow::Result;
use async_trait::async_trait;

use super::args::Args;
use super::deliver::Sessions;
use super::esmtp::Wishes;
use super::plan::{Author, Given, Plan};
use super::run::dialogue;
use super::spooled::Spooled;
use crate::net::Wire;
use crate::open::{self, Context, signals};
use crate::sasl::Secrets;
use crate::smtp::server::{self, Delivery, Envelope, Message, Mode, Peer, Service, Settings};
use crate::smtp::syntax::path::{ForwardPath, ReversePath};
use crate::smtp::syntax::reply::Reply;
use crate::store::Fate;
use crate::ui::Exit;

/// Serves one client to its end.
///
/// # Errors
/// What ended the connection, when it was neither QUIT nor the client's going.
pub async fn serve(
    route: open::Outgoing,
    args: Args,
    author: Author,
    context: &Context,
) -> Result<Exit> {
    let name = open::own_name();
    let mut settings = Settings::new(&name, Mode::Smtp, &[]);
    settings.offer.starttls = false;
    settings.offer.require_tls = false;
    // What the server at the other end can do is not known yet.
    settings.offer.binary_mime = false;
    settings.offer.dsn = false;
    let relay = Relay {
        route,
        args,
        author,
        context: Context {
            had: context.had.clone(),
            config: context.config.clone(),
            net: context.net.clone(),
            progress: context.progress,
            quiet: context.quiet,
            verbose: context.verbose,
        },
    };
    let service = Service { settings: Rc::new(settings), delivery: Rc::new(relay), acceptor: None };
    let stop = context.net.stop.clone();
    signals::listen(&stop)?;
    let mut wire = Wire::new(Box::new(tokio::io::join(tokio::io::stdin(), tokio::io::stdout())));
    wire.set_stop(stop);
    server::serve(wire, &service, Peer::default(), None).await?;
    Ok(Exit::Ok)
}

struct Relay {
    route: open::Outgoing,
    args: Args,
    author: Author,
    context: Context,
}

#[async_trait(?Send)]
impl Delivery for Relay {
    fn recipient(&self, _: &Peer, _: &ForwardPath) -> Result<(), Reply> {
        Ok(())
    }

    async fn deliver(&self, envelope: Envelope, message: Message) -> Vec<Reply> {
        let count = envelope.recipients.len();
        let reply = match self.hand_over(envelope, message).await {
            Ok(reply) => reply,
            Err(error) => {
                let verdict = open::verdict(&error);
                let (code, enhanced) = match verdict.exit {
                    Exit::TempFail | Exit::Protocol => (451, (4, 4, 1)),
                    _ => (554, (5, 0, 0)),
                };
                let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
                Reply::enhanced(code, enhanced, &one_line(&crate::ui::report::joined(&causes)))
            }
        };
        vec![reply; count]
    }

    fn secrets(&self, _: Option<&str>) -> Option<Rc<dyn Secrets>> {
        None
    }
}

impl Relay {
    async fn hand_over(&self, envelope: Envelope, message: Message) -> Result<Reply> {
        let sender = match &envelope.from {
            ReversePath::Null => String::new(),
            path => path.to_string(),
        };
        let given = Given {
            recipients: super::plan::recipients(
                &envelope.recipients.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>(),
                &self.author,
            )?,
            sender: Some(&sender),
            from: self.author.mailbox.clone(),
            also_named: false,
        };
        let mut plan = Plan::of(Spooled::of(message.into_octets()?), given, &self.author)?;
        let mut options = self.args.envelope.clone();
        options.all_or_none = true;
        let wishes = Wishes::new(&options, &self.args.extensions)?;
        let open = async || {
            let dialogue = dialogue(&self.args)?;
            self.route.open_by(&self.args.server.options, &dialogue, &self.context).await
        };
        let mut sessions = Sessions::new(open);
        let told = sessions.hand_over(&mut plan, &wishes, true, |_| Ok(())).await?;
        let worst =
            told.iter().map(|it| &it.delivery).max_by_key(|delivery| match delivery.state {
                Fate::Delivered => 0,
                Fate::Temporary => 1,
                Fate::Permanent => 2,
                Fate::Unknown => 3,
            });
        Ok(match worst.map(|delivery| (delivery.state, delivery)) {
            Some((Fate::Delivered, delivery)) => {
                Reply::enhanced(250, (2, 0, 0), &one_line(&delivery.text))
            }
            Some((Fate::Permanent, delivery)) => {
                Reply::enhanced(554, (5, 0, 0), &one_line(&delivery.text))
            }
            // One that is not known to be lost is the client's to send again: this is SMTP's
            // own answer to the question (RFC 1047).
            Some((_, delivery)) => Reply::enhanced(451, (4, 4, 2), &one_line(&delivery.text)),
            None => Reply::enhanced(451, (4, 3, 0), "nobody says what became of it"),
        })
    }
}

/// What a peer or the system said, fit for a reply.
fn one_line(text: &str) -> String {
    let clean: String =
        text.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' }).take(400).collect();
    clean.trim().to_owned()
}
