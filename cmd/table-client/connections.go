package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// connection is a line of the connections file.
type connection struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Chain   string `json:"chain"`
}

// connectionsAnswer is what connections answers in JSON.
type connectionsAnswer struct {
	File        string       `json:"file"`
	Connections []connection `json:"connections"`
}

// maxConnections is the longest connections file, in bytes.
const maxConnections = 1 << 20

// connectionName is what a connection may be called: nothing that could be an address.
var connectionName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// connectionsPath is the file with the connections, and whether somebody has named it.
func (a *app) connectionsPath() (path string, named bool) {
	if a.options.connections != "" {
		return a.options.connections, true
	}
	if path := os.Getenv("CHAINTABLE_CONNECTIONS"); path != "" {
		return path, true
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", false
	}
	return filepath.Join(dir, "chaintable", "connections"), false
}

// connectionList reads the connections. A file that nobody has named need not be there.
func (a *app) connectionList() ([]connection, error) {
	path, named := a.connectionsPath()
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !named:
		return nil, nil
	case err != nil:
		return nil, failf(codeUsage, "the connections cannot be read: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxConnections+1))
	if err == nil && len(b) > maxConnections {
		err = fmt.Errorf("longer than %d bytes", maxConnections)
	}
	if err != nil {
		return nil, failf(codeUsage, "the connections cannot be read: %s: %w", path, err)
	}
	all, err := parseConnections(string(b))
	if err != nil {
		return nil, failf(codeUsage, "%s: %w", path, err)
	}
	return all, nil
}

// parseConnections reads lines NAME ADDRESS [CHAIN]; what follows # is a comment.
func parseConnections(file string) (all []connection, err error) {
	n := 0
	for line := range strings.Lines(file) {
		n++
		text, _, _ := strings.Cut(line, "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		if len(words) < 2 || len(words) > 3 {
			return nil, fmt.Errorf("line %d: want NAME ADDRESS [CHAIN]", n)
		}
		c := connection{Name: words[0], Address: words[1], Chain: defaultChain}
		if len(words) == 3 {
			c.Chain = words[2]
		}
		switch {
		case !connectionName.MatchString(c.Name):
			return nil, fmt.Errorf("line %d: %q is no name: want a letter, then letters, digits, dots, dashes or underscores", n, c.Name)
		case isCommand(strings.ToLower(c.Name)):
			return nil, fmt.Errorf("line %d: %q is a command, and so no name", n, c.Name)
		case slices.ContainsFunc(all, func(other connection) bool { return other.Name == c.Name }):
			return nil, fmt.Errorf("line %d: %q is there twice", n, c.Name)
		}
		if _, _, err := normalize(c.Address); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// resolve is the address, and the chain's name, that ADDR means.
func (a *app) resolve() (address, chain string, err error) {
	if !connectionName.MatchString(a.address) {
		return a.address, a.chain, nil
	}
	all, err := a.connectionList()
	if err != nil {
		return "", "", err
	}
	for _, c := range all {
		if c.Name == a.address {
			if a.chainGiven {
				c.Chain = a.chain
			}
			return c.Address, c.Chain, nil
		}
	}
	path, _ := a.connectionsPath()
	return "", "", failf(codeUsage, "%q is no address, and no connection in %s: want HOST:PORT of a server or of ZooKeeper, a port of this machine, or a name from there", a.address, path)
}

func newConnections(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "connections",
		GroupID: groupOther,
		Short:   "list the named connections",
		Long: `List the connections that have names, which stand for ADDR.

They are in a file of lines NAME ADDRESS [CHAIN], with # before comments:

  # the test chain in the cellar
  cellar  192.168.1.7:2181,192.168.1.8:2181/app  test
  here    7001

The file is the one of --connections, of the variable CHAINTABLE_CONNECTIONS, or chaintable/connections in the user's folder for
configuration ($XDG_CONFIG_HOME, ~/.config). It holds nothing secret.`,
		Example: "  table-client connections\n  table-client cellar status",
		Args:    none,

		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			all, err := a.connectionList()
			if err != nil {
				return err
			}
			path, _ := a.connectionsPath()
			if len(all) == 0 && !a.out.json() {
				a.out.note("no connections in %s", show(path))
				return nil
			}
			rows := [][]string{{"NAME", "ADDRESS", "CHAIN"}}
			for _, c := range all {
				rows = append(rows, []string{c.Name, c.Address, c.Chain})
			}
			return a.out.result(a.out.draw(rows), connectionsAnswer{path, append([]connection{}, all...)})
		},
	}
}
