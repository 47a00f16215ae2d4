// Package onnx owns the exchange of networks with other runtimes in the ONNX
// format: the protobuf messages of onnx.proto that this needs, read and written
// directly, and the translation of the layers of pipe/stages/nn into operators of
// the default domain.
//
// Models are written for operator set 17 (ONNX 1.12, IR version 8), which every
// maintained runtime has. Each translation names the operators it uses with the
// version of the set that defined them last, such as Softmax-13.
package onnx
