package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	namePrefix  = "SPECTER_"
	fileSetting = "SPECTER_CONFIG_FILE"
	defaultFile = "specter.yaml"
)

// notSettings are names that only tests and tools read; they never configure a service.
var notSettings = []string{fileSetting, "SPECTER_CORPORA", "SPECTER_DATA"}

// Source holds the SPECTER_* settings of one process by name. A setting that is present but empty
// counts as absent (compose passes unset variables as empty ones).
type Source map[string]string

// FromEnvironment reads the file named by SPECTER_CONFIG_FILE (else ./specter.yaml when there is
// one) and lays the environment over it.
func FromEnvironment() (Source, error) {
	return read(os.Environ(), os.ReadFile)
}

func read(environ []string, readFile func(string) ([]byte, error)) (Source, error) {
	fromEnv := Source{}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if strings.HasPrefix(name, namePrefix) && value != "" {
			fromEnv[name] = value
		}
	}
	path, named := fromEnv[fileSetting]
	if !named {
		path = defaultFile
	}
	src, err := fromFile(path, readFile)
	if err != nil && (named || !errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	if src == nil {
		src = Source{}
	}
	for name, value := range fromEnv {
		src[name] = value
	}
	for _, name := range notSettings {
		delete(src, name)
	}
	return src, nil
}

// fromFile reads a flat mapping of setting names to scalars.
func fromFile(path string, readFile func(string) ([]byte, error)) (Source, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the settings file: %w", err)
	}
	var values map[string]string
	if err := yaml.Unmarshal(text, &values); err != nil {
		return nil, fmt.Errorf("reading the settings in %s (one `SPECTER_NAME: value` a line): %w", path, err)
	}
	src := Source{}
	for name, value := range values {
		if !strings.HasPrefix(name, namePrefix) {
			return nil, fmt.Errorf("reading the settings in %s: %q is no setting, names begin with %s", path, name, namePrefix)
		}
		if value != "" {
			src[name] = value
		}
	}
	return src, nil
}

// CheckUnknown refuses settings that are in src but not in known, so that a typo cannot silently
// leave a default in force.
func CheckUnknown(src Source, known []Setting) error {
	names := make([]string, 0, len(known))
	for _, s := range known {
		names = append(names, s.Name)
	}
	var unknown []string
	for name := range src {
		if !slices.Contains(names, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	var errs []error
	for _, name := range unknown {
		if near := nearest(name, names); near != "" {
			errs = append(errs, fmt.Errorf("unknown setting %s (did you mean %s?)", name, near))
		} else {
			errs = append(errs, fmt.Errorf("unknown setting %s", name))
		}
	}
	return errors.Join(errs...)
}

// nearest returns the name within three edits of name, or "".
func nearest(name string, names []string) string {
	best, bestDistance := "", 4
	for _, candidate := range names {
		if d := distance(name, candidate); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the Levenshtein distance of two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
