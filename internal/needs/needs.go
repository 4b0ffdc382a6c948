// Package needs is for tests that talk to programs from outside: a client of Redis, a compiler of Protocol Buffers,
// ZooKeeper. What is missing is a failure: .ci/needs, which `make test` runs, installs everything or says how.
package needs

import (
	"os"
	"os/exec"
	"testing"
)

// Program is the path of the program called name.
func Program(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(tb, err)
	}
	return path
}

// File is path, which exists.
func File(tb testing.TB, path string) string {
	tb.Helper()
	if _, err := os.Stat(path); err != nil {
		missing(tb, err)
	}
	return path
}

// Python is the path of a Python that can import the module.
func Python(tb testing.TB, module string) string {
	tb.Helper()
	var err error
	for _, python := range []string{"/usr/bin/python3", "python3"} { // Debian's packages are for the first alone
		if err = exec.Command(python, "-c", "import "+module).Run(); err == nil {
			return python
		}
	}
	missing(tb, err)
	return ""
}

func missing(tb testing.TB, err error) {
	tb.Helper()
	tb.Fatalf("needs: %v: run .ci/needs, which finds out what is missing, and installs it as root or with CI=true", err)
}
