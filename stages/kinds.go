// Package stages owns the kinds of stages: one file each, listed here.
package stages

import (
	"reflect"

	"pipe/dag"
	"pipe/notify"
)

// Kinds returns every kind of this package, its table of contents, and those
// that are handed to it; package all knows the others.
func Kinds(more ...dag.Info) *dag.Kinds {
	return dag.NewKinds(append(more,
		answersEvaluateKind,
		answersFitKind,
		cleanKind,
		compareKind,
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
		imageCleanKind,
		imagePixelsKind,
		imputeKind,
		joinKind,
		notifyKind,
		normalizeKind,
		oneHotKind,
		lmEvaluateKind,
		lmTrainKind,
		modelHuggingFaceKind,
		modelWeightsKind,
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
		sourceIDXKind,
		sourceJSONLKind,
		sourceParquetKind,
		sourceSQLKind,
		sourceTSVKind,
		sourceTablesKind,
		sourceURLKind,
		sourceTextKind,
		speechAugmentKind,
		speechCleanKind,
		speechEvaluateKind,
		speechFeaturesKind,
		speechSequencesKind,
		speechTrainKind,
		splitKind,
		summarizeEvaluateKind,
		summarizeFitKind,
		textEmbedKind,
		textTFIDFKind,
		textTokenizeKind,
		textVectorizeKind,
		trainKind,
		translateEvaluateKind,
		translateTrainKind,
	)...).Alerts(reflect.TypeFor[notify.Targets]())
}
