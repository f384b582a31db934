package config

import (
	"errors"
	"fmt"
	"reflect"

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
			err = errors.Join(all.Errors...)
		}
		return v, fmt.Errorf("reading settings: %w", err)
	}
	return v, nil
}

// Describe lists the settings that T declares, in order, nested structs included.
func Describe[T any](owner string) []Setting {
	return describe(reflect.TypeFor[T](), owner)
}

func describe(t reflect.Type, owner string) []Setting {
	var out []Setting
	for i := range t.NumField() {
		f := t.Field(i)
		name, tagged := f.Tag.Lookup("env")
		if !tagged {
			if f.Type.Kind() == reflect.Struct && f.IsExported() {
				out = append(out, describe(f.Type, owner)...)
			}
			continue
		}
		for j := range name {
			if name[j] == ',' {
				name = name[:j]
				break
			}
		}
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
