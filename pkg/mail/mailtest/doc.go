// Package mailtest gives tests a real SMTP server that keeps what it receives.
package mailtest
