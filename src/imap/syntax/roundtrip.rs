//! Properties of the whole syntax: what is encoded decodes to the same value, every strict
//! prefix of it asks for more, and no octets make a decoder panic.

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::append::{AppendData, AppendKind, AppendMessage, Part as CatPart};
use super::body::{Address, Body, Envelope, Extension, Multipart, Part, PartExtension};
use super::code::{Code, Word as CodeWord};
use super::command::{
    Action, Command, Depth, ListReturn, SelectParameter, StoreValue, Tagged, Word,
};
use super::date::DateTime;
use super::encode::{Encoder, Literals};
use super::fetch::{Extra, Fetch, Item, Section, SectionData, SectionText, Which};
use super::flag::{Flag, Flags};
use super::mailbox::{List, Mailbox, Namespace, NamespaceEntry, Status, StatusItem};
use super::notify::{Event, Filter, Notify};
use super::response::{Condition, Data, Response, StatusText};
use super::search::{
    Day, Esearch, Field, Key, Measure, Return, Search, Sort, SortKey, Thread, ThreadBy, Update,
    Word as SearchWord,
};
use super::set::{Bound, Range, SequenceSet};
use super::{ModSeq, Octets, SeqNum, Uid, UidValidity, command, response};
use crate::base::decode::Decoded;
use crate::base::secret::Secret;

type Text = Cow<'static, [u8]>;

/// Any octets but NUL: quoted or literal.
fn string() -> BoxedStrategy<Text> {
    prop_oneof![
        "[ -~]{0,12}".prop_map(|text| Cow::Owned(text.into_bytes())),
        vec(1u8.., 0..12).prop_map(Cow::Owned),
    ]
    .boxed()
}

/// The same on one line.
fn line() -> BoxedStrategy<Text> {
    string()
        .prop_map(|text| {
            Cow::Owned(text.iter().filter(|c| !matches!(c, b'\r' | b'\n')).copied().collect())
        })
        .boxed()
}

fn word() -> BoxedStrategy<Text> {
    "[A-Za-z$][A-Za-z0-9$-]{0,8}x".prop_map(|text| Cow::Owned(text.into_bytes())).boxed()
}

fn set() -> BoxedStrategy<SequenceSet> {
    let bound = || prop_oneof![(1u32..).prop_map(Bound::Number), Just(Bound::Star)];
    let range = prop_oneof![
        bound().prop_map(|bound| Range { first: bound, last: bound }),
        (bound(), bound()).prop_map(|(first, last)| Range { first, last }),
    ];
    prop_oneof![
        9 => vec(range, 1..5).prop_map(SequenceSet::Ranges),
        1 => Just(SequenceSet::Saved),
    ]
    .boxed()
}

fn flags() -> BoxedStrategy<Flags<'static>> {
    let flag = prop_oneof![
        Just(Flag::Seen),
        Just(Flag::Deleted),
        Just(Flag::Answered),
        word().prop_map(Flag::Keyword),
        word().prop_map(Flag::Extension),
    ];
    vec(flag, 0..4).prop_map(Flags::from_flags).boxed()
}

fn date() -> BoxedStrategy<DateTime> {
    (0i64..4_000_000_000, -800i16..800)
        .prop_map(|(epoch_seconds, offset_minutes)| DateTime { epoch_seconds, offset_minutes })
        .boxed()
}

fn mailbox() -> BoxedStrategy<Mailbox<'static>> {
    prop_oneof![
        any::<String>().prop_map(|name| Mailbox::from_name(&name, false)),
        line().prop_map(Mailbox),
    ]
    .boxed()
}

fn pairs() -> BoxedStrategy<Vec<(Text, Text)>> {
    vec((string(), string()), 0..3).boxed()
}

fn nil_pairs() -> BoxedStrategy<Vec<(Text, Option<Text>)>> {
    vec((line(), of(string())), 1..3).boxed()
}

fn addresses() -> BoxedStrategy<Vec<Address<'static>>> {
    let address = (of(string()), of(string()), of(string()), of(string()))
        .prop_map(|(name, route, mailbox, host)| Address { name, route, mailbox, host });
    vec(address, 0..3).boxed()
}

