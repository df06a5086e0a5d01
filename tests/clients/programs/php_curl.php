<?php
// Asks with PHP's curl extension.
require __DIR__ . '/php_asks.php';

$head = [];
$client = curl_init();
curl_setopt_array($client, [
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_ENCODING => '',  // all that it can decode
    CURLOPT_HTTPHEADER => $fields,
    CURLOPT_HEADERFUNCTION => function ($client, $line) use (&$head) {
        $head[] = rtrim($line);
        return strlen($line);
    },
]);
foreach (addresses($base) as $address) {
    $head = [];
    curl_setopt($client, CURLOPT_URL, $address);
    $body = curl_exec($client);
    if ($body === false) exit(curl_error($client));
    show($head, $body);
}
