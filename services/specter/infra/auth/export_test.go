package auth

import (
	"context"
	"sync"
)

// CountHashes has a server ask key for its argon2id work.
func CountHashes(o *Options, key func(password, salt []byte, passes, memory uint32, lanes uint8, size uint32) []byte) {
	o.key = key
}

// Settle waits until a server has done what it was asked for so far after its answers: every worker is
// free to meet the others.
func Settle(s *Server) {
	var busy sync.WaitGroup
	busy.Add(mailWorkers)
	for range mailWorkers {
		s.jobs <- func(context.Context) {
			busy.Done()
			busy.Wait()
		}
	}
	busy.Wait()
}

// PlaceOf is where a request comes from.
var PlaceOf = placeOf

// WrongCodeTime is what the answer to a wrong code takes at least.
const WrongCodeTime = wrongCodeTime
