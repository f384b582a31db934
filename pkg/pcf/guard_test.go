package pcf_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/pcf"
)

// Small distances from the usual come back every week here. A drop as never before, which lasted a week and ended with
// the deployment, is not one of those.
func TestATroubleOfAWeekThatEndsIsNotTakenForAReturn(t *testing.T) {
	t.Parallel()
	chance := rand.New(rand.NewPCG(1, 2))
	day := func(ratio float64) (d pcf.Day) {
		for range 250 {
			if chance.Float64() < ratio {
				d.Positive++
			} else {
				d.Negative++
			}
		}
		return d
	}
	in := pcf.Input{Metric: pcf.Ratio, FirstWeekday: time.Wednesday, Schedule: pcf.TwoWeeks()}
	const history, trouble = 98, 7
	for i := range history {
		ratio := .92
		if i >= history-trouble {
			ratio = .55
		}
		in.History = append(in.History, day(ratio))
	}
	for range 14 {
		in.Window = append(in.Window, day(.92))
	}
	in.Trigger = []int{history - trouble}
	r, err := pcf.Run(in)
	require.NoError(t, err)
	require.Equal(t, pcf.Improved, r.Verdict, "%s", r.Reason)
	require.Greater(t, r.WithoutTrigger.Estimate.D, r.Reading.Estimate.D/2)
}
