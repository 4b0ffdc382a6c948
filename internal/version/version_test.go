package version

import (
	"runtime/debug"
	"testing"
)

func TestDescribe(t *testing.T) {
	const revision = "1c493bc1a841bb0fa5466f9659a2e17bca69a013"
	for _, c := range []struct {
		version, revision, modified string
		want                        string
	}{
		{"v1.2.0", revision, "false", "v1.2.0"},
		{"v1.2.0", "", "", "v1.2.0"}, // go install module@v1.2.0
		{"v1.2.0+dirty", revision, "true", "devel 1c493bc1a841 changed"},
		{"v0.0.0-20261122162419-1c493bc1a841", revision, "false", "devel 1c493bc1a841"},
		{"(devel)", "", "", "devel"},
		{"", "", "", "devel"},
		{"", "short", "", "devel short"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: c.version}}
		for key, value := range map[string]string{"vcs.revision": c.revision, "vcs.modified": c.modified} {
			if value != "" {
				info.Settings = append(info.Settings, debug.BuildSetting{Key: key, Value: value})
			}
		}
		if got := describe(info); got != c.want {
			t.Errorf("%+v: got %q, want %q", c, got, c.want)
		}
	}
	if String() == "" {
		t.Error("no version")
	}
}
