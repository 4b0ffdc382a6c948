package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// errSize says what a size may look like.
var errSize = errors.New("want a size such as 512MiB, 2GiB, 80% (of this machine's memory), or none")

// units of sizes, in bytes. A single letter is the power of two, as Redis has it.
var units = []struct {
	suffix string
	bytes  float64
}{
	{"kib", 1 << 10},
	{"mib", 1 << 20},
	{"gib", 1 << 30},
	{"tib", 1 << 40},
	{"kb", 1e3},
	{"mb", 1e6},
	{"gb", 1e9},
	{"tb", 1e12},
	{"k", 1 << 10},
	{"m", 1 << 20},
	{"g", 1 << 30},
	{"t", 1 << 40},
	{"b", 1},
	{"", 1},
}

// parseMemory is the size in bytes; zero for none, which is no bound. Shares are of total, zero where that is not
// known: then a share is no bound either.
func parseMemory(s string, total int64) (int64, error) {
	text := strings.ToLower(strings.TrimSpace(s))
	if text == "none" {
		return 0, nil
	}
	if share, ok := strings.CutSuffix(text, "%"); ok {
		n, err := strconv.ParseFloat(share, 64)
		if err != nil || !(n > 0 && n <= 100) {
			return 0, fmt.Errorf("%q: %w", s, errSize)
		}
		return int64(n / 100 * float64(total)), nil
	}
	for _, unit := range units {
		number, ok := strings.CutSuffix(text, unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(n > 0 && n*unit.bytes < math.MaxInt64) || int64(n*unit.bytes) == 0 {
			return 0, fmt.Errorf("%q: %w", s, errSize)
		}
		return int64(n * unit.bytes), nil
	}
	return 0, fmt.Errorf("%q: %w", s, errSize)
}

// errRate says what a rate may look like.
var errRate = errors.New("want bytes per second such as 50MiB, or 0 for no limit")

// parseRate is bytes per second; zero for no limit.
func parseRate(s string) (uint64, error) {
	text := strings.TrimSuffix(strings.TrimSpace(s), "/s")
	if text == "0" {
		return 0, nil
	}
	n, err := parseMemory(text, 0)
	if err != nil || n == 0 { // none, or a share of nothing
		return 0, fmt.Errorf("%q: %w", s, errRate)
	}
	return uint64(n), nil
}

// formatBytes is a size for people: "80.0 MiB".
func formatBytes(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
