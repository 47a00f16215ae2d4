package stages

import (
	"encoding/json"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag/dagtest"
	"pipe/stages/profile"
)

func TestProfileKind(t *testing.T) {
	s := dagtest.Store(t)
	in := dagtest.Table(t, s, peopleSchema, people)
	for with, want := range map[string]string{"{}": "name age full name since", "columns: [age, name]": "age name"} {
		out := dagtest.Run(t, s, dagtest.New(t, &Profile{}, with), map[string]artifacts.Ref{"in": in})
		b, err := s.ReadAll(out["statistics"])
		if err != nil {
			t.Fatal(err)
		}
		var p profile.Profile
		if err := json.Unmarshal(b, &p); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range p.Columns {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, " "); got != want || p.Rows != 3 {
			t.Errorf("%s: columns %s of %d rows", with, got, p.Rows)
		}
		if out["out"].Format != "html" {
			t.Errorf("the report is %s", out["out"].Format)
		}
		again := dagtest.Run(t, s, dagtest.New(t, &Profile{}, with), batched(t, s, in, 1))
		if again["out"] != out["out"] || again["statistics"] != out["statistics"] {
			t.Errorf("%s: other bytes when the rows come one by one", with)
		}
	}
	problemsOf(t, profileKind.New, peopleIn, map[string]string{"columns: [agee]": `columns[0]: people has no column "agee" (did you mean "age"?)`})
}
