package importing

import "strconv"

// pointer is the JSON pointer of a field of the batch's i-th signal.
func pointer(i int, field string) string { return "/signals/" + strconv.Itoa(i) + field }
