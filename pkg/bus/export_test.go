package bus

// TrimNow is one round of Trimmer with the clock in the test's hands.
var TrimNow = (*Bus).trim
