package expr

import "testing"

func TestCacheTellsVariablesApart(t *testing.T) {
	var c Cache
	one := Vars{"m": Object("m", Vars{"a": Int}), "x": Int}
	p, err := c.Compile(one, "m.a + x", Int)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Compile(Vars{"m": Object("m", Vars{"a": Int}), "x": Int}, "m.a + x", Int); err != nil || again != p {
		t.Errorf("equal variables compile again (%v)", err)
	}
	for _, other := range []Vars{
		{"m": Object("m", Vars{"b": Int}), "x": Int},
		{"m": Object("m", Vars{"a": String}), "x": Int},
		{"m": Object("m", Vars{"a": Int})},
	} {
		if _, err := c.Compile(other, "m.a + x", Int); err == nil {
			t.Errorf("%v: a program over other variables is taken", other)
		}
	}
	if _, err := c.Compile(one, "m.a + x", Bool); err == nil {
		t.Error("a program of another type is taken")
	}
}
