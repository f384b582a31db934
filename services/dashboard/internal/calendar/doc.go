// Package calendar cuts time into the steps of a series: hours, or the days of a time zone's calendar.
// Such days have 23 to 25 hours, and where summer time begins at midnight one has no 00:00.
package calendar
