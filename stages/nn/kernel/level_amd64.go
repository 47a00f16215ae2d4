package kernel

import "golang.org/x/sys/cpu"

//go:generate ./asm/generate.sh

// assembled returns the sets of assembly loops that both the processor and the operating system support.
func assembled() []*loops {
	var sets []*loops
	x := cpu.X86
	if !x.HasAVX2 || !x.HasFMA || !x.HasBMI2 {
		return nil
	}
	sets = append(sets, &loops{
		name: "avx2",
		add:  addAVX2, sub: subAVX2, mul: mulAVX2, axpy: axpyAVX2, scale: scaleAVX2,
		relu: reluAVX2, reluGrad: reluGradAVX2,
		maxLine: maxLineAVX2, spreadLine: spreadLineAVX2, addLine: addLineAVX2, gatherWindows: gatherWindowsAVX2, scatterWindows: scatterWindowsAVX2, sum: sumAVX2, peak: peakAVX2, dot: dotAVX2,
		exp: expAVX2, tanh: tanhAVX2, sigmoid: sigmoidAVX2, erf: erfAVX2, log: logAVX2, expShifted: expShiftedAVX2,
		lstm: lstmAVX2, lstmGrad: lstmGradAVX2, gru: gruAVX2, gruGrad: gruGradAVX2,
		gelu: geluAVX2, geluTanh: geluTanhAVX2, silu: siluAVX2, addProduct: addProductAVX2,
		addReluGrad: addReluGradAVX2, addSigmoidGrad: addSigmoidGradAVX2, addTanhGrad: addTanhGradAVX2,
		addGeluGrad: addGeluGradAVX2, addGeluTanhGrad: addGeluTanhGradAVX2, addSiluGrad: addSiluGradAVX2,
		columnSums: columnSumsAVX2, columnSquares: columnSquaresAVX2, normColumns: normColumnsAVX2, normColumnSums: normColumnSumsAVX2,
		normColumnsGrad: normColumnsGradAVX2, addNormColumnsGrad: addNormColumnsGradAVX2,
		depthwiseLine: depthwiseLineAVX2, depthwiseInput: depthwiseInputAVX2, depthwiseFilters: depthwiseFiltersAVX2,
		subScalar: subScalarAVX2, normRow: normRowAVX2, normRowGrad: normRowGradAVX2, softmaxRowGrad: softmaxRowGradAVX2,
		adam: adamAVX2, sgd: sgdAVX2, momentum: sgdMomentumAVX2, nesterov: sgdNesterovAVX2, burn: burnAVX2,
		gemm: &gemmLoops{
			width: 8, copy: packCopyAVX2, transpose: packTransposeAVX2, deal: packRowAVX2, vector: gemmVectorAVX2,
			tiles: []gemmTile{gemm1RowsAVX2, gemm2RowsAVX2, gemm3RowsAVX2, gemm4RowsAVX2, gemm5RowsAVX2, gemm6RowsAVX2},
			inPlace: []gemmTile{
				gemm1RowsInPlaceAVX2, gemm2RowsInPlaceAVX2, gemm3RowsInPlaceAVX2, gemm4RowsInPlaceAVX2,
				gemm5RowsInPlaceAVX2, gemm6RowsInPlaceAVX2,
			},
		},
	})
	if !x.HasAVX512F || !x.HasAVX512DQ || !x.HasAVX512BW || !x.HasAVX512VL {
		return sets
	}
	return append(sets, &loops{
		name: "avx512",
		add:  addAVX512, sub: subAVX512, mul: mulAVX512, axpy: axpyAVX512, scale: scaleAVX512,
		relu: reluAVX512, reluGrad: reluGradAVX512,
		maxLine: maxLineAVX512, spreadLine: spreadLineAVX512, addLine: addLineAVX512, gatherWindows: gatherWindowsAVX512, scatterWindows: scatterWindowsAVX512, sum: sumAVX512, peak: peakAVX512, dot: dotAVX512,
		exp: expAVX512, tanh: tanhAVX512, sigmoid: sigmoidAVX512, erf: erfAVX512, log: logAVX512, expShifted: expShiftedAVX512,
		lstm: lstmAVX512, lstmGrad: lstmGradAVX512, gru: gruAVX512, gruGrad: gruGradAVX512,
		gelu: geluAVX512, geluTanh: geluTanhAVX512, silu: siluAVX512, addProduct: addProductAVX512,
		addReluGrad: addReluGradAVX512, addSigmoidGrad: addSigmoidGradAVX512, addTanhGrad: addTanhGradAVX512,
		addGeluGrad: addGeluGradAVX512, addGeluTanhGrad: addGeluTanhGradAVX512, addSiluGrad: addSiluGradAVX512,
		columnSums: columnSumsAVX512, columnSquares: columnSquaresAVX512, normColumns: normColumnsAVX512, normColumnSums: normColumnSumsAVX512,
		normColumnsGrad: normColumnsGradAVX512, addNormColumnsGrad: addNormColumnsGradAVX512,
		depthwiseLine: depthwiseLineAVX512, depthwiseInput: depthwiseInputAVX512, depthwiseFilters: depthwiseFiltersAVX512,
		subScalar: subScalarAVX512, normRow: normRowAVX512, normRowGrad: normRowGradAVX512, softmaxRowGrad: softmaxRowGradAVX512,
		adam: adamAVX512, sgd: sgdAVX512, momentum: sgdMomentumAVX512, nesterov: sgdNesterovAVX512, burn: burnAVX512,
		gemm: &gemmLoops{
			width: 16, copy: packCopyAVX512, transpose: packTransposeAVX512, deal: packRowAVX512, vector: gemmVectorAVX512,
			tiles: []gemmTile{
				gemm1RowsAVX512, gemm2RowsAVX512, gemm3RowsAVX512, gemm4RowsAVX512, gemm5RowsAVX512,
				gemm6RowsAVX512, gemm7RowsAVX512, gemm8RowsAVX512, gemm9RowsAVX512, gemm10RowsAVX512,
				gemm11RowsAVX512, gemm12RowsAVX512, gemm13RowsAVX512, gemm14RowsAVX512,
			},
			inPlace: []gemmTile{
				gemm1RowsInPlaceAVX512, gemm2RowsInPlaceAVX512, gemm3RowsInPlaceAVX512, gemm4RowsInPlaceAVX512,
				gemm5RowsInPlaceAVX512, gemm6RowsInPlaceAVX512, gemm7RowsInPlaceAVX512, gemm8RowsInPlaceAVX512,
				gemm9RowsInPlaceAVX512, gemm10RowsInPlaceAVX512, gemm11RowsInPlaceAVX512, gemm12RowsInPlaceAVX512,
				gemm13RowsInPlaceAVX512, gemm14RowsInPlaceAVX512,
			},
		},
	})
}
