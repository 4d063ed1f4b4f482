#!/bin/bash
# Prints my grades. It needs curl and jq.
set -euo pipefail
. "$(dirname "$0")/sign-in.sh"

get_token() {
  by_device grades
}

token=$(get_token)
printf 'Authorization: Bearer %s' "$token" | curl --silent --show-error --fail --max-time 10 --header @- "$API"
