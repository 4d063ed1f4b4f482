#!/bin/bash
# Installs the servers that tests run (Debian packages), where this user may. None of them is started, and a test
# whose server is missing skips by name.
set -eu
missing=""
[ -x /usr/sbin/slapd ] || missing="$missing slapd ldap-utils"
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
command -v curl >/dev/null || missing="$missing curl"
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "Not installed, so their tests skip:$missing (sudo apt install$missing)" >&2
  exit 0
fi
# A package's own start is refused while it installs: tests start what they need, on ports of their own.
policy=/usr/sbin/policy-rc.d
made=""
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  made=1
fi
trap '[ -z "$made" ] || rm -f "$policy"' EXIT
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1 || {
  tail -n 5 "$log" >&2
  echo "Could not install$missing: their tests skip." >&2
}
rm -f "$log"
