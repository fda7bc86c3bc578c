<?php
// Try it with: php -S 127.0.0.1:3000 receiver.php

function verify(string $body, array $server, string $key): bool
{
    $id = $server['HTTP_WEBHOOK_ID'] ?? '';
    $timestamp = $server['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    if ($id === '' || !ctype_digit($timestamp) || abs(time() - (int) $timestamp) > 300) { // five minutes
        return false;
    }
    $want = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    foreach (explode(' ', $server['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $given) {
        if (hash_equals($want, $given)) {
            return true;
        }
    }
    return false;
}

$key = base64_decode(preg_replace('/^whsec_/', '', (string) getenv('WEBHOOK_SECRET')), true);
if ($key === false || $key === '') {
    http_response_code(500); // the sender will try again
    exit('set WEBHOOK_SECRET');
}
$body = file_get_contents('php://input'); // the bytes as they came, before anything decodes them
if (!verify($body, $_SERVER, $key)) {
    http_response_code(401);
    exit('signature refused');
}
$event = json_decode($body, true);
// Put the event away under $event['event_id'] unless it is there already, and work on it later.
error_log('received ' . $event['type']);
http_response_code(200);
