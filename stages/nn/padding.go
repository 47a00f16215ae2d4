package nn

// A network whose layers all leave padding out gives the same bits whether the
// positions that are padding in a whole batch are computed or not: what is left out
// adds zeros at the end of sums whose order is fixed. So they are cut off, and texts
// that are much shorter than the input has room for cost what they are long.

// paddingBlind is implemented by layers for which padding behind a sequence changes
// nothing but the output at the padding itself.
type paddingBlind interface{ leavesPaddingOut() bool }

// leavesPaddingOut reports whether the mask that the first layer makes is heeded by
// every layer up to one that has no positions in its output.
func (n *Network) leavesPaddingOut() bool {
	for i, l := range n.Layers {
		if blind, ok := l.(paddingBlind); !ok || !blind.leavesPaddingOut() {
			return false
		}
		if len(n.shapes[i]) == 2 {
			return true
		}
	}
	return false
}

// cutPadding shortens a batch of tokens to its longest sequence.
func (n *Network) cutPadding(p *Pass, b *Batch) {
	if b.Tokens == nil || !n.cuts {
		return
	}
	rows, time := b.input.Shape[0], b.input.Shape[1]
	longest := 1
	for r := range rows {
		row := b.Tokens[r*time : (r+1)*time]
		end := time
		for end > longest && row[end-1] == 0 {
			end--
		}
		longest = end
	}
	if longest == time {
		return
	}
	cut := p.Tokens(rows, longest)
	for r := range rows {
		copy(cut.IDs[r*longest:(r+1)*longest], b.Tokens[r*time:])
	}
	b.input, b.Tokens = cut, cut.IDs
}

func (l *Embedding) leavesPaddingOut() bool          { return l.MaskZero }
func (l *BERT) leavesPaddingOut() bool               { return true }
func (l *Recurrent) leavesPaddingOut() bool          { return true }
func (l *PositionalEncoding) leavesPaddingOut() bool { return true }
func (l *MultiHeadAttention) leavesPaddingOut() bool { return true }
func (l *TransformerBlock) leavesPaddingOut() bool   { return true }
func (l *Dense) leavesPaddingOut() bool              { return true }
func (l *ActivationLayer) leavesPaddingOut() bool    { return true }
func (l *Dropout) leavesPaddingOut() bool            { return true }
func (l *LayerNorm) leavesPaddingOut() bool          { return true }
func (l *RMSNorm) leavesPaddingOut() bool            { return true }
func (l *UnitNorm) leavesPaddingOut() bool           { return true }
func (l *GlobalAvgPool) leavesPaddingOut() bool      { return true }
func (l *GlobalMaxPool) leavesPaddingOut() bool      { return true }
