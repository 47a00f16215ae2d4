package dag

import (
	"reflect"

	"pipe/dag/text"
)

// Alerts is who is told about a schedule. How a target is written is not known
// here: Kinds say what it is decoded into, as they say what stages are.
type Alerts struct {
	Targets any // of the type that Kinds.Alerts was given; nil for none
	node    *text.Node
}

// DecodeNode implements text.NodeDecoder. The targets are decoded when the kinds
// are at hand.
func (a *Alerts) DecodeNode(_ *text.Decoder, n *text.Node) { a.node = n }

// Alerts says what the targets of a schedule's alert are decoded into: a type
// whose pointer is a text.NodeDecoder, and which is Schemed.
func (k *Kinds) Alerts(targets reflect.Type) *Kinds {
	k.alerts = targets
	return k
}

// decodeAlerts reads the targets, where there is somebody who knows their form.
func (l *loader) decodeAlerts(a *Alerts) {
	if a.node == nil || l.kinds == nil || l.kinds.alerts == nil {
		return
	}
	v := reflect.New(l.kinds.alerts)
	l.decoder().Decode(a.node, v.Interface())
	a.Targets = v.Elem().Interface()
}

// alerts is the schema of targets.
func (b *SchemaBuilder) alerts(kinds *Kinds) {
	s := JSON{}
	if kinds.alerts != nil {
		s = reflect.New(kinds.alerts).Elem().Interface().(Schemed).JSONSchema(b)
	}
	b.Use(reflect.TypeFor[Alerts](), s)
}