fn envelope() -> BoxedStrategy<Envelope<'static>> {
    (
        (of(string()), of(string()), of(string()), of(string())),
        (addresses(), addresses(), addresses(), addresses(), addresses(), addresses()),
    )
        .prop_map(|(texts, lists)| Envelope {
            date: texts.0,
            subject: texts.1,
            from: lists.0,
            sender: lists.1,
            reply_to: lists.2,
            to: lists.3,
            cc: lists.4,
            bcc: lists.5,
            in_reply_to: texts.2,
            message_id: texts.3,
        })
        .boxed()
}

fn raw_values() -> BoxedStrategy<Vec<Text>> {
    vec(prop_oneof![Just("7"), Just("NIL"), Just("(1 \"x\" (y))"), Just("\"a b\"")], 0..3)
        .prop_map(|values| values.into_iter().map(|v| Cow::Borrowed(v.as_bytes())).collect())
        .boxed()
}

fn extension() -> BoxedStrategy<Extension<'static>> {
    (of((string(), pairs())), vec(string(), 0..3), of(string()), raw_values())
        .prop_map(|(disposition, language, location, further)| Extension {
            disposition,
            language,
            location,
            further,
        })
        .boxed()
}

fn part() -> BoxedStrategy<Part<'static>> {
    let kind = prop_oneof![
        Just((&b"TEXT"[..], true)),
        Just((&b"IMAGE"[..], false)),
        Just((&b"application"[..], false)),
    ];
    let part_extension =
        (of(string()), extension()).prop_map(|(md5, common)| PartExtension { md5, common });
    (
        kind,
        (string(), pairs(), of(string()), of(string()), string()),
        (any::<u64>(), any::<u64>(), of(part_extension)),
    )
        .prop_map(|((media_type, is_text), texts, (size, lines, extension))| Part {
            media_type: Cow::Borrowed(media_type),
            subtype: texts.0,
            parameters: texts.1,
            id: texts.2,
            description: texts.3,
            encoding: texts.4,
            size,
            lines: is_text.then_some(lines),
            message: None,
            extension,
        })
        .boxed()
}

fn body() -> BoxedStrategy<Body<'static>> {
    let leaf = part().prop_map(|part| Body::Single(Box::new(part)));
    leaf.prop_recursive(4, 12, 3, |inner| {
        let message = (part(), envelope(), inner.clone()).prop_map(|(part, envelope, body)| {
            Body::Single(Box::new(Part {
                media_type: Cow::Borrowed(b"MESSAGE"),
                subtype: Cow::Borrowed(b"rfc822"),
                lines: Some(7),
                message: Some(Box::new((envelope, body))),
                ..part
            }))
        });
        let multi = (vec(inner, 1..4), string(), of((pairs(), extension()))).prop_map(
            |(parts, subtype, extension)| Body::Multi(Multipart { parts, subtype, extension }),
        );
        prop_oneof![message, multi]
    })
    .boxed()
}

fn section() -> BoxedStrategy<Section<'static>> {
    let text = prop_oneof![
        Just(SectionText::All),
        Just(SectionText::Header),
        Just(SectionText::Text),
        vec(line(), 1..3).prop_map(SectionText::HeaderFields),
        vec(line(), 1..3).prop_map(SectionText::HeaderFieldsNot),
    ];
    prop_oneof![
        (vec(1u32.., 0..4), text).prop_map(|(part, text)| Section { part, text }),
        vec(1u32.., 1..4).prop_map(|part| Section { part, text: SectionText::Mime }),
    ]
    .boxed()
}

fn section_data() -> BoxedStrategy<SectionData<'static>> {
    let which = prop_oneof![
        section().prop_map(Which::Section),
        vec(1u32.., 0..4).prop_map(Which::Binary),
        Just(Which::Rfc822),
        Just(Which::Rfc822Header),
        Just(Which::Rfc822Text),
    ];
    let data = vec(any::<u8>(), 0..20).prop_map(|octets| Octets::Inline(Cow::Owned(octets)));
    (which, of(any::<u64>()), of(data), any::<bool>())
        .prop_map(|(which, origin, data, literal8)| {
            let literal8 = literal8 && data.is_some();
            SectionData { which, origin, data, literal8 }
        })
        .boxed()
}

