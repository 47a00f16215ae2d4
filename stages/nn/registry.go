package nn

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
)

// registry finds the kinds of one family (layers, losses, optimisers) by name.
// It is filled by init functions; the first look-up seals it.
type registry[T any] struct {
	family string
	makers map[string]func() T
	names  map[reflect.Type]string
	stored map[string]bool // kinds that nobody writes in a pipeline
	sealed atomic.Bool
}

func newRegistry[T any](family string) *registry[T] {
	return &registry[T]{family: family, makers: map[string]func() T{}, names: map[reflect.Type]string{}, stored: map[string]bool{}}
}

var (
	layers     = newRegistry[Layer]("layer")
	losses     = newRegistry[Loss]("loss")
	optimizers = newRegistry[Optimizer]("optimizer")
	schedules  = newRegistry[Schedule]("schedule")
)

// RegisterLayer makes a kind of layer known by the name that pipelines and
// stored networks use. The function returns a layer with its defaults filled in.
// A second registration of a name or of a type panics, and so does one that
// comes after the first look-up.
func RegisterLayer(name string, maker func() Layer) { layers.register(name, maker) }

// RegisterStoredLayer is RegisterLayer for a kind that only stored networks have: its
// configuration is made by a program, and LayerKinds does not list it.
func RegisterStoredLayer(name string, maker func() Layer) {
	layers.register(name, maker)
	layers.stored[name] = true
}

// RegisterLoss is RegisterLayer for losses.
func RegisterLoss(name string, maker func() Loss) { losses.register(name, maker) }

// RegisterOptimizer is RegisterLayer for optimisers.
func RegisterOptimizer(name string, maker func() Optimizer) { optimizers.register(name, maker) }

// RegisterSchedule is RegisterLayer for schedules of the learning rate.
func RegisterSchedule(name string, maker func() Schedule) { schedules.register(name, maker) }

// LayerKinds returns the sorted names of all kinds of layers.
func LayerKinds() []string { return layers.kinds() }

// LossKinds returns the sorted names of all losses.
func LossKinds() []string { return losses.kinds() }

// OptimizerKinds returns the sorted names of all optimisers.
func OptimizerKinds() []string { return optimizers.kinds() }

// ScheduleKinds returns the sorted names of all schedules.
func ScheduleKinds() []string { return schedules.kinds() }

// NewLayer returns a layer of the named kind with its defaults.
func NewLayer(name string) (Layer, error) { return layers.create(name) }

// NewLoss returns the named loss with its defaults.
func NewLoss(name string) (Loss, error) { return losses.create(name) }

// NewOptimizer returns the named optimiser with its defaults.
func NewOptimizer(name string) (Optimizer, error) { return optimizers.create(name) }

// NewSchedule returns the named schedule with its defaults.
func NewSchedule(name string) (Schedule, error) { return schedules.create(name) }

// LayerKind returns the name under which the layer's type is registered.
func LayerKind(l Layer) string { return layers.kindOf(l) }

// LossKind returns the name under which the loss' type is registered.
func LossKind(l Loss) string { return losses.kindOf(l) }

// OptimizerKind returns the name under which the optimiser's type is registered.
func OptimizerKind(o Optimizer) string { return optimizers.kindOf(o) }

func (r *registry[T]) register(name string, maker func() T) {
	t := reflect.TypeOf(maker())
	switch {
	case r.sealed.Load():
		panic(fmt.Sprintf("nn: %s %q is registered after the first look-up", r.family, name))
	case r.makers[name] != nil:
		panic(fmt.Sprintf("nn: %s %q is registered twice", r.family, name))
	case r.names[t] != "":
		panic(fmt.Sprintf("nn: %v is registered as %s %q and as %q", t, r.family, r.names[t], name))
	}
	r.makers[name] = maker
	r.names[t] = name
}

func (r *registry[T]) kinds() []string {
	r.sealed.Store(true)
	names := make([]string, 0, len(r.makers))
	for name := range r.makers {
		if !r.stored[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (r *registry[T]) create(name string) (T, error) {
	r.sealed.Store(true)
	maker := r.makers[name]
	if maker == nil {
		var none T
		return none, fmt.Errorf("unknown %s %q; there are: %s", r.family, name, strings.Join(r.kinds(), ", "))
	}
	return maker(), nil
}

func (r *registry[T]) kindOf(v T) string { return r.names[reflect.TypeOf(v)] }
