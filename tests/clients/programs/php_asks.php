<?php
// How the clients in PHP read what they are to ask and print what they got; see ../client_programs.py.

[, $base, $language] = $argv;
$fields = $language === '' ? [] : ["Accept-Language: $language"];

/** The address of each, of which PHP itself encodes the query. */
function addresses(string $base): Generator
{
    while (($line = fgets(STDIN)) !== false) {
        $parts = explode("\t", rtrim($line, "\n"));
        $parameters = [];
        foreach (array_slice($parts, 1) as $parameter) {
            [$name, $value] = explode('=', $parameter, 2);
            $parameters[$name] = $value;
        }
        yield $base . $parts[0] . '?' . http_build_query($parameters);
    }
}

/** @param string[] $head  the lines of the answer's head */
function show(array $head, string $body): void
{
    $cacheStatus = '';
    foreach ($head as $line) {
        if (stripos($line, 'Cache-Status:') === 0) $cacheStatus = trim(substr($line, strlen('Cache-Status:')));
    }
    echo implode("\t", [explode(' ', $head[0])[1], hash('sha256', $body), $cacheStatus]), "\n";
}
