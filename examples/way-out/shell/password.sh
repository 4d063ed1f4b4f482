#!/bin/bash
# Prints my grades. It needs curl and jq.
set -euo pipefail

get_token() {
  printf %s "$PASSWORD" |
    curl --silent --show-error --max-time 10 --user "$CLIENT_ID:$CLIENT_SECRET" "$SERVER/oauth/token" \
      --data grant_type=password --data scope=grades --data-urlencode "username=$NET_ID" --data-urlencode password@- |
    jq --raw-output '.access_token // error(.error_description)'
}

token=$(get_token)
printf 'Authorization: Bearer %s' "$token" | curl --silent --show-error --fail --max-time 10 --header @- "$API"
