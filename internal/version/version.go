// Package version tells which build of Chaintable this is.
package version

import (
	"cmp"
	"runtime/debug"
	"strings"
)

// String is the release, or what is known of a build that is none: "v1.2.0", "devel 1c493bc1a841", "devel
// 1c493bc1a841 changed", "devel".
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	return describe(info)
}

func describe(info *debug.BuildInfo) string {
	version := info.Main.Version
	var revision string
	var changed bool
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			changed = s.Value == "true"
		}
	}
	// Go makes up a version for a build from a repository between releases: it holds the revision.
	if version != "" && version != "(devel)" && !strings.Contains(version, cmp.Or(revision, "+")) && !changed {
		return version
	}
	words := []string{"devel"}
	if revision != "" {
		words = append(words, revision)
	}
	if changed {
		words = append(words, "changed")
	}
	return strings.Join(words, " ")
}
