// Package config reads Specter's settings, the only place that touches the process environment.
//
// Every setting is named SPECTER_…, comes from the environment or from a specter.yaml that holds
// the same names, and the environment wins. A module declares its settings as a struct:
//
//	type Config struct {
//		MaxBatch int    `env:"SPECTER_MAX_BATCH" envDefault:"1000" doc:"Signals a request may hold."`
//		Key      string `env:"SPECTER_KEY" secret:"true" doc:"… Absent: the feature is off."`
//	}
//
// [Load] fills it, [Describe] lists it for docs/CONFIG.md and `specter config print`, and
// [CheckUnknown] refuses names that no module knows, with the nearest name that exists.
package config
