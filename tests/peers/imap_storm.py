"""Several clients on one mailbox, each doing what comes into its mind, each keeping account of what it was told.

What no client may ever see: an EXPUNGE or VANISHED while FETCH, STORE or SEARCH by numbers is answered, or while no
command is in progress; EXISTS that falls; a number beyond EXISTS; another UID at a number than before; a UID again
that was expunged; a message that changes; \\Recent in two sessions; a mod-sequence that falls. At checkpoints all are
silent, and have to agree on every message, its flags and its size with one another and with a client that has just come.

Arguments: number of rounds, and a seed.
"""
import random
import re
import sys

import imap_conformance
import harness
from harness import case, equal, true
from imap_conformance import Imap

ROUNDS, SEED = 12, 1
CLIENTS = 5
STEPS = 40
FLAGS = ["\\Seen", "\\Flagged", "\\Answered", "\\Deleted", "\\Draft", "work", "$Forwarded"]
# Commands whose numbers would change under them (RFC 9051 section 7.5.1, RFC 5256).
KEEPS_NUMBERS = ("FETCH", "STORE", "SEARCH", "SORT", "THREAD")


class Told(Exception):
    pass


class Client:
    """A session, and the mailbox as it has been told."""

    def __init__(self, world, name, qresync):
        self.world, self.qresync = world, qresync
        self.imap = Imap()
        self.uids, self.flags, self.recent, self.modseq = [], {}, set(), {}
        self.command = None
        self.idles = False
        self.log = []
        if qresync:
            self.run("ENABLE QRESYNC")
        self.run("SELECT " + name)
        self.fill()

    def fill(self):
        """Learns the UIDs and flags of the messages that have come."""
        if None in self.uids:
            self.run("FETCH %d:%d (UID FLAGS)" % (self.uids.index(None) + 1, len(self.uids)))

    def run(self, text, *literals):
        self.command = text
        self.log.append("C: " + text)
        answer = self.imap.cmd(text, *literals)
        for line in answer.untagged:
            self.hear(line)
        self.log.append("S: %s %s" % (answer.status, answer.text[:100]))
        self.command = None
        return answer

    def hear(self, line):
        self.log.append("S: " + line[:200])
        word = line.split(" ", 2)
        words = self.command.upper().split(" ") if self.command else []
        if len(word) == 3 and word[1].isdigit():
            number, rest = int(word[1]), word[2]
            if rest == "EXISTS":
                self.true(number >= len(self.uids), "EXISTS falls")
                self.uids += [None] * (number - len(self.uids))
            elif rest == "EXPUNGE":
                self.may_expunge(words)
                self.true(not self.qresync, "EXPUNGE where VANISHED was enabled")
                self.true(1 <= number <= len(self.uids), "EXPUNGE of a number that is not there")
                self.gone(self.uids.pop(number - 1))
            elif rest.startswith("FETCH "):
                self.fetched(number, rest)
        elif line.startswith("* VANISHED") and "(EARLIER)" not in line:
            self.may_expunge(words)
            self.true(self.qresync, "VANISHED unasked")
            for part in line.split(" ")[2].split(","):
                first, _, last = part.partition(":")
                for uid in range(int(first), int(last or first) + 1):
                    self.true(uid in self.uids or None in self.uids, "VANISHED of what is not there")
                    if uid in self.uids:
                        self.uids.remove(uid)
                    else:
                        self.uids.remove(None)
                    self.gone(uid)

    def may_expunge(self, words):
        self.true(self.idles or words, "an expunge while no command is in progress")
        self.true(not words or words[0] not in KEEPS_NUMBERS, "an expunge while numbers are in use")

    def gone(self, uid):
        if uid is not None:
            self.flags.pop(uid, None)
            self.world.gone.add(uid)

    def fetched(self, number, rest):
        self.true(1 <= number <= len(self.uids), "FETCH of a number that is not there")
        uid = re.search(r"\bUID (\d+)", rest)
        if uid:
            uid = int(uid.group(1))
            known = self.uids[number - 1]
            self.true(known in (None, uid), "number %d was UID %s and is %d" % (number, known, uid))
            self.uids[number - 1] = uid
            have = [one for one in self.uids if one]
            self.true(have == sorted(set(have)), "UIDs do not ascend")
        uid = self.uids[number - 1]
        flags = re.search(r"FLAGS \(([^)]*)\)", rest)
        if flags and uid:
            flags = set(flags.group(1).split())
            if "\\Recent" in flags:
                owner = self.world.recent.setdefault(uid, self)
                self.true(owner is self, "\\Recent in two sessions")
            self.flags[uid] = flags - {"\\Recent"}
        size = re.search(r"RFC822\.SIZE (\d+)", rest)
        if size and uid:
            equal(self.world.sizes.setdefault(uid, size.group(1)), size.group(1), "a message changes its size")
        modseq = re.search(r"MODSEQ \((\d+)\)", rest)
        if modseq and uid:
            self.true(int(modseq.group(1)) >= self.modseq.get(uid, 0), "a mod-sequence falls")
            self.modseq[uid] = int(modseq.group(1))
        body = re.search(r"BODY\[HEADER\.FIELDS \(SUBJECT\)\] \{\d+\}\r\n(.*?)\r\n\r\n", rest, re.I)
        if body and uid:
            equal(self.world.subjects.setdefault(uid, body.group(1)), body.group(1), "a message changes")

    def true(self, condition, what):
        if not condition:
            raise Told("%s; the last lines:\n  %s" % (what, "\n  ".join(self.log[-25:])))

    def numbers(self, chance):
        first = chance.randint(1, len(self.uids))
        return "%d:%d" % (first, min(len(self.uids), first + chance.randint(0, 3)))

    def step(self, chance):
        self.fill()
        do = chance.choice(["noop", "append", "append", "store", "store", "uid store", "fetch", "uid fetch", "search", "uid search",
                            "expunge", "uid expunge", "copy", "move", "idle", "check", "sort", "unselect"])
        name = self.world.name
        if do in ("noop", "check", "expunge"):
            self.run(do.upper())
        elif do == "append":
            self.world.count += 1
            flags = " ".join(chance.sample(FLAGS, 2))
            answer = self.run("APPEND %s (%s) {}" % (name, flags), imap_conformance.mail("m%d" % self.world.count))
            self.true(answer.status == "OK", "APPEND: %r" % answer)
        elif do == "idle":
            self.imap.send("i IDLE\r\n")
            line = self.imap.line()
            self.idles = True
            while not line.startswith("+"):
                self.hear(line)
                line = self.imap.line()
            self.imap.send("DONE\r\n")
            for line in self.imap.end("i").untagged:
                self.hear(line)
            self.idles = False
        elif do == "unselect":
            self.run("UNSELECT")
            self.uids, self.flags = [], {}
            self.run("SELECT " + name)
            self.fill()
        elif self.uids:
            uid = do.startswith("uid ")
            chosen = self.numbers(chance)
            if uid:
                known = [one for one in self.uids if one]
                chosen = ",".join(map(str, sorted(chance.sample(known, min(len(known), 3)))))
            verb = ("UID " if uid else "") + do.split(" ")[-1].upper()
            if do.endswith("store"):
                how = chance.choice(["+FLAGS", "-FLAGS", "FLAGS", "+FLAGS.SILENT", "-FLAGS.SILENT"])
                flags = chance.sample(FLAGS, chance.randint(0, 2))
                answer = self.run("%s %s %s (%s)" % (verb, chosen, how, " ".join(flags)))
                if "SILENT" in how and answer.status == "OK":
                    # Nothing was told: what they are now is not known.
                    self.run("FETCH 1:%d (UID FLAGS)" % len(self.uids))
            elif do.endswith("fetch"):
                self.run("%s %s (UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)])" % (verb, chosen))
            elif do == "uid expunge":
                self.run("UID EXPUNGE " + chosen)
            elif do in ("copy", "move"):
                target = self.world.other if do == "move" else chance.choice([name, self.world.other])
                self.run("%s %s %s" % (verb, chosen, target))
            elif do == "sort":
                self.run("SORT (SUBJECT) UTF-8 FLAGGED")
            else:
                answer = self.run(verb + " NOT DELETED")
                found = [int(n) for line in answer.untagged if line.startswith("* SEARCH") for n in line.split()[2:]]
                if not uid:
                    self.true(all(1 <= n <= len(self.uids) for n in found), "SEARCH tells a number that is not there")


