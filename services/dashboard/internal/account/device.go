package account

import "github.com/mileusna/useragent"

// DeviceName says in a few words which browser a User-Agent header means.
func DeviceName(header string) string {
	ua := useragent.Parse(header)
	system := ua.OS
	if ua.Device != "" {
		system = ua.Device
	}
	switch {
	case ua.Name == "" && system == "":
		return "Unknown browser"
	case system == "":
		return cut(ua.Name, maxDevice)
	case ua.Name == "":
		return cut(system, maxDevice)
	default:
		return cut(ua.Name+" on "+system, maxDevice)
	}
}

const maxDevice = 80
