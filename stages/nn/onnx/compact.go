package onnx

// compaction moves the masked steps of sequences to their ends, because ONNX'
// recurrent operators know padding only there (sequence_lens), while ours carry
// the state over masked steps wherever they are. The states of the remaining
// steps are the same in both, so that this is exact.
type compaction struct {
	order   string // (batch, time): which step comes to each place
	lengths string // (batch), int32: how many steps remain
	ahead   string // (batch, time): where the state of a step is, reading forwards
	back    string // the same, reading backwards
}

// compact computes the compaction of a mask (batch, time), once, by TopK-11 and
// CumSum-14.
func (g *builder) compact(mask string, time int) compaction {
	if c, ok := g.compactions[mask]; ok {
		return c
	}
	kept := g.op("Cast", in(mask), intAttribute("to", int(Int64)))
	late := make([]int64, time)
	for t := range late {
		late[t] = int64(time + t)
	}
	// The key of a step that remains is its place, that of a masked one comes
	// after all of those.
	size, none := g.int(int64(time)), g.int(0)
	key := g.op("Sub", in(g.ints(late...), g.op("Mul", in(kept, size))))
	sorted := g.ops("TopK", 2, in(key, g.ints(int64(time))), intAttribute("axis", 1), intAttribute("largest", 0), intAttribute("sorted", 1))
	total := g.op("ReduceSum", in(kept, g.ints(1)), intAttribute("keepdims", 1))
	lengths := g.op("Cast", in(g.op("Squeeze", in(total, g.ints(1)))), intAttribute("to", int(Int32)))

	// Reading forwards a step has the state of the last one up to itself that
	// remains, backwards of the first one from itself on; without any, the place
	// after the last step, where spread puts the initial state.
	count := g.op("CumSum", in(kept, g.int(1)))
	ahead := g.op("Where", in(g.op("Greater", in(count, none)), g.op("Sub", in(count, g.int(1))), size))
	first := g.op("Sub", in(count, kept))
	back := g.op("Where", in(g.op("Less", in(first, total)), first, size))

	c := compaction{order: sorted[1], lengths: lengths, ahead: ahead, back: back}
	g.compactions[mask] = c
	return c
}

// gather picks the steps of x (batch, time, features) that places (batch, time)
// tells, by GatherND-13.
func (g *builder) gather(x, places string) string {
	return g.op("GatherND", in(x, g.op("Unsqueeze", in(places, g.ints(2)))), intAttribute("batch_dims", 1))
}

// spread undoes a compaction: states (batch, time, direction, units) of the steps
// that remain become those of all steps, (batch, time, direction·units). initial is the
// state before the first step, (direction, batch, units), "" for zeros.
func (g *builder) spread(states string, c compaction, directions int, initial string) string {
	var parts []string
	for i, places := range []string{c.ahead, c.back}[:directions] {
		one := g.op("Gather", in(states, g.int(int64(i))), intAttribute("axis", 2))
		if initial == "" {
			one = g.op("Pad", in(one, g.ints(0, 0, 0, 0, 1, 0)))
		} else {
			before := g.op("Unsqueeze", in(g.op("Gather", in(initial, g.int(int64(i)))), g.ints(1)))
			one = g.op("Concat", in(one, before), intAttribute("axis", 1))
		}
		parts = append(parts, g.gather(one, places))
	}
	return g.op("Concat", parts, intAttribute("axis", 2))
}
