//! What SEARCH, SORT and THREAD are asked: return options, criteria and keys (RFC 9051 section
//! 6.4.4, RFC 4731, RFC 5182, RFC 5256, RFC 5267, RFC 9394).

use std::borrow::Cow;

use super::super::encode::Encoder;
use super::super::fetch::Item;
use super::super::token::{Cursor, Fail, Parse};
use super::{Key, SortKey};

/// What an extended search returns (RFC 4731, RFC 5182, RFC 9394).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Return<'a> {
    /// The lowest number.
    Min,
    /// The highest number.
    Max,
    /// All numbers.
    All,
    /// How many there are.
    Count,
    /// Nothing: the result is kept for `$`.
    Save,
    /// Results by their place in the list, from 1, or from the end by negative numbers.
    Partial(i64, i64),
    /// Changes of the result are told (RFC 5267), with these items of new messages (RFC 5465).
    Update(Vec<Item<'a>>),
    /// The client will come back for more of the result (RFC 5267).
    Context,
    /// An option that we do not know.
    Other(Cow<'a, [u8]>),
}

impl<'a> Return<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Parse<Return<'a>> {
        let name = cursor.atom()?;
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        Ok(if is("MIN") {
            Return::Min
        } else if is("MAX") {
            Return::Max
        } else if is("ALL") {
            Return::All
        } else if is("COUNT") {
            Return::Count
        } else if is("SAVE") {
            Return::Save
        } else if is("CONTEXT") {
            Return::Context
        } else if is("UPDATE") {
            // RFC 5465 section 8 has no SP here, and its example has one.
            let mut ahead = cursor.clone();
            let mut items = Vec::new();
            if ahead.peek()? == b' ' {
                ahead.bump();
            }
            if ahead.peek()? == b'(' {
                items = ahead.list1(Item::parse)?;
                cursor.set_at(ahead.at());
            }
            Return::Update(items)
        } else if is("PARTIAL") {
            cursor.sp()?;
            let (first, last) = parse_partial_range(cursor)?;
            Return::Partial(first, last)
        } else {
            Return::Other(Cow::Borrowed(name))
        })
    }

    fn encode(&self, out: &mut Encoder) {
        match self {
            Return::Min => out.raw("MIN"),
            Return::Max => out.raw("MAX"),
            Return::All => out.raw("ALL"),
            Return::Count => out.raw("COUNT"),
            Return::Save => out.raw("SAVE"),
            Return::Context => out.raw("CONTEXT"),
            Return::Update(items) => {
                out.raw("UPDATE");
                if !items.is_empty() {
                    out.sp();
                    out.list(items, |out, item| item.encode(out));
                }
            }
            Return::Partial(first, last) => out.raw(format!("PARTIAL {first}:{last}")),
            Return::Other(name) => out.atom(name, "search return option"),
        }
    }
}

/// `partial-range = nz-number ":" nz-number / "-" nz-number ":-" nz-number` (RFC 9394)
pub(super) fn parse_partial_range(cursor: &mut Cursor<'_>) -> Parse<(i64, i64)> {
    let bound = |cursor: &mut Cursor<'_>| {
        let negative = cursor.eat(b'-')?;
        let number = i64::from(cursor.nz_number()?);
        Ok(if negative { -number } else { number })
    };
    let first = bound(cursor)?;
    cursor.expect(b':', ":")?;
    Ok((first, bound(cursor)?))
}

/// `RETURN (...)`, if it is next, and the SP behind it.
fn parse_returns<'a>(cursor: &mut Cursor<'a>) -> Parse<Option<Vec<Return<'a>>>> {
    if !cursor.eat_word("RETURN")? {
        return Ok(None);
    }
    cursor.sp()?;
    let returns = cursor.list(Return::parse)?;
    cursor.sp()?;
    Ok(Some(returns))
}

fn encode_returns(returns: &Option<Vec<Return<'_>>>, out: &mut Encoder) {
    if let Some(returns) = returns {
        out.raw("RETURN ");
        out.list(returns, |out, option| option.encode(out));
        out.sp();
    }
}

/// `search-key *(SP search-key)`, up to the line's end.
fn parse_keys<'a>(cursor: &mut Cursor<'a>) -> Parse<Vec<Key<'a>>> {
    let mut keys = vec![Key::parse(cursor)?];
    while cursor.eat(b' ')? {
        keys.push(Key::parse(cursor)?);
    }
    Ok(keys)
}

