package auth

// CountHashes has a server ask key for its argon2id work.
func CountHashes(o *Options, key func(password, salt []byte, passes, memory uint32, lanes uint8, size uint32) []byte) {
	o.key = key
}

// PlaceOf is where a request comes from.
var PlaceOf = placeOf
