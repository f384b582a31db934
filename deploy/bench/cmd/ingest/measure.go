package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/deploy/bench/load"
	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/event"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

const (
	connections = 256
	crowd       = 1000 // connections while memory is measured
	perBatch    = 50
	idleTries   = 200
	// warmUp is long enough for the gateway to fill its messages.
	warmUp = 500 * time.Millisecond
)

// signal is what the script tag sends of a click.
const signal = `{"type":"page_view","payload":{"url":"https://shop.example/checkout/pay","path":"/checkout/pay","element":"main > form.checkout > button.primary","text":"Pay now","browser":"Firefox","release":"2.3.1"},"session_id":"019cb3f2-7d1e-7c40-9a6b-5e2f8c1d4b7a"}`

// rig is everything under measurement.
type rig struct {
	plan          plan
	gateway, echo *child
	broker        *child
	gatewayAddr   string
	echoAddr      string
	bus           *bus.Bus
	single, batch contender
	packed        message
}

// message is one that the gateway itself made under load.
type message struct {
	body    []byte
	signals int64
}

// contender is one request against the gateway and its peer.
type contender struct{ ours, peer []byte }

func measure(ctx context.Context, p plan) (r result, err error) {
	rig, closeRig, err := build(ctx, p)
	if err != nil {
		return result{}, err
	}
	defer closeRig()
	if rig.packed, err = rig.fullest(ctx); err != nil {
		return result{}, err
	}
	// Each round gives every contender a turn, so that a neighbour's burst hits all alike.
	for range p.rounds {
		if err := rig.round(ctx, &r); err != nil {
			return result{}, err
		}
	}
	if err := rig.idle(ctx, &r); err != nil {
		return result{}, err
	}
	return r, rig.memory(ctx, &r)
}

func build(ctx context.Context, p plan) (_ *rig, closeRig func(), err error) {
	var closers []func()
	closeRig = func() {
		for _, f := range slices.Backward(closers) {
			f()
		}
	}
	defer func() {
		if err != nil {
			closeRig()
		}
	}()
	g := &rig{plan: p}
	if g.broker, err = startSelf("broker", filepath.Join(p.dir, "broker")); err != nil {
		return nil, closeRig, err
	}
	closers = append(closers, g.broker.stop)
	if g.echo, err = startSelf("echo"); err != nil {
		return nil, closeRig, err
	}
	closers = append(closers, g.echo.stop)
	g.echoAddr = g.echo.first
	if g.bus, err = bus.Connect(ctx, bus.Options{URL: g.broker.first, Name: "bench"}); err != nil {
		return nil, closeRig, fmt.Errorf("connecting: %w", err)
	}
	closers = append(closers, func() { _ = g.bus.Close(context.WithoutCancel(ctx)) })
	if err := g.bus.EnsureStreams(ctx); err != nil {
		return nil, closeRig, fmt.Errorf("making the streams: %w", err)
	}
	key, err := g.tenant(ctx)
	if err != nil {
		return nil, closeRig, err
	}
	if g.gateway, g.gatewayAddr, err = startGateway(ctx, p.gateway, g.broker.first); err != nil {
		return nil, closeRig, err
	}
	closers = append(closers, g.gateway.stop)
	many := []byte("[" + strings.Repeat(signal+",", perBatch-1) + signal + "]")
	g.single = contender{
		ours: load.Post(g.gatewayAddr, "/api/signals", []byte(signal), "x-api-key", key),
		peer: load.Post(g.echoAddr, "/single", []byte(signal), "x-api-key", key),
	}
	g.batch = contender{
		ours: load.Post(g.gatewayAddr, "/api/signals", many, "x-api-key", key),
		peer: load.Post(g.echoAddr, "/batch", many, "x-api-key", key),
	}
	return g, closeRig, nil
}

// tenant enters one product and its key into the catalogue, as the dashboard would.
func (g *rig) tenant(ctx context.Context) (key string, err error) {
	key = apikey.New(apikey.Ingest)
	account, product, home := uuid.NewString(), uuid.New(), uuid.NewString()
	bucket, err := g.bus.JetStream().KeyValue(ctx, event.CatalogBucket)
	if err != nil {
		return "", fmt.Errorf("opening the catalogue: %w", err)
	}
	for name, entry := range map[string]proto.Message{
		catalog.ProductName(product): &catalogv1.Product{
			ProductId: product.String(), AccountId: account, DefaultContextId: home, ContextIds: []string{home},
		},
		catalog.KeyName(apikey.Hash(key)): &catalogv1.Key{KeyId: uuid.NewString(), AccountId: account, ProductId: product.String()},
	} {
		value, err := proto.Marshal(entry)
		if err != nil {
			return "", fmt.Errorf("encoding the catalogue: %w", err)
		}
		if _, err := bucket.Put(ctx, name, value); err != nil {
			return "", fmt.Errorf("writing the catalogue: %w", err)
		}
	}
	return key, nil
}