fn extra() -> BoxedStrategy<Extra<'static>> {
    prop_oneof![
        word().prop_map(Extra::EmailId),
        of(word()).prop_map(Extra::ThreadId),
        of(date()).prop_map(Extra::SaveDate),
        of(string()).prop_map(Extra::Preview),
        any::<u64>().prop_map(Extra::GmMessageId),
        any::<u64>().prop_map(Extra::GmThreadId),
        vec(line(), 0..3).prop_map(Extra::GmLabels),
        (vec(1u32.., 0..3), any::<u64>()).prop_map(|(part, size)| Extra::BinarySize(part, size)),
        raw_values().prop_map(|mut values| {
            let value = values.pop().unwrap_or(Cow::Borrowed(b"x"));
            Extra::Unknown(Cow::Borrowed(b"XNEW"), value)
        }),
    ]
    .boxed()
}

fn fetch() -> BoxedStrategy<Fetch<'static>> {
    (
        (any::<u32>(), of(any::<u32>()), of(flags()), of(any::<u64>()), of(date())),
        (of(any::<u64>()), of(envelope()), of(body()), of(body())),
        (vec(section_data(), 0..3), vec(extra(), 0..3)),
    )
        .prop_map(|((seq, uid, flags, modseq, internal_date), shape, lists)| Fetch {
            seq: SeqNum(seq),
            uid: uid.map(Uid),
            flags,
            modseq: modseq.map(ModSeq),
            internal_date,
            size: shape.0,
            envelope: shape.1.map(Box::new),
            body: shape.2.map(Box::new),
            body_structure: shape.3.map(Box::new),
            sections: lists.0,
            extras: lists.1,
        })
        .boxed()
}

fn human_text() -> BoxedStrategy<Text> {
    "([A-Za-z{}][ -~]{0,20})?".prop_map(|text| Cow::Owned(text.into_bytes())).boxed()
}

fn code() -> BoxedStrategy<Code<'static>> {
    prop_oneof![
        proptest::sample::select(CodeWord::ALL).prop_map(Code::Word),
        (any::<u32>(), set())
            .prop_map(|(v, uids)| Code::AppendUid { validity: UidValidity(v), uids }),
        (any::<u32>(), set(), set()).prop_map(|(v, source, destination)| Code::CopyUid {
            validity: UidValidity(v),
            source,
            destination
        }),
        vec(word(), 0..3).prop_map(Code::BadCharset),
        vec(word(), 0..3).prop_map(Code::Capability),
        any::<u64>().prop_map(|n| Code::HighestModSeq(ModSeq(n))),
        word().prop_map(Code::MailboxId),
        set().prop_map(Code::Modified),
        flags().prop_map(Code::PermanentFlags),
        word().prop_map(Code::Referral),
        any::<u32>().prop_map(|n| Code::UidNext(Uid(n))),
        any::<u32>().prop_map(|n| Code::UidValidity(UidValidity(n))),
        any::<u32>().prop_map(|n| Code::Unseen(SeqNum(n))),
        (Just(Cow::Borrowed(&b"XNEW"[..])), of(word()))
            .prop_map(|(name, arguments)| Code::Unknown { name, arguments }),
    ]
    .boxed()
}

fn status_text(conditions: &'static [Condition]) -> BoxedStrategy<StatusText<'static>> {
    (proptest::sample::select(conditions), of(code()), human_text())
        .prop_map(|(condition, code, text)| StatusText { condition, code, text })
        .boxed()
}

fn mailbox_status() -> BoxedStrategy<Status<'static>> {
    (
        mailbox(),
        (of(any::<u32>()), of(any::<u32>()), of(any::<u32>()), of(any::<u64>())),
        (of(any::<u64>()), of(of(any::<u64>())), of(word())),
    )
        .prop_map(|(mailbox, numbers, more)| Status {
            messages: numbers.0,
            uid_next: numbers.1.map(Uid),
            uid_validity: numbers.2.map(UidValidity),
            size: numbers.3,
            highest_modseq: more.0.map(ModSeq),
            append_limit: more.1,
            mailbox_id: more.2,
            others: vec![(Cow::Borrowed(b"XNEW"), Cow::Borrowed(b"(1 a)"))],
            ..Status::new(mailbox)
        })
        .boxed()
}

