#!/usr/bin/perl
# Mail::IMAPClient against an IMAP server. Prints a line a case, as harness.py.
use strict;
use warnings;
use Mail::IMAPClient;
use Mail::IMAPClient::BodyStructure;

my %users = map { split /:/, $_, 2 } split /,/, $ENV{PILLARBOX_USERS} // 'alice:secret';
my $folder = 'perl-' . int(rand(1e9));
my $failed = 0;

sub check {
    my ($what, $is, $imap) = @_;
    print $is ? "ok        $what\n" : "NOT OK    $what: " . (($imap && $imap->LastError) // $@ // '') . "\n";
    $failed++ unless $is;
}

my %trust = (SSL_ca_file => $ENV{SSL_CERT_FILE}, SSL_verify_mode => 1, SSL_hostname => 'localhost', SSL_verifycn_name => 'localhost');

sub connected {
    my %more = @_;
    return Mail::IMAPClient->new(
        Server => $ENV{IMAPS_HOST} // 'localhost', Port => $ENV{IMAPS_PORT}, Ssl => [%trust],
        User => 'alice', Password => $users{alice}, Uid => 1, Timeout => 20, %more);
}

sub message {
    my ($subject, $body) = @_;
    return "From: Ann <ann\@x.test>\r\nTo: bob\@x.test\r\nSubject: $subject\r\nDate: Tue, 3 Mar 2026 10:00:00 +0100\r\n"
        . "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
        . "$body\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>$body</p>\r\n--b--\r\n";
}

my $plain = Mail::IMAPClient->new(
    Server => $ENV{IMAP_HOST} // 'localhost', Port => $ENV{IMAP_PORT}, Starttls => [%trust],
    User => 'alice', Password => $users{alice}, Timeout => 20);
check('STARTTLS and login', $plain && $plain->IsAuthenticated);
$plain->logout if $plain;
my $wrong = connected(Password => 'wrong');
check('a wrong password is refused', !$wrong || !$wrong->IsAuthenticated);
my $cram = connected(Authmechanism => 'CRAM-MD5');
check('CRAM-MD5', $cram && $cram->IsAuthenticated);
$cram->logout if $cram;

my $imap = connected() or die "no connection: $@";
check('CREATE', $imap->create($folder), $imap);
check('LIST', scalar(grep { $_ eq $folder } $imap->folders), $imap);
my @uids = map { $imap->append_string($folder, message("number $_", "body $_"), $_ == 1 ? '\\Seen' : undef) } 1 .. 3;
check('APPEND', 3 == grep({ defined } @uids), $imap);
check('SELECT', $imap->select($folder), $imap);
check('STATUS', $imap->message_count == 3 && $imap->unseen_count == 2, $imap);
my @all = $imap->messages;
check('SEARCH ALL', @all == 3, $imap);
check('SEARCH by subject', join(',', $imap->search('SUBJECT', 'number 2')) eq $all[1], $imap);
check('SEARCH UNSEEN', join(',', $imap->unseen) eq "$all[1],$all[2]", $imap);
my $whole = $imap->message_string($all[1]);
check('FETCH of a message', ($whole // '') =~ /number 2.*body 2/s, $imap);
check('FETCH of a header', ($imap->get_header($all[0], 'Subject') // '') eq 'number 1', $imap);
check('FETCH of a part', ($imap->bodypart_string($all[2], 1) // '') eq 'body 3', $imap);
my $structure = $imap->get_bodystructure($all[0]);
check('BODYSTRUCTURE', $structure && $structure->bodytype eq 'MULTIPART' && ($structure->parts)[0] eq '1', $imap);
my $envelope = $imap->get_envelope($all[0]);
check('ENVELOPE', $envelope && $envelope->subject eq 'number 1' && ($envelope->from_addresses)[0] =~ /ann\@x\.test/, $imap);
check('STORE', $imap->set_flag('Flagged', $all[1]) && join(',', $imap->search('FLAGGED')) eq $all[1], $imap);
check('STORE that clears', $imap->unset_flag('Flagged', $all[1]) && !@{[$imap->search('FLAGGED')]}, $imap);
check('flags', join(' ', sort $imap->flags($all[0])) =~ /\\Seen/, $imap);
check('COPY', $imap->create("$folder-2") && $imap->copy("$folder-2", $all[0]), $imap);
check('MOVE', $imap->move("$folder-2", $all[1]) && $imap->expunge, $imap);
check('EXPUNGE', $imap->delete_message($all[2]) && $imap->expunge && join(',', $imap->messages) eq $all[0], $imap);
check('THREAD', !$imap->has_capability('THREAD=REFERENCES') || $imap->thread('REFERENCES', 'UTF-8', 'ALL'), $imap);
check('SORT', !$imap->has_capability('SORT') || join(',', $imap->sort('REVERSE ARRIVAL', 'UTF-8', 'ALL')) eq $all[0], $imap);
my $tag = $imap->idle;
my $other = connected();
$other->append_string($folder, message('idle', 'x'));
my $heard = 0;
for (1 .. 20) {
    my $lines = $imap->idle_data(1) or last;
    $heard = 1, last if grep { /EXISTS/ } @$lines;
}
check('IDLE hears of another session', $tag && $heard, $imap);
check('DONE', $imap->done($tag), $imap);
$other->logout;
check('RENAME', $imap->rename("$folder-2", "$folder-3") && $imap->status("$folder-3", 'MESSAGES'), $imap);
check('SUBSCRIBE', $imap->subscribe("$folder-3") && scalar(grep { $_ eq "$folder-3" } $imap->subscribed), $imap);
check('NAMESPACE', scalar($imap->namespace), $imap);
check('DELETE', $imap->unsubscribe("$folder-3") && $imap->delete("$folder-3") && $imap->close && $imap->delete($folder), $imap);
check('LOGOUT', $imap->logout, $imap);
exit($failed ? 1 : 0);
