package expr

import "strings"

// Cache keeps scopes and programs by what they are made of: a pipeline has
// thousands of expressions, of which most are the same few over the same
// variables. It is for one goroutine; the zero value is ready.
type Cache struct {
	scopes   map[string]*Scope
	programs map[string]*Program
}

// Compile is NewScope and Scope.Compile.
func (c *Cache) Compile(vars Vars, source string, want ...Type) (*Program, error) {
	if c.scopes == nil {
		c.scopes, c.programs = map[string]*Scope{}, map[string]*Program{}
	}
	var b strings.Builder
	vars.describe(&b)
	declared := b.String()
	b.WriteString("\x00" + source)
	for _, w := range want {
		b.WriteString("\x00" + w.String())
	}
	if p, ok := c.programs[b.String()]; ok {
		return p, nil
	}
	s, ok := c.scopes[declared]
	if !ok {
		var err error
		if s, err = NewScope(vars); err != nil {
			return nil, err
		}
		c.scopes[declared] = s
	}
	p, err := s.Compile(source, want...)
	if err == nil {
		c.programs[b.String()] = p
	}
	return p, err
}

// describe writes the variables so that equal text means equal variables.
func (v Vars) describe(b *strings.Builder) {
	b.WriteByte('{')
	for _, name := range v.Names() {
		b.WriteString(name + "\x01" + v[name].String())
		if v[name].fields != nil {
			v[name].fields.describe(b)
		}
		b.WriteByte('\x02')
	}
	b.WriteByte('}')
}
