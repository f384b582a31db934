package notify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

const (
	// giveUp bounds the phases that wait for the notifier.
	giveUp = 15 * time.Minute
	// step is how far the clock moves at once while days pass.
	step  = 12 * time.Hour
	every = time.Second

	// limit is the promise for endpoints that are well.
	limit = 2 * time.Second
)

// Options say how much is done; zero takes what the promise is made for.
type Options struct {
	Dir        string        // where the servers keep their files
	Deliveries int           // 10,000
	Accounts   int           // 10
	Endpoints  int           // of each account: 10
	Rate       int           // deliveries a second while events are published: 100; negative: all at once
	Timeout    time.Duration // that receivers are given: 5 s
	Say        func(string)  // hears of progress; may be nil
}

func (o Options) withDefaults() Options {
	set := func(n *int, byDefault int) {
		if *n == 0 {
			*n = byDefault
		}
	}
	set(&o.Deliveries, 10_000)
	set(&o.Accounts, 10)
	set(&o.Endpoints, 10)
	set(&o.Rate, 100)
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	return o
}

// Result is what was measured and counted.
type Result struct {
	Deliveries int `json:"deliveries"`
	Delivered  int `json:"delivered"`
	Ended      int `json:"ended"`   // failed or dropped, with their reason
	Lost       int `json:"lost"`    // without a row, without an end, or said to be delivered and never heard
	Doubled    int `json:"doubled"` // heard again after a 2xx
	Unlogged   int `json:"unlogged"`
	Unsigned   int `json:"unsigned"`
	Attempts   int `json:"attempts"`
	// Of those who are well, from the event to the request.
	HealthyP50 float64 `json:"healthy_p50_ms"`
	HealthyP95 float64 `json:"healthy_p95_ms"`
	HealthyP99 float64 `json:"healthy_p99_ms"`
	HealthyMax float64 `json:"healthy_max_ms"`
	// Of those who fail first, to the attempt that they accept.
	FailFirstP95 float64 `json:"fail_first_p95_ms"`
	Rate         float64 `json:"published_per_s"` // deliveries
	Timeout      float64 `json:"timeout_s"`
	Seconds      float64 `json:"seconds"`
	Passed       bool    `json:"passed"`
}

// told is one event that was published.
type told struct {
	account *account
	id      uuid.UUID
	at      time.Time
}

// Measure runs the whole.
func Measure(ctx context.Context, o Options) (_ Result, err error) {
	o = o.withDefaults()
	began := time.Now()
	r, err := newRig(ctx, o, zap.NewNop())
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	out := Result{Deliveries: o.Deliveries, Timeout: o.Timeout.Seconds()}
	o.Say(fmt.Sprintf("%d endpoints, %d deliveries", o.Accounts*o.Endpoints, o.Deliveries))
	events, err := r.publish(ctx, o, &out)
	if err != nil {
		return out, err
	}
	o.Say(fmt.Sprintf("published at %.0f deliveries a second", out.Rate))
	if err := r.await(ctx, 0, func() (bool, error) { return r.allHeard(events), nil }); err != nil {
		return out, fmt.Errorf("waiting for those who answer: %w", err)
	}
	o.Say(fmt.Sprintf("all who answer have everything, %.0f s after the beginning; days pass for the others", time.Since(began).Seconds()))
	err = r.await(ctx, step, func() (bool, error) {
		var pending int
		err := r.owner.QueryRow(ctx, `SELECT count(*) FROM deliveries WHERE status = 'pending'`).Scan(&pending)
		return pending == 0, err
	})
	if err != nil {
		return out, fmt.Errorf("waiting for the end of the others: %w", err)
	}
	if err := r.account(ctx, events, &out); err != nil {
		return out, err
	}
	out.Unsigned = int(r.receivers.unsigned.Load())
	out.Seconds = time.Since(began).Round(100 * time.Millisecond).Seconds()
	out.Passed = out.Delivered+out.Ended == out.Deliveries && out.Lost+out.Doubled+out.Unlogged+out.Unsigned == 0 && out.HealthyP95 <= float64(limit.Milliseconds())
	return out, nil
}

