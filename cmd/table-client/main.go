// Table-client asks the servers of Chaintable: it puts, gets and deletes, and shows how the servers are, one command at
// a time or at a prompt.
//
// The exit codes are in code.go, and `table-client --help` tells them.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, openZooKeeper))
}

// run is main, but for the end of the process: it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer, open openFunc) int {
	root := newRoot(open)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	code := codeOf(err)
	if err != nil && err.Error() != "" { // otherwise it has been said
		fmt.Fprintf(stderr, "table-client: %v\n", err)
		if code == codeUsage {
			fmt.Fprintln(stderr, "`table-client --help` tells more.")
		}
	}
	return code
}
