// Package privacy writes the instance's own page about people's data, /privacy, from the settings
// that are in force: what the running services disclose (pkg/disclosure) and the dashboard's own. It
// has no text that a setting could make untrue, and says so where something is not known.
package privacy
