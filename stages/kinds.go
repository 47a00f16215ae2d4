// Package stages owns the kinds of stages: one file each, listed here.
package stages

import "pipe/dag"

// Kinds returns every kind that a pipeline may use, the table of contents of
// this package.
func Kinds() *dag.Kinds {
	return dag.NewKinds(
		cleanKind,
		concatKind,
		deriveKind,
		driftKind,
		evaluateKind,
		execKind,
		expectKind,
		filterKind,
		gatherKind,
		imputeKind,
		joinKind,
		notifyKind,
		normalizeKind,
		oneHotKind,
		lmEvaluateKind,
		lmTrainKind,
		modelHuggingFaceKind,
		predictKind,
		profileKind,
		registerKind,
		sampleKind,
		selectKind,
		sourceArrowKind,
		sourceCSVKind,
		sourceFileKind,
		sourceGodocKind,
		sourceJSONLKind,
		sourceParquetKind,
		sourceTSVKind,
		sourceTextKind,
		splitKind,
		textTFIDFKind,
		textTokenizeKind,
		textVectorizeKind,
		trainKind,
	)
}
