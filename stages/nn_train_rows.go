package stages

// numberRows holds rows of numbers that are mostly zero, as word counts are: a
// row with few others keeps only those and their places. A row is written out
// when its batch is made.
type numberRows struct {
	width  int
	values []float32
	places []int32
	ends   []rowEnd // of each row
}

// rowEnd is where a row ends among the values and the places. A row without
// places holds all its values, or none.
type rowEnd struct{ values, places int }

// add takes rows that lie one after the other.
func (r *numberRows) add(rows []float32) {
	for len(rows) > 0 {
		row := rows[:r.width]
		rows = rows[r.width:]
		filled := 0
		for _, v := range row {
			if v != 0 {
				filled++
			}
		}
		if 2*filled >= r.width { // places would take more than the zeros
			r.values = append(r.values, row...)
		} else {
			for i, v := range row {
				if v != 0 {
					r.values, r.places = append(r.values, v), append(r.places, int32(i))
				}
			}
		}
		r.ends = append(r.ends, rowEnd{len(r.values), len(r.places)})
	}
}

// write fills dst, which has the width of a row, with row i.
func (r *numberRows) write(dst []float32, i int) {
	var begin rowEnd
	if i > 0 {
		begin = r.ends[i-1]
	}
	values, places := r.values[begin.values:r.ends[i].values], r.places[begin.places:r.ends[i].places]
	if len(values) == r.width {
		copy(dst, values)
		return
	}
	clear(dst)
	for j, at := range places {
		dst[at] = values[j]
	}
}

func (r *numberRows) bytes() int {
	return 4*(len(r.values)+len(r.places)) + 16*len(r.ends)
}
