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
	if w.nodes[i].said&(saysTag|saysEditable|saysType|saysRole|saysAttribute) != 0 {
		submit = w.readElement(i, &f)
	}
	switch s := w.enclosing(); {
	case s&saysElement != 0:
		f.element = true
	case s&saysAttribute != 0:
		// In {"name": "placeholder", "value": …} the name decides.
		paired := w.nodes[i].said&saysName != 0 && w.nodes[i].said&saysValue != 0
		f.element = f.element || !paired && w.insideElement()
	}
	if submit {
		f.textual = false // the text of a submit button is its label
	}
	return f
}

func (w *walker) readElement(i int, f *formNode) (submit bool) {
	for k := i + 1; k < int(w.nodes[i].next); k = int(w.nodes[k+1].next) {
		v := w.nodes[k+1]
		switch said := w.nodes[k].said; {
		case said&saysTag != 0:
			f.element = true
			if v.kind == '"' {
				tag := w.text(k + 1)
				f.control = f.control || isFormTag(tag)
				f.textual = f.textual || isFormTag(tag)
			}
		case said&saysEditable != 0:
			on := v.kind == '"' && !foldEqual(w.text(k+1), "false") || v.kind == '0' || v.kind == 't' && w.in[v.start] == 't'
			f.control, f.textual = f.control || on, f.textual || on
		case said&saysType != 0 && v.kind == '"':
			t := w.text(k + 1)
			submit = foldEqual(t, "submit") || foldEqual(t, "button") || foldEqual(t, "reset")
			f.control = f.control || foldEqual(t, "password")
		case said&saysRole != 0 && v.kind == '"':
			on := isEditableRole(w.text(k + 1))
			f.control, f.textual = f.control || on, f.textual || on
		case said&saysAttribute != 0 && v.kind == '{':
			w.readElement(k+1, f)
		}
	}
	return submit
}

// enclosing is what the name of the innermost member around says, through lists.
func (w *walker) enclosing() said {
	for i := len(w.path) - 1; i >= 0; i-- {
		if w.path[i].node != 0 {
			return w.nodes[w.path[i].node].said
		}
	}
	return 0
}

// insideElement reports whether the path runs through an element's description.
func (w *walker) insideElement() bool {
	for _, s := range w.path {
		if s.node != 0 && w.nodes[s.node].said&saysTarget != 0 {
			return true
		}
	}
	return false
}

// holds reports the members that carry what a person typed or chose.
func (f formNode) holds(s said) bool {
	return (f.element || f.control) && (s&saysEntry != 0 || f.textual && s&saysContent != 0)
}

// isEditableRole reports the ARIA roles of elements that people type into.
func isEditableRole(role []byte) bool {
	return foldEqual(role, "textbox") || foldEqual(role, "searchbox") || foldEqual(role, "combobox") || foldEqual(role, "spinbutton")
}

func isFormTag(tag []byte) bool {
	return foldEqual(tag, "input") || foldEqual(tag, "textarea") || foldEqual(tag, "select") || foldEqual(tag, "option")
}

// pairVerdict judges the name in {"name": …, "value": …}; every spelling of such a name
// in the object counts.
func (w *walker) pairVerdict(i int) verdict {
	var found verdict
	if s := w.nodes[i].said; s&saysName == 0 || s&saysValue == 0 {
		return found
	}
	for k := i + 1; k < int(w.nodes[i].next); k = int(w.nodes[k+1].next) {
		if w.nodes[k+1].kind != '"' || w.nodes[k].said&saysName == 0 {
			continue
		}
		name := w.text(k + 1)
		if w.isEntryAttribute(name) {
			found = verdict{classForm, scalar}
		}
		if v := w.scan.judge(name); v.rule != keep {
			found = v
		}
	}
	return found
}

// isEntryAttribute reports the name of an element's attribute that holds what was typed,
// where attributes come as pairs.
func (w *walker) isEntryAttribute(name []byte) bool {
	return w.enclosing()&saysAttribute != 0 && saidBy(name)&saysEntry != 0 && w.insideElement()
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
	if first >= int(w.nodes[i].next) || w.nodes[first].kind != '"' {
		return pairedNode{}, false
	}
	second := int(w.nodes[first].next)
	if second >= int(w.nodes[i].next) || int(w.nodes[second].next) != int(w.nodes[i].next) {
		return pairedNode{}, false
	}
	name := w.text(first)
	if w.isEntryAttribute(name) {
		return pairedNode{second, verdict{classForm, scalar}}, true
	}
	v := w.scan.judge(name)
	return pairedNode{second, v}, v.rule != keep
}

