//! A message given to a command instead of a server.

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};

use anyhow::Result;

use super::deliver::Told;
use super::fit::{self, Route};
use super::plan::Plan;
use super::signing;
use crate::base::dot::LineEnds;
use crate::message::dkim::Signer;
use crate::store::line_ends::{self, Converter};
use crate::store::{Delivery, Fate};
use crate::ui::{Exit, Failure};

/// Runs `command` by the shell with the recipients as `$1` and on, `SENDER` in its environment,
/// and the message on its standard input, signed, lines ended by LF unless it is sent as it is. What
/// it prints goes to our stderr.
///
/// # Errors
/// [`Failure`]: 65 for a message that cannot be made fit or signed, 70 when no shell can be started.
pub fn hand_over(
    command: &str,
    plan: &mut Plan,
    signers: &[Signer],
    inspect: impl Fn(&Plan) -> Result<()>,
) -> Result<Vec<Told>> {
    fit::fit(plan, Route::OPEN)?;
    inspect(plan)?;
    signing::sign(plan, signers)?;
    let stderr = std::io::stderr().as_fd().try_clone_to_owned().map_err(|error| {
        Failure::new(Exit::Io, format!("stderr cannot be given to the command: {error}"))
    })?;
    let mut child = Command::new("/bin/sh")
        .args(["-c", command, "sh"])
        .args(&plan.envelope.recipients)
        .env("SENDER", &plan.envelope.sender)
        .env_remove("PILLARBOX_PASSWORD")
        .stdin(Stdio::piped())
        .stdout(Stdio::from(stderr))
        .spawn()
        .map_err(|error| {
            Failure::new(Exit::Software, format!("the command cannot be run: {error}"))
        })?;
    if let Some(mut stdin) = child.stdin.take() {
        let ends = match plan.line_ends {
            LineEnds::Canonical => line_ends::LineEnds::Lf,
            LineEnds::Verbatim | LineEnds::VerbatimUnsafe => line_ends::LineEnds::AsIs,
        };
        let mut converter = Converter::new(ends);
        let mut out = Vec::new();
        // A command may have read enough and be gone: its exit code tells.
        let mut is_listening = true;
        plan.message.each(|octets| {
            out.clear();
            converter.push(octets, &mut out);
            is_listening = is_listening && stdin.write_all(&out).is_ok();
            Ok(())
        })?;
        out.clear();
        converter.finish(&mut out);
        if is_listening {
            let _ = stdin.write_all(&out);
        }
    }
    let status = child.wait().map_err(|error| {
        Failure::new(Exit::Software, format!("the command's end cannot be told: {error}"))
    })?;
    let (state, enhanced, text) = match status.code() {
        Some(0) => (Fate::Delivered, None, "the command took it".to_owned()),
        Some(75) => (Fate::Temporary, None, "the command ended with 75".to_owned()),
        // RFC 3463 section 3.2, as sysexits.h has it.
        Some(67) => (Fate::Permanent, Some("5.1.1"), "the command ended with 67".to_owned()),
        Some(code) => (Fate::Permanent, None, format!("the command ended with {code}")),
        None => (Fate::Unknown, None, format!("the command was ended: {status}")),
    };
    let recipients = plan.envelope.recipients.iter();
    Ok(recipients
        .map(|recipient| Told {
            delivery: Delivery {
                recipient: recipient.clone(),
                state,
                stage: "body",
                code: None,
                enhanced: enhanced.map(str::to_owned),
                text: text.clone(),
            },
            queue_id: None,
            times: None,
            reached: None,
        })
        .collect())
}
