package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pipe/stages/nn/roofline"
)

func benchCommand() *cobra.Command {
	var asJSON bool
	limit := 200 * time.Millisecond
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure what this machine computes, and how near the loops of networks come to it",
		Long: `Measure the peak of this machine, in billions of operations a second and in
gigabytes a second from memory, and how much of it matrix products and the other
loops of networks reach. The share is of the roof over each loop: the lower of the
peak of arithmetic and what memory can bring for it. What fits into the caches, or
writes only what it has read, may be above its roof of memory. GOMAXPROCS=1 measures one core.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			p := roofline.MeasurePeak(4 * limit)
			if asJSON {
				all := struct {
					Peak  roofline.Peak     `json:"peak"`
					Loops []roofline.Result `json:"loops"`
				}{Peak: p}
				roofline.Measure(p, limit, func(r roofline.Result) { all.Loops = append(all.Loops, r) })
				return writeJSON(out, all)
			}
			fmt.Fprintf(out, "%s loops on %d cores: %.0f GFLOP/s, %.1f GB/s\n\n", p.Loops, p.Cores, p.GFLOPS, p.GBs)
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "loop\tµs\tGFLOP/s\tGB/s\tof its roof")
			roofline.Measure(p, limit, func(r roofline.Result) {
				fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t%.0f %% (%s)\n", r.Name, r.Microseconds, r.GFLOPS, r.GBs, 100*r.Share, r.Bound)
			})
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().DurationVar(&limit, "time", limit, "how long each loop is measured")
	return c
}
