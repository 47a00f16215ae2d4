// Package registry owns what the project remembers: experiments, runs with
// their parameters, metrics and stages, the lineage between artifacts, and
// registered models with their versions and aliases. It is one SQLite file in
// WAL mode and the only place that speaks SQL.
//
// The meaning of experiments, runs, metrics and models is MLflow's, so that
// its REST API can be served from the same rows; stages, lineage and the audit
// log are ours.
//
// Writes go through one connection whose goroutine puts everything that is
// waiting into one transaction (group commit). An acknowledged write survives
// the death of the process at any moment, because it is in the write-ahead
// log, which belongs to the kernel then; a loss of power may cost the last
// transactions but never the file's integrity. WithFullSync buys those too,
// at one fsync a group. Reads use a pool of their own and never wait for the
// writer. Several processes may open the same file.
package registry