// publish tells each account in turn, at the rate.
func (r *rig) publish(ctx context.Context, o Options, out *Result) ([]told, error) {
	began := time.Now()
	events := make([]told, 0, o.Deliveries/o.Endpoints)
	for n := range o.Deliveries / o.Endpoints {
		if o.Rate > 0 {
			due := began.Add(time.Duration(float64(n*o.Endpoints) / float64(o.Rate) * float64(time.Second)))
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Until(due)):
			}
		}
		e := told{account: r.accounts[n%len(r.accounts)], id: uuid.Must(uuid.NewV7()), at: time.Now()}
		_, err := bus.Publish(ctx, r.bus, event.ProposalCreated, bus.Message[*eventv1.ProposalCreated]{
			ID: e.id, AccountID: e.account.id, Time: e.at, Body: &eventv1.ProposalCreated{ProposalId: uuid.NewString(), Title: "Checkout button does nothing", Confidence: 0.9},
		})
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	out.Deliveries = len(events) * o.Endpoints
	out.Rate = math.Round(float64(out.Deliveries) / time.Since(began).Seconds())
	return events, nil
}

func (r *rig) allHeard(events []told) bool {
	for _, e := range events {
		for _, one := range e.account.endpoints {
			if one.kind != silent && one.of(e.id).accepted == 0 {
				return false
			}
		}
	}
	return true
}

// await asks every second; days pass meanwhile if by is not 0.
func (r *rig) await(ctx context.Context, by time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, giveUp)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		ok, err := done()
		if err != nil || ok {
			return err
		}
		if by > 0 {
			if err := r.hurry(ctx, by); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// account compares what was published, what is recorded and what was heard.
func (r *rig) account(ctx context.Context, events []told, out *Result) error {
	type recorded struct {
		status, reason string
		attempts, log  int
	}
	type key struct{ endpoint, event uuid.UUID }
	rows, err := r.owner.Query(ctx, `SELECT d.endpoint_id, d.event_id, d.status, d.reason, d.attempts, count(a.*) FROM deliveries d
		LEFT JOIN delivery_attempts a ON a.delivery_id = d.id WHERE d.event_type = 'proposal.created' GROUP BY d.id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	book := map[key]recorded{}
	for rows.Next() {
		var k key
		var d recorded
		if err := rows.Scan(&k.endpoint, &k.event, &d.status, &d.reason, &d.attempts, &d.log); err != nil {
			return err
		}
		book[k] = d
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var well, failed []time.Duration
	for _, e := range events {
		for _, one := range e.account.endpoints {
			d, h := book[key{one.id, e.id}], one.of(e.id)
			out.Attempts += d.attempts
			out.Doubled += max(0, h.accepted-1)
			if d.log != d.attempts {
				out.Unlogged++
			}
			switch {
			case d.status == "delivered" && h.accepted > 0:
				out.Delivered++
			case (d.status == "failed" || d.status == "dropped") && d.reason != "" && h.accepted == 0:
				out.Ended++
			default:
				out.Lost++
			}
			switch one.kind {
			case healthy:
				well = append(well, h.at.Sub(e.at))
			case failFirst:
				failed = append(failed, h.at.Sub(e.at))
			case silent:
			}
		}
	}
	out.HealthyP50, out.HealthyP95, out.HealthyP99, out.HealthyMax = quantile(well, 0.5), quantile(well, 0.95), quantile(well, 0.99), quantile(well, 1)
	out.FailFirstP95 = quantile(failed, 0.95)
	return nil
}

// quantile is in milliseconds.
func quantile(all []time.Duration, q float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	at := all[int(math.Ceil(q*float64(len(all))))-1]
	return math.Round(at.Seconds() * 1000)
}
