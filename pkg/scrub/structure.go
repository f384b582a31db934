package scrub

// formNode is what an object says about being a form control in the page.
type formNode struct {
	control bool // an input, textarea, select or option, or something editable
	element bool // any element of the page
	textual bool // its text is the value
}

// formOf recognises DOM elements as trackers describe them: an object with a tag name.
func (w *walker) formOf(i int) formNode {
	var f formNode
	submit := false
	for k := i + 1; k < w.nodes[i].next; k = w.nodes[k+1].next {
		v := w.nodes[k+1]
		key := w.text(k)
		switch {
		case isTagKey(key):
			f.element = true
			if v.kind == '"' {
				tag := w.text(k + 1)
				f.control = f.control || isFormTag(tag)
				f.textual = f.textual || foldEqual(tag, "textarea") || foldEqual(tag, "select") ||
					foldEqual(tag, "option") || foldEqual(tag, "input")
			}
		case foldEqual(key, "contenteditable"), foldEqual(key, "iscontenteditable"):
			on := v.kind == '"' && !foldEqual(w.text(k+1), "false") || v.kind == '0' || v.kind == 't' && w.in[v.start] == 't'
			f.control, f.textual = f.control || on, f.textual || on
		case foldEqual(key, "type") && v.kind == '"':
			t := w.text(k + 1)
			submit = foldEqual(t, "submit") || foldEqual(t, "button") || foldEqual(t, "reset")
		}
	}
	switch name := w.enclosing(); {
	case foldEqual(name, "fields"), foldEqual(name, "inputs"), foldEqual(name, "controls"), foldEqual(name, "form_fields"),
		foldEqual(name, "formfields"), foldEqual(name, "element"), foldEqual(name, "target"), foldEqual(name, "input"), foldEqual(name, "field"):
		f.element = true
	case foldEqual(name, "attributes"), foldEqual(name, "attrs"):
		f.element = f.element || w.insideElement()
	}
	if submit {
		f.textual = false // the text of a submit button is its label
	}
	return f
}

// enclosing is the name of the innermost member around, through lists.
func (w *walker) enclosing() []byte {
	for i := len(w.path) - 1; i >= 0; i-- {
		if w.path[i].node != 0 {
			return w.name(w.path[i])
		}
	}
	return nil
}

// insideElement reports whether the path runs through an element's description.
func (w *walker) insideElement() bool {
	for _, s := range w.path {
		if n := w.name(s); foldEqual(n, "element") || foldEqual(n, "target") || foldEqual(n, "elements") {
			return true
		}
	}
	return false
}

// holds reports the members that carry what a person typed or chose.
func (f formNode) holds(key []byte) bool {
	if !f.element && !f.control {
		return false
	}
	switch {
	case foldEqual(key, "value"), foldEqual(key, "defaultvalue"), foldEqual(key, "default_value"),
		foldEqual(key, "attr__value"), foldEqual(key, "aria-valuetext"), foldEqual(key, "aria-valuenow"),
		foldEqual(key, "initialvalue"), foldEqual(key, "currentvalue"), foldEqual(key, "valueasnumber"),
		foldEqual(key, "selectedvalue"), foldEqual(key, "selectedoptions"), foldEqual(key, "values"):
		return true
	case f.textual:
		return foldEqual(key, "text") || foldEqual(key, "innertext") || foldEqual(key, "textcontent") ||
			foldEqual(key, "innerhtml") || foldEqual(key, "outerhtml") || foldEqual(key, "$el_text") ||
			foldEqual(key, "inner_text") || foldEqual(key, "text_content") || foldEqual(key, "content")
	}
	return false
}

func isTagKey(key []byte) bool {
	return foldEqual(key, "tag") || foldEqual(key, "tagname") || foldEqual(key, "tag_name") ||
		foldEqual(key, "nodename") || foldEqual(key, "node_name") || foldEqual(key, "localname")
}

