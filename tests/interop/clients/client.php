<?php
// Usage: php client.php URL CA_FILE PROJECT API_TOKEN curl|stream, with curl.cainfo and
// openssl.cafile set to CA_FILE. "stream" is the stream wrapper: file_get_contents.
[, $url, , $project, $api_token, $kind] = $argv;
$answers = [];
$handle = $kind === 'curl' ? curl_init() : null;

function by_curl(CurlHandle $handle, string $url, string $credentials, string $content, bool $streamed): array
{
    if ($streamed) {
        $left = $content;
        $read = function ($_, $__, int $limit) use (&$left): string {
            $piece = substr($left, 0, min($limit, 100));
            $left = substr($left, strlen($piece));
            return $piece;
        };
        // An upload of unknown size is sent chunked, after "Expect: 100-continue".
        $options = [CURLOPT_UPLOAD => true, CURLOPT_CUSTOMREQUEST => 'POST', CURLOPT_READFUNCTION => $read];
    } else {
        $options = [CURLOPT_POSTFIELDS => $content];
    }
    curl_setopt_array($handle, $options + [
        CURLOPT_URL => $url,
        CURLOPT_USERPWD => $credentials,
        CURLOPT_HTTPHEADER => ['Content-Type: application/json'],
        CURLOPT_RETURNTRANSFER => true,
    ]);
    $body = curl_exec($handle);
    if ($body === false) {
        throw new RuntimeException(curl_error($handle));
    }
    return [curl_getinfo($handle, CURLINFO_RESPONSE_CODE), $body];
}

function by_stream(string $url, string $credentials, string $content): array
{
    $headers = ['Content-Type: application/json', 'Authorization: Basic ' . base64_encode($credentials)];
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => $headers,
        'content' => $content,
        'ignore_errors' => true,
    ]]);
    $body = file_get_contents($url, false, $context);
    if ($body === false) {
        throw new RuntimeException('no answer');
    }
    return [(int) explode(' ', $http_response_header[0])[1], $body];
}

$post = function (string $step, string $path, array $body, bool $streamed = false) use (
    $url, $project, $api_token, $handle, &$answers
): ?string {
    $where = "$url/api/fabric/subscribers/tokens$path";
    $content = json_encode($body);
    [$status, $text] = $handle
        ? by_curl($handle, $where, "$project:$api_token", $content, $streamed)
        : by_stream($where, "$project:$api_token", $content);
    $answer = json_decode($text, true, 512, JSON_THROW_ON_ERROR);
    $answers[] = ['step' => $step, 'status' => $status, 'body' => $answer];
    return $answer['refresh_token'] ?? null;
};

$token = $post('issue', '', ['reference' => 'php@example.com']);
for ($round = 0; $round < 3; $round++) {
    $token = $post('refresh', '/refresh', ['refresh_token' => $token]);
}
if ($handle) {
    $post('stream', '/refresh', ['refresh_token' => $token], true);
}
echo json_encode($answers), "\n";
