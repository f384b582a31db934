package telemetry

import (
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Of one message sampleFirst lines a second are written, then every sampleEvery-th.
const sampleFirst, sampleEvery = 100, 100

// ParseLevel reads the lowest level that is logged.
func ParseLevel(level string) (zapcore.Level, error) {
	parsed, err := zapcore.ParseLevel(level)
	if err != nil {
		return parsed, fmt.Errorf("reading the log level (debug, info, warn or error): %w", err)
	}
	return parsed, nil
}

// NewLogger returns a logger that writes JSON lines to stderr from level on ("debug", "info",
// "warn", "error"), each with the service's name. Lines name nobody: see [Pseudonym]. Repeated lines are sampled: of one message the
// first 100 in a second, then every hundredth.
func NewLogger(level, service string) (*zap.Logger, error) {
	parsed, err := ParseLevel(level)
	if err != nil {
		return nil, err
	}
	encoder := zap.NewProductionEncoderConfig()
	encoder.TimeKey = "time"
	encoder.MessageKey = "message"
	encoder.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	encoder.EncodeDuration = zapcore.SecondsDurationEncoder
	stderr := zapcore.Lock(os.Stderr)
	core := zapcore.NewCore(zapcore.NewJSONEncoder(encoder), pseudonymous{stderr}, parsed)
	core = zapcore.NewSamplerWithOptions(core, time.Second, sampleFirst, sampleEvery)
	// No stack traces: errors carry their path in words; panics log their own stack.
	log := zap.New(core, zap.AddCaller(), zap.ErrorOutput(stderr))
	return log.With(zap.String("service", service)), nil
}
