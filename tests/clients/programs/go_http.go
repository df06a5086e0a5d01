// Asks with Go's net/http.
package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

func addressOf(base, ask string) string {
	parts := strings.Split(ask, "\t")
	query := url.Values{}
	for _, parameter := range parts[1:] {
		name, value, _ := strings.Cut(parameter, "=")
		query.Set(name, value)
	}
	return base + parts[0] + "?" + query.Encode()
}

func get(address, language string) error {
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	if language != "" {
		request.Header.Set("Accept-Language", language)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	fmt.Printf("%d\t%x\t%s\n", answer.StatusCode, sha256.Sum256(body), answer.Header.Get("Cache-Status"))
	return nil
}

func main() {
	asks := bufio.NewScanner(os.Stdin)
	for asks.Scan() {
		if err := get(addressOf(os.Args[1], asks.Text()), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
