//! A session: what may come when, and what is answered. No sockets.
//!
//! RFC 3977 sections 5 to 8, RFC 4642 section 2.2, RFC 4643 section 2.

use std::rc::Rc;
use std::sync::Arc;

use super::article;
use super::{Newsroom, Settings, Stored};
use crate::base::date::Zoned;
use crate::base::decode::Malformed;
use crate::base::dot::Line;
use crate::nntp::syntax::capability::{AuthInfo, Capabilities};
use crate::nntp::syntax::command::{Command, List, Part, SaslResponse};
use crate::nntp::syntax::range::{Article, Articles, Range};
use crate::nntp::syntax::reply::Reply;
use crate::nntp::syntax::wildmat::Wildmat;
use crate::sasl::{self, Channel, Mechanism, Step};

/// What to say, and what to read next.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The first line.
    pub reply: Reply,
    /// What comes behind it up to the dot; `None`: the response has one line.
    pub block: Option<Block>,
    /// What comes next.
    pub then: Then,
}

/// The lines behind the first of a response.
#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    /// Ready for the wire, the dot included.
    Listing(Vec<u8>),
    /// Octets `from..to` of an article, as they are stored.
    Article {
        /// The article.
        octets: Arc<[u8]>,
        /// Where it begins.
        from: usize,
        /// Where it ends.
        to: usize,
    },
}

/// What is read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// A command line.
    Command,
    /// A line of an authentication, for [`Session::sasl_response`].
    SaslResponse,
    /// An article, for [`Session::posted`].
    Post,
    /// The TLS handshake, then [`Session::secured`].
    StartTls,
    /// Nothing: the connection ends.
    Close,
}

/// One session.
pub struct Session {
    settings: Rc<Settings>,
    newsroom: Rc<dyn Newsroom>,
    channel: Channel,
    /// The name in the client's certificate.
    subject: Option<String>,
    /// The argument of AUTHINFO USER.
    claimed: Option<String>,
    exchange: Option<Box<dyn sasl::Server>>,
    /// Who has logged in.
    user: Option<String>,
    /// The selected group and its current article.
    group: Option<(String, Option<u64>)>,
    bad_commands: u32,
}

impl Session {
    /// A session over a new connection; [`Session::secured`] follows at once under implicit TLS.
    pub fn new(settings: Rc<Settings>, newsroom: Rc<dyn Newsroom>) -> Self {
        let host = settings.name.clone();
        Self {
            settings,
            newsroom,
            channel: Channel {
                encrypted: false,
                bindings: Vec::new(),
                host,
                port: 0,
                service: "nntp",
            },
            subject: None,
            claimed: None,
            exchange: None,
            user: None,
            group: None,
            bad_commands: 0,
        }
    }

    /// The response at the start.
    pub fn greeting(&self) -> Reply {
        let text = format!("{} pillarbox NNTP server ready", self.settings.name);
        Reply::new(self.reader_code(), &text)
    }

    /// 200 where articles are taken, else 201.
    fn reader_code(&self) -> u16 {
        if self.settings.offer.post { 200 } else { 201 }
    }

    /// TLS has begun: everything that was said before is forgotten (RFC 4642 section 2.2.2).
    pub fn secured(&mut self, bindings: Vec<sasl::ChannelBinding>, subject: Option<String>) {
        self.channel.encrypted = true;
        self.channel.bindings = bindings;
        self.subject = subject;
        (self.claimed, self.group) = (None, None);
    }

    /// Answers one command line, or one that could not be read.
    pub fn command(&mut self, command: Result<Command, Malformed>) -> Answer {
        let answer = match command {
            Ok(command) => self.known(command),
            // RFC 4643 section 2.4.2.
            Err(Malformed { expected: "base64", .. }) => say(504, "that is not base64"),
            // RFC 3977 section 3.2.1: 500 where not even a keyword is there.
            Err(Malformed { offset: 0, expected: "keyword" }) => say(500, "that is no command"),
            Err(malformed) => say(501, &format!("syntax error: {malformed}")),
        };
        self.bad_commands += u32::from(answer.reply.code >= 480);
        if self.bad_commands > self.settings.bad_commands {
            return Answer { then: Then::Close, ..say(400, "too many errors") };
        }
        answer
    }

