#!/bin/sh
# Usage: same_answers.sh URL PROJECT API_TOKEN
# The steps of `test_same_answers.py` with curl: for each a line of its name, a tab and the text of the answer.
set -eu
url=$1/api credentials=$2:$3
rooms=fabric/resources/conference_rooms
tokens=fabric/subscribers/tokens

# step NAME METHOD PATH [BODY]: sends a request; `text` is the answer.
step() {
    answer=$(curl --silent --show-error --user "$credentials" -H 'Content-Type: application/json' \
        --request "$2" ${4:+--data "$4"} --write-out '\n%{http_code}' "$url/$3")
    status=${answer##*
}
    text=${answer%
*}
    case $status in
        2*) printf '%s\t%s\n' "$1" "$text" ;;
        *) printf '%s\t%s %s\n' "$1" "$status" "$text" ;;
    esac
}

# member NAME: the first member of that name in `text`.
member() {
    printf '%s' "$text" | grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4
}

step 'room' POST $rooms '{"name": "same_room", "display_name": "Gleich", "enable_room_previews": true}'
room=$(member id)
step "room's addresses" GET "fabric/resources/conference_room/$room/addresses"
address=$(member id)
step 'click-to-call' POST satmint/c2c-tokens "{\"address_id\": \"$address\", \"name\": \"same\"}"
click=$(member id) click_token=$(member token)
step 'subscriber' POST fabric/resources/subscribers \
    '{"email": "same@example.com", "display_name": "Gleich"}'
subscriber=$(member id)
step 'own addresses' GET "fabric/resources/subscribers/$subscriber/addresses"
own=$(member id)
step 'issue' POST $tokens '{"reference": "same@example.com"}'
step 'refresh' POST $tokens/refresh "{\"refresh_token\": \"$(member refresh_token)\"}"
token=$(member token) refresh_token=$(member refresh_token)
step 'guest' POST fabric/guests/tokens "{\"allowed_addresses\": [\"$address\"]}"
guest=$(member refresh_token)
step 'invite' POST fabric/subscriber/invites "{\"address_id\": \"$own\"}"
step 'embed' POST fabric/embeds/tokens "{\"token\": \"$click_token\"}"
step 'revoke' POST satmint/tokens/revoke "{\"token\": \"$token\"}"
step 'revoked' POST $tokens/refresh "{\"refresh_token\": \"$refresh_token\"}"
step 'rooms' GET 'fabric/resources?type=video_room&display_name=Gleich'
step 'page 0' GET 'fabric/addresses?display_name=Gleich&sort_by=name&page_size=1'
next=$(member next)
step 'page 1' GET "fabric/addresses?${next#*\?}"
step 'addresses' GET 'fabric/addresses?type=room&name=same_room'
step 'update' PUT "$rooms/$room" '{"description": "Süd"}'
step 'resource' GET "fabric/resources/$room"
step 'no such layout' PUT "$rooms/$room" '{"layout": "6up", "quality": "4k"}'
step 'room deleted' DELETE "$rooms/$room"
step 'guest of it' POST $tokens/refresh "{\"refresh_token\": \"$guest\"}"
step 'no room' GET "$rooms/$room"
step 'subscriber deleted' DELETE "fabric/resources/$subscriber"
step 'click-to-call deleted' DELETE "satmint/c2c-tokens/$click"
step 'nothing left' GET 'fabric/resources?display_name=Gleich'