fn list() -> BoxedStrategy<List<'static>> {
    let attributes = proptest::sample::subsequence(
        vec![&b"\\Noselect"[..], b"\\HasChildren", b"\\Sent", b"\\Marked"],
        0..4,
    );
    let delimiter = of(prop_oneof![Just(b'/'), Just(b'.'), Just(b'\\'), Just(b'"')]);
    (attributes, delimiter, mailbox())
        .prop_map(|(attributes, delimiter, mailbox)| List {
            attributes: attributes.into_iter().map(Cow::Borrowed).collect(),
            delimiter,
            mailbox,
            extended: vec![(Cow::Borrowed(b"OLDNAME"), Cow::Borrowed(b"(\"a b\")"))],
        })
        .boxed()
}

fn namespace() -> BoxedStrategy<Namespace<'static>> {
    let entries = || {
        let entry = (string(), of(Just(b'.'))).prop_map(|(prefix, delimiter)| NamespaceEntry {
            prefix,
            delimiter,
            extensions: vec![(Cow::Borrowed(b"X"), Cow::Borrowed(b"(\"a\" \"b\")"))],
        });
        vec(entry, 0..3)
    };
    (entries(), entries(), entries())
        .prop_map(|(personal, other_users, shared)| Namespace { personal, other_users, shared })
        .boxed()
}

fn threads() -> BoxedStrategy<Vec<Thread>> {
    let leaf = vec(1u32.., 1..4).prop_map(|members| Thread { members, branches: vec![] });
    let thread = leaf.prop_recursive(3, 10, 3, |inner| {
        (vec(1u32.., 0..4), vec(inner, 2..4))
            .prop_map(|(members, branches)| Thread { members, branches })
    });
    vec(thread, 0..3).boxed()
}

fn esearch() -> BoxedStrategy<Esearch<'static>> {
    let tag = "[ -~]{0,9}".prop_map(|tag| Cow::Owned(tag.into_bytes()));
    let places = || vec((any::<u32>(), set()), 1..3);
    let update = prop_oneof![places().prop_map(Update::Add), places().prop_map(Update::Remove)];
    (
        (of(tag), any::<bool>(), of(any::<u32>()), of(any::<u32>()), of(any::<u32>())),
        (of(set()), of(any::<u64>()), of(((1i64..99, 1i64..99), of(set())))),
        (of((mailbox(), any::<u32>())), vec(update, 0..3)),
    )
        .prop_map(|((tag, uid, min, max, count), (all, modseq, partial), (of, updates))| Esearch {
            mailbox: of.filter(|_| tag.is_some()).map(|(name, n)| (name, UidValidity(n))),
            updates,
            tag,
            uid,
            min,
            max,
            count,
            all,
            modseq: modseq.map(ModSeq),
            partial,
            others: vec![(Cow::Borrowed(b"XNEW"), Cow::Borrowed(b"(a)"))],
        })
        .boxed()
}

