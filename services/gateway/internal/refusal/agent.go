package refusal

import "strings"

// families in the order in which they must be looked for: most programs also claim to be others.
func families() [][2]string {
	return [][2]string{
		{"Specter", "specter"}, {"Edge", "edg/"}, {"Opera", "opr/"}, {"Samsung Internet", "samsungbrowser"}, {"Firefox", "firefox/"},
		{"Chrome", "chrome/"}, {"Chrome", "crios/"}, {"Safari", "safari/"}, {"curl", "curl/"}, {"Go", "go-http-client"}, {"Python", "python"},
		{"Node", "node"}, {"Java", "java"}, {"Ruby", "ruby"}, {"PHP", "php"}, {"Zapier", "zapier"}, {"Make", "make.com"}, {"n8n", "n8n"},
	}
}

// family reduces a User-Agent header to the family of the program: a version and a device would
// say more about a person than anybody needs here.
func family(header string) string {
	header = strings.ToLower(header)
	if header == "" {
		return ""
	}
	for _, f := range families() {
		if strings.Contains(header, f[1]) {
			return f[0]
		}
	}
	return "other"
}
