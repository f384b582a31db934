package script

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

var (
	//go:embed dist/s.js
	body []byte
	//go:embed dist/s.json
	manifest []byte
)

// Script is the built tag.
type Script struct {
	Version   string // semantic version, as in pkg/sdk/js/package.json
	Integrity string // "sha384-…", for the integrity attribute
	Body      []byte // the JavaScript; not to be changed
}

// Load returns the script this binary was built with.
func Load() (Script, error) {
	s := Script{Body: body}
	if err := json.Unmarshal(manifest, &s); err != nil {
		return Script{}, fmt.Errorf("reading the script's manifest: %w", err)
	}
	return s, nil
}
