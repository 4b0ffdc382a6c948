package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// wanted is what a flag takes, by its type.
var wanted = map[string]string{
	"duration": "a time such as 500ms, 5s or 1m",
	"float64":  "a number",
	"int":      "a whole number",
	"uint64":   "a whole number, 0 or more",
	"bool":     "true or false",
}

// flagError is what a person is told of flags that cannot be read.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var bad *pflag.InvalidValueError
	text := err.Error()
	switch {
	case errors.As(err, &unknown):
		text = "there is no flag --" + unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			text = "there is no flag -" + unknown.GetSpecifiedName()
		}
		if behind := behindDashes(c); behind != "" {
			text += ". If that is no flag but data: " + behind
		}
	case errors.As(err, &empty):
		text = fmt.Sprintf("--%s needs a value", empty.GetFlag().Name)
	case errors.As(err, &bad) && wanted[bad.GetFlag().Value.Type()] != "":
		text = fmt.Sprintf("--%s %s: want %s", bad.GetFlag().Name, show(bad.GetValue()), wanted[bad.GetFlag().Value.Type()])
	}
	return usagef("%s", text)
}

// wantsJSON looks for -o json in words whose flags could not be read.
func wantsJSON(words []string) bool {
	for i, w := range words {
		switch {
		case w == "--":
			return false
		case slices.Contains([]string{"-ojson", "-o=json", "--output=json"}, w):
			return true
		case w == "-o" || w == "--output":
			return slices.Contains(words[i+1:min(i+2, len(words))], formJSON)
		}
	}
	return false
}

// behindDashes is how a command takes a key that looks like a flag; empty if it takes none.
func behindDashes(c *cobra.Command) string {
	words := slices.DeleteFunc(strings.Fields(c.Use), func(w string) bool { return w == "[FLAGS]" })
	if c.GroupID != groupData || len(words) < 2 || !slices.Contains([]string{"KEY", "[PREFIX]"}, words[1]) {
		return ""
	}
	return strings.Join(slices.Insert(words, 1, "--"), " ")
}

// flagAmong is the first of several words of data that is a flag of the command, and so perhaps not meant as data.
func flagAmong(c *cobra.Command, data []string) string {
	for _, word := range data {
		name, _, _ := strings.Cut(word, "=")
		long, is := strings.CutPrefix(name, "--")
		short, dash := strings.CutPrefix(name, "-")
		if len(data) > 1 && (is && c.Flag(long) != nil || dash && len(short) == 1 && c.Flags().ShorthandLookup(short) != nil) {
			return word
		}
	}
	return ""
}

// given is an error if one of these flags was given as zero, which would be the same as without it.
func given(c *cobra.Command, names ...string) error {
	for _, name := range names {
		if f := c.Flags().Lookup(name); f.Changed && slices.Contains([]string{"0", "0s"}, f.Value.String()) {
			return usagef("--%s %s: want more than 0", name, f.Value)
		}
	}
	return nil
}
