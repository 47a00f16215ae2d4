package dag

import "pipe/dag/text"

// Policies of a concurrency group, for a run that finds another one of its
// group under way.
const (
	PolicyQueue   = "queue"   // wait until the other has ended
	PolicySkip    = "skip"    // do not run
	PolicyReplace = "replace" // tell the other to stop, then run
)

// Concurrency puts the runs of a pipeline into a group of which one runs at a
// time. Without a group, runs of one pipeline go side by side and share work.
type Concurrency struct {
	Group  string `yaml:"group" doc:"the name of the group; pipelines may share it" required:"true"`
	Policy string `yaml:"policy" doc:"queue waits for the other run, skip does not run, replace stops the other" default:"queue" enum:"queue,skip,replace"`
}

// DecodeNode implements text.NodeDecoder: a word is the group.
func (c *Concurrency) DecodeNode(d *text.Decoder, n *text.Node) {
	type plain Concurrency
	if n.Kind == text.Scalar {
		if n.Value != nil {
			c.Group, c.Policy = n.Text(), PolicyQueue
		}
	} else {
		d.Known(n, (*plain)(c), "concurrency")
	}
	if c.Group != "" && !stageName().MatchString(c.Group) {
		d.Errorf(n, "name", "concurrency group %q: a name has letters (a to z, A to Z), digits, _ and -, and begins with a letter", c.Group)
	}
}
