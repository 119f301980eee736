# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_pillarbox_global_optspecs
    string join \n h/help V/version
end

function __fish_pillarbox_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_pillarbox_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_pillarbox_using_subcommand
    set -l cmd (__fish_pillarbox_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c pillarbox -n "__fish_pillarbox_needs_command" -s h -l help -d 'Print help'
complete -c pillarbox -n "__fish_pillarbox_needs_command" -s V -l version -d 'Print version'
complete -c pillarbox -n "__fish_pillarbox_needs_command" -f -a "send" -d 'Send a message and tell the fate of every recipient'
complete -c pillarbox -n "__fish_pillarbox_needs_command" -f -a "fetch" -d 'Fetch messages, headers or parts by IMAP, by POP3, from newsgroups or from local mail'
complete -c pillarbox -n "__fish_pillarbox_needs_command" -f -a "search" -d 'Find messages on servers and in local mail, and print their references'
complete -c pillarbox -n "__fish_pillarbox_needs_command" -f -a "sync" -d 'Make the mail of two places equal'
complete -c pillarbox -n "__fish_pillarbox_needs_command" -f -a "probe" -d 'Examine a mail server or a domain: phases, TLS, capabilities, policy records'
complete -c pillarbox -n "__fish_pillarbox_needs_command" -f -a "serve-test" -d 'Run SMTP, submission, LMTP, IMAP, POP3 and NNTP servers for tests'
complete -c pillarbox -n "__fish_pillarbox_needs_command" -f -a "folder" -d 'List, make, rename and delete folders, and see how they stand'
complete -c pillarbox -n "__fish_pillarbox_needs_command" -f -a "message" -d 'Add, copy, move, mark and delete single messages'
complete -c pillarbox -n "__fish_pillarbox_needs_command" -f -a "account" -d 'Find, show, test, log in and remove accounts'
complete -c pillarbox -n "__fish_pillarbox_needs_command" -f -a "completions" -d 'Print a shell\'s completions'
complete -c pillarbox -n "__fish_pillarbox_needs_command" -f -a "man" -d 'Print a manual page'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l via -d 'Where to hand the message over: an account, or a URL such as submission://mail.example.org' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l pipe -d 'Hand the message to COMMAND, run by the shell with the recipients as its arguments, instead of a server; its exit code decides: 0 delivered, 75 temporary, any other permanent' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l sent -d 'Put a copy into LOCATION, such as work:Sent, once the message was taken' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l from -d 'Author of the composed message; of a whole message only where it has no From' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l to -d 'To' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l cc -d 'Cc' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l bcc -d 'Bcc: gets the message, is not named in it' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l reply-to -d 'Reply-To' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -s s -l subject -d 'Subject' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l body -d 'The text, instead of standard input' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l html -d 'An HTML alternative from FILE' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l charset -d 'The charset of standard input and of --html (default: UTF-8, UTF-16 with its mark, else windows-1252); the message has UTF-8 always' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -s a -l attach -d 'Attach FILE; repeatable' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l inline -d 'Bring FILE along for the HTML, which calls it cid:NAME by its file name; repeatable' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l header -d 'One more header field; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l reply -d 'Answer the message that REF names, as `search` prints it: to its author, its text quoted' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l forward -d 'Pass the message that REF names on, attached whole' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l merge -d 'Send a message to each person in FILE, CSV with a line of names or JSON Lines (.jsonl)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l template -d 'The message of --merge, in which {{NAME}} stands for what the person has under NAME' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -s f -l envelope-from -d 'The envelope\'s sender (default: Sender or From of the message); `<>` for none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l notify -d 'When the sender wants a report: never, or success, failure, delay with commas (DSN)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l return -d 'What a report of failure returns of the message (DSN)' -r -f -a "full\t'The whole message'
headers\t'Its header only'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l envid -d 'A name for the transaction that reports repeat (DSN)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l orcpt -d 'The recipient that the sender meant, for reports: ADDRESS for the only recipient, or RCPT=ADDRESS; repeatable (DSN)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l hold-for -d 'Have the server hold the message back for that long: seconds, or 30m, 2h, 1d (FUTURERELEASE)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l hold-until -d 'Have the server hold the message back until then, a time by RFC 3339 (FUTURERELEASE)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l priority -d 'Priority from -9 to 9 (MT-PRIORITY)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l deliver-by -d 'Deliver within that time, or report: seconds, or 30m, 2h, 1d, with ;N to tell and go on, ;R to give it back, and T behind it to have each relay tell (DELIVERBY)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l input -d 'Send every message of LOCATION, each to those whom it names or to the recipients given; `-` for references on standard input; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l connections -d 'Speak over so many connections at once' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l messages-per-connection -d 'Open a new connection after so many messages' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l rate -d 'Send no faster than that in all: 10/s, 100/m or 1000/h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l rate-per-domain -d 'Send no faster than that to any one domain' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l journal -d 'Keep the fate of every recipient in FILE; a run with the same FILE goes on where the last one ended, and sends nothing again that was delivered, refused for good, or unknown' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l spool -d 'Store the message in the folder DIR and return; `send --flush` delivers it' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l dkim-key -d 'Sign with the private key in FILE (PEM, RSA or Ed25519), last of all; repeatable (DKIM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l dkim-selector -d 'The selector under which the key is published; once for each --dkim-key' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l dkim-domain -d 'The domain that signs; once for all keys, or once for each' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l ehlo -d 'The name to say in EHLO' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l xclient -d 'Speak for another client, where the server lets us: NAME, ADDR, PORT, PROTO, HELO, LOGIN and the like; repeatable (Postfix\'s XCLIENT)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l proxy-protocol -d 'Send a PROXY header before anything else (HAProxy)' -r -f -a "v1\t'One line of text'
v2\t'Binary'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l proxy-client -d 'The client that the PROXY header names (default: our own address)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l quit-after -d 'Go no further than STAGE and print the answers; no message is read or sent' -r -f -a "greeting\t'Behind the server\'s greeting'
ehlo\t'Behind the answer to EHLO'
starttls\t'Once TLS is there'
auth\t'Once logged in'
mail\t'Behind the answer to MAIL'
rcpt\t'Behind the answers to RCPT'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l direct -d 'Hand the message to the mail exchangers of each recipient\'s domain, with DANE, MTA-STS or opportunistic TLS; how each was reached is told on stderr'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l resend -d 'Send the whole message on as it is, with Resent- fields for the new recipients'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l explain -d 'Say on stderr each change that was made to the message'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l strict -d 'Send nothing when the message would have to be changed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l raw -d 'Send the message as it is, Bcc and all; a bare CR or LF is refused'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l raw-unsafe -d 'With --raw: let bare CR and LF pass, which some servers take for line ends'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -s n -l dry-run -d 'Print the message and its envelope as they would leave, and send nothing'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l all-or-none -d 'Give the message to every recipient or to none'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l require-tls -d 'Every hop has to use TLS, verified (REQUIRETLS)'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l prdr -d 'Have an answer for each recipient once the server has seen the message (PRDR)'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l flush -d 'Deliver what is due in the --spool folder, or in the usual one'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to -d 'Where it goes: maildir:PATH, mbox:PATH, eml:PATH, a folder of an account or imap:// URL, a server that delivers (lmtp://, smtp://, submission://, with --rcpt), or -; repeatable (default: -, or nowhere else with --exec)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l exec -d 'Give each message to COMMAND on its standard input: 0 means taken, 75 kept for the next run, 99 not wanted; any other status ends the run' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l rcpt -d 'Whom a server delivers to; repeatable, each a target of its own' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l rcpt-from-header -d 'Whom a server delivers to: the addresses in the first field of this name (Delivered-To)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l query -d 'Only messages that this query finds, in the language of search (pillarbox-query(7))' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l uid -d 'Only messages of these UIDs, such as 1:9,12,20:*; of an IMAP folder' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l since -d 'Only messages that came since then: a span such as 2d, or a date' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l max-size -d 'Only messages of this size at the most, such as 500K or 10M' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l headers -d 'Only the headers, or only the fields of these names' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l attachments -d 'Only attachments, decoded, as files: all of them, or those of a media type (image/*) or name (*.pdf); of a message on an IMAP server nothing else travels' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -s o -l output -d 'The folder for --attachments (default: where you are)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l section -d 'Only this part of each message, raw: an IMAP section such as 1.2, TEXT or 2.MIME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l range -d 'Only these octets of each message or section: FIRST-LAST or FIRST-, counted from 0' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l part -d 'Only this part of each message, decoded: a number such as 1.2' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l raw -d 'Send COMMAND to the IMAP server, in the folder, and print its responses as they come' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l last -d 'Only the last N messages of each source' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l decide -d 'Show each header to COMMAND first: 0 means fetch, 1 leave, 99 delete without fetching' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l then -d 'What becomes of a message that every target has: delete, move:FOLDER, or mark:FLAG,-FLAG; implies --new' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l delete-after -d 'Delete at the source what every target got so long ago (14d, 12h, ...); implies --new' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l unseen -d 'Only messages without \\Seen'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -s r -l recursive -d 'Also the folders below; of an account, a server or a Maildir without a folder, all'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l follow -d 'Fetch from the web what a message only links to (message/external-body), too'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l structure -d 'Show what parts each message has, and fetch none'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l envelope -d 'Show date, subject and addresses, as the server has read them'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l text -d 'Show the text that a reader sees first'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l new -d 'Only messages that no earlier run with --new has brought to these targets'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l dedupe -d 'Bring no target a message of which it has got a copy from anywhere; implies --new'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l watch -d 'Go on and bring what comes as it comes, over connections that break; implies --new'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l crlf -d 'Keep the line ends that the source has (default: LF in Maildir, mbox and eml)'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l to-allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand fetch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l limit -d 'Print the first N and look no further than that takes' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l sort -d 'In which order (default: as they lie in their folders)' -r -f -a "date\t''
-date\t''
from\t''
subject\t''
size\t''
relevance\t''"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l fields -d 'With --json: only these of its fields, in this order, such as reference,subject' -r -f -a "reference\t'Its reference'
date\t'When it was sent, else when it arrived'
from\t'The From field'
subject\t'The Subject field'
flags\t'Its flags'
size\t'Octets'
folder\t'Its folder'
uid\t'Its UID'
text_by\t'Whose meaning body: and text: had'
score\t'How much of what is looked for is in it'
thread\t'The number of its thread'
depth\t'Its place in the thread'
matched\t'Whether the query asks for it itself'
event\t'What happened to it'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l timezone -d 'The zone in which days begin: a name such as Europe/Oslo, or +01:00 (default: the system\'s)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l count -d 'Print only how many there are'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l uids -d 'Print UIDs in place of references; for one folder of a server'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l thread -d 'Print whole threads, across folders, each message before its answers'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l watch -d 'Stay, and print what comes to match (with --json also what matches no longer)'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l index -d 'Keep an index of each Maildir in it, brought up to date before it is asked'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l attachments-text -d 'Count text inside PDF, DOCX and ODT attachments as text of the body; implies --exact'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l explain -d 'Log in, say what would be asked of a server and what would be found out here, and search nothing'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l fuzzy -d 'Let a server that can (SEARCH=FUZZY) match body: and text: by sense: word forms, spellings'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l exact -d 'Download what body: and text: need instead of leaving them to the server\'s own meaning'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l verify -d 'Compare a server\'s answer with every message of the folder, and say where it lies; implies --exact'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand search" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l apply -d 'Carry out the plan in FILE, which --dry-run --json has written: that plan, or nothing (exit code 75) where it would be another one now' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l fleet -d 'Sync the accounts that FILE lists: CSV with a line of names, or JSON Lines. far and near are the places, name is what the account is called; any other name is that of an option' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l shard -d 'Of the fleet, only this part: K, from 0, of N; without K that of JOB_COMPLETION_INDEX, or SLURM_ARRAY_TASK_ID less SLURM_ARRAY_TASK_MIN' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l jobs -d 'Of the fleet, have N accounts at work at a time (default: 16)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l results -d 'Add the result of each account of the fleet to FILE as well, and leave out the accounts that are done there' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l adopt -d 'With doctor: take over the tree that another program has kept at NEAR, with what that program remembers of it, so that nothing is fetched again' -r -f -a "mbsync\t'isync\'s mbsync'
offlineimap\t'OfflineIMAP'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l adopt-state -d 'With --adopt: where the other program keeps what it remembers (default: where it does by itself)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l from-mbsyncrc -d 'Print, as tables of the configuration, what mbsync\'s FILE says, and do nothing else' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l folder -d 'Only folders that match: `*` stands for anything, `%` for anything but `/`; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l exclude -d 'No folders that match; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l rename -d 'What PATTERN, a regular expression, finds in a far folder\'s name is written NAME near ($1 is what its first group found); repeatable, one behind the other' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l max-size -d 'Leave out new messages of more than SIZE octets (k, M, G)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l since -d 'Leave out new messages that arrived before DATE (2026-03-31, or 30d for so long ago)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l query -d 'Leave out new messages that the query does not find; see pillarbox-query(7)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l keep-last -d 'Keep only the last N messages of each folder near; those before leave near, and stay far' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l trash -d 'Move messages to FOLDER instead of deleting them' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l prefer -d 'Where a message was deleted on one side and changed on the other, do as this side did, and count it as no conflict' -r -f -a "far\t'The far one'
near\t'The near one'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l connections -d 'Use up to N connections to each server where several folders have to be worked on (1 to 4; default: 2)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l rate -d 'Carry no more than SIZE octets of messages a second (k, M, G)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l max-bytes -d 'Carry no more than SIZE octets of messages in this run (k, M, G); where some are left, nothing is deleted, and the exit code is 83' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l max-delete -d 'Stop, with exit code 82, before more than N messages (or N% of them) are deleted on a side (default: the greater of 10 and 5%)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l state -d 'Remember what was done in FILE (default: a file of each pair\'s own below $XDG_STATE_HOME/pillarbox/sync)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l all -d 'Every pair of the configuration, one behind the other'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l watch -d 'Go on, and carry changes over as they come, over connections that break'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l dedupe -d 'With doctor: say which messages would be deleted so that none is in a folder twice'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l force -d 'With --dedupe: delete them'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l two-way -d 'Carry changes both ways (the default)'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l pull -d 'Carry changes from FAR to NEAR only'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l push -d 'Carry changes from NEAR to FAR only'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l mirror -d 'Make NEAR equal to FAR, whatever was changed there'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l copy -d 'Add to NEAR what is new in FAR; change and delete nothing'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l folders-only -d 'Make folders, and carry over no messages'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l special-use -d 'Folders for the same use, such as sent mail, belong together whatever they are called'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -s n -l dry-run -d 'Print what would be done, and change nothing'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l far-allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l near-allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand sync" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l format -d 'How to print the report (--json is short for jsonl)' -r -f -a "text\t'For people, within 80 columns'
json\t'One JSON object'
jsonl\t'JSON Lines: an object for each endpoint, domain and finding, and a summary'
nagios\t'A status line with performance data for monitoring'
junit\t'JUnit XML: a test suite for each server and domain'
sarif\t'SARIF 2.1.0, as code scanning takes it'
prometheus\t'Metrics in the text format of Prometheus'
markdown\t'Tables in Markdown'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l fail-on -d 'Exit with 2 when there is a finding of this level; repeatable' -r -f -a "warn\t'Warnings'
fail\t'Failures'
unknown\t'What could not be told'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l repeat -d 'Speak with each server N times and show percentiles' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l budget -d 'Make no more than N connections in all; what is left over is unknown' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l selector -d 'Ask for this DKIM selector instead of the common ones; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l dnsbl -d 'Ask this DNS list (such as zen.spamhaus.org) for the addresses of the MX hosts; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l save -d 'Write the findings to FILE, to compare with later' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l baseline -d 'Print only what changed since FILE was saved, and exit by that' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l watch -d 'Examine again each SECONDS, and print a line with the time of each run, until interrupted' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l explain -d 'Explain a finding, such as TLS-004, and examine nothing' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l ciphers -d 'List every cipher suite and key exchange group that the server takes'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l active -d 'Also try what may be taken for an attack: relaying, VRFY and EXPN, commands behind STARTTLS, speaking before the greeting'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l intrusive -d 'Also try to smuggle ends of messages, which may leave test messages with the server\'s postmaster; implies --active'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -a "conform" -d 'Try a server against the RFCs: scripted cases, and a score per RFC'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -a "load" -d 'Measure how many messages or commands a second a server takes'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -a "roundtrip" -d 'Send a message, wait until it has come, and remove it: how long, by which way, how judged'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -a "headers" -d 'Judge a message by its header: its way, signatures, and what its receiver found'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and not __fish_seen_subcommand_from conform load roundtrip headers session" -a "session" -d 'Judge a dialogue that was pasted: what the server offers, and what went wrong'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l to -d 'SMTP: deliver messages to this address, in the cases that need one' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l format -d 'How to print the report (--json is short for jsonl)' -r -f -a "text\t'For people, within 80 columns'
json\t'One JSON object'
jsonl\t'JSON Lines: an object for each endpoint, domain and finding, and a summary'
nagios\t'A status line with performance data for monitoring'
junit\t'JUnit XML: a test suite for each server and domain'
sarif\t'SARIF 2.1.0, as code scanning takes it'
prometheus\t'Metrics in the text format of Prometheus'
markdown\t'Tables in Markdown'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l fail-on -d 'Exit with 2 when there is a finding of this level; repeatable' -r -f -a "warn\t'Warnings'
fail\t'Failures'
unknown\t'What could not be told'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from conform" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l to -d 'Deliver messages to this address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l size -d 'Octets of each message' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l count -d 'Messages or commands in all' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l time -d 'Begin nothing more after that long: 10s, 2m' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l connections -d 'Connections at once' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l format -d 'How to print the report (--json is short for jsonl)' -r -f -a "text\t'For people, within 80 columns'
json\t'One JSON object'
jsonl\t'JSON Lines: an object for each endpoint, domain and finding, and a summary'
nagios\t'A status line with performance data for monitoring'
junit\t'JUnit XML: a test suite for each server and domain'
sarif\t'SARIF 2.1.0, as code scanning takes it'
prometheus\t'Metrics in the text format of Prometheus'
markdown\t'Tables in Markdown'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l fail-on -d 'Exit with 2 when there is a finding of this level; repeatable' -r -f -a "warn\t'Warnings'
fail\t'Failures'
unknown\t'What could not be told'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l intrusive -d 'Say that the server may be loaded: nothing is done without'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from load" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send -d 'Where the message is handed in' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive -d 'Where it has to come' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l to -d 'Who gets it (default: the user of --receive, where that is an address)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l from -d 'Who sends it (default: the account\'s address, or that of --to)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l warn -d 'Warn when it takes longer: 10s, 2m' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l fail -d 'Take it for lost when it has not come after that long' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l format -d 'How to print the report (--json is short for jsonl)' -r -f -a "text\t'For people, within 80 columns'
json\t'One JSON object'
jsonl\t'JSON Lines: an object for each endpoint, domain and finding, and a summary'
nagios\t'A status line with performance data for monitoring'
junit\t'JUnit XML: a test suite for each server and domain'
sarif\t'SARIF 2.1.0, as code scanning takes it'
prometheus\t'Metrics in the text format of Prometheus'
markdown\t'Tables in Markdown'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l fail-on -d 'Exit with 2 when there is a finding of this level; repeatable' -r -f -a "warn\t'Warnings'
fail\t'Failures'
unknown\t'What could not be told'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l send-allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l receive-allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from roundtrip" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -l format -d 'How to print the report (--json is short for jsonl)' -r -f -a "text\t'For people, within 80 columns'
json\t'One JSON object'
jsonl\t'JSON Lines: an object for each endpoint, domain and finding, and a summary'
nagios\t'A status line with performance data for monitoring'
junit\t'JUnit XML: a test suite for each server and domain'
sarif\t'SARIF 2.1.0, as code scanning takes it'
prometheus\t'Metrics in the text format of Prometheus'
markdown\t'Tables in Markdown'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -l fail-on -d 'Exit with 2 when there is a finding of this level; repeatable' -r -f -a "warn\t'Warnings'
fail\t'Failures'
unknown\t'What could not be told'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from headers" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -l format -d 'How to print the report (--json is short for jsonl)' -r -f -a "text\t'For people, within 80 columns'
json\t'One JSON object'
jsonl\t'JSON Lines: an object for each endpoint, domain and finding, and a summary'
nagios\t'A status line with performance data for monitoring'
junit\t'JUnit XML: a test suite for each server and domain'
sarif\t'SARIF 2.1.0, as code scanning takes it'
prometheus\t'Metrics in the text format of Prometheus'
markdown\t'Tables in Markdown'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -l fail-on -d 'Exit with 2 when there is a finding of this level; repeatable' -r -f -a "warn\t'Warnings'
fail\t'Failures'
unknown\t'What could not be told'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand probe; and __fish_seen_subcommand_from session" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l user -d 'A user with a mailbox; repeatable (default: alice:secret and bob:secret)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l catch-all -d 'Mail for unknown recipients goes to this user instead of being refused' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l domain -d 'The domain of the users\' addresses (mail to any other domain is taken for it too)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l seed-mail -d 'Put the messages of this mbox, Maildir or file into the first user\'s INBOX; repeatable' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l seed-news -d 'Make newsgroups of the articles in this mbox, Maildir or file, as their Newsgroups fields say; repeatable (there is always `local.test`)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l store -d 'Where mail is kept: memory, or maildir:DIR, a Maildir++ for each user in DIR' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l max-memory -d 'Hold no more than SIZE of mail and news (as 500M, 2G): the oldest is dropped, and that is told; copies count once' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l port -d 'Listen on a port of choice, as imap=1143; repeatable (default: any free port)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l listen -d 'Listen on this address instead of 127.0.0.1; this is a test server, mind who can reach it' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l tls -d 'How good the certificate is' -r -f -a "valid\t'From the throwaway authority, for localhost, in its time'
expired\t'Its time is over'
not-yet\t'Its time has not come'
wrong-host\t'For another name'
self-signed\t'From nobody'
weak-key\t'An RSA key of 1024 bits'
revoked-staple\t'A stapled OCSP response says that it was revoked'
tls1.0\t'TLS 1.0 and nothing else is spoken'
tls1.1\t'TLS 1.1 and nothing else is spoken'
tls1.2-only\t'TLS 1.3 is not spoken'
tls1.3-only\t'TLS 1.2 is not spoken'
ssl3\t'SSL 3.0 is what a ServerHello agrees to, and nothing follows it'
no-starttls\t'STARTTLS and STLS are not offered'
starttls-garbage\t'STARTTLS and STLS are offered, and what follows is no TLS'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l hide -d 'Capabilities that are not listed (IMAP CAPABILITY, SMTP EHLO, POP3 CAPA, NNTP CAPABILITIES); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l like -d 'Be like another server: its capabilities, its folders, and what it gets wrong' -r -f -a "gmail\t'Labels as folders (every message is in [Gmail]/All Mail too), no QRESYNC'
exchange\t'Backoff texts, `* [COPYUID ...]`, an ESEARCH without its tag when nothing matches, sizes that are estimates, command lines of at most 10,000 octets'
icloud\t'`FETCH RFC822` is empty, ESEARCH ignores RETURN, LARGER matches all'
courier\t'`* 0 FETCH` before a tagged OK'
minimal\t'IMAP4rev1, SMTP and POP3 as they were first written down, without any extension'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l limit -d 'Allow no more than this; repeatable, or between commas' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l fault -d 'Disturb what matches, as \'rcpt to:/full/ => 452 4.2.2 full\'; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l seed -d 'What faults leave to chance comes out as in an earlier run with this number' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l expect -d 'Mail that has to have come in the end; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l emit -d 'Write each accepted message to standard output, as a line of JSON or as an mbox' -r -f -a "json\t'A line of JSON for each'
mbox\t'An mbox (mboxrd)'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l webhook -d 'POST each accepted message to this URL, as the JSON of `--emit`' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l exec -d 'Run this for each accepted message, by `sh -c`, with the message on standard input' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l record -d 'Write every dialogue with its content to FILE, secrets left out, for `serve-test replay`' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l proxy -d 'Pass connections on to a real server, as imaps://imap.example.org, for `--record`' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l ca-file -d 'The authority (PEM) of the server behind --proxy and of --webhook, instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l client-ca -d 'Ask clients for a certificate from the authorities in FILE (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l keytab -d 'Take Kerberos tickets for the services whose keys are in FILE, an MIT keytab (GSSAPI)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l ready-fd -d 'Write the line of JSON to this file descriptor instead of standard output' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l trace -d 'Write every dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l any-user -d 'Let anybody log in with any password, and give every recipient a mailbox'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -l allow-cleartext -d 'Let passwords cross connections without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -s v -l verbose -d 'Show every dialogue on standard error, secrets left out'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -a "wait" -d 'Wait for a message, and print it or a part of it'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -a "list" -d 'Print the messages that came'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -a "clear" -d 'Forget all messages, and empty all mailboxes'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -a "release" -d 'Pass a caught message on for real'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -a "replay" -d 'Serve a recording again'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and not __fish_seen_subcommand_from wait list clear release replay stop" -a "stop" -d 'End the server, as SIGTERM does; with a wrapped command, that is sent the signal'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from wait" -l to -d 'A recipient, or what the To field holds' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from wait" -l from -d 'The sender, or what the From field holds' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from wait" -l subject -d 'What the subject holds; a /regular expression/ here and above' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from wait" -l within -d 'How long to wait' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from wait" -l extract -d 'Print only this: link, otp (a code of digits), body, or header:NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from wait" -l control -d 'The control socket of the running server' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from wait" -l take -d 'No later wait is given the same message'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from wait" -l json -d 'Print the message as a line of JSON'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from wait" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from list" -l control -d 'The control socket of the running server' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from list" -l json -d 'Print each message as a line of JSON'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from clear" -l control -d 'The control socket of the running server' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from clear" -s h -l help -d 'Print help'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l via -d 'The server or account to give it to, as smtp://mx.example.org' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l control -d 'The control socket of the running server' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from release" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from replay" -l port -d 'Listen on a port of choice, as imap=1143; repeatable (default: any free port)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from replay" -l ready-fd -d 'Write the line of JSON to this file descriptor instead of standard output' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from stop" -l control -d 'The control socket of the running server' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand serve-test; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and not __fish_seen_subcommand_from list create delete rename subscribe unsubscribe status quota acl" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and not __fish_seen_subcommand_from list create delete rename subscribe unsubscribe status quota acl" -f -a "list" -d 'List folders, as a tree on a terminal'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and not __fish_seen_subcommand_from list create delete rename subscribe unsubscribe status quota acl" -f -a "create" -d 'Make folders with their parents; one that is there already is no error'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and not __fish_seen_subcommand_from list create delete rename subscribe unsubscribe status quota acl" -f -a "delete" -d 'Delete folders'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and not __fish_seen_subcommand_from list create delete rename subscribe unsubscribe status quota acl" -f -a "rename" -d 'Rename a folder within its account'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and not __fish_seen_subcommand_from list create delete rename subscribe unsubscribe status quota acl" -f -a "subscribe" -d 'Subscribe to folders'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and not __fish_seen_subcommand_from list create delete rename subscribe unsubscribe status quota acl" -f -a "unsubscribe" -d 'Unsubscribe from folders'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and not __fish_seen_subcommand_from list create delete rename subscribe unsubscribe status quota acl" -f -a "status" -d 'Say how folders stand: messages, unseen, UIDVALIDITY, UIDNEXT and so on'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and not __fish_seen_subcommand_from list create delete rename subscribe unsubscribe status quota acl" -f -a "quota" -d 'Say how much folders hold and may hold'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and not __fish_seen_subcommand_from list create delete rename subscribe unsubscribe status quota acl" -f -a "acl" -d 'Say who may do what with folders, and change that'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l force -d 'Delete the messages in them too'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from rename" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from subscribe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from unsubscribe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from quota" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l grant -d 'Give WHO these RIGHTS, a letter each (RFC 4314: l lookup, r read, s seen, w write, i insert, p post, k create, x delete, t and e delete messages, a administer); +RIGHTS and -RIGHTS add and take away; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l revoke -d 'Take all rights of WHO away; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand folder; and __fish_seen_subcommand_from acl" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and not __fish_seen_subcommand_from append copy move mark delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and not __fish_seen_subcommand_from append copy move mark delete" -f -a "append" -d 'Add messages to a folder: one from standard input, one from each FILE, all of local mail'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and not __fish_seen_subcommand_from append copy move mark delete" -f -a "copy" -d 'Copy messages to another folder of their account'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and not __fish_seen_subcommand_from append copy move mark delete" -f -a "move" -d 'Move messages to another folder of their account'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and not __fish_seen_subcommand_from append copy move mark delete" -f -a "mark" -d 'Set flags (+flagged) and clear them (-seen)'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and not __fish_seen_subcommand_from append copy move mark delete" -f -a "delete" -d 'Delete messages for good, and no others'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l flag -d 'Set this flag or keyword: seen, flagged, ..., besides those it has; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l date -d 'When it was received, as a Date field has it (default: as local mail says, else now)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l mbox -d 'Take standard input for an mbox'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from append" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l to -d 'The folder they go to' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from copy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l to -d 'The folder they go to' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from move" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from mark" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand message; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and not __fish_seen_subcommand_from add remove list test login logout token" -s h -l help -d 'Print help'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and not __fish_seen_subcommand_from add remove list test login logout token" -f -a "add" -d 'Find the servers of an address, and write its account into the configuration'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and not __fish_seen_subcommand_from add remove list test login logout token" -f -a "remove" -d 'Take an account out of the configuration, and delete its tokens'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and not __fish_seen_subcommand_from add remove list test login logout token" -f -a "list" -d 'List the accounts of the configuration'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and not __fish_seen_subcommand_from add remove list test login logout token" -f -a "test" -d 'Connect to the servers of accounts, log in, and leave again'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and not __fish_seen_subcommand_from add remove list test login logout token" -f -a "login" -d 'Come by the tokens of an account, or keep its password, for good'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and not __fish_seen_subcommand_from add remove list test login logout token" -f -a "logout" -d 'Forget the tokens and the password of an account'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and not __fish_seen_subcommand_from add remove list test login logout token" -f -a "token" -d 'Print an OAuth access token of an account that is valid now'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l as -d 'Call the account NAME (default: its address)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l user -d 'Log in as NAME' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l auth -d 'Use this SASL mechanism and no other (PLAIN, SCRAM-SHA-256, GSSAPI, ...; or APOP)' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l authorize-as -d 'Act for this user after logging in as --user' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l admin -d 'Log in as the administrator NAME, a user or an account, for the user of --user or the URL' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l token-command -d 'Run COMMAND by the shell; the first line it prints is an OAuth access token' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l password-command -d 'Run COMMAND by the shell; the first line it prints is the password' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l password-fd -d 'Read the password from this file descriptor' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l tls -d 'When TLS begins (default: by the URL\'s scheme, and always)' -r -f -a "implicit\t'Before the first word (imaps, smtps, pop3s)'
starttls\t'After STARTTLS or STLS, or not at all: a server without it is an error'
opportunistic\t'After STARTTLS where the server offers it, in the clear otherwise; not verified'
none\t'Never'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l tls-min -d 'Oldest TLS version to accept' -r -f -a "1.0\t'TLS 1.0, RFC 2246; by the OpenSSL library only'
1.1\t'TLS 1.1, RFC 4346; by the OpenSSL library only'
1.2\t'TLS 1.2, RFC 5246'
1.3\t'TLS 1.3, RFC 8446'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l tls-backend -d 'Library that speaks TLS' -r -f -a "rustls\t'rustls, with the operating system\'s trust store'
native\t'The platform\'s own TLS and trust store'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l ca-file -d 'Trust the certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l client-cert -d 'Show this certificate to the server (PEM or PKCS#12)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l client-key -d 'The key of --client-cert (PEM)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l pin -d 'Trust only a server with this public key (SHA-256 in hex or base64); repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l yes -d 'Write without asking'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l ispdb -d 'Ask Thunderbird\'s database of providers too, which tells it the domain'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l insecure -d 'Do not verify the server\'s certificate'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l allow-cleartext-password -d 'Let a password cross a connection without TLS'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from remove" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from remove" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from remove" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from remove" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from remove" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from remove" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from remove" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from remove" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from remove" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from remove" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from remove" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from list" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from list" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from list" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from list" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from list" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from list" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from list" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from list" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from list" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from list" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from list" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from test" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from test" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from test" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from test" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from test" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from test" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from test" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from test" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from test" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from test" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from test" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from test" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from login" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from login" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from login" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from login" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from login" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from login" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from login" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from login" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from login" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from login" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from login" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from login" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from login" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from login" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from login" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from logout" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from logout" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from logout" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from logout" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from logout" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from logout" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from logout" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from logout" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from logout" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from logout" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from logout" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from logout" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from logout" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from logout" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from logout" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from token" -l config -d 'Read this configuration file instead of the usual ones' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from token" -l trace -d 'Write the dialogue to FILE as JSON Lines with microsecond times' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from token" -l progress -d 'How to show progress' -r -f -a "auto\t'Bars when stderr is a terminal, else nothing'
plain\t'One line each ten seconds'
none\t'Nothing'"
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from token" -l timeout -d 'Give up when a server makes no progress for that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from token" -l deadline -d 'Give up on the whole run after that long: seconds, or 30s, 5m, 2h' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from token" -l connect-to -d 'Connect to ADDRESS:PORT instead of NAME:PORT, verifying NAME all the same; repeatable' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from token" -l resolver -d 'Ask this DNS server instead of the system\'s' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from token" -l trust-anchor -d 'Validate DNSSEC from the trust anchors in FILE (DNSKEY records)' -r -F
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from token" -l bind -d 'Speak from this local address' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from token" -l proxy -d 'Connect through this proxy: socks5://[USER:PASSWORD@]HOST[:PORT], http://..., or none' -r
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from token" -l json -d 'Print JSON Lines, one object a line'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from token" -s 0 -l null -d 'End each line of output with NUL instead of a line feed'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from token" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from token" -s v -l verbose -d 'Show the dialogue with the server, secrets left out; twice: also what goes on inside'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand account; and __fish_seen_subcommand_from token" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand completions" -s h -l help -d 'Print help'
complete -c pillarbox -n "__fish_pillarbox_using_subcommand man" -s h -l help -d 'Print help'
