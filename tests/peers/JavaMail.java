// JavaMail against IMAP, POP3 and SMTP servers; it takes structures, envelopes and responses apart by the
// grammar. Run as `java -cp javax.mail.jar JavaMail.java`. Prints a line a case, as harness.py.
import com.sun.mail.imap.AppendUID;
import com.sun.mail.imap.IMAPFolder;
import com.sun.mail.imap.IMAPMessage;
import com.sun.mail.imap.IMAPStore;
import com.sun.mail.pop3.POP3Folder;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Date;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import javax.mail.Address;
import javax.mail.AuthenticationFailedException;
import javax.mail.FetchProfile;
import javax.mail.Flags;
import javax.mail.Folder;
import javax.mail.Message;
import javax.mail.Multipart;
import javax.mail.Part;
import javax.mail.Session;
import javax.mail.Store;
import javax.mail.Transport;
import javax.mail.UIDFolder;
import javax.mail.event.MessageCountAdapter;
import javax.mail.event.MessageCountEvent;
import javax.mail.internet.InternetAddress;
import javax.mail.internet.MimeMessage;
import javax.mail.search.AndTerm;
import javax.mail.search.BodyTerm;
import javax.mail.search.FlagTerm;
import javax.mail.search.HeaderTerm;
import javax.mail.search.NotTerm;
import javax.mail.search.OrTerm;
import javax.mail.search.ReceivedDateTerm;
import javax.mail.search.SentDateTerm;
import javax.mail.search.SizeTerm;
import javax.mail.search.SubjectTerm;

public class JavaMail {
    static int failed = 0;
    static final String FOLDER = "java-" + Long.toHexString(System.nanoTime());
    static final String MIXED = String.join("\r\n",
        "From: \"Ann \\\"A\\\" Other\" <ann@x.test>", "To: bob@x.test, =?utf-8?q?J=C3=B6rg?= <joerg@x.test>", "Cc: group: a@x.test, b@x.test;",
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Date: Tue, 3 Mar 2026 10:00:00 +0100", "Message-ID: <mixed@x.test>", "MIME-Version: 1.0",
        "Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: multipart/alternative; boundary=c", "", "--c",
        "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable", "", "Gr=C3=BC=C3=9Fe", "--c", "Content-Type: text/html", "",
        "<p>x</p>", "--c--", "--b", "Content-Type: message/rfc822", "", "Subject: inner", "From: i@x.test", "", "inner text", "--b",
        "Content-Type: application/octet-stream; name=\"a b.bin\"", "Content-Disposition: attachment; filename=\"a b.bin\"", "Content-Description: octets",
        "Content-Transfer-Encoding: base64", "", "AAECAwQF", "--b--", "");

    static void check(String what, Callable<Boolean> run) {
        try {
            if (run.call()) {
                System.out.println("ok        " + what);
                return;
            }
            System.out.println("NOT OK    " + what);
        } catch (Exception error) {
            System.out.println("NOT OK    " + what + ": " + error);
            error.printStackTrace(System.out);
        }
        failed++;
    }

    static String env(String name) {
        return System.getenv(name);
    }

    static String password(String user) {
        String users = env("PILLARBOX_USERS") == null ? "alice:secret,bob:secret" : env("PILLARBOX_USERS");
        return Arrays.stream(users.split(",")).filter(pair -> pair.startsWith(user + ":")).findFirst().orElse(":").split(":", 2)[1];
    }

    static Session session(String... pairs) {
        Properties properties = new Properties();
        for (String protocol : new String[] {"imap", "imaps", "pop3s", "smtp"}) {
            properties.put("mail." + protocol + ".ssl.trust", "*");
            properties.put("mail." + protocol + ".connectiontimeout", "20000");
            properties.put("mail." + protocol + ".timeout", "20000");
        }
        for (int at = 0; at < pairs.length; at += 2) {
            properties.put(pairs[at], pairs[at + 1]);
        }
        return Session.getInstance(properties);
    }

    static IMAPStore store() throws Exception {
        IMAPStore store = (IMAPStore) session().getStore("imaps");
        store.connect("localhost", Integer.parseInt(env("IMAPS_PORT")), "alice", password("alice"));
        return store;
    }

    static MimeMessage message(String text) throws Exception {
        return new MimeMessage(session(), new ByteArrayInputStream(text.getBytes(StandardCharsets.US_ASCII)));
    }

    static String plain(String subject) {
        return "From: Ann <ann@example.test>\r\nTo: bob@example.test\r\nSubject: " + subject + "\r\nDate: Tue, 3 Mar 2026 10:00:00 +0100\r\n\r\n.body of " + subject + "\r\n";
    }

    static String numbers(Message[] messages) {
        return Arrays.stream(messages).map(one -> String.valueOf(one.getMessageNumber())).collect(Collectors.joining(" "));
    }