fn data() -> BoxedStrategy<Data<'static>> {
    let all: &[Condition] =
        &[Condition::Ok, Condition::No, Condition::Bad, Condition::Bye, Condition::Preauth];
    let messages = prop_oneof![
        4 => fetch().prop_map(Data::Fetch),
        1 => fetch().prop_map(Data::UidFetch),
        1 => any::<u32>().prop_map(Data::Exists),
        1 => any::<u32>().prop_map(Data::Recent),
        1 => any::<u32>().prop_map(|n| Data::Expunge(SeqNum(n))),
        1 => (any::<bool>(), set()).prop_map(|(earlier, uids)| Data::Vanished { earlier, uids }),
        1 => flags().prop_map(Data::Flags),
        1 => (vec(any::<u32>(), 0..5), of(any::<u64>()))
            .prop_map(|(numbers, n)| Data::Search { numbers, modseq: n.map(ModSeq) }),
        1 => (vec(any::<u32>(), 0..5), of(any::<u64>()))
            .prop_map(|(numbers, n)| Data::Sort { numbers, modseq: n.map(ModSeq) }),
        1 => esearch().prop_map(Data::Esearch),
        1 => threads().prop_map(Data::Thread),
    ];
    let mailboxes = prop_oneof![
        list().prop_map(Data::List),
        list().prop_map(Data::Lsub),
        mailbox_status().prop_map(Data::MailboxStatus),
        namespace().prop_map(Data::Namespace),
        (mailbox(), vec(line(), 0..3))
            .prop_map(|(mailbox, roots)| Data::QuotaRoot { mailbox, roots }),
        (line(), vec((word(), any::<u64>(), any::<u64>()), 0..3))
            .prop_map(|(root, resources)| Data::Quota { root, resources }),
        (mailbox(), vec((line(), line()), 0..3))
            .prop_map(|(mailbox, entries)| Data::Acl { mailbox, entries }),
        (mailbox(), line(), vec(line(), 0..3)).prop_map(|(mailbox, identifier, rights)| {
            Data::ListRights { mailbox, identifier, rights }
        }),
        (mailbox(), line()).prop_map(|(mailbox, rights)| Data::MyRights { mailbox, rights }),
        (mailbox(), nil_pairs()).prop_map(|(mailbox, entries)| Data::Metadata { mailbox, entries }),
        (mailbox(), vec(word(), 1..3))
            .prop_map(|(mailbox, entries)| Data::MetadataChanged { mailbox, entries }),
    ];
    let others = prop_oneof![
        status_text(all).prop_map(Data::Status),
        vec(word(), 0..4).prop_map(Data::Capability),
        vec(word(), 0..4).prop_map(Data::Enabled),
        vec(line(), 0..4).prop_map(Data::GenUrlAuth),
        vec((line(), of(inline())), 0..4).prop_map(Data::UrlFetch),
        vec(word(), 0..4).prop_map(Data::Language),
        of(vec((string(), of(string())), 0..3)).prop_map(Data::Id),
        Just(Data::Unknown(Cow::Borrowed(b"XNEW a {3}\r\n(\r\n \"b\""))),
    ];
    prop_oneof![3 => messages, 2 => mailboxes, 1 => others].boxed()
}

fn response() -> BoxedStrategy<Response<'static>> {
    let tagged: &[Condition] = &[Condition::Ok, Condition::No, Condition::Bad];
    prop_oneof![
        8 => data().prop_map(Response::Untagged),
        1 => (word(), status_text(tagged)).prop_map(|(tag, status)| Response::Tagged { tag, status }),
        1 => human_text().prop_map(|text| Response::Continue { text }),
    ].boxed()
}

fn key() -> BoxedStrategy<Key<'static>> {
    use proptest::sample::select;
    let day = (1i16..9999, 1i8..13, 1i8..29)
        .prop_map(|(year, month, day)| jiff::civil::date(year, month, day));
    let leaf = prop_oneof![
        select(SearchWord::ALL).prop_map(Key::Word),
        (select(Field::ALL), line()).prop_map(|(field, text)| Key::Text(field, text)),
        (line(), line()).prop_map(|(name, text)| Key::Header(name, text)),
        (any::<bool>(), word()).prop_map(|(set, keyword)| Key::Keyword(set, keyword)),
        (select(Day::ALL), day).prop_map(|(how, day)| Key::Date(how, day)),
        (select(Measure::ALL), any::<u64>()).prop_map(|(what, n)| Key::Number(what, n)),
        (of(word()), any::<u64>()).prop_map(|(name, n)| {
            Key::ModSeq(name.map(|name| (name, Cow::Borrowed(&b"all"[..]))), ModSeq(n))
        }),
        word().prop_map(Key::EmailId),
        word().prop_map(Key::ThreadId),
        set().prop_map(Key::Uid),
        set().prop_map(Key::Sequence),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|key| Key::Not(Box::new(key))),
            inner.clone().prop_map(|key| Key::Fuzzy(Box::new(key))),
            (inner.clone(), inner.clone())
                .prop_map(|(one, other)| Key::Or(Box::new(one), Box::new(other))),
            vec(inner, 1..4).prop_map(Key::And),
        ]
    })
    .boxed()
}

fn returns() -> BoxedStrategy<Option<Vec<Return<'static>>>> {
    let one = prop_oneof![
        Just(Return::Min),
        Just(Return::Max),
        Just(Return::All),
        Just(Return::Count),
        Just(Return::Save),
        Just(Return::Context),
        vec(item(), 0..3).prop_map(Return::Update),
        (1i64..99, 1i64..99).prop_map(|(first, last)| Return::Partial(-first, -last)),
        word().prop_map(Return::Other),
    ];
    of(vec(one, 0..4)).boxed()
}

