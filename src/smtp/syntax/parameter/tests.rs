use super::*;
use proptest::prelude::*;

fn mail(text: &str) -> Parsed<MailParameters> {
    MailParameters::parse(&mut Cursor::new(text.as_bytes()))
}

fn rcpt(text: &str) -> Parsed<RcptParameters> {
    RcptParameters::parse(&mut Cursor::new(text.as_bytes()))
}

fn any_other() -> impl Strategy<Value = Vec<Parameter>> {
    let one = ("X[A-Z0-9-]{0,6}", proptest::option::of("[!-<>-~ä=]{1,9}"))
        .prop_map(|(keyword, value)| Parameter { keyword, value });
    proptest::collection::vec(one, 0..3)
}

pub(in super::super) fn any_mail() -> impl Strategy<Value = MailParameters> {
    use proptest::option::of;
    // RFC 4954 section 5: that one says that nobody is known.
    let mailbox = "[!-~ ä]{1,20}".prop_filter("nobody", |mailbox| mailbox != "<>");
    let first = (
        of(any::<u64>()),
        of(prop_oneof![
            Just(BodyType::SevenBit),
            Just(BodyType::EightBitMime),
            Just(BodyType::BinaryMime)
        ]),
        any::<bool>(),
        of(prop_oneof![Just(Ret::Full), Just(Ret::Headers)]),
        of("[ -~]{1,100}"),
        of(prop_oneof![Just(Submitter::Unknown), mailbox.prop_map(Submitter::Mailbox)]),
    );
    let second = (
        any::<bool>(),
        of(prop_oneof![
            (1..=999_999_999u32).prop_map(Hold::For),
            (0..4_000_000_000i64)
                .prop_map(|s| Hold::Until(jiff::Timestamp::from_second(s).unwrap()))
        ]),
        of(-9..=9i8),
        of((-999_999_999..=999_999_999i32, any::<bool>(), any::<bool>())
            .prop_map(|(seconds, is_return, trace)| DeliverBy { seconds, is_return, trace })),
        any::<bool>(),
        any_other(),
    );
    (first, second).prop_map(|((size, body, smtputf8, ret, envid, auth), second)| {
        let (require_tls, hold, priority, by, prdr, other) = second;
        MailParameters {
            size,
            body,
            smtputf8,
            ret,
            envid,
            auth,
            require_tls,
            hold,
            priority,
            by,
            prdr,
            other,
        }
    })
}

pub(in super::super) fn any_rcpt() -> impl Strategy<Value = RcptParameters> {
    use proptest::option::of;
    let notify =
        any::<[bool; 3]>().prop_map(|[success, failure, delay]| Notify { success, failure, delay });
    let orcpt = (prop_oneof!["rfc822", "utf-8", "x-[a-z]{1,5}"], "[ -~äß漢]{1,20}")
        .prop_map(|(address_type, address)| OriginalRecipient { address_type, address });
    (of(notify), of(orcpt), any_other()).prop_map(|(notify, orcpt, other)| RcptParameters {
        notify,
        orcpt,
        other,
    })
}

#[test]
fn the_examples_of_the_rfcs_are_read() {
    let read = mail(" RET=HDRS ENVID=QQ314159 SIZE=500000 BODY=8BITMIME").unwrap();
    assert_eq!(read.ret, Some(Ret::Headers));
    assert_eq!(read.envid.as_deref(), Some("QQ314159"));
    assert_eq!((read.size, read.body), (Some(500_000), Some(BodyType::EightBitMime)));
    let read = mail(" AUTH=e+3Dmc2@example.com by=120;rt").unwrap();
    assert_eq!(read.auth, Some(Submitter::Mailbox("e=mc2@example.com".into())));
    assert_eq!(read.by, Some(DeliverBy { seconds: 120, is_return: true, trace: true }));
    let read = mail(" HOLDUNTIL=2003-12-11T01:51:00Z MT-PRIORITY=-3").unwrap();
    assert_eq!(read.hold, Some(Hold::Until("2003-12-11T01:51:00Z".parse().unwrap())));
    assert_eq!(read.priority, Some(-3));
    let read = rcpt(" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Bob+2BX@Example.COM").unwrap();
    assert_eq!(read.notify, Some(Notify { success: true, failure: true, delay: false }));
    assert_eq!(read.orcpt.unwrap().address, "Bob+X@Example.COM");
    let read = rcpt(" ORCPT=utf-8;\\x{E4}b+4041@h").unwrap();
    assert_eq!(read.orcpt.unwrap().address, "äb@41@h");
    assert_eq!(rcpt(" notify=never").unwrap().notify, Some(Notify::default()));
    assert_eq!(mail(" X-NEW=1 OLD").unwrap().other.len(), 2);
}

