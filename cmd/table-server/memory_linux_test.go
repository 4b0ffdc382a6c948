package main

import (
	"testing"
	"testing/fstest"
)

func TestGroupMemory(t *testing.T) {
	const total = 1 << 34
	for name, c := range map[string]struct {
		files map[string]string
		total int64
		want  int64
	}{
		"no groups":   {nil, total, total},
		"nothing set": {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, total, total},
		"version 2":   {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "1073741824\n"}, total, 1 << 30},
		"above the group": {map[string]string{
			"proc/self/cgroup": "0::/a/b/c\n", "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "4096\n",
		}, total, 4096},
		"container": {map[string]string{"proc/self/cgroup": "0::/host/path\n", "sys/fs/cgroup/memory.max": "8192\n"}, total, 8192},
		"version 1": {map[string]string{
			"proc/self/cgroup": "5:cpu:/x\n4:memory:/docker/1\n0::/\n", "sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "2048\n",
		}, total, 2048},
		"version 1, none": {map[string]string{
			"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, total, total},
		"machine unknown": {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "4096\n"}, 0, 4096},
		"odd files":       {map[string]string{"proc/self/cgroup": "what\n0::/../../etc\n", "sys/fs/cgroup/memory.max": "-5\n"}, total, total},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{}
			for file, text := range c.files {
				root[file] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := groupMemory(root, c.total); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
	if got := machineMemory(); got < 1<<20 {
		t.Errorf("this machine has %d bytes of memory", got)
	}
}
