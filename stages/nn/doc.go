// Package nn owns neural networks: float32 tensors with reverse-mode
// differentiation, layers, losses, optimisers, the training loop and the
// formats in which a network is stored.
//
// A layer is a struct whose exported fields are its configuration. The tags
// `yaml`, `doc`, `default`, `min`, `max`, `enum` and `required` describe the
// fields to whoever decodes them; this package itself reads only the names. A
// layer answers three questions in turn: OutShape (what would come out; nothing
// is allocated), Build (allocate and initialise the parameters) and Forward
// (compute). Layers, losses and optimisers are found by name in registries that
// are filled at start and refuse duplicates.
//
// # Memory
//
// Everything that one forward and backward pass needs lives in a Pass: its
// tensors, its buffers and its tape. Reset takes them back, so that a training
// step allocates nothing once the first ones have shown how much is needed.
//
// # Determinism
//
// Equal inputs give equal bits, whatever GOMAXPROCS is. Every sum has one fixed
// order, work is split by output rows or into as many chunks on any machine, and every random draw comes from a
// generator that is derived from the seed, its purpose, the epoch and the step;
// a training that is continued from a checkpoint ends with the bits of an
// uninterrupted one.
//
// # Defaults
//
// Where a name is Keras' (dense, lstm, adam, glorot_uniform, …) the defaults are
// Keras' as well: the initialisers, Adam's epsilon of 1e-7, the unit forget bias
// of the LSTM, the reset_after form of the GRU. Parameters are named and laid
// out as in PyTorch: weight is (out, in), the gates of an LSTM are i, f, g, o.
package nn
