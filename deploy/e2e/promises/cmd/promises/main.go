// Command promises writes the tables of docs/PRIVACY.md and docs/SECURITY.md, and checks against the
// results of a test run that all they claim is proved.
//
//	promises write
//	promises check RESULTS.json…    as go test -json writes them
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/draftlabs/specter/deploy/e2e/promises"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "promises:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	lists, err := promises.Lists()
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "write":
		return write(lists)
	case len(args) > 1 && args[0] == "check":
		return check(lists, args[1:])
	default:
		return errors.New("usage: promises write | promises check RESULTS.json…")
	}
}

func write(lists []promises.List) error {
	workspace, err := exec.Command("go", "env", "GOWORK").Output()
	if err != nil {
		return fmt.Errorf("finding the repository: %w", err)
	}
	docs := filepath.Join(filepath.Dir(strings.TrimSpace(string(workspace))), "docs")
	for _, l := range lists {
		path := filepath.Join(docs, l.Document)
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("reading the document: %w", err)
		}
		changed, err := l.Write(string(text))
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
			return fmt.Errorf("writing the document: %w", err)
		}
	}
	return nil
}

func check(lists []promises.List, paths []string) error {
	results := promises.Results{}
	for _, path := range paths {
		if err := add(results, path); err != nil {
			return err
		}
	}
	if unproved := results.Unproved(lists); len(unproved) > 0 {
		return fmt.Errorf("not everything that is promised was proved:\n  %s", strings.Join(unproved, "\n  "))
	}
	for _, l := range lists {
		fmt.Printf("promises: the tests of all %d claims of docs/%s passed\n", len(l.Claims), l.Document)
	}
	return nil
}

func add(results promises.Results, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening test results: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	return results.Add(f)
}