fn item() -> BoxedStrategy<Item<'static>> {
    let partial = || of((any::<u64>(), 1u64..));
    prop_oneof![
        Just(Item::Flags),
        Just(Item::Uid),
        Just(Item::BodyNonExtensible),
        Just(Item::BodyStructure),
        Just(Item::Rfc822),
        Just(Item::GmLabels),
        any::<bool>().prop_map(|lazy| Item::Preview { lazy }),
        (section(), any::<bool>(), partial()).prop_map(|(section, peek, partial)| Item::Section {
            section,
            peek,
            partial
        }),
        (vec(1u32.., 0..3), any::<bool>(), partial())
            .prop_map(|(part, peek, partial)| Item::Binary { part, peek, partial }),
        vec(1u32.., 0..3).prop_map(Item::BinarySize),
    ]
    .boxed()
}

fn inline() -> BoxedStrategy<Octets<'static>> {
    vec(1u8.., 0..20).prop_map(|octets| Octets::Inline(Cow::Owned(octets))).boxed()
}

fn append_message() -> BoxedStrategy<AppendMessage<'static>> {
    let kind =
        prop_oneof![Just(AppendKind::Literal), Just(AppendKind::Literal8), Just(AppendKind::Utf8)];
    let part = prop_oneof![inline().prop_map(CatPart::Text), line().prop_map(CatPart::Url)];
    let data = prop_oneof![
        (kind, inline()).prop_map(|(kind, octets)| AppendData::Octets(kind, octets)),
        vec(part, 1..4).prop_map(AppendData::Catenate),
    ];
    (of(flags()), of(date()), data)
        .prop_map(|(flags, date, data)| AppendMessage { flags, date, data })
        .boxed()
}

fn filter() -> BoxedStrategy<Filter<'static>> {
    let mailboxes = || vec(mailbox(), 1..3);
    prop_oneof![
        Just(Filter::Selected),
        Just(Filter::SelectedDelayed),
        Just(Filter::Personal),
        mailboxes().prop_map(Filter::Subtree),
        mailboxes().prop_map(Filter::SubtreeOne),
        mailboxes().prop_map(Filter::Mailboxes),
    ]
    .boxed()
}

fn notify() -> BoxedStrategy<Notify<'static>> {
    let event = prop_oneof![
        vec(item(), 0..3).prop_map(Event::MessageNew),
        Just(Event::MessageExpunge),
        Just(Event::MailboxName),
        word().prop_map(Event::Other),
    ];
    let set = (any::<bool>(), vec((filter(), vec(event, 0..3)), 1..3));
    prop_oneof![
        1 => Just(Notify::None),
        4 => set.prop_map(|(status, groups)| Notify::Set { status, groups }),
    ]
    .boxed()
}

/// Commands of extensions that few clients use.
fn rare() -> BoxedStrategy<Command<'static>> {
    let search = (returns(), of(word()), vec(key(), 1..3))
        .prop_map(|(returns, charset, keys)| Search { returns, charset, keys });
    prop_oneof![
        notify().prop_map(Command::Notify),
        vec(line(), 1..3).prop_map(Command::CancelUpdate),
        vec(line(), 0..3).prop_map(Command::Language),
        vec((line(), word()), 1..3).prop_map(Command::GenUrlAuth),
        vec(line(), 1..3).prop_map(Command::UrlFetch),
        of((mailbox(), vec(word(), 0..3))).prop_map(Command::ResetKey),
        (vec(filter(), 0..3), search)
            .prop_map(|(sources, search)| Command::MultiSearch(sources, search)),
        (any::<bool>(), set(), mailbox(), append_message()).prop_map(
            |(uid, set, mailbox, message)| Command::Replace { uid, set, mailbox, message }
        ),
    ]
    .boxed()
}

fn status_items() -> BoxedStrategy<Vec<StatusItem<'static>>> {
    let one = prop_oneof![
        Just(StatusItem::Messages),
        Just(StatusItem::Size),
        Just(StatusItem::HighestModSeq),
        Just(StatusItem::Other(Cow::Borrowed(b"XNEW"))),
    ];
    vec(one, 1..4).boxed()
}