func isFormTag(tag []byte) bool {
	return foldEqual(tag, "input") || foldEqual(tag, "textarea") || foldEqual(tag, "select") || foldEqual(tag, "option")
}

// pairVerdict judges the name in {"name": …, "value": …}; every spelling of such a name
// in the object counts.
func (w *walker) pairVerdict(i int) verdict {
	var found verdict
	for k := i + 1; k < w.nodes[i].next; k = w.nodes[k+1].next {
		if w.nodes[k+1].kind != '"' || !isPairName(w.text(k)) {
			continue
		}
		if v := w.judge(w.text(k + 1)); v.rule != keep {
			found = v
		}
	}
	return found
}

func isPairName(key []byte) bool {
	return foldEqual(key, "key") || foldEqual(key, "k") || foldEqual(key, "name") || foldEqual(key, "field") ||
		foldEqual(key, "header") || foldEqual(key, "param") || foldEqual(key, "attribute") || foldEqual(key, "property") ||
		foldEqual(key, "parameter") || foldEqual(key, "id") || foldEqual(key, "label")
}

func isPairValue(key []byte) bool {
	return foldEqual(key, "value") || foldEqual(key, "v") || foldEqual(key, "val") || foldEqual(key, "content") ||
		foldEqual(key, "data") || foldEqual(key, "values") || foldEqual(key, "raw")
}

// pairedNode is the value of a two-element list that starts with a telling name.
type pairedNode struct {
	node    int
	verdict verdict
}

func (w *walker) listPair(i int) (pairedNode, bool) {
	if w.nodes[i].kind != '[' {
		return pairedNode{}, false
	}
	first := i + 1
	if first >= w.nodes[i].next || w.nodes[first].kind != '"' {
		return pairedNode{}, false
	}
	second := w.nodes[first].next
	if second >= w.nodes[i].next || w.nodes[second].next != w.nodes[i].next {
		return pairedNode{}, false
	}
	v := w.judge(w.text(first))
	return pairedNode{second, v}, v.rule != keep
}

func isRawHeaders(name []byte) bool {
	return foldEqual(name, "rawheaders") || foldEqual(name, "raw_headers")
}

// splitCard reports a list whose elements are the groups of one card number.
func (w *walker) splitCard(i int) bool {
	var all [19]byte
	d := all[:0]
	parts := 0
	for k := i + 1; k < w.nodes[i].next; k = w.nodes[k].next {
		n := w.nodes[k]
		raw := w.in[n.start:n.end]
		if n.kind == '"' {
			raw = raw[1 : len(raw)-1]
		}
		if len(raw) < 3 || len(raw) > 7 || countDigits(raw) != len(raw) || len(d)+len(raw) > len(all) {
			return false
		}
		d = append(d, raw...)
		parts++
	}
	return parts >= 3 && parts <= 5 && len(d) >= 13 && luhn(d) && issuedAs(d, false)
}

// fhirTypes are the HL7 FHIR resources that describe a person's health or identity.
var fhirTypes = set(`patient observation condition medication medicationrequest medicationstatement
	medicationadministration medicationdispense allergyintolerance encounter procedure diagnosticreport
	immunization careplan careteam claim coverage bundle composition relatedperson practitioner
	specimen servicerequest imagingstudy explanationofbenefit familymemberhistory goal questionnaireresponse
	riskassessment nutritionorder episodeofcare clinicalimpression detectedissue documentreference
	molecularsequence adverseevent visionprescription`)

func (w *walker) isFHIR(i int) bool {
	for k := i + 1; k < w.nodes[i].next; k = w.nodes[k+1].next {
		if w.nodes[k+1].kind != '"' || string(w.text(k)) != "resourceType" {
			continue
		}
		var folded [32]byte
		name := folded[:0]
		value := w.text(k + 1)
		if len(value) == 0 || !isUpper(value[0]) {
			return false
		}
		for _, c := range value {
			if len(name) == len(folded) {
				return false
			}
			name = append(name, c|0x20)
		}
		_, ok := fhirTypes[string(name)]
		return ok
	}
	return false
}
