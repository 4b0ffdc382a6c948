package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/table"
)

// numbered is a write's answer.
type numbered struct {
	Seq   client.Seq `json:"seq"`
	Found *bool      `json:"found,omitempty"` // of del: there was such a key
}

// dataCommand completes what all commands about keys and values have in common. Flags come before what is data to the end, which may look like one.
func dataCommand(c *cobra.Command) *cobra.Command {
	c.GroupID = groupData
	c.ValidArgsFunction = cobra.NoFileCompletions
	_, rest := takesRest[c.Name()]
	c.Flags().SetInterspersed(!rest)
	return c
}

// checkSizes refuses what no server would take.
func checkSizes(key, data string) error {
	switch {
	case len(key) > table.MaxKeyBytes:
		return failf(codeUsage, "a key of %d bytes is too long: at most %d", len(key), table.MaxKeyBytes)
	case len(data) > table.MaxValueBytes:
		return failf(codeUsage, "data of %d bytes is too long: at most %d", len(data), table.MaxValueBytes)
	}
	return nil
}

// oneWord is for commands with one argument.
func oneWord(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("want one word: one with spaces needs double quotes")
	}
	return nil
}

func newPut(a *app) *cobra.Command {
	var early bool
	c := dataCommand(&cobra.Command{
		Use:   "put [FLAGS] KEY DATA",
		Short: "store data, which may hold spaces; prints the number of the operation",
		Long: `Store data under a key, in place of what was there. It is answered with the number of the operation, which is the key's version from
then on, when all servers have it.

Several words are joined by spaces; in a line of a session, the data is all that follows the key and one space, as it is. Flags come
before the key, and -- before a key that begins with a dash.`,
		Example: `  table-client 7001 put greeting hello, world
  table-client 7001 put -- -key- data
  table-client 7001 put --numbered greeting bye       then: verify NUMBER`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("want KEY DATA; for no data, KEY and a space, or \"\" in a shell")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			key, data := args[0], strings.Join(args[1:], " ")
			if err := checkSizes(key, data); err != nil {
				return err
			}
			a.noteFlags(c, args[1:])
			return a.do(func(ctx context.Context, c *client.Client) error {
				seq, err := c.Put(ctx, key, []byte(data), writeOptions(early)...)
				if err != nil {
					return err
				}
				return a.operation(numbered{Seq: seq})
			})
		},
	})
	c.Flags().BoolVar(&early, "numbered", false, "answer when it has its number, before it has taken effect: verify tells what became of it")
	return c
}

func writeOptions(early bool) []client.WriteOption {
	if early {
		return []client.WriteOption{client.Numbered()}
	}
	return nil
}

func (a *app) operation(n numbered) error {
	return a.out.result(fmt.Sprintf("operation %d\n", n.Seq), n)
}

func newGet(a *app) *cobra.Command {
	var version bool
	c := dataCommand(&cobra.Command{
		Use:   "get [FLAGS] KEY",
		Short: "print what is stored",
		Long: `Print the value of a key, and a line end. With -v, a line "version NUMBER" comes first: the number of the operation that stored it.

In JSON: {"key":…,"value":…,"version":…}; what is no text is in key_base64 and value_base64.`,
		Example: "  table-client 7001 get greeting\n  table-client 7001 get -v greeting\n  table-client 7001 get -o json greeting",
		Args:    oneWord,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkSizes(args[0], ""); err != nil {
				return err
			}
			return a.do(func(ctx context.Context, c *client.Client) error {
				e, err := c.Get(ctx, args[0])
				switch {
				case err != nil:
					return err
				case a.out.json():
					r := newRecord(e.Key, e.Value)
					r.Version = uint64(e.Version)
					return a.out.result("", r)
				case version:
					if err := a.out.print(fmt.Sprintf("version %d\n", e.Version)); err != nil {
						return err
					}
				}
				return a.out.value(e.Value)
			})
		},
	})
	c.Flags().BoolVarP(&version, "version", "v", false, "with its version")
	return c
}

func newDel(a *app) *cobra.Command {
	var early bool
	c := dataCommand(&cobra.Command{
		Use:   "del [FLAGS] KEY",
		Short: "remove it; prints the number of the operation",
		Long: `Remove a key. It is answered with the number of the operation, when all servers have it; if there was no such key, the exit code
is 1.`,
		Example: "  table-client 7001 del greeting",
		Args:    oneWord,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkSizes(args[0], ""); err != nil {
				return err
			}
			return a.do(func(ctx context.Context, c *client.Client) error {
				seq, found, err := c.Delete(ctx, args[0], writeOptions(early)...)
				if err != nil {
					return err
				}
				answer := numbered{Seq: seq}
				if !early {
					answer.Found = &found
				}
				if err := a.operation(answer); err != nil || found || early {
					return err
				}
				return failf(codeNo, "no such key: %s", show(args[0]))
			})
		},
	})
	c.Flags().BoolVar(&early, "numbered", false, "answer when it has its number, before it has taken effect: verify tells what became of it")
	return c
}

