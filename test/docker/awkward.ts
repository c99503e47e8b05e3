/** Files that copies usually get wrong. Runs in a container with GNU tools. */
export const makeAwkward = `
set -e
cd /v
mkdir -p deep/er empty
echo one > plain; ln plain hard; ln plain deep/hard2; ln -s plain soft; ln -s /nowhere/at/all dangling
truncate -s 64M sparse; printf end | dd of=sparse bs=1 seek=10000000 conv=notrunc status=none
cp /bin/true setuid; chmod 6755 setuid; chown 1234:4321 setuid deep
printf 'x' > "$(printf 'new\\nline')"; printf 'x' > "$(printf 'tab\\tand \\\\ back')"; printf 'x' > "$(printf 'bad\\377utf8')"
name=$(head -c 255 /dev/zero | tr '\\0' n); echo long > "$name"
mkfifo fifo; mknod device c 1 3
setfattr -n user.comment -v 'hello there' plain; setfattr -n user.dir -v 1 empty
setfacl -m u:1234:rw,g:77:r plain; setfacl -d -m u:99:rwx empty
chmod 000 deep/er; chmod 1777 empty; touch -d '2001-02-03 04:05:06.123456789' plain deep empty
touch -h -d '1999-12-31 23:59:59.5' soft; : > zero; chown 0:54321 zero
mkdir heirless; echo x > heirless/file; setfacl -d -m u:99:rwx heirless
mkdir future; cd future; seq 2000 | xargs touch -d '2040-01-01'; touch -d '2040-01-01' "$(printf 'new\\nline')"
`;

/** Large files, most of which no tar carries: those with holes, attributes or several names go another way. */
export const makeLarge = `
set -e
cd /v
large() { mkdir -p "$(dirname -- "$1")"; head -c 6000001 /dev/urandom >"$1"; }
large plain; large deep/er/below; large setuid; large mode0; large two; large attribute; large acl; large heir/file; large linked/file
large "$(printf 'bad\\377utf8')"; large "$(printf 'new\\nline')"; large 'star*[x]?'; large ./-v; large old; large older
ln two deep/again; ln -s plain soft; ln -s linked way
truncate -s 64M sparse; printf end | dd of=sparse bs=1 seek=10000000 conv=notrunc status=none
head -c 5000000 /dev/zero >zeros; head -c 8M /dev/urandom >nearly; dd if=/dev/zero of=nearly bs=4k seek=3000 count=1 status=none conv=notrunc
setfattr -n user.comment -v 'hello there' attribute; setfacl -m u:1234:rw,g:77:r acl; setfacl -d -m u:99:rwx heir
chown 1234:4000000000 setuid; chmod 6755 setuid; chmod 0 mode0; chmod 2750 deep; chmod 0 deep/er; chown -h 5:6 soft linked
touch -d '2001-02-03 04:05:06.123456789' plain deep/er/below; touch -d '1969-12-31 23:59:58.5' old; touch -d '2040-01-01' older
touch -d '2001-02-03 04:05:06.5' deep/er deep heir linked .
`;
