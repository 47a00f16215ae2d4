package onnx

// Model is ONNX' ModelProto.
type Model struct {
	IRVersion       int64
	Producer        string
	ProducerVersion string
	Opsets          []Opset
	Graph           *Graph
	Metadata        []Property
}

// Opset is OperatorSetIdProto: a domain, empty for ONNX' own, and its version.
type Opset struct {
	Domain  string
	Version int64
}

// Property is StringStringEntryProto.
type Property struct{ Key, Value string }

// Graph is GraphProto: nodes in an order in which they can be computed, the
// constants they read, and what goes in and out.
type Graph struct {
	Name         string
	Nodes        []*Node
	Initializers []*Tensor
	Inputs       []*ValueInfo
	Outputs      []*ValueInfo
}

// Node is NodeProto: one use of an operator. An empty name stands for an optional
// input that is left out.
type Node struct {
	Name       string
	Op         string
	Domain     string
	Inputs     []string
	Outputs    []string
	Attributes []*Attribute
}

// AttributeType says which field of an Attribute holds the value.
type AttributeType int32

// The types of attributes that this package reads and writes, with the numbers of
// AttributeProto.AttributeType.
const (
	FloatAttribute  AttributeType = 1
	IntAttribute    AttributeType = 2
	StringAttribute AttributeType = 3
	TensorAttribute AttributeType = 4
	FloatsAttribute AttributeType = 6
	IntsAttribute   AttributeType = 7
	TextsAttribute  AttributeType = 8
)

// Attribute is AttributeProto. Attributes of other types, such as graphs, keep
// their name and type and lose their value when they are read.
type Attribute struct {
	Name   string
	Type   AttributeType
	Float  float32
	Int    int64
	String string
	Tensor *Tensor
	Floats []float32
	Ints   []int64
	Texts  []string
}

// DataType is TensorProto.DataType.
type DataType int32

// The types of elements, with their numbers in onnx.proto.
const (
	Float32 DataType = 1
	Uint8   DataType = 2
	Int8    DataType = 3
	Int32   DataType = 6
	Int64   DataType = 7
	Bool    DataType = 9
	Float16 DataType = 10
	Float64 DataType = 11
)

// size returns the bytes of one element, 0 for a type that is not known.
func (t DataType) size() int {
	switch t {
	case Uint8, Int8, Bool:
		return 1
	case Float16:
		return 2
	case Float32, Int32:
		return 4
	case Int64, Float64:
		return 8
	}
	return 0
}

// Tensor is TensorProto with its elements, row by row, as little-endian bytes.
type Tensor struct {
	Name string
	Type DataType
	Dims []int64
	Raw  []byte
}

// ValueInfo is ValueInfoProto for tensors.
type ValueInfo struct {
	Name string
	Type DataType
	Dims []Dim
}

// Dim is a dimension: a name, or, where that is empty, a size.
type Dim struct {
	Param string
	Size  int64
}
