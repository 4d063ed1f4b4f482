# Signs the user of a script in: with a code on a second screen, or in the browser of this computer.
#
# Copy this file beside your script, unchanged, and source it. It needs bash, curl and jq; by_browser also needs
# openssl and perl. Both functions print an access token with a scope. The user signs in once: the refresh token stays
# in a file that only this user can read, and the next run uses it. Secrets go to curl by its standard input, because
# `ps` shows the arguments of every program.

TOKEN_FILE=${TOKEN_FILE:-$HOME/.$(basename "$0" .sh)-token}

by_device() { # SCOPE: shows a code, and waits until the user has entered it on any screen (RFC 8628)
  resume && return
  local device answer interval deadline
  device=$(post device --data "scope=$1") || exit
  jq --raw-output '.verification_uri // error(.error_description) | "Open \(.)"' <<<"$device" >&2 || exit
  jq --raw-output '"and enter \(.user_code)"' <<<"$device" >&2
  interval=$(jq '.interval // 5' <<<"$device") deadline=$((SECONDS + $(jq .expires_in <<<"$device")))
  while ((SECONDS < deadline)); do
    sleep "$interval"
    answer=$(jq --raw-output '"device_code=\(.device_code)"' <<<"$device" |
      post token --data grant_type=urn:ietf:params:oauth:grant-type:device_code --data @-) || continue
    case $(jq --raw-output .error <<<"$answer") in
      authorization_pending | temporarily_unavailable) ;;
      slow_down) ((interval += 5)) ;;
      *) keep "$answer" && return || exit ;;
    esac
  done
  echo "The code has expired: begin again." >&2
  exit 1
}

by_browser() { # SCOPE: sends the user to the server, and waits for the browser on loopback (RFC 7636, RFC 8252)
  resume && return
  local verifier challenge state port redirect_uri came iss code error answer
  verifier=$(openssl rand -hex 32) state=$(openssl rand -hex 16)
  challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | openssl base64 -A | tr '+/' '-_' | tr -d =)
  exec 3< <(perl -MIO::Socket::INET -e "$LISTENER")
  read -r port <&3 || exit
  redirect_uri=http://127.0.0.1:$port/callback
  echo "Open $SERVER/oauth/authorize?response_type=code&client_id=$(uri "$CLIENT_ID")&redirect_uri=$(uri "$redirect_uri")&scope=$(uri "$1")&state=$state&code_challenge=$challenge&code_challenge_method=S256" >&2
  { read -r came && read -r iss && read -r code && read -r error; } <&3 || exit
  if [ "$came" != "$state" ] || [ "$iss" != "$SERVER" ]; then # RFC 9207
    echo "The answer belongs to another sign-in." >&2
    exit 1
  elif [ -z "$code" ]; then
    echo "Not signed in: $error" >&2
    exit 1
  fi
  answer=$(printf 'code=%s&code_verifier=%s' "$(uri "$code")" "$verifier" |
    post token --data grant_type=authorization_code --data-urlencode "redirect_uri=$redirect_uri" --data @-) || exit
  keep "$answer" || exit
}

# Prints a free port of this computer, waits there for the browser, and prints what it brings: a line for each member.
LISTENER='
  my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 5) or die "$!\n";
  $| = 1;
  print $listener->sockport, "\n";
  while (my $browser = $listener->accept) {
    setsockopt $browser, SOL_SOCKET, SO_RCVTIMEO, pack("l!l!", 2, 0); # browsers open connections in advance
    my ($query) = (<$browser> // "") =~ m{^GET /callback\?(\S+) };
    while ((<$browser> // "") =~ /\S/) { }
    print $browser "HTTP/1.0 ", ($query ? "200 OK" : "404 Not Found"), "\r\nContent-Type: text/plain\r\n\r\n";
    print $browser "You may close this page.\n";
    close $browser;
    next unless $query;
    my %came = map { /^([^=]*)=(.*)$/ } split /&/, $query;
    s/%([0-9a-f]{2})/chr hex $1/egi, s/[^!-~]//g for values %came;
    print map { ($came{$_} // "") . "\n" } qw(state iss code error);
    exit;
  }'

resume() { # uses the refresh token of the last run, if it still works
  local answer
  [ -s "$TOKEN_FILE" ] || return
  answer=$(printf 'refresh_token=%s' "$(<"$TOKEN_FILE")" |
    post token --data grant_type=refresh_token --data @-) || exit
  [ "$(jq --raw-output .error <<<"$answer")" != invalid_grant ] || return # it was revoked, or is too old
  keep "$answer" || exit
}

keep() { # ANSWER: keeps the refresh token of an answer, and prints the access token
  jq --raw-output '.access_token // error(.error_description)' <<<"$1" || return
  rm -f "$TOKEN_FILE.$$"
  (umask 077 && jq --raw-output '.refresh_token // empty' <<<"$1" >"$TOKEN_FILE.$$")
  mv "$TOKEN_FILE.$$" "$TOKEN_FILE"
}

post() { # ENDPOINT DATA…: sends a form, and prints the answer
  local client=(--user "$CLIENT_ID:${CLIENT_SECRET:-}")
  [ -n "${CLIENT_SECRET:-}" ] || client=(--data-urlencode "client_id=$CLIENT_ID") # a public client has no secret
  curl --silent --show-error --max-time 10 "${client[@]}" "${@:2}" "$SERVER/oauth/$1"
}

uri() { # TEXT: encodes a text for a URL
  jq --raw-output --null-input --arg text "$1" '$text | @uri'
}
