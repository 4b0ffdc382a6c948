package main

import "testing"

func TestParseMemory(t *testing.T) {
	const total = 1000 << 20
	for s, want := range map[string]int64{
		"none": 0, "80%": 800 << 20, "0.1%": total / 1000, "100%": total,
		"512MiB": 512 << 20, "512mb": 512e6, "2g": 2 << 30, "1.5 GiB": 3 << 29, "4096": 4096, "64B": 64, " 1TiB ": 1 << 40, "3K": 3072,
	} {
		if got, err := parseMemory(s, total); err != nil || got != want {
			t.Errorf("parseMemory(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "much", "-1", "0", "0%", "101%", "-5%", "%", "NaN", "NaN%", "Inf", "1e30", "1e400", "10XB", "0.1", "0x10p1000", "MiB"} {
		if got, err := parseMemory(s, total); err == nil {
			t.Errorf("parseMemory(%q) = %d, want an error", s, got)
		}
	}
}

func TestParseRate(t *testing.T) {
	for s, want := range map[string]uint64{"0": 0, "50MiB": 50 << 20, "50MiB/s": 50 << 20, " 1.5 GB ": 15e8, "1": 1} {
		if got, err := parseRate(s); err != nil || got != want {
			t.Errorf("parseRate(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "none", "fast", "80%", "-1", "NaN", "/s", "1/h"} {
		if got, err := parseRate(s); err == nil {
			t.Errorf("parseRate(%q) = %d, want an error", s, got)
		}
	}
}

func TestFormatBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 80 << 20: "80.0 MiB", 3 << 30: "3.0 GiB"} {
		if got := formatBytes(n); got != want {
			t.Errorf("formatBytes(%d) = %q, want %q", n, got, want)
		}
	}
}
