// Usage: net_http URL CA_FILE PROJECT API_TOKEN, with SSL_CERT_FILE set to CA_FILE.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
)

type answer struct {
	Step   string          `json:"step"`
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}

var answers []answer

// post sends one request with the default client and returns the refresh token of the answer.
func post(step, path string, body io.Reader) string {
	url := os.Args[1] + "/api/fabric/subscribers/tokens" + path
	request, err := http.NewRequest(http.MethodPost, url, body)
	if err != nil {
		log.Fatal(err)
	}
	request.SetBasicAuth(os.Args[3], os.Args[4])
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	answers = append(answers, answer{step, response.StatusCode, content})
	var pair struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.Unmarshal(content, &pair); err != nil {
		log.Fatalf("%s: %s", err, content)
	}
	return pair.RefreshToken
}

func body(member, value string) *bytes.Reader {
	content, err := json.Marshal(map[string]string{member: value})
	if err != nil {
		log.Fatal(err)
	}
	return bytes.NewReader(content)
}

func main() {
	token := post("issue", "", body("reference", "go@example.com"))
	for round := 0; round < 3; round++ {
		token = post("refresh", "/refresh", body("refresh_token", token))
	}
	// A reader of unknown length: net/http sends it chunked.
	post("stream", "/refresh", io.MultiReader(body("refresh_token", token)))
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		log.Fatal(err)
	}
}