func newCas(a *app) *cobra.Command {
	return dataCommand(&cobra.Command{
		Use:   "cas KEY VERSION DATA",
		Short: "store data if the key has that version; 0: if there is no such key",
		Long: `Compare and set: store data under a key if its version is the one that is given, 0 for a key that is not there. Otherwise nothing
changes, and the exit code is 1. get -v tells versions.`,
		Example: "  table-client 7001 get -v greeting\n  table-client 7001 cas greeting 17 hello again\n  table-client 7001 cas lock 0 mine",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 3 {
				return usagef("want KEY VERSION DATA")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			a.noteFlags(c, args[2:])
			key, data := args[0], strings.Join(args[2:], " ")
			version, err := strconv.ParseUint(args[1], 10, 64)
			if err != nil {
				return usagef("%s is no version: want the number that get -v tells, or 0 for a key that is not there", show(args[1]))
			}
			if err := checkSizes(key, data); err != nil {
				return err
			}
			return a.do(func(ctx context.Context, c *client.Client) error {
				seq, err := c.Put(ctx, key, []byte(data), client.IfVersion(client.Seq(version)))
				switch {
				case errors.Is(err, client.ErrCondition):
					return failf(codeNo, "the condition does not hold: %s", contradict(ctx, c, key, client.Seq(version)))
				case err != nil:
					return err
				}
				return a.operation(numbered{Seq: seq})
			})
		},
	})
}

// noteFlags tells of data that was perhaps meant as a flag.
func (a *app) noteFlags(c *cobra.Command, data []string) {
	if f := flagAmong(c, data); f != "" && c.ArgsLenAtDash() < 0 {
		a.out.note("%s behind the key is a part of the data: flags come before the key", f)
	}
}

// contradict tells how a key is, which was expected to have another version. It may have changed again.
func contradict(ctx context.Context, c *client.Client, key string, expected client.Seq) string {
	e, err := c.Get(ctx, key)
	switch {
	case errors.Is(err, client.ErrNotFound):
		return fmt.Sprintf("there is no key %s", show(key))
	case err != nil || e.Version == expected:
		return fmt.Sprintf("%s had another version", show(key))
	case expected == 0:
		return fmt.Sprintf("%s is there, with version %d", show(key), e.Version)
	}
	return fmt.Sprintf("%s has version %d", show(key), e.Version)
}

func newSize(a *app) *cobra.Command {
	return dataCommand(&cobra.Command{
		Use: "size", Short: "how many keys there are", Args: none, Example: "  table-client 7001 size",
		RunE: func(*cobra.Command, []string) error {
			return a.do(func(ctx context.Context, c *client.Client) error {
				n, err := c.Size(ctx)
				if err != nil {
					return err
				}
				return a.out.result(fmt.Sprintf("%d\n", n), struct {
					Size uint64 `json:"size"`
				}{n})
			})
		},
	})
}

// maxKeysBytes is the most that getkeys sorts, in bytes of keys, each with keyBytes more.
const (
	maxKeysBytes = 1 << 30
	keyBytes     = 16
)

func newGetKeys(a *app) *cobra.Command {
	return dataCommand(&cobra.Command{
		Use:   "getkeys [PREFIX]",
		Short: "all keys, or those with a prefix, one a line, in quotes if they hold what is not printable",
		Long: `Print all keys, or those that begin with PREFIX, as they are at one moment, sorted, one a line. The empty key, and one that is not one line of
text or begins with a quote, is printed in quotes, as Go writes strings.

In JSON there is a document for each key, {"key":…}, or {"key_base64":…} for what is no text; none if there is no key.`,
		Example: "  table-client 7001 getkeys\n  table-client 7001 getkeys user/",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("want at most one prefix")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			prefix := strings.Join(args, "")
			if err := checkSizes(prefix, ""); err != nil {
				return err
			}
			var keys []string
			err := a.do(func(ctx context.Context, c *client.Client) error {
				left := maxKeysBytes
				for key, err := range c.Keys(ctx, prefix) {
					if left -= len(key) + keyBytes; err != nil {
						return err
					}
					if left < 0 {
						return failf(codeFailed, "the keys are too many to be sorted: more than %d bytes. Use dump", maxKeysBytes)
					}
					keys = append(keys, key)
				}
				return nil
			})
			if err != nil {
				return err
			}
			slices.Sort(keys)
			return a.printKeys(keys)
		},
	})
}

// printKeys prints keys, of which there may be many.
func (a *app) printKeys(keys []string) error {
	var b []byte
	for _, k := range keys {
		line := []byte(show(k) + "\n")
		if a.out.json() {
			key := newBlob(k)
			var err error
			if line, err = encode(record{Key: key.text, KeyBase64: key.base64}); err != nil {
				return err
			}
		}
		if b = append(b, line...); len(b) >= 64<<10 {
			if err := a.out.write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	return a.out.write(b)
}

func newVerify(a *app) *cobra.Command {
	return dataCommand(&cobra.Command{
		Use:   "verify NUMBER",
		Short: "what became of an operation: executed, pending, lost or forgotten",
		Long: `Tell what became of the operation with that number: executed; pending: not yet executed, or no such number was ever given; lost: it never took effect
and never will; forgotten: executed or lost, so long ago that the servers do not remember which. The exit code is 1 for all but executed.`,
		Example: "  table-client 7001 put --numbered greeting hello\n  table-client 7001 verify 17",
		Args:    oneWord,
		RunE: func(_ *cobra.Command, args []string) error {
			seq, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil || seq == 0 {
				return usagef("want the number that a put or del was answered with, not %s", show(args[0]))
			}
			return a.do(func(ctx context.Context, c *client.Client) error {
				fate, err := c.Verify(ctx, client.Seq(seq))
				if err != nil {
					return err
				}
				text := fate.String()
				if fate == client.Pending && !a.out.plain() {
					text += ", or no such number was ever given"
				}
				err = a.out.result(text+"\n", struct {
					Seq  uint64 `json:"seq"`
					Fate string `json:"fate"`
				}{seq, fate.String()})
				if err == nil && fate != client.Executed {
					err = failf(codeNo, "") // the answer is printed
				}
				return err
			})
		},
	})
}
