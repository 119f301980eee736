//! Responses to octets.

use std::borrow::Cow;

use super::super::encode::Encoder;
use super::super::token::{LOOSE_ATOM, TAG, TEXT, all_of};
use super::super::{ModSeq, NilPair};
use super::{Data, Response, StatusText};

impl StatusText<'_> {
    fn encode(&self, out: &mut Encoder) {
        out.raw(self.condition.name());
        out.sp();
        if let Some(code) = &self.code {
            code.encode(out);
            out.sp();
        }
        out.text(&self.text, "human-readable text");
    }
}

impl Response<'_> {
    /// Writes the response with its line's end.
    pub fn encode(&self, out: &mut Encoder) {
        match self {
            Response::Continue { text } => {
                out.raw("+ ");
                out.text(text, "continuation text");
                out.crlf();
            }
            Response::Tagged { tag, status } => {
                if !all_of(tag, TAG) {
                    out.refuse("tag");
                }
                out.raw(tag);
                out.sp();
                status.encode(out);
                out.crlf();
            }
            Response::Untagged(data) => data.encode(out),
        }
    }
}

impl Data<'_> {
    /// Writes the untagged response with its `*` and its line's end.
    pub fn encode(&self, out: &mut Encoder) {
        out.raw("* ");
        let numbered = |out: &mut Encoder, number: u32, name: &str| {
            out.number(u64::from(number));
            out.raw(name);
        };
        let found = |out: &mut Encoder, name: &str, numbers: &[u32], modseq: Option<ModSeq>| {
            out.raw(name);
            for number in numbers {
                out.sp();
                out.number(u64::from(*number));
            }
            if let Some(modseq) = modseq {
                out.raw(" (MODSEQ ");
                out.number(modseq.0);
                out.raw(")");
            }
        };
        let atoms = |out: &mut Encoder, name: &str, atoms: &[Cow<'_, [u8]>]| {
            out.raw(name);
            for atom in atoms {
                out.sp();
                if !all_of(atom, LOOSE_ATOM) {
                    out.refuse("capability");
                }
                out.raw(atom);
            }
        };
        let strings = |out: &mut Encoder, strings: &[Cow<'_, [u8]>], what: &'static str| {
            for string in strings {
                out.sp();
                out.line_astring(string, what);
            }
        };
        match self {
            Data::Status(status) => status.encode(out),
            Data::Capability(names) => atoms(out, "CAPABILITY", names),
            Data::Enabled(names) => atoms(out, "ENABLED", names),
            Data::List(list) => {
                out.raw("LIST ");
                list.encode(out);
            }
            Data::Lsub(list) => {
                out.raw("LSUB ");
                list.encode(out);
            }
            Data::MailboxStatus(status) => {
                out.raw("STATUS ");
                status.encode(out);
            }
            Data::Namespace(namespace) => {
                out.raw("NAMESPACE ");
                namespace.encode(out);
            }
            Data::Flags(flags) => {
                out.raw("FLAGS ");
                flags.encode(out);
            }
            Data::Exists(count) => numbered(out, *count, " EXISTS"),
            Data::Recent(count) => numbered(out, *count, " RECENT"),
            Data::Expunge(seq) => numbered(out, seq.0, " EXPUNGE"),
            Data::Vanished { earlier, uids } => {
                out.raw(if *earlier { "VANISHED (EARLIER) " } else { "VANISHED " });
                uids.encode(out);
            }
            Data::Fetch(fetch) => fetch.encode("FETCH", out),
            Data::UidFetch(fetch) => fetch.encode("UIDFETCH", out),
            Data::GenUrlAuth(urls) => {
                out.raw("GENURLAUTH");
                strings(out, urls, "URL");
            }
            Data::UrlFetch(found) => {
                out.raw("URLFETCH");
                for (url, octets) in found {
                    out.sp();
                    out.line_astring(url, "URL");
                    out.sp();
                    match octets {
                        Some(octets) => out.octets(octets, false),
                        None => out.raw("NIL"),
                    }
                }
            }
            Data::Language(languages) => {
                out.raw("LANGUAGE ");
                out.list(languages, |out, language| out.line_astring(language, "language"));
            }
            Data::Search { numbers, modseq } => found(out, "SEARCH", numbers, *modseq),
            Data::Sort { numbers, modseq } => found(out, "SORT", numbers, *modseq),
            Data::Esearch(result) => result.encode(out),
            Data::Thread(threads) => {
                out.raw(if threads.is_empty() { "THREAD" } else { "THREAD " });
                for thread in threads {
                    thread.encode(out);
                }
            }
            Data::Id(fields) => {
                out.raw("ID ");
                encode_id(fields, out);
            }
            Data::Quota { root, resources } => {
                out.raw("QUOTA ");
                out.line_astring(root, "quota root");
                out.sp();
                out.list(resources, |out, (name, usage, limit)| {
                    out.atom(name, "quota resource");
                    out.sp();
                    out.number(*usage);
                    out.sp();
                    out.number(*limit);
                });
            }
            Data::QuotaRoot { mailbox, roots } => {
                out.raw("QUOTAROOT ");
                mailbox.encode(out);
                strings(out, roots, "quota root");
            }
            Data::Acl { mailbox, entries } => {
                out.raw("ACL ");
                mailbox.encode(out);
                for (identifier, rights) in entries {
                    out.sp();
                    out.line_astring(identifier, "acl identifier");
                    out.sp();
                    out.line_astring(rights, "rights");
                }
            }
            Data::ListRights { mailbox, identifier, rights } => {
                out.raw("LISTRIGHTS ");
                mailbox.encode(out);
                out.sp();
                out.line_astring(identifier, "acl identifier");
                strings(out, rights, "rights");
            }
            Data::MyRights { mailbox, rights } => {
                out.raw("MYRIGHTS ");
                mailbox.encode(out);
                out.sp();
                out.line_astring(rights, "rights");
            }
            Data::Metadata { mailbox, entries } => {
                out.raw("METADATA ");
                mailbox.encode(out);
                out.sp();
                out.list(entries, |out, (name, value)| {
                    out.line_astring(name, "entry name");
                    out.sp();
                    out.nstring(value.as_deref(), "entry value");
                });
            }
            Data::MetadataChanged { mailbox, entries } => {
                out.raw("METADATA ");
                mailbox.encode(out);
                if entries.is_empty() {
                    out.refuse("empty list of entries");
                }
                strings(out, entries, "entry name");
            }
            Data::Unknown(raw) => {
                let lines = raw.split(|&c| c == b'\n');
                if !lines.into_iter().all(|line| {
                    let line = line.strip_suffix(b"\r").unwrap_or(line);
                    line.is_empty() || all_of(line, TEXT)
                }) {
                    out.refuse("unknown response");
                }
                out.raw(raw);
            }
        }
        out.crlf();
    }
}

pub(in super::super) fn encode_id(fields: &Option<Vec<NilPair<'_>>>, out: &mut Encoder) {
    match fields {
        None => out.raw("NIL"),
        Some(fields) => out.list(fields, |out, (name, value)| {
            out.string(name, "id field");
            out.sp();
            out.nstring(value.as_deref(), "id value");
        }),
    }
}
