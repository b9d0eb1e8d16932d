#!/bin/sh
# SPDX-License-Identifier: MIT
# Run by the packages feed's CI on the architectures that it can run: $1 is the package, $2 its version.

[ "$1" = l2tpsec ] || exit 0
l2tpsec --version | grep -F "$2" || exit 1
l2tpsec check --uci
