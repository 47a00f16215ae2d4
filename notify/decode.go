package notify

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"reflect"

	"pipe/dag"
	"pipe/dag/text"
)

// DecodeNode implements text.NodeDecoder: a word is an address to post to, or
// mailto:ADDRESS; a map says everything.
func (t *Target) DecodeNode(d *text.Decoder, n *text.Node) {
	if n.Kind == text.Scalar && n.Value != nil {
		parsed, err := Parse(n.Text())
		if err != nil {
			d.Errorf(n, "target", "where a message goes: %v", err)
			return
		}
		*t = parsed
		return
	}
	type plain Target
	before := d.Problems.Len()
	d.Known(n, (*plain)(t), "target")
	if d.Problems.Len() > before {
		return
	}
	if field, what, err := t.problem(); err != nil {
		d.Errorf(n.At(field), "target", "%s: %v", what, err)
	}
}

// TypeText names the type for the reference pages.
func (Target) TypeText() string {
	return "address to post to, mailto:ADDRESS, or a map: webhook, email or command"
}

// JSONSchema implements dag.Schemed.
func (Target) JSONSchema(b *dag.SchemaBuilder) dag.JSON {
	type plain Target
	return dag.JSON{"anyOf": []any{
		dag.JSON{"type": "string", "pattern": `^(https?://|mailto:)`},
		b.Def("target", func() dag.JSON { return b.Struct(reflect.TypeFor[plain]()) }),
	}}
}

// problem says what is wrong with a target and at which key, before anything is
// sent.
func (t Target) problem() (field, what string, err error) {
	set := 0
	for _, is := range []bool{t.Webhook != "", len(t.Email) > 0, len(t.Command) > 0} {
		if is {
			set++
		}
	}
	if set != 1 {
		return "", "a target", errors.New("name one of webhook, email and command")
	}
	if t.Webhook != "" {
		return "webhook", "webhook", t.addressProblem()
	}
	for i, a := range t.Email {
		if _, err := mail.ParseAddress(a); err != nil {
			return fmt.Sprintf("email[%d]", i), "email", fmt.Errorf("%q is no address: %s", a, trimMail(err))
		}
	}
	if t.From != "" {
		if _, err := mail.ParseAddress(t.From); err != nil {
			return "from", "from", fmt.Errorf("%q is no address: %s", t.From, trimMail(err))
		}
	}
	if t.Server != "" {
		if _, _, err := net.SplitHostPort(t.Server); err != nil {
			return "server", "server", fmt.Errorf("%q is not host:port", t.Server)
		}
	}
	return "", "", nil
}

// addressProblem refuses what is no address, and what can be seen to be private
// without asking the network.
func (t Target) addressProblem() error {
	u, err := url.Parse(t.Webhook)
	switch {
	case dag.HoldsSecret(t.Webhook):
		return nil // what it is will be known when it is sent
	case err != nil, u.Host == "":
		return errors.New("this is no address, which has the form https://HOST/PATH")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("an address begins with http:// or https:// and not with %q", u.Scheme)
	case t.AllowPrivate:
		return nil
	}
	return privateName(u.Hostname())
}

func trimMail(err error) string {
	const prefix = "mail: "
	if s := err.Error(); len(s) > len(prefix) && s[:len(prefix)] == prefix {
		return s[len(prefix):]
	}
	return err.Error()
}

// Targets is one target or a list of them.
type Targets []Target

// DecodeNode implements text.NodeDecoder.
func (ts *Targets) DecodeNode(d *text.Decoder, n *text.Node) {
	items := []*text.Node{n}
	if n.Kind == text.Sequence {
		items = n.Items
	}
	if len(items) == 0 {
		d.Errorf(n, "target", "the list of targets is empty")
	}
	*ts = make(Targets, len(items))
	for i, it := range items {
		(*ts)[i].DecodeNode(d, it)
	}
}

// TypeText names the type for the reference pages.
func (Targets) TypeText() string { return Target{}.TypeText() + "; or a list of them" }

// JSONSchema implements dag.Schemed.
func (Targets) JSONSchema(b *dag.SchemaBuilder) dag.JSON {
	one := b.OrExpression(Target{}.JSONSchema(b))
	return dag.JSON{"anyOf": []any{dag.JSON{"type": "array", "items": one, "minItems": 1}, one}}
}
