#!/bin/sh
# `make reproducible`: builds the sources twice, in two directories and as two people would (locale,
# time zone, umask, order of compiling), and compares every byte of what is installed.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
export CCACHE_DISABLE=1

build() { # build DIRECTORY BUILD JOBS: a copy of the sources there, installed into DIRECTORY/root
    rm -rf "$out/${1%%/*}"
    mkdir -p "$out/$1/docs"
    for part in Makefile lib include examples pkgconfig; do cp -r "$here/$part" "$out/$1"; done
    cp -r "$here/docs/man" "$out/$1/docs"
    (cd "$out/$1" && MAKEFLAGS='' make -s -j"$3" BUILD="$2" DESTDIR="$PWD/root" PREFIX=/usr install)
}

(umask 022; LC_ALL=C TZ=UTC build one build "${JOBS:-2}")
(umask 027; LC_ALL=C.UTF-8 TZ=Pacific/Kiritimati build two/with-a-longer-name "$out/two/elsewhere" 1)
diff -r --no-dereference "$out/one/root" "$out/two/with-a-longer-name/root"
echo "reproducible: $(find "$out/one/root" -type f | wc -l) files are the same bytes"
