//! The server of NNTP: a reader's server that takes posts.
//!
//! RFC 3977 but IHAVE, RFC 4642, RFC 4643, LIST COUNTS of RFC 6048, XOVER and XHDR of RFC 2980.
//! [`session`] knows what may come when, and has no sockets; [`mod@serve`] moves octets between a
//! session and a wire. Which groups there are, and what becomes of posts, is the [`Newsroom`]'s
//! business.

pub mod article;
pub mod serve;
pub mod session;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::nntp::syntax::capability::{AuthInfo, Capabilities, Over};
use crate::nntp::syntax::listing::Active;
use crate::sasl::Secrets;
use crate::store::{Clock, system_clock};

pub use serve::{Service, serve};
pub use session::Session;

/// How a listener behaves; shared by its sessions.
#[derive(Clone)]
pub struct Settings {
    /// The server's name, in the greeting.
    pub name: String,
    /// What may be offered; what a session cannot have at the moment is left out (STARTTLS under
    /// TLS, USER and PLAIN without it, `-PLUS` without channel binding).
    pub offer: Capabilities,
    /// USER, PLAIN and the like are offered without TLS too.
    pub allow_cleartext: bool,
    /// Octets of a command line, its CRLF included.
    pub line_octets: usize,
    /// Octets of an article that is posted.
    pub article_octets: usize,
    /// Commands refused in one session before it is ended.
    pub bad_commands: u32,
    /// How long a client may be silent: at least three minutes by RFC 3977 section 3.1.
    pub idle: Duration,
    /// What DATE tells.
    pub clock: Clock,
}

impl Settings {
    /// Everything offered, and limits that no honest client meets. Mechanisms are those of the
    /// caller, by their IANA names.
    pub fn new(name: &str, mechanisms: &[&str]) -> Self {
        let lists = ["ACTIVE", "ACTIVE.TIMES", "COUNTS", "HEADERS", "NEWSGROUPS", "OVERVIEW.FMT"];
        Self {
            name: name.to_owned(),
            offer: Capabilities {
                versions: vec![2],
                reader: true,
                post: true,
                newnews: true,
                hdr: true,
                over: Some(Over { by_id: true }),
                list: lists.map(str::to_owned).to_vec(),
                starttls: true,
                authinfo: Some(AuthInfo { user: true, sasl: true }),
                sasl: mechanisms.iter().map(|name| (*name).to_owned()).collect(),
                implementation: Some("pillarbox".to_owned()),
                ..Capabilities::default()
            },
            allow_cleartext: false,
            // RFC 3977 section 3.1 has 512; AUTHINFO SASL wants room for a token.
            line_octets: 12_288,
            article_octets: 16 * 1024 * 1024,
            bad_commands: 500,
            idle: Duration::from_secs(600),
            clock: system_clock(),
        }
    }
}

/// A newsgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name, its numbers, and whether one may post; with the number of articles.
    pub active: Active,
    /// What it is about; may be empty.
    pub description: String,
    /// When it was made, in seconds since 1970.
    pub created: i64,
}

/// One article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its message-id with angle brackets.
    pub id: String,
    /// The article, with CRLF.
    pub octets: Arc<[u8]>,
}

/// What stands behind the protocol: groups, articles, and who is known here.
#[async_trait(?Send)]
pub trait Newsroom {
    /// All groups, by name.
    fn groups(&self) -> Vec<Group>;

    /// One group; `None`: there is none of that name.
    fn group(&self, name: &str) -> Option<Group>;

    /// The numbers of the articles in a group, ascending; none where there is no such group.
    fn numbers(&self, group: &str) -> Vec<u64>;

    /// The article of that number in a group.
    fn article(&self, group: &str, number: u64) -> Option<Stored>;

    /// The article of that message-id, angle brackets included.
    fn by_id(&self, id: &str) -> Option<Stored>;

    /// Articles that came since then, in seconds since 1970, oldest first: the groups that each
    /// is in, and its message-id.
    fn since(&self, seconds: i64) -> Vec<(Vec<String>, String)>;

    /// Takes an article, with CRLF, of the user who logged in.
    ///
    /// # Errors
    /// Why it is refused, for the text of 441.
    async fn post(&self, article: Vec<u8>, user: Option<&str>) -> Result<String, String>;

    /// What logins are checked against, for a client whose certificate names `subject`; `None`:
    /// nobody can log in.
    fn secrets(&self, subject: Option<&str>) -> Option<Rc<dyn Secrets>>;
}

#[cfg(test)]
mod tests;
