package stages

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

func TestExpect(t *testing.T) {
	for _, c := range []struct{ with, err, report string }{
		{with: "rows: {min: 3, max: 3}", report: "met 3 to 3 rows (found 3 rows)"},
		{with: "rows: {min: 4}", err: "1 of 1 expectations are not met: at least 4 rows (found 3 rows)"},
		{with: "rows: {max: 2}", err: "1 of 1 expectations are not met: at most 2 rows (found 3 rows)"},
		{with: "columns: {age: {type: int64, min: 0, max: 120}}", report: `met column "age": type int64|met column "age": at least 0|met column "age": at most 120`},
		{with: "columns: {age: {min: 10}}", err: `1 of 1 expectations are not met: column "age": at least 10: 1 row fails, the first 3 (found 7)`},
		{with: "columns: {age: {max: 10, max_failing: 0.5}}", report: `met column "age": at most 10, but for 50 % of the rows: 1 row fails, the first 1 (found 41)`},
		{with: "columns: {age: {max_null_rate: 0}}", err: `1 of 1 expectations are not met: column "age": at most 0 % nulls: 1 row fails, the first 2 (found 33.33 %)`},
		{with: "columns: {age: {max_null_rate: 0.4}}", report: `met column "age": at most 40 % nulls: 1 row fails, the first 2`},
		{with: "columns: {name: {in: [ann, bo], min_length: 3, max_length: 2, matches: '^a'}}", err: `4 of 4 expectations are not met: column "name": one of ann, bo: 1 row fails, the first 3 (found "cy"); ` +
			`column "name": text that matches ^a: 2 rows fail, the first 2, 3 (found "bo"); column "name": at least 3 characters: 2 rows fail, the first 2, 3 (found "bo"); column "name": at most 2 characters: 1 row fails, the first 1 (found "ann")`},
		{with: "columns: {age: {in: [41, 7], unique: true}}", report: `met column "age": one of 41, 7|met column "age": no value twice`},
		{with: "columns: {since: {newest_after: 2026-01-01}}", report: `met column "since": the newest value is after 2026-01-01 (found 2026-01-02T00:00:00Z)`},
		{with: "columns: {since: {newest_after: 2026-02-01T00:00:00Z, severity: warn}}", report: `unmet column "since": the newest value is after 2026-02-01T00:00:00Z (found 2026-01-02T00:00:00Z)`},
		{with: "rules: [{where: age > 10}]", err: "1 of 1 expectations are not met: age > 10: 1 row fails, the first 3"},
		{with: "rules: [{where: age > 10, severity: warn}, {where: age > 0}]", report: "unmet age > 10: 1 row fails, the first 3|met age > 0"},
		{with: "rules: [{where: 1 / (age - 7) >= 0}]", err: "row 3: 1 / (age - 7) >= 0: division by zero"},
	} {
		s := dagtest.Store(t)
		k := dagtest.New(t, &Expect{}, c.with)
		if _, problems := dagtest.Check(k, peopleIn); problems != "" {
			t.Errorf("%s: %s", c.with, problems)
		}
		in := dagtest.Table(t, s, peopleSchema, people)
		out, _, err := dag.RunKind(context.Background(), s, k, map[string][]artifacts.Ref{"in": {in}}, 7, nil, t.TempDir(), nil)
		if errorText(err) != c.err {
			t.Errorf("%s:\n got %v\nwant %s", c.with, err, c.err)
		}
		if err != nil {
			continue
		}
		if out["out"] != in {
			t.Errorf("%s: the table changed", c.with)
		}
		b, err := s.ReadAll(out["report"])
		if err != nil {
			t.Fatal(err)
		}
		var r expectReport
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, f := range r.Checks {
			lines = append(lines, map[bool]string{true: "met ", false: "unmet "}[f.Met]+f.String())
		}
		if got := strings.Join(lines, "|"); got != c.report || r.Rows != 3 || !r.Met {
			t.Errorf("%s:\n got %s\nwant %s", c.with, got, c.report)
		}
	}
}

func TestExpectUnique(t *testing.T) {
	s := dagtest.Store(t)
	in := dagtest.Table(t, s, docsSchema, `[{"text":"a"},{"text":"b"},{"text":null},{"text":"a"},{"text":null},{"text":"a"}]`)
	for _, size := range []int{1, 2, 6} {
		_, err := dagtest.TryRun(t, s, dagtest.New(t, &Expect{}, "columns: {text: {unique: true}}"), batched(t, s, in, size))
		if want := `1 of 1 expectations are not met: column "text": no value twice: 2 rows fail, the first 4, 6 (found "a")`; errorText(err) != want {
			t.Errorf("in batches of %d: %v, want %s", size, err, want)
		}
	}
}

func TestExpectProblems(t *testing.T) {
	problemsOf(t, expectKind.New, peopleIn, map[string]string{
		"columns: {agee: {min: 1}}":                   `columns.agee: people has no column "agee" (did you mean "age"?)`,
		"columns: {name: {min: 1}}":                   `columns.name.min: is for numbers; "name" is string`,
		"columns: {age: {matches: '['}}":              "columns.age.matches: error parsing regexp: missing closing ]: `[`\ncolumns.age.matches: is for text; \"age\" is int64",
		"columns: {age: {type: string}}":              `columns.age.type: "age" is int64`,
		"columns: {age: {min: 2, max: 1}}":            `columns.age.min: must not be above max, is 2 and max is 1`,
		"columns: {since: {newest_after: yesterday}}": `columns.since.newest_after: "yesterday" is no date or time; write it as 2026-11-23 or 2026-11-23T18:00:00Z`,
		"columns: {name: {newest_after: 2026-01-01}}": `columns.name.newest_after: is for dates or times; "name" is string`,
		"rules: [{where: agee > 1}]":                  `rules[0].where@1:1: nothing is named "agee" here (did you mean "age"?)`,
	})
	for with, want := range map[string]string{
		"rules: [{max_failing: 0.1}]":  "1:9: rules.where is missing (an expression over the columns (CEL) that must be true; a row for which it cannot be computed because of a null counts as met)",
		"columns: {age: {minimum: 1}}": `1:17: unknown key "minimum" in columns.age (known keys: type, max_null_rate, min, max, in, matches, min_length, max_length, unique, newest_after, max_failing, severity)`,
	} {
		if got := dagtest.Decode(&Expect{}, with); got != want {
			t.Errorf("%s:\n got %s\nwant %s", with, got, want)
		}
	}
}