fn select_parameter() -> BoxedStrategy<SelectParameter<'static>> {
    prop_oneof![
        Just(SelectParameter::CondStore),
        (1u32.., any::<u64>(), of(set()), of((set(), set()))).prop_map(
            |(validity, modseq, known, matched)| SelectParameter::Qresync {
                validity: UidValidity(validity),
                modseq: ModSeq(modseq),
                known,
                matched,
            }
        ),
        of(Just(Cow::Borrowed(&b"(1 (a))"[..])))
            .prop_map(|value| SelectParameter::Other(Cow::Borrowed(b"XNEW"), value)),
    ]
    .boxed()
}

fn list_command() -> BoxedStrategy<command::List<'static>> {
    let returns = prop_oneof![
        word().prop_map(ListReturn::Word),
        status_items().prop_map(ListReturn::Status),
        vec(line(), 1..3).prop_map(ListReturn::Metadata),
        Just(ListReturn::Other(Cow::Borrowed(b"XNEW"), Cow::Borrowed(b"(1)"))),
    ];
    (of(vec(word(), 0..3)), mailbox(), vec(line(), 1..3), of(vec(returns, 0..3)))
        .prop_map(|(select, reference, patterns, returns)| command::List {
            select,
            reference,
            patterns,
            returns,
        })
        .boxed()
}

fn store() -> BoxedStrategy<Command<'static>> {
    let action = prop_oneof![Just(Action::Replace), Just(Action::Add), Just(Action::Remove)];
    let value = prop_oneof![
        flags().prop_map(StoreValue::Flags),
        vec(line(), 0..3).prop_map(StoreValue::GmLabels),
    ];
    (any::<bool>(), set(), of(any::<u64>()), action, any::<bool>(), value)
        .prop_map(|(uid, set, n, action, silent, value)| Command::Store {
            uid,
            set,
            unchanged_since: n.map(ModSeq),
            action,
            silent,
            value,
        })
        .boxed()
}

fn searches() -> BoxedStrategy<Command<'static>> {
    let keys = || vec(key(), 1..4);
    let criteria = vec((any::<bool>(), proptest::sample::select(SortKey::ALL)), 1..3);
    prop_oneof![
        (any::<bool>(), returns(), of(word()), keys()).prop_map(|(uid, returns, charset, keys)| {
            Command::Search(uid, Search { returns, charset, keys })
        }),
        (any::<bool>(), returns(), criteria, word(), keys()).prop_map(
            |(uid, returns, criteria, charset, keys)| {
                Command::Sort(uid, Sort { returns, criteria, charset, keys })
            }
        ),
        (any::<bool>(), word(), word(), keys()).prop_map(|(uid, algorithm, charset, keys)| {
            Command::Thread(uid, ThreadBy { algorithm, charset, keys })
        }),
    ]
    .boxed()
}

fn mailbox_commands() -> BoxedStrategy<Command<'static>> {
    let attribute = vec(Just(Cow::Borrowed(&b"\\Sent"[..])), 0..3);
    prop_oneof![
        (mailbox(), attribute)
            .prop_map(|(mailbox, special_use)| Command::Create { mailbox, special_use }),
        mailbox().prop_map(Command::Delete),
        (mailbox(), line()).prop_map(|(mailbox, who)| Command::DeleteAcl(mailbox, who)),
        mailbox().prop_map(Command::GetAcl),
        mailbox().prop_map(Command::GetQuotaRoot),
        list_command().prop_map(Command::List),
        (mailbox(), line()).prop_map(|(mailbox, who)| Command::ListRights(mailbox, who)),
        (mailbox(), line()).prop_map(|(mailbox, pattern)| Command::Lsub(mailbox, pattern)),
        mailbox().prop_map(Command::MyRights),
        (mailbox(), mailbox()).prop_map(|(from, to)| Command::Rename { from, to }),
        (mailbox(), any::<bool>(), vec(select_parameter(), 0..3)).prop_map(
            |(mailbox, read_only, parameters)| Command::Select { mailbox, read_only, parameters }
        ),
        (mailbox(), line(), line())
            .prop_map(|(mailbox, who, what)| Command::SetAcl(mailbox, who, what)),
        (mailbox(), nil_pairs())
            .prop_map(|(mailbox, entries)| Command::SetMetadata(mailbox, entries)),
        (mailbox(), status_items()).prop_map(|(mailbox, items)| Command::Status(mailbox, items)),
        mailbox().prop_map(Command::Subscribe),
        mailbox().prop_map(Command::Unsubscribe),
        (mailbox(), vec(append_message(), 1..4))
            .prop_map(|(mailbox, messages)| Command::Append { mailbox, messages }),
    ]
    .boxed()
}

