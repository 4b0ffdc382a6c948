package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chaintable/chaintable/client"
)

// maxTxn is the longest transaction that is read, in bytes: what a server takes, each byte as \u00xx.
const maxTxn = 6 * 64 << 20

// txnAnswer is what came of a transaction, in JSON.
type txnAnswer struct {
	Seq       client.Seq   `json:"seq"`
	Succeeded bool         `json:"succeeded"`
	Steps     []stepAnswer `json:"steps"`
}

type stepAnswer struct {
	Step string `json:"step"`
	record
	Found bool `json:"found"`
}

func newTxn(a *app) *cobra.Command {
	var file string
	c := dataCommand(&cobra.Command{
		Use:   "txn [FLAGS] TRANSACTION",
		Short: "several reads and writes at one moment, if conditions hold",
		Long: `Carry out several steps at one moment: nobody sees a part of them. With conditions, the steps behind then are done if all of them hold, and
those behind else if not.

  [if CONDITION [and CONDITION...] then] STEP [; STEP...] [else STEP [; STEP...]]

A CONDITION is one of
  version(KEY) = NUMBER    the key's version, 0 for a key that is not there; also != < >
  value(KEY) = VALUE       its value, compared byte by byte; also != < >. Never holds for a key that is not there
  exists(KEY)              absent(KEY)
and a STEP one of
  put KEY VALUE            del KEY            get KEY
done in order: each sees what those before it did. What the steps find is at most 1 MiB.

A KEY or VALUE is a word, a string in double quotes as in Go or JSON, or base64(…). Words of this language (if and then else put del get), and what has
spaces or one of ( ) = < > ! ; in it, need quotes. In a shell, all of it goes into single quotes.

It prints the number of the operation, then or else, and what came of each step: whether the key was there before it, its version, and the value of a get.
The exit code is 1 if the conditions did not hold, whether there is an else or not.`,
		Example: `  table-client 7001 txn 'if version(k) = 17 then put k "new data"; put log "k changed" else get k'
  table-client 7001 txn 'if exists(from) and absent(to) and value(from) = "x y" then del from; put to "x y"'
  table-client 7001 txn 'get a; get b'
  table-client 7001 txn -f change.txn`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case (file == "") == (len(args) == 0):
				return usagef("want a transaction, or -f FILE")
			case file == "-" && a.line:
				return usagef("standard input has the commands: want the name of a file")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			source := strings.Join(args, " ")
			if file != "" {
				var err error
				if source, err = a.read(file); err != nil {
					return err
				}
			}
			s, err := parseTxn(source)
			if err != nil {
				return err
			}
			return a.do(func(ctx context.Context, c *client.Client) error {
				r, err := c.Txn(ctx, s.txn())
				if err != nil {
					return err
				}
				return a.txnResult(s, r)
			})
		},
	})
	c.Flags().StringVarP(&file, "file", "f", "", "read it from this `file`; - is standard input")
	return c
}

// read is what a file holds, or standard input.
func (a *app) read(path string) (string, error) {
	in := a.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", failf(codeUsage, "txn: %w", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxTxn+1))
	switch {
	case err != nil:
		return "", failf(codeFailed, "txn: %w", err)
	case len(b) > maxTxn:
		return "", failf(codeUsage, "txn: %s is longer than %d bytes", path, maxTxn)
	}
	return string(b), nil
}

// absent stands in a table where there is nothing.
const absent = "-"

// txnResult prints what came of a transaction.
func (a *app) txnResult(s script, r client.TxnResult) error {
	answer := txnAnswer{Seq: r.Seq, Succeeded: r.Succeeded, Steps: []stepAnswer{}}
	branch, steps := "then", s.then
	if !r.Succeeded {
		branch, steps = "else", s.orElse
	}
	if len(steps) != len(r.Steps) {
		return failf(codeFailed, "%s asked for, and %d answered", count(len(steps), "step"), len(r.Steps))
	}
	rows := [][]string{{"STEP", "KEY", "FOUND", "VERSION", "VALUE"}}
	for i, step := range steps {
		found, version, value := "no", absent, absent
		x := stepAnswer{Step: step.op, Found: r.Steps[i].Found}
		key := newBlob(step.key)
		x.Key, x.KeyBase64 = key.text, key.base64
		if x.Found {
			found = "yes"
		}
		if v := r.Steps[i].Version; v != 0 {
			version, x.Version = fmt.Sprint(v), uint64(v)
		}
		if step.op == "get" && x.Found {
			b := newBlob(r.Steps[i].Value)
			x.Value, x.ValueBase64, value = b.text, b.base64, show(string(r.Steps[i].Value))
			if value == absent {
				value = strconv.Quote(value)
			}
		}
		answer.Steps = append(answer.Steps, x)
		rows = append(rows, []string{step.op, show(step.key), found, version, value})
	}
	text := fmt.Sprintf("operation %d\n%s\n", r.Seq, branch)
	if len(steps) > 0 {
		text += a.out.draw(rows)
	}
	err := a.out.result(text, answer)
	if err == nil && !r.Succeeded {
		err = failf(codeNo, "") // the answer is printed
	}
	return err
}
