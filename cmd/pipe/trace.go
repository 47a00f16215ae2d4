package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"pipe/tracing"
)

// traces sets up what the environment says of traces. The tracer is nil where it
// says nothing; end sends what is left.
func traces(cmd *cobra.Command) (t *tracing.Tracer, end func(), err error) {
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	t, err = tracing.FromEnvironment(os.LookupEnv, log)
	if err != nil {
		return nil, nil, usageError{err}
	}
	return t, func() {
		if err := t.Close(); err != nil {
			log.Warn("the last spans", "error", err)
		}
	}, nil
}
