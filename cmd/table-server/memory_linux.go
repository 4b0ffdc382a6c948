package main

import (
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// machineMemory is the memory that this process may have, in bytes: the machine's, or that of its control groups where it
// is less. Zero is not known.
func machineMemory() int64 {
	var info unix.Sysinfo_t
	var total int64
	if unix.Sysinfo(&info) == nil {
		total = int64(uint64(info.Totalram) * uint64(info.Unit))
	}
	return groupMemory(os.DirFS("/"), total)
}

// groupMemory is the least of total and what the process's control groups and those around them allow. The files
// are those of Linux: version 2 has a limit in each folder on the way up, version 1 too, with another name.
func groupMemory(root fs.FS, total int64) int64 {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return total
	}
	for line := range strings.Lines(string(groups)) {
		// "0::/user.slice" of version 2, "4:memory:/docker/1234" of version 1.
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		switch {
		case fields[1] == "":
			total = lowest(root, "sys/fs/cgroup", fields[2], "memory.max", total)
		case fields[1] == "memory":
			total = lowest(root, "sys/fs/cgroup/memory", fields[2], "memory.limit_in_bytes", total)
		}
	}
	return total
}

// lowest looks from the group up to mount. In a container the group's path may be the host's, which is not there:
// mount itself has the limit then.
func lowest(root fs.FS, mount, group, name string, total int64) int64 {
	for dir := path.Join(mount, path.Clean("/"+group)); strings.HasPrefix(dir, mount); dir = path.Dir(dir) {
		data, err := fs.ReadFile(root, path.Join(dir, name))
		if err != nil {
			continue
		}
		// "max" of version 2 is no number; version 1 has a very large one.
		if n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64); err == nil && n > 0 && (total == 0 || n < total) {
			total = n
		}
	}
	return total
}