    /// The answer to a line without an end within the limit.
    pub fn line_too_long(&mut self) -> Answer {
        self.bad_commands += 1;
        self.exchange = None;
        say(501, "line too long")
    }

    fn known(&mut self, command: Command) -> Answer {
        let offer = &self.settings.offer;
        match command {
            Command::Capabilities(_) => {
                let lines = self.offered().lines();
                listing(101, "capabilities follow", lines)
            }
            Command::ModeReader => say(self.reader_code(), "reader mode"),
            Command::Quit => Answer { then: Then::Close, ..say(205, "goodbye") },
            Command::Help => listing(100, "help follows", HELP),
            Command::Date => say(111, &self.date()),
            Command::Group(name) => self.select(name),
            Command::ListGroup(wanted) => self.list_group(wanted),
            Command::Next => self.step(true),
            Command::Last => self.step(false),
            Command::Article(part, which) => self.article(part, &which),
            Command::Post if offer.post => {
                Answer { then: Then::Post, ..say(340, "send the article") }
            }
            Command::Post => say(440, "posting is not permitted"),
            Command::NewGroups(since) => {
                let groups = self.newsroom.groups();
                let new = groups.into_iter().filter(|group| group.created >= since.0);
                let lines = new.map(|mut group| {
                    group.active.count = None;
                    group.active.to_string()
                });
                listing(231, "new newsgroups follow", lines)
            }
            Command::NewNews(wildmat, since) if offer.newnews => {
                let fits = |groups: &[String]| groups.iter().any(|group| wildmat.matches(group));
                let new = self.newsroom.since(since.0).into_iter();
                let ids = new.filter(|(groups, _)| fits(groups)).map(|(_, id)| id);
                listing(230, "new articles follow", ids)
            }
            Command::List(list) => self.list(&list),
            Command::Over(which) if offer.over.is_some() => self.over(&which, Missing::Refused),
            Command::Xover(which) if offer.over.is_some() => self.over(&which, Missing::Empty),
            Command::Hdr(field, which) if offer.hdr => self.hdr(&field, &which, Form::Hdr),
            Command::Xhdr(field, which) if offer.hdr => self.hdr(&field, &which, Form::Xhdr),
            Command::StartTls if !offer.starttls => say(500, "STARTTLS is not offered here"),
            Command::StartTls if self.channel.encrypted || self.user.is_some() => {
                say(502, "TLS cannot begin now")
            }
            Command::StartTls => Answer { then: Then::StartTls, ..say(382, "go ahead") },
            Command::AuthInfoUser(_) | Command::AuthInfoPass(_) | Command::AuthInfoSasl { .. } => {
                self.authinfo(command)
            }
            Command::Compress(_)
            | Command::NewNews(..)
            | Command::Over(_)
            | Command::Xover(_)
            | Command::Hdr(..)
            | Command::Xhdr(..) => say(500, "that is not offered here"),
            // RFC 3977 section 3.2.1: what is known of these is not this.
            Command::Unknown { keyword, .. }
                if keyword == "MODE" || (keyword == "AUTHINFO" && offer.authinfo.is_some()) =>
            {
                say(501, &format!("{keyword} wants another argument"))
            }
            Command::Unknown { .. } => say(500, "that is not known here"),
        }
    }

    /// What the session can have at this moment.
    fn offered(&self) -> Capabilities {
        let mut offer = self.settings.offer.clone();
        offer.starttls &= !self.channel.encrypted && self.user.is_none();
        offer.sasl.retain(|name| self.may_use(name));
        if let Some(AuthInfo { user, sasl }) = &mut offer.authinfo {
            *user &= self.may_send_password();
            *sasl &= !offer.sasl.is_empty();
        }
        // RFC 4643 section 2.1: not behind a login.
        if self.user.is_some() {
            offer.authinfo = None;
        }
        // The mechanisms stay, so that a client sees whether somebody took them away (RFC 4643
        // section 2.2).
        if offer.authinfo.is_none() && self.user.is_none() {
            offer.sasl.clear();
        }
        offer
    }

    fn may_send_password(&self) -> bool {
        self.channel.encrypted || self.settings.allow_cleartext
    }