#[test]
fn wrong_values_are_refused_where_they_stand() {
    for text in [
        " HOLDUNTIL=2003-12-10T17:51:00-08:00",
        " HOLDUNTIL=20031211T015100Z",
        " HOLDUNTIL=2003-12-11T01:51Z",
        " MT-PRIORITY=-0",
        " MT-PRIORITY=03",
        " MT-PRIORITY=10",
    ] {
        assert!(mail(text).is_err(), "{text}");
    }
    assert!(rcpt(" ORCPT=rfc822;a+1Bb@c").is_err());
    // RFC 3461 section 4.2: what is valid here must not be refused.
    assert_eq!(rcpt(" ORCPT=utf-8;a\\b@c").unwrap().orcpt.unwrap().address, "a\\b@c");
    assert_eq!(rcpt(" ORCPT=x_y;a@c").unwrap().orcpt.unwrap().address_type, "x_y");
    for (text, offset) in [
        (" SIZE=x", 6),
        (" SIZE", 5),
        (" SIZE=1 SIZE=2", 13),
        (" SIZE=999999999999999999999", 6),
        (" BODY=8BIT", 6),
        (" SMTPUTF8=1", 9),
        (" ENVID=a+4", 9),
        (" ENVID=a=b", 8),
        (" ENVID=+0D", 7),
        (" MT-PRIORITY=10", 13),
        (" BY=1;X", 6),
        (" =1", 1),
        ("X", 0),
        (" HOLDFOR=1 HOLDUNTIL=2003-12-10T17:51:00Z", 21),
    ] {
        let malformed = mail(text).expect_err(text);
        assert_eq!(malformed.offset, offset, "{text}: {malformed}");
    }
    assert!(rcpt(" NOTIFY=NEVER,SUCCESS").is_err());
    assert!(rcpt(" NOTIFY=DELAY,DELAY").is_err());
    assert!(rcpt(" ORCPT=rfc822").is_err());
    assert!(rcpt(" ORCPT=utf-8;\\x{+41}").is_err());
}

#[test]
fn injection_is_refused() {
    let other = |keyword: &str, value: &str| MailParameters {
        other: vec![Parameter { keyword: keyword.into(), value: Some(value.into()) }],
        ..MailParameters::default()
    };
    assert!(other("X", "1\r\nDATA").encode(&mut Vec::new()).is_err());
    assert!(other("X Y", "1").encode(&mut Vec::new()).is_err());
    let auth = Some(Submitter::Mailbox("a\r\nb".into()));
    assert!(MailParameters { auth, ..MailParameters::default() }.encode(&mut Vec::new()).is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(of_mail in any_mail(), of_rcpt in any_rcpt()) {
        let mut wire = Vec::new();
        of_mail.encode(&mut wire).unwrap();
        prop_assert_eq!(MailParameters::parse(&mut Cursor::new(&wire)), Ok(of_mail));
        let mut wire = Vec::new();
        of_rcpt.encode(&mut wire).unwrap();
        prop_assert_eq!(RcptParameters::parse(&mut Cursor::new(&wire)), Ok(of_rcpt));
    }
}
