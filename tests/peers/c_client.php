<?php
// PHP's imap functions, which are the c-client of the University of Washington: IMAP and POP3. Prints
// a line a case, as harness.py.
error_reporting(E_ALL);
$users = [];
foreach (explode(',', getenv('PILLARBOX_USERS') ?: 'alice:secret,bob:secret') as $pair) {
    [$name, $password] = explode(':', $pair, 2);
    $users[$name] = $password;
}
$failed = 0;

function check(string $what, callable $case): void
{
    global $failed;
    try {
        $is = $case();
    } catch (Throwable $error) {
        $is = false;
        echo $error, "\n";
    }
    $failed += $is ? 0 : 1;
    $why = array_merge(imap_errors() ?: [], imap_alerts() ?: []);
    echo $is ? "ok        $what\n" : "NOT OK    $what: " . implode('; ', $why) . "\n";
}

$root = '{localhost:' . getenv('IMAPS_PORT') . '/imap/ssl/novalidate-cert}';
$folder = 'php-' . bin2hex(random_bytes(4));
$plain = fn (string $subject, string $more = '') => "From: Ann <ann@x.test>\r\nTo: bob@x.test, \"C, D\" <c@x.test>\r\nSubject: $subject\r\n"
    . "Date: Tue, 3 Mar 2026 10:00:00 +0100\r\nMessage-ID: <$subject@x.test>\r\n$more\r\nbody of $subject\r\n";
$mixed = "From: a@x.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Tue, 3 Mar 2026 11:00:00 +0100\r\nMIME-Version: 1.0\r\n"
    . "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\ntext\r\n"
    . "--c\r\nContent-Type: text/html\r\n\r\n<p>\r\n--c--\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n"
    . "--b\r\nContent-Type: image/png; name=\"a b.png\"\r\nContent-Disposition: attachment; filename=\"a b.png\"\r\n"
    . "Content-ID: <1@x.test>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n--b--\r\n";

check('a wrong password is refused', fn () => !@imap_open($root . 'INBOX', 'alice', 'wrong', OP_HALFOPEN, 1) && imap_errors());
$imap = imap_open($root, 'alice', $users['alice'], OP_HALFOPEN) or die("NOT OK    no connection: " . imap_last_error() . "\n");
check('CREATE', fn () => imap_createmailbox($imap, $root . $folder) && imap_createmailbox($imap, $root . "$folder/Gr&APYA3w-e"));
check('LIST', fn () => imap_list($imap, $root, $folder . '*') == [$root . $folder, $root . "$folder/Gr&APYA3w-e"]);
check('LIST tells attributes', function () use ($imap, $root, $folder) {
    $all = imap_getmailboxes($imap, $root, $folder . '%');
    return count($all) == 1 && $all[0]->delimiter == '/' && !($all[0]->attributes & LATT_NOSELECT);
});
check('SUBSCRIBE and LSUB', fn () => imap_subscribe($imap, $root . $folder) && imap_lsub($imap, $root, $folder) == [$root . $folder]
    && imap_unsubscribe($imap, $root . $folder));
check('APPEND', fn () => imap_append($imap, $root . $folder, $mixed, '\\Seen \\Flagged', '03-Mar-2026 10:00:00 +0000')
    && imap_append($imap, $root . $folder, $plain('one')) && imap_append($imap, $root . $folder, $plain('two', "In-Reply-To: <one@x.test>\r\n"))
    && imap_append($imap, $root . $folder, $plain('three')));
check('STATUS', fn () => ($status = imap_status($imap, $root . $folder, SA_ALL)) && [$status->messages, $status->unseen] == [4, 3]
    && $status->uidnext == 5 && $status->uidvalidity > 0);
