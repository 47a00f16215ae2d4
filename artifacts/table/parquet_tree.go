package table

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// fileNode is a column of a table, or a part of one, as it lies in a Parquet file.
type fileNode struct {
	name     string
	typ      arrow.DataType // canonical
	nullable bool
	def      byte // definition level from which on the node is not null
	// Of the nearest list around the node, or zeros: an entry is a slot of the node if
	// its repetition level is at most slotRep and its definition level at least slotDef.
	slotRep, slotDef byte
	children         []*fileNode // of a struct its fields, of a list its element
	leaf             *fileLeaf   // of a scalar
}

// fileLeaf is a Parquet column that holds the values of a scalar node.
type fileLeaf struct {
	column   *parquet.Column
	maxRep   byte
	maxDef   byte
	seconds  bool // timestamp[s], which the file keeps in milliseconds
	halfs    bool // float16
	allNulls bool
}

// fileTree maps the columns of a Parquet file. hint is the Arrow schema that its
// writer left, or nil.
func fileTree(root *parquet.Column, hint *arrow.Schema) ([]*fileNode, error) {
	nodes := make([]*fileNode, len(root.Columns()))
	for i, c := range root.Columns() {
		var was arrow.DataType
		if hint != nil && hint.NumFields() == len(nodes) && hint.Field(i).Name == c.Name() {
			was = hint.Field(i).Type
		}
		n, err := newFileNode(c, fileNode{}, was)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name(), err)
		}
		nodes[i] = n
	}
	return nodes, nil
}

// newFileNode maps c, which lies in around; only its levels matter.
func newFileNode(c *parquet.Column, around fileNode, hint arrow.DataType) (*fileNode, error) {
	n := &fileNode{name: c.Name(), def: around.def, slotRep: around.slotRep, slotDef: around.slotDef}
	switch {
	case c.Repeated():
		// Without LIST around it, as protocol buffers have it: a list that is never null.
		return n, n.list(c, hint)
	case c.Optional():
		n.def++
		n.nullable = true
	}
	if c.Leaf() {
		return n, n.scalar(c, hint)
	}
	switch kind := c.Type().LogicalType(); {
	case kind != nil && is[*format.ListType](kind):
		if len(c.Columns()) != 1 || !c.Columns()[0].Repeated() {
			return nil, fmt.Errorf("its list is none: it has not exactly one repeated field")
		}
		return n, n.list(c.Columns()[0], hint)
	case kind != nil && is[*format.MapType](kind):
		return nil, fmt.Errorf("tables do not hold maps: write it as a list of structs")
	case kind != nil && is[*format.VariantType](kind):
		return nil, fmt.Errorf("tables do not hold variants: cast the column to another type")
	}
	return n, n.group(c, hint)
}

func is[T any](t *format.LogicalType) bool {
	_, ok := t.Value.(T)
	return ok
}

// list makes n the list whose repeated field is c. Which of c and its only field is the
// element follows the rules for backward compatibility in the Parquet format's
// LogicalTypes.md.
func (n *fileNode) list(c *parquet.Column, hint arrow.DataType) error {
	inside := fileNode{def: n.def + 1, slotRep: n.slotRep + 1, slotDef: n.def + 1}
	var elemHint arrow.DataType
	fixed, isFixed := hint.(*arrow.FixedSizeListType)
	if l, ok := hint.(arrow.ListLikeType); ok {
		elemHint = l.Elem()
	}
	var elem *fileNode
	var err error
	switch {
	case c.Leaf():
		elem = &fileNode{name: c.Name(), def: inside.def, slotRep: inside.slotRep, slotDef: inside.slotDef}
		err = elem.scalar(c, elemHint)
	case len(c.Columns()) == 1 && c.Name() != "array" && c.Name() != n.name+"_tuple":
		elem, err = newFileNode(c.Columns()[0], inside, elemHint)
	default:
		elem = &fileNode{name: c.Name(), def: inside.def, slotRep: inside.slotRep, slotDef: inside.slotDef}
		err = elem.group(c, elemHint)
	}
	if err != nil {
		return err
	}
	n.children = []*fileNode{elem}
	field := arrow.Field{Name: "item", Type: elem.typ, Nullable: true}
	n.typ = arrow.ListOfField(field)
	if isFixed && fixed.Len() > 0 {
		n.typ = arrow.FixedSizeListOfField(fixed.Len(), field)
	}
	return nil
}

