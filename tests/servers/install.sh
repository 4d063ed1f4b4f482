#!/bin/bash
# Installs the servers that tests run (Debian packages), where this user may. None of them is started, and a test
# whose server is missing skips by name.
set -eu
# Each server's packages by themselves: one that this release does not have takes no other with it.
missing=()
has() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null; }
has slapd || missing+=("slapd ldap-utils")
has ns-slapd && has certutil && has pk12util || missing+=("389-ds-base libnss3-tools")
has samba && has samba-tool && [ -d /usr/share/samba/setup ] ||
  missing+=("samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind")
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing+=("postgresql")
has curl && has jq && has perl || missing+=("curl jq perl")
[ -e /usr/lib/nginx/modules/ngx_http_js_module.so ] || missing+=("nginx-light libnginx-mod-http-js")
[ -e /usr/lib/apache2/modules/mod_auth_openidc.so ] || missing+=("apache2 libapache2-mod-auth-openidc")
has dovecot && [ -x /usr/lib/dovecot/imap ] || missing+=("dovecot-core dovecot-imapd")
has freeradius && has radclient && [ -e /usr/lib/freeradius/rlm_rest.so ] ||
  missing+=("freeradius freeradius-rest freeradius-utils")
has eapol_test || missing+=("eapoltest")
has go || missing+=("golang-go")
has mvn && has keytool || missing+=("maven openjdk-17-jdk-headless")
has php || missing+=("php-cli")
has ruby && ruby -e "require 'oauth2'" 2>/dev/null || missing+=("ruby ruby-oauth2")
perl -MLWP::Authen::OAuth2 -MLWP::Protocol::https -MJSON -e1 2>/dev/null ||
  missing+=("liblwp-authen-oauth2-perl liblwp-protocol-https-perl libjson-perl")
has cargo || missing+=("cargo")
has node && has npm || missing+=("nodejs npm")
has chromium || missing+=("chromium fonts-dejavu-core fonts-liberation")
[ "${#missing[@]}" -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "Not installed, so their tests skip: ${missing[*]} (sudo apt install ${missing[*]})" >&2
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
log=$(mktemp)
trap 'rm -f "$log"; [ -z "$made" ] || rm -f "$policy"' EXIT
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >"$log" 2>&1 || tail -n 5 "$log" >&2
for packages in "${missing[@]}"; do
  # shellcheck disable=SC2086 # several packages a word
  apt-get install -y -qq --no-install-recommends $packages >"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    echo "Could not install $packages: the tests that need it skip." >&2
  }
done
