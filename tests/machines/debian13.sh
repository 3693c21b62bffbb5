#!/bin/sh
# Runs a command in a clean clone of this repository inside Debian 13:
#   debian13.sh DIR COMMAND..
# DIR holds a Debian 13 made by debootstrap, and is made where it is not there. The mirror is the
# one that this machine's own apt takes its release from. What is not committed is not cloned.
set -eu
dir=$1
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
clone=/srv/libunicode

die() {
    echo "debian13: $1" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || die "chroot and debootstrap need root"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

# The first address of this machine's release among its apt sources, of either format: stanzas
# "URIs: .. / Suites: ..", or lines "deb [options] URI SUITE ..".
mirror() {
    . /etc/os-release
    [ "${ID:-}" = debian ] || die "this machine is no Debian: make $dir by debootstrap yourself"
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -e "$file" ] || continue
        awk -v suite="$VERSION_CODENAME" 'BEGIN { RS = ""; FS = "\n" }
            { uri = suites = ""
              for (i = 1; i <= NF; i++) {
                  n = split($i, word, /[ \t]+/)
                  if (word[1] == "URIs:") uri = word[2]
                  if (word[1] == "Suites:") suites = $i " "
              }
              if (uri ~ /^(http|https|file):/ && index(suites, " " suite " ")) print uri }' "$file"
    done
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2> /dev/null |
        sed -nE "s/^deb +(\[[^]]*\] +)?((http|https|file):[^ ]+) +$VERSION_CODENAME .*/\2/p"
}

if [ ! -e "$dir/etc/debian_version" ]; then
    command -v debootstrap > /dev/null || die "needs debootstrap (apt-get install debootstrap)"
    from=$(mirror | head -n 1)
    [ -n "$from" ] || die "found no mirror among this machine's apt sources"
    debootstrap --variant=minbase trixie "$dir" "$from"
fi
grep -q '^VERSION_CODENAME=trixie' "$dir/etc/os-release" || die "$dir is not Debian 13"

inside() {
    chroot "$dir" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# What is mounted is unmounted, however this ends.
mounted=
unmount() {
    for place in $mounted; do
        umount "$dir$place" || umount -l "$dir$place"
    done
    mounted=
}
trap unmount EXIT
trap 'exit 130' INT TERM HUP
for place in /proc /dev /dev/pts; do
    mount --bind "$place" "$dir$place"
    mounted="$place $mounted"
done

cp /etc/resolv.conf "$dir/etc/resolv.conf"
inside sh -c 'command -v make' > /dev/null ||
    inside sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends make'
rm -rf "$dir$clone"
git clone --quiet --no-hardlinks "$root" "$dir$clone"
echo "debian13: commit $(git -C "$root" rev-parse --short HEAD) in $dir (Debian $(cat "$dir/etc/debian_version"))"
inside sh -c 'cd "$0" && exec "$@"' "$clone" "$@"