    fn may_use(&self, name: &str) -> bool {
        let Some(mechanism) = Mechanism::from_name(name) else { return false };
        (self.may_send_password() || !mechanism.is_cleartext())
            && (!mechanism.is_channel_bound() || !self.channel.bindings.is_empty())
            && (mechanism != Mechanism::External || self.subject.is_some())
    }

    fn authinfo(&mut self, command: Command) -> Answer {
        let Some(offer) = self.settings.offer.authinfo else {
            return say(500, "AUTHINFO is not offered here");
        };
        if self.user.is_some() {
            return say(502, "somebody has logged in already");
        }
        match command {
            Command::AuthInfoUser(_) | Command::AuthInfoPass(_) if !offer.user => {
                say(503, "AUTHINFO USER is not offered here")
            }
            Command::AuthInfoUser(_) | Command::AuthInfoPass(_) if !self.may_send_password() => {
                say(483, "a password needs TLS: STARTTLS comes first")
            }
            Command::AuthInfoUser(name) => {
                self.claimed = Some(name);
                say(381, "the password, please")
            }
            Command::AuthInfoPass(password) => {
                let Some(user) = self.claimed.take() else {
                    return say(482, "AUTHINFO USER comes first");
                };
                let mut response = format!("\0{user}\0").into_bytes();
                response.extend_from_slice(password.expose());
                self.begin(Mechanism::Plain, Some(&response))
            }
            Command::AuthInfoSasl { mechanism, initial } => {
                let is_listed = |offered: &String| offered.eq_ignore_ascii_case(&mechanism);
                let is_listed = offer.sasl && self.settings.offer.sasl.iter().any(is_listed);
                match Mechanism::from_name(&mechanism) {
                    Some(known) if initial.is_some() && !known.takes_initial_response() => {
                        say(482, "that mechanism has no initial response")
                    }
                    Some(known) if is_listed && self.may_use(&mechanism) => {
                        self.begin(known, initial.as_deref())
                    }
                    Some(known) if is_listed && known.is_cleartext() => {
                        say(483, "that mechanism needs TLS: STARTTLS comes first")
                    }
                    _ => say(503, "that mechanism is not offered here"),
                }
            }
            _ => say(501, "syntax error"),
        }
    }

    fn begin(&mut self, mechanism: Mechanism, initial: Option<&[u8]>) -> Answer {
        let Some(secrets) = self.newsroom.secrets(self.subject.as_deref()) else {
            return say(403, "nobody can log in now");
        };
        let mut channel = self.channel.clone();
        channel.keep_bindings(&self.settings.offer.sasl);
        let mut exchange = sasl::server(mechanism, secrets, &channel, &mut sasl::system_random);
        let step = exchange.step(initial);
        self.exchange = Some(exchange);
        self.stepped(step)
    }

    /// Answers a line of an authentication.
    pub fn sasl_response(&mut self, response: Result<SaslResponse, Malformed>) -> Answer {
        let exchange = self.exchange.take();
        let response = match response {
            Ok(SaslResponse::Data(response)) => response,
            Ok(SaslResponse::Cancel) => return say(481, "authentication cancelled"),
            Err(_) => return say(504, "that is not base64"),
        };
        let Some(mut exchange) = exchange else { return say(482, "no authentication goes on") };
        let step = exchange.step(Some(&response));
        self.exchange = Some(exchange);
        self.stepped(step)
    }

    fn stepped(&mut self, step: Step) -> Answer {
        match step {
            Step::Challenge(octets) => {
                Answer { reply: Reply::sasl(383, &octets), block: None, then: Then::SaslResponse }
            }
            Step::Done { user, additional } => {
                self.exchange = None;
                self.user = Some(user);
                match additional {
                    Some(octets) => Answer {
                        reply: Reply::sasl(283, &octets),
                        block: None,
                        then: Then::Command,
                    },
                    None => say(281, "welcome"),
                }
            }
            Step::Failed { reason } => {
                self.exchange = None;
                say(481, &reason)
            }
        }
    }

