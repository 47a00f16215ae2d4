package table

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/parquet-go/parquet-go"
)

// orderedGroup is a group that keeps the order of its fields; parquet.Group sorts them
// by name.
type orderedGroup struct {
	parquet.Group
	fields []parquet.Field
}

func (g orderedGroup) Fields() []parquet.Field { return g.fields }

// newGroup makes a group of the fields in the order of names.
func newGroup(names []string, nodes []parquet.Node) orderedGroup {
	g := orderedGroup{Group: parquet.Group{}}
	for i, name := range names {
		// A group of one makes the field, whose type is not exported.
		g.Group[name] = nodes[i]
		g.fields = append(g.fields, parquet.Group{name: nodes[i]}.Fields()[0])
	}
	return g
}

// parquetSchema maps a canonical schema. plain tells the columns of text that are not
// worth a dictionary.
func parquetSchema(s *arrow.Schema, plain []bool) *parquet.Schema {
	names := make([]string, s.NumFields())
	nodes := make([]parquet.Node, s.NumFields())
	for i, f := range s.Fields() {
		names[i] = f.Name
		nodes[i] = parquetNode(f.Type, plain[i])
		if f.Nullable {
			nodes[i] = parquet.Optional(nodes[i])
		} else {
			nodes[i] = parquet.Required(nodes[i])
		}
	}
	return parquet.NewSchema("schema", newGroup(names, nodes))
}

func parquetNode(t arrow.DataType, plain bool) parquet.Node {
	switch t := t.(type) {
	case *arrow.BooleanType:
		return parquet.Leaf(parquet.BooleanType)
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type:
		return parquet.Int(t.(arrow.FixedWidthDataType).BitWidth())
	case *arrow.Uint8Type, *arrow.Uint16Type, *arrow.Uint32Type, *arrow.Uint64Type:
		return parquet.Uint(t.(arrow.FixedWidthDataType).BitWidth())
	case *arrow.Float32Type:
		return parquet.Leaf(parquet.FloatType)
	case *arrow.Float64Type:
		return parquet.Leaf(parquet.DoubleType)
	case *arrow.StringType:
		return encodedText(parquet.String(), plain)
	case *arrow.BinaryType:
		return encodedText(parquet.Leaf(parquet.ByteArrayType), true)
	case *arrow.Date32Type:
		return parquet.Date()
	case *arrow.TimestampType:
		return parquet.TimestampAdjusted(parquetUnit(t.Unit), t.TimeZone != "")
	case *arrow.Decimal128Type:
		return parquet.Decimal(int(t.Scale), int(t.Precision), parquet.FixedLenByteArrayType(16))
	case *arrow.ListType:
		return parquet.List(parquet.Optional(parquetNode(t.Elem(), plain)))
	case *arrow.FixedSizeListType:
		return parquet.List(parquet.Optional(parquetNode(t.Elem(), plain)))
	case *arrow.StructType:
		names := make([]string, t.NumFields())
		nodes := make([]parquet.Node, t.NumFields())
		for i, f := range t.Fields() {
			names[i], nodes[i] = f.Name, parquet.Optional(parquetNode(f.Type, plain))
		}
		return newGroup(names, nodes)
	}
	panic(fmt.Sprintf("table: %s is not canonical", t))
}

func encodedText(n parquet.Node, plain bool) parquet.Node {
	if plain {
		return parquet.Encoded(n, &parquet.Plain)
	}
	return parquet.Encoded(n, &parquet.RLEDictionary)
}

// parquetUnit is the unit of a timestamp in the file: Parquet has no seconds.
func parquetUnit(u arrow.TimeUnit) parquet.TimeUnit {
	switch u {
	case arrow.Microsecond:
		return parquet.Microsecond
	case arrow.Nanosecond:
		return parquet.Nanosecond
	}
	return parquet.Millisecond
}

// arrowSchemaKey is the metadata in which Arrow's own libraries keep the schema of a
// Parquet file, and with it what Parquet has no words for: zones, seconds, and the
// length of lists.
const arrowSchemaKey = "ARROW:schema"

func encodeArrowSchema(s *arrow.Schema) (string, error) {
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(s))
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

// decodeArrowSchema returns nil where the metadata is missing or unreadable; it only
// refines what the file itself says.
func decodeArrowSchema(text string) (s *arrow.Schema) {
	defer func() {
		if recover() != nil {
			s = nil
		}
	}()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) == 0 {
		return nil
	}
	r, err := ipc.NewReaderFromMessageReader(&messages{r: bytes.NewReader(raw), left: int64(len(raw))})
	if err != nil {
		return nil
	}
	defer r.Release()
	return r.Schema()
}
