#!/bin/sh
# Usage: curl.sh URL CA_FILE PROJECT API_TOKEN [OPTION]
# Two runs of curl: the first issues a token; the second issues and refreshes on one connection.
set -eu
url=$1 ca_file=$2 credentials=$3:$4 option=${5:---silent}
issue=$url/api/fabric/subscribers/tokens
refresh=$issue/refresh
reference='{"reference": "curl@example.com"}'
json='Content-Type: application/json'
next=',"status":%{http_code}},{"step":"refresh","body":'
last=',"status":%{http_code}}]'

post() {
    curl --silent --show-error "$option" --cacert "$ca_file" --user "$credentials" -H "$json" "$@"
}

first=$(post --data "$reference" "$issue")
token=$(printf '%s' "$first" | sed 's/.*"refresh_token" *: *"\([^"]*\)".*/\1/')
body="{\"refresh_token\": \"$token\"}"

# --next drops the options of the request before it, so each request repeats them.
printf '[{"step":"issue","body":'
printf '%s' "$body" | post --write-out "$next" --data "$reference" "$issue" \
    --next "$option" --cacert "$ca_file" --user "$credentials" -H "$json" \
    --write-out "$next" --data "$body" "$refresh" \
    --next "$option" --cacert "$ca_file" --user "$credentials" -H "$json" \
    --write-out "${next%refresh*}stream\",\"body\":" --data "$body" "$refresh" \
    --next "$option" --cacert "$ca_file" --user "$credentials" -H "$json" \
    --write-out "$last" --request POST --upload-file - "$refresh"
