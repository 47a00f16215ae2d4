package nn

import "math"

func init() {
	RegisterSchedule("constant", func() Schedule { return &Constant{} })
	RegisterSchedule("step", func() Schedule { return &StepDecay{Epochs: 10, Factor: 0.1} })
	RegisterSchedule("cosine", func() Schedule { return &Cosine{} })
	RegisterSchedule("linear", func() Schedule { return &LinearDecay{} })
	RegisterSchedule("one_cycle", func() Schedule { return &OneCycle{WarmUp: 0.25} })
	RegisterSchedule("plateau", func() Schedule { return &Plateau{Factor: 0.1, Patience: 10} })
}

// Schedule changes the learning rate while a training goes on.
type Schedule interface {
	// At returns what the optimiser's learning rate is multiplied by for the next
	// update. It depends on nothing but the progress.
	At(p Progress) float64
}

// Progress is where a training stands before an update.
type Progress struct {
	Update    int       // number of the update, the first is 0
	Updates   int       // in the whole training
	Epoch     int       // finished epochs
	Monitored []float64 // what stopping monitors, by epoch; smaller is better
}

// warmUp returns the factor of a linear warm-up from 0 over some updates, 1 after
// it (Goyal et al. 2017).
func warmUp(p Progress, updates int) float64 {
	return min(1, float64(p.Update+1)/float64(max(updates, 1)))
}

// Constant keeps the learning rate, but for a warm-up.
type Constant struct {
	WarmUp int `yaml:"warmup_steps" doc:"updates over which the rate grows from 0" default:"0" min:"0"`
}

// At implements Schedule.
func (s *Constant) At(p Progress) float64 { return warmUp(p, s.WarmUp) }

// StepDecay multiplies the learning rate by a factor every so many epochs.
// PyTorch: StepLR.
type StepDecay struct {
	Epochs int     `yaml:"epochs" doc:"epochs between two changes" default:"10" min:"1"`
	Factor float64 `yaml:"factor" doc:"what the rate is multiplied by" default:"0.1" above:"0" max:"1"`
	WarmUp int     `yaml:"warmup_steps" doc:"updates over which the rate grows from 0" default:"0" min:"0"`
}

// At implements Schedule.
func (s *StepDecay) At(p Progress) float64 {
	return warmUp(p, s.WarmUp) * math.Pow(s.Factor, float64(p.Epoch/s.Epochs))
}

// Cosine lowers the learning rate along half a cosine from the end of the warm-up
// to the end of the training (Loshchilov and Hutter 2017).
type Cosine struct {
	Final  float64 `yaml:"final" doc:"share of the rate that is left at the end" default:"0" min:"0" max:"1"`
	WarmUp int     `yaml:"warmup_steps" doc:"updates over which the rate grows from 0" default:"0" min:"0"`
}

// At implements Schedule.
func (s *Cosine) At(p Progress) float64 {
	if p.Update < s.WarmUp {
		return warmUp(p, s.WarmUp)
	}
	return s.Final + (1-s.Final)*0.5*(1+math.Cos(math.Pi*after(p, s.WarmUp)))
}

// LinearDecay lowers the learning rate in a straight line from the end of the
// warm-up to the end of the training.
type LinearDecay struct {
	Final  float64 `yaml:"final" doc:"share of the rate that is left at the end" default:"0" min:"0" max:"1"`
	WarmUp int     `yaml:"warmup_steps" doc:"updates over which the rate grows from 0" default:"0" min:"0"`
}

// At implements Schedule.
func (s *LinearDecay) At(p Progress) float64 {
	if p.Update < s.WarmUp {
		return warmUp(p, s.WarmUp)
	}
	return 1 - (1-s.Final)*after(p, s.WarmUp)
}

// OneCycle raises the learning rate in a straight line from 0 over a share of the
// training and lowers it in another to the end, whatever the number of rows (Smith and
// Topin 2018), so that the greatest rate may be several times a usual one.
type OneCycle struct {
	WarmUp float64 `yaml:"warmup" doc:"share of the training over which the rate grows" default:"0.25" above:"0" below:"1"`
	Final  float64 `yaml:"final" doc:"share of the rate that is left at the end" default:"0" min:"0" max:"1"`
}

// At implements Schedule.
func (s *OneCycle) At(p Progress) float64 {
	warm := max(1, int(math.Round(s.WarmUp*float64(p.Updates))))
	if p.Update < warm {
		return warmUp(p, warm)
	}
	return 1 - (1-s.Final)*after(p, warm)
}

// after returns how much of the training after the warm-up is done, 0 to 1.
func after(p Progress, warm int) float64 {
	return min(1, float64(p.Update-warm)/float64(max(p.Updates-warm, 1)))
}

// Plateau multiplies the learning rate by a factor when what is monitored has not
// improved for some epochs. Keras and PyTorch: ReduceLROnPlateau.
type Plateau struct {
	Factor   float64 `yaml:"factor" doc:"what the rate is multiplied by" default:"0.1" above:"0" below:"1"`
	Patience int     `yaml:"patience" doc:"epochs without improvement" default:"10" min:"1"`
	MinDelta float64 `yaml:"min_delta" doc:"what counts as an improvement" default:"0" min:"0"`
}

// At implements Schedule. It goes through the epochs again each time, so that
// there is nothing to remember.
func (s *Plateau) At(p Progress) float64 {
	factor, waited, best := 1.0, 0, math.Inf(1)
	for _, v := range p.Monitored {
		if v < best-s.MinDelta {
			best, waited = v, 0
			continue
		}
		if waited++; waited >= s.Patience {
			factor, waited = factor*s.Factor, 0
		}
	}
	return factor
}
