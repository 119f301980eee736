//! Commands to octets.

use super::super::ModSeq;
use super::super::encode::Encoder;
use super::super::mailbox::StatusItem;
use super::super::response::encode_id;
use super::super::token::{TAG, all_of};
use super::{Action, Command, Depth, List, ListReturn, SelectParameter, StoreValue, Tagged};
use crate::base::secret::Secret;

impl Tagged<'_> {
    /// Writes the command with its line's end.
    pub fn encode(&self, out: &mut Encoder) {
        if !all_of(&self.tag, TAG) {
            out.refuse("tag");
        }
        out.raw(&self.tag);
        out.sp();
        self.command.encode(out);
        out.crlf();
    }
}

impl Command<'_> {
    fn encode(&self, out: &mut Encoder) {
        out.raw(self.name());
        match self {
            Command::Word(_) | Command::ResetKey(None) => return,
            Command::Language(languages) if languages.is_empty() => return,
            _ => {}
        }
        out.sp();
        match self {
            Command::Word(_) => {}
            Command::CancelUpdate(tags) => astrings(out, tags, "tag"),
            Command::GenUrlAuth(urls) => {
                if urls.is_empty() {
                    out.refuse("empty list of URLs");
                }
                out.spaced(urls, |out, (url, mechanism)| {
                    out.line_astring(url, "URL");
                    out.sp();
                    out.atom(mechanism, "mechanism");
                });
            }
            Command::Language(languages) => astrings(out, languages, "language"),
            Command::MultiSearch(sources, search) => {
                if !sources.is_empty() {
                    out.raw("IN ");
                    out.list(sources, |out, source| source.encode(out));
                    out.sp();
                }
                search.encode(out);
            }
            Command::Notify(notify) => notify.encode(out),
            Command::Replace { set, mailbox, message, .. } => {
                set.encode(out);
                out.sp();
                mailbox.encode(out);
                out.sp();
                message.encode(out);
            }
            Command::ResetKey(mailbox) => {
                if let Some((mailbox, mechanisms)) = mailbox {
                    mailbox.encode(out);
                    for mechanism in mechanisms {
                        out.sp();
                        out.atom(mechanism, "mechanism");
                    }
                }
            }
            Command::UrlFetch(urls) => astrings(out, urls, "URL"),
            Command::Append { mailbox, messages } => {
                mailbox.encode(out);
                if messages.is_empty() {
                    out.refuse("append of no message");
                }
                for message in messages {
                    out.sp();
                    message.encode(out);
                }
            }
            Command::Authenticate { mechanism, initial } => {
                out.atom(mechanism, "mechanism");
                if let Some(initial) = initial {
                    out.sp();
                    encode_base64(initial, out);
                }
            }
            Command::Compress(algorithm) => out.atom(algorithm, "compression algorithm"),
            Command::Copy { set, mailbox, .. } | Command::Move { set, mailbox, .. } => {
                set.encode(out);
                out.sp();
                mailbox.encode(out);
            }
            Command::Create { mailbox, special_use } => {
                mailbox.encode(out);
                if !special_use.is_empty() {
                    out.raw(" (USE ");
                    out.list(special_use, |out, attribute| {
                        match attribute.strip_prefix(b"\\") {
                            Some(name) => {
                                out.raw("\\");
                                out.atom(name, "use-attr");
                            }
                            None => out.refuse("use-attr"),
                        };
                    });
                    out.raw(")");
                }
            }
            Command::Delete(mailbox)
            | Command::GetAcl(mailbox)
            | Command::GetQuotaRoot(mailbox)
            | Command::MyRights(mailbox)
            | Command::Subscribe(mailbox)
            | Command::Unsubscribe(mailbox) => mailbox.encode(out),
            Command::DeleteAcl(mailbox, identifier) | Command::ListRights(mailbox, identifier) => {
                mailbox.encode(out);
                out.sp();
                out.line_astring(identifier, "acl identifier");
            }
            Command::Enable(names) => {
                if names.is_empty() {
                    out.refuse("empty list of capabilities");
                }
                out.spaced(names, |out, name| out.atom(name, "capability"));
            }
            Command::UidExpunge(set) => set.encode(out),
            Command::Fetch { set, items, changed_since, vanished, .. } => {
                set.encode(out);
                out.sp();
                match items.as_slice() {
                    [] => out.refuse("empty list of fetch items"),
                    [item] => item.encode(out),
                    items => out.list(items, |out, item| item.encode(out)),
                }
                encode_modifiers(*changed_since, *vanished, out);
            }
            Command::GetMetadata { depth, max_size, mailbox, entries } => {
                encode_metadata_options(*depth, *max_size, out);
                mailbox.encode(out);
                out.sp();
                if entries.is_empty() {
                    out.refuse("empty list of entries");
                }
                out.list(entries, |out, entry| out.line_astring(entry, "entry name"));
            }
            Command::GetQuota(root) => out.line_astring(root, "quota root"),
            Command::Id(fields) => encode_id(fields, out),
            Command::List(list) => list.encode(out),
            Command::Login { user, password } => {
                out.line_astring(user, "user name");
                out.sp();
                out.line_astring(password.expose(), "password");
            }
            Command::Lsub(reference, pattern) => {
                reference.encode(out);
                out.sp();
                out.pattern(pattern);
            }
            Command::Rename { from, to } => {
                from.encode(out);
                out.sp();
                to.encode(out);
            }
            Command::Search(_, search) => search.encode(out),
            Command::Select { mailbox, parameters, .. } => {
                mailbox.encode(out);
                if !parameters.is_empty() {
                    out.sp();
                    out.list(parameters, |out, parameter| parameter.encode(out));
                }
            }
            Command::SetAcl(mailbox, identifier, rights) => {
                mailbox.encode(out);
                out.sp();
                out.line_astring(identifier, "acl identifier");
                out.sp();
                out.line_astring(rights, "rights");
            }
            Command::SetMetadata(mailbox, entries) => {
                mailbox.encode(out);
                out.sp();
                if entries.is_empty() {
                    out.refuse("empty list of entries");
                }
                out.list(entries, |out, (name, value)| {
                    out.line_astring(name, "entry name");
                    out.sp();
                    out.nstring(value.as_deref(), "entry value");
                });
            }
            Command::SetQuota(root, limits) => {
                out.line_astring(root, "quota root");
                out.sp();
                out.list(limits, |out, (name, limit)| {
                    out.atom(name, "quota resource");
                    out.sp();
                    out.number(*limit);
                });
            }
            Command::Sort(_, sort) => sort.encode(out),
            Command::Status(mailbox, items) => {
                mailbox.encode(out);
                out.sp();
                encode_status_items(items, out);
            }
            Command::Store { set, unchanged_since, action, silent, value, .. } => {
                set.encode(out);
                out.sp();
                if let Some(modseq) = unchanged_since {
                    out.raw("(UNCHANGEDSINCE ");
                    out.number(modseq.0);
                    out.raw(") ");
                }
                out.raw(match action {
                    Action::Replace => "",
                    Action::Add => "+",
                    Action::Remove => "-",
                });
                value.encode(*silent, out);
            }
            Command::Thread(_, thread) => thread.encode(out),
        }
    }
}

