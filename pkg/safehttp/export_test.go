package safehttp

// Absolute is how the system's resolver is asked.
func Absolute(r Resolver) Resolver { return absolute{r} }
