package telemetry

import (
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

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
	c := zap.NewProductionConfig()
	c.Level = zap.NewAtomicLevelAt(parsed)
	c.EncoderConfig.TimeKey = "time"
	c.EncoderConfig.MessageKey = "message"
	c.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	c.EncoderConfig.EncodeDuration = zapcore.SecondsDurationEncoder
	c.DisableStacktrace = true // errors carry their path in words; panics log their own stack
	log, err := c.Build(zap.WrapCore(func(zapcore.Core) zapcore.Core {
		core := zapcore.NewCore(zapcore.NewJSONEncoder(c.EncoderConfig), pseudonymous{zapcore.Lock(os.Stderr)}, c.Level)
		return zapcore.NewSamplerWithOptions(core, time.Second, c.Sampling.Initial, c.Sampling.Thereafter)
	}))
	if err != nil {
		return nil, fmt.Errorf("building the logger: %w", err)
	}
	return log.With(zap.String("service", service)), nil
}
