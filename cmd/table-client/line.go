package main

import (
	"slices"
	"strconv"
	"strings"
)

// Commands whose last argument is all that is left of the line, with so many words before it.
var takesRest = map[string]int{"put": 1, "cas": 2, "txn": 0}

// parseLine is the words of a line of a session, as they would be in a command line; none of a comment, which begins with #. A word that
// begins with a double quote is a string as Go writes it, and as getkeys prints keys. Put's data is all that follows the key and one
// space, as it is; flags come before the key, until a word that is none, or --.
func parseLine(line string) ([]string, error) {
	line = strings.TrimLeft(line, " ")
	if strings.HasPrefix(line, "#") {
		return nil, nil
	}
	name, rest, _ := strings.Cut(line, " ")
	before, ok := takesRest[strings.ToLower(name)]
	if !ok {
		return parseWords(strings.TrimSuffix(line, "\r")) // of a script from another system; in data it counts
	}
	words := []string{strings.ToLower(name)}
	for strings.HasPrefix(rest, "-") {
		var flag string
		flag, rest, _ = strings.Cut(rest, " ")
		if flag == "--" {
			break
		}
		words = append(words, flag)
		if takesValue[flag] {
			value, more, _, err := cutWord(rest)
			if err != nil {
				return nil, err
			}
			words, rest = append(words, value), more
		}
	}
	words = append(words, "--")
	for range before {
		word, more, found, err := cutWord(rest)
		if err != nil {
			return nil, err
		}
		if !found || rest == "" || rest[0] == ' ' {
			if rest != "" {
				words = append(words, strings.TrimRight(word, " "))
			}
			return words, nil
		}
		words, rest = append(words, word), more
	}
	if before == 0 && rest == "" {
		return words, nil
	}
	return append(slices.Clip(words), rest), nil
}

// parseWords are words with spaces between them.
func parseWords(line string) (words []string, err error) {
	for rest := strings.TrimLeft(line, " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
		word, more, _, err := cutWord(rest)
		if err != nil {
			return nil, err
		}
		if rest[0] == '"' && strings.HasPrefix(word, "-") && !slices.Contains(words, "--") {
			words = append(words, "--") // no flag
		}
		words, rest = append(words, word), more
	}
	return words, nil
}

// cutWord is the first word, and what follows the space behind it, if there is one.
func cutWord(text string) (word, rest string, found bool, err error) {
	if !strings.HasPrefix(text, `"`) {
		word, rest, found = strings.Cut(text, " ")
		return word, rest, found, nil
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err == nil {
		word, err = strconv.Unquote(quoted)
	}
	rest, found = strings.CutPrefix(text[len(quoted):], " ")
	if err != nil || !found && rest != "" {
		return "", "", false, failf(codeUsage, `a word that begins with a quote is a string as Go writes it, with a space behind it: \" stands for a quote`)
	}
	return word, rest, found, nil
}

// takesValue are the flags whose value is the next word.
var takesValue = map[string]bool{
	"--timeout": true, "--chain": true, "-o": true, "--output": true, "--connections": true, "-f": true, "--file": true,
}
