package tracing

import (
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// The JSON form of OTLP (opentelemetry-proto 1.x, "JSON Protobuf Encoding" of the
// OTLP specification): ids in hexadecimal, 64-bit numbers as text, enumerations as
// numbers.

const errorCode = codes.Error

type object = map[string]any

// request is an ExportTraceServiceRequest: the spans by what they are of and what
// made them. All spans of a process have one resource.
func request(spans []sdk.ReadOnlySpan) object {
	var scopes []object
	at := map[string]int{}
	var of []attribute.KeyValue
	for _, s := range spans {
		of = s.Resource().Attributes()
		name := s.InstrumentationScope().Name
		i, ok := at[name]
		if !ok {
			i = len(scopes)
			at[name] = i
			scopes = append(scopes, object{"scope": object{"name": name}, "spans": []object{}})
		}
		scopes[i]["spans"] = append(scopes[i]["spans"].([]object), span(s))
	}
	return object{"resourceSpans": []object{{"resource": object{"attributes": attributes(of)}, "scopeSpans": scopes}}}
}

func span(s sdk.ReadOnlySpan) object {
	c := s.SpanContext()
	out := object{
		"traceId": c.TraceID().String(), "spanId": c.SpanID().String(), "name": s.Name(),
		"kind":              int(s.SpanKind()), // the numbers of the SDK are those of the protocol
		"startTimeUnixNano": nanoseconds(s.StartTime()), "endTimeUnixNano": nanoseconds(s.EndTime()),
		"attributes": attributes(s.Attributes()), "flags": uint32(c.TraceFlags()),
	}
	if p := s.Parent(); p.HasSpanID() {
		out["parentSpanId"] = p.SpanID().String()
	}
	if state := c.TraceState().String(); state != "" {
		out["traceState"] = state
	}
	if status := s.Status(); status.Code != codes.Unset {
		// The protocol numbers them otherwise: 1 is well, 2 is an error.
		number := map[codes.Code]int{codes.Ok: 1, codes.Error: 2}[status.Code]
		out["status"] = object{"code": number, "message": status.Description}
	}
	var events, links []object
	for _, e := range s.Events() {
		events = append(events, object{"name": e.Name, "timeUnixNano": nanoseconds(e.Time), "attributes": attributes(e.Attributes)})
	}
	for _, l := range s.Links() {
		links = append(links, object{"traceId": l.SpanContext.TraceID().String(), "spanId": l.SpanContext.SpanID().String(), "attributes": attributes(l.Attributes)})
	}
	if events != nil {
		out["events"] = events
	}
	if links != nil {
		out["links"] = links
	}
	return out
}

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func attributes(list []attribute.KeyValue) []object {
	out := make([]object, 0, len(list))
	for _, a := range list {
		out = append(out, object{"key": string(a.Key), "value": value(a.Value)})
	}
	return out
}

// value is an AnyValue. Lists are written as text: pipe has none.
func value(v attribute.Value) object {
	switch v.Type() {
	case attribute.BOOL:
		return object{"boolValue": v.AsBool()}
	case attribute.INT64:
		return object{"intValue": strconv.FormatInt(v.AsInt64(), 10)}
	case attribute.FLOAT64:
		return object{"doubleValue": v.AsFloat64()}
	case attribute.STRING:
		return object{"stringValue": v.AsString()}
	}
	return object{"stringValue": v.String()}
}