fn astrings(out: &mut Encoder, strings: &[std::borrow::Cow<'_, [u8]>], what: &'static str) {
    if strings.is_empty() {
        out.refuse(what);
    }
    out.spaced(strings, |out, string| out.line_astring(string, what));
}

/// `*("A"-"Z" / ... / "=")`, as `sasl` made it.
fn encode_base64(text: &Secret, out: &mut Encoder) {
    let valid = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=');
    if text.is_empty() || !text.expose().iter().all(valid) {
        out.refuse("initial response");
    }
    out.raw(text.expose());
}

fn encode_modifiers(changed_since: Option<ModSeq>, vanished: bool, out: &mut Encoder) {
    if let Some(modseq) = changed_since {
        out.raw(" (CHANGEDSINCE ");
        out.number(modseq.0);
        out.raw(if vanished { " VANISHED)" } else { ")" });
    } else if vanished {
        out.refuse("vanished without changedsince");
    }
}

fn encode_metadata_options(depth: Option<Depth>, max_size: Option<u64>, out: &mut Encoder) {
    if depth.is_none() && max_size.is_none() {
        return;
    }
    out.raw("(");
    if let Some(max_size) = max_size {
        out.raw("MAXSIZE ");
        out.number(max_size);
        out.raw(if depth.is_some() { " " } else { "" });
    }
    if let Some(depth) = depth {
        out.raw(match depth {
            Depth::Zero => "DEPTH 0",
            Depth::One => "DEPTH 1",
            Depth::Infinity => "DEPTH infinity",
        });
    }
    out.raw(") ");
}

impl StoreValue<'_> {
    fn encode(&self, silent: bool, out: &mut Encoder) {
        let silent = if silent { ".SILENT " } else { " " };
        match self {
            StoreValue::Flags(flags) => {
                out.raw("FLAGS");
                out.raw(silent);
                flags.encode(out);
            }
            StoreValue::GmLabels(labels) => {
                out.raw("X-GM-LABELS");
                out.raw(silent);
                out.list(labels, |out, label| out.line_astring(label, "label"));
            }
        }
    }
}

