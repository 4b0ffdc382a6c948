package main

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// shells are those that complete commands, each with what writes its script.
var shells = map[string]func(root *cobra.Command, to *bytes.Buffer) error{
	"bash":       func(root *cobra.Command, to *bytes.Buffer) error { return root.GenBashCompletionV2(to, true) },
	"fish":       func(root *cobra.Command, to *bytes.Buffer) error { return root.GenFishCompletion(to, true) },
	"powershell": func(root *cobra.Command, to *bytes.Buffer) error { return root.GenPowerShellCompletionWithDesc(to) },
	"zsh":        func(root *cobra.Command, to *bytes.Buffer) error { return root.GenZshCompletion(to) },
}

func newCompletion(a *app) *cobra.Command {
	names := slices.Sorted(maps.Keys(shells))
	return &cobra.Command{
		Use:     "completion SHELL",
		GroupID: groupOther,
		Short:   "a script that completes commands in bash, fish, powershell or zsh",
		Long: `Print a script for SHELL, which is bash, fish, powershell or zsh. It completes commands, flags, the names of connections and of files, for a
table-client that is in PATH.

bash needs the package bash-completion. zsh needs its own completion: autoload -U compinit && compinit in ~/.zshrc.`,
		Example: `  source <(table-client completion bash)                                              this shell
  table-client completion bash > ~/.local/share/bash-completion/completions/table-client
  table-client completion zsh > "${fpath[1]}/_table-client"
  table-client completion fish > ~/.config/fish/completions/table-client.fish
  table-client completion powershell | Out-String | Invoke-Expression                 this shell`,
		ValidArgsFunction: oneOf(names...),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || shells[args[0]] == nil {
				return usagef("want one shell: %s", strings.Join(names, ", "))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			var b bytes.Buffer
			if err := shells[args[0]](c.Root(), &b); err != nil {
				return err
			}
			return a.out.write(b.Bytes())
		},
	}
}