class World:
    def __init__(self):
        self.name, self.other = "storm%d" % SEED, "storm-other%d" % SEED
        self.count, self.gone, self.recent, self.sizes, self.subjects = 0, set(), {}, {}, {}


def checkpoint(clients, world):
    for client in clients:
        client.run("NOOP")
        client.fill()
        client.run("FETCH 1:* (UID FLAGS RFC822.SIZE)") if client.uids else None
    fresh = Imap()
    answer = fresh.cmd("EXAMINE " + world.name)
    exists = int(answer.all(r" EXISTS$")[0].split()[1])
    found = {}
    if exists:
        for line in fresh.cmd("FETCH 1:* (UID FLAGS)").untagged:
            uid = int(re.search(r"UID (\d+)", line).group(1))
            found[uid] = set(re.search(r"FLAGS \(([^)]*)\)", line).group(1).split()) - {"\\Recent"}
    fresh.close()
    true(not set(found) & world.gone, "what was expunged is there again")
    for number, client in enumerate(clients):
        equal(client.uids, sorted(found), "UIDs of client %d at a checkpoint" % number)
        equal(client.flags, found, "flags of client %d at a checkpoint" % number)


@case("imap")
def everybody_is_told_the_same():
    chance = random.Random(SEED)
    world = World()
    first = Imap()
    for name in (world.name, world.other):
        first.cmd("CREATE " + name)
    first.close()
    clients = [Client(world, world.name, qresync=number % 3 == 2 and "IMAP_IS_DOVECOT" not in imap_conformance.os.environ) for number in range(CLIENTS)]
    for turn in range(ROUNDS):
        try:
            for _ in range(STEPS):
                chance.choice(clients).step(chance)
            checkpoint(clients, world)
        except Exception as error:
            raise AssertionError("seed %d, round %d: %s" % (SEED, turn, error)) from error


if __name__ == "__main__":
    words = sys.argv[1:]
    ROUNDS = int(words[0]) if words else ROUNDS
    SEED = int(words[1]) if len(words) > 1 else SEED
    harness._cases[:] = [case for case in harness._cases if case[0] is everybody_is_told_the_same]
    sys.argv[1:] = []
    harness.main()
