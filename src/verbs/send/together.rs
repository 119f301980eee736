//! Which options go together: one that would do nothing where it was given is refused, before
//! anything is read or anybody is connected to.

use super::args::Args;
use crate::ui::Failure;

/// Whether an option was given, and its name.
type Given = (bool, &'static str);

/// What a run is, in which words, what to do about what has no meaning then, and what has none.
type Mode<'a> = (bool, &'static str, Option<&'static str>, &'a [&'a [Given]]);

/// Refuses an option that has no meaning beside the others; `is_news`: a news server is posted to.
///
/// # Errors
/// [`Failure`] (64) that names it.
pub fn check(args: &Args, is_news: bool) -> Result<(), Failure> {
    if args.persona.is_some() {
        // Its callers give what they always give.
        return Ok(());
    }
    let Args { composing, conversion, envelope, spooling, .. } = args;
    let answered: &[Given] =
        &[(composing.reply.is_some(), "--reply"), (composing.forward.is_some(), "--forward")];
    let fields: &[Given] = &[(composing.to_given(), "--to, --cc, --bcc")];
    let raw: &[Given] = &[(conversion.raw, "--raw")];
    let content: &[Given] = &[
        (composing.subject.is_some(), "--subject"),
        (composing.body.is_some(), "--body"),
        (composing.html.is_some(), "--html"),
        (!composing.attach.is_empty(), "--attach"),
        (!composing.inline.is_empty(), "--inline"),
    ];
    let about_content: &[Given] = &[
        (composing.charset.is_some(), "--charset"),
        (!composing.header.is_empty(), "--header"),
        (!composing.reply_to.is_empty(), "--reply-to"),
    ];
    let shown: &[Given] = &[(conversion.dry_run, "--dry-run")];
    let copied: &[Given] = &[(args.sent.is_some(), "--sent")];
    let resent: &[Given] = &[(composing.resend, "--resend")];
    let many: &[Given] = &[(args.bulk.is_wanted(), "an option of bulk sending")];
    let merged: &[Given] =
        &[(composing.merge.is_some(), "--merge"), (composing.template.is_some(), "--template")];
    let signed: &[Given] = &[(!args.signing.dkim_key.is_empty(), "--dkim-key")];
    let stage: &[Given] = &[(args.diagnosis.quit_after.is_some(), "--quit-after")];
    let flushed: &[Given] = &[
        (!args.recipients.is_empty(), "a recipient"),
        (envelope.envelope_from.is_some(), "--envelope-from"),
        (envelope.all_or_none, "--all-or-none"),
    ];
    let of_mail: &[Given] = &[
        (conversion.explain, "--explain"),
        (conversion.strict, "--strict"),
        (envelope.envelope_from.is_some(), "--envelope-from"),
        (envelope.all_or_none, "--all-or-none"),
        (args.direct, "--direct"),
        (spooling.spool.is_some(), "--spool"),
        (spooling.flush, "--flush"),
        (args.pipe.is_some(), "--pipe"),
    ];
    let is_flush = spooling.flush;
    let is_spool = spooling.spool.is_some() && !is_flush;
    let at_once: &[Given] = &[(args.pipe.is_some(), "--pipe"), (is_spool, "--spool")];
    let (asked, spoken) = (asked(args), spoken(args));
    // A name in EHLO is said to exchangers, too.
    let of_one_server = &spoken[1..];
    let is_stage = args.diagnosis.quit_after.is_some();
    let is_input = !args.bulk.input.is_empty();
    let is_merge = composing.merge.is_some();
    let is_whole = !(composing.composes()
        || composing.resend
        || [is_flush, is_stage, is_input, is_merge].contains(&true));
    let modes: [Mode<'_>; 12] = [
        (
            is_news,
            "a news server",
            Some("it is for mail: leave it out"),
            &[answered, resent, merged, raw, of_mail, &asked, &spoken, stage, copied, many, signed],
        ),
        (
            is_flush,
            "--flush",
            None,
            &[
                fields,
                answered,
                raw,
                content,
                about_content,
                flushed,
                resent,
                shown,
                many,
                &asked,
                stage,
            ],
        ),
        (is_spool, "--spool, and is for --flush", None, &[&spoken, signed]),
        (is_spool, "--spool", None, &[stage]),
        (args.pipe.is_some(), "--pipe: a command has no SMTP", None, &[&asked, &spoken, stage]),
        (args.direct, "--direct", None, &[of_one_server, stage]),
        (composing.resend, "--resend", None, &[content, about_content, raw, stage]),
        (is_merge, "--merge", None, &[fields, answered, raw, content, about_content, stage]),
        (is_input, "--input", None, &[fields, answered, raw, content, about_content, shown, stage]),
        (
            args.bulk.is_wanted(),
            "bulk sending: one message at a time",
            None,
            &[copied, at_once, stage],
        ),
        (
            is_stage,
            "--quit-after: no message is read",
            None,
            &[fields, answered, raw, content, about_content, shown, copied, signed],
        ),
        (conversion.raw, "--raw, which sends a whole message", None, &[answered, content]),
    ];
    let hint = "add --subject, --body, --html or --attach to compose; recipients of a whole message \
                are named without an option";
    let whole: Mode<'_> =
        (is_whole, "a whole message on standard input", Some(hint), &[fields, about_content]);
    for (_, name, hint, refused) in modes.iter().chain([&whole]).filter(|(is_it, ..)| *is_it) {
        let mut refused = refused.iter().flat_map(|list| list.iter());
        if let Some((_, option)) = refused.find(|(given, _)| *given) {
            let failure = Failure::usage(format!("{option} has no meaning with {name}"));
            return Err(Failure { hint: hint.map(str::to_owned), ..failure });
        }
    }
    if args.bulk.is_wanted() && !is_input && !is_merge {
        return Err(Failure::usage("this is for many messages: give --input or --merge"));
    }
    Ok(())
}

/// Parameters of MAIL and RCPT: what only a server can be asked for.
fn asked(args: &Args) -> [Given; 10] {
    let (envelope, extensions) = (&args.envelope, &args.extensions);
    [
        (envelope.notify.is_some(), "--notify"),
        (envelope.returned.is_some(), "--return"),
        (envelope.envid.is_some(), "--envid"),
        (!envelope.orcpt.is_empty(), "--orcpt"),
        (extensions.require_tls, "--require-tls"),
        (extensions.hold_for.is_some(), "--hold-for"),
        (extensions.hold_until.is_some(), "--hold-until"),
        (extensions.priority.is_some(), "--priority"),
        (extensions.deliver_by.is_some(), "--deliver-by"),
        (extensions.prdr, "--prdr"),
    ]
}

/// How a server is spoken to.
fn spoken(args: &Args) -> [Given; 3] {
    let diagnosis = &args.diagnosis;
    [
        (diagnosis.ehlo.is_some(), "--ehlo"),
        (!diagnosis.xclient.is_empty(), "--xclient"),
        (diagnosis.proxy_protocol.is_some(), "--proxy-protocol"),
    ]
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    #[command(no_binary_name = true)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn refused(line: &str) -> Option<String> {
        let line = Line::try_parse_from(line.split_ascii_whitespace()).expect(line);
        let is_news = line.args.via.as_deref() == Some("nntp://x/");
        check(&line.args, is_news).err().map(|failure| failure.to_string())
    }

    #[test]
    fn what_would_do_nothing_is_refused() {
        for (line, option) in [
            ("--pipe cat --notify never a@x", "--notify"),
            ("--pipe cat --require-tls a@x", "--require-tls"),
            ("--pipe cat --quit-after rcpt a@x", "--quit-after"),
            ("--direct --quit-after rcpt a@x", "--quit-after"),
            ("--direct --xclient NAME=x a@x", "--xclient"),
            ("--direct --proxy-protocol v1 a@x", "--proxy-protocol"),
            ("--spool d --quit-after rcpt a@x", "--quit-after"),
            ("--spool d --ehlo me a@x", "--ehlo"),
            ("--spool d --dkim-key k --dkim-selector s --dkim-domain d a@x", "--dkim-key"),
            ("--flush a@x", "a recipient"),
            ("--flush --dry-run", "--dry-run"),
            ("--flush --subject x", "--subject"),
            ("--flush --notify never", "--notify"),
            ("--flush -f a@x", "--envelope-from"),
            ("--merge t --template m --subject x", "--subject"),
            ("--merge t --template m --to a@x", "--to"),
            ("--merge t --template m --raw", "--raw"),
            ("--merge t --template m --quit-after mail", "--quit-after"),
            ("--input f --header X:y", "--header"),
            ("--input f --bcc a@x", "--bcc"),
            ("--input f --dry-run", "--dry-run"),
            ("--resend --subject x a@x", "--subject"),
            ("--resend --raw a@x", "--raw"),
            ("--raw --body x a@x", "--body"),
            ("--raw --reply r a@x", "--reply"),
            // Standard input is a whole message.
            ("--to a@x", "--to, --cc, --bcc"),
            ("--header X:y a@x", "--header"),
            ("--charset utf-8 a@x", "--charset"),
            ("--quit-after rcpt --to a@x b@x", "--to, --cc, --bcc"),
            ("--quit-after rcpt --dry-run b@x", "--dry-run"),
            ("--quit-after rcpt --sent w:S b@x", "--sent"),
            ("--merge t --template m --connections 2 --sent w:S", "--sent"),
            ("--merge t --template m --connections 2 --pipe cat", "--pipe"),
            ("--merge t --template m --rate 1/s --spool d", "--spool"),
            ("--connections 2 a@x", "give --input or --merge"),
            ("--via nntp://x/ --explain", "--explain"),
            ("--via nntp://x/ --to a@x", "--to, --cc, --bcc"),
            ("--via nntp://x/ --body x -f a@x", "--envelope-from"),
            ("--via nntp://x/ --raw", "--raw"),
            ("--via nntp://x/ --reply r", "--reply"),
            ("--via nntp://x/ --connections 2", "an option of bulk sending"),
            ("--via nntp://x/ --header X:y", "--header"),
        ] {
            let told = refused(line).unwrap_or_else(|| panic!("{line}: nothing was refused"));
            assert!(told.contains(option), "{line}: {told}");
        }
    }

    #[test]
    fn what_goes_together_passes() {
        for line in [
            "--pipe cat --dkim-key k --dkim-selector s --dkim-domain d a@x",
            "--direct --ehlo me --notify never a@x",
            "--spool d --notify never --direct a@x",
            "--flush --spool d --ehlo me --dkim-key k --dkim-selector s --dkim-domain d",
            "--merge t --template m --dry-run --from a@x b@x",
            "--merge t --template m --connections 2",
            "--input f -f a@x --notify never b@x",
            "--resend --to a@x --cc b@x",
            "--subject x --to a@x --charset utf-8 --header X:y",
            "--reply r --cc a@x",
            "--via nntp://x/ --subject x --header X:y --reply-to a@x",
            "--via nntp://x/",
            "--quit-after rcpt --via x --xclient NAME=x --ehlo me a@x",
        ] {
            assert_eq!(refused(line), None, "{line}");
        }
    }
}