check('SELECT', fn () => imap_reopen($imap, $root . $folder) && imap_num_msg($imap) == 4);
check('FETCH of an overview', function () use ($imap) {
    $all = imap_fetch_overview($imap, '1:4');
    return array_map(fn ($one) => $one->uid, $all) == [1, 2, 3, 4] && $all[0]->subject == '=?utf-8?q?Gr=C3=BC=C3=9Fe?=' && $all[0]->seen && $all[0]->flagged
        && !$all[1]->seen && $all[2]->in_reply_to == '<one@x.test>' && str_starts_with($all[1]->to, 'bob@x.test');
});
check('FETCH of a structure', function () use ($imap) {
    $whole = imap_fetchstructure($imap, 1);
    [$alternative, $message, $image] = $whole->parts;
    return $whole->type == TYPEMULTIPART && count($alternative->parts) == 2 && $message->type == TYPEMESSAGE && $message->parts[0]->type == TYPETEXT
        && $image->type == TYPEIMAGE && $image->encoding == ENCBASE64 && $image->dparameters[0]->value == 'a b.png' && $image->id == '<1@x.test>';
});
check('FETCH of bodies', fn () => imap_fetchbody($imap, 1, '1.1', FT_PEEK) == 'text' && imap_fetchbody($imap, 1, '3') == 'iVBORw=='
    && imap_fetchbody($imap, 1, '2.0', FT_PEEK) == "Subject: inner\r\n\r\n" && imap_fetchheader($imap, 2) . imap_body($imap, 2, FT_PEEK) == $plain('one')
    && imap_fetchmime($imap, 1, '3') != '' && imap_savebody($imap, 'php://memory', 1, '', FT_PEEK));
check('FETCH of header info', fn () => imap_headerinfo($imap, 2)->from[0]->mailbox == 'ann' && imap_headerinfo($imap, 2)->to[0]->host == 'x.test');
check('SEARCH', fn () => imap_search($imap, 'SUBJECT "two"') == [3] && imap_search($imap, 'UNSEEN', SE_UID) == [2, 3, 4]
    && imap_search($imap, 'TEXT "body of" SINCE "1-Jan-2026" FROM "ann"') == [2, 3, 4] && imap_search($imap, 'BODY "nothing"') === false);
check('SEARCH in UTF-8', fn () => imap_search($imap, 'SUBJECT "Grüße"', SE_UID, 'UTF-8') == [1]);
check('SORT and THREAD', fn () => imap_sort($imap, SORTSUBJECT, true, SE_UID) == [3, 4, 2, 1] && count(imap_thread($imap, SE_UID)) > 0);
check('STORE', fn () => imap_setflag_full($imap, '2:3', '\\Seen $Work') && imap_search($imap, 'KEYWORD $Work') == [2, 3]
    && imap_clearflag_full($imap, '2', '\\Seen') && imap_search($imap, 'UNSEEN') == [2, 4]);
check('COPY and MOVE', fn () => imap_mail_copy($imap, '2', "$folder/Gr&APYA3w-e") && imap_mail_move($imap, '4', "$folder/Gr&APYA3w-e", CP_UID)
    && imap_status($imap, $root . "$folder/Gr&APYA3w-e", SA_MESSAGES)->messages == 2);
check('EXPUNGE', fn () => imap_delete($imap, '3') && imap_expunge($imap) && imap_num_msg($imap) == 2 && imap_uid($imap, 2) == 2 && imap_msgno($imap, 2) == 2);
check('CHECK and NOOP', fn () => imap_ping($imap) && imap_check($imap)->Nmsgs == 2 && imap_mailboxmsginfo($imap)->Size > 0);
check('QUOTA', fn () => @imap_get_quotaroot($imap, 'INBOX') !== null);
check('ACL', fn () => @imap_getacl($imap, $folder) !== null);
imap_errors();
check('RENAME and DELETE', fn () => imap_reopen($imap, $root . 'INBOX') && imap_renamemailbox($imap, $root . $folder, $root . $folder . '-2')
    && imap_deletemailbox($imap, $root . "$folder-2/Gr&APYA3w-e") && imap_deletemailbox($imap, $root . $folder . '-2') && !imap_list($imap, $root, $folder . '*'));
check('LOGOUT', fn () => imap_close($imap));

$bob = imap_open($root . 'INBOX', 'bob', $users['bob']);
foreach (['pop1', 'pop2'] as $subject) {
    imap_append($bob, $root . 'INBOX', $plain($subject));
}
imap_close($bob);
$pop = imap_open('{localhost:' . getenv('POP3S_PORT') . '/pop3/ssl/novalidate-cert}INBOX', 'bob', $users['bob']);
check('POP3', fn () => $pop && ($count = imap_num_msg($pop)) >= 2 && imap_headerinfo($pop, $count)->subject == 'pop2'
    && imap_fetchheader($pop, $count) . imap_body($pop, $count) == $plain('pop2') && imap_delete($pop, "$count") && imap_close($pop, CL_EXPUNGE));
imap_errors();
imap_alerts();
exit($failed ? 1 : 0);
