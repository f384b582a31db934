// Package openapi embeds the two HTTP contracts, so that a server can publish
// the very file it was generated from and tests can walk every operation.
package openapi

import _ "embed"

//go:generate oapi-codegen -config oapi-dashboard.yaml dashboard.v1.yaml
//go:generate oapi-codegen -config oapi-ingest.yaml ingest.v1.yaml

// Dashboard is dashboard.v1.yaml.
//
//go:embed dashboard.v1.yaml
var Dashboard []byte

// Ingest is ingest.v1.yaml.
//
//go:embed ingest.v1.yaml
var Ingest []byte
