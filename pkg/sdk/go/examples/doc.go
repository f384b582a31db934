// Package examples holds small programs that use the SDK; its test runs each of them.
package examples
