// Package consume hands events to the proposal service.
package consume
