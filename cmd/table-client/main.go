// Table-client asks the servers of Chaintable: it puts, gets and deletes, loads and dumps files, and shows how the servers are, one
// command at a time or at a prompt.
//
// The exit codes are in code.go, and `table-client --help` tells them.
package main

import (
	"io"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main, but for the end of the process: it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := newApp(stdin, stdout, stderr)
	err := a.main(args)
	a.close()
	a.complain(err)
	return codeOf(err)
}
