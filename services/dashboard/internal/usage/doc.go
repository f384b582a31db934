// Package usage is what an account has sent in a calendar month (UTC), and how it stands against
// its limit.
//
// What counts against the limit is what gateways accepted, as the broker's counter has it; an account
// without a limit is not counted there. What is shown by type and day is what is stored.
package usage
