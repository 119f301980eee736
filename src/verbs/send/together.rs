//! Which options go together: one that would do nothing where it was given is refused, before
//! anything is read or anybody is connected to.

use super::args::Args;
use crate::ui::Failure;

/// Whether an option was given, and its name.
type Given = (bool, &'static str);

/// Refuses an option that has no meaning beside the others.
///
/// # Errors
/// [`Failure`] (64) that names it.
pub fn check(args: &Args) -> Result<(), Failure> {
    if args.persona.is_some() {
        // Its callers give what they always give.
        return Ok(());
    }
    let Args { composing, conversion, .. } = args;
    let whole: &[Given] = &[
        (composing.to_given(), "--to, --cc, --bcc"),
        (composing.reply.is_some(), "--reply"),
        (composing.forward.is_some(), "--forward"),
        (conversion.raw, "--raw"),
    ];
    let newly: &[Given] = &[
        (composing.subject.is_some(), "--subject"),
        (composing.body.is_some(), "--body"),
        (composing.html.is_some(), "--html"),
        (composing.charset.is_some(), "--charset"),
        (!composing.attach.is_empty(), "--attach"),
        (!composing.inline.is_empty(), "--inline"),
        (!composing.header.is_empty(), "--header"),
        (!composing.reply_to.is_empty(), "--reply-to"),
    ];
    let flushed: &[Given] = &[
        (!args.recipients.is_empty(), "a recipient"),
        (composing.resend, "--resend"),
        (conversion.dry_run, "--dry-run"),
        (args.envelope.envelope_from.is_some(), "--envelope-from"),
        (args.envelope.all_or_none, "--all-or-none"),
        (args.bulk.is_wanted(), "an option of bulk sending"),
    ];
    let asked = asked(args);
    let (spoken, stage) = (spoken(args), [(args.diagnosis.quit_after.is_some(), "--quit-after")]);
    let shown: &[Given] = &[(conversion.dry_run, "--dry-run")];
    let signed: &[Given] = &[(!args.signing.dkim_key.is_empty(), "--dkim-key")];
    let is_flush = args.spooling.flush;
    let is_spool = args.spooling.spool.is_some() && !is_flush;
    // A name in EHLO is said to exchangers, too.
    let of_one_server = &spoken[1..];
    let modes: [(bool, &str, &[&[Given]]); 7] = [
        (is_flush, "--flush", &[whole, newly, flushed, &asked, &stage]),
        (is_spool, "--spool, and is for --flush", &[&spoken, signed]),
        (is_spool, "--spool", &[&stage]),
        (args.pipe.is_some(), "--pipe: a command has no SMTP", &[&asked, &spoken, &stage]),
        (args.direct, "--direct", &[of_one_server, &stage]),
        (composing.resend, "--resend", &[newly, &whole[3..]]),
        (composing.merge.is_some(), "--merge", &[whole, newly, &stage]),
    ];
    let inputs: &[&[Given]] = &[whole, newly, shown, &stage];
    let modes = modes.into_iter().chain([(!args.bulk.input.is_empty(), "--input", inputs)]);
    for (_, mode, refused) in modes.filter(|(is_it, ..)| *is_it) {
        let mut refused = refused.iter().flat_map(|list| list.iter());
        if let Some((_, option)) = refused.find(|(given, _)| *given) {
            return Err(Failure::usage(format!("{option} has no meaning with {mode}")));
        }
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
        check(&line.args).err().map(|failure| failure.to_string())
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
            "--quit-after rcpt --via x --xclient NAME=x --ehlo me a@x",
        ] {
            assert_eq!(refused(line), None, "{line}");
        }
    }
}
