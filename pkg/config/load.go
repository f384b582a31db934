package config

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Setting describes one setting for people.
type Setting struct {
	Name    string
	Default string
	Doc     string // what it is, its unit, what happens without it
	Type    string
	Owner   string // the module that declares it
	Secret  bool
}

// Shown is the value in force as it may be printed: a secret only says whether it is set.
func (s Setting) Shown(src Source) string {
	value, set := src[s.Name]
	switch {
	case set && s.Secret:
		return "(set)"
	case set:
		return value
	default:
		return s.Default
	}
}

// Load fills a T from src: `env` names a field's setting, `envDefault` its default and a
// `,required` option makes absence an error. All problems are reported at once.
func Load[T any](src Source) (T, error) {
	environment := map[string]string(src)
	if environment == nil {
		environment = map[string]string{} // nil would mean the process environment
	}
	v, err := env.ParseAsWithOptions[T](env.Options{Environment: environment})
	if err != nil {
		var all env.AggregateError
		if errors.As(err, &all) {
			err = errors.Join(named(all.Errors, reflect.TypeFor[T]())...)
		}
		return v, fmt.Errorf("reading settings: %w", err)
	}
	return v, nil
}

// named has the errors that tell of a struct's field tell of its setting instead.
func named(errs []error, t reflect.Type) []error {
	settings := map[string]string{}
	for f, name := range fields(t) {
		settings[f.Name] = name
	}
	out := make([]error, len(errs))
	for i, err := range errs {
		out[i] = err
		var parse env.ParseError
		if !errors.As(err, &parse) {
			continue
		}
		out[i] = fmt.Errorf("%s: %w", settings[parse.Name], parse.Err)
		if parse.Type == reflect.TypeFor[time.Duration]() {
			out[i] = fmt.Errorf("%w (write it like 500ms, 30s or 24h)", out[i])
		}
	}
	return out
}

// Describe lists the settings that T declares, in order, nested structs included.
func Describe[T any](owner string) []Setting {
	var out []Setting
	for f, name := range fields(reflect.TypeFor[T]()) {
		out = append(out, Setting{
			Name:    name,
			Default: f.Tag.Get("envDefault"),
			Doc:     f.Tag.Get("doc"),
			Type:    f.Type.String(),
			Owner:   owner,
			Secret:  f.Tag.Get("secret") == "true",
		})
	}
	return out
}

// fields yields the fields of t that hold a setting, nested structs included, with its name.
func fields(t reflect.Type) iter.Seq2[reflect.StructField, string] {
	return func(yield func(reflect.StructField, string) bool) {
		for i := range t.NumField() {
			f := t.Field(i)
			tag, tagged := f.Tag.Lookup("env")
			switch {
			case tagged:
				name, _, _ := strings.Cut(tag, ",")
				if !yield(f, name) {
					return
				}
			case f.Type.Kind() == reflect.Struct && f.IsExported():
				for inner, name := range fields(f.Type) {
					if !yield(inner, name) {
						return
					}
				}
			}
		}
	}
}
