package main

import (
	"strings"
	"testing"
)

func TestAdvertised(t *testing.T) {
	for _, c := range []struct {
		advertise, host string
		want            string // an error if empty
	}{
		{"", "127.0.0.1", "127.0.0.1:7001"},
		{"", "::1", "[::1]:7001"},
		{"", "localhost", "localhost:7001"},
		{"", "0.0.0.0", ""},
		{"", "::", ""},
		{"10.0.0.5", "0.0.0.0", "10.0.0.5:7001"},
		{"db.example.com:9000", "0.0.0.0", "db.example.com:9000"},
		{"[::1]:9000", "::1", "[::1]:9000"},
		{"::1", "::1", "[::1]:7001"},
		{"db:0", "127.0.0.1", ""},
		{"db:99999", "127.0.0.1", ""},
		{":9000", "127.0.0.1", ""},
		{"a b", "127.0.0.1", ""},
		{"redis://db:9000", "127.0.0.1", ""},
	} {
		got, err := advertised(c.advertise, c.host, 7001)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("advertised(%q, %q) = %q, %v, want %q", c.advertise, c.host, got, err, c.want)
		}
	}
}

func TestCheckListen(t *testing.T) {
	for _, c := range []struct {
		host     string
		insecure bool
		want     string // in the error; empty for none
	}{
		{"127.0.0.1", false, ""},
		{"127.8.9.1", false, ""},
		{"::1", false, ""},
		{"localhost", false, ""},
		{"0.0.0.0", false, "--insecure"},
		{"::", false, "--insecure"},
		{"10.1.2.3", false, "--insecure"},
		{"0.0.0.0", true, ""},
		{"no such host", false, "want an address"},
	} {
		err := checkListen(t.Context(), c.host, c.insecure)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("checkListen(%q, %v): %v, want %q", c.host, c.insecure, err, c.want)
		}
	}
}