    fn date(&self) -> String {
        let now = (self.settings.clock)();
        let day = Zoned::utc(now.seconds).day();
        let second = now.seconds.rem_euclid(86_400);
        format!(
            "{:04}{:02}{:02}{:02}{:02}{:02}",
            day.year(),
            day.month(),
            day.day(),
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }

    fn select(&mut self, name: String) -> Answer {
        let Some(group) = self.newsroom.group(&name) else {
            return say(411, "no such newsgroup");
        };
        let first = self.newsroom.numbers(&name).first().copied();
        let active = &group.active;
        let count = active.count.unwrap_or(0);
        let text = format!("{count} {} {} {name}", active.low, active.high);
        self.group = Some((name, first));
        say(211, &text)
    }

    fn list_group(&mut self, wanted: Option<(String, Option<Range>)>) -> Answer {
        let (name, range) = match (wanted, &self.group) {
            (Some((name, range)), _) => (name, range),
            (None, Some((name, _))) => (name.clone(), None),
            (None, None) => return no_group(),
        };
        let answer = self.select(name.clone());
        if answer.reply.code != 211 {
            return answer;
        }
        let numbers = self.newsroom.numbers(&name).into_iter();
        let chosen = numbers.filter(|number| range.is_none_or(|range| range.contains(*number)));
        let text = format!("{} list follows", answer.reply.text);
        listing(211, &text, chosen.map(|number| number.to_string()))
    }

    /// NEXT, or LAST.
    fn step(&mut self, is_next: bool) -> Answer {
        let Some((name, current)) = &mut self.group else { return no_group() };
        let Some(now) = *current else { return no_current() };
        let numbers = self.newsroom.numbers(name);
        let other = match is_next {
            true => numbers.into_iter().find(|number| *number > now),
            false => numbers.into_iter().rev().find(|number| *number < now),
        };
        let found = other.and_then(|number| Some((number, self.newsroom.article(name, number)?)));
        match (found, is_next) {
            (Some((number, stored)), _) => {
                *current = Some(number);
                say(223, &format!("{number} {} is current", stored.id))
            }
            (None, true) => say(421, "no next article"),
            (None, false) => say(422, "no previous article"),
        }
    }

    fn article(&mut self, part: Part, which: &Article) -> Answer {
        let found = match which {
            Article::Id(id) => match self.newsroom.by_id(id) {
                Some(stored) => Ok((0, stored)),
                None => Err(say(430, "no article of that message-id")),
            },
            Article::Number(number) => match &mut self.group {
                None => Err(no_group()),
                Some((name, current)) => match self.newsroom.article(name, *number) {
                    Some(stored) => {
                        *current = Some(*number);
                        Ok((*number, stored))
                    }
                    None => Err(say(423, "no article of that number")),
                },
            },
            Article::Current => self.current(),
        };
        let (number, Stored { id, octets }) = match found {
            Ok(found) => found,
            Err(answer) => return answer,
        };
        let (head, body) = article::divided(&octets);
        let (from, to) = match part {
            Part::Article => (0, octets.len()),
            Part::Head => (0, head),
            Part::Body => (body, octets.len()),
            Part::Stat => (0, 0),
        };
        let block = (part != Part::Stat).then_some(Block::Article { octets, from, to });
        Answer { block, ..say(part.code(), &format!("{number} {id}")) }
    }

    /// The current article.
    fn current(&self) -> Result<(u64, Stored), Answer> {
        match &self.group {
            None => Err(no_group()),
            Some((_, None)) => Err(no_current()),
            Some((name, Some(number))) => match self.newsroom.article(name, *number) {
                Some(stored) => Ok((*number, stored)),
                None => Err(no_current()),
            },
        }
    }

    /// The articles of OVER and HDR, none being an answer too.
    fn chosen(&self, which: &Articles) -> Result<Vec<(u64, Stored)>, Answer> {
        match which {
            Articles::Current => Ok(vec![self.current()?]),
            Articles::Id(id) => match self.newsroom.by_id(id) {
                Some(stored) => Ok(vec![(0, stored)]),
                None => Err(say(430, "no article of that message-id")),
            },
            Articles::Range(range) => {
                let Some((name, _)) = &self.group else { return Err(no_group()) };
                let numbers = self.newsroom.numbers(name).into_iter();
                Ok(numbers
                    .filter(|number| range.contains(*number))
                    .filter_map(|number| Some((number, self.newsroom.article(name, number)?)))
                    .collect())
            }
        }
    }

    fn over(&self, which: &Articles, missing: Missing) -> Answer {
        let chosen = match self.chosen(which) {
            Ok(chosen) => chosen,
            Err(answer) => return answer,
        };
        if chosen.is_empty() && missing == Missing::Refused {
            return say(423, "no articles in that range");
        }
        let mut block = Vec::new();
        let mut line = Vec::new();
        for (number, stored) in chosen {
            line.clear();
            article::overview(number, &stored.octets).write(&mut line);
            // The writer has left nothing in it that a line cannot hold.
            let _ = Line::Text(&line).encode(&mut block);
        }
        listed(224, "overview follows", block)
    }

    fn hdr(&self, field: &str, which: &Articles, form: Form) -> Answer {
        if field.starts_with(':') && !article::is_metadata(field) {
            return say(503, "no such metadata here");
        }
        let chosen = match self.chosen(which) {
            Ok(chosen) => chosen,
            Err(answer) => return answer,
        };
        if chosen.is_empty() && form == Form::Hdr {
            return say(423, "no articles in that range");
        }
        let mut block = Vec::new();
        for (number, stored) in chosen {
            // XHDR repeats the message-id that it was asked by (RFC 2980 section 2.6).
            let mut line = match which {
                Articles::Id(id) if form == Form::Xhdr => id.clone().into_bytes(),
                _ => number.to_string().into_bytes(),
            };
            line.push(b' ');
            match article::value(&stored.octets, field) {
                Some(value) => line.extend_from_slice(&value),
                None if form == Form::Xhdr => line.extend_from_slice(b"(none)"),
                None => {}
            }
            let _ = Line::Text(&line).encode(&mut block);
        }
        match form {
            Form::Hdr => listed(225, "headers follow", block),
            Form::Xhdr => listed(221, &format!("{field} fields follow"), block),
        }
    }

    fn list(&self, list: &List) -> Answer {
        if !self.settings.offer.lists(keyword(list)) {
            // RFC 3977 section 7.6.2 has 503 for a list that is known and not kept.
            let takes_this = match list {
                List::Other(word, argument) => {
                    argument.is_empty() || !BARE_LISTS.contains(&word.as_str())
                }
                _ => true,
            };
            let is_known = takes_this && KNOWN_LISTS.contains(&keyword(list));
            return say(if is_known { 503 } else { 501 }, "no such list here");
        }
        let groups = |wildmat: &Option<Wildmat>| {
            let fits = |name: &str| wildmat.as_ref().is_none_or(|wildmat| wildmat.matches(name));
            let mut groups = self.newsroom.groups();
            groups.retain(|group| fits(&group.active.name));
            groups
        };
        match list {
            List::Active(wildmat) => {
                let lines = groups(wildmat).into_iter().map(|mut group| {
                    group.active.count = None;
                    group.active.to_string()
                });
                listing(215, "newsgroups follow", lines)
            }
            List::Counts(wildmat) => {
                let lines = groups(wildmat).into_iter().map(|mut group| {
                    group.active.count.get_or_insert(0);
                    group.active.to_string()
                });
                listing(215, "newsgroups follow", lines)
            }
            List::ActiveTimes(wildmat) => {
                let lines = groups(wildmat).into_iter().map(|group| {
                    format!("{} {} {}", group.active.name, group.created, self.settings.name)
                });
                listing(215, "times follow", lines)
            }
            List::Newsgroups(wildmat) => {
                // RFC 3977 section 7.6.6: a group without a description may be left out.
                let lines = groups(wildmat)
                    .into_iter()
                    .filter(|group| !group.description.is_empty())
                    .map(|group| format!("{}\t{}", group.active.name, group.description));
                listing(215, "descriptions follow", lines)
            }
            List::OverviewFmt => listing(215, "overview format follows", article::format()),
            // Any field can be asked for: `:` stands for that (RFC 3977 section 8.6.2).
            List::Headers(None) => listing(215, "fields follow", [":", ":bytes", ":lines"]),
            List::Headers(Some(form)) if form == "MSGID" || form == "RANGE" => {
                listing(215, "fields follow", [":", ":bytes", ":lines"])
            }
            List::Headers(Some(_)) | List::Other(..) => say(501, "no such list here"),
        }
    }

    /// Answers an article that was posted; an error says why it was dropped.
    pub async fn posted(&mut self, article: Result<Vec<u8>, &str>) -> Answer {
        let article = match article {
            Ok(article) => article,
            Err(reason) => return say(441, reason),
        };
        match self.newsroom.post(article, self.user.as_deref()).await {
            Ok(id) => say(240, &format!("article received {id}")),
            Err(reason) => say(441, &reason),
        }
    }
}

/// What OVER says where it has nothing to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// 423 (RFC 3977 section 8.3.2).
    Refused,
    /// An empty listing, as XOVER's clients expect.
    Empty,
}