fn command() -> BoxedStrategy<Tagged<'static>> {
    let depth = prop_oneof![Just(Depth::Zero), Just(Depth::One), Just(Depth::Infinity)];
    let others = prop_oneof![
        Just(Command::Word(Word::Noop)),
        Just(Command::Word(Word::Expunge)),
        (word(), of("[A-Za-z0-9+/=]{1,9}")).prop_map(|(mechanism, initial)| {
            Command::Authenticate { mechanism, initial: initial.map(Secret::new) }
        }),
        word().prop_map(Command::Compress),
        (any::<bool>(), set(), mailbox()).prop_map(|(uid, set, mailbox)| Command::Copy {
            uid,
            set,
            mailbox
        }),
        (any::<bool>(), set(), mailbox()).prop_map(|(uid, set, mailbox)| Command::Move {
            uid,
            set,
            mailbox
        }),
        vec(word(), 1..4).prop_map(Command::Enable),
        set().prop_map(Command::UidExpunge),
        (any::<bool>(), set(), vec(item(), 1..4), of(any::<u64>()), any::<bool>()).prop_map(
            |(uid, set, items, since, vanished)| Command::Fetch {
                uid,
                set,
                items,
                changed_since: since.map(ModSeq),
                vanished: vanished && since.is_some(),
            }
        ),
        (of(depth), of(any::<u64>()), mailbox(), vec(line(), 1..3)).prop_map(
            |(depth, max_size, mailbox, entries)| Command::GetMetadata {
                depth,
                max_size,
                mailbox,
                entries
            }
        ),
        line().prop_map(Command::GetQuota),
        of(vec((string(), of(string())), 0..3)).prop_map(Command::Id),
        (line(), line())
            .prop_map(|(user, word)| Command::Login { user, password: Secret::new(&*word) }),
        (line(), vec((word(), any::<u64>()), 0..3))
            .prop_map(|(root, limits)| Command::SetQuota(root, limits)),
    ];
    (word(), prop_oneof![others, mailbox_commands(), searches(), store(), rare()])
        .prop_map(|(tag, command)| Tagged { tag, command })
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn responses_round_trip(response in response(), utf8 in any::<bool>()) {
        let mut out = Encoder::new(Literals::Server, utf8);
        response.encode(&mut out);
        let octets = out.finish().unwrap().octets;
        let used = octets.len();
        prop_assert_eq!(
            response::decode(&octets),
            Ok(Decoded::Done { value: response, used }),
            "{}", octets.escape_ascii()
        );
        for end in (0..used).filter(|end| used < 300 || end % 7 == 0) {
            let decoded = response::decode(&octets[..end]);
            prop_assert_eq!(decoded, Ok(Decoded::More), "{}", octets[..end].escape_ascii());
        }
        let step = super::frame::Framer::responses().step(&octets);
        prop_assert_eq!(step, Ok(super::frame::Step::Complete { len: used }));
    }

    #[test]
    fn commands_round_trip(command in command(), utf8 in any::<bool>()) {
        let mut out = Encoder::new(Literals::Plus, utf8);
        command.encode(&mut out);
        let octets = out.finish().unwrap().octets;
        let used = octets.len();
        prop_assert_eq!(
            command::decode(&octets),
            Ok(Decoded::Done { value: command, used }),
            "{}", octets.escape_ascii()
        );
        for end in (0..used).filter(|end| used < 300 || end % 7 == 0) {
            let decoded = command::decode(&octets[..end]);
            prop_assert_eq!(decoded, Ok(Decoded::More), "{}", octets[..end].escape_ascii());
        }
        let step = super::frame::Framer::commands().step(&octets);
        prop_assert_eq!(step, Ok(super::frame::Step::Complete { len: used }));
    }

    #[test]
    fn no_octets_panic(octets in vec(any::<u8>(), 0..80), start in 0usize..4) {
        let starts: [&[u8]; 4] = [b"", b"* 1 FETCH (", b"* OK [", b"a SEARCH "];
        let octets = [starts[start], &octets].concat();
        let _ = response::decode(&octets);
        let _ = command::decode(&octets);
        let _ = super::fetch::head(&octets);
    }
}
