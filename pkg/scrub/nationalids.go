package scrub

import "bytes"

// nationalID is a way of writing a national id that can be told from other numbers by
// its form and its check characters alone. Ids that are just a row of digits are not
// among them: of random ones of 18, one in 15,000 would pass for a resident id. Those
// count only where something around them names them.
type nationalID struct {
	pattern string // as in matches
	check   func(id []byte) bool
}

var nationalIDs = []nationalID{
	{"999-99-9999", isSSN},
	{"999.999.999-99", isCPF},
	{"99.999.999/9999-99", isCNPJ},
	{"756.9999.9999.99", isAHV},
	{"9 99 99 99 999 999 99", isNIR},
	{"999999-9999999", isRRN},
	{"999999-999N", isHETU},
	{"999999+999N", isHETU},
	{"999999A999N", isHETU},
	{"99999999999999999X", isResidentID},
	{"AAAAAA99A99A999A", isCodiceFiscale},
	{"AAAA999999AAAAAANN", isCURP},
	{"AA 99 99 99 A", isNINO},
}

// nationalIDEnd returns where a national id that starts at i ends, or 0.
func nationalIDEnd(t []byte, i int) int {
	for _, n := range nationalIDs {
		if matches(t[i:], n.pattern) && n.check(t[i:i+len(n.pattern)]) {
			return i + len(n.pattern)
		}
	}
	return 0
}

// speaksOfResidents reports texts in which a row of digits may be a Chinese resident id.
func speaksOfResidents(t []byte) bool {
	for _, word := range []string{"身份证", "身份證", "身分證", "identity card", "id card", "resident", "citizen"} {
		if containsFold(t, word) {
			return true
		}
	}
	return false
}

// isSSN accepts the numbers the US Social Security Administration may have given out.
func isSSN(id []byte) bool {
	area, group, serial := string(id[:3]), string(id[4:6]), string(id[7:])
	return area != "000" && area != "666" && area[0] != '9' && group != "00" && serial != "0000"
}

// isCPF checks the two check digits of Brazilian taxpayer numbers.
func isCPF(id []byte) bool {
	d := digitsOf(id)
	return d[9] == mod11(d[:9], 10) && d[10] == mod11(d[:10], 11)
}

// isCNPJ checks the two check digits of Brazilian company numbers.
func isCNPJ(id []byte) bool {
	d := digitsOf(id)
	return d[12] == mod11(d[:12], 5) && d[13] == mod11(d[:13], 6)
}

// mod11 is the Brazilian check digit: weights go down from first to 2, then from 9.
func mod11(d []int, first int) int {
	sum, weight := 0, first
	for _, v := range d {
		sum += v * weight
		if weight--; weight < 2 {
			weight = 9
		}
	}
	if r := sum % 11; r >= 2 {
		return 11 - r
	}
	return 0
}

// isAHV checks the EAN-13 digit of Swiss social security numbers.
func isAHV(id []byte) bool {
	sum := 0
	for i, v := range digitsOf(id) {
		if i%2 == 1 {
			v *= 3
		}
		sum += v
	}
	return sum%10 == 0
}

// isNIR checks sex, month and key of French social security numbers.
func isNIR(id []byte) bool {
	d := digitsOf(id)
	month := d[3]*10 + d[4]
	if d[0] != 1 && d[0] != 2 || month < 1 || month > 12 && month < 20 || month > 42 && month < 50 {
		return false
	}
	n := 0
	for _, v := range d[:13] {
		n = n*10 + v
	}
	return 97-n%97 == d[13]*10+d[14]
}

// isRRN checks date, century and check digit of Korean resident numbers.
func isRRN(id []byte) bool {
	d := digitsOf(id)
	if !isDate(d[2]*10+d[3], d[4]*10+d[5]) || d[6] < 1 || d[6] > 8 {
		return false
	}
	sum := 0
	for i, weight := range [...]int{2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5} {
		sum += d[i] * weight
	}
	return (11-sum%11)%10 == d[12]
}

// isHETU checks date and check character of Finnish personal codes.
func isHETU(id []byte) bool {
	d := digitsOf(id[:10])
	if !isDate(d[2]*10+d[3], d[0]*10+d[1]) {
		return false
	}
	n := 0
	for _, v := range d {
		n = n*10 + v
	}
	return "0123456789ABCDEFHJKLMNPRSTUVWXY"[n%31] == id[10]
}

// isResidentID checks date and check character of Chinese resident ids (GB 11643).
func isResidentID(id []byte) bool {
	d := digitsOf(id[:17])
	year := d[6]*1000 + d[7]*100 + d[8]*10 + d[9]
	if d[0] == 0 || year < 1900 || year > 2099 || !isDate(d[10]*10+d[11], d[12]*10+d[13]) {
		return false
	}
	sum := 0
	for i, weight := range [...]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += d[i] * weight
	}
	return "10X98765432"[sum%11] == id[17]
}

// isCodiceFiscale checks month, day and check character of Italian tax codes.
func isCodiceFiscale(id []byte) bool {
	day := int(id[9]-'0')*10 + int(id[10]-'0')
	if bytes.IndexByte([]byte("ABCDEHLMPRST"), id[8]) < 0 || day < 1 || day > 71 || day > 31 && day < 41 {
		return false
	}
	odd := [...]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i, c := range id[:15] {
		v := int(c - '0')
		if isUpper(c) {
			v = int(c - 'A')
		}
		if i%2 == 0 {
			v = odd[v]
		}
		sum += v
	}
	return id[15] == byte('A'+sum%26)
}

// isCURP checks date, sex and check digit of Mexican population codes.
func isCURP(id []byte) bool {
	d := digitsOf(id[4:10])
	if !isDate(d[2]*10+d[3], d[4]*10+d[5]) || id[10] != 'H' && id[10] != 'M' && id[10] != 'X' || !isDigit(id[17]) {
		return false
	}
	sum := 0
	for i, c := range id[:17] {
		v := int(c - '0')
		if isUpper(c) {
			if v = int(c-'A') + 10; c > 'N' {
				v++ // Ñ has a place of its own
			}
		}
		sum += v * (18 - i)
	}
	return (10-sum%10)%10 == int(id[17]-'0')
}

// isNINO checks the letters of UK national insurance numbers as printed.
func isNINO(id []byte) bool {
	return bytes.IndexByte([]byte("DFIQUV"), id[0]) < 0 && bytes.IndexByte([]byte("DFIQUVO"), id[1]) < 0 && id[12] <= 'D'
}

func isDate(month, day int) bool { return month >= 1 && month <= 12 && day >= 1 && day <= 31 }

// digitsOf returns the values of the digits in an id. The longest has 18.
func digitsOf(id []byte) []int {
	d := make([]int, 0, 18)
	for _, c := range id {
		if isDigit(c) {
			d = append(d, int(c-'0'))
		}
	}
	return d
}