/// HDR, or its older form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Hdr,
    Xhdr,
}

/// Those of them that take no argument.
const BARE_LISTS: [&str; 3] = ["DISTRIB.PATS", "DISTRIBUTIONS", "MOTD"];

/// The lists of RFC 3977 section 7.6.2 and RFC 6048 section 3.
const KNOWN_LISTS: [&str; 11] = [
    "ACTIVE",
    "ACTIVE.TIMES",
    "COUNTS",
    "DISTRIB.PATS",
    "DISTRIBUTIONS",
    "HEADERS",
    "MODERATORS",
    "MOTD",
    "NEWSGROUPS",
    "OVERVIEW.FMT",
    "SUBSCRIPTIONS",
];

const HELP: [&str; 23] = [
    "ARTICLE [number|<message-id>]",
    "AUTHINFO USER|PASS|SASL ...",
    "BODY [number|<message-id>]",
    "CAPABILITIES",
    "DATE",
    "GROUP newsgroup",
    "HDR field [range|<message-id>]",
    "HEAD [number|<message-id>]",
    "HELP",
    "LAST",
    "LIST [ACTIVE|ACTIVE.TIMES|COUNTS|NEWSGROUPS [wildmat]]",
    "LIST HEADERS|OVERVIEW.FMT",
    "LISTGROUP [newsgroup [range]]",
    "MODE READER",
    "NEWGROUPS date time [GMT]",
    "NEWNEWS wildmat date time [GMT]",
    "NEXT",
    "OVER [range|<message-id>]",
    "POST",
    "QUIT",
    "STARTTLS",
    "STAT [number|<message-id>]",
    "XHDR and XOVER as HDR and OVER",
];