// splitCard reports a list or an object whose values are the groups of one card number,
// as they are printed. A list that is named so may have any groups of one size; without
// a name it is more often a list of numbers.
func (w *walker) splitCard(i int, named bool) bool {
	if !named && w.nodes[i].said&hasList == 0 {
		return false
	}
	var all, groups [19]byte
	d, sizes := all[:0], groups[:0]
	for k := i + 1; k < int(w.nodes[i].next); k = int(w.nodes[k].next) {
		if w.nodes[i].kind == '{' {
			k++
		}
		n := w.nodes[k]
		raw := w.in[n.start:n.end]
		if n.kind == '"' {
			raw = raw[1 : len(raw)-1]
		}
		if len(raw) == 0 || len(raw) > 7 || countDigits(raw) != len(raw) || len(d)+len(raw) > len(all) {
			return false
		}
		d, sizes = append(d, raw...), append(sizes, '0'+byte(len(raw)))
	}
	if len(d) < 13 || !luhn(d) || !issuedAs(d, named) {
		return false
	}
	return sizes[0] == '4' && isCardGroups(sizes) || named && w.nodes[i].kind == '[' && isEven(sizes)
}

// isEven reports groups of one size, the last of which may be shorter.
func isEven(sizes []byte) bool {
	if len(sizes) < 3 {
		return false
	}
	for _, size := range sizes[1 : len(sizes)-1] {
		if size != sizes[0] {
			return false
		}
	}
	return sizes[len(sizes)-1] <= sizes[0]
}

// fhirTypes are the HL7 FHIR resources that describe a person's health or identity.
var fhirTypes = set(`patient observation condition medication medicationrequest medicationstatement
	medicationadministration medicationdispense allergyintolerance encounter procedure diagnosticreport
	immunization careplan careteam claim coverage bundle composition relatedperson practitioner
	specimen servicerequest imagingstudy explanationofbenefit familymemberhistory goal questionnaireresponse
	riskassessment nutritionorder episodeofcare clinicalimpression detectedissue documentreference
	molecularsequence adverseevent visionprescription person appointment consent bodystructure
	immunizationrecommendation immunizationevaluation medicationknowledge researchsubject deviceusestatement
	nutritionintake biologicallyderivedproduct guidanceresponse measurereport clinicaluse enrollmentrequest
	coverageeligibilityrequest coverageeligibilityresponse claimresponse communicationrequest devicerequest
	requestgroup verificationresult inventoryreport`)

func (w *walker) isFHIR(i int) bool {
	if w.nodes[i].said&saysResource == 0 {
		return false
	}
	for k := i + 1; k < int(w.nodes[i].next); k = int(w.nodes[k+1].next) {
		if w.nodes[k+1].kind != '"' || w.nodes[k].said&saysResource == 0 {
			continue
		}
		return isFHIRType(w.text(k + 1))
	}
	return false
}

func isFHIRType(value []byte) bool {
	var buf [32]byte
	if len(value) == 0 || len(value) > len(buf) || !isUpper(value[0]) {
		return false
	}
	_, ok := fhirTypes[string(appendLower(buf[:0], value))]
	return ok
}

// codeSystems name vocabularies of illnesses, findings and drugs.
var codeSystems = []string{"icd-", "icd9", "icd10", "icd11", "snomed", "loinc", "rxnorm", "hl7.org", "nucc.org", "ndc", "atc"}

// isCoded reports {"system": "http://snomed.info/sct", "code": …}.
func (w *walker) isCoded(i int) bool {
	if w.nodes[i].said&saysSystem == 0 {
		return false
	}
	for k := i + 1; k < int(w.nodes[i].next); k = int(w.nodes[k+1].next) {
		if w.nodes[k].said&saysSystem == 0 || w.nodes[k+1].kind != '"' {
			continue
		}
		text := w.text(k + 1)
		for _, system := range codeSystems {
			if at := indexFold(text, system); at == 0 || at > 0 && !isAlnum(text[at-1]) {
				return true
			}
		}
	}
	return false
}
