#!/bin/sh
# Runs an unpacked OpenSMTPD, whose users and folders are compiled in, in a mount namespace of its
# own, where it finds them: opensmtpd.sh TREE ROOT PORT. Mail lands in ROOT/mail. Call it by
# `unshare -m`, as root.
set -eu
tree=$1 root=$2 port=$3
cat >"$root/smtpd.conf" <<END
listen on 127.0.0.1 port $port
action "keep" mda "cat >$root/mail/%{rcpt.user}.\$\$.part && mv $root/mail/%{rcpt.user}.\$\$.part $root/mail/%{rcpt.user}.\$\$" virtual { "alice@example.test" = keeper, "bob@example.test" = keeper }
match from any for domain "example.test" action "keep"
END
cp /etc/passwd "$root/passwd"
cp /etc/group "$root/group"
cat >>"$root/passwd" <<END
opensmtpd:x:43211:43211::/var/lib/opensmtpd/empty:/bin/false
opensmtpq:x:43212:43212::/nonexistent:/bin/false
keeper:x:43210:43210::$root/home:/bin/sh
END
printf 'opensmtpd:x:43211:\nopensmtpq:x:43212:\nkeeper:x:43210:\n' >>"$root/group"
mkdir -p "$root/mail" "$root/home"
chown 43210 "$root/mail" "$root/home"
chmod 700 "$root/home"
mount --bind "$root/passwd" /etc/passwd
mount --bind "$root/group" /etc/group
for folder in /var/spool /run /var/lib /usr/libexec; do
  mount -t tmpfs -o mode=755 none "$folder"
done
mkdir -p -m 755 /var/lib/opensmtpd/empty /usr/libexec/opensmtpd
mkdir -m 711 /var/spool/smtpd
mount --bind "$tree/usr/libexec/opensmtpd" /usr/libexec/opensmtpd
exec "$tree/usr/sbin/smtpd" -d -f "$root/smtpd.conf"
