// Package mlflow owns the REST API of MLflow (versions 2.0 and 3.0 of it) over
// the registry, so that MLflow's own client works against pipe unchanged, and
// the artifact proxy, which keeps the files that clients upload in a folder.
//
// Shapes, error codes, statuses and limits are those of MLflow 3.17; where its
// behaviour is unsafe (local paths as model sources, artifact paths with
// schemes), requests are refused. Package registry holds what the data means,
// this package only the wire.
package mlflow
