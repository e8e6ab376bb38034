// Package host is what the router does for a plugin; of a native test, something in its place.
package host

// Level is how much a line of the log matters, from 0 for errors to 4.
type Level int32