fn encode_keys(keys: &[Key<'_>], out: &mut Encoder) {
    if keys.is_empty() {
        out.refuse("empty list of search keys");
    }
    out.spaced(keys, |out, key| key.encode(out));
}

/// The arguments of SEARCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search<'a> {
    /// RETURN (RFC 4731): `None` asks for a SEARCH response, an empty list for ALL.
    pub returns: Option<Vec<Return<'a>>>,
    /// The charset of the keys' text; `None`: US-ASCII, or UTF-8 where that was enabled.
    pub charset: Option<Cow<'a, [u8]>>,
    /// All of these have to match; at least one.
    pub keys: Vec<Key<'a>>,
}

impl<'a> Search<'a> {
    pub(in super::super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Search<'a>> {
        let returns = parse_returns(cursor)?;
        let mut charset = None;
        if cursor.eat_word("CHARSET")? {
            cursor.sp()?;
            charset = Some(cursor.astring()?);
            cursor.sp()?;
        }
        Ok(Search { returns, charset, keys: parse_keys(cursor)? })
    }

    pub(in super::super) fn encode(&self, out: &mut Encoder) {
        encode_returns(&self.returns, out);
        if let Some(charset) = &self.charset {
            out.raw("CHARSET ");
            out.line_astring(charset, "charset");
            out.sp();
        }
        encode_keys(&self.keys, out);
    }
}

/// The arguments of SORT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort<'a> {
    /// RETURN (RFC 5267); `None` asks for a SORT response.
    pub returns: Option<Vec<Return<'a>>>,
    /// Criteria, most significant first: whether reversed, and the key. At least one.
    pub criteria: Vec<(bool, SortKey)>,
    /// The charset of the keys' text.
    pub charset: Cow<'a, [u8]>,
    /// All of these have to match; at least one.
    pub keys: Vec<Key<'a>>,
}

impl<'a> Sort<'a> {
    pub(in super::super) fn parse(cursor: &mut Cursor<'a>) -> Parse<Sort<'a>> {
        let returns = parse_returns(cursor)?;
        let criteria = cursor.list1(|cursor| {
            let reverse = cursor.eat_word("REVERSE")?;
            if reverse {
                cursor.sp()?;
            }
            let start = cursor.at();
            let key = SortKey::from_name(cursor.word()?)
                .ok_or(Fail::Bad { offset: start, expected: "sort-key" })?;
            Ok((reverse, key))
        })?;
        cursor.sp()?;
        let charset = cursor.astring()?;
        cursor.sp()?;
        Ok(Sort { returns, criteria, charset, keys: parse_keys(cursor)? })
    }

    pub(in super::super) fn encode(&self, out: &mut Encoder) {
        encode_returns(&self.returns, out);
        if self.criteria.is_empty() {
            out.refuse("empty list of sort criteria");
        }
        out.list(&self.criteria, |out, (reverse, key)| {
            out.raw(if *reverse { "REVERSE " } else { "" });
            out.raw(key.name());
        });
        out.sp();
        out.line_astring(&self.charset, "charset");
        out.sp();
        encode_keys(&self.keys, out);
    }
}

/// The arguments of THREAD (RFC 5256).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadBy<'a> {
    /// The algorithm, such as REFERENCES.
    pub algorithm: Cow<'a, [u8]>,
    /// The charset of the keys' text.
    pub charset: Cow<'a, [u8]>,
    /// All of these have to match; at least one.
    pub keys: Vec<Key<'a>>,
}

impl<'a> ThreadBy<'a> {
    pub(in super::super) fn parse(cursor: &mut Cursor<'a>) -> Parse<ThreadBy<'a>> {
        let algorithm = Cow::Borrowed(cursor.atom()?);
        cursor.sp()?;
        let charset = cursor.astring()?;
        cursor.sp()?;
        Ok(ThreadBy { algorithm, charset, keys: parse_keys(cursor)? })
    }

    pub(in super::super) fn encode(&self, out: &mut Encoder) {
        out.atom(&self.algorithm, "thread algorithm");
        out.sp();
        out.line_astring(&self.charset, "charset");
        out.sp();
        encode_keys(&self.keys, out);
    }
}
