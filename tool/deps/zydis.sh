#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# zydis.sh DIRECTORY: puts the source of Debian's package zydis, pinned below, into DIRECTORY/zydis-VERSION. Debian ships the
# library only as a shared object, and components are static, so x86/ compiles the decoder from this source; the headers of
# zycore come from the package libzycore-dev.
# Does nothing when the source is already there. Needs no root: apt runs with its own lists and cache in DIRECTORY and with
# the host's own package server, whose source entries it adds there only.
set -eu

package_version=4.0.0-1
version=${package_version%-*}
directory=${1:?usage: zydis.sh DIRECTORY}
target=$directory/zydis-$version

[ ! -e "$target/.complete" ] || exit 0

die() {
    echo "zydis.sh: $1" >&2
    exit 1
}
command -v dpkg-source >/dev/null || die "dpkg-source is missing; install the package dpkg-dev"

mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
work=$directory/apt
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
source_entries() {
    apt-get "$@" indextargets --format '$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)' 'Identifier: Packages' |
        awk -v keyring="$keyring" '$1 == "Debian" && $2 == "bookworm" && $3 == "main" {
            print "deb-src [signed-by=" keyring "] " $4 " " $2 " main" }' | sort -u
}
source_entries >"$work/sources.list"
if [ ! -s "$work/sources.list" ]; then
    # The host's own lists are empty, and apt tells nothing about a server without: fetch them into the private directory.
    mkdir -p "$work/host-lists/partial"
    set -- -o Dir::State::Lists="$work/host-lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root
    apt-get -qq "$@" update || die "the package server can't be reached; check the network"
    source_entries "$@" >"$work/sources.list"
fi
[ -s "$work/sources.list" ] || die "apt has no entry for Debian 12 (bookworm) main; add it and run apt-get update"

apt() {
    apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root "$@"
}
apt update || die "the package server's list of sources can't be read; check the network"
(cd "$work" && apt source --download-only "zydis=$package_version") || die "the source of zydis $package_version can't be fetched"
rm -rf "$target"
dpkg-source --no-check --extract "$work/zydis_$package_version.dsc" "$target" >/dev/null
touch "$target/.complete"
rm -rf "$work" "$directory/zydis_$version".orig.tar.*
