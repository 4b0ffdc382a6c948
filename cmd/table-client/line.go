package main

import (
	"slices"
	"strings"
)

// Commands whose last argument is all that is left of the line, with so many words before it.
var takesRest = map[string]int{"put": 1, "cas": 2, "txn": 0}

// parseLine is the words of a line of a session, as they would be in a command line; none of a comment, which begins with #. Put's data is all that follows the key and one
// space; flags come before the key, until a word that is none, or --.
func parseLine(line string) []string {
	line = strings.TrimLeft(line, " ")
	if strings.HasPrefix(line, "#") {
		return nil
	}
	name, rest, _ := strings.Cut(line, " ")
	name = strings.ToLower(name)
	before, ok := takesRest[name]
	if !ok {
		line = strings.TrimSuffix(line, "\r") // of a script from another system; in data it counts
		return strings.FieldsFunc(line, func(r rune) bool { return r == ' ' })
	}
	words := []string{name}
	for strings.HasPrefix(rest, "-") {
		var flag string
		flag, rest, _ = strings.Cut(rest, " ")
		if flag == "--" {
			break
		}
		words = append(words, flag)
		if takesValue[flag] {
			flag, rest, _ = strings.Cut(rest, " ")
			words = append(words, flag)
		}
	}
	words = append(words, "--")
	for range before {
		word, more, found := strings.Cut(rest, " ")
		if !found || word == "" {
			if rest != "" {
				words = append(words, strings.TrimRight(rest, " "))
			}
			return words
		}
		words, rest = append(words, word), more
	}
	if before == 0 && rest == "" {
		return words
	}
	return append(slices.Clip(words), rest)
}

// takesValue are the flags whose value is the next word.
var takesValue = map[string]bool{
	"--timeout": true, "--chain": true, "-o": true, "--output": true, "--connections": true, "-f": true, "--file": true,
}
