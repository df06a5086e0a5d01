<?php
// Asks with PHP's streams: file_get_contents of an address.
require __DIR__ . '/php_asks.php';

$context = stream_context_create(['http' => ['header' => $fields, 'ignore_errors' => true]]);
foreach (addresses($base) as $address) {
    $body = file_get_contents($address, false, $context);
    show($http_response_header, $body);
}
