package table

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// Canonical returns the type in which a Reader yields columns of type t: dictionary,
// large and view strings are utf8; large, view and fixed-size binaries are binary;
// large lists are lists; float16 is float32, date64 is date32, null is utf8, and an
// extension is its storage. Types that tables do not hold are an error.
func Canonical(t arrow.DataType) (arrow.DataType, error) {
	switch t := t.(type) {
	case *arrow.BooleanType, *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type,
		*arrow.Uint8Type, *arrow.Uint16Type, *arrow.Uint32Type, *arrow.Uint64Type,
		*arrow.Float32Type, *arrow.Float64Type, *arrow.StringType, *arrow.BinaryType,
		*arrow.Date32Type, *arrow.TimestampType:
		return t, nil
	case *arrow.LargeStringType, *arrow.StringViewType, *arrow.NullType:
		return arrow.BinaryTypes.String, nil
	case *arrow.LargeBinaryType, *arrow.BinaryViewType, *arrow.FixedSizeBinaryType:
		return arrow.BinaryTypes.Binary, nil
	case *arrow.Float16Type:
		return arrow.PrimitiveTypes.Float32, nil
	case *arrow.Date64Type:
		return arrow.FixedWidthTypes.Date32, nil
	case *arrow.Decimal128Type:
		// The decimal string in Parquet and Arrow agree for these only.
		if t.Precision >= 1 && t.Precision <= 38 && t.Scale >= 0 && t.Scale <= t.Precision {
			return t, nil
		}
	case *arrow.DictionaryType:
		return Canonical(t.ValueType)
	case arrow.ExtensionType:
		return Canonical(t.StorageType())
	case *arrow.ListType:
		return canonicalList(t.ElemField(), arrow.ListOfField)
	case *arrow.LargeListType:
		return canonicalList(t.ElemField(), arrow.ListOfField)
	case *arrow.FixedSizeListType:
		if t.Len() < 1 {
			break
		}
		return canonicalList(t.ElemField(), func(f arrow.Field) *arrow.FixedSizeListType {
			return arrow.FixedSizeListOfField(t.Len(), f)
		})
	case *arrow.StructType:
		if t.NumFields() == 0 {
			break
		}
		fields, err := canonicalFields(t.Fields())
		if err != nil {
			return nil, err
		}
		for i := range fields {
			fields[i].Nullable = true
		}
		return arrow.StructOf(fields...), nil
	}
	return nil, fmt.Errorf("tables do not hold the type %s: cast the column to another type", t)
}

func canonicalList[L arrow.DataType](elem arrow.Field, list func(arrow.Field) L) (arrow.DataType, error) {
	t, err := Canonical(elem.Type)
	if err != nil {
		return nil, err
	}
	// Neither the name of the element nor whether it may be null is part of the type;
	// fixing them makes equal types of two writers ("item", "element", "l") equal schemas.
	return list(arrow.Field{Name: "item", Type: t, Nullable: true}), nil
}

func canonicalFields(fields []arrow.Field) ([]arrow.Field, error) {
	out := make([]arrow.Field, len(fields))
	for i, f := range fields {
		t, err := Canonical(f.Type)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		_, wasNull := f.Type.(*arrow.NullType)
		out[i] = arrow.Field{Name: f.Name, Type: t, Nullable: f.Nullable || wasNull}
	}
	return out, nil
}

// canonicalSchema maps the columns and drops the metadata, which is the writer's
// affair (pandas keeps its index there) and no part of a table. Every table has at
// least one column, and its names are not empty and differ.
func canonicalSchema(s *arrow.Schema) (*arrow.Schema, error) {
	fields, err := canonicalFields(s.Fields())
	if err != nil {
		return nil, err
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	if err := checkNames(names); err != nil {
		return nil, err
	}
	return arrow.NewSchema(fields, nil), nil
}

func checkNames(names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("has no columns")
	}
	seen := make(map[string]int, len(names))
	for i, n := range names {
		if n == "" {
			return fmt.Errorf("column %d has no name", i+1)
		}
		if first, ok := seen[n]; ok {
			return fmt.Errorf("columns %d and %d are both named %q", first+1, i+1, n)
		}
		seen[n] = i
	}
	return nil
}