impl List<'_> {
    fn encode(&self, out: &mut Encoder) {
        if let Some(select) = &self.select {
            out.list(select, |out, option| out.atom(option, "list selection option"));
            out.sp();
        }
        self.reference.encode(out);
        out.sp();
        match self.patterns.as_slice() {
            [] => out.refuse("empty list of patterns"),
            [pattern] => out.pattern(pattern),
            patterns => out.list(patterns, |out, pattern| out.pattern(pattern)),
        }
        if let Some(returns) = &self.returns {
            out.raw(" RETURN ");
            out.list(returns, |out, option| option.encode(out));
        }
    }
}

impl ListReturn<'_> {
    fn encode(&self, out: &mut Encoder) {
        match self {
            ListReturn::Status(items) => {
                out.raw("STATUS ");
                encode_status_items(items, out);
            }
            ListReturn::Metadata(entries) => {
                out.raw("METADATA ");
                if entries.is_empty() {
                    out.refuse("empty list of entries");
                }
                out.list(entries, |out, entry| out.line_astring(entry, "entry name"));
            }
            ListReturn::Word(name) => out.atom(name, "list return option"),
            ListReturn::Other(name, value) => {
                out.atom(name, "list return option");
                out.sp();
                out.text(value, "list return option");
            }
        }
    }
}

fn encode_status_items(items: &[StatusItem<'_>], out: &mut Encoder) {
    if items.is_empty() {
        out.refuse("empty list of status items");
    }
    out.list(items, |out, item| item.encode(out));
}

impl SelectParameter<'_> {
    fn encode(&self, out: &mut Encoder) {
        match self {
            SelectParameter::CondStore => out.raw("CONDSTORE"),
            SelectParameter::Qresync { validity, modseq, known, matched } => {
                if validity.0 == 0 {
                    out.refuse("uidvalidity of zero");
                }
                out.raw("QRESYNC (");
                out.number(u64::from(validity.0));
                out.sp();
                out.number(modseq.0);
                if let Some(known) = known {
                    out.sp();
                    known.encode(out);
                }
                if let Some((numbers, uids)) = matched {
                    out.raw(" (");
                    numbers.encode(out);
                    out.sp();
                    uids.encode(out);
                    out.raw(")");
                }
                out.raw(")");
            }
            SelectParameter::Other(name, value) => {
                out.atom(name, "select parameter");
                if let Some(value) = value {
                    out.sp();
                    out.text(value, "select parameter");
                }
            }
        }
    }
}