func (n *fileNode) group(c *parquet.Column, hint arrow.DataType) error {
	if len(c.Columns()) == 0 {
		return fmt.Errorf("its struct has no fields")
	}
	was, _ := hint.(*arrow.StructType)
	fields := make([]arrow.Field, len(c.Columns()))
	for i, child := range c.Columns() {
		var childHint arrow.DataType
		if was != nil && was.NumFields() == len(fields) {
			childHint = was.Field(i).Type
		}
		f, err := newFileNode(child, *n, childHint)
		if err != nil {
			return fmt.Errorf("field %q: %w", child.Name(), err)
		}
		n.children = append(n.children, f)
		fields[i] = arrow.Field{Name: child.Name(), Type: f.typ, Nullable: true}
	}
	n.typ = arrow.StructOf(fields...)
	return nil
}

func (n *fileNode) scalar(c *parquet.Column, hint arrow.DataType) error {
	n.leaf = &fileLeaf{column: c, maxRep: byte(c.MaxRepetitionLevel()), maxDef: byte(c.MaxDefinitionLevel())}
	if kind := c.Type().Kind(); kind == parquet.FixedLenByteArray && c.Type().Length() > widthLimit {
		return fmt.Errorf("its values have %d bytes each, the limit is %d", c.Type().Length(), widthLimit)
	}
	t, err := scalarType(c.Type())
	if err != nil {
		return err
	}
	n.typ = t
	switch hint := hint.(type) {
	case *arrow.TimestampType:
		if ts, ok := t.(*arrow.TimestampType); ok && (ts.TimeZone != "") == (hint.TimeZone != "") {
			n.leaf.seconds = hint.Unit == arrow.Second && ts.Unit == arrow.Millisecond
			unit := ts.Unit
			if n.leaf.seconds {
				unit = arrow.Second
			}
			n.typ = &arrow.TimestampType{Unit: unit, TimeZone: hint.TimeZone}
		}
	case *arrow.Float16Type:
		if c.Type().Kind() == parquet.FixedLenByteArray && c.Type().Length() == 2 {
			n.leaf.halfs, n.typ = true, arrow.PrimitiveTypes.Float32
		}
	}
	if kind := c.Type().LogicalType(); kind != nil && is[*format.NullType](kind) {
		n.leaf.allNulls = true
	}
	return nil
}

// scalarType gives the canonical type of a Parquet column.
func scalarType(t parquet.Type) (arrow.DataType, error) {
	if lt := t.LogicalType(); lt != nil {
		switch l := lt.Value.(type) {
		case *format.StringType, *format.EnumType, *format.JsonType, *format.NullType:
			return arrow.BinaryTypes.String, nil
		case *format.DecimalType:
			return Canonical(&arrow.Decimal128Type{Precision: l.Precision, Scale: l.Scale})
		case *format.DateType:
			return arrow.FixedWidthTypes.Date32, nil
		case *format.TimestampType:
			return timestampType(l)
		case *format.IntType:
			return intType(int(l.BitWidth), l.IsSigned)
		case *format.BsonType, *format.UUIDType:
			return arrow.BinaryTypes.Binary, nil
		case nil:
		default:
			return nil, fmt.Errorf("tables do not hold the Parquet type %s: cast the column to another type", t)
		}
	}
	switch t.Kind() {
	case parquet.Boolean:
		return arrow.FixedWidthTypes.Boolean, nil
	case parquet.Int32:
		return arrow.PrimitiveTypes.Int32, nil
	case parquet.Int64:
		return arrow.PrimitiveTypes.Int64, nil
	case parquet.Int96:
		return &arrow.TimestampType{Unit: arrow.Nanosecond}, nil
	case parquet.Float:
		return arrow.PrimitiveTypes.Float32, nil
	case parquet.Double:
		return arrow.PrimitiveTypes.Float64, nil
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return arrow.BinaryTypes.Binary, nil
	}
	return nil, fmt.Errorf("tables do not hold the Parquet type %s: cast the column to another type", t)
}

func timestampType(t *format.TimestampType) (arrow.DataType, error) {
	zone := ""
	if t.IsAdjustedToUTC {
		zone = "UTC"
	}
	switch t.Unit.Value.(type) {
	case *format.MilliSeconds:
		return &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: zone}, nil
	case *format.MicroSeconds:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: zone}, nil
	case *format.NanoSeconds:
		return &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: zone}, nil
	}
	return nil, fmt.Errorf("its timestamps have an unknown unit")
}

func intType(bits int, signed bool) (arrow.DataType, error) {
	types := map[int][2]arrow.DataType{
		8:  {arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Int8},
		16: {arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Int16},
		32: {arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Int32},
		64: {arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Int64},
	}
	pair, ok := types[bits]
	if !ok {
		return nil, fmt.Errorf("its integers have %d bits", bits)
	}
	if signed {
		return pair[1], nil
	}
	return pair[0], nil
}
