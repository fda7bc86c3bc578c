<?php
// Try it with: php -S 127.0.0.1:3000 receiver.php

const SIGNATURES = ['HTTP_X_YOUSIGN_SIGNATURE_256', 'HTTP_X_HOOKROUTER_SIGNATURE_NEXT', 'HTTP_X_HOOKROUTER_SIGNATURE_PREVIOUS'];

function verify(string $body, array $server, string $secret): bool
{
    $want = 'sha256=' . hash_hmac('sha256', $body, $secret);
    foreach (SIGNATURES as $name) {
        if (hash_equals($want, $server[$name] ?? '')) {
            return true;
        }
    }
    return false;
}

$secret = getenv('WEBHOOK_SECRET');
if ($secret === false || $secret === '') {
    http_response_code(500); // the sender will try again
    exit('set WEBHOOK_SECRET');
}
$body = file_get_contents('php://input'); // the bytes as they came, before anything decodes them
if (!verify($body, $_SERVER, $secret)) {
    http_response_code(401);
    exit('signature refused');
}
$event = json_decode($body, true);
// Put the event away under $event['event_id'] unless it is there already, and work on it later.
error_log('received ' . $event['event_name']);
http_response_code(200);
