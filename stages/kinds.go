// Package stages owns the kinds of stages: one file each, listed here.
package stages

import "pipe/dag"

// Kinds returns every kind of this package, its table of contents, and those
// that are handed to it; package all knows the others.
func Kinds(more ...dag.Info) *dag.Kinds {
	return dag.NewKinds(append(more,
		cleanKind,
		concatKind,
		deployKind,
		deriveKind,
		driftKind,
		evaluateKind,
		execKind,
		expectKind,
		fetchKind,
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
		promoteKind,
		registerKind,
		sampleKind,
		selectKind,
		sourceArrowKind,
		sourceCSVKind,
		sourceFileKind,
		sourceFilesKind,
		sourceGodocKind,
		sourceJSONLKind,
		sourceParquetKind,
		sourceTSVKind,
		sourceTablesKind,
		sourceURLKind,
		sourceTextKind,
		speechAugmentKind,
		speechFeaturesKind,
		splitKind,
		textTFIDFKind,
		textTokenizeKind,
		textVectorizeKind,
		trainKind,
	)...)
}
