package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"pipe/registry"
	"pipe/server/auth"
	"pipe/workspace"
)

func (a *app) usersCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "users",
		Short: "Say who may use `pipe up` over the network, and what they may do",
		Long: `While there are no users, pipe up answers on a loopback address only, and whoever
is at this machine may do all. The first user makes everybody sign in, also here.

A level is none, read, write or admin: read sees; write makes runs, logs, changes
and registers; admin also deletes whole experiments and models. A user's level
holds for everything that no grant speaks of.`,
		Example: `  pipe users add ada --level admin
  pipe users add bo --level read
  pipe users grant bo experiment:textclass write
  pipe users token ada --level write --note "training machine"`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.userAddCommand(), a.userListCommand(), a.userRemoveCommand(), a.userPasswordCommand(), a.userLevelCommand(), a.userGrantCommand(),
		a.userTokenCommand(), a.userTokensCommand(), a.userRevokeCommand())
	return c
}

// byHand says in the audit log who did something at this machine.
func byHand() registry.Audit {
	who := registry.Audit{Why: "by pipe users"}
	if u, err := user.Current(); err == nil {
		who.Who = u.Username
	}
	return who
}

// onUsers is a command that does something with the registry of users.
func (a *app) onUsers(do func(cmd *cobra.Command, args []string, w *workspace.Workspace) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		w, err := workspace.Open(cmd.Context(), a.store)
		if err != nil {
			return err
		}
		return errors.Join(do(cmd, args, w), w.Close())
	}
}

func (a *app) userAddCommand() *cobra.Command {
	var level string
	var stdin, noPassword bool
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user; the password is asked for",
		Args:  cobra.ExactArgs(1),
		RunE: a.onUsers(func(cmd *cobra.Command, args []string, w *workspace.Workspace) error {
			if _, err := auth.ParseLevel(level); err != nil {
				return usageError{err}
			}
			u := registry.User{Name: args[0], Level: level}
			if !noPassword {
				if _, err := w.Registry.User(cmd.Context(), u.Name); err == nil {
					return fmt.Errorf("there is a user %s already", u.Name) // before a password is asked for
				}
				var err error
				if u.Password, err = askPassword(cmd, stdin); err != nil {
					return err
				}
			}
			if err := w.Registry.AddUser(cmd.Context(), u, byHand()); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "added %s, who may %s\n", u.Name, mayDo[level])
			return err
		}),
	}
	c.Flags().StringVar(&level, "level", "write", "none, read, write or admin")
	c.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from standard input")
	c.Flags().BoolVar(&noPassword, "no-password", false, "a user who has only tokens, as a program")
	excludes(c, "password-stdin", "no-password")
	return c
}

var mayDo = map[string]string{"none": "do nothing but what grants say", "read": "see everything", "write": "see and change everything", "admin": "do everything"}

// askPassword reads a password twice from the terminal, or a line from
// standard input, and returns its hash.
func askPassword(cmd *cobra.Command, stdin bool) (string, error) {
	in, isFile := cmd.InOrStdin().(*os.File)
	if stdin || !isFile || !term.IsTerminal(int(in.Fd())) {
		if !stdin {
			return "", usageError{errors.New("there is no terminal to ask for a password at: give it by --password-stdin")}
		}
		line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 1<<16)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return auth.HashPassword(strings.TrimRight(line, "\r\n"))
	}
	var typed [2]string
	for i, prompt := range []string{"Password: ", "The same again: "} {
		fmt.Fprint(cmd.ErrOrStderr(), prompt)
		b, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
		if err != nil {
			return "", err
		}
		typed[i] = string(b)
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two passwords differ")
	}
	return auth.HashPassword(typed[0])
}

func (a *app) userListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the users, their levels and grants",
		Args:    cobra.NoArgs,
		RunE: a.onUsers(func(cmd *cobra.Command, _ []string, w *workspace.Workspace) error {
			list, err := w.Registry.Users(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), notNil(list))
			}
			if len(list) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "there are no users: pipe up answers this machine only, and asks nobody to sign in")
				return err
			}
			t := newAligned(cmd.OutOrStdout())
			fmt.Fprintln(t, "NAME\tLEVEL\tGRANTS")
			for _, u := range list {
				fmt.Fprintf(t, "%s\t%s\t%s\n", u.Name, u.Level, grantText(u.Grants))
			}
			return t.Flush()
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func grantText(list []registry.Grant) string {
	var parts []string
	for _, g := range list {
		parts = append(parts, g.Kind+":"+g.Name+" "+g.Level)
	}
	return strings.Join(parts, ", ")
}

func (a *app) userRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rm NAME",
		Aliases: []string{"remove"},
		Short:   "Remove a user with all tokens and sessions",
		Args:    cobra.ExactArgs(1),
		RunE: a.onUsers(func(cmd *cobra.Command, args []string, w *workspace.Workspace) error {
			return w.Registry.RemoveUser(cmd.Context(), args[0], byHand())
		}),
	}
}

func (a *app) userPasswordCommand() *cobra.Command {
	var stdin bool
	c := &cobra.Command{
		Use:   "passwd NAME",
		Short: "Give a user another password, which ends their sessions",
		Args:  cobra.ExactArgs(1),
		RunE: a.onUsers(func(cmd *cobra.Command, args []string, w *workspace.Workspace) error {
			if _, err := w.Registry.User(cmd.Context(), args[0]); err != nil {
				return err
			}
			hash, err := askPassword(cmd, stdin)
			if err != nil {
				return err
			}
			return w.Registry.SetPassword(cmd.Context(), args[0], hash, byHand())
		}),
	}
	c.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from standard input")
	return c
}

func (a *app) userLevelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "level NAME none|read|write|admin",
		Short: "Change what a user may do with everything that no grant speaks of",
		Args:  cobra.ExactArgs(2),
		RunE: a.onUsers(func(cmd *cobra.Command, args []string, w *workspace.Workspace) error {
			if _, err := auth.ParseLevel(args[1]); err != nil {
				return usageError{err}
			}
			return w.Registry.SetLevel(cmd.Context(), args[0], args[1], byHand())
		}),
	}
}

func (a *app) userGrantCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "grant NAME experiment:NAME|model:NAME none|read|write|admin|default",
		Short: "Give a user a level on one experiment or model; default takes the grant away",
		Args:  cobra.ExactArgs(3),
		RunE: a.onUsers(func(cmd *cobra.Command, args []string, w *workspace.Workspace) error {
			g, err := readGrant(cmd, w, args[1], args[2])
			if err != nil {
				return err
			}
			return w.Registry.SetGrant(cmd.Context(), args[0], g, byHand())
		}),
	}
}

// readGrant reads "experiment:NAME" or "model:NAME" and a level. Experiments
// are kept by id, so that a grant follows one that is renamed.
func readGrant(cmd *cobra.Command, w *workspace.Workspace, on, level string) (g registry.Grant, err error) {
	if level == "default" {
		level = ""
	} else if _, err := auth.ParseLevel(level); err != nil {
		return g, usageError{err}
	}
	kind, name, _ := strings.Cut(on, ":")
	switch kind {
	case auth.KindExperiment:
		e, err := w.Registry.ExperimentByName(cmd.Context(), name)
		return registry.Grant{Kind: kind, Name: strconv.FormatInt(e.ID, 10), Level: level}, err
	case auth.KindModel:
		_, err := w.Registry.Model(cmd.Context(), name)
		return registry.Grant{Kind: kind, Name: name, Level: level}, err
	}
	return g, usageError{fmt.Errorf("%q is neither experiment:NAME nor model:NAME", on)}
}