func (g *rig) round(ctx context.Context, r *result) error {
	for _, turn := range []struct {
		addr    string
		request []byte
		into    *tally
		per     int64
	}{
		{g.echoAddr, g.single.peer, &r.singlePeer, 1},
		{g.gatewayAddr, g.single.ours, &r.single, 1},
		{g.echoAddr, g.batch.peer, &r.batchPeer, perBatch},
		{g.gatewayAddr, g.batch.ours, &r.batch, perBatch},
	} {
		before := g.processorTime()
		got, err := load.Run(ctx, load.Options{Addr: turn.addr, Request: turn.request, Connections: connections, Duration: g.plan.turn})
		if err != nil {
			return err
		}
		turn.into.add(got, turn.per)
		turn.into.processor += g.processorTime() - before
	}
	if err := g.raw(ctx, r); err != nil {
		return err
	}
	return g.purge(ctx)
}

// purge makes room in the stream, which is bounded.
func (g *rig) purge(ctx context.Context) error {
	stream, err := g.bus.JetStream().Stream(ctx, event.Signals().Name)
	if err != nil {
		return fmt.Errorf("opening the stream: %w", err)
	}
	if err := stream.Purge(ctx); err != nil {
		return fmt.Errorf("emptying the stream: %w", err)
	}
	return nil
}

// fullest warms the gateway up and returns the message it put the most signals in.
func (g *rig) fullest(ctx context.Context) (most message, err error) {
	if _, err := load.Run(ctx, load.Options{Addr: g.gatewayAddr, Request: g.batch.ours, Connections: connections, Duration: warmUp}); err != nil {
		return message{}, err
	}
	stream, err := g.bus.JetStream().Stream(ctx, event.Signals().Name)
	if err != nil {
		return message{}, fmt.Errorf("opening the stream: %w", err)
	}
	state := stream.CachedInfo().State
	for sequence := state.FirstSeq; sequence <= state.LastSeq; sequence++ {
		raw, err := stream.GetMsg(ctx, sequence)
		if err != nil {
			return message{}, fmt.Errorf("reading a message: %w", err)
		}
		var batch eventv1.SignalBatch
		if err := proto.Unmarshal(raw.Data, &batch); err != nil {
			return message{}, fmt.Errorf("reading a message: %w", err)
		}
		if signals := int64(len(batch.GetSignals())); signals > most.signals {
			most = message{body: raw.Data, signals: signals}
		}
	}
	if most.signals == 0 {
		return message{}, errors.New("the gateway stored nothing while it was warmed up")
	}
	return most, g.purge(ctx)
}

// raw publishes a full message of the gateway's own over and over, under a new id each time, as fast as
// the broker confirms it: the gateway, too, has one message in flight.
func (g *rig) raw(ctx context.Context, r *result) error {
	began := time.Now()
	for time.Since(began) < g.plan.turn {
		if _, err := bus.PublishEncoded(ctx, g.bus, event.SignalBatch, bus.Encoded{ID: uuid.New(), Time: time.Now(), Body: g.packed.body}); err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
		r.raw.signals += g.packed.signals
	}
	r.raw.elapsed += time.Since(began)
	return nil
}

// idle compares a lone client's wait with a lone write and sync of the same bytes.
func (g *rig) idle(ctx context.Context, r *result) error {
	file, err := os.Create(filepath.Join(g.plan.dir, "sync"))
	if err != nil {
		return fmt.Errorf("making a file to sync: %w", err)
	}
	defer file.Close()
	var syncs []time.Duration
	var times load.Times
	for range 4 {
		for range idleTries / 4 {
			began := time.Now()
			if _, err := file.WriteString(signal); err != nil {
				return fmt.Errorf("writing: %w", err)
			}
			if err := file.Sync(); err != nil {
				return fmt.Errorf("syncing: %w", err)
			}
			syncs = append(syncs, time.Since(began))
		}
		got, err := load.Run(ctx, load.Options{Addr: g.gatewayAddr, Request: g.single.ours, Connections: 1, Duration: g.plan.turn / 4})
		if err != nil {
			return err
		}
		if got.Refused > 0 {
			return errors.New("a lone client was refused")
		}
		times.Add(&got.Times)
	}
	slices.Sort(syncs)
	r.fsyncP50, r.idleP50 = syncs[len(syncs)/2], times.Quantile(0.5)
	return nil
}

// memory reads how much the gateway holds while a crowd sends.
func (g *rig) memory(ctx context.Context, r *result) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sampled := make(chan int64, 1)
	go func() {
		peak := int64(0)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			peak = max(peak, residentKiB(g.gateway.pid()))
			select {
			case <-ctx.Done():
				sampled <- peak
				return
			case <-tick.C:
			}
		}
	}()
	for _, request := range [][]byte{g.single.ours, g.batch.ours} {
		got, err := load.Run(ctx, load.Options{Addr: g.gatewayAddr, Request: request, Connections: crowd, Duration: g.plan.turn})
		if err != nil {
			return err
		}
		r.crowdRefused += got.Refused
	}
	cancel()
	r.crowdKiB = <-sampled
	return nil
}

// processorTime is what all processes of the measurement have used: a figure that neighbours on the
// machine disturb less than they do the rates.
func (g *rig) processorTime() time.Duration {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	total := time.Duration(0)
	for _, pid := range []int{os.Getpid(), g.gateway.pid(), g.broker.pid(), g.echo.pid()} {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) > 12 {
			user, _ := strconv.Atoi(fields[11])
			system, _ := strconv.Atoi(fields[12])
			total += time.Duration(user+system) * tick
		}
	}
	return total
}

// residentKiB reads VmRSS, 0 where there is no /proc.
func residentKiB(pid int) int64 {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	value, _, _ := strings.Cut(rest, "kB")
	kib, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	return kib
}