    public static void main(String[] arguments) throws Exception {
        check("STARTTLS", () -> {
            Store store = session("mail.imap.starttls.enable", "true", "mail.imap.starttls.required", "true").getStore("imap");
            store.connect("localhost", Integer.parseInt(env("IMAP_PORT")), "alice", password("alice"));
            store.close();
            return true;
        });
        check("a wrong password is refused", () -> {
            try {
                session().getStore("imaps").connect("localhost", Integer.parseInt(env("IMAPS_PORT")), "alice", "wrong");
                return false;
            } catch (AuthenticationFailedException error) {
                return true;
            }
        });
        IMAPStore store = store();
        IMAPFolder folder = (IMAPFolder) store.getFolder(FOLDER);
        IMAPFolder below = (IMAPFolder) store.getFolder(FOLDER + "/Größe & mehr");
        check("CREATE", () -> folder.create(Folder.HOLDS_MESSAGES | Folder.HOLDS_FOLDERS) && below.create(Folder.HOLDS_MESSAGES) && folder.exists());
        check("LIST", () -> folder.list().length == 1 && folder.list()[0].getName().equals("Größe & mehr") && store.getDefaultFolder().list("INBOX").length == 1);
        check("NAMESPACE", () -> store.getPersonalNamespaces().length >= 1 && folder.getSeparator() == '/');
        check("SUBSCRIBE", () -> {
            folder.setSubscribed(true);
            boolean is = folder.isSubscribed() && store.getDefaultFolder().listSubscribed(FOLDER).length == 1;
            folder.setSubscribed(false);
            return is && !folder.isSubscribed();
        });
        check("APPEND", () -> {
            MimeMessage first = message(MIXED);
            first.setFlag(Flags.Flag.SEEN, true);
            AppendUID[] uids = folder.appendUIDMessages(new Message[] {first, message(plain("one")), message(plain("two")), message(plain("three"))});
            return uids.length == 4 && uids[3].uid == 4;
        });
        check("STATUS", () -> folder.getMessageCount() == 4 && folder.getUnreadMessageCount() == 3);
        folder.open(Folder.READ_WRITE);
        check("SELECT", () -> folder.getMessageCount() == 4 && folder.getUIDValidity() > 0 && folder.getUIDNext() == 5
            && folder.getPermanentFlags().contains(Flags.Flag.USER));
        check("FETCH of all at once", () -> {
            Message[] all = folder.getMessages();
            FetchProfile profile = new FetchProfile();
            profile.add(FetchProfile.Item.ENVELOPE);
            profile.add(FetchProfile.Item.CONTENT_INFO);
            profile.add(FetchProfile.Item.FLAGS);
            profile.add(FetchProfile.Item.SIZE);
            profile.add(UIDFolder.FetchProfileItem.UID);
            profile.add("Message-ID");
            folder.fetch(all, profile);
            Address[] copies = all[0].getRecipients(Message.RecipientType.CC);
            return all[0].getSubject().equals("Grüße") && ((InternetAddress) all[0].getFrom()[0]).getPersonal().equals("Ann \"A\" Other")
                && ((InternetAddress) all[0].getRecipients(Message.RecipientType.TO)[1]).getPersonal().equals("Jörg")
                && copies != null && all[0].getSize() == MIXED.length() && all[0].isSet(Flags.Flag.SEEN) && !all[1].isSet(Flags.Flag.SEEN)
                && folder.getUID(all[3]) == 4 && ((IMAPMessage) all[0]).getMessageID().equals("<mixed@x.test>")
                && all[0].getSentDate().getTime() == 1772528400000L && all[0].getReceivedDate() != null;
        });
        check("the parts of a message", () -> {
            Message first = folder.getMessage(1);
            Multipart whole = (Multipart) first.getContent();
            Multipart alternative = (Multipart) whole.getBodyPart(0).getContent();
            Message inner = (Message) whole.getBodyPart(1).getContent();
            Part file = whole.getBodyPart(2);
            byte[] octets = file.getInputStream().readAllBytes();
            return whole.getCount() == 3 && alternative.getCount() == 2 && alternative.getBodyPart(0).getContent().equals("Grüße")
                && inner.getSubject().equals("inner") && inner.getContent().equals("inner text") && file.getFileName().equals("a b.bin")
                && file.getDisposition().equals(Part.ATTACHMENT) && file.getDescription().equals("octets") && octets.length == 6 && octets[5] == 5;
        });
        check("the octets of a message", () -> {
            ByteArrayOutputStream got = new ByteArrayOutputStream();
            ((IMAPMessage) folder.getMessage(2)).setPeek(true);
            folder.getMessage(2).writeTo(got);
            return got.toString(StandardCharsets.US_ASCII).equals(plain("one")) && !folder.getMessage(2).isSet(Flags.Flag.SEEN);
        });
        check("SEARCH", () -> {
            Date day = new Date(1772528400000L);
            return numbers(folder.search(new SubjectTerm("two"))).equals("3") && numbers(folder.search(new SubjectTerm("Grüße"))).equals("1")
                && numbers(folder.search(new FlagTerm(new Flags(Flags.Flag.SEEN), false))).equals("2 3 4")
                && numbers(folder.search(new OrTerm(new BodyTerm("body of one"), new HeaderTerm("Message-ID", "mixed")))).equals("1 2")
                && numbers(folder.search(new AndTerm(new NotTerm(new SubjectTerm("one")), new SizeTerm(SizeTerm.LT, 400)))).equals("3 4")
                && folder.search(new SentDateTerm(SentDateTerm.EQ, day)).length == 4
                && folder.search(new ReceivedDateTerm(ReceivedDateTerm.GE, day)).length == 4;
        });
        check("SORT", () -> !store.hasCapability("SORT")
            || numbers(folder.getSortedMessages(new com.sun.mail.imap.SortTerm[] {com.sun.mail.imap.SortTerm.REVERSE, com.sun.mail.imap.SortTerm.SUBJECT})).equals("3 4 2 1"));
        check("STORE", () -> {
            Flags flags = new Flags(Flags.Flag.FLAGGED);
            flags.add("$Work");
            folder.setFlags(2, 3, flags, true);
            return numbers(folder.search(new FlagTerm(flags, true))).equals("2 3");
        });
        check("COPY, MOVE and EXPUNGE", () -> {
            AppendUID[] copied = folder.copyUIDMessages(new Message[] {folder.getMessage(2), folder.getMessage(3)}, below);
            if (store.hasCapability("MOVE")) {
                folder.moveMessages(new Message[] {folder.getMessage(4)}, below);
            } else {
                folder.setFlags(4, 4, new Flags(Flags.Flag.DELETED), true);
                folder.expunge();
            }
            folder.setFlags(2, 2, new Flags(Flags.Flag.DELETED), true);
            Message[] gone = folder.expunge();
            return copied.length == 2 && copied[0].uid == 1 && gone.length >= 1 && folder.getMessageCount() == 2 && folder.getUID(folder.getMessage(2)) == 3;
        });
        check("QUOTA and ACL", () -> (!store.hasCapability("QUOTA") || folder.getQuota() != null) && (!store.hasCapability("ACL") || folder.myRights() != null));
        check("IDLE hears of another session", () -> {
            CountDownLatch heard = new CountDownLatch(1);
            folder.addMessageCountListener(new MessageCountAdapter() {
                @Override
                public void messagesAdded(MessageCountEvent event) {
                    heard.countDown();
                }
            });
            Thread other = new Thread(() -> {
                try (IMAPStore second = store()) {
                    second.getFolder(FOLDER).appendMessages(new Message[] {message(plain("idle"))});
                } catch (Exception error) {
                    error.printStackTrace(System.out);
                }
            });
            other.start();
            while (heard.getCount() > 0) {
                folder.idle(true);
            }
            other.join();
            return heard.await(0, TimeUnit.SECONDS) && folder.getMessageCount() == 3;
        });
        check("RENAME and DELETE", () -> {
            folder.close(false);
            IMAPFolder renamed = (IMAPFolder) store.getFolder(FOLDER + "-2");
            return folder.renameTo(renamed) && renamed.list().length == 1 && renamed.delete(true) && !renamed.exists();
        });
        store.close();
        if (env("POP3S_PORT") != null) {
            check("POP3", () -> {
                try (IMAPStore bob = (IMAPStore) session().getStore("imaps")) {
                    bob.connect("localhost", Integer.parseInt(env("IMAPS_PORT")), "bob", password("bob"));
                    bob.getFolder("INBOX").appendMessages(new Message[] {message(plain("pop 1")), message(plain("pop 2"))});
                }
                Store pop = session().getStore("pop3s");
                pop.connect("localhost", Integer.parseInt(env("POP3S_PORT")), "bob", password("bob"));
                POP3Folder inbox = (POP3Folder) pop.getFolder("INBOX");
                inbox.open(Folder.READ_WRITE);
                int count = inbox.getMessageCount();
                Message last = inbox.getMessage(count);
                ByteArrayOutputStream got = new ByteArrayOutputStream();
                last.writeTo(got);
                boolean good = last.getSubject().equals("pop 2") && got.toString(StandardCharsets.US_ASCII).equals(plain("pop 2"))
                    && last.getSize() > 0 && !inbox.getUID(last).equals(inbox.getUID(inbox.getMessage(count - 1)));
                last.setFlag(Flags.Flag.DELETED, true);
                inbox.close(true);
                pop.close();
                return good;
            });
        }
        if (env("SUBMISSION_PORT") != null) {
            check("SMTP", () -> {
                Session session = session("mail.smtp.starttls.required", "true", "mail.smtp.auth", "true", "mail.smtp.dsn.notify", "FAILURE");
                try (Transport transport = session.getTransport("smtp")) {
                    transport.connect("localhost", Integer.parseInt(env("SUBMISSION_PORT")), "alice", password("alice"));
                    MimeMessage sent = message(plain("sent"));
                    transport.sendMessage(sent, InternetAddress.parse("bob@example.test"));
                    transport.sendMessage(sent, InternetAddress.parse("bob@example.test,alice@example.test"));
                }
                return true;
            });
        }
        System.exit(failed == 0 ? 0 : 1);
    }
}
