// Package fault is the one error vocabulary of Specter: the same value decides the answer at the
// HTTP edge and the verdict on the bus.
//
// Code that knows what went wrong for the caller returns an *[Error]; everything else returns
// plain wrapped errors, which read as [Internal] outside and keep their details for the log.
// What crosses a border is the kind, the code, the detail and the fields. The wrapped Err never does.
package fault
