package detect

import (
	"time"

	"github.com/draftlabs/specter/pkg/anomaly"
)

// Options says how much is measured.
type Options struct {
	Seeds   int    // series of each kind
	Data    string // directory with known/, of real series; none when empty
	Without bool   // also measure the detector without each of its views, and the peer that takes minutes
}

// Result is what was measured.
type Result struct {
	Series, Rows int
	Kinds        []Kind         // in the order of the simulation
	Total        Tally          // of the detector, at its own threshold
	By           [origins]Tally // the same by the kinds' origin
	Best         Tally          // at the one threshold that is best in hindsight
	BestAt       float64        // that threshold
	Peers        []Peer         // plain detectors, each at the thresholds that are best in hindsight for each origin
	Views        []Peer         // the detector without one view each, at its own threshold
	Known        []Found        // real series whose event everybody knows
	NoKnown      string         // why there are none
	PointsPerS   float64        // of the detector on one core
	Bytes        int            // of its stored state
}

// Kind is the tally of the series of one kind.
type Kind struct {
	Name string
	Origin
	Tally
}

// Peer is the tally of another detector.
type Peer struct {
	Name string
	Tally
	By [origins]Tally // by the kinds' origin
}

// Measure simulates the series and runs every detector over them.
func Measure(o Options) (Result, error) {
	all := Simulate(o.Seeds)
	r := Result{Series: len(all), Bytes: anomaly.Bytes}
	start := time.Now()
	scored := run(all, product(anomaly.AllViews))
	took := time.Since(start)
	for _, s := range scored {
		r.Rows += len(s.Scores)
		t := s.Threshold(anomaly.Threshold)
		if len(r.Kinds) == 0 || r.Kinds[len(r.Kinds)-1].Name != s.Series.Kind {
			r.Kinds = append(r.Kinds, Kind{Name: s.Series.Kind, Origin: s.Series.Origin})
		}
		r.Kinds[len(r.Kinds)-1].Add(t)
		r.Total.Add(t)
		r.By[s.Series.Origin].Add(t)
	}
	r.PointsPerS = float64(r.Rows) / took.Seconds()
	r.BestAt, r.Best = Best(scored, anomaly.Threshold)
	by := map[Origin][]*Series{}
	for _, s := range all {
		by[s.Origin] = append(by[s.Origin], s)
	}
	for _, p := range peers() {
		if p.slow && !o.Without {
			continue
		}
		peer := Peer{Name: p.name}
		for origin := range peer.By {
			_, peer.By[origin] = Best(run(by[Origin(origin)], p.scores))
			peer.Add(peer.By[origin])
		}
		r.Peers = append(r.Peers, peer)
	}
	if o.Without {
		for _, v := range views() {
			without := Peer{Name: v.name}
			for _, s := range run(all, product(anomaly.AllViews&^v.view)) {
				t := s.Threshold(anomaly.Threshold)
				without.Add(t)
				without.By[s.Series.Origin].Add(t)
			}
			r.Views = append(r.Views, without)
		}
	}
	var err error
	r.Known, r.NoKnown, err = known(o.Data)
	return r, err
}

// scorer scores every row of a series.
type scorer func(s *Series) []float64

func run(all []*Series, f scorer) []Scored {
	scored := make([]Scored, len(all))
	for i, s := range all {
		scored[i] = Scored{Series: s, Scores: f(s)}
	}
	return scored
}

// product is the detector that is measured.
func product(views anomaly.View) scorer {
	return func(s *Series) []float64 {
		d := anomaly.New(anomaly.Options{Views: views})
		scores := make([]float64, len(s.Values))
		for i, value := range s.Values {
			scores[i] = d.Push(s.At[i], value).Score
		}
		return scores
	}
}

type namedView struct {
	name string
	view anomaly.View
}

func views() []namedView {
	return []namedView{
		{"value", anomaly.Value},
		{"innovation", anomaly.Innovation},
		{"level", anomaly.Level},
		{"spread", anomaly.Spread},
		{"season", anomaly.Season},
		{"shape", anomaly.Shape},
		{"drift", anomaly.Drift},
		{"shift", anomaly.Shift},
		{"roughness", anomaly.Roughness},
		{"rarity", anomaly.Rarity},
	}
}