fn keyword(list: &List) -> &str {
    match list {
        List::Active(_) => "ACTIVE",
        List::ActiveTimes(_) => "ACTIVE.TIMES",
        List::Counts(_) => "COUNTS",
        List::Newsgroups(_) => "NEWSGROUPS",
        List::OverviewFmt => "OVERVIEW.FMT",
        List::Headers(_) => "HEADERS",
        List::Other(word, _) => word,
    }
}

/// Octets of a response's text: its line has at most 512 (RFC 3977 section 3.1). Only an answer
/// that repeats what a client said could have more.
const TEXT_OCTETS: usize = 500;

fn say(code: u16, text: &str) -> Answer {
    let mut text = text.replace(['\r', '\n', '\0'], " ");
    text.truncate(text.floor_char_boundary(TEXT_OCTETS));
    Answer { reply: Reply::new(code, &text), block: None, then: Then::Command }
}

fn no_group() -> Answer {
    say(412, "no newsgroup is selected")
}

fn no_current() -> Answer {
    say(420, "no article is current")
}

fn listing<T: AsRef<str>>(code: u16, text: &str, lines: impl IntoIterator<Item = T>) -> Answer {
    let mut block = Vec::new();
    for line in lines {
        // A line that cannot be written is left out rather than cut.
        let _ = Line::Text(line.as_ref().as_bytes()).encode(&mut block);
    }
    listed(code, text, block)
}

/// A response with lines that are stuffed already.
fn listed(code: u16, text: &str, mut block: Vec<u8>) -> Answer {
    block.extend_from_slice(b".\r\n");
    Answer { block: Some(Block::Listing(block)), ..say(code, text) }
}
