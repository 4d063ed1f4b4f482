#!/bin/bash
# Installs the load generator that benches use (a Debian package), where this user may.
set -eu
command -v wrk >/dev/null && exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "The benches need wrk: sudo apt install wrk" >&2
  exit 1
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends wrk >/dev/null
